//! What the card does in a second, what it takes of a board's memory, and what it does to its flash.
//!
//! Commands go to the card in this process, on one processor; its flash is memory, whose time counts as the card's.

mod memory;
mod speed;
mod storage;

// The purchase that the card's tests make.
#[path = "../../../tests/card_transaction/bank.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "as in the tests")]
#[allow(clippy::indexing_slicing, clippy::wildcard_enum_match_arm, reason = "as in the tests")]
mod bank;
#[path = "../../../tests/card_transaction/card.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "as in the tests")]
mod card;
#[path = "../../../tests/card_transaction/scene.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "as in the tests")]
mod scene;

use anyhow::Result;
use symbolon_tests::bench::{publish, stay_on_one_processor};

fn main() -> Result<()> {
    stay_on_one_processor()?;
    let mut rows = speed::measure()?;
    rows.extend(memory::measure()?);
    rows.extend(storage::measure()?);
    publish("card", &rows)
}
