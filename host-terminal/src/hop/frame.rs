//! Frames on a byte stream.

use std::time::Duration;

use protocol::frame::{FrameHeader, HEADER_LENGTH};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::HopError;

/// How long a frame may take from its first byte to its last, in either direction.
pub const FRAME_TIME: Duration = Duration::from_secs(10);

/// A message with its request's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The request's number on its connection.
    pub number: u64,
    /// The message.
    pub message: Vec<u8>,
}

/// The next frame, whose first byte must come within `wait`; `None` where the stream ends instead.
///
/// # Errors
/// [`HopError`]; after it, the stream is of no more use.
pub async fn read(input: &mut (impl AsyncRead + Unpin), wait: Duration) -> Result<Option<Frame>, HopError> {
    let mut header = [0; HEADER_LENGTH];
    let begun = timeout(wait, input.read(&mut header)).await.map_err(|_| HopError::TimedOut(wait))??;
    if begun == 0 {
        return Ok(None);
    }
    let frame = async {
        input.read_exact(header.get_mut(begun..).unwrap_or_default()).await?;
        let header = FrameHeader::parse(&header)?;
        // Memory grows with what comes, not with what is announced.
        let mut message = Vec::new();
        let length = u64::try_from(header.length).unwrap_or(u64::MAX);
        input.take(length).read_to_end(&mut message).await?;
        if message.len() < header.length {
            return Err(HopError::Closed);
        }
        Ok(Some(Frame { number: header.number, message }))
    };
    timeout(FRAME_TIME, frame).await.map_err(|_| HopError::TimedOut(FRAME_TIME))?
}

/// Writes a frame.
///
/// # Errors
/// [`HopError`]; after it, the stream is of no more use.
pub async fn write(output: &mut (impl AsyncWrite + Unpin), number: u64, message: &[u8]) -> Result<(), HopError> {
    let header = FrameHeader { number, length: message.len() }.encode()?;
    let whole = [header.as_slice(), message].concat();
    timeout(FRAME_TIME, output.write_all(&whole)).await.map_err(|_| HopError::TimedOut(FRAME_TIME))??;
    Ok(())
}

/// Frames as they come.
pub(super) struct Arriving {
    frames: mpsc::Receiver<Result<Frame, HopError>>,
    reader: JoinHandle<()>,
}

/// Reads frames in a task of its own, since reading must not be given up in the middle of one: the first must begin
/// within `first`, each later one within `later`. It reads no more than `ahead` that nobody has taken.
pub(super) fn read_all(
    mut input: impl AsyncRead + Unpin + Send + 'static,
    first: Duration,
    later: Duration,
    ahead: usize,
) -> Arriving {
    let (arriving, frames) = mpsc::channel(ahead);
    let reader = tokio::spawn(async move {
        let mut wait = first;
        loop {
            let frame = read(&mut input, wait).await.and_then(|frame| frame.ok_or(HopError::Closed));
            let is_last = frame.is_err();
            if arriving.send(frame).await.is_err() || is_last {
                return;
            }
            wait = later;
        }
    });
    Arriving { frames, reader }
}

impl Arriving {
    /// The next frame, or at last why there are no more. Nothing is lost when this is dropped before it is ready.
    pub(super) async fn next(&mut self) -> Result<Frame, HopError> {
        self.frames.recv().await.unwrap_or(Err(HopError::Closed))
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
