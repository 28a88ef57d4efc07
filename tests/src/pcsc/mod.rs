//! Real PC/SC readers with our cards in them: Debian's pcscd and virtual readers, in namespaces of their own.
//!
//! ```no_run
//! # use symbolon_tests::{pcsc::{Daemon, InsertedCard}, process::{Running, build}};
//! # fn example() -> anyhow::Result<()> {
//! let daemon = Daemon::with_slots(4)?;
//! let slot = daemon.slot(2)?; // "Virtual PCD 2 00 00"
//! let card = InsertedCard::create(&daemon, "/tmp/new.card".as_ref(), &slot)?;
//! let mut command = daemon.command(build("host-terminal")?); // any program: it sees these readers and no others
//! let readers = Running::spawn(command.args(["readers", "--json"]))?;
//! card.take_out()
//! # }
//! ```

mod card;
mod daemon;

pub use card::{InsertedCard, sim_reader};
pub use daemon::{Daemon, Slot};
