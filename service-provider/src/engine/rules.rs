//! The rules of each kind of transaction, as data: who takes part, with what account, and what comes of it.
//!
//! A kind that is not here is not served. [`agreement`](super::agreement) holds the members to these rules.

use protocol::types::{Role, TransactionKind};

use crate::store::instrument::Instrument;

/// What a kind of transaction asks for.
pub(super) struct Rule {
    pub(super) kind: TransactionKind,
    /// Who takes part; a role that is not here does not.
    pub(super) parts: &'static [Part],
    pub(super) amount: Amount,
    /// Whether it is about an earlier transaction.
    pub(super) reference: bool,
    /// Whether the members' sensitive data are a question, the same for all.
    pub(super) question: bool,
    pub(super) effect: Effect,
}

/// What a role asks of the members who have it.
pub(super) struct Part {
    pub(super) role: Role,
    pub(super) count: Count,
    pub(super) account: Accounts,
    /// Whose members it names as its counterparties: all of them, and nobody else.
    pub(super) counterparties: &'static [Role],
    /// Whether the others must have been given its verified name in the key exchange.
    pub(super) named: bool,
}

/// How many members have a role.
#[derive(Clone, Copy)]
pub(super) enum Count {
    One,
    Any,
}

/// With which accounts a role may be taken.
#[derive(Clone, Copy)]
pub(super) enum Accounts {
    /// Those that hold an amount, and are not blocked.
    Money,
    /// Those that statements are made of. Of a blocked one nothing is known: that it is blocked is nobody's business.
    Attributes,
    /// All that are not blocked.
    Usable,
    /// All: also whose account is blocked may ask what became of its transactions.
    Every,
}

/// The amount that the members may agree on.
#[derive(Clone, Copy)]
pub(super) enum Amount {
    Positive,
    Zero,
    /// Nothing depends on it.
    Free,
}

/// What accepting does.
#[derive(Clone, Copy)]
pub(super) enum Effect {
    /// The amount moves from the one account to the other.
    Transfer { debit: Role, credit: Role },
    /// The transaction referred to is called off, by the member of this role.
    Cancellation { by: Role },
    /// Nothing.
    Record,
}

/// Every kind that is served.
pub(super) const RULES: &[Rule] = &[
    Rule {
        kind: TransactionKind::PURCHASE,
        parts: PAYMENT,
        amount: Amount::Positive,
        reference: false,
        question: false,
        effect: PAYMENT_EFFECT,
    },
    Rule {
        kind: TransactionKind::REFUND,
        parts: PAYMENT,
        amount: Amount::Positive,
        reference: true,
        question: false,
        effect: PAYMENT_EFFECT,
    },
    Rule {
        kind: TransactionKind::CANCELLATION,
        parts: ALONE,
        amount: Amount::Free,
        reference: true,
        question: false,
        effect: Effect::Cancellation { by: Role::INQUIRER },
    },
    Rule {
        kind: TransactionKind::INQUIRY,
        parts: ALONE,
        amount: Amount::Free,
        reference: true,
        question: false,
        effect: Effect::Record,
    },
    Rule {
        kind: TransactionKind::STATEMENT,
        parts: STATEMENT,
        amount: Amount::Zero,
        reference: false,
        question: true,
        effect: Effect::Record,
    },
];

/// The payer was told whom it pays; the payee need not know who pays. A witness vouches for both.
const PAYMENT: &[Part] = &[
    Part {
        role: Role::PAYER,
        count: Count::One,
        account: Accounts::Money,
        counterparties: &[Role::PAYEE],
        named: false,
    },
    Part {
        role: Role::PAYEE,
        count: Count::One,
        account: Accounts::Money,
        counterparties: &[Role::PAYER],
        named: true,
    },
    Part {
        role: Role::WITNESS,
        count: Count::Any,
        account: Accounts::Usable,
        counterparties: &[Role::PAYER, Role::PAYEE],
        named: false,
    },
];

const PAYMENT_EFFECT: Effect = Effect::Transfer { debit: Role::PAYER, credit: Role::PAYEE };

const ALONE: &[Part] =
    &[Part { role: Role::INQUIRER, count: Count::One, account: Accounts::Every, counterparties: &[], named: false }];

/// The holder was told who asks. Nothing of the holder is told beside the answer.
const STATEMENT: &[Part] = &[
    Part {
        role: Role::HOLDER,
        count: Count::One,
        account: Accounts::Attributes,
        counterparties: &[Role::VERIFIER],
        named: false,
    },
    Part {
        role: Role::VERIFIER,
        count: Count::One,
        account: Accounts::Money,
        counterparties: &[Role::HOLDER],
        named: true,
    },
];

impl Rule {
    /// The rule of a kind.
    pub(super) fn of(kind: TransactionKind) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.kind == kind)
    }

    /// What is asked of a role.
    pub(super) fn part(&self, role: Role) -> Option<&'static Part> {
        self.parts.iter().find(|part| part.role == role)
    }
}

impl Count {
    pub(super) const fn permits(self, count: usize) -> bool {
        match self {
            Self::One => count == 1,
            Self::Any => true,
        }
    }
}

impl Accounts {
    pub(super) const fn permit(self, instrument: Instrument) -> bool {
        match self {
            Self::Money => instrument.holds_money(),
            Self::Attributes => instrument.has_attributes(),
            Self::Usable | Self::Every => true,
        }
    }

    pub(super) const fn permit_blocked(self) -> bool {
        matches!(self, Self::Attributes | Self::Every)
    }
}

impl Amount {
    pub(super) const fn permits(self, amount: u64) -> bool {
        match self {
            Self::Positive => amount > 0,
            Self::Zero => amount == 0,
            Self::Free => true,
        }
    }
}
