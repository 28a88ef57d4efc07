//! Members with cards who make a purchase together, each with a choice of options of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a panic is a test's verdict"
)]

use apdu_spec::transaction::{
    AcknowledgmentInput, Decision, FinalAnswer, FreshKey, KeyExchangeAnswer, KeyExchangeInput, TransactionAnswer,
    TransactionInput,
};
use host_terminal::card::Part;
use protocol::crypto::PublicKey;
use protocol::message::Kind;
use protocol::provider::Group as Sessions;
use protocol::types::{Options, Role, TransactionId, TransactionKind};
use service_provider::engine::Policy;

use crate::issuer::{Enrolled, Issuer};
use crate::round::{Asked, Shape, Wires, up};
use crate::seat::{Record, Seat};

/// What every account holds from the start, in minor units.
pub const OPENING: u64 = 1_000_000_000_000_000;
/// What is paid: large enough to be looked for.
pub const AMOUNT: u64 = 2_345_678_901_234;

/// What one member asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The options.
    pub options: Options,
    /// Which key signs.
    pub fresh: FreshKey,
    /// Whether it proves its account in the key exchange.
    pub prove: bool,
}

impl Choice {
    /// No option, under its verified name.
    pub const PLAIN: Self = Self { options: Options::none(), fresh: FreshKey::No, prove: true };

    /// All that are permitted, with a shared key or without.
    #[must_use]
    pub fn all(shared: bool) -> Vec<Self> {
        let options = (0..=u8::MAX).filter_map(Options::from_bits).filter(|options| options.is_permitted());
        let options = options.filter(|options| options.has(Options::SHARED_KEY) == shared);
        let fresh = [FreshKey::No, FreshKey::Unendorsed, FreshKey::Endorsed];
        let all = options.flat_map(|options| fresh.map(|fresh| (options, fresh)));
        all.flat_map(|(options, fresh)| [false, true].map(|prove| Self { options, fresh, prove })).collect()
    }

    /// Whether it is among the options.
    #[must_use]
    pub fn has(self, option: Options) -> bool {
        self.options.has(option)
    }

    /// Whether the others may be given its key, and its name where it proves its account.
    #[must_use]
    pub fn shows_itself(self) -> bool {
        !self.has(Options::HIDDEN_KEY) || self.has(Options::REVEAL_TO_PEERS)
    }

    /// Whether the others are given its name.
    #[must_use]
    pub fn is_named(self) -> bool {
        self.prove && self.shows_itself()
    }
}

/// A provider, and members of it with cards.
pub struct Company {
    /// The provider.
    pub issuer: Issuer,
    /// The cards.
    pub seats: Vec<Seat>,
    /// Their accounts.
    pub enrolled: Vec<Enrolled>,
    /// Each card's registered key.
    pub keys: Vec<PublicKey>,
}

/// Everything that a purchase leaves behind.
pub struct Exchange {
    /// The transaction.
    pub transaction: TransactionId,
    /// The requests, as they came to the provider.
    pub requests: Vec<Vec<u8>>,
    /// Its responses.
    pub responses: Vec<Vec<u8>>,
    /// What each card showed of each response.
    pub answers: Vec<Vec<Vec<u8>>>,
    /// What the provider knew of the members.
    pub sessions: Sessions,
    /// What passed between members.
    pub wires: Wires,
    /// What each terminal saw of its card.
    pub terminals: Vec<Vec<Vec<u8>>>,
}

/// The name of a member.
#[must_use]
pub fn holder(member: usize) -> String {
    format!("Holder number {member}")
}

/// The number of its account: all digits.
#[must_use]
pub fn account(member: usize) -> String {
    format!("9876543210123{member:03}")
}

/// What a member says in a message, and to whom.
#[must_use]
pub fn words(what: &str, kind: u8, member: usize) -> Vec<u8> {
    format!("{what} words of member {member} in message {kind}").into_bytes()
}

impl Company {
    /// So many members, everything from the seed.
    #[must_use]
    pub fn new(members: usize, seed: u64) -> Self {
        Self::of(Issuer::new(seed, Policy::default()).unwrap(), members, seed)
    }

    /// The same, with a provider that takes keys that it does not know.
    #[must_use]
    pub fn lenient(members: usize, seed: u64) -> Self {
        Self::of(Issuer::lenient(seed).unwrap(), members, seed)
    }

    fn of(mut issuer: Issuer, members: usize, seed: u64) -> Self {
        let (mut seats, mut all, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for member in 0..members {
            let enrolled = issuer.enrol(&account(member), &holder(member), OPENING).unwrap();
            let mut seat = Seat::new(seed ^ member as u64).unwrap();
            let key = seat.personalise(&issuer, &enrolled, Record::FIRST).unwrap();
            issuer.register(enrolled.account, key).unwrap();
            seat.hand_over().unwrap();
            seats.push(seat);
            all.push(enrolled);
            keys.push(key);
        }
        Self { issuer, seats, enrolled: all, keys }
    }

    /// A whole purchase to its final notice; `roles` in the order of the numbers.
    pub fn purchase(&mut self, shape: &Shape, choices: &[Choice], roles: &[Role]) -> Exchange {
        let mut exchange = self.key_exchange(shape, choices);
        exchange.sessions = self.issuer.group(exchange.transaction).unwrap();
        self.round(&mut exchange, shape, &said(Kind::TransactionRequest, choices, roles));
        let answers = exchange.answers.last().unwrap();
        for answer in answers {
            let answer = TransactionAnswer::parse(answer).unwrap();
            assert_eq!(answer.outcome, apdu_spec::transaction::Outcome::Approved, "{choices:?} {roles:?}");
        }
        self.round(&mut exchange, shape, &said(Kind::Acknowledgment, choices, roles));
        for answer in exchange.answers.last().unwrap() {
            assert_eq!(FinalAnswer::parse(answer).unwrap().ending, apdu_spec::transaction::Ending::Posted);
        }
        exchange.terminals = self.seats.iter().map(Seat::take_seen).collect();
        exchange
    }

    /// The first round; the sessions are still empty.
    pub fn key_exchange(&mut self, shape: &Shape, choices: &[Choice]) -> Exchange {
        for seat in &mut self.seats {
            seat.prepare(1, self.issuer.descriptor()).unwrap();
            drop(seat.take_seen());
        }
        let mut exchange = Exchange {
            transaction: TransactionId([0; 16]),
            requests: Vec::new(),
            responses: Vec::new(),
            answers: Vec::new(),
            sessions: no_sessions(),
            wires: Wires::new(self.seats.len()),
            terminals: Vec::new(),
        };
        self.round(&mut exchange, shape, &said(Kind::KeyExchangeRequest, choices, &[]));
        exchange.transaction = TransactionId(*KeyExchangeAnswer::parse(&exchange.answers[0][0]).unwrap().transaction);
        exchange
    }

    /// One round, honest all the way.
    pub fn round(&mut self, exchange: &mut Exchange, shape: &Shape, parts: &[Part<'_>]) {
        let kind = parts[0].kind().answer().unwrap();
        let asked: Asked = up(&mut self.seats, shape, parts, &mut exchange.wires).unwrap();
        let response = self.issuer.ask(&asked.message).unwrap();
        let own = asked.down(shape, response.clone(), &mut exchange.wires);
        let answers = self.seats.iter_mut().zip(own);
        let answers = answers.map(|(seat, own)| seat.receive(kind, &own.unwrap()).unwrap()).collect();
        exchange.requests.push(asked.message);
        exchange.responses.push(response);
        exchange.answers.push(answers);
    }
}

/// What every member says in a round.
#[must_use]
pub fn said(kind: Kind, choices: &[Choice], roles: &[Role]) -> Vec<Part<'static>> {
    let leaked = |what, member| -> &'static [u8] { words(what, kind.byte(), member).leak() };
    let numbers = |role: Role| roles.iter().enumerate().filter(move |(_, one)| **one == role).map(|(at, _)| at as u16);
    let part = |(member, choice): (usize, &Choice)| match kind {
        Kind::KeyExchangeRequest => Part::KeyExchange(KeyExchangeInput {
            options: choice.options.bits(),
            fresh_key: choice.fresh,
            prove_account: choice.prove,
            plain_text: leaked("Open", member),
            sensitive: leaked("Sensitive", member),
        }),
        Kind::TransactionRequest => {
            let mut counterparties: Vec<u16> = numbers(Role::PAYER).chain(numbers(Role::PAYEE)).collect();
            counterparties.retain(|number| usize::from(*number) != member);
            counterparties.sort_unstable();
            Part::Transaction(TransactionInput {
                kind: TransactionKind::PURCHASE.0,
                role: roles[member].0,
                amount: AMOUNT,
                currency: *b"EUR",
                counterparties: counterparties.into_iter(),
                reference: None,
                plain_text: leaked("Open", member),
                sensitive: leaked("Sensitive", member),
            })
        }
        _ => Part::Acknowledgment(AcknowledgmentInput {
            decision: Decision::Accept,
            plain_text: leaked("Open", member),
            data: leaked("Group", member),
            sensitive: leaked("Sensitive", member),
        }),
    };
    choices.iter().enumerate().map(part).collect()
}

fn no_sessions() -> Sessions {
    Sessions {
        id: protocol::types::GroupId([0; 32]),
        transaction: TransactionId([0; 16]),
        key: protocol::types::KeyId([0; 16]),
        members: Vec::new(),
        names: Vec::new(),
        response: None,
    }
}
