//! Messages between hops, in frames over TCP: up to the next hop, down to the one before.

mod downstream;
mod frame;
mod serve;
mod upstream;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::error::Malformed;

pub use downstream::{Downstream, FIRST_REQUEST_TIME, Listener, REQUEST_TIME};
pub use frame::{FRAME_TIME, Frame, read, write};
pub use serve::{Answering, CONNECTIONS_MAX, IDLE_TIME, REQUESTS_MAX, Reply, Router, serve};
pub use upstream::{ANSWER_TIME, CONNECT_TIME, IN_FLIGHT_MAX, RECONNECT_DELAY, Upstream};

/// Why a hop gives no message.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HopError {
    /// Nobody listens there.
    #[error("nobody answers at {address}: {source}")]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What the network said.
        source: Arc<io::Error>,
    },
    /// The address to listen at cannot be had.
    #[error("cannot listen at {address}: {cause}; is another program there?")]
    CannotListen {
        /// The address.
        address: String,
        /// What the network said.
        cause: Arc<io::Error>,
    },
    /// No answer within the time allowed.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(Arc<io::Error>),
    /// The other side ended the connection.
    #[error("the other side ended the connection")]
    Closed,
    /// The frame is longer than any message.
    #[error("what came is no message: {0}")]
    Malformed(#[from] Malformed),
    /// An answer to a request that was never made.
    #[error("an answer to request {0}, which was never made")]
    UnknownNumber(u64),
    /// Too many requests wait for their answers.
    #[error("too many requests wait for their answers")]
    Busy,
}

impl From<io::Error> for HopError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Closed } else { Self::Broken(Arc::new(error)) }
    }
}
