//! The values that messages are made of.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Malformed;
use crate::limits;
use crate::message::at_most;

macro_rules! identification {
    ($($(#[$doc:meta])* $name:ident, $length:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The bytes, as they stand in a message.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )*};
}

identification! {
    /// A SHA-256 digest.
    Digest, 32;
    /// A group: the members of one transaction, in their order and with their keys.
    GroupId, 32;
    /// A transaction, as its provider names it.
    TransactionId, 16;
    /// A provider: a digest of its root verification key.
    ProviderId, 16;
    /// A descriptor: a digest of it.
    KeyId, 16;
    /// What makes the digest of a guessable value unguessable.
    Salt, 16;
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A member's place in its tree, counted in pre-order from 0, the root.
pub type Number = u16;

/// What a member asks for in its key exchange request.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options(u8);

impl Options {
    /// The member's keys travel inside cryptogram 1, and its signatures sealed.
    pub const HIDDEN_KEY: Self = Self(0x01);
    /// The answer to the member challenge travels inside cryptogram 2.
    pub const ANSWER_INSIDE: Self = Self(0x02);
    /// The transaction identification travels inside cryptogram 2.
    pub const TRANSACTION_INSIDE: Self = Self(0x04);
    /// One session key for the whole group, beside each member's private one. All members ask for it or none.
    pub const SHARED_KEY: Self = Self(0x08);
    /// The member wants the other members' verification keys.
    pub const PEER_KEYS: Self = Self(0x10);
    /// The member, its key hidden, lets the others be given its key and name.
    pub const REVEAL_TO_PEERS: Self = Self(0x20);

    const ALL: u8 = 0x3f;

    /// No option.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// Options from their bits; `None` where a bit has no meaning.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::ALL == 0 { Some(Self(bits)) } else { None }
    }

    /// The options as bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Both of these.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every option of `other` is among these.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the bits have a meaning, and one together: only a hidden member has something to reveal.
    #[must_use]
    pub const fn is_permitted(self) -> bool {
        self.0 & !Self::ALL == 0 && (self.has(Self::HIDDEN_KEY) || !self.has(Self::REVEAL_TO_PEERS))
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Options({:#04x})", self.0)
    }
}

/// A currency by its three letters, ISO 4217. Amounts count its minor units.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Currency(pub [u8; 3]);

impl Currency {
    /// None: where no money is meant (ISO 4217).
    pub const NONE: Self = Self(*b"XXX");

    /// Whether it counts points. Their currencies begin with `QM` to `QZ`: ISO 4217 lets its codes begin with those of
    /// ISO 3166, which gives these to nobody for ever.
    #[must_use]
    pub const fn is_points(self) -> bool {
        matches!(self.0, [b'Q', b'M'..=b'Z', _])
    }

    /// The letters, where they are letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a transaction is for. Kinds are data: the protocol carries them, the provider knows their rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TransactionKind(pub u8);

impl TransactionKind {
    /// The payer pays the payee.
    pub const PURCHASE: Self = Self(1);
    /// The payee of an earlier purchase gives money of it back.
    pub const REFUND: Self = Self(2);
    /// An earlier transaction that is still held is called off.
    pub const CANCELLATION: Self = Self(3);
    /// How did an earlier transaction end? Answered in the response, which is the end of it.
    pub const INQUIRY: Self = Self(4);
    /// The provider answers a verifier's question about the holder of an identity or an access pass
    /// ([`crate::statement`]).
    pub const STATEMENT: Self = Self(5);
}

/// A member's part in a transaction. Roles are data, as kinds are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Role(pub u8);

impl Role {
    /// Whose account is debited.
    pub const PAYER: Self = Self(1);
    /// Whose account is credited.
    pub const PAYEE: Self = Self(2);
    /// Who asks about its own account.
    pub const INQUIRER: Self = Self(3);
    /// Who takes part and answers for payer and payee, without money of its own: a broker, a courier.
    pub const WITNESS: Self = Self(4);
    /// About whom a statement is.
    pub const HOLDER: Self = Self(5);
    /// Who asks for a statement.
    pub const VERIFIER: Self = Self(6);

    /// Whether the member's account may lose money. A role that is not known may do that.
    #[must_use]
    pub const fn may_be_debited(self) -> bool {
        !matches!(self, Self::PAYEE | Self::INQUIRER | Self::WITNESS | Self::HOLDER | Self::VERIFIER)
    }
}

/// A member as the provider vouches for it to the others: its number and the verified name of its account's holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party<'a> {
    /// The member's number in the group.
    pub number: Number,
    /// The name, at most [`limits::NAME_MAX`] bytes.
    pub name: &'a str,
}

/// The verified members of a group, in ascending order of their numbers.
pub type Parties<'a> = heapless::Vec<Party<'a>, { limits::PEERS_MAX }>;

/// Members by their numbers, in ascending order.
pub type Numbers = heapless::Vec<Number, { limits::PEERS_MAX }>;

/// Why a provider refuses a member that it has verified: a code for programs, a line for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason<'a> {
    /// What is wrong, for a program.
    pub code: ReasonCode,
    /// What is wrong and what to do, for a person; at most [`limits::LINE_MAX`] bytes.
    pub line: &'a str,
}

impl Reason<'_> {
    /// Refuses a line above its limit.
    pub(crate) const fn check(&self) -> Result<(), Malformed> {
        at_most(self.line.as_bytes(), limits::LINE_MAX, "line")
    }
}

/// The codes of a [`Reason`]. A code keeps its meaning for ever; a new meaning gets a new code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReasonCode(pub u16);

impl ReasonCode {
    /// The provider does not know the key, and demands a registered or an endorsed one.
    pub const UNKNOWN_MEMBER: Self = Self(1);
    /// The combination of options is not permitted, or not all members of a group agree on it.
    pub const OPTIONS: Self = Self(2);
    /// The account is not known, or its proof is wrong, or it is not the one whose name the others were given.
    pub const ACCOUNT: Self = Self(3);
    /// The members do not agree on kind, amount, currency, question or on each other.
    pub const DISAGREEMENT: Self = Self(4);
    /// The account does not hold the money.
    pub const INSUFFICIENT_FUNDS: Self = Self(5);
    /// The kind of transaction is not served, or not for this instrument.
    pub const NOT_SERVED: Self = Self(6);
    /// The amount is zero or above a limit.
    pub const AMOUNT: Self = Self(7);
    /// The account is in another currency.
    pub const CURRENCY: Self = Self(8);
    /// The transaction that is referred to is not known, or not one of this member's.
    pub const REFERENCE: Self = Self(9);
    /// The account is blocked or closed.
    pub const ACCOUNT_CLOSED: Self = Self(10);
    /// No payment is left: the cheque book is empty.
    pub const USED_UP: Self = Self(11);
    /// The members ask the same, and it is no question that can be asked.
    pub const QUESTION: Self = Self(12);
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The money moved, for good.
    Posted,
    /// Nothing moved and nothing is held.
    Released,
}
