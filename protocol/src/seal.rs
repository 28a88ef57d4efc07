//! Sealed fields: written in place where the message grows, opened in a scratch buffer of the caller's.

use serde::Serialize;

use crate::codec::{self, BufferFull};
use crate::crypto::{Crypto, Invalid, Secret};

/// Bytes of an AES-128-GCM tag.
pub(crate) const TAG_LENGTH: usize = 16;

/// Every key seals one field once.
const NONCE: &[u8; 12] = &[0; 12];

/// A byte string's length takes at most this many bytes: two of postcard's varint are enough below 16,384.
const LENGTH_PREFIX_MAX: usize = 2;

/// A message that grows in a buffer of the caller's.
pub(crate) struct Builder<'b> {
    out: &'b mut [u8],
    length: usize,
}

impl<'b> Builder<'b> {
    pub(crate) fn new(out: &'b mut [u8]) -> Self {
        Self { out, length: 0 }
    }

    /// Appends a value.
    pub(crate) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), BufferFull> {
        let space = self.out.get_mut(self.length..).ok_or(BufferFull)?;
        self.length += codec::encode(value, space)?;
        Ok(())
    }

    /// Appends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), BufferFull> {
        let space = self.out.get_mut(self.length..).and_then(|space| space.get_mut(..bytes.len())).ok_or(BufferFull)?;
        space.copy_from_slice(bytes);
        self.length += bytes.len();
        Ok(())
    }

    /// Appends a byte string that `fill` writes in place; it sees what is written so far, and gives the length.
    pub(crate) fn string(
        &mut self,
        fill: impl FnOnce(&[u8], &mut [u8]) -> Result<usize, BufferFull>,
    ) -> Result<(), BufferFull> {
        let (before, space) = self.out.split_at_mut_checked(self.length).ok_or(BufferFull)?;
        let (prefix, content) = space.split_at_mut_checked(LENGTH_PREFIX_MAX).ok_or(BufferFull)?;
        let length = fill(before, content)?;
        let prefix_length = codec::encode(&length, prefix)?;
        space.copy_within(LENGTH_PREFIX_MAX..LENGTH_PREFIX_MAX + length, prefix_length);
        self.length += prefix_length + length;
        Ok(())
    }

    /// Appends a byte string: a field sealed under `key`, whose plain text `fill` writes. The associated data is the
    /// first `outer` bytes of what is written so far.
    pub(crate) fn sealed<C: Crypto>(
        &mut self,
        key: &Secret<16>,
        outer: usize,
        fill: impl FnOnce(&[u8], &mut [u8]) -> Result<usize, BufferFull>,
    ) -> Result<(), BufferFull> {
        self.string(|before, space| {
            let length = fill(before, space)?;
            let associated = before.get(..outer).ok_or(BufferFull)?;
            seal_in_place(space, length, |plain| C::aes128_gcm_seal(key, NONCE, associated, plain))
        })
    }

    pub(crate) fn written(&self) -> &[u8] {
        self.out.get(..self.length).unwrap_or_default()
    }

    pub(crate) const fn length(&self) -> usize {
        self.length
    }
}

/// Seals the first `length` bytes of `space`, puts the tag behind them and gives the length of both.
pub(crate) fn seal_in_place(
    space: &mut [u8],
    length: usize,
    seal: impl FnOnce(&mut [u8]) -> [u8; TAG_LENGTH],
) -> Result<usize, BufferFull> {
    let (plain, rest) = space.split_at_mut_checked(length).ok_or(BufferFull)?;
    let tag_space = rest.get_mut(..TAG_LENGTH).ok_or(BufferFull)?;
    tag_space.copy_from_slice(&seal(plain));
    Ok(length + TAG_LENGTH)
}

/// Opens a field in `scratch`.
pub(crate) fn open<'s, C: Crypto>(
    key: &Secret<16>,
    associated: &[u8],
    sealed: &[u8],
    scratch: &mut Scratch<'s>,
) -> Result<&'s [u8], Invalid> {
    open_with(sealed, scratch, |plain, tag| C::aes128_gcm_open(key, NONCE, associated, plain, tag))
}

/// Opens a sealed byte string in `scratch` with whatever holds its key.
pub(crate) fn open_with<'s>(
    sealed: &[u8],
    scratch: &mut Scratch<'s>,
    open: impl FnOnce(&mut [u8], &[u8; TAG_LENGTH]) -> Result<(), Invalid>,
) -> Result<&'s [u8], Invalid> {
    let (cipher, tag) = sealed.split_last_chunk::<TAG_LENGTH>().ok_or(Invalid)?;
    let plain = scratch.copy(cipher).ok_or(Invalid)?;
    open(plain, tag)?;
    Ok(plain)
}

/// Where sealed fields are opened, one behind the other.
pub(crate) struct Scratch<'s>(&'s mut [u8]);

impl<'s> Scratch<'s> {
    pub(crate) fn new(space: &'s mut [u8]) -> Self {
        Self(space)
    }

    fn copy(&mut self, bytes: &[u8]) -> Option<&'s mut [u8]> {
        let (place, rest) = core::mem::take(&mut self.0).split_at_mut_checked(bytes.len())?;
        self.0 = rest;
        place.copy_from_slice(bytes);
        Some(place)
    }
}
