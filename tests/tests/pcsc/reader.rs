//! Our card in a slot of the virtual reader, and somebody else's program that uses it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use symbolon_tests::process::build;
use symbolon_tests::transcript::Player;

use crate::daemon::{Daemon, Process, beside};

/// The slots of Debian's virtual reader: the port that a card connects to, the name that PC/SC gives it.
pub(crate) const SLOTS: [(u16, &str); 2] = [(35963, "Virtual PCD 00 00"), (35964, "Virtual PCD 00 01")];

/// How long a program may take to end after SIGTERM.
const ENDING: Duration = Duration::from_secs(5);

/// `sim-reader vpcd`, in a slot.
pub(crate) struct InsertedCard(Process);

impl InsertedCard {
    /// A new card, in a new image.
    pub(crate) fn create(daemon: &Daemon, image: &Path, port: u16) -> Result<Self> {
        Self::start(daemon, image, port, &["--new"])
    }

    /// The card that is in the image.
    pub(crate) fn insert(daemon: &Daemon, image: &Path, port: u16) -> Result<Self> {
        Self::start(daemon, image, port, &[])
    }

    fn start(daemon: &Daemon, image: &Path, port: u16, more: &[&str]) -> Result<Self> {
        let mut command = daemon.command(sim_reader()?);
        command.args(["vpcd", "--json", "--port", &port.to_string(), "--image"]).arg(image).args(more);
        let mut process = Process::start(&mut command)?;
        let line = process.line()?;
        let said: serde_json::Value = serde_json::from_str(&line).with_context(|| format!("it said {line:?}"))?;
        ensure!(said == serde_json::json!({ "connected": format!("127.0.0.1:{port}") }), "it said {line:?}");
        Ok(Self(process))
    }

    /// As a card that is torn out: SIGKILL.
    pub(crate) fn tear_out(self) {
        drop(self);
    }

    /// SIGTERM, upon which it ends successfully.
    pub(crate) fn take_out(mut self) -> Result<()> {
        let child = self.0.child();
        let process = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM)?;
        let began = Instant::now();
        loop {
            match child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("it ended with {status}"),
                None => ensure!(began.elapsed() < ENDING, "it does not end"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A program that is not ours, in another language, with its own way to PC/SC: `client.py`.
pub(crate) struct Client {
    process: Process,
    /// Commands that it has sent and that were answered.
    pub(crate) exchanged: usize,
}

impl Client {
    /// Starts it and connects to the card, once there is one.
    pub(crate) fn connect(daemon: &Daemon, reader: &str) -> Result<Self> {
        let mut command = daemon.command("/usr/bin/python3");
        command.arg(beside("client.py")).arg(reader).stdin(Stdio::piped());
        let mut client = Self { process: Process::start(&mut command)?, exchanged: 0 };
        client.ask_for_atr("atr")?;
        Ok(client)
    }

    /// Connects again, after the card or pcscd was away.
    pub(crate) fn connect_again(&mut self) -> Result<()> {
        self.ask_for_atr("atr")
    }

    pub(crate) fn warm_reset(&mut self) -> Result<()> {
        self.ask_for_atr("reset")
    }

    /// Commands answered in so many seconds, one after another.
    pub(crate) fn measure(&mut self, seconds: u8) -> Result<usize> {
        Ok(self.ask(&format!("measure {seconds}"))?.parse()?)
    }

    fn ask_for_atr(&mut self, request: &str) -> Result<()> {
        let atr = self.ask(request)?;
        ensure!(atr == hex::encode(sim_reader::atr::ATR), "the ATR is {atr}");
        Ok(())
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        writeln!(self.process.child().stdin.as_mut().context("no standard input")?, "{request}")?;
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

pub(crate) fn sim_reader() -> Result<&'static PathBuf> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| build("sim-reader").map_err(|error| format!("{error:#}")));
    program.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}
