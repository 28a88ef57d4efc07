//! Our card in a slot of a virtual reader: `sim-reader vpcd` as a process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sim_reader::control::{Order, Report, Request, ask};
use sim_reader::hand::Moment;

use super::daemon::{Daemon, Slot};
use crate::process::{Piped, build};

/// How long it may take to end after SIGTERM.
const ENDING: Duration = Duration::from_secs(5);
/// How long its reader may take to notice it, in milliseconds.
const NOTICING_MS: u64 = 10_000;

/// `sim-reader vpcd`, with a card in a slot.
pub struct InsertedCard {
    process: Piped,
    control: PathBuf,
}

impl InsertedCard {
    /// A new card, in a new image.
    pub fn create(daemon: &Daemon, image: &Path, slot: &Slot) -> Result<Self> {
        Self::start(daemon, image, slot, &["--new"])
    }

    /// The card that is in the image.
    pub fn insert(daemon: &Daemon, image: &Path, slot: &Slot) -> Result<Self> {
        Self::start(daemon, image, slot, &[])
    }

    fn start(daemon: &Daemon, image: &Path, slot: &Slot, more: &[&str]) -> Result<Self> {
        let (port, control) = (slot.port.to_string(), image.with_extension("control"));
        let mut command = daemon.command(sim_reader()?);
        command.args(["vpcd", "--json", "--port", &port, "--image"]).arg(image);
        let mut process = Piped::start(command.arg("--control").arg(&control).args(more))?;
        let line = process.line()?;
        let said: Value = serde_json::from_str(&line).with_context(|| format!("it said {line:?}"))?;
        ensure!(said.get("connected") == Some(&json!(format!("127.0.0.1:{port}"))), "it said {line:?}");
        Ok(Self { process, control })
    }

    /// Has something done with the card, by its program's control interface; then programs see what was done.
    pub fn control(&self, order: Order) -> Result<Report> {
        let reports = ask(&self.control, &Request { card: None, order, wait_ms: NOTICING_MS })?;
        let report = reports.into_iter().next().context("no report")?;
        ensure!(!order.moves_the_card() || report.is_known(), "{order:?}: {report}");
        Ok(report)
    }

    /// Will take the card out at that command from now, 1 being the next.
    pub fn remove_at(&self, command: u32, moment: Moment) -> Result<()> {
        self.control(Order::Plan { command, moment }).map(drop)
    }

    /// As a card that is torn out: SIGKILL.
    pub fn tear_out(self) {
        drop(self);
    }

    /// SIGTERM, upon which it ends successfully.
    pub fn take_out(self) -> Result<()> {
        self.process.terminate()?;
        let status = self.process.end(ENDING)?;
        ensure!(status.success(), "it ended with {status}");
        ensure!(!self.control.exists(), "its socket is still there");
        Ok(())
    }
}

/// The program, built.
pub fn sim_reader() -> Result<&'static Path> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| build("sim-reader").map_err(|error| format!("{error:#}")));
    program.as_deref().map_err(|error| anyhow::anyhow!("{error}"))
}
