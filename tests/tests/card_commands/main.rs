//! The card's commands under power cuts and under bytes that nobody meant.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a test's verdict")]

mod access;
mod counters;
mod cuts;
mod hostile;
mod keys;
mod outlived;
mod provider_domains;
#[path = "../../../protocol/tests/crypto/scalar.rs"]
mod scalar;
mod secure_channel;
mod size;
mod wycheproof;

use std::path::Path;

use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use symbolon_tests::transcript::{Step, steps};

type TestCard = SoftwareCard<RamFlash>;

/// The card in this flash, with power; the same noise every time.
fn card_on(flash: RamFlash) -> TestCard {
    let mut card = SoftwareCard::new(flash, Noise::seeded(1));
    card.power_on().unwrap();
    card
}

/// A card as it leaves the factory.
fn empty_flash() -> RamFlash {
    let card = SoftwareCard::format(RamFlash::new(24), Noise::seeded(1)).unwrap();
    card.flash().clone()
}

/// The commands of a transcript in `vectors/`, `None` for a reset.
fn commands(name: &str) -> Vec<Option<Vec<u8>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    let commands = steps(&path).unwrap().into_iter().map(|(_, step)| match step {
        Step::Exchange(command, _) => Some(command),
        Step::Reset => None,
    });
    commands.collect()
}

/// Plays commands and resets; gives the responses.
fn play(card: &mut TestCard, commands: &[Option<Vec<u8>>]) -> Vec<Vec<u8>> {
    let mut responses = Vec::new();
    for command in commands {
        match command {
            Some(command) => responses.push(card.transmit(command).unwrap()),
            None => drop(card.power_on().unwrap()),
        }
    }
    responses
}
