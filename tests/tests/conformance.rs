//! The transcripts in `vectors/` and the examples in the card's manual, played to the card.

use anyhow::Result;
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use symbolon_tests::covered::covered;
use symbolon_tests::transcript::{manual, play, vectors};

fn new_card() -> Result<SoftwareCard<RamFlash>> {
    let mut card = SoftwareCard::format(RamFlash::new(32), Noise::seeded(1))?;
    card.power_on()?;
    Ok(card)
}

#[test]
fn every_transcript_is_answered_as_written() {
    let mut all = 0;
    for path in vectors().unwrap() {
        let steps = play(&path, &mut new_card().unwrap()).unwrap_or_else(|error| panic!("{error:#}"));
        assert!(steps > 0, "{} says nothing", path.display());
        all += steps;
    }
    covered(all, "steps of transcripts");
}

#[test]
fn the_manuals_examples_are_true() {
    let steps = play(&manual(), &mut new_card().unwrap()).unwrap_or_else(|error| panic!("{error:#}"));
    assert!(steps > 30, "the manual has an example a command");
}
