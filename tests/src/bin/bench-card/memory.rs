//! Bytes of RAM: one card, the caller's two buffers, and the deepest stack.

use anyhow::Result;
use sim_reader::card::{CardError, Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use symbolon_tests::bench::{Row, Target};
use symbolon_tests::board::{BUFFERS, RAM, card};
use symbolon_tests::stack::depth_of;
use symbolon_tests::transcript::{Player, play, vectors};

use crate::scene::{STEPS, Scene};

pub(crate) fn measure() -> Result<Vec<Row>> {
    let purchase = purchase()?;
    let transcripts = transcripts()?;
    let deepest = purchase.max(transcripts);
    let bytes = |name: &str, bytes: usize| Row::new(name, bytes as f64, "bytes");
    Ok(vec![
        bytes("RAM: one card", card()),
        bytes("RAM: buffers for a command and a reply", BUFFERS),
        bytes("RAM: deepest stack of a purchase, x86-64", purchase),
        bytes("RAM: deepest stack of the transcripts, x86-64", transcripts),
        bytes("RAM: card, buffers and deepest stack", card() + BUFFERS + deepest)
            .with_target(Target::AtMost(RAM as f64)),
    ])
}

/// The payer's commands.
fn purchase() -> Result<usize> {
    let mut scene = Scene::new();
    scene.payer.verify();
    let mut deepest = 0;
    for step in STEPS {
        let command = scene.command(step);
        let (depth, response) = transmit(&mut scene.payer.slot, &command)?;
        deepest = deepest.max(depth);
        scene.took(step, response.strip_suffix(&[0x90, 0x00]).map(<[u8]>::to_vec).unwrap_or_default());
    }
    Ok(deepest)
}

/// Every command of every transcript.
fn transcripts() -> Result<usize> {
    let mut deepest = 0;
    for path in vectors()? {
        let mut slot = SoftwareCard::format(RamFlash::new(32), Noise::seeded(1))?;
        slot.power_on()?;
        let mut measured = Measured { slot, deepest };
        play(&path, &mut measured)?;
        deepest = measured.deepest;
    }
    Ok(deepest)
}

struct Measured {
    slot: SoftwareCard<RamFlash>,
    deepest: usize,
}

impl Player for Measured {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>> {
        let (depth, response) = transmit(&mut self.slot, command)?;
        self.deepest = self.deepest.max(depth);
        Ok(response)
    }

    fn reset(&mut self) -> Result<()> {
        Player::reset(&mut self.slot)
    }
}

fn transmit(slot: &mut SoftwareCard<RamFlash>, command: &[u8]) -> Result<(usize, Vec<u8>)> {
    let (depth, response): (_, Result<_, CardError>) = depth_of(|| slot.transmit(command))?;
    Ok((depth, response?))
}
