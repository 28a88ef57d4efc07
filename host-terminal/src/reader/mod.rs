//! Readers: whatever a card can be reached through, behind one trait.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`Place`] | where a card is, as people write it |
//! | [`TcpReader`] | a simulated card in another process |
//! | [`pcsc`] | real readers, and waiting for a card in one |
//! | [`foreign`] | what a card is that is not one of ours |

pub mod foreign;
pub mod pcsc;
mod place;
mod tcp;

use std::future::{Future, ready};
use std::io;
use std::pin::Pin;
use std::time::Duration;

pub use self::pcsc::{PcscReader, Waiting};
pub use self::place::{Place, PlaceUnreadable, Readers, Software};
pub use self::tcp::{CONNECT_TIME, TcpReader};

/// How long a card may take for one command: key generation and signatures on a slow card included.
pub const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Every response APDU ends with a status word.
const RESPONSE_MIN: usize = 2;

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

    /// Ready when the card was taken out; at once where this cannot be seen.
    fn taken_out(&mut self) -> Pending<'_, ()> {
        Box::pin(ready(Ok(())))
    }

    /// Whether the reader has keys of its own to type a PIN on (PC/SC part 10).
    fn has_pinpad(&self) -> bool {
        false
    }

    /// Has the user type the PIN of this number on the reader, which puts it into VERIFY; gives the card's response, or
    /// the reader's where the user did not type one ([`pcsc::pinpad`]). This program never has the PIN.
    fn verify_on_pinpad(&mut self, number: u8) -> Pending<'_, Vec<u8>> {
        let _ = number;
        Box::pin(ready(Err(ReaderError::NoPinpad)))
    }
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
    /// The PC/SC service does not run, or was restarted.
    #[error("the PC/SC service (pcscd) is gone")]
    NoService,
    /// The reader was unplugged.
    #[error("the reader was unplugged")]
    Unplugged,
    /// No card came.
    #[error("no card came within {} s", .0.as_secs())]
    NoCard(Duration),
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
    /// What protects the commands to the card failed, and nothing more is sent to it.
    #[error("the secure channel to the card failed: {0}")]
    SecureChannel(&'static str),
    /// The other side does not speak the reader's language.
    #[error("this is not a reader, or one of another version: {0}")]
    Protocol(&'static str),
    /// The reader has no keys to type a PIN on.
    #[error("the reader has no keys to type a PIN on")]
    NoPinpad,
    /// A card in this process cannot be used.
    #[error("the card in this process: {0}")]
    Software(String),
    /// PC/SC failed in another way.
    #[error("PC/SC: {0}")]
    Pcsc(::pcsc::Error),
}
