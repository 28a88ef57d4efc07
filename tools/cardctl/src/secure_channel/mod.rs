//! The issuer's secure channel (GlobalPlatform Card Specification 2.3.1, Amendment D: SCP03 with AES-128), as a reader
//! around another: whoever sends commands through it needs to know nothing of it.
//!
//! ```text
//! protected command   CLA | 04, INS P1 P2, Lc, data (encrypted: padded, CBC), MAC (8 or 16), Le
//! MAC                 AES-CMAC(S-MAC, last MAC (16) || header || Lc || data)
//! response            data (encrypted), MAC over command's MAC (16) || data || status word
//! ```
//!
//! SELECT of the domain that the channel is with ends it on the card; it is opened again at once, with the same keys.
//! SELECT of any other application leaves it, and what follows goes in the clear. When a response does not verify,
//! nothing more is sent. A reset ends it for good: then this is the reader that is in it.

mod session;

use apdu_spec::instruction::{
    ExternalAuthenticate, GetResponse, InitializeUpdate, KeyVersion, Occurrence, SecurityLevel, Select, SelectAnswer,
    Selector,
};
use apdu_spec::limits::{APDU_MAX, DATA_MAX};
use apdu_spec::{Aid, Command, Instruction, Response, Status, Wire, Writer};
use host_terminal::reader::{Pending, Reader, ReaderError};
use rand::RngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use self::session::{Begun, Session};
use crate::key_file::Keys;

/// How a channel is opened.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    /// The key set; `None`: the card's first.
    pub(crate) version: Option<KeyVersion>,
    pub(crate) level: SecurityLevel,
    pub(crate) mode: Mode,
}

impl Options {
    /// Everything is encrypted and authenticated, with the card's first key set.
    pub(crate) const STRONGEST: Self = Self { version: None, level: SecurityLevel::C_ENC_R_ENC, mode: Mode::S16 };
}

/// How many bytes challenges, cryptograms and MACs have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// 8 bytes.
    S8,
    /// 16 bytes.
    S16,
}

impl Mode {
    const fn length(self) -> usize {
        match self {
            Self::S8 => 8,
            Self::S16 => 16,
        }
    }
}

/// A reader whose card is talked to through a secure channel.
pub(crate) struct SecureChannel {
    reader: Box<dyn Reader>,
    keys: Keys,
    options: Options,
    state: State,
}

enum State {
    Open(Box<Session>),
    /// Another application was selected.
    Left,
    /// Something did not verify.
    Failed,
    /// The card was reset.
    Ended,
}

impl SecureChannel {
    /// Selects the issuer's security domain and opens a channel with it.
    pub(crate) async fn open(
        reader: Box<dyn Reader>,
        keys: Keys,
        options: Options,
    ) -> Result<Self, (Box<dyn Reader>, ReaderError)> {
        let mut channel = Self { reader, keys, options, state: State::Left };
        let name = Selector::Name(Aid::ISSUER_SECURITY_DOMAIN.as_bytes(), Occurrence::First);
        let select = encoded(&Select { selector: name, answer: SelectAnswer::Nothing });
        let opened = match select {
            Ok(select) => channel.transmit(&select).await.map(drop),
            Err(error) => Err(error),
        };
        match opened {
            Ok(()) if matches!(channel.state, State::Open(_)) => Ok(channel),
            Ok(()) => Err((channel.reader, ReaderError::SecureChannel("the card has no issuer security domain"))),
            Err(error) => Err((channel.reader, error)),
        }
    }

    async fn shake_hands(&mut self) -> Result<Session, ReaderError> {
        let mut challenge = vec![0; self.options.mode.length()];
        OsRng.fill_bytes(&mut challenge);
        handshake(&mut *self.reader, &self.keys, self.options, &challenge).await
    }

    async fn exchange(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        let State::Open(session) = &mut self.state else {
            return whole(&mut *self.reader, command).await;
        };
        let protected = session.wrap(command).ok_or(ReaderError::CommandTooLong(command.len()))?;
        let response = whole(&mut *self.reader, &protected).await?;
        let plain = session.unwrap(&response);
        if plain.is_none() {
            self.state = State::Failed;
        }
        plain.ok_or(UNVERIFIED)
    }

    async fn transmit_one(&mut self, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
        if matches!(self.state, State::Failed) {
            return Err(UNVERIFIED);
        }
        let response = self.exchange(command).await?;
        let is_done = Response::parse(&response).is_ok_and(|response| response.status.is_executed());
        let is_over = matches!(self.state, State::Ended);
        if let Some(is_domain) = selected(command).filter(|_| is_done && !is_over) {
            self.state = State::Left;
            if is_domain {
                self.state = State::Open(Box::new(self.shake_hands().await?));
            }
        }
        Ok(response)
    }
}

impl Reader for SecureChannel {
    fn atr(&self) -> &[u8] {
        self.reader.atr()
    }

    fn transmit<'a>(&'a mut self, command: &'a [u8]) -> Pending<'a, Vec<u8>> {
        Box::pin(self.transmit_one(command))
    }

    fn reset(&mut self) -> Pending<'_, ()> {
        self.state = State::Ended;
        self.reader.reset()
    }
}

const UNVERIFIED: ReaderError =
    ReaderError::SecureChannel("a response does not verify: something on the way changed it");

/// Proves to each other that host and card have the keys. Nothing that costs the card a try is sent to a card that has
/// others.
async fn handshake(
    reader: &mut dyn Reader,
    keys: &Keys,
    options: Options,
    challenge: &[u8],
) -> Result<Session, ReaderError> {
    let initialize = encoded(&InitializeUpdate { version: options.version, host_challenge: challenge })?;
    let answer = ask(reader, &initialize).await?;
    let Begun { mut session, cryptogram } = Begun::new(keys, challenge, &answer).map_err(ReaderError::SecureChannel)?;
    let mac = session.sign(ExternalAuthenticate::header(options.level), &cryptogram, 0);
    let length = options.mode.length();
    let mac = mac.get(..length).unwrap_or_default();
    let authenticate = encoded(&ExternalAuthenticate { level: options.level, cryptogram: &cryptogram, mac })?;
    ask(reader, &authenticate).await?;
    session.level = Some(options.level);
    Ok(session)
}

async fn ask(reader: &mut dyn Reader, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
    let mut response = whole(reader, command).await?;
    let status = Response::parse(&response).map(|response| response.status);
    response.truncate(response.len().saturating_sub(2));
    match status {
        Ok(Status::OK) => Ok(response),
        Ok(Status::REFERENCE_NOT_FOUND) => Err(ReaderError::SecureChannel("the card has no such key set")),
        Ok(Status::PIN_BLOCKED) => {
            Err(ReaderError::SecureChannel("the key set is blocked, or has opened all the channels that it can"))
        }
        Ok(Status::NOT_AUTHENTICATED) => Err(ReaderError::SecureChannel("the card has other keys")),
        _ => Err(ReaderError::SecureChannel("the card refuses to open it")),
    }
}

/// The response, with what waits for GET RESPONSE. That command belongs to the response and is not protected.
async fn whole(reader: &mut dyn Reader, command: &[u8]) -> Result<Vec<u8>, ReaderError> {
    let mut response = reader.transmit(command).await?;
    while let Some(length) = Response::parse(&response).ok().and_then(|response| response.status.waiting()) {
        response.truncate(response.len() - 2);
        let before = response.len();
        response.extend(reader.transmit(&encoded(&GetResponse { length })?).await?);
        if response.len() <= before + 2 || response.len() > DATA_MAX + APDU_MAX {
            return Err(ReaderError::Protocol("an answer that has no end"));
        }
    }
    Ok(response)
}

fn encoded<'c>(command: &impl Wire<'c>) -> Result<Zeroizing<Vec<u8>>, ReaderError> {
    let mut space = Zeroizing::new(vec![0; APDU_MAX]);
    let mut out = Writer::new(&mut space);
    command.encode(&mut out).map_err(|_| ReaderError::CommandTooLong(APDU_MAX))?;
    let length = out.len();
    space.truncate(length);
    Ok(space)
}

/// Whether the command selects an application by its name, and if so whether that is the issuer's security domain.
fn selected(command: &[u8]) -> Option<bool> {
    let command = Command::parse(command).ok()?;
    let Instruction::Select(select) = Instruction::parse(&command).ok()? else { return None };
    let Selector::Name(name, occurrence) = select.selector else { return None };
    Some(occurrence == Occurrence::First && name == Aid::ISSUER_SECURITY_DOMAIN.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that takes these commands, in this order, and gives these responses.
    struct Script(Vec<(&'static str, &'static str)>);

    impl Reader for Script {
        fn atr(&self) -> &[u8] {
            &[]
        }

        fn transmit<'a>(&'a mut self, command: &'a [u8]) -> Pending<'a, Vec<u8>> {
            let (expected, response) = self.0.remove(0);
            assert_eq!(hex::encode_upper(command), expected.replace(' ', ""));
            Box::pin(async move { Ok(hex::decode(response.replace(' ', "")).unwrap()) })
        }

        fn reset(&mut self) -> Pending<'_, ()> {
            Box::pin(async { Ok(()) })
        }
    }

    const KEYS: &str = "404142434445464748494A4B4C4D4E4F\n505152535455565758595A5B5C5D5E5F\n\
        606162636465666768696A6B6C6D6E6F\n";

    /// The conversation in the card's manual: level 33, S8.
    const MANUAL: [(&str, &str); 3] = [
        (
            "8050 0100 08 0001020304050607 00",
            "00000000000000000000 010370 86C8BD65FA1044EE 49490A96C7AE611A 000001 9000",
        ),
        ("8482 3300 10 DB6AF8D72B54EC26 29469DA27A8D78FE", "9000"),
        (
            "84F2 8002 18 475B7557C8C1459CCE532D1D4C2635CE 47181E91A2570C96 00",
            "23B250ADCD760082E6C55B037A41BD92A70CA3E041A5DEAE54EF4B7344EC2F9C EFFBFB928851CB71 9000",
        ),
    ];
    const CHALLENGE: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 7];
    const GET_STATUS: &[u8] = b"\x80\xF2\x80\x02\x02\x4F\x00\x00";

    fn options() -> Options {
        let version = KeyVersion::parse(1).ok();
        Options { version, level: SecurityLevel::C_ENC_R_ENC, mode: Mode::S8 }
    }

    async fn channel(script: Vec<(&'static str, &'static str)>) -> Result<SecureChannel, ReaderError> {
        let mut reader: Box<dyn Reader> = Box::new(Script(script));
        let keys = Keys::parse(KEYS).unwrap();
        let session = handshake(&mut *reader, &keys, options(), &CHALLENGE).await?;
        Ok(SecureChannel { reader, keys, options: options(), state: State::Open(Box::new(session)) })
    }

    #[tokio::test]
    async fn what_the_manual_shows_is_what_travels() {
        let mut channel = channel(MANUAL.into()).await.unwrap();
        let answer = channel.transmit(GET_STATUS).await.unwrap();
        assert_eq!(hex::encode_upper(answer), "E3134F08A0000001510000009F700107C5039C5C009000");
    }

    #[tokio::test]
    async fn a_response_that_was_changed_ends_it_for_good() {
        let mut script = MANUAL;
        script[2].1 = "23B250ADCD760082E6C55B037A41BD92A70CA3E041A5DEAE54EF4B7344EC2F9C EFFBFB928851CB70 9000";
        let mut channel = channel(script.into()).await.unwrap();
        for _ in 0..2 {
            assert!(matches!(channel.transmit(GET_STATUS).await, Err(ReaderError::SecureChannel(_))));
        }
    }

    #[tokio::test]
    async fn a_card_with_other_keys_is_told_nothing() {
        let mut script = MANUAL;
        script[0].1 = "00000000000000000000 010370 86C8BD65FA1044EE 49490A96C7AE611B 000001 9000";
        // EXTERNAL AUTHENTICATE would be the next in the script, and is not taken out of it.
        let refused = channel(script.into()).await.err().unwrap();
        assert!(refused.to_string().contains("other keys"), "{refused}");
    }
}
