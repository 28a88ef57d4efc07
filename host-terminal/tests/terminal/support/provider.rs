//! A provider over TCP: the protocol's own steps, balances without a database, and whatever a test wants to go wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_terminal::hop::{self, Frame};
use protocol::crypto::{Crypto, PublicKey, RustCrypto, Secret, random_scalar};
use protocol::error::Rejected;
use protocol::message::acknowledgment::Decision;
use protocol::message::descriptor::{Descriptor, provider_id};
use protocol::message::key_exchange::Verdict;
use protocol::message::request::Tree;
use protocol::message::transaction::Outcome;
use protocol::message::{Kind, bare, split};
use protocol::provider::{self, AccountClaim, Group, ProviderKeys, Requests};
use protocol::types::{Ending, ProviderId, Reason, ReasonCode, TransactionId, TransactionKind};
use rand::RngCore;
use rand::rngs::OsRng;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::cards::AccountData;

/// Nobody has more than this.
const FUNDS: u64 = 2_000;

/// What goes wrong with the next answer to a kind of message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection ends before the message was looked at.
    GoBefore,
    /// The connection ends once the answer is known, before it leaves.
    GoAfter,
    /// The uniform refusal.
    Refuse,
    /// These bytes in the answer's place, with the right number.
    Say(Vec<u8>),
    /// These bytes on the stream, no frame.
    Raw(Vec<u8>),
    /// The right answer with a number that nobody asked for.
    WrongNumber,
    /// The right answer with one bit changed, at this place.
    Bend(usize),
}

pub(crate) struct Provider {
    keys: ProviderKeys<RustCrypto>,
    pub(crate) root: PublicKey,
    descriptor: Vec<u8>,
    accounts: Vec<AccountData>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    groups: BTreeMap<TransactionId, Group>,
    endings: BTreeMap<TransactionId, Option<Ending>>,
    answers: BTreeMap<Vec<u8>, Vec<u8>>,
    faults: Vec<(Kind, Fault)>,
    asked: Vec<Vec<u8>>,
}

impl Provider {
    /// A provider whose descriptor is in force from `not_before` on.
    pub(crate) fn new(accounts: &[AccountData], not_before: u64) -> Self {
        let root = RustCrypto::signing_key(&random_scalar::<RustCrypto>(&mut OsRng)).unwrap();
        let root_public = RustCrypto::verification_key(&root);
        let encryption = RustCrypto::agreement_key(&random_scalar::<RustCrypto>(&mut OsRng)).unwrap();
        let signing = RustCrypto::signing_key(&random_scalar::<RustCrypto>(&mut OsRng)).unwrap();
        let descriptor = Descriptor {
            version: 1,
            provider: provider_id::<RustCrypto>(&root_public),
            encryption: RustCrypto::agreement_public_key(&encryption),
            verification: RustCrypto::verification_key(&signing),
            not_before,
            not_after: u64::MAX,
        };
        let signed = provider::sign_descriptor::<RustCrypto>(&descriptor, &root, &[]);
        Self {
            keys: ProviderKeys::new(descriptor, encryption, signing).unwrap(),
            root: root_public,
            descriptor: provider::descriptor_message(&signed),
            accounts: accounts.to_vec(),
            state: Mutex::default(),
        }
    }

    pub(crate) fn id(&self) -> ProviderId {
        self.keys.descriptor().provider
    }

    /// The next message of this kind meets this fault.
    pub(crate) fn fail(&self, kind: Kind, fault: Fault) {
        self.state.lock().unwrap().faults.push((kind, fault));
    }

    /// Nothing goes wrong any more.
    pub(crate) fn forget_faults(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    /// Every message that came, in order.
    pub(crate) fn asked(&self) -> Vec<Vec<u8>> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Serves until the test ends; gives where.
    pub(crate) async fn serve(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let provider = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(Arc::clone(&provider).attend(stream));
            }
        });
        address
    }

    async fn attend(self: Arc<Self>, mut stream: TcpStream) {
        while let Ok(Some(Frame { number, message })) = hop::read(&mut stream, Duration::MAX).await {
            let fault = self.note(&message);
            if fault == Some(Fault::GoBefore) {
                return;
            }
            let mut answer = self.answer(&message);
            let mut number = number;
            match fault {
                None | Some(Fault::GoBefore) => {}
                Some(Fault::GoAfter) => return,
                Some(Fault::Refuse) => answer = bare(Kind::Refused).to_vec(),
                Some(Fault::Say(bytes)) => answer = bytes,
                Some(Fault::WrongNumber) => number += 1000,
                Some(Fault::Bend(place)) => answer[place] ^= 1,
                Some(Fault::Raw(bytes)) => {
                    stream.write_all(&bytes).await.unwrap();
                    continue;
                }
            }
            hop::write(&mut stream, number, &answer).await.unwrap();
        }
    }

    fn note(&self, message: &[u8]) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        state.asked.push(message.to_vec());
        let kind = split(message).ok()?.0;
        let place = state.faults.iter().position(|(failing, _)| *failing == kind)?;
        Some(state.faults.remove(place).1)
    }

    /// The same bytes get the same answer.
    fn answer(&self, message: &[u8]) -> Vec<u8> {
        if let Some(answer) = self.state.lock().unwrap().answers.get(message) {
            return answer.clone();
        }
        let answer = self.decide(message).unwrap_or_else(|_| bare(Kind::Refused).to_vec());
        self.state.lock().unwrap().answers.insert(message.to_vec(), answer.clone());
        answer
    }

    fn decide(&self, message: &[u8]) -> Result<Vec<u8>, Rejected> {
        if message == bare(Kind::DescriptorRequest) {
            return Ok(self.descriptor.clone());
        }
        let requests = Requests::new::<RustCrypto>(Tree::parse(message)?)?;
        let kind = requests.kind();
        if kind == Kind::KeyExchangeRequest {
            self.open(&requests)
        } else if kind == Kind::TransactionRequest {
            self.authorize(&requests)
        } else {
            self.settle(&requests)
        }
    }

    fn open(&self, requests: &Requests<'_>) -> Result<Vec<u8>, Rejected> {
        let asked = provider::key_exchange::verify(&self.keys, requests)?;
        let told: Vec<_> = asked
            .members
            .iter()
            .map(|member| provider::key_exchange::Told {
                verdict: Verdict::Granted,
                name: member.account.as_ref().and_then(|claim| self.holder(claim)),
                plain_text: b"",
                sensitive: b"",
            })
            .collect();
        let mut transaction = TransactionId([0; 16]);
        OsRng.fill_bytes(&mut transaction.0);
        let opened = provider::key_exchange::answer(&self.keys, requests, &asked, &told, transaction, &mut OsRng)?;
        if let Some(group) = opened.group {
            self.state.lock().unwrap().groups.insert(transaction, group);
        }
        Ok(opened.answer.message)
    }

    fn authorize(&self, requests: &Requests<'_>) -> Result<Vec<u8>, Rejected> {
        let transaction = requests.transaction()?;
        let mut state = self.state.lock().unwrap();
        let State { groups, endings, .. } = &mut *state;
        let group = groups.get_mut(&transaction).ok_or(Rejected::UnknownKey)?;
        let wanted = provider::transaction::verify::<RustCrypto>(group, requests)?;
        assert!(wanted.iter().all(|wanted| self.holder(&wanted.account).is_some()), "an account is not proved");
        let terms = &wanted[0].terms;
        let agreed = wanted.iter().all(|wanted| wanted.terms.amount == terms.amount);
        let outcome = match (terms.kind, terms.reference) {
            (TransactionKind::INQUIRY, Some(reference)) => Outcome::Stands(endings.get(&reference).copied().flatten()),
            _ if !agreed => Outcome::Declined(Reason { code: ReasonCode::DISAGREEMENT, line: "no agreement" }),
            _ if terms.amount > FUNDS => {
                Outcome::Declined(Reason { code: ReasonCode::INSUFFICIENT_FUNDS, line: "not enough money" })
            }
            _ => Outcome::Approved,
        };
        if outcome == Outcome::Approved {
            endings.insert(transaction, None);
        }
        let told: Vec<_> = wanted
            .iter()
            .map(|wanted| provider::transaction::Told {
                outcome,
                amount: wanted.terms.amount,
                currency: wanted.terms.currency,
                receipt: "approved",
                private: b"",
                plain_text: b"",
            })
            .collect();
        Ok(provider::transaction::answer(&self.keys, group, requests, &told, &mut OsRng)?.message)
    }

    fn settle(&self, requests: &Requests<'_>) -> Result<Vec<u8>, Rejected> {
        let transaction = requests.transaction()?;
        let mut state = self.state.lock().unwrap();
        let State { groups, endings, .. } = &mut *state;
        let group = groups.get(&transaction).ok_or(Rejected::UnknownKey)?;
        let words = provider::acknowledgment::verify::<RustCrypto>(group, requests)?;
        let accepted = words.iter().all(|word| word.decision == Decision::Accept);
        let ending = if accepted { Ending::Posted } else { Ending::Released };
        endings.insert(transaction, Some(ending));
        let told = vec![provider::acknowledgment::Told { ending, receipt: "thank you", plain_text: b"" }; words.len()];
        Ok(provider::acknowledgment::answer(&self.keys, group, requests, &told, &mut OsRng)?.message)
    }

    fn holder(&self, claim: &AccountClaim) -> Option<String> {
        let account = self.accounts.iter().find(|account| account.information == *claim.information)?;
        claim.is_proved_by::<RustCrypto>(&Secret::from(account.secret)).then(|| account.holder.clone())
    }
}
