//! A card's transaction application, its commands as functions.

mod answer;
mod error;
mod pin;
mod secret;

use std::time::Instant;

use apdu_spec::instruction::PinReference;
use apdu_spec::instruction::{
    Build, ChooseProvider, GetJournal, GetResponse, ListProviders, LoadDescriptor, Occurrence, Receive, Select,
    SelectAnswer, Selector, Sign, Verify, VerifyPart,
};
use apdu_spec::journal::JournalEntry;
use apdu_spec::limits::{APDU_MAX, DATA_MAX};
use apdu_spec::provider::ProviderReference;
use apdu_spec::transaction::{AcknowledgmentInput, Child, KeyExchangeInput, TransactionInput};
use apdu_spec::{Aid, Class, Full, Response, Status, Wire, Writer};
use protocol::message::Kind;
use protocol::types::Digest;
use zeroize::Zeroizing;

pub use answer::{Account, Decided, Ended, Opened, Party, Reason, Verdict};
pub use apdu_spec::transaction::PeerKey;
pub use error::CardError;
use pin::Entry;
pub use pin::Pin;
pub use secret::{Secrets, TYPED_ON_READER};

use crate::observe::{LeftOut, Tap};
use crate::reader::Reader;
use crate::reader::pcsc::pinpad;

/// What a member says in one message: what the card is told to build.
#[derive(Clone, Debug)]
pub enum Part<'a> {
    /// Asks for a session.
    KeyExchange(KeyExchangeInput<'a>),
    /// Says what it wants done.
    Transaction(TransactionInput<'a, std::vec::IntoIter<u16>>),
    /// Accepts or rejects.
    Acknowledgment(AcknowledgmentInput<'a>),
}

impl Part<'_> {
    /// The kind of message that this is a part of.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::KeyExchange(_) => Kind::KeyExchangeRequest,
            Self::Transaction(_) => Kind::TransactionRequest,
            Self::Acknowledgment(_) => Kind::Acknowledgment,
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match self {
            Self::KeyExchange(input) => input.encode(out),
            Self::Transaction(input) => input.encode(out),
            Self::Acknowledgment(input) => input.encode(out),
        }
    }
}

/// A card in a reader.
pub struct Card {
    reader: Box<dyn Reader>,
    tap: Tap,
    /// What observers are not told.
    secrets: Secrets,
}

impl Card {
    /// The card in `reader`.
    #[must_use]
    pub fn new(reader: Box<dyn Reader>, tap: Tap) -> Self {
        tap.powered(reader.atr());
        Self { reader, tap, secrets: Secrets::default() }
    }

    /// Puts another reader around the card's own, such as one with a secure channel. Where `wrap` fails and gives the
    /// reader back, the card is as it was.
    ///
    /// # Errors
    /// Those of `wrap`, with the card.
    pub async fn through<E>(
        self,
        wrap: impl AsyncFnOnce(Box<dyn Reader>) -> Result<Box<dyn Reader>, (Box<dyn Reader>, E)>,
    ) -> Result<Self, (Self, E)> {
        let Self { reader, tap, secrets } = self;
        match wrap(reader).await {
            Ok(reader) => Ok(Self { reader, tap, secrets }),
            Err((reader, error)) => Err((Self { reader, tap, secrets }, error)),
        }
    }

    /// Selects the transaction application.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn select(&mut self) -> Result<(), CardError> {
        let selector = Selector::Name(Aid::TRANSACTION.as_bytes(), Occurrence::First);
        self.send("SELECT", &Select { selector, answer: SelectAnswer::Nothing }).await.map(drop)
    }

    /// Compares a PIN.
    ///
    /// # Errors
    /// [`CardError::WrongPin`], [`CardError::PinBlocked`], or another.
    pub async fn verify(&mut self, reference: PinReference, pin: &Pin) -> Result<(), CardError> {
        match pin.entry() {
            Entry::Here(typed) => {
                let part = VerifyPart::Compare(typed);
                self.send("VERIFY", &Verify { reference, part }).await.map(drop)
            }
            Entry::OnReader => self.verify_on_pinpad(reference).await,
        }
    }

    /// Whether the reader has keys of its own to type a PIN on.
    #[must_use]
    pub fn has_pinpad(&self) -> bool {
        self.reader.has_pinpad()
    }

    /// Ready when the card was taken out; at once where this cannot be seen.
    ///
    /// # Errors
    /// [`CardError::Reader`].
    pub async fn taken_out(&mut self) -> Result<(), CardError> {
        Ok(self.reader.taken_out().await?)
    }

    async fn verify_on_pinpad(&mut self, reference: PinReference) -> Result<(), CardError> {
        const NAME: &str = "VERIFY";
        let command = [Class::ISO.to_byte(), Verify::INSTRUCTION, 0x00, reference.number(), 0x00];
        self.tap.command(NAME, &command, TYPED_ON_READER);
        let began = Instant::now();
        let answer = self.reader.verify_on_pinpad(reference.number()).await?;
        self.tap.response(NAME, &answer, LeftOut::NOTHING, began.elapsed());
        let status = Response::parse(&answer).map_err(CardError::answer(NAME))?.status;
        match status.0 {
            pinpad::CANCELLED => Err(CardError::PinNotTyped("the key to cancel was pressed")),
            pinpad::NOT_TYPED => Err(CardError::PinNotTyped("nobody typed in time")),
            pinpad::WRONG_LENGTH => Err(CardError::PinNotTyped("too few or too many digits")),
            _ if status == Status::OK => Ok(()),
            _ => Err(CardError::refused(NAME, status)),
        }
    }

    /// The accounts that the card has: what anyone may see of them.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn accounts(&mut self) -> Result<Vec<Account>, CardError> {
        let answer = self.send("LIST PROVIDERS", &ListProviders).await?;
        Account::parse_all(&answer).map_err(CardError::answer("LIST PROVIDERS"))
    }

    /// Chooses the account of the next session.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn choose(&mut self, provider: ProviderReference) -> Result<(), CardError> {
        self.send("CHOOSE PROVIDER", &ChooseProvider { provider }).await.map(drop)
    }

    /// Hands the card its provider's signed descriptor, which it verifies.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn load_descriptor(&mut self, descriptor: &[u8]) -> Result<(), CardError> {
        self.send("LOAD DESCRIPTOR", &LoadDescriptor { descriptor }).await.map(drop)
    }

    /// Has the card build its own part of a message.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn build(&mut self, part: &Part<'_>) -> Result<Vec<u8>, CardError> {
        let mut space = vec![0; DATA_MAX];
        let mut input = Writer::new(&mut space);
        part.encode(&mut input).map_err(|Full| CardError::TooLong("BUILD"))?;
        let kind = part.kind();
        let build = Build { kind: kind.byte(), input: input.written() };
        self.send(&format!("BUILD {}", crate::words::kind(kind)), &build).await
    }

    /// Has the card sign what it built over its children's digests and signatures; gives the signature as it travels.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn sign(&mut self, children: &[(Digest, &[u8])]) -> Result<Vec<u8>, CardError> {
        let count = u8::try_from(children.len()).map_err(|_| CardError::TooLong("SIGN"))?;
        let mut space = vec![0; DATA_MAX];
        let mut data = Writer::new(&mut space);
        for (digest, signature) in children {
            let child = Child { digest: digest.as_bytes(), signature };
            child.encode(&mut data).map_err(|Full| CardError::TooLong("SIGN"))?;
        }
        self.send("SIGN", &Sign { last: true, count, children: data.written() }).await
    }

    /// Hands the card its part of a key exchange response.
    ///
    /// # Errors
    /// [`CardError`]; then the right message is still awaited.
    pub async fn receive_session(&mut self, message: &[u8]) -> Result<Opened, CardError> {
        let answer = self.receive(Kind::KeyExchangeResponse, message).await?;
        Opened::parse(&answer).map_err(CardError::answer("RECEIVE"))
    }

    /// Hands the card its part of a transaction response.
    ///
    /// # Errors
    /// [`CardError`]; then the right message is still awaited.
    pub async fn receive_decision(&mut self, message: &[u8]) -> Result<Decided, CardError> {
        let answer = self.receive(Kind::TransactionResponse, message).await?;
        Decided::parse(&answer).map_err(CardError::answer("RECEIVE"))
    }

    /// Hands the card its part of a final notice.
    ///
    /// # Errors
    /// [`CardError`]; then the right message is still awaited.
    pub async fn receive_end(&mut self, message: &[u8]) -> Result<Ended, CardError> {
        let answer = self.receive(Kind::FinalNotice, message).await?;
        Ended::parse(&answer).map_err(CardError::answer("RECEIVE"))
    }

    /// The transactions that the card remembers, the newest first.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn journal(&mut self) -> Result<Vec<JournalEntry>, CardError> {
        let count = apdu_spec::limits::JOURNAL_ENTRIES;
        let answer = self.send("GET JOURNAL", &GetJournal { count }).await?;
        let entries = answer.chunks(JournalEntry::LENGTH).map(JournalEntry::parse);
        entries.collect::<Result<_, _>>().map_err(CardError::answer("GET JOURNAL"))
    }

    async fn receive(&mut self, kind: Kind, message: &[u8]) -> Result<Vec<u8>, CardError> {
        let name = format!("RECEIVE {}", crate::words::kind(kind));
        self.send(&name, &Receive { kind: kind.byte(), message }).await
    }

    /// Sends any command of the card, `name` in events and errors, and gives the data of its answer, all of it.
    ///
    /// # Errors
    /// [`CardError`].
    pub async fn send<'c>(&mut self, name: &str, command: &impl Wire<'c>) -> Result<Vec<u8>, CardError> {
        match self.ask(name, command).await? {
            (data, Status::OK) => Ok(data),
            (_, status) => Err(CardError::refused(name, status)),
        }
    }

    /// Sends any command likewise, and gives the data of its answer and the status word, whatever that is.
    ///
    /// # Errors
    /// [`CardError`], but none that a status word would be.
    pub async fn ask<'c>(&mut self, name: &str, command: &impl Wire<'c>) -> Result<(Vec<u8>, Status), CardError> {
        let mut data = Vec::new();
        let mut status = self.exchange(name, command, &mut data).await?;
        while let Some(length) = status.waiting() {
            let before = data.len();
            status = self.exchange("GET RESPONSE", &GetResponse { length }, &mut data).await?;
            if data.len() == before || data.len() > DATA_MAX {
                return Err(CardError::Answer { command: name.to_owned() });
            }
        }
        Ok((data, status))
    }

    async fn exchange<'c>(
        &mut self,
        name: &str,
        command: &impl Wire<'c>,
        data: &mut Vec<u8>,
    ) -> Result<Status, CardError> {
        let mut space = Zeroizing::new(vec![0; APDU_MAX]);
        let mut out = Writer::new(&mut space);
        command.encode(&mut out).map_err(|Full| CardError::TooLong("a command"))?;
        let answer = self.transmit(name, out.written()).await?;
        let response = Response::parse(&answer).map_err(CardError::answer(name))?;
        data.extend_from_slice(response.data);
        Ok(response.status)
    }

    /// Sends whatever bytes, `name` in events, and gives the response as it came.
    ///
    /// # Errors
    /// [`CardError::Reader`].
    pub async fn transmit(&mut self, name: &str, command: &[u8]) -> Result<Vec<u8>, CardError> {
        self.tap.command(name, command, self.secrets.of_command(command));
        let began = Instant::now();
        let response = self.reader.transmit(command).await?;
        self.tap.response(name, &response, self.secrets.of_response(&response), began.elapsed());
        Ok(response)
    }

    /// Power off and on: the card forgets what it does not keep.
    ///
    /// # Errors
    /// [`CardError::Reader`].
    pub async fn reset(&mut self) -> Result<(), CardError> {
        self.reader.reset().await?;
        self.tap.powered(self.reader.atr());
        Ok(())
    }

    /// The card's answer to reset (ISO/IEC 7816-3, 8.2).
    #[must_use]
    pub fn atr(&self) -> &[u8] {
        self.reader.atr()
    }
}
