//! Why a card image cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};

/// Why an image cannot be made, opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The host's file system refused.
    #[error("{}: {said}", path.display())]
    Io {
        /// The image.
        path: PathBuf,
        /// What the host said. Not an error's source, which would be told once more.
        said: io::Error,
    },
    /// Another process has the image open.
    #[error("{} is in use by another process: a card can be in one reader only", .0.display())]
    InUse(PathBuf),
    /// Not made by this program.
    #[error("{} is not a card image", .0.display())]
    NotAnImage(PathBuf),
    /// Made by a later release.
    #[error("{} is a card image of version {version}, which this program does not know", path.display())]
    Version {
        /// The image.
        path: PathBuf,
        /// The version it states.
        version: u16,
    },
    /// The header's sizes or costs are not ones that this program uses.
    #[error("{} states a geometry or costs that this program does not accept", .0.display())]
    Geometry(PathBuf),
    /// The size asked for is not a number of pages a card can have.
    #[error("a card has 2 to {most} pages, not {pages}")]
    Pages {
        /// The number asked for.
        pages: u32,
        /// The greatest number.
        most: u32,
    },
    /// Longer than any log grows.
    #[error("{} is longer than the {most} bytes a card image can have", path.display())]
    TooLong {
        /// The image.
        path: PathBuf,
        /// The bound in bytes.
        most: u64,
    },
    /// Encrypted, and no passphrase given.
    #[error("{} is encrypted: a passphrase is needed", .0.display())]
    PassphraseNeeded(PathBuf),
    /// A passphrase given, but the image is open to everybody.
    #[error("{} is not encrypted, although a passphrase was given: is it the right image?", .0.display())]
    NotEncrypted(PathBuf),
    /// The header does not verify.
    #[error("{}: {}", path.display(), if *encrypted { "the passphrase is wrong, or the header was changed" }
        else { "the header is damaged" })]
    WrongKey {
        /// The image.
        path: PathBuf,
        /// Whether a passphrase was part of it.
        encrypted: bool,
    },
    /// Something that had been on the disk is not what was written.
    #[error("{} is damaged at byte {offset}: what the card acknowledged later would be lost", path.display())]
    Damaged {
        /// The image.
        path: PathBuf,
        /// Where the first bad record begins.
        offset: u64,
    },
    /// A write or sync failed before; the image must be opened again.
    #[error("{}: an earlier write failed, so the card is out of service", .0.display())]
    OutOfService(PathBuf),
}

pub(super) fn at(path: &Path, said: io::Error) -> ImageError {
    ImageError::Io { path: path.to_owned(), said }
}

/// Why a flash operation on an image failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlashError {
    /// Not at whole write or erase units.
    #[error("the operation is not at whole units of the flash")]
    NotAligned,
    /// Beyond the end of the flash.
    #[error("the operation is beyond the end of the flash")]
    OutOfBounds,
    /// The host's file system refused; [`super::Image::finish_command`] says why.
    #[error("the image cannot be written")]
    Host,
}

impl From<NorFlashErrorKind> for FlashError {
    fn from(kind: NorFlashErrorKind) -> Self {
        match kind {
            NorFlashErrorKind::NotAligned => Self::NotAligned,
            NorFlashErrorKind::OutOfBounds => Self::OutOfBounds,
            NorFlashErrorKind::Other | _ => Self::Host,
        }
    }
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::Host => NorFlashErrorKind::Other,
        }
    }
}
