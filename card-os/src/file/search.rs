//! Finding bytes: in an object, and in the records of a file.

use apdu_spec::instruction::{Begin, Direction, Position, Search};
use embedded_storage::nor_flash::NorFlash;

use super::File;
use super::record::{Order, walk};
use crate::access::Granted;
use crate::refusal::Refusal;
use crate::store::{ObjectId, Store};

/// Bytes that are compared at once.
const PIECE: usize = 64;

impl Granted<File> {
    /// Gives `found` the number of each record that holds `string`, until it wants no more. The channel's current
    /// record has the number `current`, 0 if there is none.
    pub(crate) fn search_records<F: NorFlash>(
        &self,
        store: &mut Store<F>,
        search: Search,
        current: u8,
        string: &[u8],
        mut found: impl FnMut(u8) -> bool,
    ) -> Result<(), Refusal> {
        let order = Order::load(store, self)?;
        let Way { from, is_upward, is_without_first, identifier, begin } = Way::of(search, current, &order, store)?;
        let last = order.last(store, from)?;
        for number in walk(from, if is_upward { last } else { 1 }).skip(is_without_first.into()) {
            let is_searched = order.has_identifier(store, number, identifier)?;
            if is_searched && holds(store, order.object(number), begin, string)? && !found(number) {
                break;
            }
        }
        Ok(())
    }
}

/// A walk through records.
struct Way {
    from: u8,
    is_upward: bool,
    is_without_first: bool,
    /// Which records count; 0 is any.
    identifier: u8,
    begin: Begin,
}

impl Way {
    fn of<F: NorFlash>(search: Search, current: u8, order: &Order, store: &mut Store<F>) -> Result<Self, Refusal> {
        Ok(match search {
            Search::Identified(identifier, position) => Self {
                from: order.identified(store, identifier, position, current)?,
                is_upward: matches!(position, Position::First | Position::Next),
                is_without_first: false,
                identifier,
                begin: Begin::Offset(0),
            },
            Search::Numbered { number, direction, begin } => Self {
                from: if number == 0 { current } else { number },
                is_upward: matches!(direction, Direction::Forward | Direction::ForwardFromNext),
                is_without_first: matches!(direction, Direction::ForwardFromNext | Direction::BackwardFromPrevious),
                identifier: 0,
                begin,
            },
        })
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
