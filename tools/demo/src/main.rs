//! The system at work: a purchase, a declined one, replays, a wrong PIN, and the books, with every part a process of
//! its own. `cargo xtask demo` builds the programs and runs this.

mod draw;
mod events;
mod page;
mod process;
mod sight;
mod story;
mod wire;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::events::{PLACES, ROUNDS, hops};
use crate::page::Page;
use crate::story::Purchase;
use crate::world::World;

/// Shows the system at work.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Options {
    /// Also shows every command and message of the purchase, decoded.
    #[arg(long)]
    verbose: bool,
    /// One JSON value instead of a page.
    #[arg(long)]
    json: bool,
    /// The cards are in the first two PC/SC readers of vsmartcard's vpcd instead of readers over TCP.
    #[arg(long)]
    pcsc: bool,
    /// Keeps logs, events and data.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let page = Page::new(options.json);
    match show(&options, &page) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if options.json {
                println!("{}", json!({ "ok": false, "error": format!("{error:#}") }));
            }
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Shows it in a folder of its own, which stays where something went wrong.
fn show(options: &Options, page: &Page) -> Result<()> {
    let folder = TempDir::with_prefix("symbolon-demo-").context("no temporary folder")?;
    let outcome = tell(options, page, &folder);
    let keep = options.keep || outcome.is_err();
    let place = folder.path().display().to_string();
    if keep {
        drop(folder.keep());
    }
    let story = outcome.map_err(|error| anyhow!("{error:#}\nLogs and data are in {place}"))?;
    if options.keep {
        page.kept(&place);
    }
    if options.json {
        println!("{story}");
    }
    Ok(())
}

/// The whole story. All processes have ended when this returns.
fn tell(options: &Options, page: &Page, folder: &TempDir) -> Result<Value> {
    let began = Instant::now();
    let world = World::new(folder.path(), options.pcsc).context("setting up")?;
    page.cast(&world, began.elapsed());
    let before = world.ledger()?;
    story::check_books(&before)?;

    let purchase = story::buy(&world).context("1, the purchase")?;
    page.purchase(&purchase)?;
    let sight = sight::search(&world, &purchase, &world.ledger()?).context("1, who can read what")?;
    page.sight(&sight);
    if options.verbose {
        page.decoded(&decoded(&world).context("1, what travelled")?);
    }
    let declined = story::overspend(&world).context("2, the purchase that is too dear")?;
    page.declined(&declined)?;
    let replay = story::replay(&world, &purchase).context("3, the replays")?;
    page.replay(&replay);
    let wrong = story::wrong_pin(&world, &purchase).context("4, the wrong PIN")?;
    page.wrong_pin(&wrong)?;
    let after = world.ledger()?;
    story::check_books(&after)?;
    page.books(&before, &after)?;
    page.end(began.elapsed());

    let again = replay.again.iter();
    let again = again.map(|one| json!({ "what": one.what, "request": one.request, "response": one.response }));
    Ok(json!({
        "ok": true,
        "took_ms": millis(began),
        "purchase": purchase_json(&purchase)?,
        "who_can_read": sight.json(),
        "declined": purchase_json(&declined)?,
        "replay": { "same_answer": again.collect::<Vec<_>>(), "refused": replay.changed },
        "wrong_pin": { "tries_left": wrong.tries, "said": wrong.said, "status": wrong.status },
        "ledger": { "before": before, "after": after },
    }))
}

fn purchase_json(purchase: &Purchase) -> Result<Value> {
    let mut rounds = Vec::new();
    for (round, (name, _)) in ROUNDS.iter().enumerate() {
        let hops = hops(&purchase.customer, &purchase.shop, round)?.into_iter().map(|hop| {
            json!({
                "from": PLACES.get(hop.from),
                "to": PLACES.get(hop.to),
                "what": hop.label,
                "bytes": hop.bytes,
                "answer": hop.answer,
                "micros": hop.micros,
            })
        });
        rounds.push(json!({ "name": name, "hops": hops.collect::<Vec<_>>() }));
    }
    let took = u64::try_from(purchase.took.as_millis())?;
    Ok(json!({ "paid": purchase.paid, "received": purchase.received, "took_ms": took, "rounds": rounds }))
}

/// Every command and message of the purchase, in words.
fn decoded(world: &World) -> Result<String> {
    let [customer, shop] = story::event_files(world, story::BUY);
    world.desk.text("decode", "host-terminal", &["events", &customer, &shop])
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
