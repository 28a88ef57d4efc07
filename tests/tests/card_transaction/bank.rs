//! A service provider made of the protocol's steps.

use protocol::crypto::{AwsLc, Crypto, PublicKey, RustCrypto, Secret, random_scalar};
use protocol::message::Kind;
use protocol::message::descriptor::{Descriptor, provider_id};
use protocol::message::key_exchange::Verdict;
use protocol::message::request::Tree;
use protocol::message::transaction::Outcome;
use protocol::provider::{self, Group, ProviderKeys, Requests};
use protocol::types::{Ending, ProviderId, TransactionId};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A service provider's keys, and its decisions, which are always yes unless a test says otherwise.
pub(crate) struct Bank {
    keys: ProviderKeys<AwsLc>,
    root_key: Secret<32>,
    pub(crate) root: PublicKey,
    pub(crate) id: ProviderId,
    pub(crate) descriptor: Vec<u8>,
    pub(crate) verdict: Verdict<'static>,
    pub(crate) outcome: Outcome<'static>,
    /// What it says in plain and to the card alone, in the key exchange.
    pub(crate) texts: [&'static [u8]; 2],
    /// The name of every account's holder, if not its number's.
    pub(crate) holder: Option<&'static str>,
    pub(crate) random: StdRng,
    transactions: u8,
}

impl Bank {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let root_key = random_scalar::<RustCrypto>(&mut random);
        let root = AwsLc::verification_key(&AwsLc::signing_key(&root_key).unwrap());
        let (keys, descriptor) = keys(&root_key, 1, &mut random);
        let id = provider_id::<AwsLc>(&root);
        Self {
            keys,
            root_key,
            root,
            id,
            descriptor,
            verdict: Verdict::Granted,
            outcome: Outcome::Approved,
            texts: [b"key exchange text", b"SENSITIVE-KEY-EXCHANGE"],
            holder: None,
            random,
            transactions: 0,
        }
    }

    /// New keys of the day, with this version.
    pub(crate) fn rotate(&mut self, version: u32) {
        (self.keys, self.descriptor) = keys(&self.root_key, version, &mut self.random);
    }

    /// Answers a request; `group` is what the bank keeps between requests.
    pub(crate) fn answer(&mut self, request: &[u8], group: &mut Option<Group>) -> Vec<u8> {
        let requests = Requests::new::<AwsLc>(Tree::parse(request).unwrap()).unwrap();
        match requests.kind() {
            Kind::KeyExchangeRequest => self.answer_key_exchange(&requests, group),
            Kind::TransactionRequest => self.answer_transaction(&requests, group.as_mut().unwrap()),
            Kind::Acknowledgment => self.answer_acknowledgment(&requests, group.as_ref().unwrap()),
            _ => panic!("not a request"),
        }
    }

    fn answer_key_exchange(&mut self, requests: &Requests<'_>, group: &mut Option<Group>) -> Vec<u8> {
        let asked = provider::key_exchange::verify(&self.keys, requests).unwrap();
        let told: Vec<_> = (0..asked.members.len())
            .map(|number| provider::key_exchange::Told {
                verdict: self.verdict,
                name: Some(self.holder.map_or_else(|| format!("Holder {number}"), str::to_owned)),
                plain_text: self.texts[0],
                sensitive: self.texts[1],
            })
            .collect();
        self.transactions += 1;
        let id = TransactionId([self.transactions; 16]);
        let opened = provider::key_exchange::answer(&self.keys, requests, &asked, &told, id, &mut self.random).unwrap();
        *group = opened.group;
        opened.answer.message
    }

    fn answer_transaction(&mut self, requests: &Requests<'_>, group: &mut Group) -> Vec<u8> {
        let wanted = provider::transaction::verify::<AwsLc>(group, requests).unwrap();
        let told = provider::transaction::Told {
            outcome: self.outcome,
            amount: wanted[0].terms.amount,
            currency: wanted[0].terms.currency,
            receipt: "thank you",
            private: b"PRIVATE-RESPONSE-DATA",
            plain_text: b"transaction text",
        };
        let told = vec![told; wanted.len()];
        provider::transaction::answer(&self.keys, group, requests, &told, &mut self.random).unwrap().message
    }

    fn answer_acknowledgment(&mut self, requests: &Requests<'_>, group: &Group) -> Vec<u8> {
        let said = provider::acknowledgment::verify::<AwsLc>(group, requests).unwrap();
        let all = said.iter().all(|one| one.decision == protocol::message::acknowledgment::Decision::Accept);
        let ending = if all { Ending::Posted } else { Ending::Released };
        let told = provider::acknowledgment::Told { ending, receipt: "the end", plain_text: b"final text" };
        let told = vec![told; said.len()];
        provider::acknowledgment::answer(&self.keys, group, requests, &told, &mut self.random).unwrap().message
    }
}

fn keys(root: &Secret<32>, version: u32, random: &mut StdRng) -> (ProviderKeys<AwsLc>, Vec<u8>) {
    let root = AwsLc::signing_key(root).unwrap();
    let encryption = AwsLc::agreement_key(&random_scalar::<RustCrypto>(random)).unwrap();
    let signing = AwsLc::signing_key(&random_scalar::<RustCrypto>(random)).unwrap();
    let descriptor = Descriptor {
        version,
        provider: provider_id::<AwsLc>(&AwsLc::verification_key(&root)),
        encryption: AwsLc::agreement_public_key(&encryption),
        verification: AwsLc::verification_key(&signing),
        not_before: 0,
        not_after: u64::MAX,
    };
    let signed = provider::sign_descriptor::<AwsLc>(&descriptor, &root, &[]);
    (ProviderKeys::new(descriptor, encryption, signing).unwrap(), signed)
}
