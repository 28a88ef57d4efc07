//! A board without a noise source, and what a card on a board takes of its memory.

use apdu_spec::limits::{APDU_MAX, REPLY_MAX};
use card_os::{Card, NoiseFailure, Platform};
use sim_reader::flash::RamFlash;

/// What the smallest boards have, bytes of RAM.
pub const RAM: usize = 32 * 1024;

/// The buffers for a command and its reply, bytes.
pub const BUFFERS: usize = APDU_MAX + REPLY_MAX;

/// What a card keeps in RAM, bytes, its flash left out.
#[must_use]
pub fn card() -> usize {
    size_of::<Card<SilentBoard>>() - size_of::<RamFlash>()
}

/// A board whose noise source never delivers, and that nobody touches. It takes no memory.
#[derive(Clone, Copy, Debug)]
pub struct SilentBoard;

impl Platform for SilentBoard {
    type Flash = RamFlash;

    fn noise(&mut self, _: &mut [u8]) -> Result<(), NoiseFailure> {
        Err(NoiseFailure)
    }

    fn user_present(&mut self) -> bool {
        false
    }
}
