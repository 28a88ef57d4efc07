//! Somebody else's program that uses the card in the reader.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use symbolon_tests::pcsc::Daemon;
use symbolon_tests::process::Piped;
use symbolon_tests::transcript::Player;

/// A program that is not ours, in another language, with its own way to PC/SC: `client.py`.
pub(crate) struct Client {
    process: Piped,
    /// Commands that it has sent and that were answered.
    pub(crate) exchanged: usize,
}

impl Client {
    /// Starts it and connects to the card, once there is one.
    pub(crate) fn connect(daemon: &Daemon, reader: &str) -> Result<Self> {
        let mut command = daemon.command("/usr/bin/python3");
        command.arg(beside("client.py")).arg(reader);
        let mut client = Self { process: Piped::start(&mut command)?, exchanged: 0 };
        client.ask_for_atr("atr")?;
        Ok(client)
    }

    /// Connects again, after the card or pcscd was away.
    pub(crate) fn connect_again(&mut self) -> Result<()> {
        self.ask_for_atr("atr")
    }

    /// Connects at once or not at all.
    pub(crate) fn connect_now(&mut self) -> Result<()> {
        self.ask_for_atr("now")
    }

    pub(crate) fn warm_reset(&mut self) -> Result<()> {
        self.ask_for_atr("reset")
    }

    /// Connects by a protocol that the card does not offer.
    pub(crate) fn connect_by_t_0(&mut self) -> Result<()> {
        self.ask_for_atr("t0")
    }

    /// Commands answered in so many seconds, one after another.
    pub(crate) fn measure(&mut self, seconds: u8) -> Result<usize> {
        self.begin_to_measure(seconds)?;
        self.measured()
    }

    /// Begins to send commands for so many seconds.
    pub(crate) fn begin_to_measure(&mut self, seconds: u8) -> Result<()> {
        self.process.say(&format!("measure {seconds}"))
    }

    /// What came of it.
    pub(crate) fn measured(&mut self) -> Result<usize> {
        Ok(self.answer("measure")?.parse()?)
    }

    fn ask_for_atr(&mut self, request: &str) -> Result<()> {
        let atr = self.ask(request)?;
        ensure!(atr == hex::encode(sim_reader::atr::ATR), "the ATR is {atr}");
        Ok(())
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        self.process.say(request)?;
        self.answer(request)
    }

    fn answer(&mut self, request: &str) -> Result<String> {
        let answer = self.process.line()?;
        ensure!(!answer.is_empty(), "{request}: the client ended");
        if let Some(error) = answer.strip_prefix("error ") {
            bail!("{request}: {error}")
        }
        Ok(answer)
    }
}

impl Player for Client {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>> {
        let response = hex::decode(self.ask(&hex::encode(command))?)?;
        self.exchanged += 1;
        Ok(response)
    }

    fn reset(&mut self) -> Result<()> {
        self.ask_for_atr("power")
    }

    /// The virtual reader takes a body of one byte for a request of its own.
    fn carries(&self, command: &[u8]) -> bool {
        command.len() > 1
    }
}

/// The file beside this one.
pub(crate) fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pcsc").join(name)
}
