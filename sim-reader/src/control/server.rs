//! The side of the process that has the cards.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::Mode;
use rustix::process::umask;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::{Answer, Controlled, LINE_TIME, Order, REQUEST_MAX, REQUESTS_MAX, Report, Request, WAIT_MAX};
use crate::hand::{Hand, Removal};

/// A pause after a failure to accept, as when the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Makes the socket, for its owner alone. One that a dead process left behind is replaced.
///
/// # Errors
///
/// The path is taken by a living process or by something else than a socket, or the socket cannot be made.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) => return Err(error),
        }
    }
    let usual = umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
    let listener = UnixListener::bind(path);
    umask(usual);
    listener
}

/// Carries out what others ask, for ever.
pub async fn serve(listener: &UnixListener, cards: Arc<[Controlled]>) {
    let mut requests = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = requests.join_next() => {}
            accepted = listener.accept(), if requests.len() < REQUESTS_MAX => match accepted {
                Ok((stream, _)) => drop(requests.spawn(attend(stream, Arc::clone(&cards)))),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn attend(mut stream: UnixStream, cards: Arc<[Controlled]>) {
    let answer = match timeout(LINE_TIME, receive(&mut stream)).await {
        Ok(Ok(request)) => perform(&request, &cards).await,
        Ok(Err(error)) => Answer::Error(format!("a request that cannot be understood: {error}")),
        Err(_) => Answer::Error("a request that does not end".to_owned()),
    };
    // What an answer consists of can always be written as JSON; whoever does not listen does not hear it.
    let line = serde_json::to_string(&answer).unwrap_or_default() + "\n";
    let _ = timeout(LINE_TIME, stream.write_all(line.as_bytes())).await;
}

async fn receive(stream: &mut UnixStream) -> io::Result<Request> {
    let mut line = Vec::new();
    let longest = u64::try_from(REQUEST_MAX).unwrap_or(u64::MAX);
    BufReader::new(stream.take(longest)).read_until(b'\n', &mut line).await?;
    Ok(serde_json::from_slice(&line)?)
}

async fn perform(request: &Request, cards: &[Controlled]) -> Answer {
    let is_chosen = |number| request.card.is_none_or(|card| card == number);
    let chosen: Vec<_> = cards.iter().enumerate().filter(|(number, _)| is_chosen(*number)).collect();
    if chosen.is_empty() {
        return Answer::Error(format!("there is no such card; they are counted from 0, and there are {}", cards.len()));
    }
    if matches!(request.order, Order::Plan { command: 0, .. }) {
        return Answer::Error("commands are counted from 1, which is the next".to_owned());
    }
    for (_, card) in &chosen {
        carry_out(request.order, &card.hand);
    }
    let until = Instant::now() + WAIT_MAX.min(Duration::from_millis(request.wait_ms));
    let mut reports = Vec::new();
    for (number, card) in chosen {
        if request.order.moves_the_card() {
            card.hand.settled(until.saturating_duration_since(Instant::now())).await;
        }
        reports.push(Report::new(number, card));
    }
    Answer::Cards(reports)
}

fn carry_out(order: Order, hand: &Hand) {
    match order {
        Order::Status => {}
        Order::Insert => hand.insert(),
        Order::Remove => hand.remove(),
        Order::Plan { command, moment } => hand.remove_at(Removal { command, moment }),
        Order::Press => hand.press(true),
        Order::Release => hand.press(false),
    }
}
