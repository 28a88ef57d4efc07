//! How many commands a second go through the real pcscd to our card, beside a card that answers 9000 to everything.
//!
//! Both are in readers of the same pcscd, and a client in Rust takes turns with them. What the other card reaches is
//! what pcscd, its driver and this machine leave: the ratio is what our card and its process cost. The other does
//! nothing between reading and writing; ours does what it is told, and ten microseconds of that cost twenty, for
//! whoever waits longer falls asleep.

mod client;
mod yes;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use symbolon_tests::bench::{Row, Target, publish};
use symbolon_tests::pcsc::{Daemon, Slot};
use symbolon_tests::process::{Piped, Profile, build_in};

/// What this program is called with in the readers' namespace: with the slot of the card that it is.
const YES: &str = "--answer-9000-in-slot";
/// What it is called with there as the client.
const CLIENT: &str = "--be-the-client";

/// The slots of our card and of the other.
const OURS: u16 = 0;
const OTHER: u16 = 1;

/// How long a process may take to end that has nothing to do any more.
const ENDING: Duration = Duration::from_secs(5);

/// What the client measures, a second.
struct Rates {
    /// Commands through each card: selecting, reading and drawing random numbers in turns.
    ours: f64,
    other: f64,
    /// Writing to our card's file, durably.
    update: f64,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => measure(),
        [YES, slot] => yes::answer(&Slot::number(slot.parse()?)),
        [CLIENT] => {
            let rates = client::measure(&Slot::number(OURS), &Slot::number(OTHER))?;
            println!("{}", rates.to_json());
            Ok(())
        }
        _ => anyhow::bail!("this takes no arguments"),
    }
}

fn measure() -> Result<()> {
    let (daemon, folder) = (Daemon::start()?, tempfile::tempdir()?);
    let mut card = daemon.command(build_in("sim-reader", Profile::Release)?);
    card.args(["vpcd", "--json", "--new", "--image"]).arg(folder.path().join("card"));
    let mut card = Piped::start(&mut card)?;
    ensure!(card.line()?.contains("connected"), "our card does not find its reader");
    let this = std::env::current_exe()?;
    let _other = Piped::start(daemon.command(&this).args([YES, &OTHER.to_string()]))?;
    let mut client = Piped::start(daemon.command(&this).arg(CLIENT))?;
    let line = client.line()?;
    ensure!(client.end(ENDING)?.success(), "the client failed");
    let rates = Rates::from_json(&line)?;
    publish(
        "pcsc",
        &[
            Row::new("pcscd: commands to our card", rates.ours, "1/s").with_target(Target::AtLeast(5000.0)),
            Row::new("pcscd: commands to a card that answers 9000", rates.other, "1/s"),
            Row::new("pcscd: our card / the other", rates.ours / rates.other, "ratio")
                .with_target(Target::AtLeast(0.7)),
            Row::new("pcscd: UPDATE BINARY of 64 bytes, durable", rates.update, "1/s"),
        ],
    )
}

impl Rates {
    fn to_json(&self) -> Value {
        serde_json::json!({ "ours": self.ours, "other": self.other, "update": self.update })
    }

    fn from_json(line: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(line).with_context(|| format!("the client said {line:?}"))?;
        let rate = |name: &str| value.get(name).and_then(Value::as_f64).with_context(|| format!("no figure {name}"));
        Ok(Self { ours: rate("ours")?, other: rate("other")?, update: rate("update")? })
    }
}
