//! `sim-reader control`: orders to a `sim-reader vpcd` that runs.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Args, Subcommand, ValueEnum};
use sim_reader::control::{self, Order, Request};
use sim_reader::hand;

use crate::tell;

#[derive(Args)]
pub(crate) struct Control {
    /// The socket: what `sim-reader vpcd --control` was given.
    #[arg(long, value_name = "SOCKET")]
    at: PathBuf,
    /// Which slot's card, counted from 0 in the order of --image; all of them without this.
    #[arg(long, global = true, value_name = "NUMBER")]
    slot: Option<usize>,
    /// How long to wait for `sim-reader vpcd` to be there, and until programs see what was done. With 0 nothing is
    /// waited for.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 10)]
    wait: u16,
    /// A line of JSON for each card instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Says which cards are in, and what was done.
    Status,
    /// Puts the card in, if it is out. Ends once programs see it, so it also waits for a card that has just started.
    Insert,
    /// Takes the card out, if it is in. Ends once programs miss it.
    Remove {
        /// Not now, but at that command from now; 1 is the next. Ends at once.
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
        at_command: Option<u32>,
        /// At which moment of that command.
        #[arg(long, value_enum, default_value_t = Moment::Before, requires = "at_command")]
        moment: Moment,
    },
    /// Holds the card's button.
    Press,
    /// Lets the card's button go.
    Release,
}

#[derive(Clone, Copy, ValueEnum)]
enum Moment {
    /// The card never hears of the command.
    Before,
    /// The card has performed the command, and its answer is lost.
    Unanswered,
    /// Right after the answer.
    After,
}

impl From<Moment> for hand::Moment {
    fn from(moment: Moment) -> Self {
        match moment {
            Moment::Before => Self::Before,
            Moment::Unanswered => Self::Unanswered,
            Moment::After => Self::After,
        }
    }
}

impl What {
    fn order(&self) -> Order {
        match *self {
            Self::Status => Order::Status,
            Self::Insert => Order::Insert,
            Self::Remove { at_command: Some(command), moment } => Order::Plan { command, moment: moment.into() },
            Self::Remove { at_command: None, .. } => Order::Remove,
            Self::Press => Order::Press,
            Self::Release => Order::Release,
        }
    }
}

/// Gives the order and says which cards are in then. Fails where programs do not see in time what was done.
pub(crate) fn run(arguments: &Control) -> Result<()> {
    let wait_ms = u64::from(arguments.wait) * 1000;
    let order = arguments.what.order();
    let reports = control::ask(&arguments.at, &Request { card: arguments.slot, order, wait_ms })?;
    for report in &reports {
        tell(arguments.json, &serde_json::to_value(report)?, || report.to_string())?;
    }
    let known = reports.iter().all(control::Report::is_known);
    ensure!(known || !order.moves_the_card() || wait_ms == 0, "not done after {} seconds", arguments.wait);
    Ok(())
}
