//! The member's side of a transaction, as a card runs it: without an allocator, each state a value that its step
//! consumes.
//!
//! ```text
//! KeyExchange::request -> Unsigned -> combine -> Combining -> sign -> Awaiting<KeyExchangeSent>
//!   -> receive -> Established::request -> ... -> Awaiting<TransactionSent>
//!   -> receive -> Decided::acknowledge -> ... -> Awaiting<AcknowledgmentSent> -> receive -> the end
//! ```
//!
//! `receive` borrows its state: a message that does not verify changes nothing, and the right one is still awaited.
//! Everything that seals consumes its state: no key can seal twice.

mod acknowledgment;
mod key_exchange;
mod sign;
mod transaction;

pub use acknowledgment::{AcknowledgmentSent, FinalView};
pub use key_exchange::{Established, FreshKey, KeyExchange, KeyExchangeSent, KeyExchangeView, Peers};
#[cfg(feature = "alloc")]
pub(crate) use key_exchange::{cryptogram_1_info, cryptogram_2_info, endorsed};
pub use sign::{Awaiting, Combining, Complete, Unsigned};
pub use transaction::{Decided, TransactionSent, TransactionView};

use crate::crypto::{Crypto, PublicKey, Secret};
use crate::error::Rejected;
use crate::keys::SessionKeys;
use crate::message::response::{Single, Verified};
use crate::message::{Header, Kind};
use crate::types::{Digest, Number};

/// An account as the card holds it.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// Account information, unique to its provider.
    pub information: &'a [u8],
    /// What proves it.
    pub secret: &'a Secret<16>,
}

/// What stays the same from the key exchange to the end of the transaction. Cloned only when a response verifies: the
/// state before it stays until its owner replaces it.
#[derive(Clone)]
struct Session {
    /// The provider's verification key of the day.
    provider: PublicKey,
    header: Header,
    count: Number,
    keys: SessionKeys,
    /// The scalar of the key that signs for this member.
    signing: Secret<32>,
    /// Whether its signatures travel sealed.
    hidden: bool,
}

impl Session {
    /// The provider's part of `message` for this member, its proof and signature checked.
    fn verify<'m, C: Crypto>(&self, message: &'m [u8], kind: Kind, request: &Digest) -> Result<Verified<'m>, Rejected> {
        let verified = Single::parse(message, kind)?.verify::<C>(&self.provider, request)?;
        let same_place = verified.group == self.header.group && verified.count == self.count;
        if same_place && verified.number == self.header.number {
            Ok(verified)
        } else {
            Err(Rejected::NotForThis("the response"))
        }
    }
}

/// Refuses what the caller gives above its limit.
const fn at_most(bytes: &[u8], limit: usize, what: &'static str) -> Result<(), Rejected> {
    if bytes.len() <= limit { Ok(()) } else { Err(Rejected::TooLarge(what)) }
}
