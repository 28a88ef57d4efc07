//! What every error means to a clerk: what happened, whether money moved, what to do now.
//!
//! Each match names every case, so that a new error does not compile without words.

use protocol::types::ReasonCode;

use super::book::{Entry, How};
use super::sale::Sold;
use crate::card::{CardError, Reason};
use crate::error::Error;
use crate::hop::HopError;
use crate::reader::ReaderError;
use crate::words::printable;
use crate::{PROVIDER, till::BookError};

/// Whether money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Money {
    /// It did.
    Moved,
    /// It did not, and will not.
    NotMoved,
    /// That is not known yet.
    Unknown,
}

impl Money {
    /// Of a sale as the book has it; of none, nothing moved.
    #[must_use]
    pub fn of(entry: Option<&Entry>) -> Self {
        match entry.map(|entry| entry.end().map(|end| end.how)) {
            Some(Some(How::Posted)) => Self::Moved,
            Some(None) => Self::Unknown,
            None | Some(Some(How::Declined | How::Released | How::NotDone)) => Self::NotMoved,
        }
    }

    /// In a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Moved => "The money has moved.",
            Self::NotMoved => "No money has moved.",
            Self::Unknown => "Whether money has moved is not known yet.",
        }
    }
}

/// What happened, and what to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What happened.
    pub what: String,
    /// What to do now.
    pub now: &'static str,
    /// More, for whoever looks after the till; often empty.
    pub detail: String,
    /// Whether the customer's card is out of the reader.
    pub card_is_out: bool,
}

impl Advice {
    fn new(what: impl Into<String>, now: &'static str) -> Self {
        Self { what: printable(&what.into()), now, detail: String::new(), card_is_out: false }
    }

    fn with(self, detail: &dyn std::fmt::Display) -> Self {
        Self { detail: printable(&detail.to_string()), ..self }
    }
}

/// What to do about money whose way is not known.
const WAIT: &str = "Do not hand over the goods yet. This till asks again by itself: see what is open (key O).";
const AGAIN: &str = "Try again.";
const SERVICE: &str = "Call whoever looks after this till.";
const ISSUER: &str = "The customer asks the card's issuer, or pays otherwise.";
const OTHERWISE: &str = "The customer pays with another card, or otherwise.";

/// What to say of a sale; nothing, where it went as it should.
#[must_use]
pub fn of_sale(sold: &Sold) -> Option<Advice> {
    let end = sold.entry.as_ref().and_then(Entry::end);
    if let Some(reason) = end.and_then(|end| end.reason.as_ref()) {
        return Some(of_reason(reason));
    }
    let advice = of_error(sold.error.as_ref()?);
    Some(match Money::of(sold.entry.as_ref()) {
        Money::NotMoved => advice,
        Money::Unknown => Advice { now: WAIT, ..advice },
        Money::Moved => Advice {
            now: "The payment is complete: hand over the goods. The card learns it the next time that it pays.",
            ..advice
        },
    })
}

/// Why the provider said no.
#[must_use]
pub fn of_reason(reason: &Reason) -> Advice {
    let now = match reason.code {
        ReasonCode::UNKNOWN_MEMBER | ReasonCode::ACCOUNT => "One of the cards is not known to the provider. Call it.",
        ReasonCode::OPTIONS | ReasonCode::DISAGREEMENT | ReasonCode::NOT_SERVED | ReasonCode::QUESTION => SERVICE,
        ReasonCode::INSUFFICIENT_FUNDS | ReasonCode::USED_UP | ReasonCode::ACCOUNT_CLOSED => OTHERWISE,
        ReasonCode::AMOUNT => "Check the amount. If it is right, the customer pays otherwise.",
        ReasonCode::CURRENCY => "One of the accounts is in another currency: the customer pays with another card.",
        ReasonCode::REFERENCE => "The provider does not know the payment. Call it.",
        _ => OTHERWISE,
    };
    Advice::new(&reason.line, now)
}

/// What an error means.
#[must_use]
pub fn of_error(error: &Error) -> Advice {
    let now = match error {
        Error::Card(error) => return with_shop_card(error),
        Error::CustomerCard(error) => return with_customer_card(error),
        Error::Hop { hop, source } => return with_hop(hop, source),
        Error::Book(error) => return with_book(error),
        Error::CalledOff => {
            return Advice::new("The sale was called off.", "Begin again when the customer is ready.");
        }
        Error::NoAccount(_) => return Advice::new("The card has no account with the shop's provider.", OTHERWISE),
        Error::Refused => AGAIN,
        Error::Misbehaved { .. } | Error::Stopped(_) | Error::Absent { .. } | Error::CustomerLeft => AGAIN,
        Error::NotInForce => "Set this computer's clock. If it is right, call the provider.",
        Error::AboveLimit { .. } | Error::LimitUnreadable { .. } => "Check the amount.",
        Error::PayeeUnknown => "Call the provider: it does not vouch for this shop's name.",
        Error::NotTold { .. } | Error::NotInJournal => "Call the provider and name the transaction.",
    };
    Advice::new(format!("{error}."), now)
}

fn with_shop_card(error: &CardError) -> Advice {
    let now = match error {
        CardError::Reader(error) => return with_shop_reader(error),
        CardError::WrongPin { .. } | CardError::NotTriedAgain => {
            "Correct the merchant card's PIN file, then start the till again. It is not tried twice."
        }
        CardError::PinBlocked => "The merchant's card is blocked. Call its issuer.",
        CardError::PinNotTyped(_) => AGAIN,
        CardError::Refused { .. } | CardError::Answer { .. } | CardError::TooLong(_) => SERVICE,
    };
    Advice::new(format!("The merchant's card: {error}."), now)
}

fn with_shop_reader(error: &ReaderError) -> Advice {
    let now = match error {
        ReaderError::Unreachable { .. }
        | ReaderError::Unplugged
        | ReaderError::NoService
        | ReaderError::Broken(_)
        | ReaderError::Closed => "Check the reader of the merchant's card and its cable, then try again.",
        ReaderError::Busy => "Another program uses the merchant's card. End it, then try again.",
        ReaderError::Removed
        | ReaderError::NoCard(_)
        | ReaderError::NotPowered
        | ReaderError::Mute
        | ReaderError::TimedOut(_) => "Put the merchant's card into its reader, then try again.",
        ReaderError::Storage
        | ReaderError::CommandTooLong(_)
        | ReaderError::Protocol(_)
        | ReaderError::NoPinpad
        | ReaderError::SecureChannel(_)
        | ReaderError::Software(_)
        | ReaderError::Pcsc(_) => SERVICE,
    };
    Advice::new(format!("The merchant's card: {error}."), now)
}

fn with_customer_card(error: &CardError) -> Advice {
    let (what, now) = match error {
        CardError::Reader(error) => return with_customer_reader(error),
        CardError::WrongPin { left } => (format!("The PIN was wrong; {left} left."), AGAIN),
        CardError::NotTriedAgain => ("The PIN was wrong before.".to_owned(), AGAIN),
        CardError::PinBlocked => ("The card's PIN is blocked.".to_owned(), ISSUER),
        CardError::PinNotTyped(why) => (format!("No PIN was typed: {why}."), AGAIN),
        CardError::Refused { .. } => (format!("The customer's card does not take part: {error}."), OTHERWISE),
        CardError::Answer { .. } => ("This is another kind of card.".to_owned(), OTHERWISE),
        CardError::TooLong(_) => (format!("The customer's card: {error}."), SERVICE),
    };
    Advice::new(what, now)
}

fn with_customer_reader(error: &ReaderError) -> Advice {
    let leave = "Try again, and leave the card in the reader until the till says so.";
    let (what, now) = match error {
        ReaderError::Removed | ReaderError::NotPowered | ReaderError::Mute => {
            return Advice { card_is_out: true, ..Advice::new("The card was removed too early.", leave) };
        }
        ReaderError::Broken(_)
        | ReaderError::Closed
        | ReaderError::Unreachable { .. }
        | ReaderError::Unplugged
        | ReaderError::NoService => {
            ("The card reader was disconnected.".to_owned(), "Check the reader's cable, then try again.")
        }
        ReaderError::NoCard(_) => ("No card came.".to_owned(), AGAIN),
        ReaderError::TimedOut(_) => ("The card stopped answering.".to_owned(), leave),
        ReaderError::Busy => ("Another program uses the card reader.".to_owned(), "End it, then try again."),
        ReaderError::Storage
        | ReaderError::CommandTooLong(_)
        | ReaderError::Protocol(_)
        | ReaderError::NoPinpad
        | ReaderError::SecureChannel(_)
        | ReaderError::Software(_)
        | ReaderError::Pcsc(_) => (format!("The card reader: {error}."), SERVICE),
    };
    Advice::new(what, now)
}

fn with_hop(hop: &str, error: &HopError) -> Advice {
    let now = match error {
        HopError::Unreachable { .. } | HopError::TimedOut(_) | HopError::Broken(_) | HopError::Closed => {
            "Check this computer's network, then try again."
        }
        HopError::Busy => AGAIN,
        HopError::CannotListen { .. } | HopError::Malformed(_) | HopError::UnknownNumber(_) => SERVICE,
    };
    let what = if hop == PROVIDER {
        "The payment provider cannot be reached."
    } else {
        "The other terminal cannot be reached."
    };
    Advice::new(what, now).with(error)
}

fn with_book(error: &BookError) -> Advice {
    let now = match error {
        BookError::Locked(_) => "Close the other till first.",
        BookError::Io { .. } => "Make room on this computer's disk, then try again.",
        BookError::Missing(_) | BookError::Damaged { .. } | BookError::Foreign(_) | BookError::OutOfOrder(_) => SERVICE,
        BookError::Full(_) => "Put the file aside and start the till again.",
    };
    Advice::new(format!("{error}."), now)
}
