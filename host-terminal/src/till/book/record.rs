//! The lines of a day book: JSON, one a line, each what happened to one transaction.
//!
//! ```text
//! {"symbolon_day_book":1}
//! {"at":"2026-11-27T18:55:22.123Z","transaction":"..","opened":{"amount":1250,"currency":"EUR"}}
//! {"at":"..","transaction":"..","requested":{}}                   the request leaves
//! {"at":"..","transaction":"..","acknowledged":{"message":".."}}  this acknowledgment (hexadecimal) leaves
//! {"at":"..","transaction":"..","ended":{"how":"posted","code":null,"reason":"","parties":["Bakery"],"line":".."}}
//! ```

use jiff::Timestamp;
use protocol::amount::Amount;
use protocol::types::{Currency, ReasonCode, TransactionId};
use serde::{Deserialize, Serialize};

use super::{End, How};
use crate::card::Reason;

/// The first line; its number counts versions of this format.
pub(super) const HEADER: &str = "{\"symbolon_day_book\":1}\n";

/// The longest line, its end included: an acknowledgment of two members and more.
pub(super) const LINE_MAX: usize = 16 * 1024;

/// What happened to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) at: Timestamp,
    pub(super) transaction: TransactionId,
    pub(super) what: What,
}

/// See [`Record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Opened(Amount),
    Requested,
    Acknowledged(Vec<u8>),
    Ended(End),
}

impl Record {
    /// The line, with its end.
    pub(super) fn to_line(&self) -> String {
        let what = match &self.what {
            What::Opened(amount) => {
                Written::Opened { amount: amount.minor, currency: amount.currency.as_str().to_owned() }
            }
            What::Requested => Written::Requested {},
            What::Acknowledged(message) => Written::Acknowledged { message: message.clone() },
            What::Ended(end) => Written::Ended {
                how: end.how,
                code: end.reason.as_ref().map(|reason| reason.code.0),
                reason: end.reason.as_ref().map_or_else(String::new, |reason| reason.line.clone()),
                parties: end.parties.clone(),
                line: end.line.clone(),
            },
        };
        let line = Line { at: self.at.to_string(), transaction: *self.transaction.as_bytes(), what };
        format!("{}\n", serde_json::to_string(&line).unwrap_or_default())
    }

    /// Reads a line without its end; `None` for what is none.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let Line { at, transaction, what } = serde_json::from_slice(line).ok()?;
        let at = at.parse().ok()?;
        let what = match what {
            Written::Opened { amount, currency } => {
                What::Opened(Amount { minor: amount, currency: Currency::parse(&currency)? })
            }
            Written::Requested {} => What::Requested,
            Written::Acknowledged { message } => What::Acknowledged(message),
            Written::Ended { how, code, reason, parties, line } => {
                let reason = code.map(|code| Reason { code: ReasonCode(code), line: reason });
                What::Ended(End { at, how, reason, parties, line })
            }
        };
        Some(Self { at, transaction: TransactionId(transaction), what })
    }
}

/// A line as it is written.
#[derive(Serialize, Deserialize)]
struct Line {
    at: String,
    #[serde(with = "hex::serde")]
    transaction: [u8; 16],
    #[serde(flatten)]
    what: Written,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Opened {
        amount: u64,
        currency: String,
    },
    Requested {},
    Acknowledged {
        #[serde(with = "hex::serde")]
        message: Vec<u8>,
    },
    Ended {
        how: How,
        code: Option<u16>,
        reason: String,
        parties: Vec<String>,
        line: String,
    },
}
