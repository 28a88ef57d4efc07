//! The software card: the card OS inside this process, with the slot it sits in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apdu_spec::limits::REPLY_MAX;
use card_os::{BootError, Card, NoiseFailure, Platform};
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use rand::rngs::{OsRng, StdRng};
use rand::{RngCore, SeedableRng};
use zeroize::Zeroizing;

use crate::atr::ATR;
use crate::flash::RamFlash;
use crate::image::{Image, ImageError};

/// Flash that a software card can have.
pub trait Medium: NorFlash + Send + 'static {
    /// Makes durable what a command wrote, before its answer leaves.
    ///
    /// # Errors
    ///
    /// The host failed; the answer must not leave.
    fn finish_command(&mut self) -> Result<(), ImageError> {
        Ok(())
    }

    /// Whether power is gone: then nothing runs, and no answer comes.
    fn power_lost(&self) -> bool {
        false
    }

    /// Power comes back.
    fn restore_power(&mut self) {}
}

impl Medium for Image {
    fn finish_command(&mut self) -> Result<(), ImageError> {
        Image::finish_command(self)
    }
}

impl<const WRITE: usize, const PAGE: usize> Medium for RamFlash<WRITE, PAGE> {
    fn power_lost(&self) -> bool {
        self.is_off()
    }

    fn restore_power(&mut self) {
        // A cut that is planned but has not come stays planned: it may be meant for the start of the card.
        if self.is_off() {
            self.power_on();
        }
    }
}

/// Where a software card's random numbers come from.
#[derive(Clone)]
pub enum Noise {
    /// The operating system.
    Os,
    /// A seed: the same numbers every time, for tests alone.
    Seeded(Arc<Mutex<StdRng>>),
}

impl Noise {
    /// The same numbers for the same seed, for tests alone.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// There is no card in the slot.
    #[error("there is no card in the slot")]
    Removed,
    /// The card has no power.
    #[error("the card has no power")]
    NotPowered,
    /// Power failed within the command.
    #[error("the card lost power in the middle of the command")]
    Mute,
    /// The flash holds no card, or one that cannot start.
    #[error("the card does not start: {}", boot(*.0))]
    Boot(BootError),
    /// The host could not store what the card wrote; the answer is withheld.
    #[error("what the card wrote cannot be stored: {0}")]
    Storage(#[from] ImageError),
}

fn boot(error: BootError) -> &'static str {
    match error {
        BootError::Flash => "its flash fails",
        BootError::Geometry => "its flash has a size that the card cannot use",
        BootError::Unformatted => "its flash is empty",
        BootError::Corrupt => "its flash holds contents that contradict themselves",
    }
}

/// A card in this process, in a slot of its own.
///
/// It starts without power, as a card does; [`SoftwareCard::power_on`] starts the card OS from what the flash holds.
pub struct SoftwareCard<F: Medium> {
    flash: Shared<F>,
    board: Board,
    /// There while the card has power.
    card: Option<Box<Card<Socket<F>>>>,
    inserted: bool,
    reply: Zeroizing<Vec<u8>>,
}

impl<F: Medium> SoftwareCard<F> {
    /// A new, empty card on this flash, without power. What the flash held is lost.
    ///
    /// # Errors
    ///
    /// [`CardError::Boot`] if the flash is not fit, [`CardError::Storage`].
    pub fn format(flash: F, noise: Noise) -> Result<Self, CardError> {
        let card = Self::new(flash, noise);
        Card::format(card.socket(), card.flash.clone()).map_err(CardError::Boot)?;
        card.flash().finish_command()?;
        Ok(card)
    }

    /// The slot with the card that the flash holds, without power.
    pub fn new(flash: F, noise: Noise) -> Self {
        Self {
            flash: Shared(Arc::new(Mutex::new(flash))),
            board: Board { noise, user_present: Arc::default() },
            card: None,
            inserted: true,
            reply: Zeroizing::new(vec![0; REPLY_MAX]),
        }
    }

    /// Gives the card power, after taking it away if it had any, and returns its ATR.
    ///
    /// # Errors
    ///
    /// [`CardError::Removed`], [`CardError::Boot`], [`CardError::Storage`].
    pub fn power_on(&mut self) -> Result<&'static [u8], CardError> {
        self.power_off();
        if !self.inserted {
            return Err(CardError::Removed);
        }
        self.flash().restore_power();
        let started = Card::mount(self.socket(), self.flash.clone());
        if self.flash().power_lost() {
            return Err(CardError::Mute);
        }
        // Starting may have mended what a power cut left behind.
        self.flash().finish_command()?;
        self.card = Some(Box::new(started.map_err(CardError::Boot)?));
        Ok(&ATR)
    }

    /// A warm reset; returns the ATR.
    ///
    /// # Errors
    ///
    /// [`CardError::Removed`], [`CardError::NotPowered`].
    pub fn reset(&mut self) -> Result<&'static [u8], CardError> {
        self.powered()?.reset();
        Ok(&ATR)
    }

    /// Takes power away.
    pub fn power_off(&mut self) {
        self.card = None;
    }

    /// Puts the card into the slot, without power. Nothing happens if it is there.
    pub fn insert(&mut self) {
        self.inserted = true;
    }

    /// Takes the card out of the slot.
    pub fn remove(&mut self) {
        self.power_off();
        self.inserted = false;
    }

    /// Sends a command APDU; returns the response APDU once everything it promises is durable.
    ///
    /// # Errors
    ///
    /// No answer came. After [`CardError::Mute`] and [`CardError::Storage`] the card has no power.
    pub fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
        self.powered()?;
        let card = self.card.as_mut().ok_or(CardError::NotPowered)?;
        let length = card.answer(command, &mut self.reply);
        let finished = if self.flash().power_lost() {
            Err(CardError::Mute)
        } else {
            self.flash().finish_command().map_err(CardError::Storage)
        };
        if let Err(error) = finished {
            self.power_off();
            return Err(error);
        }
        Ok(self.reply.get(..length).unwrap_or_default().to_vec())
    }

    /// The user holds the card's button, or lets it go.
    pub fn set_user_present(&mut self, present: bool) {
        self.board.user_present.store(present, Ordering::Relaxed);
    }

    /// The button, for somebody else to hold.
    pub fn user_presence(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.board.user_present)
    }

    /// The flash, for looking at it or cutting its power. No command can run while it is held.
    pub fn flash(&self) -> MutexGuard<'_, F> {
        self.flash.lock()
    }

    fn powered(&mut self) -> Result<&mut Card<Socket<F>>, CardError> {
        if !self.inserted {
            return Err(CardError::Removed);
        }
        self.card.as_deref_mut().ok_or(CardError::NotPowered)
    }

    fn socket(&self) -> Socket<F> {
        Socket { board: self.board.clone(), flash: std::marker::PhantomData }
    }
}

#[derive(Clone)]
struct Board {
    noise: Noise,
    user_present: Arc<AtomicBool>,
}

/// A board as the card sees it, whatever its flash is.
struct Socket<F> {
    board: Board,
    flash: std::marker::PhantomData<fn() -> F>,
}

impl<F: Medium> Platform for Socket<F> {
    type Flash = Shared<F>;

    fn noise(&mut self, out: &mut [u8]) -> Result<(), NoiseFailure> {
        match &self.board.noise {
            Noise::Os => OsRng.try_fill_bytes(out).map_err(|_| NoiseFailure),
            Noise::Seeded(seeded) => {
                seeded.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(out);
                Ok(())
            }
        }
    }

    fn user_present(&mut self) -> bool {
        self.board.user_present.load(Ordering::Relaxed)
    }
}

/// The flash outlives the card that runs on it: power can go at any time, the content stays.
struct Shared<F>(Arc<Mutex<F>>);

impl<F> Shared<F> {
    fn lock(&self) -> MutexGuard<'_, F> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Clone for Shared<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F: ErrorType> ErrorType for Shared<F> {
    type Error = F::Error;
}

impl<F: ReadNorFlash> ReadNorFlash for Shared<F> {
    const READ_SIZE: usize = F::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), F::Error> {
        self.lock().read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.lock().capacity()
    }
}

impl<F: NorFlash> NorFlash for Shared<F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), F::Error> {
        self.lock().erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), F::Error> {
        self.lock().write(offset, bytes)
    }
}
