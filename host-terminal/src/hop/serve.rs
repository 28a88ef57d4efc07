//! The hops below: any number of connections, each with many requests at once.
//!
//! What all of them together may take of memory: a message that is read and one that waits for each connection, and one
//! with its answer for each place.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::downstream::{FIRST_REQUEST_TIME, Listener};
use super::frame::{self, Arriving, Frame};
use super::{HopError, Upstream};
use crate::observe::{Observer, Tap};
use crate::words;

/// Connections at a time; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 64;

/// Requests at a time, of all connections, until their answers are sent; further ones wait.
pub const REQUESTS_MAX: usize = 256;

/// How long a connection may say nothing once it has said something.
pub const IDLE_TIME: Duration = Duration::from_secs(300);

/// A pause after a failure to accept, as when the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// This is the answer.
    Answer(Vec<u8>),
    /// There is none. Whoever asked has stopped waiting.
    Nothing,
    /// There is none because the way there broke, and so the connection that the request came on ends: whoever asked
    /// knows from it, and may ask again.
    Broken,
}

/// Answers requests from below.
pub trait Answering: Send + Sync + 'static {
    /// The answer to one of them.
    fn answer(&self, request: Vec<u8>) -> impl Future<Output = Reply> + Send;
}

/// Forwards every request as it is and gives back what comes for it: a router, which adds nothing.
pub struct Router(pub Upstream);

impl Answering for Router {
    async fn answer(&self, request: Vec<u8>) -> Reply {
        match self.0.ask(&request).await {
            Ok(answer) => Reply::Answer(answer),
            Err(HopError::TimedOut(_)) => Reply::Nothing,
            Err(_) => Reply::Broken,
        }
    }
}

/// Serves whoever connects until `closing` is ready, and then what was asked before. `here` is what this place is
/// called in events. Dropped, it ends at once.
pub async fn serve(
    listener: Listener,
    answering: Arc<impl Answering>,
    observer: Arc<dyn Observer>,
    here: Arc<str>,
    closing: impl Future<Output = ()>,
) {
    let (close, closed) = watch::channel(false);
    let places = Arc::new(Semaphore::new(REQUESTS_MAX));
    let mut connections = JoinSet::new();
    let mut count = 0_u64;
    tokio::pin!(closing);
    loop {
        tokio::select! {
            () = &mut closing => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.next(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok(stream) => {
                    count += 1;
                    let tap = Tap::new(Arc::clone(&observer), Arc::clone(&here), format!("connection {count}"));
                    let connection = Connection::new(stream, Arc::clone(&answering), Arc::clone(&places), tap);
                    connections.spawn(connection.run(closed.clone()));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    close.send_replace(true);
    while connections.join_next().await.is_some() {}
}

/// A connection from below.
struct Connection<A> {
    answering: Arc<A>,
    places: Arc<Semaphore>,
    tap: Tap,
    output: OwnedWriteHalf,
    arriving: Arriving,
    /// A request that came and has no place yet.
    waiting: Option<Frame>,
    under_way: JoinSet<Outgoing>,
}

/// What became of a request, which keeps its place until that is sent.
struct Outgoing {
    number: u64,
    since: Instant,
    reply: Reply,
    _place: OwnedSemaphorePermit,
}

impl<A: Answering> Connection<A> {
    fn new(stream: TcpStream, answering: Arc<A>, places: Arc<Semaphore>, tap: Tap) -> Self {
        let (input, output) = stream.into_split();
        let arriving = frame::read_all(input, FIRST_REQUEST_TIME, IDLE_TIME, 1);
        Self { answering, places, tap, output, arriving, waiting: None, under_way: JoinSet::new() }
    }

    /// Until the other side goes or the way to an answer breaks; with it goes what is under way.
    async fn run(mut self, mut closed: watch::Receiver<bool>) {
        loop {
            let is_closed = *closed.borrow();
            if is_closed && self.waiting.is_none() && self.under_way.is_empty() {
                return;
            }
            tokio::select! {
                Ok(()) = closed.changed() => {}
                Some(Ok(outgoing)) = self.under_way.join_next() => if self.send(outgoing).await.is_err() { return },
                place = Arc::clone(&self.places).acquire_owned(), if self.waiting.is_some() => {
                    let Ok(place) = place else { return };
                    self.begin(place);
                }
                frame = self.arriving.next(), if self.waiting.is_none() && !is_closed => match frame {
                    Ok(frame) => self.waiting = Some(frame),
                    Err(_) => return,
                },
            }
        }
    }

    fn begin(&mut self, place: OwnedSemaphorePermit) {
        let Some(Frame { number, message }) = self.waiting.take() else { return };
        self.tap.received(words::message(&message), &message, None);
        let (since, answering) = (Instant::now(), Arc::clone(&self.answering));
        self.under_way.spawn(async move {
            let reply = answering.answer(message).await;
            Outgoing { number, since, reply, _place: place }
        });
    }

    async fn send(&mut self, outgoing: Outgoing) -> Result<(), HopError> {
        match outgoing.reply {
            Reply::Answer(message) => {
                self.tap.sent(words::message(&message), &message, Some(outgoing.since.elapsed()));
                frame::write(&mut self.output, outgoing.number, &message).await
            }
            Reply::Nothing => Ok(()),
            Reply::Broken => Err(HopError::Closed),
        }
    }
}
