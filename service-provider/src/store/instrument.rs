//! Instruments: what sets the account behind a credit card apart from that behind a driving licence, as data.

use crate::ledger::{AMOUNT_MAX, BALANCE_MAX, Overdraft};
use crate::store::account::NewAccount;
use crate::store::limits;

/// What kind of instrument an account stands behind. The numbers are those of a card's provider record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Instrument {
    /// The provider's own account; no card carries it.
    Float = 0,
    /// Money that the provider lends.
    Credit = 1,
    /// Money in the bank.
    Debit = 2,
    /// A cheque book.
    ChequeBook = 3,
    /// Money paid in before.
    StoredValue = 4,
    /// Points.
    Loyalty = 5,
    /// An identity, such as a driving licence.
    Identity = 6,
    /// An access pass.
    AccessPass = 7,
}

/// What an account of an instrument holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Money.
    Money,
    /// Points, in a currency of points.
    Points,
    /// Nothing that moves: statements are made of its attributes.
    Attributes,
}

/// What an account of an instrument may have, and must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What it holds.
    pub holds: Holds,
    /// Whether it may go below zero.
    pub may_owe: bool,
    /// The highest ceiling, where it must have one.
    pub ceiling_max: Option<u64>,
    /// Whether its payments must be limited, each in amount and all in number.
    pub counts_payments: bool,
}

impl Instrument {
    /// Those that cards carry, in the order of their numbers.
    pub const OF_CARDS: [Self; 7] = [
        Self::Credit,
        Self::Debit,
        Self::ChequeBook,
        Self::StoredValue,
        Self::Loyalty,
        Self::Identity,
        Self::AccessPass,
    ];

    /// The instrument of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        std::iter::once(Self::Float).chain(Self::OF_CARDS).find(|instrument| instrument.code() == code)
    }

    /// The number under which an instrument is stored.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it is called on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Credit => "credit",
            Self::Debit => "debit",
            Self::ChequeBook => "cheque-book",
            Self::StoredValue => "stored-value",
            Self::Loyalty => "loyalty",
            Self::Identity => "identity",
            Self::AccessPass => "access-pass",
        }
    }

    /// The one that cards carry under a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::OF_CARDS.into_iter().find(|instrument| instrument.name() == name)
    }

    /// What its account may have, and must.
    #[must_use]
    pub const fn rules(self) -> Rules {
        let money = Rules { holds: Holds::Money, may_owe: true, ceiling_max: None, counts_payments: false };
        match self {
            Self::Float | Self::Credit | Self::Debit => money,
            Self::ChequeBook => Rules { counts_payments: true, ..money },
            Self::StoredValue => Rules { may_owe: false, ceiling_max: Some(limits::STORED_VALUE_MAX), ..money },
            Self::Loyalty => Rules { holds: Holds::Points, may_owe: false, ..money },
            Self::Identity | Self::AccessPass => Rules { holds: Holds::Attributes, may_owe: false, ..money },
        }
    }

    /// Whether its account holds an amount that a transaction may move.
    #[must_use]
    pub const fn holds_money(self) -> bool {
        match self.rules().holds {
            Holds::Money | Holds::Points => !matches!(self, Self::Float),
            Holds::Attributes => false,
        }
    }

    /// Whether statements are made of its account's attributes.
    #[must_use]
    pub const fn has_attributes(self) -> bool {
        matches!(self.rules().holds, Holds::Attributes)
    }

    /// Whether the other members are given its holder's name where the account is proved. What is said of the holder
    /// of an identity is what a statement says, and nothing else.
    #[must_use]
    pub const fn names_holder(self) -> bool {
        self.holds_money()
    }
}

impl Rules {
    /// Whether the account is one of this instrument, or why it is not.
    pub(crate) fn check(&self, account: &NewAccount) -> Result<(), &'static str> {
        let bounds = &account.bounds;
        let holds_attributes = self.holds == Holds::Attributes;
        let rules = [
            (account.instrument != Instrument::Float, "a float is not opened by hand"),
            (
                matches!(bounds.overdraft, Overdraft::UpTo(limit) if limit <= BALANCE_MAX),
                "the credit limit is too high",
            ),
            (self.may_owe || bounds.overdraft.amount() == 0, "this instrument has no credit limit"),
            (bounds.ceiling.is_none_or(|it| (1..=BALANCE_MAX).contains(&it)), "the ceiling is zero or too high"),
            (
                self.ceiling_max.is_none_or(|most| bounds.ceiling.is_some_and(|ceiling| ceiling <= most)),
                "this instrument has a ceiling, and a lower one",
            ),
            (
                bounds.payment_max.is_none_or(|it| (1..=AMOUNT_MAX).contains(&it)),
                "the most of one payment is zero or too high",
            ),
            (bounds.payments.is_none_or(|it| it <= limits::PAYMENTS_MAX), "too many payments"),
            (
                !self.counts_payments || (bounds.payments.is_some() && bounds.payment_max.is_some()),
                "this instrument has a number of payments and a most of each",
            ),
            (
                (self.holds == Holds::Points) == account.currency.is_points() || holds_attributes,
                "points have a currency of points, which begins with QM to QZ, and money has none",
            ),
            (!holds_attributes || (account.funding.is_none() && bounds.are_usual()), "this instrument holds no money"),
            (holds_attributes || account.attributes.is_empty(), "this instrument has no attributes"),
        ];
        rules.into_iter().try_for_each(|(holds, why)| if holds { Ok(()) } else { Err(why) })
    }
}
