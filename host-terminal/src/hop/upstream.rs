//! The next hop up: many requests at once over one connection, which is made anew when it breaks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use super::HopError;
use super::frame::{self, Frame};
use crate::observe::Tap;
use crate::words;

/// How long the next hop may take to accept a connection.
pub const CONNECT_TIME: Duration = Duration::from_secs(5);

/// How long it may take for an answer, connecting and sending again included.
pub const ANSWER_TIME: Duration = Duration::from_secs(30);

/// How long to wait before a broken connection is made anew.
pub const RECONNECT_DELAY: Duration = Duration::from_millis(200);

/// Requests that wait for their answers at once.
pub const IN_FLIGHT_MAX: usize = 1024;

/// Frames that came and were not looked at yet.
const ARRIVED_MAX: usize = 16;

type Reply = oneshot::Sender<Result<Vec<u8>, HopError>>;

/// A connection to the next hop, shared by whoever has a clone of it. It is made with the first request.
#[derive(Clone)]
pub struct Upstream {
    requests: mpsc::Sender<(Vec<u8>, Reply)>,
    tap: Tap,
}

impl Upstream {
    /// To `address` ("host:port"). A request whose connection breaks is sent again, the same bytes, until it was sent
    /// `attempts` times: the next hop must answer the same bytes with the same answer where this is more than once.
    #[must_use]
    pub fn new(address: &str, attempts: u32, tap: Tap) -> Self {
        let (requests, receiver) = mpsc::channel(IN_FLIGHT_MAX);
        let connection = Connection { address: address.to_owned(), attempts, next: 1, waiting: BTreeMap::new() };
        tokio::spawn(connection.run(receiver));
        Self { requests, tap }
    }

    /// Sends a request and gives its answer.
    ///
    /// # Errors
    /// [`HopError`].
    pub async fn ask(&self, message: &[u8]) -> Result<Vec<u8>, HopError> {
        self.tap.sent(words::message(message), message, None);
        let began = Instant::now();
        let (reply, answer) = oneshot::channel();
        self.requests.try_send((message.to_vec(), reply)).map_err(|_| HopError::Busy)?;
        let answer = timeout(ANSWER_TIME, answer).await.map_err(|_| HopError::TimedOut(ANSWER_TIME))?;
        let answer = answer.map_err(|_| HopError::Closed)??;
        self.tap.received(words::message(&answer), &answer, Some(began.elapsed()));
        Ok(answer)
    }
}

struct Connection {
    address: String,
    attempts: u32,
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}

/// A request that waits for its answer.
struct Waiting {
    message: Vec<u8>,
    reply: Reply,
    attempts_left: u32,
}

impl Connection {
    async fn run(mut self, mut requests: mpsc::Receiver<(Vec<u8>, Reply)>) {
        loop {
            if self.waiting.is_empty() {
                let Some((message, reply)) = requests.recv().await else { return };
                self.keep(message, reply);
            }
            self.waiting.values_mut().for_each(|waiting| waiting.attempts_left -= 1);
            let failed = match self.connect().await {
                Ok(stream) => self.converse(stream, &mut requests).await,
                Err(error) => Err(error),
            };
            let Err(error) = failed else { return };
            if self.give_up(&error) {
                sleep(RECONNECT_DELAY).await;
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream, HopError> {
        let connected = timeout(CONNECT_TIME, TcpStream::connect(&self.address)).await;
        let connected = connected.map_err(|_| HopError::TimedOut(CONNECT_TIME))?;
        let stream = connected
            .map_err(|source| HopError::Unreachable { address: self.address.clone(), source: Arc::new(source) })?;
        // A request waits for its answer: there is never a second small packet to wait for.
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Sends what waits and what comes, and gives answers to who waits for them, until the connection fails. Ends
    /// without an error when nobody is left to ask.
    async fn converse(
        &mut self,
        stream: TcpStream,
        requests: &mut mpsc::Receiver<(Vec<u8>, Reply)>,
    ) -> Result<(), HopError> {
        let (input, mut output) = stream.into_split();
        // Each request has its own time; the connection may rest between them.
        let mut arriving = frame::read_all(input, Duration::MAX, Duration::MAX, ARRIVED_MAX);
        for (number, waiting) in &self.waiting {
            frame::write(&mut output, *number, &waiting.message).await?;
        }
        loop {
            tokio::select! {
                frame = arriving.next() => self.route(frame?)?,
                request = requests.recv() => match request {
                    Some((message, reply)) => self.send(&mut output, message, reply).await?,
                    None => return Ok(()),
                },
            }
        }
    }

    async fn send(&mut self, output: &mut OwnedWriteHalf, message: Vec<u8>, reply: Reply) -> Result<(), HopError> {
        let number = self.keep(message, reply);
        let Some(waiting) = self.waiting.get_mut(&number) else { return Ok(()) };
        waiting.attempts_left -= 1;
        frame::write(output, number, &waiting.message).await
    }

    fn keep(&mut self, message: Vec<u8>, reply: Reply) -> u64 {
        self.waiting.retain(|_, waiting| !waiting.reply.is_closed());
        let number = self.next;
        self.next += 1;
        let attempts_left = self.attempts.max(1);
        if self.waiting.len() < IN_FLIGHT_MAX {
            self.waiting.insert(number, Waiting { message, reply, attempts_left });
        } else {
            drop(reply.send(Err(HopError::Busy)));
        }
        number
    }

    fn route(&mut self, frame: Frame) -> Result<(), HopError> {
        match self.waiting.remove(&frame.number) {
            // Whoever asked may have stopped waiting.
            Some(waiting) => drop(waiting.reply.send(Ok(frame.message))),
            None if (1..self.next).contains(&frame.number) => {}
            None => return Err(HopError::UnknownNumber(frame.number)),
        }
        Ok(())
    }

    /// Tells those whose last attempt failed, and forgets those who stopped waiting; whether any are left.
    fn give_up(&mut self, error: &HopError) -> bool {
        for (number, waiting) in std::mem::take(&mut self.waiting) {
            if waiting.attempts_left == 0 {
                drop(waiting.reply.send(Err(error.clone())));
            } else if !waiting.reply.is_closed() {
                self.waiting.insert(number, waiting);
            }
        }
        !self.waiting.is_empty()
    }
}
