//! The connection to a reader's slot, and its frames.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_tcp_quickack;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use zeroize::{Zeroize, Zeroizing};

/// How long connecting may take.
pub const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long a frame may take once its first byte is there, and an answer until the reader takes it.
pub const FRAME_TIME: Duration = Duration::from_secs(10);
/// How long a reader that has the card may say nothing. pcscd asks every 400 ms whether the card is still there.
pub const SILENCE_TIME: Duration = Duration::from_secs(10);

/// Bytes of a frame's length.
const LENGTH: usize = 2;
/// The longest frame.
const FRAME_MAX: usize = LENGTH + 65_535;

/// Connects to a reader.
pub(super) async fn connect(reader: (&str, u16)) -> io::Result<tokio::net::TcpStream> {
    let connecting = tokio::net::TcpStream::connect(reader);
    timeout(CONNECT_TIME, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Waits until the reader says something, however long that takes.
pub(super) async fn listen(stream: &mut tokio::net::TcpStream) -> io::Result<()> {
    match stream.read(&mut [0; LENGTH]).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// A connection to a reader's slot whose every wait blocks the thread: for each command, that is half of the time that
/// waiting for several things at once takes.
pub(super) struct Slot {
    stream: TcpStream,
    /// What has come and was not yet taken, at the front.
    buffer: Zeroizing<Vec<u8>>,
    filled: usize,
}

impl Slot {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        // An answer is one write, and the reader waits for it: nothing is gained by waiting for more to send.
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE_TIME))?;
        stream.set_write_timeout(Some(FRAME_TIME))?;
        Ok(Self { stream, buffer: Zeroizing::new(vec![0; FRAME_MAX]), filled: 0 })
    }

    /// The next frame's body, at most 65,535 bytes.
    pub(super) fn receive(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        if self.filled == 0 {
            // Debian's reader writes a frame's length and its body apart, and its kernel holds the body back until the
            // length is acknowledged. Ours would do that 40 ms later, and forgets with each answer that it is not to.
            set_tcp_quickack(&self.stream, true)?;
            self.fill()?;
        }
        let began = Instant::now();
        loop {
            if let Some(body) = self.take() {
                return Ok(body);
            }
            if began.elapsed() > FRAME_TIME {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.fill()?;
        }
    }

    /// Sends a frame. A body longer than a frame is an error.
    pub(super) fn send(&mut self, body: &[u8]) -> io::Result<()> {
        let length = u16::try_from(body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let frame = Zeroizing::new([&length.to_be_bytes(), body].concat());
        // It waits until all of it is on its way: what is missing is late.
        let sent = self.stream.write(&frame).map_err(late)?;
        if sent == frame.len() { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }

    /// The body of the frame that is at the front, if all of it is there.
    fn take(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let received = self.buffer.get(..self.filled)?;
        let (length, rest) = received.split_first_chunk::<LENGTH>()?;
        let length = u16::from_be_bytes(*length).into();
        let body = Zeroizing::new(rest.get(..length)?.to_vec());
        self.buffer.copy_within(LENGTH + length..self.filled, 0);
        let left = self.filled - LENGTH - length;
        self.buffer.get_mut(left..self.filled)?.zeroize();
        self.filled = left;
        Some(body)
    }

    /// Takes in what comes next.
    fn fill(&mut self) -> io::Result<()> {
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        match self.stream.read(free).map_err(late)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.filled += count;
                Ok(())
            }
        }
    }
}

/// A socket whose time is over says that it would block.
fn late(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}
