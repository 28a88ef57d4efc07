//! Runs an exchange between the crate's member and provider, both over RustCrypto, from a seed.

use protocol::crypto::{Crypto, PublicKey, RustCrypto, Secret};
use protocol::member::{Account, Awaiting, Decided, Established, FreshKey, KeyExchange, Unsigned};
use protocol::message::Kind;
use protocol::message::acknowledgment::Decision;
use protocol::message::descriptor::{Descriptor, provider_id};
use protocol::message::key_exchange::Verdict;
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use protocol::message::transaction::{Outcome, Terms};
use protocol::provider::key_exchange::Opened;
use protocol::provider::{self, Group, ProviderKeys, Requests};
use protocol::types::{Currency, Ending, Number, Options, Role, TransactionId, TransactionKind};
use serde_json::{Value, json};

use super::stream::Stream;

/// What one vector file shows.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) members: &'static [Member],
    pub(crate) kind: TransactionKind,
    /// The member that rejects, if one does.
    pub(crate) rejects: Option<Number>,
}

pub(crate) struct Member {
    pub(crate) parent: Option<Number>,
    pub(crate) options: Options,
    pub(crate) fresh: FreshKey,
    /// The verified name; with one, the member proves its account in the key exchange.
    pub(crate) name: Option<&'static str>,
}

type Keys = ProviderKeys<RustCrypto>;

/// One member's card, and the streams that it and the file draw from.
struct Card {
    signing: Secret<32>,
    verification: PublicKey,
    account: Vec<u8>,
    secret: Secret<16>,
    random: Stream,
}

/// The file's `inputs` and `messages`.
pub(crate) fn run(scenario: &Scenario) -> (Value, Value) {
    let (mut exchange, inputs) = Exchange::new(scenario);
    let (established, mut group) = exchange.key_exchange();
    if let Some(decided) = exchange.transaction(established, &mut group) {
        exchange.acknowledgment(decided, &group);
    }
    (inputs, exchange.messages)
}

/// Both ends of an exchange, and the messages that went between them.
struct Exchange<'s> {
    scenario: &'s Scenario,
    keys: Keys,
    descriptor: Descriptor,
    transaction: TransactionId,
    cards: Vec<Card>,
    random: Stream,
    messages: Value,
}

impl<'s> Exchange<'s> {
    fn new(scenario: &'s Scenario) -> (Self, Value) {
        let seed = scenario.name.as_bytes();
        let (keys, root, message, mut inputs) = provider(seed);
        let cards: Vec<Card> = (0..scenario.members.len()).map(|number| Card::new(seed, number)).collect();
        let members = cards.iter().zip(scenario.members).enumerate();
        inputs["members"] = members.map(|(number, member)| member_inputs(seed, number, member)).collect();
        add_salts(seed, scenario, &mut inputs);
        let transaction = TransactionId(Stream::new(seed, "transaction").draw());
        inputs["transaction"] = hex::encode(transaction.0).into();
        let exchange = Self {
            scenario,
            keys,
            descriptor: Descriptor::verify::<RustCrypto>(&message[2..], &root).unwrap(),
            transaction,
            cards,
            random: Stream::new(seed, "provider"),
            messages: json!({ "descriptor": hex::encode(&message) }),
        };
        (exchange, inputs)
    }

    fn key_exchange(&mut self) -> (Vec<Established>, Group) {
        let parts = self.cards.iter_mut().zip(self.scenario.members).map(|(card, member)| {
            let mut out = [0; 2048];
            let exchange = KeyExchange {
                descriptor: &self.descriptor,
                signing: &card.signing,
                verification: &card.verification,
                fresh_key: member.fresh,
                options: member.options,
                account: member.name.map(|_| Account { information: &card.account, secret: &card.secret }),
                plain_text: b"for everybody",
                sensitive: b"for the provider",
            };
            let (length, unsigned) = exchange.request::<RustCrypto>(&mut card.random, &mut out).unwrap();
            (out[..length].to_vec(), unsigned)
        });
        let parts = parts.collect();
        let (message, awaiting) = self.combine(Kind::KeyExchangeRequest, parts);
        let requests = self.record("key exchange request", &message);
        let asked = provider::key_exchange::verify(&self.keys, &requests).unwrap();
        let told = self.scenario.members.iter().map(|member| provider::key_exchange::Told {
            verdict: Verdict::Granted,
            name: member.name.map(Into::into),
            plain_text: b"granted",
            sensitive: b"for the card",
        });
        let told: Vec<_> = told.collect();
        let (keys, random) = (&self.keys, &mut self.random);
        let Opened { answer, group, .. } =
            provider::key_exchange::answer(keys, &requests, &asked, &told, self.transaction, random).unwrap();
        self.messages["key exchange response"] = hex::encode(&answer.message).into();
        let established = awaiting.iter().enumerate().map(|(number, state)| {
            let part = own_part(&answer.message, number);
            state.receive::<RustCrypto>(&part, &mut [0; 2048]).unwrap().1.unwrap()
        });
        (established.collect(), group.unwrap())
    }

    /// Nothing comes after an inquiry.
    fn transaction(&mut self, established: Vec<Established>, group: &mut Group) -> Option<Vec<Decided>> {
        let parts = established.into_iter().zip(&self.cards).enumerate().map(|(number, (established, card))| {
            let mut out = [0; 2048];
            let account = Account { information: &card.account, secret: &card.secret };
            let terms = terms(self.scenario, number);
            let (length, unsigned) =
                established.request(&terms, account, b"for the provider", b"for everybody", &mut out).unwrap();
            (out[..length].to_vec(), unsigned)
        });
        let parts = parts.collect();
        let (message, awaiting) = self.combine(Kind::TransactionRequest, parts);
        let requests = self.record("transaction request", &message);
        provider::transaction::verify::<RustCrypto>(group, &requests).unwrap();
        let is_inquiry = self.scenario.kind == TransactionKind::INQUIRY;
        let told = provider::transaction::Told {
            outcome: if is_inquiry { Outcome::Stands(Some(Ending::Posted)) } else { Outcome::Approved },
            amount: AMOUNT,
            currency: CURRENCY,
            receipt: "12.50 EUR",
            private: b"for the card",
            plain_text: b"decided",
        };
        let told = vec![told; self.cards.len()];
        let answer = provider::transaction::answer(&self.keys, group, &requests, &told, &mut self.random).unwrap();
        self.messages["transaction response"] = hex::encode(&answer.message).into();
        let decided = awaiting.iter().enumerate().map(|(number, state)| {
            let part = own_part(&answer.message, number);
            state.receive::<RustCrypto>(&part, &mut [0; 2048]).unwrap().1
        });
        let decided = decided.collect::<Option<Vec<_>>>();
        assert_eq!(decided.is_none(), is_inquiry);
        decided
    }

    fn acknowledgment(&mut self, decided: Vec<Decided>, group: &Group) {
        let parts = (0..).zip(decided).map(|(number, decided)| {
            let mut out = [0; 2048];
            let decision = if self.scenario.rejects == Some(number) { Decision::Reject } else { Decision::Accept };
            let (length, unsigned) =
                decided.acknowledge(decision, b"data", b"for the provider", b"for everybody", &mut out).unwrap();
            (out[..length].to_vec(), unsigned)
        });
        let parts = parts.collect();
        let (message, awaiting) = self.combine(Kind::Acknowledgment, parts);
        let requests = self.record("acknowledgment", &message);
        provider::acknowledgment::verify::<RustCrypto>(group, &requests).unwrap();
        let ending = if self.scenario.rejects.is_some() { Ending::Released } else { Ending::Posted };
        let told = provider::acknowledgment::Told { ending, receipt: "Done.", plain_text: b"the end" };
        let told = vec![told; self.cards.len()];
        let answer = provider::acknowledgment::answer(&self.keys, group, &requests, &told, &mut self.random).unwrap();
        self.messages["final notice"] = hex::encode(&answer.message).into();
        for (number, state) in awaiting.iter().enumerate() {
            let part = own_part(&answer.message, number);
            assert_eq!(state.receive::<RustCrypto>(&part, &mut [0; 2048]).unwrap().ending, ending);
        }
    }

    fn record<'m>(&mut self, name: &str, message: &'m [u8]) -> Requests<'m> {
        self.messages[name] = hex::encode(message).into();
        Requests::new::<RustCrypto>(Tree::parse(message).unwrap()).unwrap()
    }

    /// Signs and combines from the last member to the first, so that children are ready before their parents.
    fn combine<Next>(
        &mut self,
        kind: Kind,
        mut parts: Vec<(Vec<u8>, Unsigned<RustCrypto, Next>)>,
    ) -> (Vec<u8>, Vec<Awaiting<Next>>) {
        let mut messages = vec![Vec::new(); parts.len()];
        let mut awaiting = Vec::new();
        for number in (0..parts.len()).rev() {
            let (own, unsigned) = parts.pop().unwrap();
            let is_child = |member: &Member| member.parent.map(usize::from) == Some(number);
            let below = self.scenario.members.iter().zip(&messages).filter(|(member, _)| is_child(member));
            let below: Vec<Tree<'_>> = below.map(|(_, message): (_, &Vec<u8>)| Tree::parse(message).unwrap()).collect();
            let mut combining = unsigned.combine(below.len().try_into().unwrap()).unwrap();
            for child in &below {
                combining.child(&child.digests::<RustCrypto>()[0], child.nodes()[0].signature).unwrap();
            }
            let mut signature = [0; 80];
            let (length, state) = combining.sign(&mut self.cards[number].random, &mut signature).unwrap();
            messages[number] = Tree::combine(kind, &own, &signature[..length], &below).unwrap().encode();
            awaiting.push(state);
        }
        awaiting.reverse();
        (messages.swap_remove(0), awaiting)
    }
}

const AMOUNT: u64 = 1250;
const CURRENCY: Currency = Currency(*b"EUR");

/// Keys, root verification key, descriptor message, and the file's inputs so far.
fn provider(seed: &[u8]) -> (Keys, PublicKey, Vec<u8>, Value) {
    let mut random = Stream::new(seed, "provider keys");
    let [root, encryption, signing] = [(); 3].map(|()| random.draw::<32>());
    let inputs = json!({
        "seed": hex::encode(seed),
        "provider": {
            "root scalar": hex::encode(root),
            "encryption scalar": hex::encode(encryption),
            "signing scalar": hex::encode(signing),
        },
    });
    let root = RustCrypto::signing_key(&Secret::from(root)).unwrap();
    let root_public = RustCrypto::verification_key(&root);
    let encryption = RustCrypto::agreement_key(&Secret::from(encryption)).unwrap();
    let signing = RustCrypto::signing_key(&Secret::from(signing)).unwrap();
    let descriptor = Descriptor {
        version: 3,
        provider: provider_id::<RustCrypto>(&root_public),
        encryption: RustCrypto::agreement_public_key(&encryption),
        verification: RustCrypto::verification_key(&signing),
        not_before: 1_767_225_600,
        not_after: 1_798_761_599,
    };
    let signed = provider::sign_descriptor::<RustCrypto>(&descriptor, &root, &[]);
    let keys = ProviderKeys::new(descriptor, encryption, signing).unwrap();
    (keys, root_public, provider::descriptor_message(&signed), inputs)
}

impl Card {
    fn new(seed: &[u8], number: usize) -> Self {
        let mut random = Stream::new(seed, &format!("member {number} keys"));
        let signing = Secret::from(random.draw::<32>());
        let verification = RustCrypto::verification_key(&RustCrypto::signing_key(&signing).unwrap());
        let secret = Secret::from(random.draw::<16>());
        let random = Stream::new(seed, &format!("member {number}"));
        Self { signing, verification, account: format!("account {number}").into(), secret, random }
    }
}

fn member_inputs(seed: &[u8], number: usize, (card, member): (&Card, &Member)) -> Value {
    // The first that a member draws: its fresh signing key, where it has one, and its encryption key.
    let mut draws = Stream::new(seed, &format!("member {number}"));
    let fresh = (member.fresh != FreshKey::No).then(|| hex::encode(draws.draw::<32>()));
    json!({
        "parent": member.parent,
        "options": member.options.bits(),
        "name": member.name,
        "account": hex::encode(&card.account),
        "account secret": hex::encode(card.secret.as_bytes()),
        "registered scalar": hex::encode(card.signing.as_bytes()),
        "fresh scalar": fresh,
        "encryption scalar": hex::encode(draws.draw::<32>()),
    })
}

/// The first that the provider draws: a salt for each hidden key.
fn add_salts(seed: &[u8], scenario: &Scenario, inputs: &mut Value) {
    let mut draws = Stream::new(seed, "provider");
    for (number, member) in scenario.members.iter().enumerate() {
        let hidden = member.options.has(Options::HIDDEN_KEY);
        let salt = if hidden { hex::encode(draws.draw::<16>()) } else { String::new() };
        inputs["members"][number]["commitment salt"] = salt.into();
    }
}

fn terms(scenario: &Scenario, number: usize) -> Terms {
    let is_inquiry = scenario.kind == TransactionKind::INQUIRY;
    let others: &[Number] = match number {
        _ if is_inquiry => &[],
        0 => &[1],
        _ => &[0],
    };
    Terms {
        kind: scenario.kind,
        role: match number {
            _ if is_inquiry => Role::INQUIRER,
            0 => Role::PAYEE,
            _ => Role::PAYER,
        },
        amount: AMOUNT,
        currency: CURRENCY,
        counterparties: others.iter().copied().collect(),
        reference: is_inquiry.then_some(TransactionId(*b"an earlier trans")),
    }
}

/// A response cut down to one member's part.
fn own_part(message: &[u8], number: usize) -> Vec<u8> {
    let number = Number::try_from(number).unwrap();
    Batch::parse(message).unwrap().slice(number..number + 1).encode()
}
