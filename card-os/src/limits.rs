//! What a card can hold, each limit named once.

/// Bytes of one chunk: the most that a change of a single byte rewrites.
pub const CHUNK_LENGTH: usize = 240;

/// Chunks an object may have: a chunk's number is one byte in flash.
pub const CHUNKS_PER_OBJECT: usize = 256;

/// Bytes an object may have.
pub const OBJECT_LENGTH: usize = CHUNK_LENGTH * CHUNKS_PER_OBJECT;

/// Chunks the whole store may have, so also the most objects: each costs 12 bytes of RAM.
pub const STORE_CHUNKS: usize = 512;

/// Pages a store needs: the one being written, the one being emptied, one between, and the spare.
pub const STORE_PAGES_MIN: usize = 4;

/// Pages a store may have: a place in flash is a 16-bit number of 4-byte steps in RAM.
pub const STORE_PAGES_MAX: usize = 63;

/// Bytes of flash that objects cannot grow into, so that deleting and updating in place work on a full card: 100
/// deletions, or 50 counters, or 8 whole chunks in one transaction.
pub const STORE_RESERVE: usize = 2048;

/// Likewise in a store of at least [`STORE_LARGE`] bytes: a transaction deletes all objects of a file, at most 256.
pub const STORE_RESERVE_LARGE: usize = 4096;

/// Bytes that a large store can hold, its reserve among them.
pub const STORE_LARGE: usize = 16 * STORE_RESERVE_LARGE;

/// Files on a card, beside the master file.
pub const FILES_MAX: u16 = 128;

const _: () = assert!(CHUNK_LENGTH <= u8::MAX as usize);
