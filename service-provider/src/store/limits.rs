//! The store's limits.

use std::time::Duration;

/// How long the store remembers a transaction after it was opened: its sessions, its answers, and that its nodes are
/// used up.
///
/// A node of a key exchange request can be replayed as long as the provider still holds the private key that opens its
/// cryptogram 1, so a descriptor's validity, overlap included, must be shorter than this.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The longest time from a key exchange to the end of its session, and from an approval to its time-out.
pub const PENDING_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of one transaction's sealed sessions.
pub const SESSION_MAX: usize = 256 * 1024;

/// Bytes of one stored answer.
pub const ANSWER_MAX: usize = protocol::limits::MESSAGE_MAX;

/// Further accounts in one transaction, beside the two that money moves between.
pub const PARTICIPANTS_MAX: usize = protocol::limits::MEMBERS_MAX;

/// Characters of an account number: those of the longest IBAN (ISO 13616).
pub const ACCOUNT_NUMBER_MAX: usize = 34;

/// Bytes of an account holder's name.
pub const NAME_MAX: usize = protocol::limits::NAME_MAX;

/// Bytes of an account's sealed secret.
pub const SEALED_SECRET_MAX: usize = 256;

/// Verification keys registered for one account.
pub const KEYS_MAX: usize = 16;

/// The highest balance of stored value, in minor units: 150.00 of most currencies, up to which the law of many places
/// lets electronic money be held by anybody.
pub const STORED_VALUE_MAX: u64 = 15_000;

/// Payments that an account may be limited to, such as cheques in a book.
pub const PAYMENTS_MAX: u64 = 10_000;

/// Attributes of one account.
pub const ATTRIBUTES_MAX: usize = 64;

/// Rows of one page of a list.
pub const PAGE_MAX: usize = 1000;

/// Transactions that one call of `expire` times out, and as many that it forgets.
pub const EXPIRE_MAX: usize = 256;

const _: () = {
    // Nothing is forgotten while money is held for it.
    assert!(RETENTION.as_secs() > 2 * PENDING_MAX.as_secs());
};
