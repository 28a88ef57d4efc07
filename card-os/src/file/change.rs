//! Changing a part of an object in place.

use apdu_spec::instruction::Combination;
use embedded_storage::nor_flash::NorFlash;

use crate::refusal::Refusal;
use crate::store::{ObjectId, Store};

/// Bytes that are worked on at once. The store writes a chunk once, however many pieces of it change in a row.
const PIECE: usize = 64;

/// Makes of the object's bytes from `offset` on and of `data` what `combination` says.
pub(super) fn combine<F: NorFlash>(
    store: &mut Store<F>,
    id: ObjectId,
    offset: usize,
    data: &[u8],
    combination: Combination,
) -> Result<(), Refusal> {
    let operation: fn(u8, u8) -> u8 = match combination {
        Combination::Replace => return Ok(store.patch(id, offset, data)?),
        Combination::And => |old, new| old & new,
        Combination::Or => |old, new| old | new,
        Combination::Xor => |old, new| old ^ new,
    };
    let mut space = [0; PIECE];
    let mut at = offset;
    for part in data.chunks(PIECE) {
        let piece = space.get_mut(..part.len()).ok_or(Refusal::Fault)?;
        store.read(id, at, piece)?;
        piece.iter_mut().zip(part).for_each(|(old, new)| *old = operation(*old, *new));
        store.patch(id, at, piece)?;
        at += part.len();
    }
    Ok(())
}

/// Fills a part of the object with zeros, its logically erased state.
pub(super) fn fill<F: NorFlash>(
    store: &mut Store<F>,
    id: ObjectId,
    offset: usize,
    length: usize,
) -> Result<(), Refusal> {
    let end = offset + length;
    for at in (offset..end).step_by(PIECE) {
        store.patch(id, at, [0; PIECE].get(..PIECE.min(end - at)).unwrap_or_default())?;
    }
    Ok(())
}
