//! Frames on a byte stream.

use std::time::Duration;

use protocol::frame::{FrameHeader, HEADER_LENGTH};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
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
