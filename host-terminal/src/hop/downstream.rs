//! The hop below: it connects here and asks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use super::HopError;
use super::frame::{self, Frame};
use crate::observe::Tap;
use crate::words;

/// How long the hop below may take for its first request: others wait for their turn.
pub const FIRST_REQUEST_TIME: Duration = Duration::from_secs(10);

/// How long it may take for the next: a person decides in it.
pub const REQUEST_TIME: Duration = Duration::from_secs(120);

/// Where the hop below connects to.
pub struct Listener(TcpListener);

impl Listener {
    /// Listens at `address` ("host:port"; port 0 for any).
    ///
    /// # Errors
    /// [`HopError::CannotListen`] where the address cannot be had.
    pub async fn bind(address: &str) -> Result<Self, HopError> {
        let taken = |cause| HopError::CannotListen { address: address.to_owned(), cause: Arc::new(cause) };
        Ok(Self(TcpListener::bind(address).await.map_err(taken)?))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn address(&self) -> Result<SocketAddr, HopError> {
        Ok(self.0.local_addr()?)
    }

    /// The next that connects.
    ///
    /// # Errors
    /// The system has no more connections to give.
    pub async fn accept(&self, tap: Tap) -> Result<Downstream, HopError> {
        Ok(Downstream { stream: self.next().await?, tap, wait: FIRST_REQUEST_TIME, asked: None })
    }

    pub(super) async fn next(&self) -> Result<TcpStream, HopError> {
        let (stream, _) = self.0.accept().await?;
        // An answer is one write, and somebody waits for it: nothing is gained by waiting for more to send.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// A connection to the hop below, which asks one thing after the other.
pub struct Downstream {
    stream: TcpStream,
    tap: Tap,
    wait: Duration,
    asked: Option<(u64, Instant)>,
}

impl Downstream {
    /// The next request; `None` where the hop below ends the connection.
    ///
    /// # Errors
    /// [`HopError`].
    pub async fn request(&mut self) -> Result<Option<Vec<u8>>, HopError> {
        let Some(Frame { number, message }) = frame::read(&mut self.stream, self.wait).await? else {
            return Ok(None);
        };
        self.tap.received(words::message(&message), &message, None);
        self.wait = REQUEST_TIME;
        self.asked = Some((number, Instant::now()));
        Ok(Some(message))
    }

    /// Answers the request that came last. Without one, or once it is answered, there is nothing to do.
    ///
    /// # Errors
    /// [`HopError`].
    pub async fn answer(&mut self, message: &[u8]) -> Result<(), HopError> {
        let Some((number, since)) = self.asked.take() else { return Ok(()) };
        self.tap.sent(words::message(message), message, Some(since.elapsed()));
        frame::write(&mut self.stream, number, message).await
    }
}
