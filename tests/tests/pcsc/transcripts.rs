//! The conformance transcripts, unchanged, through PC/SC.

use anyhow::{Context, Result};
use symbolon_tests::pcsc::{Daemon, InsertedCard};
use symbolon_tests::transcript::{Step, manual, play, steps, vectors};
use tempfile::TempDir;

use crate::reader::Client;

#[test]
fn every_transcript_is_answered_as_written_through_pcsc() -> Result<()> {
    let (daemon, folder) = (Daemon::start()?, TempDir::new()?);
    let slot = daemon.slot(0)?;
    let (mut exchanged, mut written, mut too_short) = (0, 0, 0);
    for (number, path) in vectors()?.into_iter().chain([manual()]).enumerate() {
        let image = folder.path().join(number.to_string());
        let card = InsertedCard::create(&daemon, &image, &slot)?;
        let mut client = Client::connect(&daemon, &slot.name)?;
        play(&path, &mut client).context("through PC/SC")?;
        card.take_out()?;
        exchanged += client.exchanged;
        for (_, step) in steps(&path)? {
            if let Step::Exchange(command, _) = step {
                written += 1;
                too_short += usize::from(command.len() == 1);
            }
        }
    }
    println!("{exchanged} commands went through PC/SC; {too_short} of one byte cannot");
    assert_eq!(exchanged + too_short, written);
    assert!(exchanged > 100 && too_short < 10, "{exchanged} went, {too_short} did not");
    Ok(())
}
