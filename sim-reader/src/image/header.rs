//! The first 128 bytes of an image.
//!
//! ```text
//!   0   8  magic "SYMCARD\0"
//!   8   2  version, 1
//!  10   2  flags: bit 0 = encrypted under a passphrase; the others zero
//!  12   4  capacity of the flash in bytes
//!  16   4  bytes of an erase unit
//!  20   4  bytes of a write unit
//!  24   4  Argon2id memory in KiB (this and the next four fields zero without a passphrase)
//!  28   4  Argon2id passes
//!  32   4  Argon2id lanes
//!  36  16  Argon2id salt
//!  52  32  generation: random, new whenever the file is rewritten; HKDF salt of the file's key
//!  84  12  zero
//!  96   4  zero
//! 100  12  nonce of the tag
//! 112  16  tag over all before: the first link of the chain of records, and the check of the passphrase
//! ```
//! Integers are big-endian.

use super::seal::{Nonce, Seal, Tag};
use super::{ERASE_UNIT, WRITE_UNIT};

/// Bytes of a header.
pub(super) const HEADER_LENGTH: usize = 128;
const SIGNED_LENGTH: usize = 100;
const MAGIC: &[u8; 8] = b"SYMCARD\0";
const VERSION: u16 = 1;
const ENCRYPTED: u16 = 1;

/// The greatest flash of a card in a file, in bytes: it is also held in memory.
pub const CAPACITY_MAX: u32 = 16 * 1024 * 1024;
/// The most memory that a header may make Argon2id take, in KiB: a file is bytes from outside.
pub const PASSPHRASE_MEMORY_MAX_KIB: u32 = 256 * 1024;
/// The most passes that a header may make Argon2id do.
pub const PASSPHRASE_PASSES_MAX: u32 = 16;
/// The most lanes that a header may make Argon2id use.
pub const PASSPHRASE_LANES_MAX: u32 = 16;

/// What Argon2id (RFC 9106) is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PassphraseParameters {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
    pub(super) salt: [u8; 16],
}

impl PassphraseParameters {
    /// RFC 9106's second recommended choice, 64 MiB, three passes, four lanes.
    pub(super) fn recommended(salt: [u8; 16]) -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 4, salt }
    }

    fn affordable(&self) -> bool {
        self.memory_kib <= PASSPHRASE_MEMORY_MAX_KIB
            && self.passes <= PASSPHRASE_PASSES_MAX
            && self.lanes <= PASSPHRASE_LANES_MAX
    }
}

/// What an image says of itself in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) capacity: u32,
    pub(super) passphrase: Option<PassphraseParameters>,
    pub(super) generation: [u8; 32],
}

/// Why bytes are not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    NotAnImage,
    Version(u16),
    Geometry,
}

impl Header {
    /// The header with its tag, which the first record continues.
    pub(super) fn encode(&self, seal: &Seal, nonce: &Nonce) -> Option<(Vec<u8>, Tag)> {
        let mut bytes = self.fields();
        let tag = seal.close(&Tag::default(), &bytes, nonce, &mut [])?;
        bytes.extend_from_slice(nonce);
        bytes.extend_from_slice(&tag);
        Some((bytes, tag))
    }

    /// Reads a header's fields; its tag is checked with [`Header::verify`] when the key is there.
    pub(super) fn parse(bytes: &[u8; HEADER_LENGTH]) -> Result<Self, HeaderError> {
        if !bytes.starts_with(MAGIC) {
            return Err(HeaderError::NotAnImage);
        }
        let version = u16::from_be_bytes(field(bytes, 8));
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let parameters = PassphraseParameters {
            memory_kib: u32::from_be_bytes(field(bytes, 24)),
            passes: u32::from_be_bytes(field(bytes, 28)),
            lanes: u32::from_be_bytes(field(bytes, 32)),
            salt: field(bytes, 36),
        };
        let encrypted = u16::from_be_bytes(field(bytes, 10)) & ENCRYPTED != 0;
        let header = Self {
            capacity: u32::from_be_bytes(field(bytes, 12)),
            passphrase: encrypted.then_some(parameters),
            generation: field(bytes, 52),
        };
        // Encoding again is the check of everything that has one value only: units, flags and zeros.
        let same = bytes.starts_with(&header.fields());
        let affordable = header.passphrase.as_ref().is_none_or(PassphraseParameters::affordable);
        if !same || !affordable || !capacity_is_valid(header.capacity) {
            return Err(HeaderError::Geometry);
        }
        Ok(header)
    }

    /// The tag, if the header is what was written under this seal's key.
    pub(super) fn verify(&self, seal: &Seal, bytes: &[u8; HEADER_LENGTH]) -> Option<Tag> {
        let tag = field(bytes, 112);
        seal.open(&Tag::default(), &self.fields(), &field(bytes, SIGNED_LENGTH), &mut [], &tag).then_some(tag)
    }

    fn fields(&self) -> Vec<u8> {
        let none = PassphraseParameters { memory_kib: 0, passes: 0, lanes: 0, salt: [0; 16] };
        let passphrase = self.passphrase.as_ref().unwrap_or(&none);
        let flags = if self.passphrase.is_some() { ENCRYPTED } else { 0 };
        let mut bytes = Vec::with_capacity(HEADER_LENGTH);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&flags.to_be_bytes());
        for number in
            [self.capacity, ERASE_UNIT, WRITE_UNIT, passphrase.memory_kib, passphrase.passes, passphrase.lanes]
        {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&passphrase.salt);
        bytes.extend_from_slice(&self.generation);
        bytes.resize(SIGNED_LENGTH, 0);
        bytes
    }
}

/// Whether a flash may have this many bytes: whole erase units, two at least, [`CAPACITY_MAX`] at most.
pub(super) fn capacity_is_valid(capacity: u32) -> bool {
    capacity.is_multiple_of(ERASE_UNIT) && (2 * ERASE_UNIT..=CAPACITY_MAX).contains(&capacity)
}

/// `N` bytes at a constant place of a header.
fn field<const N: usize>(bytes: &[u8; HEADER_LENGTH], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}
