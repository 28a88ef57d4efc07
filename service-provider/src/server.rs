//! The server: frames in, frames out, over TCP.
//!
//! Each connection has a reader and a writer; each request is a task, so that many share one connection and an answer
//! goes out when it is ready. What does not verify gets the one uniform refusal, at a bounded rate for each connection.
//! What all of them together may take of the machine's memory is in [`memory`].

pub mod memory;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::frame::{FrameHeader, HEADER_LENGTH};
use protocol::message::{Kind, bare};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::engine::{Engine, Refusal};
use crate::store::{Store, StoreError, limits};
use crate::time::Timestamp;
use memory::{Memory, Room};

/// Connections at a time; further ones wait to be accepted. With the database's files they stay below the 1024
/// descriptors that a process usually may have.
pub const CONNECTIONS_MAX: usize = 896;

/// Requests at a time on one connection, until their answers are sent; further ones wait to be read.
pub const REQUESTS_MAX: usize = 256;

/// How long a connection may be silent that has sent a frame; a new one has [`FRAME_TIME_MAX`].
pub const IDLE_MAX: Duration = Duration::from_secs(300);

/// How long the first frame's start, a started frame, or one answer's way out may take.
pub const FRAME_TIME_MAX: Duration = Duration::from_secs(20);

/// Uniform refusals that a connection gets at once; later ones come one each [`REFUSAL_INTERVAL`].
pub const REFUSALS_AT_ONCE: u32 = 32;

/// See [`REFUSALS_AT_ONCE`].
pub const REFUSAL_INTERVAL: Duration = Duration::from_millis(100);

/// How often what is past its time is ended.
pub const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// Serves until `stop` resolves.
///
/// # Errors
/// [`StoreError::Stopped`]: the store answers nobody any more. Whoever supervises this process starts it again.
pub async fn serve<S: Store>(
    engine: Arc<Engine<S>>,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), StoreError> {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let memory = Arc::new(Memory::new());
    let mut connections = JoinSet::new();
    // Beside the loop and not in it: a store that hangs must hold up neither connections nor the end.
    let expiry = expire_for_ever(&engine);
    tokio::pin!(stop, expiry);
    let ended = loop {
        tokio::select! {
            () = &mut stop => break Ok(()),
            error = &mut expiry => break Err(error),
            Some(_) = connections.join_next() => {}
            (stream, place) = accept(&listener, &places) => {
                let (engine, memory) = (Arc::clone(&engine), Arc::clone(&memory));
                connections.spawn(async move {
                    connection(engine, memory, stream).await;
                    drop(place);
                });
            }
        }
    };
    // Whoever waits for an answer finds the connection closed and sends the same bytes again, later.
    connections.shutdown().await;
    ended
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
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

/// Ends what is past its time, as fast as there is of it; returns when the store has stopped.
async fn expire_for_ever<S: Store>(engine: &Engine<S>) -> StoreError {
    let mut interval = tokio::time::interval(EXPIRY_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        loop {
            match engine.expire(Timestamp::now()).await {
                Ok(0) => break,
                Ok(ended) => {
                    tracing::debug!(ended, "ended what was past its time");
                    if ended < limits::EXPIRE_MAX {
                        break;
                    }
                }
                Err(StoreError::Stopped) => return StoreError::Stopped,
                Err(error) => {
                    tracing::error!(%error, "cannot end what is past its time");
                    break;
                }
            }
        }
    }
}

async fn connection<S: Store>(engine: Arc<Engine<S>>, memory: Arc<Memory>, stream: TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let (read, write) = stream.into_split();
    let (answers, outgoing) = mpsc::channel(REQUESTS_MAX);
    let writer = tokio::spawn(write_answers(write, outgoing));
    let gone = answers.clone();
    tokio::select! {
        result = read_requests(engine, &memory, read, answers) => {
            if let Err(error) = result {
                tracing::debug!(%error, "connection ended");
            }
        }
        // The peer takes no answers: its requests are not worth the work.
        () = gone.closed() => tracing::debug!("connection ended: the peer takes no answers"),
    }
    drop(gone);
    let _ = writer.await;
}

/// An answer on its way out, with its place and its room.
struct Outgoing {
    number: u64,
    message: Vec<u8>,
    _place: OwnedSemaphorePermit,
    _room: Room,
}

async fn read_requests<S: Store>(
    engine: Arc<Engine<S>>,
    memory: &Memory,
    read: OwnedReadHalf,
    answers: mpsc::Sender<Outgoing>,
) -> std::io::Result<()> {
    let mut read = BufReader::new(read);
    let places = Arc::new(Semaphore::new(REQUESTS_MAX));
    let refusals = Arc::new(Mutex::new(RefusalRate::new()));
    let mut patience = FRAME_TIME_MAX;
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        let Some((number, message, mut room)) = read_frame(&mut read, memory, patience).await? else { return Ok(()) };
        patience = IDLE_MAX;
        let (engine, refusals, answers) = (Arc::clone(&engine), Arc::clone(&refusals), answers.clone());
        tokio::spawn(async move {
            if let Some(message) = answer(&engine, &refusals, message, &mut room).await {
                room.keep(message.len());
                // The writer is gone when the connection is: nobody waits for this answer any more.
                let _ = answers.send(Outgoing { number, message, _place: place, _room: room }).await;
            }
        });
    }
}

/// The next frame, with room to answer it; `None` where the peer closed between frames.
async fn read_frame(
    read: &mut BufReader<OwnedReadHalf>,
    memory: &Memory,
    patience: Duration,
) -> std::io::Result<Option<(u64, Vec<u8>, Room)>> {
    let mut header = [0; HEADER_LENGTH];
    match tokio::time::timeout(patience, read.read_exact(&mut header)).await? {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    };
    let header =
        FrameHeader::parse(&header).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))?;
    let arriving = memory.to_arrive(header.length).await;
    let mut message = vec![0; header.length];
    tokio::time::timeout(FRAME_TIME_MAX, read.read_exact(&mut message)).await??;
    let room = memory.to_answer(header.length).await;
    drop(arriving);
    Ok(Some((header.number, message, room)))
}

/// `None` where there is nothing honest to say: whether the request took effect is not known, and it may come again.
async fn answer<S: Store>(
    engine: &Engine<S>,
    refusals: &Mutex<RefusalRate>,
    message: Vec<u8>,
    room: &mut Room,
) -> Option<Vec<u8>> {
    let mut random = StdRng::from_rng(rand::thread_rng()).ok()?;
    let refusal = match engine.answer(&message, Timestamp::now(), &mut random).await {
        Ok(answer) => return Some(answer),
        Err(refusal) => refusal,
    };
    // A refusal may wait for its turn; what it refuses need not.
    drop(message);
    let bare = bare(Kind::Refused).to_vec();
    room.keep(bare.len());
    if matches!(refusal, Refusal::Store(StoreError::Stopped | StoreError::Database(_))) {
        tracing::error!(%refusal, "the store does not answer");
        return None;
    }
    tracing::info!(%refusal, "refused");
    let next = refusals.lock().map(|mut refusals| refusals.next()).ok()?;
    tokio::time::sleep_until(next).await;
    Some(bare)
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
