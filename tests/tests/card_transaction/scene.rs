//! A terminal that drives a payer's card step by step, with a payee's card and a bank behind it.

use apdu_spec::Writer;
use apdu_spec::instruction::{Build, ChooseProvider, LoadDescriptor, Receive, Sign};
use apdu_spec::provider::Policy;
use apdu_spec::transaction::{AcknowledgmentInput, Child, Decision, FreshKey, KeyExchangeInput, TransactionInput};
use protocol::crypto::RustCrypto;
use protocol::message::Kind;
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use protocol::provider::Group;
use protocol::types::{Number, Options, Role, TransactionKind};

use crate::bank::Bank;
use crate::card::{OK, TestCard, bytes, reference};

pub(crate) const AMOUNT: u64 = 1250;

/// What the payer's terminal sends, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Choose,
    Load,
    Build(u8),
    /// SIGN that announces more to come, without a child.
    More(u8),
    Sign(u8),
    Receive(u8),
}

/// A whole purchase, of which [`Step::More`] can be left out.
pub(crate) const STEPS: [Step; 14] = [
    Step::Choose,
    Step::Load,
    Step::Build(1),
    Step::More(1),
    Step::Sign(1),
    Step::Receive(2),
    Step::Build(3),
    Step::More(3),
    Step::Sign(3),
    Step::Receive(4),
    Step::Build(5),
    Step::More(5),
    Step::Sign(5),
    Step::Receive(6),
];

/// A payer's card whose message a payee's card combines, and their bank.
pub(crate) struct Scene {
    pub(crate) bank: Bank,
    pub(crate) payer: TestCard,
    pub(crate) payee: TestCard,
    pub(crate) options: Options,
    pub(crate) fresh_key: FreshKey,
    pub(crate) amount: u64,
    pub(crate) decision: Decision,
    own: Vec<u8>,
    signature: Vec<u8>,
    response: Vec<u8>,
    answer: Vec<u8>,
    group: Option<Group>,
}

pub(crate) const PAYER_ACCOUNT: &[u8] = b"PAYER-ACCOUNT-0001";
pub(crate) const PAYER_SECRET: &[u8; 16] = b"payer-secret-key";
pub(crate) const PAYEE_ACCOUNT: &[u8] = b"PAYEE-ACCOUNT-0002";

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with_policy(None)
    }

    /// Both cards SECURED, the application selected, nothing verified. A payer with a policy needs no PIN otherwise.
    pub(crate) fn with_policy(policy: Option<Policy>) -> Self {
        let bank = Bank::new(1);
        let (mut payer, mut payee) = (TestCard::new(2), TestCard::new(3));
        payer.personalise(1, &bank, PAYER_ACCOUNT, PAYER_SECRET, policy);
        payee.personalise(1, &bank, PAYEE_ACCOUNT, b"payee-secret-key", None);
        payer.secure();
        payee.secure();
        payee.verify();
        Self::of(bank, payer, payee)
    }

    pub(crate) fn of(bank: Bank, payer: TestCard, payee: TestCard) -> Self {
        Self {
            bank,
            payer,
            payee,
            options: Options::none(),
            fresh_key: FreshKey::No,
            amount: AMOUNT,
            decision: Decision::Accept,
            own: Vec::new(),
            signature: Vec::new(),
            response: Vec::new(),
            answer: Vec::new(),
            group: None,
        }
    }

    /// Runs the steps; each must succeed.
    #[track_caller]
    pub(crate) fn run(&mut self, steps: &[Step]) {
        for step in steps {
            let command = self.command(*step);
            let (data, status) = self.payer.transmit(&command).unwrap();
            assert_eq!(status, OK, "{step:?}: {status:04X}");
            self.took(*step, data);
        }
    }

    pub(crate) fn run_all(&mut self) {
        self.run(&STEPS);
    }

    /// The command of a step. Before RECEIVE, the payee's terminal and the bank do their part.
    pub(crate) fn command(&mut self, step: Step) -> Vec<u8> {
        match step {
            Step::Choose => bytes(&ChooseProvider { provider: reference(1) }),
            Step::Load => bytes(&LoadDescriptor { descriptor: &self.bank.descriptor }),
            Step::Build(kind) => {
                let input = self.input(kind, Role::PAYER, 0);
                bytes(&Build { kind, input: &input })
            }
            Step::More(_) => bytes(&Sign { last: false, count: 0, children: &[] }),
            Step::Sign(_) => bytes(&Sign { last: true, count: 0, children: &[] }),
            Step::Receive(kind) => {
                if self.answer.is_empty() {
                    self.answer = self.combine_and_ask(kind - 1);
                }
                bytes(&Receive { kind, message: &self.answer })
            }
        }
    }

    /// Keeps what the payer's card answered.
    pub(crate) fn took(&mut self, step: Step, data: Vec<u8>) {
        match step {
            Step::Build(_) => self.own = data,
            Step::Sign(_) => {
                self.signature = data;
                self.answer.clear();
            }
            Step::Choose | Step::Load | Step::More(_) | Step::Receive(_) => {}
        }
    }

    /// The bank's answer to the payer alone.
    pub(crate) fn ask_alone(&mut self, kind: u8) -> Vec<u8> {
        let leaf = self.leaf(kind);
        own_part(&self.bank.answer(&leaf, &mut self.group), 0)
    }

    fn leaf(&self, kind: u8) -> Vec<u8> {
        Tree::combine(Kind::from_byte(kind).unwrap(), &self.own, &self.signature, &[]).unwrap().encode()
    }

    fn combine_and_ask(&mut self, kind: u8) -> Vec<u8> {
        let leaf = self.leaf(kind);
        if kind == 1 {
            self.payee.done(&ChooseProvider { provider: reference(1) });
            self.payee.done(&LoadDescriptor { descriptor: &self.bank.descriptor });
        }
        let input = self.input(kind, Role::PAYEE, 1);
        let own = self.payee.done(&Build { kind, input: &input });
        let child = Tree::parse(&leaf).unwrap();
        let signature = self.payee.done(&Sign { last: true, count: 1, children: &children(&[&child]) });
        let request = Tree::combine(Kind::from_byte(kind).unwrap(), &own, &signature, &[child]).unwrap().encode();
        self.response = self.bank.answer(&request, &mut self.group);
        self.payee.done(&Receive { kind: kind + 1, message: &own_part(&self.response, 0) });
        own_part(&self.response, 1)
    }

    /// The bank's last answer to both.
    pub(crate) fn response(&self) -> &[u8] {
        &self.response
    }

    fn input(&self, kind: u8, role: Role, counterparty: u16) -> Vec<u8> {
        let mut space = [0; 1024];
        let mut out = Writer::new(&mut space);
        let is_payer = role == Role::PAYER;
        match kind {
            1 => KeyExchangeInput {
                options: if is_payer { self.options.bits() } else { self.options.bits() & Options::SHARED_KEY.bits() },
                fresh_key: if is_payer { self.fresh_key } else { FreshKey::No },
                prove_account: true,
                plain_text: b"plain",
                sensitive: b"sensitive",
            }
            .encode(&mut out),
            3 => TransactionInput {
                kind: TransactionKind::PURCHASE.0,
                role: role.0,
                amount: self.amount,
                currency: *b"EUR",
                counterparties: [counterparty].into_iter(),
                reference: None,
                plain_text: b"plain",
                sensitive: b"sensitive",
            }
            .encode(&mut out),
            _ => AcknowledgmentInput {
                decision: if is_payer { self.decision } else { Decision::Accept },
                plain_text: b"plain",
                data: b"data",
                sensitive: b"sensitive",
            }
            .encode(&mut out),
        }
        .unwrap();
        out.written().to_vec()
    }
}

/// The data field of SIGN for these nodes.
pub(crate) fn children(trees: &[&Tree<'_>]) -> Vec<u8> {
    let mut space = [0; 2048];
    let mut out = Writer::new(&mut space);
    for tree in trees {
        let digest = tree.digests::<RustCrypto>()[0];
        Child { digest: digest.as_bytes(), signature: tree.nodes()[0].signature }.encode(&mut out).unwrap();
    }
    out.written().to_vec()
}

/// The response cut down to one member's part.
pub(crate) fn own_part(message: &[u8], number: Number) -> Vec<u8> {
    Batch::parse(message).unwrap().slice(number..number + 1).encode()
}
