//! A provider and members of one group in one process, for the tests.

#![allow(dead_code, reason = "each test uses its part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic fails the test"
)]

use super::ProviderBackend;
use protocol::crypto::{Crypto, PublicKey, RustCrypto, Secret, random_scalar};
use protocol::error::Rejected;
use protocol::limits::OPENED_MAX;
use protocol::member::{
    Account, AcknowledgmentSent, Awaiting, Decided, Established, FreshKey, KeyExchange, KeyExchangeSent,
    TransactionSent, Unsigned,
};
use protocol::message::Kind;
use protocol::message::acknowledgment::Decision;
use protocol::message::descriptor::{Descriptor, provider_id};
use protocol::message::key_exchange::Verdict;
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use protocol::message::transaction::{Outcome, Terms};
use protocol::provider::{self, Group, ProviderKeys, Requests};
use protocol::types::{Currency, Digest, Ending, Number, Options, Role, TransactionId, TransactionKind};
use rand::rngs::StdRng;

pub(crate) const EUR: Currency = Currency(*b"EUR");
pub(crate) const AMOUNT: u64 = 1250;

/// A root and one that it combines.
pub(crate) const PAIR: &[Option<Number>] = &[None, Some(0)];

/// A provider of the tests' own.
pub(crate) struct Provider {
    pub(crate) keys: ProviderKeys<ProviderBackend>,
    pub(crate) root: PublicKey,
    pub(crate) signed_descriptor: Vec<u8>,
}

impl Provider {
    pub(crate) fn new(random: &mut StdRng) -> Self {
        let root = random_scalar::<RustCrypto>(random);
        let root_key = ProviderBackend::signing_key(&root).unwrap();
        let root_public = ProviderBackend::verification_key(&root_key);
        let encryption = ProviderBackend::agreement_key(&random_scalar::<RustCrypto>(random)).unwrap();
        let signing = ProviderBackend::signing_key(&random_scalar::<RustCrypto>(random)).unwrap();
        let descriptor = Descriptor {
            version: 1,
            provider: provider_id::<ProviderBackend>(&root_public),
            encryption: ProviderBackend::agreement_public_key(&encryption),
            verification: ProviderBackend::verification_key(&signing),
            not_before: 0,
            not_after: u64::MAX,
        };
        let signed_descriptor = provider::sign_descriptor::<ProviderBackend>(&descriptor, &root_key, &[]);
        let keys = ProviderKeys::new(descriptor, encryption, signing).unwrap();
        Self { keys, root: root_public, signed_descriptor }
    }
}

pub(crate) struct Card {
    pub(crate) signing: Secret<32>,
    pub(crate) verification: PublicKey,
    pub(crate) account: Vec<u8>,
    pub(crate) secret: Secret<16>,
    pub(crate) name: Option<String>,
    pub(crate) options: Options,
    pub(crate) fresh: FreshKey,
    pub(crate) descriptor: Descriptor,
}

impl Card {
    pub(crate) fn new(provider: &Provider, random: &mut StdRng, account: &str, name: Option<&str>) -> Self {
        let signing = random_scalar::<RustCrypto>(random);
        let verification = RustCrypto::verification_key(&RustCrypto::signing_key(&signing).unwrap());
        Self {
            signing,
            verification,
            account: account.into(),
            secret: Secret::random(random),
            name: name.map(Into::into),
            options: Options::none(),
            fresh: FreshKey::No,
            descriptor: Descriptor::verify::<RustCrypto>(&provider.signed_descriptor, &provider.root).unwrap(),
        }
    }

    pub(crate) fn account(&self) -> Account<'_> {
        Account { information: &self.account, secret: &self.secret }
    }

    pub(crate) fn key_exchange(
        &self,
        random: &mut StdRng,
    ) -> Result<(Vec<u8>, Unsigned<RustCrypto, KeyExchangeSent>), Rejected> {
        let mut out = [0; 2048];
        let exchange = KeyExchange {
            descriptor: &self.descriptor,
            signing: &self.signing,
            verification: &self.verification,
            fresh_key: self.fresh,
            options: self.options,
            account: self.name.is_some().then(|| self.account()),
            plain_text: b"key exchange, in plain",
            sensitive: b"key exchange, sensitive",
        };
        let (length, unsigned) = exchange.request::<RustCrypto>(random, &mut out)?;
        Ok((out[..length].to_vec(), unsigned))
    }
}

/// Signs `unsigned` over the children's digests and signatures.
pub(crate) fn sign<Next>(
    unsigned: Unsigned<RustCrypto, Next>,
    children: &[(Digest, Vec<u8>)],
    random: &mut StdRng,
) -> (Vec<u8>, Awaiting<Next>) {
    let mut combining = unsigned.combine(children.len() as u8).unwrap();
    for (digest, signature) in children {
        combining.child(digest, signature).unwrap();
    }
    let mut signature = [0; 80];
    let (length, awaiting) = combining.sign(random, &mut signature).unwrap();
    (signature[..length].to_vec(), awaiting)
}

/// Combines members' parts bottom-up, children first. `shape[i]` is the parent of member i.
pub(crate) fn combine<Next>(
    kind: Kind,
    shape: &[Option<Number>],
    mut parts: Vec<(Vec<u8>, Unsigned<RustCrypto, Next>)>,
    random: &mut StdRng,
) -> (Vec<u8>, Vec<Awaiting<Next>>) {
    let mut messages: Vec<Vec<u8>> = vec![Vec::new(); shape.len()];
    let mut awaiting = Vec::new();
    for number in (0..shape.len()).rev() {
        let (own, unsigned) = parts.pop().unwrap();
        let below: Vec<Vec<u8>> = (0..shape.len())
            .filter(|child| shape[*child] == Some(number as Number))
            .map(|child| messages[child].clone())
            .collect();
        let trees: Vec<Tree<'_>> = below.iter().map(|message| Tree::parse(message).unwrap()).collect();
        let children: Vec<(Digest, Vec<u8>)> =
            trees.iter().map(|tree| (tree.digests::<RustCrypto>()[0], tree.nodes()[0].signature.to_vec())).collect();
        let (signature, state) = sign(unsigned, &children, random);
        messages[number] = Tree::combine(kind, &own, &signature, &trees).unwrap().encode();
        awaiting.push(state);
    }
    awaiting.reverse();
    (messages.swap_remove(0), awaiting)
}

/// Cards of which every other one proves its account in the key exchange.
pub(crate) fn cards(provider: &Provider, count: usize, random: &mut StdRng) -> Vec<Card> {
    (0..count)
        .map(|number| {
            let name = format!("Member {number}");
            Card::new(provider, random, &format!("account-{number}"), (number % 2 == 0).then_some(&*name))
        })
        .collect()
}

/// Every option at once.
pub(crate) fn all_options(card: &mut Card) {
    card.options = Options::from_bits(0x3f).unwrap();
    card.fresh = FreshKey::Endorsed;
}

/// Whether the provider takes a request up, given what it knows of the group: everything before it looks accounts up.
pub(crate) fn provider_verifies(provider: &Provider, run: &Run, message: &[u8]) -> Result<(), Rejected> {
    let requests = Requests::new::<ProviderBackend>(Tree::parse(message)?)?;
    let kind = requests.kind();
    if kind == Kind::KeyExchangeRequest {
        provider::key_exchange::verify(&provider.keys, &requests).map(drop)
    } else if kind == Kind::TransactionRequest {
        provider::transaction::verify::<ProviderBackend>(&run.granted, &requests).map(drop)
    } else {
        provider::acknowledgment::verify::<ProviderBackend>(&run.group, &requests).map(drop)
    }
}

/// Whether a member that awaits the answer of `kind` takes a message.
pub(crate) fn member_receives(run: &Run, number: usize, kind: Kind, message: &[u8]) -> Result<(), Rejected> {
    let scratch = &mut [0; OPENED_MAX];
    if kind == Kind::KeyExchangeResponse {
        run.key_exchange[number].receive::<RustCrypto>(message, scratch).map(drop)
    } else if kind == Kind::TransactionResponse {
        run.transaction[number].receive::<RustCrypto>(message, scratch).map(drop)
    } else {
        run.acknowledgment[number].receive::<RustCrypto>(message, scratch).map(drop)
    }
}

/// The kinds of a [`Run`]'s messages.
pub(crate) const KINDS: [Kind; 6] = [
    Kind::KeyExchangeRequest,
    Kind::KeyExchangeResponse,
    Kind::TransactionRequest,
    Kind::TransactionResponse,
    Kind::Acknowledgment,
    Kind::FinalNotice,
];

/// The response cut down to one member's part.
pub(crate) fn own_part(message: &[u8], number: usize) -> Vec<u8> {
    Batch::parse(message).unwrap().slice(number as Number..number as Number + 1).encode()
}

/// Everything one group's exchange leaves behind: each message, and each end's state just before it came.
pub(crate) struct Run {
    /// Request and response of the key exchange, then of the transaction, then acknowledgment and final notice.
    pub(crate) messages: Vec<Vec<u8>>,
    /// The group as it was before the transaction response.
    pub(crate) granted: Group,
    /// The group as it was after it.
    pub(crate) group: Group,
    pub(crate) key_exchange: Vec<Awaiting<KeyExchangeSent>>,
    pub(crate) transaction: Vec<Awaiting<TransactionSent>>,
    pub(crate) acknowledgment: Vec<Awaiting<AcknowledgmentSent>>,
    pub(crate) endings: Vec<Ending>,
}

/// A whole purchase: the root is the payee, everybody else a payer's side that names it.
pub(crate) fn purchase(provider: &Provider, cards: &[Card], shape: &[Option<Number>], random: &mut StdRng) -> Run {
    let mut messages = Vec::new();
    let parts = cards.iter().map(|card| card.key_exchange(random).unwrap()).collect();
    let (request, key_exchange) = combine(Kind::KeyExchangeRequest, shape, parts, random);
    let (response, mut group) = provider_key_exchange(provider, cards, &request, random);
    let granted = copy(&group);
    let established: Vec<Established> = key_exchange
        .iter()
        .enumerate()
        .map(|(number, state)| {
            let mut scratch = [0; OPENED_MAX];
            let part = own_part(&response, number);
            let (view, established) = state.receive::<RustCrypto>(&part, &mut scratch).unwrap();
            assert_eq!(usize::from(view.number), number);
            assert_eq!(view.plain_text, b"answer, in plain");
            assert_eq!(view.sensitive, b"answer, sensitive");
            let wants_peers = cards[number].options.has(Options::PEER_KEYS);
            assert_eq!(view.peers.count(), if wants_peers { cards.len() } else { 0 });
            established.unwrap()
        })
        .collect();
    messages.extend([request, response]);

    let (request, transaction) = transaction_request(cards, shape, established, random);
    let response = provider_transaction(provider, cards, &mut group, &request, random);
    let decided: Vec<Decided> = transaction
        .iter()
        .enumerate()
        .map(|(number, state): (usize, &Awaiting<TransactionSent>)| {
            let mut scratch = [0; OPENED_MAX];
            let part = own_part(&response, number);
            let (view, decided) = state.receive::<RustCrypto>(&part, &mut scratch).unwrap();
            assert_eq!(view.display.outcome, Outcome::Approved);
            assert_eq!(view.private, b"for the card alone");
            decided.unwrap()
        })
        .collect();
    messages.extend([request, response]);

    let parts = decided
        .into_iter()
        .map(|decided| {
            let mut out = [0; 2048];
            let (length, unsigned) =
                decided.acknowledge::<RustCrypto>(Decision::Accept, b"data", b"sensitive", b"plain", &mut out).unwrap();
            (out[..length].to_vec(), unsigned)
        })
        .collect();
    let (request, acknowledgment) = combine(Kind::Acknowledgment, shape, parts, random);
    let response = provider_acknowledgment(provider, &group, &request, random);
    let endings = acknowledgment
        .iter()
        .enumerate()
        .map(|(number, state): (usize, &Awaiting<AcknowledgmentSent>)| {
            let mut scratch = [0; OPENED_MAX];
            let part = own_part(&response, number);
            state.receive::<RustCrypto>(&part, &mut scratch).unwrap().ending
        })
        .collect();
    messages.extend([request, response]);
    Run { messages, granted, group, key_exchange, transaction, acknowledgment, endings }
}

/// The same group, by way of its stored bytes.
fn copy(group: &Group) -> Group {
    Group::from_bytes(&group.to_bytes()).unwrap()
}

pub(crate) fn provider_key_exchange(
    provider: &Provider,
    cards: &[Card],
    request: &[u8],
    random: &mut StdRng,
) -> (Vec<u8>, Group) {
    let requests = Requests::new::<ProviderBackend>(Tree::parse(request).unwrap()).unwrap();
    let asked = provider::key_exchange::verify(&provider.keys, &requests).unwrap();
    for (member, card) in asked.members.iter().zip(cards) {
        assert_eq!(member.plain_text, b"key exchange, in plain");
        assert_eq!(*member.sensitive, b"key exchange, sensitive");
        assert_eq!(member.account.is_some(), card.name.is_some());
        if let Some(claim) = &member.account {
            assert!(claim.is_proved_by::<ProviderBackend>(&card.secret));
            assert!(!claim.is_proved_by::<ProviderBackend>(&Secret::from([0; 16])));
        }
        match card.fresh {
            FreshKey::No => assert_eq!(member.verification, card.verification),
            FreshKey::Unendorsed => assert_eq!(member.endorser, None),
            FreshKey::Endorsed => assert_eq!(member.endorser, Some(card.verification)),
        }
    }
    let told: Vec<_> = cards
        .iter()
        .map(|card| provider::key_exchange::Told {
            verdict: Verdict::Granted,
            name: card.name.clone(),
            plain_text: b"answer, in plain",
            sensitive: b"answer, sensitive",
        })
        .collect();
    let transaction = TransactionId([7; 16]);
    let opened = provider::key_exchange::answer(&provider.keys, &requests, &asked, &told, transaction, random).unwrap();
    (opened.answer.message, copy(&opened.group.unwrap()))
}

pub(crate) fn transaction_request(
    cards: &[Card],
    shape: &[Option<Number>],
    established: Vec<Established>,
    random: &mut StdRng,
) -> (Vec<u8>, Vec<Awaiting<TransactionSent>>) {
    let parts = established
        .into_iter()
        .enumerate()
        .map(|(number, established)| {
            let root = number == 0;
            let terms = Terms {
                kind: TransactionKind::PURCHASE,
                role: if root { Role::PAYEE } else { Role::PAYER },
                amount: AMOUNT,
                currency: EUR,
                counterparties: [if root { 1 } else { 0 }].into_iter().collect(),
                reference: None,
            };
            let mut out = [0; 2048];
            let (length, unsigned) = established
                .request::<RustCrypto>(&terms, cards[number].account(), b"sensitive", b"plain", &mut out)
                .unwrap();
            (out[..length].to_vec(), unsigned)
        })
        .collect();
    combine(Kind::TransactionRequest, shape, parts, random)
}

pub(crate) fn provider_transaction(
    provider: &Provider,
    cards: &[Card],
    group: &mut Group,
    request: &[u8],
    random: &mut StdRng,
) -> Vec<u8> {
    let requests = Requests::new::<ProviderBackend>(Tree::parse(request).unwrap()).unwrap();
    assert_eq!(requests.transaction().unwrap(), group.transaction);
    let wanted = provider::transaction::verify::<ProviderBackend>(group, &requests).unwrap();
    for (wanted, card) in wanted.iter().zip(cards) {
        assert_eq!(wanted.terms.amount, AMOUNT);
        assert_eq!(*wanted.account.information, card.account);
        assert!(wanted.account.is_proved_by::<ProviderBackend>(&card.secret));
        assert_eq!(*wanted.sensitive, b"sensitive");
    }
    let told = provider::transaction::Told {
        outcome: Outcome::Approved,
        amount: AMOUNT,
        currency: EUR,
        receipt: "thank you",
        private: b"for the card alone",
        plain_text: b"",
    };
    let told = vec![told; cards.len()];
    provider::transaction::answer(&provider.keys, group, &requests, &told, random).unwrap().message
}

pub(crate) fn provider_acknowledgment(
    provider: &Provider,
    group: &Group,
    request: &[u8],
    random: &mut StdRng,
) -> Vec<u8> {
    let requests = Requests::new::<ProviderBackend>(Tree::parse(request).unwrap()).unwrap();
    let acknowledged = provider::acknowledgment::verify::<ProviderBackend>(group, &requests).unwrap();
    assert!(acknowledged.iter().all(|one| one.decision == Decision::Accept));
    assert!(acknowledged.iter().all(|one| *one.data == b"data" && *one.sensitive == b"sensitive"));
    let told = provider::acknowledgment::Told { ending: Ending::Posted, receipt: "paid", plain_text: b"" };
    let told = vec![told; acknowledged.len()];
    provider::acknowledgment::answer(&provider.keys, group, &requests, &told, random).unwrap().message
}
