//! The driver's end of the frames, blocking and small; and the few commands that the tests of the virtual card use.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use apdu_spec::link::{HEADER_LENGTH, Header, Kind, Refusal, VERSION};

/// Bytes of the file that [`CREATE`] makes.
pub(crate) const FILE_LENGTH: usize = 64;
/// CREATE FILE: a transparent file 1001 of [`FILE_LENGTH`] bytes.
pub(crate) const CREATE: &[u8] =
    &[0x00, 0xE0, 0x00, 0x00, 0x0D, 0x62, 0x0B, 0x80, 0x02, 0x00, 0x40, 0x82, 0x01, 0x01, 0x83, 0x02, 0x10, 0x01];
/// SELECT of that file.
pub(crate) const SELECT: &[u8] = &[0x00, 0xA4, 0x00, 0x0C, 0x02, 0x10, 0x01];
/// READ BINARY of the whole selected file.
pub(crate) const READ: &[u8] = &[0x00, 0xB0, 0x00, 0x00, 0x40];
/// GET CHALLENGE of eight bytes.
pub(crate) const CHALLENGE: &[u8] = &[0x00, 0x84, 0x00, 0x00, 0x08];

/// UPDATE BINARY of the whole selected file.
pub(crate) fn update(fill: u8) -> Vec<u8> {
    [&[0x00, 0xD6, 0x00, 0x00, 0x40], [fill; FILE_LENGTH].as_slice()].concat()
}

/// A connection to a served card.
pub(crate) struct Driver(pub(crate) TcpStream);

impl Driver {
    /// Connects; an answer that does not come in ten seconds is an error.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self(stream))
    }

    /// Sends one frame and receives one.
    pub(crate) fn ask(&mut self, kind: Kind, body: &[u8]) -> io::Result<(Kind, Vec<u8>)> {
        self.send(kind, body)?;
        self.receive()
    }

    /// Sends one frame.
    pub(crate) fn send(&mut self, kind: Kind, body: &[u8]) -> io::Result<()> {
        let header = Header::new(kind, body.len()).unwrap().encode();
        self.0.write_all(&[header.as_slice(), body].concat())
    }

    /// Receives one frame.
    pub(crate) fn receive(&mut self) -> io::Result<(Kind, Vec<u8>)> {
        let mut header = [0; HEADER_LENGTH];
        self.0.read_exact(&mut header)?;
        let header = Header::parse(header).unwrap();
        let mut body = vec![0; header.length()];
        self.0.read_exact(&mut body)?;
        Ok((header.kind, body))
    }

    /// Gives the card power; returns its ATR.
    pub(crate) fn power_on(&mut self) -> io::Result<Vec<u8>> {
        let (kind, atr) = self.ask(Kind::PowerOn, &[VERSION])?;
        assert_eq!(kind, Kind::Atr, "{atr:?}");
        Ok(atr)
    }

    /// Sends a command APDU; returns the response APDU.
    pub(crate) fn transmit(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
        let (kind, response) = self.ask(Kind::Transmit, command)?;
        assert_eq!(kind, Kind::Answer, "{response:?}");
        Ok(response)
    }

    /// Why the card's side refuses a frame.
    pub(crate) fn refusal(&mut self, kind: Kind, body: &[u8]) -> io::Result<Refusal> {
        self.send(kind, body)?;
        self.refused()
    }

    /// Why the card's side refuses.
    pub(crate) fn refused(&mut self) -> io::Result<Refusal> {
        match self.receive()? {
            (Kind::Refused, body) if body.len() == 1 => Ok(Refusal::try_from(body[0]).unwrap()),
            other => panic!("not a refusal: {other:?}"),
        }
    }
}
