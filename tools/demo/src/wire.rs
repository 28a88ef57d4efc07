//! Somebody on the way, who has the bytes that went by and can send any.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::frame::{FrameHeader, HEADER_LENGTH};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the provider.
pub(crate) struct Line {
    stream: TcpStream,
    asked: u64,
}

impl Line {
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("nobody answers at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, asked: 0 })
    }

    /// Sends a message and gives what comes back.
    pub(crate) fn ask(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        self.asked += 1;
        let header = FrameHeader { number: self.asked, length: message.len() }.encode()?;
        self.stream.write_all(&[header.as_slice(), message].concat())?;
        let mut header = [0; HEADER_LENGTH];
        self.stream.read_exact(&mut header)?;
        let header = FrameHeader::parse(&header)?;
        ensure!(header.number == self.asked, "an answer to another request");
        let mut answer = vec![0; header.length];
        self.stream.read_exact(&mut answer)?;
        Ok(answer)
    }
}
