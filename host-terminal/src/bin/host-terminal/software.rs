//! A card in this very process, with its flash in an image. The card tools have this file, too.

use std::fmt::Display;
use std::path::Path;

use host_terminal::reader::{Pending, Reader, ReaderError};
use sim_reader::card::{CardError, Noise, SoftwareCard};
use sim_reader::image::{Image, SyncPolicy};
use sim_reader::passphrase::Passphrase;

/// Starts the card that is in an image; an encrypted one needs its passphrase in the environment.
pub(crate) fn start(image: &Path) -> Result<Box<dyn Reader>, ReaderError> {
    let failed = |error: &dyn Display| ReaderError::Software(error.to_string());
    let passphrase = Passphrase::from_environment().transpose().map_err(|error| failed(&error))?;
    let image = Image::open(image, passphrase.as_ref(), SyncPolicy::Command).map_err(|error| failed(&error))?;
    Ok(Box::new(Software::new(SoftwareCard::new(image, Noise::Os))?))
}

/// A software card that has power.
pub(crate) struct Software {
    card: SoftwareCard<Image>,
    atr: &'static [u8],
}

impl Software {
    pub(crate) fn new(mut card: SoftwareCard<Image>) -> Result<Self, ReaderError> {
        let atr = card.power_on().map_err(explain)?;
        Ok(Self { card, atr })
    }
}

impl Reader for Software {
    fn atr(&self) -> &[u8] {
        self.atr
    }

    fn transmit<'a>(&'a mut self, command: &'a [u8]) -> Pending<'a, Vec<u8>> {
        Box::pin(async move { self.card.transmit(command).map_err(explain) })
    }

    fn reset(&mut self) -> Pending<'_, ()> {
        Box::pin(async move { self.card.power_on().map(drop).map_err(explain) })
    }
}

fn explain(error: CardError) -> ReaderError {
    match error {
        CardError::Removed => ReaderError::Removed,
        CardError::NotPowered => ReaderError::NotPowered,
        CardError::Mute => ReaderError::Mute,
        CardError::Storage(_) => ReaderError::Storage,
        other @ (CardError::Boot(_) | _) => ReaderError::Software(other.to_string()),
    }
}
