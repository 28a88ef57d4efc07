//! Where each chunk lies: a sorted table in RAM, with the running transaction's version beside the committed one.

use core::ops::RangeInclusive;

use heapless::Vec;

use super::ObjectId;
use super::format::{Geometry, Key, STEP, narrow};

/// Where a version of a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u16);

impl Place {
    /// There is no such version.
    pub(super) const NONE: Self = Self(0xFFFF);
    /// The transaction removes the chunk.
    pub(super) const REMOVED: Self = Self(0xFFFE);
    /// The transaction's version is still in RAM.
    pub(super) const STAGED: Self = Self(0xFFFD);

    /// Bytes of flash that places can name.
    pub(super) const REACH: usize = Self::STAGED.0 as usize * STEP;

    /// The place at this address, which lies within `REACH`.
    pub(super) fn at(address: u32) -> Self {
        u16::try_from(address / narrow(STEP)).map_or(Self::NONE, Self)
    }

    /// The address of this place in flash.
    pub(super) fn address(self) -> u32 {
        u32::from(self.0) * narrow(STEP)
    }
}

/// A version of a chunk: where it is and how many bytes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) place: Place,
    pub(super) length: u8,
}

#[derive(Clone, Copy)]
struct Entry {
    id: ObjectId,
    chunk: u8,
    committed_length: u8,
    pending_length: u8,
    committed: Place,
    pending: Place,
}

// The promise of 12 bytes a chunk in `limits`.
const _: () = assert!(size_of::<Entry>() == 12);

impl Entry {
    fn key(&self) -> Key {
        Key { id: self.id, chunk: self.chunk }
    }

    /// What the running transaction sees.
    fn visible(&self) -> Option<Version> {
        match self.pending {
            Place::NONE => self.committed(),
            Place::REMOVED => None,
            place => Some(Version { place, length: self.pending_length }),
        }
    }

    fn committed(&self) -> Option<Version> {
        (self.committed != Place::NONE).then_some(Version { place: self.committed, length: self.committed_length })
    }

    fn pending(&self) -> Option<Version> {
        (!matches!(self.pending, Place::NONE | Place::REMOVED))
            .then_some(Version { place: self.pending, length: self.pending_length })
    }

    fn is_empty(&self) -> bool {
        self.committed == Place::NONE && self.pending == Place::NONE
    }
}

/// The table is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableFull;

/// The table of all chunks, sorted by key.
pub(super) struct Index<const CHUNKS: usize> {
    entries: Vec<Entry, CHUNKS>,
    /// The entries that may have a pending version: positions `first..end`.
    pending_first: usize,
    pending_end: usize,
    geometry: Geometry,
    /// Bytes of flash taken by the committed versions and by the transaction's chunks.
    live: usize,
}

impl<const CHUNKS: usize> Index<CHUNKS> {
    pub(super) fn new(geometry: Geometry) -> Self {
        Self { entries: Vec::new(), pending_first: CHUNKS, pending_end: 0, geometry, live: 0 }
    }

    /// The transaction gives the chunk a new version.
    pub(super) fn change(&mut self, key: Key, version: Version) -> Result<(), TableFull> {
        let geometry = self.geometry;
        let (position, entry) = self.entry(key)?;
        let replaced = entry.pending();
        entry.pending = version.place;
        entry.pending_length = version.length;
        self.live += size(geometry, Some(version));
        self.live -= size(geometry, replaced);
        self.note_pending(position);
        Ok(())
    }

    /// The transaction removes the object's chunks in this range.
    pub(super) fn remove(&mut self, id: ObjectId, chunks: RangeInclusive<u8>) {
        let start = self.position(Key { id, chunk: *chunks.start() }).unwrap_or_else(|insertion| insertion);
        let mut end = start;
        for entry in self.entries.iter_mut().skip(start) {
            if entry.id != id || entry.chunk > *chunks.end() {
                break;
            }
            self.live -= size(self.geometry, entry.pending());
            entry.pending = Place::REMOVED;
            end += 1;
        }
        if end > start {
            self.note_pending(start);
            self.note_pending(end - 1);
        }
    }

    /// The committed version of the chunk has a new place.
    pub(super) fn keep(&mut self, key: Key, version: Version, doomed: bool) -> Result<(), TableFull> {
        let geometry = self.geometry;
        let (position, entry) = self.entry(key)?;
        let replaced = entry.committed();
        entry.committed = version.place;
        entry.committed_length = version.length;
        if doomed {
            entry.pending = Place::REMOVED;
        }
        self.live += size(geometry, Some(version));
        self.live -= size(geometry, replaced);
        if doomed {
            self.note_pending(position);
        }
        Ok(())
    }

    /// The objects of which the running transaction replaces or removes a committed chunk.
    pub(super) fn replaced(&self) -> impl Iterator<Item = ObjectId> + '_ {
        let pending = self.entries.get(self.pending_first..self.pending_end).unwrap_or_default();
        pending
            .iter()
            .filter(|entry| entry.pending != Place::NONE && entry.committed != Place::NONE)
            .map(|entry| entry.id)
    }

    /// What is pending becomes committed.
    pub(super) fn promote(&mut self) {
        self.settle(|entry| {
            entry.committed = if entry.pending == Place::REMOVED { Place::NONE } else { entry.pending };
            entry.committed_length = entry.pending_length;
            entry.pending = Place::NONE;
        });
    }

    /// What is pending is forgotten.
    pub(super) fn revert(&mut self) {
        self.settle(|entry| entry.pending = Place::NONE);
    }

    fn settle(&mut self, decide: impl Fn(&mut Entry)) {
        let (first, end) = (self.pending_first, self.pending_end);
        let mut emptied = false;
        for entry in self.entries.get_mut(first..end).unwrap_or_default() {
            if entry.pending != Place::NONE {
                self.live -= size(self.geometry, entry.committed()) + size(self.geometry, entry.pending());
                decide(entry);
                self.live += size(self.geometry, entry.committed());
                emptied |= entry.is_empty();
            }
        }
        if emptied {
            self.entries.retain(|entry| !entry.is_empty());
        }
        (self.pending_first, self.pending_end) = (CHUNKS, 0);
    }

    /// The chunk's version as the running transaction sees it.
    pub(super) fn visible(&self, key: Key) -> Option<Version> {
        self.get(key).and_then(Entry::visible)
    }

    /// The chunk's committed version, and whether the running transaction has removed it.
    pub(super) fn committed(&self, key: Key) -> Option<(Version, bool)> {
        let entry = self.get(key)?;
        Some((entry.committed()?, entry.pending == Place::REMOVED))
    }

    /// The object's last chunk as the running transaction sees it.
    pub(super) fn last_chunk(&self, id: ObjectId) -> Option<(u8, Version)> {
        let end = match self.position(Key { id, chunk: u8::MAX }) {
            Ok(position) => position + 1,
            Err(insertion) => insertion,
        };
        let own = self.entries.get(..end)?.iter().rev().take_while(|entry| entry.id == id);
        own.filter_map(|entry| Some((entry.chunk, entry.visible()?))).next()
    }

    /// The smallest object number in the range, as the running transaction sees it.
    pub(super) fn first_object(&self, from: ObjectId) -> Option<ObjectId> {
        let start = self.position(Key { id: from, chunk: 0 }).unwrap_or_else(|insertion| insertion);
        let visible = self.entries.get(start..)?.iter().find(|entry| entry.visible().is_some());
        visible.map(|entry| entry.id)
    }

    /// Whether every object's chunks are numbered without a gap and all but the last are full.
    pub(super) fn is_consistent(&self, full: usize) -> bool {
        let mut before: Option<&Entry> = None;
        self.entries.iter().all(|entry| {
            let expected = match before {
                Some(last) if last.id == entry.id => {
                    usize::from(last.committed_length) == full && last.chunk.checked_add(1) == Some(entry.chunk)
                }
                Some(_) | None => entry.chunk == 0,
            };
            before = Some(entry);
            expected
        })
    }

    /// Bytes of flash taken by the committed versions and by the transaction's chunks.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Chunks the table can still take.
    pub(super) fn vacancies(&self) -> usize {
        CHUNKS - self.entries.len()
    }

    fn get(&self, key: Key) -> Option<&Entry> {
        self.position(key).ok().and_then(|position| self.entries.get(position))
    }

    /// The chunk's entry, made if there is none.
    fn entry(&mut self, key: Key) -> Result<(usize, &mut Entry), TableFull> {
        let position = match self.position(key) {
            Ok(position) => position,
            Err(position) => {
                let entry = Entry {
                    id: key.id,
                    chunk: key.chunk,
                    committed_length: 0,
                    pending_length: 0,
                    committed: Place::NONE,
                    pending: Place::NONE,
                };
                self.entries.insert(position, entry).map_err(|_| TableFull)?;
                // Pending entries behind the new one have moved up by one.
                if position < self.pending_first && self.pending_end > 0 {
                    self.pending_first += 1;
                }
                if position < self.pending_end {
                    self.pending_end += 1;
                }
                position
            }
        };
        self.entries.get_mut(position).map(|entry| (position, entry)).ok_or(TableFull)
    }

    fn position(&self, key: Key) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.key().cmp(&key))
    }

    fn note_pending(&mut self, position: usize) {
        self.pending_first = self.pending_first.min(position);
        self.pending_end = self.pending_end.max(position + 1);
    }
}

fn size(geometry: Geometry, version: Option<Version>) -> usize {
    version.map_or(0, |version| geometry.record_size(version.length.into()))
}
