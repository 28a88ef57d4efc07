//! A card image: the card's flash in one file that outlives `kill -9` and the host's power loss at any instant.
//!
//! The file is a log of flash operations (`log.rs` says why that is enough): a word that the card programs is one
//! record of a few dozen bytes, appended in order. The flash's content is held in memory and is what replaying the log
//! gives.
//!
//! # What survives
//!
//! - The process is killed, at any instant: every operation that the card completed. Half of one is dropped.
//! - The host loses power, [`SyncPolicy::Command`]: every operation of every answered command, and of an unanswered one
//!   the first few or none.
//! - The host loses power, [`SyncPolicy::Always`]: every operation that the card completed, so also a try counter of a
//!   command that was never answered.
//! - The host loses power, [`SyncPolicy::Never`]: the first operations, perhaps without the last answered commands.
//!
//! # With a passphrase
//!
//! Argon2id (RFC 9106) and HKDF-SHA256 (RFC 5869) make the key; every record is sealed with AES-256-GCM under a random
//! nonce, with the tag of the record before it as associated data. Nobody without the passphrase reads the content,
//! changes a record, or moves, repeats or leaves out one between others. What no file can prevent on its own: somebody
//! who can write it can put an *older* state of the whole file in its place, or cut off its last records, and the card
//! continues from there: with the try counters, use limits and journal it had then. And a copy of the file, with its
//! passphrase, is a second card. A card image is therefore for development and for hosts that protect their files;
//! where the holder of the storage is the attacker, use a physical card.
//!
//! Without a passphrase the file holds the card's keys in the clear, guarded by its permissions (0600) alone.

mod error;
mod header;
mod log;
mod record;
mod seal;

use std::io;
use std::path::Path;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash, check_erase, check_read, check_write};
use zeroize::Zeroizing;

pub use self::error::{FlashError, ImageError};
pub use self::header::{CAPACITY_MAX, PASSPHRASE_LANES_MAX, PASSPHRASE_MEMORY_MAX_KIB, PASSPHRASE_PASSES_MAX};
use self::header::{Header, PassphraseParameters, capacity_is_valid};
use self::log::Log;
use self::record::{DATA_MAX, Operation};
use self::seal::Master;
use crate::passphrase::Passphrase;

/// Bytes of an erase unit ("page") of the flash in an image.
pub const ERASE_UNIT: u32 = 4096;
/// Bytes of a write unit of the flash in an image.
pub const WRITE_UNIT: u32 = 4;

/// When the host's disk is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// After every flash operation.
    Always,
    /// Before a command is answered.
    #[default]
    Command,
    /// Never: for tests, and for hosts that cannot lose power.
    Never,
}

/// NOR flash in a file.
pub struct Image {
    memory: Zeroizing<Vec<u8>>,
    log: Log,
    sync: SyncPolicy,
    /// Why the file cannot be trusted to follow any more. After a failed write or sync nothing is known of what the
    /// disk holds, so there is no way on but to open it again.
    failure: Option<io::Error>,
    out_of_service: bool,
}

/// What `sim-reader info` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageInfo {
    /// Pages of [`ERASE_UNIT`] bytes.
    pub pages: u32,
    /// Pages that hold nothing at all.
    pub pages_erased: u32,
    /// Whether a passphrase is needed.
    pub encrypted: bool,
    /// Bytes of the log, which is written anew when it has grown.
    pub log_length: u64,
}

impl Image {
    /// Makes a new file with erased flash of `pages` pages, encrypted if there is a passphrase.
    ///
    /// # Errors
    ///
    /// The file exists, cannot be written, or `pages` is not between 2 and [`CAPACITY_MAX`] / [`ERASE_UNIT`].
    pub fn create(
        path: &Path,
        pages: u32,
        passphrase: Option<&Passphrase>,
        sync: SyncPolicy,
    ) -> Result<Self, ImageError> {
        let capacity = pages
            .checked_mul(ERASE_UNIT)
            .filter(|capacity| capacity_is_valid(*capacity))
            .ok_or(ImageError::Pages { pages, most: CAPACITY_MAX / ERASE_UNIT })?;
        let keyed = passphrase.map(|passphrase| {
            let parameters = PassphraseParameters::recommended(log::random());
            (Master::derive(passphrase, &parameters), parameters)
        });
        let (master, parameters) = match keyed {
            Some((Some(master), parameters)) => (Some(master), Some(parameters)),
            Some((None, _)) => return Err(ImageError::Geometry(path.to_owned())),
            None => (None, None),
        };
        let header = Header { capacity, passphrase: parameters, generation: log::random() };
        let log = Log::create(path, header, master)?;
        Ok(Self { memory: erased(capacity), log, sync, failure: None, out_of_service: false })
    }

    /// Opens a file, drops what a crash left half written at its end, and locks it until this value is dropped.
    ///
    /// # Errors
    ///
    /// See [`ImageError`]: in use, not an image, wrong passphrase, damaged.
    pub fn open(path: &Path, passphrase: Option<&Passphrase>, sync: SyncPolicy) -> Result<Self, ImageError> {
        let mut memory = Zeroizing::new(Vec::new());
        let log = Log::open(path, passphrase, |capacity, operation| {
            if memory.is_empty() {
                memory = erased(capacity);
            }
            apply(&mut memory, operation).is_ok()
        })?;
        if memory.is_empty() {
            memory = erased(log.header().capacity);
        }
        let mut image = Self { memory, log, sync, failure: None, out_of_service: false };
        // What was read may so far be with the host alone.
        image.finish_command()?;
        Ok(image)
    }

    /// Returns when what the card wrote is as durable as [`SyncPolicy`] asks; to be called before an answer leaves.
    ///
    /// # Errors
    ///
    /// The host failed, now or at an operation before. From then on the image is out of service: whatever the card
    /// answered must not be passed on.
    pub fn finish_command(&mut self) -> Result<(), ImageError> {
        let done = match self.failure.take() {
            Some(failure) => Err(failure),
            None if self.out_of_service => return Err(ImageError::OutOfService(self.log.path().to_owned())),
            None if self.sync == SyncPolicy::Never => self.log.compact(&self.memory),
            None => self.log.sync().and_then(|()| self.log.compact(&self.memory)),
        };
        done.map_err(|source| {
            self.out_of_service = true;
            error::at(self.log.path(), source)
        })
    }

    /// What the image says of itself.
    pub fn info(&self) -> ImageInfo {
        let (pages, erased) = self.memory.chunks(DATA_MAX).fold((0, 0), |(pages, erased), page| {
            (pages + 1, erased + u32::from(page.iter().all(|byte| *byte == 0xFF)))
        });
        ImageInfo {
            pages,
            pages_erased: erased,
            encrypted: self.log.header().passphrase.is_some(),
            log_length: self.log.length(),
        }
    }

    fn perform(&mut self, operation: Operation<'_>) -> Result<(), FlashError> {
        if self.out_of_service {
            return Err(FlashError::Host);
        }
        let mut written = self.log.append(operation);
        if self.sync == SyncPolicy::Always {
            written = written.and_then(|()| self.log.sync());
        }
        if let Err(failure) = written {
            self.failure = Some(failure);
            self.out_of_service = true;
            return Err(FlashError::Host);
        }
        apply(&mut self.memory, operation)
    }
}

impl ErrorType for Image {
    type Error = FlashError;
}

impl ReadNorFlash for Image {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        check_read(self, offset, bytes.len())?;
        let from = place(offset)?;
        let found = self.memory.get(from..).and_then(|rest| rest.get(..bytes.len())).ok_or(FlashError::OutOfBounds)?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.memory.len()
    }
}

impl NorFlash for Image {
    const WRITE_SIZE: usize = WRITE_UNIT as usize;
    const ERASE_SIZE: usize = ERASE_UNIT as usize;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        check_erase(self, from, to)?;
        self.perform(Operation::Erase { from, to })
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        check_write(self, offset, bytes.len())?;
        let mut offset = offset;
        for data in bytes.chunks(DATA_MAX) {
            self.perform(Operation::Write { offset, data })?;
            offset += u32::try_from(data.len()).map_err(|_| FlashError::OutOfBounds)?;
        }
        Ok(())
    }
}

fn erased(capacity: u32) -> Zeroizing<Vec<u8>> {
    // A capacity that does not fit an address space cannot pass `capacity_is_valid`.
    Zeroizing::new(vec![0xFF; usize::try_from(capacity).unwrap_or_default()])
}

/// What NOR flash does: erasing sets every bit, programming can only clear bits.
fn apply(memory: &mut [u8], operation: Operation<'_>) -> Result<(), FlashError> {
    match operation {
        Operation::Erase { from, to } => {
            memory.get_mut(place(from)?..place(to)?).ok_or(FlashError::OutOfBounds)?.fill(0xFF);
        }
        Operation::Write { offset, data } => {
            let cells = memory.get_mut(place(offset)?..).and_then(|rest| rest.get_mut(..data.len()));
            for (cell, byte) in cells.ok_or(FlashError::OutOfBounds)?.iter_mut().zip(data) {
                *cell &= byte;
            }
        }
    }
    Ok(())
}

fn place(offset: u32) -> Result<usize, FlashError> {
    usize::try_from(offset).map_err(|_| FlashError::OutOfBounds)
}
