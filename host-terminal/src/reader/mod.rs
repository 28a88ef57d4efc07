//! Readers: whatever a card can be reached through, behind one trait.

mod tcp;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

pub use self::tcp::{ANSWER_TIME, CONNECT_TIME, TcpReader};

/// What a reader will have answered. Boxed, so that which kind of reader it is can be chosen at run time.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, ReaderError>> + Send + 'a>>;

/// A card that has power, and the way to it.
///
/// One command is under way at a time. A future that is dropped before it is ready may leave the card in the middle of
/// a command: every later call then fails with [`ReaderError::Closed`].
pub trait Reader: Send {
    /// The card's answer to reset (ISO/IEC 7816-3, 8.2).
    fn atr(&self) -> &[u8];

    /// Sends a command APDU and returns the response APDU, two bytes at least.
    fn transmit<'a>(&'a mut self, command: &'a [u8]) -> Pending<'a, Vec<u8>>;

    /// Resets the card: everything that it does not keep over power-off is gone.
    fn reset(&mut self) -> Pending<'_, ()>;
}

/// HOST:PORT out of the tcp://HOST:PORT that people write.
#[must_use]
pub fn tcp_address(text: &str) -> Option<&str> {
    text.strip_prefix("tcp://")
}

/// Why a reader gave no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReaderError {
    /// Nobody listens there.
    #[error("no reader at {address}: {source}")]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What the network said.
        source: io::Error,
    },
    /// Another program has the card.
    #[error("the reader is in use by another program")]
    Busy,
    /// There is no card in the reader.
    #[error("there is no card in the reader")]
    Removed,
    /// The card stopped in the middle of a command, as when power fails; reset it.
    #[error("the card stopped answering; it must be reset")]
    Mute,
    /// The card has no power; reset it.
    #[error("the card has no power; it must be reset")]
    NotPowered,
    /// The reader's host could not store what the card wrote.
    #[error("the reader's host could not store what the card wrote; see the reader's log")]
    Storage,
    /// No answer within the time allowed.
    #[error("no answer from the reader within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The connection broke.
    #[error("the connection to the reader broke: {0}")]
    Broken(#[from] io::Error),
    /// An earlier failure ended the connection.
    #[error("the connection to the reader was closed by an earlier failure")]
    Closed,
    /// The command is longer than any APDU.
    #[error("the command has {0} bytes, more than any APDU")]
    CommandTooLong(usize),
    /// The other side does not speak the reader's language.
    #[error("this is not a reader, or one of another version: {0}")]
    Protocol(&'static str),
}
