//! One flash operation as bytes in the log.
//!
//! ```text
//!  0   2  length of the sealed body, a multiple of 16, never 0
//!  2   1  flags: bit 0 = all before this record is known to be on the disk
//!  3   1  zero
//!  4  12  nonce
//! 16      sealed body: operation 1 (1 = write, 2 = erase), zero 1, length of data 2, offset 4, data, zeros up to 16
//!     16  tag, over the tag before, the first four bytes, the nonce and the body
//! ```
//! Write: the data are programmed at the offset. Erase: the data are the end of the erased range, four bytes.
//! A record's place is a multiple of 16, so that a reader can look for records behind a damaged one.

use zeroize::Zeroizing;

use super::seal::{NONCE_LENGTH, Nonce, Seal, TAG_LENGTH, Tag};

/// Every record begins at a multiple of this.
pub(super) const ALIGNMENT: usize = 16;
/// The most data of one record; longer writes become several records.
pub(super) const DATA_MAX: usize = 4096;

const HEAD_LENGTH: usize = 4;
const PREFIX_LENGTH: usize = HEAD_LENGTH + NONCE_LENGTH;
const BODY_HEAD_LENGTH: usize = 8;
const BODY_MAX: usize = (BODY_HEAD_LENGTH + DATA_MAX).next_multiple_of(ALIGNMENT);
/// The longest record.
pub(super) const RECORD_MAX: usize = PREFIX_LENGTH + BODY_MAX + TAG_LENGTH;

const WRITE: u8 = 1;
const ERASE: u8 = 2;
const DURABLE: u8 = 1;

const _: () = assert!(BODY_MAX <= u16::MAX as usize, "a body's length is two bytes");

/// A flash operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation<'a> {
    Write { offset: u32, data: &'a [u8] },
    Erase { from: u32, to: u32 },
}

/// A record found in the log.
pub(super) struct Found {
    body: Zeroizing<Vec<u8>>,
    /// Everything before it was on the disk when it was written.
    pub(super) durable: bool,
    /// Bytes of the whole record.
    pub(super) length: usize,
    pub(super) tag: Tag,
}

/// Appends the record of `operation` to `out`. `None` if the data exceed [`DATA_MAX`].
pub(super) fn encode(
    operation: Operation<'_>,
    durable: bool,
    seal: &Seal,
    before: &Tag,
    nonce: &Nonce,
    out: &mut Vec<u8>,
) -> Option<Tag> {
    let (kind, offset, end);
    let data = match operation {
        Operation::Write { offset: at, data } => {
            (kind, offset) = (WRITE, at);
            data
        }
        Operation::Erase { from, to } => {
            (kind, offset) = (ERASE, from);
            end = to.to_be_bytes();
            &end
        }
    };
    if data.len() > DATA_MAX {
        return None;
    }
    let mut body = Zeroizing::new(Vec::with_capacity(BODY_MAX));
    body.extend_from_slice(&[kind, 0]);
    body.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
    body.extend_from_slice(&offset.to_be_bytes());
    body.extend_from_slice(data);
    let whole = body.len().next_multiple_of(ALIGNMENT);
    body.resize(whole, 0);

    let [high, low] = u16::try_from(body.len()).ok()?.to_be_bytes();
    let head = [high, low, if durable { DURABLE } else { 0 }, 0];
    let tag = seal.close(before, &head, nonce, &mut body)?;
    for part in [head.as_slice(), nonce, &body, &tag] {
        out.extend_from_slice(part);
    }
    Some(tag)
}

/// The record at the start of `bytes`, if there is a whole one that continues `before`.
pub(super) fn decode(bytes: &[u8], seal: &Seal, before: &Tag) -> Option<Found> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_LENGTH>()?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE_LENGTH>()?;
    let [high, low, flags, zero] = *head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let valid = (1..=BODY_MAX).contains(&length) && length.is_multiple_of(ALIGNMENT);
    // Cheap checks first: a search behind damage asks this at every place of the file.
    if !valid || flags & !DURABLE != 0 || zero != 0 {
        return None;
    }
    let (body, rest) = rest.split_at_checked(length)?;
    let tag = *rest.first_chunk::<TAG_LENGTH>()?;
    let mut body = Zeroizing::new(body.to_vec());
    if !seal.open(before, head, nonce, &mut body, &tag) {
        return None;
    }
    Some(Found { body, durable: flags & DURABLE != 0, length: PREFIX_LENGTH + length + TAG_LENGTH, tag })
}

impl Found {
    /// The operation; `None` if the body, though authentic, is not one.
    pub(super) fn operation(&self) -> Option<Operation<'_>> {
        let ([kind, _, high, low], rest) = self.body.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let offset = u32::from_be_bytes(*offset);
        let data = rest.get(..usize::from(u16::from_be_bytes([*high, *low])))?;
        match *kind {
            WRITE => Some(Operation::Write { offset, data }),
            ERASE => Some(Operation::Erase { from: offset, to: u32::from_be_bytes(data.try_into().ok()?) }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Tag = [7; TAG_LENGTH];

    fn encoded(operation: Operation<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        encode(operation, true, &Seal::Plain, &BEFORE, &Nonce::default(), &mut out).unwrap();
        out
    }

    #[test]
    fn what_is_encoded_is_decoded_and_fills_whole_units() {
        let data = [0xA5; DATA_MAX];
        for operation in [
            Operation::Write { offset: 8, data: &[1, 2, 3] },
            Operation::Write { offset: 0xFFFF_FFF0, data: &data },
            Operation::Erase { from: 4096, to: 12288 },
        ] {
            let bytes = encoded(operation);
            let found = decode(&bytes, &Seal::Plain, &BEFORE).unwrap();
            assert_eq!(found.operation(), Some(operation));
            assert_eq!((found.length, found.durable), (bytes.len(), true));
            assert_eq!(bytes.len() % ALIGNMENT, 0);
            assert!(bytes.len() <= RECORD_MAX);
        }
    }

    #[test]
    fn a_cut_or_flipped_record_or_one_after_another_tag_is_none() {
        let bytes = encoded(Operation::Write { offset: 8, data: &[1, 2, 3] });
        assert!(decode(&bytes, &Seal::Plain, &[8; TAG_LENGTH]).is_none());
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut], &Seal::Plain, &BEFORE).is_none(), "cut at {cut}");
            let mut flipped = bytes.clone();
            flipped[cut] ^= 0x10;
            assert!(decode(&flipped, &Seal::Plain, &BEFORE).is_none(), "flipped at {cut}");
        }
    }

    #[test]
    fn more_data_than_a_record_holds_is_refused() {
        let mut out = Vec::new();
        let operation = Operation::Write { offset: 0, data: &[0; DATA_MAX + 1] };
        assert!(encode(operation, false, &Seal::Plain, &BEFORE, &Nonce::default(), &mut out).is_none());
        assert!(out.is_empty());
    }
}
