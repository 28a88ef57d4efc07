//! The server: frames in, frames out, over TCP.
//!
//! Each connection has a reader and a writer; each request is a task, so that many share one connection and an answer
//! goes out when it is ready. What does not verify gets the one uniform refusal, at a bounded rate for each connection.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::frame::{FrameHeader, HEADER_LENGTH};
use protocol::message::{Kind, bare};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::engine::{Engine, Refusal};
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// Connections at a time; further ones wait to be accepted.
pub const CONNECTIONS_MAX: usize = 1024;

/// Requests at a time on one connection; further ones wait to be read.
pub const REQUESTS_MAX: usize = 256;

/// How long a connection may be silent.
pub const IDLE_MAX: Duration = Duration::from_secs(300);

/// How long a started frame, or one answer's way out, may take.
pub const FRAME_TIME_MAX: Duration = Duration::from_secs(20);

/// Uniform refusals that a connection gets at once; later ones come one each [`REFUSAL_INTERVAL`].
pub const REFUSALS_AT_ONCE: u32 = 32;

/// See [`REFUSALS_AT_ONCE`].
pub const REFUSAL_INTERVAL: Duration = Duration::from_millis(100);

/// How often what is past its time is ended.
pub const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// Serves until `stop` resolves.
pub async fn serve<S: Store>(engine: Arc<Engine<S>>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut expiry = tokio::time::interval(EXPIRY_INTERVAL);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            _ = expiry.tick() => expire(&engine).await,
            Some(_) = connections.join_next() => {}
            (stream, place) = accept(&listener, &places) => {
                let engine = Arc::clone(&engine);
                connections.spawn(async move {
                    connection(engine, stream).await;
                    drop(place);
                });
            }
        }
    }
    // Whoever waits for an answer finds the connection closed and sends the same bytes again, later.
    connections.shutdown().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<tokio::sync::OwnedSemaphorePermit>) {
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            // Out of file descriptors or the like: not for ever, and no reason to spin.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn expire<S: Store>(engine: &Engine<S>) {
    match engine.expire(Timestamp::now()).await {
        Ok(0) => {}
        Ok(ended) => tracing::debug!(ended, "ended what was past its time"),
        Err(error) => tracing::error!(%error, "cannot end what is past its time"),
    }
}

async fn connection<S: Store>(engine: Arc<Engine<S>>, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let (read, write) = stream.into_split();
    let (answers, outgoing) = mpsc::channel(REQUESTS_MAX);
    let writer = tokio::spawn(write_answers(write, outgoing));
    if let Err(error) = read_requests(engine, read, answers).await {
        tracing::debug!(%error, "connection ended");
    }
    let _ = writer.await;
}

/// An answer on its way out.
struct Outgoing {
    number: u64,
    message: Vec<u8>,
}

async fn read_requests<S: Store>(
    engine: Arc<Engine<S>>,
    read: OwnedReadHalf,
    answers: mpsc::Sender<Outgoing>,
) -> std::io::Result<()> {
    let mut read = BufReader::new(read);
    let places = Arc::new(Semaphore::new(REQUESTS_MAX));
    let refusals = Arc::new(Mutex::new(RefusalRate::new()));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        let Some((number, message)) = read_frame(&mut read).await? else { return Ok(()) };
        let (engine, refusals, answers) = (Arc::clone(&engine), Arc::clone(&refusals), answers.clone());
        tokio::spawn(async move {
            let answer = answer(&engine, &refusals, number, &message).await;
            // The writer is gone when the connection is: nobody waits for this answer any more.
            if let Some(answer) = answer {
                let _ = answers.send(answer).await;
            }
            drop(place);
        });
    }
}

/// The next frame; `None` where the peer closed between frames.
async fn read_frame(read: &mut BufReader<OwnedReadHalf>) -> std::io::Result<Option<(u64, Vec<u8>)>> {
    let mut header = [0; HEADER_LENGTH];
    match tokio::time::timeout(IDLE_MAX, read.read_exact(&mut header)).await? {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    };
    let header =
        FrameHeader::parse(&header).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
    let mut message = vec![0; header.length];
    tokio::time::timeout(FRAME_TIME_MAX, read.read_exact(&mut message)).await??;
    Ok(Some((header.number, message)))
}

/// `None` where there is nothing honest to say: whether the request took effect is not known, and it may come again.
async fn answer<S: Store>(
    engine: &Engine<S>,
    refusals: &Mutex<RefusalRate>,
    number: u64,
    message: &[u8],
) -> Option<Outgoing> {
    let mut random = StdRng::from_rng(rand::thread_rng()).ok()?;
    match engine.answer(message, Timestamp::now(), &mut random).await {
        Ok(message) => Some(Outgoing { number, message }),
        Err(Refusal::Store(StoreError::Stopped | StoreError::Database(_))) => {
            tracing::error!("the store does not answer");
            None
        }
        Err(refusal) => {
            tracing::info!(%refusal, "refused");
            let next = refusals.lock().map(|mut refusals| refusals.next()).ok()?;
            tokio::time::sleep_until(next).await;
            Some(Outgoing { number, message: bare(Kind::Refused).to_vec() })
        }
    }
}

async fn write_answers(mut write: OwnedWriteHalf, mut outgoing: mpsc::Receiver<Outgoing>) -> std::io::Result<()> {
    while let Some(answer) = outgoing.recv().await {
        let header = FrameHeader { number: answer.number, length: answer.message.len() };
        let Ok(header) = header.encode() else { continue };
        let frame = [header.as_slice(), &answer.message].concat();
        tokio::time::timeout(FRAME_TIME_MAX, write.write_all(&frame)).await??;
    }
    Ok(())
}

/// Some refusals at once, then one an interval. Good answers are never held up by it.
struct RefusalRate {
    left: u32,
    next: Instant,
}

impl RefusalRate {
    fn new() -> Self {
        Self { left: REFUSALS_AT_ONCE, next: Instant::now() }
    }

    /// When the next refusal may go out.
    fn next(&mut self) -> Instant {
        let now = Instant::now();
        if self.left > 0 {
            self.left -= 1;
            return now;
        }
        self.next = self.next.max(now) + REFUSAL_INTERVAL;
        self.next
    }
}
