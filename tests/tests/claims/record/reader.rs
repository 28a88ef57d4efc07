//! A card in a process of its own, and a driver of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use apdu_spec::link::{HEADER_LENGTH, Header, Kind, VERSION};
use symbolon_tests::process::{Listener, build};
use symbolon_tests::transcript::Player;

/// A card in `sim-reader serve`, driven over TCP.
pub(crate) struct Reader {
    stream: TcpStream,
    /// The card's answer to reset.
    pub(crate) atr: Vec<u8>,
}

impl Reader {
    /// Activates the card at `address`.
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let mut reader = Self { stream: TcpStream::connect(address)?, atr: Vec::new() };
        reader.atr = reader.exchange(Kind::PowerOn, &[VERSION])?;
        Ok(reader)
    }

    /// Puts the card back that was taken out of the reader at `address`.
    pub(crate) fn insert(address: &str) -> Result<()> {
        let mut reader = Self { stream: TcpStream::connect(address)?, atr: Vec::new() };
        reader.exchange(Kind::Insert, &[]).map(drop)
    }

    /// A request to the reader, and the body of its answer.
    pub(crate) fn exchange(&mut self, kind: Kind, body: &[u8]) -> Result<Vec<u8>> {
        let header = Header::new(kind, body.len()).context("too long")?.encode();
        self.stream.write_all(&[header.as_slice(), body].concat())?;
        let mut header = [0; HEADER_LENGTH];
        self.stream.read_exact(&mut header)?;
        let header = Header::parse(header).ok().context("no frame")?;
        let mut body = vec![0; header.length()];
        self.stream.read_exact(&mut body)?;
        ensure!(header.kind != Kind::Refused, "the reader refuses {kind:?}: {body:?}");
        Ok(body)
    }
}

impl Player for Reader {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>> {
        self.exchange(Kind::Transmit, command)
    }

    fn reset(&mut self) -> Result<()> {
        let atr = self.exchange(Kind::Reset, &[])?;
        ensure!(atr == self.atr, "another answer to reset");
        Ok(())
    }
}

/// A new card in a process of its own, its flash in a file of `folder`.
pub(crate) fn new_card(folder: &Path, name: &str) -> Result<Listener> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = match PROGRAM.get() {
        Some(program) => program,
        None => {
            let program = build("sim-reader")?;
            PROGRAM.get_or_init(|| program)
        }
    };
    let image = folder.join(name).display().to_string();
    Listener::start(program, &["serve", "--new", "--image", &image, "--json", "--sync", "never"])
}
