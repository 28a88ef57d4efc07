//! The side of whoever asks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{ANSWER_MAX, Answer, LINE_TIME, Report, Request};

/// The pause between two attempts to reach a process that may be about to start.
const PAUSE: Duration = Duration::from_millis(20);

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody is there.
    #[error("no process listens at {}: {found}; is `sim-reader vpcd --control` running there?", .path.display())]
    Nobody {
        /// Where it was looked for.
        path: PathBuf,
        /// What was found.
        found: io::Error,
    },
    /// The connection broke, or what came is no answer.
    #[error("no answer: {0}")]
    Lost(#[from] io::Error),
    /// The order was refused; nothing was done.
    #[error("refused: {0}")]
    Refused(String),
}

/// Asks the process that listens at `path`. One that is not there yet is waited for as long as the request waits.
///
/// # Errors
///
/// See [`ControlError`].
pub fn ask(path: &Path, request: &Request) -> Result<Vec<Report>, ControlError> {
    let patience = Duration::from_millis(request.wait_ms);
    let mut stream = connect(path, patience)?;
    stream.set_read_timeout(Some(patience + LINE_TIME))?;
    let line = serde_json::to_string(request).map_err(io::Error::from)? + "\n";
    stream.write_all(line.as_bytes())?;
    let mut answer = Vec::new();
    BufReader::new(stream.take(ANSWER_MAX)).read_until(b'\n', &mut answer)?;
    match serde_json::from_slice(&answer).map_err(io::Error::from)? {
        Answer::Cards(reports) => Ok(reports),
        Answer::Error(why) => Err(ControlError::Refused(why)),
    }
}

fn connect(path: &Path, patience: Duration) -> Result<UnixStream, ControlError> {
    let began = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            Err(found) if began.elapsed() >= patience || !may_come(&found) => {
                return Err(ControlError::Nobody { path: path.to_owned(), found });
            }
            Err(_) => sleep(PAUSE),
        }
    }
}

fn may_come(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
