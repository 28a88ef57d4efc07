//! Finding bytes: in an object, and in the records of a file.

use apdu_spec::instruction::{Begin, Direction};
use embedded_storage::nor_flash::NorFlash;

use super::File;
use super::record::{Order, walk};
use crate::access::Granted;
use crate::refusal::Refusal;
use crate::store::{ObjectId, Store};

/// Bytes that are compared at once.
const PIECE: usize = 64;

impl Granted<File> {
    /// Gives `found` the number of each record that holds `string`, until it wants no more.
    pub(crate) fn search_records<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        number: u8,
        direction: Direction,
        begin: Begin,
        string: &[u8],
        mut found: impl FnMut(u8) -> bool,
    ) -> Result<(), Refusal> {
        let order = Order::load(store, self)?;
        let last = order.last(store, number)?;
        let (to, is_without_itself) = match direction {
            Direction::Forward => (last, false),
            Direction::Backward => (1, false),
            Direction::ForwardFromNext => (last, true),
            Direction::BackwardFromPrevious => (1, true),
        };
        for number in walk(number, to).skip(is_without_itself.into()) {
            if holds(store, order.object(number), begin, string)? && !found(number) {
                break;
            }
        }
        Ok(())
    }
}

fn holds<F: NorFlash>(store: &mut Store<F>, record: ObjectId, begin: Begin, string: &[u8]) -> Result<bool, Refusal> {
    let from = match begin {
        Begin::Offset(offset) => offset.into(),
        Begin::Behind(value) => match find(store, record, 0, &[value])? {
            Some(place) => place + 1,
            None => return Ok(false),
        },
    };
    Ok(find(store, record, from, string)?.is_some())
}

/// Where the string is in the object, the first time from an offset on.
pub(super) fn find<F: NorFlash>(
    store: &mut Store<F>,
    id: ObjectId,
    from: usize,
    string: &[u8],
) -> Result<Option<usize>, Refusal> {
    let length = store.length(id).ok_or(Refusal::Fault)?;
    let Some(last) = length.checked_sub(string.len()) else { return Ok(None) };
    for place in from..=last {
        if lies_at(store, id, place, string)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

fn lies_at<F: NorFlash>(store: &mut Store<F>, id: ObjectId, place: usize, string: &[u8]) -> Result<bool, Refusal> {
    let mut space = [0; PIECE];
    let mut at = place;
    for part in string.chunks(PIECE) {
        let there = space.get_mut(..part.len()).ok_or(Refusal::Fault)?;
        store.read(id, at, there)?;
        if there != part {
            return Ok(false);
        }
        at += part.len();
    }
    Ok(true)
}
