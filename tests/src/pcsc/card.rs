//! Our card in a slot of a virtual reader: `sim-reader vpcd` as a process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::daemon::{Daemon, Slot};
use crate::process::{Piped, build};

/// How long it may take to end after SIGTERM.
const ENDING: Duration = Duration::from_secs(5);

/// `sim-reader vpcd`, in a slot.
pub struct InsertedCard(Piped);

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
        let port = slot.port.to_string();
        let mut command = daemon.command(sim_reader()?);
        command.args(["vpcd", "--json", "--port", &port, "--image"]).arg(image).args(more);
        let mut process = Piped::start(&mut command)?;
        let line = process.line()?;
        let said: Value = serde_json::from_str(&line).with_context(|| format!("it said {line:?}"))?;
        ensure!(said == json!({ "connected": format!("127.0.0.1:{port}") }), "it said {line:?}");
        Ok(Self(process))
    }

    /// As a card that is torn out: SIGKILL.
    pub fn tear_out(self) {
        drop(self);
    }

    /// SIGTERM, upon which it ends successfully.
    pub fn take_out(self) -> Result<()> {
        self.0.terminate()?;
        let status = self.0.end(ENDING)?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }
}

/// The program, built.
pub fn sim_reader() -> Result<&'static Path> {
    static PROGRAM: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| build("sim-reader").map_err(|error| format!("{error:#}")));
    program.as_deref().map_err(|error| anyhow::anyhow!("{error}"))
}
