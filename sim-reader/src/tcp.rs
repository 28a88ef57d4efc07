//! A card as a process of its own: the frames of [`apdu_spec::link`] over TCP, one driver at a time.
//!
//! A second driver is told that the card is in use. When the driver goes, however it goes, the card loses its power; a
//! command that had begun is finished first, as on a card whose reader is pulled out a moment later.

use std::future::Future;
use std::io;
use std::time::Duration;

use apdu_spec::link::{HEADER_LENGTH, Header, Kind, Refusal, VERSION};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::card::{CardError, Medium, SoftwareCard};

/// How long a driver may say nothing before the card is free for another.
pub const IDLE_TIME: Duration = Duration::from_secs(30 * 60);
/// How long a frame may take once its first byte is there, and an answer until the driver takes it.
pub const FRAME_TIME: Duration = Duration::from_secs(10);
/// How long a refused driver may take to hear it.
pub const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// How long a driver that comes waits for the one before it to be gone: it may have closed its connection, and this
/// side not know it yet.
pub const PARTING_TIME: Duration = Duration::from_millis(100);
/// Connections at a time, the driver's and those being refused; more are closed unheard.
pub const CONNECTIONS_MAX: usize = 16;

/// A pause after a failure to accept, as when the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the card until `stop` is ready; a command under way is finished.
pub async fn serve<F: Medium>(listener: TcpListener, mut card: SoftwareCard<F>, stop: impl Future<Output = ()>) {
    let serving = async {
        let mut refused = JoinSet::new();
        let mut driver = accept(&listener).await;
        loop {
            let next = attend(driver, &mut card, &listener, &mut refused).await;
            driver = match next {
                Some(stream) => stream,
                None => accept(&listener).await,
            };
        }
    };
    tokio::select! {
        biased;
        () = stop => {}
        () = serving => {}
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Lets a driver have the card until it goes, and sends others away. Gives the next one, if it came meanwhile.
async fn attend<F: Medium>(
    stream: TcpStream,
    card: &mut SoftwareCard<F>,
    listener: &TcpListener,
    refused: &mut JoinSet<()>,
) -> Option<TcpStream> {
    let driving = drive(BufReader::new(stream), card);
    tokio::pin!(driving);
    loop {
        let next = tokio::select! {
            biased;
            sent_away = &mut driving => return end(sent_away, None, refused),
            stream = accept(listener) => stream,
            Some(_) = refused.join_next() => continue,
        };
        match timeout(PARTING_TIME, &mut driving).await {
            Ok(sent_away) => return end(sent_away, Some(next), refused),
            Err(_) => send_away(BufReader::new(next), Refusal::Busy, refused),
        }
    }
}

/// Ends with a driver: tells it why, where it is sent away. Gives the next one.
fn end(
    sent_away: Option<(BufReader<TcpStream>, Refusal)>,
    next: Option<TcpStream>,
    refused: &mut JoinSet<()>,
) -> Option<TcpStream> {
    if let Some((stream, refusal)) = sent_away {
        send_away(stream, refusal, refused);
    }
    next
}

/// Tells a driver why, beside whatever else goes on.
fn send_away(mut stream: BufReader<TcpStream>, refusal: Refusal, refused: &mut JoinSet<()>) {
    if refused.len() + 1 >= CONNECTIONS_MAX {
        return tracing::warn!("too many connections at a time");
    }
    tracing::info!(?refusal, "a driver was sent away");
    refused.spawn(async move {
        // Whoever does not listen does not hear it.
        let _ = timeout(REFUSAL_TIME, refuse(&mut stream, refusal)).await;
    });
}

/// Why a connection ends before the driver ends it.
enum Ending {
    Refused(Refusal),
    Lost(io::Error),
}

impl From<io::Error> for Ending {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

/// Gives the connection back if the driver is to be sent away.
async fn drive<F: Medium>(
    mut stream: BufReader<TcpStream>,
    card: &mut SoftwareCard<F>,
) -> Option<(BufReader<TcpStream>, Refusal)> {
    let outcome = converse(&mut stream, card).await;
    card.power_off();
    match outcome {
        Ok(()) => None,
        Err(Ending::Refused(refusal)) => Some((stream, refusal)),
        Err(Ending::Lost(error)) => {
            tracing::info!(%error, "the driver is gone");
            None
        }
    }
}

async fn converse<F: Medium>(stream: &mut BufReader<TcpStream>, card: &mut SoftwareCard<F>) -> Result<(), Ending> {
    // An answer is one write, and the driver waits for it: nothing is gained by waiting for more to send.
    stream.get_ref().set_nodelay(true)?;
    while let Some((kind, body)) = receive(stream).await? {
        // A command takes milliseconds and there is one driver: it runs where it is.
        let frame = match perform(card, kind, &body) {
            Ok((kind, body)) => frame(kind, &body),
            Err(Refusal::Malformed) => return Err(Ending::Refused(Refusal::Malformed)),
            Err(refusal) => frame(Kind::Refused, &[refusal as u8]),
        };
        within(FRAME_TIME, stream.write_all(&frame)).await?;
    }
    Ok(())
}

/// The next request; `None` when the driver has closed the connection between two of them.
async fn receive(stream: &mut BufReader<TcpStream>) -> Result<Option<(Kind, Vec<u8>)>, Ending> {
    let mut first = [0; 1];
    if within(IDLE_TIME, stream.read(&mut first)).await? == 0 {
        return Ok(None);
    }
    timeout(FRAME_TIME, receive_rest(stream, first))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
        .map(Some)
}

async fn receive_rest(stream: &mut BufReader<TcpStream>, [kind]: [u8; 1]) -> Result<(Kind, Vec<u8>), Ending> {
    let mut length = [0; HEADER_LENGTH - 1];
    stream.read_exact(&mut length).await?;
    let [high, middle, low] = length;
    let header = Header::parse([kind, high, middle, low]).map_err(|_| Ending::Refused(Refusal::Malformed))?;
    let mut body = vec![0; header.length()];
    stream.read_exact(&mut body).await?;
    Ok((header.kind, body))
}

fn perform<F: Medium>(card: &mut SoftwareCard<F>, kind: Kind, body: &[u8]) -> Result<(Kind, Vec<u8>), Refusal> {
    let done = Ok((Kind::Done, Vec::new()));
    match (kind, body) {
        (Kind::PowerOn, [VERSION]) => Ok((Kind::Atr, card.power_on().map_err(refusal)?.to_vec())),
        (Kind::Reset, []) => Ok((Kind::Atr, card.reset().map_err(refusal)?.to_vec())),
        (Kind::Transmit, command) => Ok((Kind::Answer, card.transmit(command).map_err(refusal)?)),
        (Kind::PowerOff, []) => {
            card.power_off();
            done
        }
        (Kind::Insert, []) => {
            card.insert();
            done
        }
        (Kind::Remove, []) => {
            card.remove();
            done
        }
        (Kind::Presence, [held @ (0 | 1)]) => {
            card.set_user_present(*held == 1);
            done
        }
        (
            Kind::PowerOn
            | Kind::Reset
            | Kind::PowerOff
            | Kind::Insert
            | Kind::Remove
            | Kind::Presence
            | Kind::Done
            | Kind::Atr
            | Kind::Answer
            | Kind::Refused,
            _,
        ) => Err(Refusal::Malformed),
    }
}

fn refusal(error: CardError) -> Refusal {
    tracing::warn!(%error, "no answer from the card");
    match error {
        CardError::Removed => Refusal::Removed,
        CardError::NotPowered => Refusal::NotPowered,
        CardError::Mute | CardError::Boot(_) => Refusal::Mute,
        CardError::Storage(_) => Refusal::Storage,
    }
}

/// Says why, and takes what the driver still sends: closing over unread bytes would throw the answer away.
async fn refuse(stream: &mut BufReader<TcpStream>, refusal: Refusal) -> io::Result<()> {
    stream.write_all(&frame(Kind::Refused, &[refusal as u8])).await?;
    stream.shutdown().await?;
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? != 0 {}
    Ok(())
}

/// A whole frame. The card's answers are shorter than the longest body, so the header always exists.
fn frame(kind: Kind, body: &[u8]) -> Vec<u8> {
    let header = Header::new(kind, body.len()).map(Header::encode);
    debug_assert!(header.is_some(), "a response is shorter than the longest command");
    [header.unwrap_or_default().as_slice(), body].concat()
}

async fn within<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(time, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
