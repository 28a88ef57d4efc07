//! A card in this process, as a reader.

use anyhow::Result;
use host_terminal::reader::{Pending, Reader, ReaderError};
use sim_reader::card::{CardError, SoftwareCard};
use sim_reader::image::Image;

/// A software card that has power.
pub(super) struct SoftwareReader {
    card: SoftwareCard<Image>,
    atr: &'static [u8],
}

impl SoftwareReader {
    pub(super) fn new(mut card: SoftwareCard<Image>) -> Result<Self> {
        let atr = card.power_on()?;
        Ok(Self { card, atr })
    }
}

impl Reader for SoftwareReader {
    fn atr(&self) -> &[u8] {
        self.atr
    }

    fn transmit<'a>(&'a mut self, command: &'a [u8]) -> Pending<'a, Vec<u8>> {
        let response = self.card.transmit(command).map_err(why);
        Box::pin(std::future::ready(response))
    }

    fn reset(&mut self) -> Pending<'_, ()> {
        let reset = self.card.reset().map(drop).map_err(why);
        Box::pin(std::future::ready(reset))
    }
}

fn why(error: CardError) -> ReaderError {
    match error {
        CardError::Removed => ReaderError::Removed,
        CardError::NotPowered => ReaderError::NotPowered,
        CardError::Mute => ReaderError::Mute,
        other => ReaderError::Broken(std::io::Error::other(other)),
    }
}
