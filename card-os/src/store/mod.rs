//! The card's storage: numbered objects in NOR flash, changed by transactions.
//!
//! # What it promises
//!
//! - `write`, `patch`, `resize` and `delete` open a transaction or continue it; reads see its changes.
//!   [`Store::commit`] makes them durable all at once; [`Store::rollback`], or a loss of power before `commit` returns,
//!   leaves nothing of them. If power goes inside `commit`, all of them or none are there at the next start, and that
//!   stays so.
//! - [`Store::mount`] starts from whatever a loss of power left, also one in an earlier `mount`, and refuses, without a
//!   panic, flash that no store wrote. A start after an idle loss of power writes nothing.
//! - A full store refuses with [`Fault::Full`]. [`STORE_RESERVE`] bytes, in a large store [`STORE_RESERVE_LARGE`], are
//!   kept for deletions and for changes that do not make an object larger, so a counter can always count.
//! - After any refusal of a changing operation the caller rolls back; after [`Fault::Flash`] it mounts again.
//!
//! # What it needs of the flash
//!
//! Single bytes can be read; units of 1, 2, 4 or 8 bytes are written (the store always writes whole units of 4, or of 8
//! where the flash has 8) and **no unit is ever written twice** between erasures; erased bytes read `FF`. A loss of
//! power changes only the unit being written or the page being erased, in any way, also so that bits read differently
//! from start to start. Assumed are only: a unit that was cut while it was written and reads `FF` throughout holds what
//! is written to it then; a unit whose writing was cut never reads wholly written at one start and wholly blank at
//! another. A driver returns the bytes of a unit that its error correction rejects rather than an error.
//!
//! # Format
//!
//! The flash is a ring of pages (the size that is erased at once). Pages are numbered from 0 in the order they are
//! opened; page `n` lies in slot `n mod pages`. The log is the pages `first..=newest`, at most all slots but one.
//! Numbers are little-endian; the unit is written `u`; ends are byte offsets in the page, divided by 4.
//!
//! ```text
//! page    0   4  53 79 6D 01         magic and version
//!         4   4  page number
//!         8   4  first               the oldest page of the log
//!        12   2  previous end        where the log ends in the page before; what lies behind does not count
//!        14   2  moved end           where the records end that were moved in before this header was written
//!        16   4  pages, unit, page size / 4 (1, 1 and 2 bytes)
//!        20   4  CRC-32 of the 20 bytes before
//!        24  4u  marks               each 5E A1 5E A1 ..., or blank
//!        56      records
//!
//! record  0   1  kind 1 change, 2 kept, 3 remove; plus 10 begin, 20 commit, 40 doomed
//!         1   1  length n of the payload, at most 240
//!         2   1  chunk
//!         3   1  last chunk (remove), else 0
//!         4   4  object
//!         8   4  CRC-32 of the record's offset / 4 (4 bytes), the page number (4), bytes 0..8 and the payload
//!        12   n  payload, padded with FF to a multiple of u
//!
//! seal        u  00 ..., behind each record that says commit
//! ```
//!
//! The CRC-32 is ISO 3309's (reflected, starting from all ones) without the final complement. An object is chunks 0, 1,
//! ... of [`CHUNK_LENGTH`] bytes, the last one shorter; an empty object has an empty chunk 0.
//!
//! The state is what the records say in order. *Change* gives a chunk a pending payload, *remove* makes a range of
//! chunks pending to go; *begin* first drops what is pending; *commit* makes it valid. *Kept* restates a chunk's valid
//! payload, whatever is pending, and if *doomed*, says that the chunk is pending to go.
//!
//! # Writing
//!
//! The latest change waits in RAM, so that the last one carries *commit*: a transaction of one chunk is one record and
//! its seal. Where a record does not fit, the next page is opened: erase the slot; if the ring is full, copy what is
//! still valid in the oldest page into it (*kept*), so that `first` rises by one; write the header, then two marks, one
//! by one. Before that, the rest of the old page takes records that would have to be copied next. A page in which the
//! running transaction has records is never the one to be emptied; a transaction that long is `Full`.
//!
//! Invariants: what is valid lies in `first..=newest`; the slots outside hold nothing that counts; a page's valid
//! records always fit into a fresh page; valid records, pending ones and removals never exceed
//! `(pages - 2) * (page - 56 - 256)` bytes, which is why opening pages always finds room.
//!
//! # Recovery
//!
//! 1. The newest page is the one with the highest number whose header is intact and which has a whole mark. A mark with
//!    nothing written after it may be whole by chance only: the next mark is written. If the page after it has a
//!    header, its opening was cut: it is erased.
//! 2. All pages from `first` must have their headers and nothing but intact records up to the next header's previous
//!    end, else [`Fault::Corrupt`]. Replay them.
//! 3. In the newest page, the log ends behind the last seal that was begun. If the rest of the page is blank and the
//!    seal is whole, this is all. Otherwise the next page is opened at once with that end as its previous end, so that
//!    what was torn never counts, however it reads later.
//!
//! Nothing is shown before this is done, and every conclusion drawn from bits that might change is by then written
//! down: a record counts only when its seal was begun, so after its own writing had ended; a page only when a mark was
//! whole and something was written after it. A seal that is begun but not whole leads to step 3's new page.
//!
//! # Errors in the flash
//!
//! Every record and header is checked when the store starts and whenever it is copied, not at each read. CRC-32 finds
//! any error of up to 3 bits in a record and all but one in 2^32 others; a record that is intact but in the wrong place
//! or from a page's earlier life is found too. Damage behind the last intact seal of the newest page looks like a torn
//! transaction and is dropped. Changes made on purpose are not found: the flash is inside the card.
//!
//! # Wear and work
//!
//! Pages are used in turn, so erasures of any two pages differ by a few. In a half-full store of 32 pages of 4 KiB,
//! 1,000 counter updates cost 8 erasures, in a full one 23. A commit of `k` chunks is `k + 1` writes. One that opens a
//! page adds an erasure, the header, two marks and one write a copied record (at most 252 of 16 bytes, 16 full ones);
//! in a full store several openings may be needed, at most one round of the ring.
//!
//! # Secrets
//!
//! Deleted and replaced data stays in flash until its page has been emptied and its slot is needed again, one round of
//! the ring at the latest. [`Store::purge`] goes round at once, as many pages a call as the caller has time for; before
//! a transaction is committed, [`Store::replaced`] tells whether it calls for that.

mod format;
mod index;
mod log;
mod recovery;
mod space;

use core::ops::RangeInclusive;

use embedded_storage::nor_flash::NorFlash;
use zeroize::{Zeroize, Zeroizing};

use crate::limits::{CHUNK_LENGTH, OBJECT_LENGTH, STORE_CHUNKS, STORE_LARGE, STORE_RESERVE, STORE_RESERVE_LARGE};
use format::{Key, Kind, RECORD_HEADER, RECORD_MAX, Record, narrow};
use index::{Index, Place, TableFull, Version};
use log::{Log, payload_of};

/// The number of an object. Who owns it, and what it is, is the caller's to encode; numbers sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub u32);

/// Why the store refuses. After a refusal of `write`, `patch`, `resize`, `delete` or `commit`, call `rollback`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<E> {
    /// The flash failed. The store answers [`Fault::Halted`] from now on.
    Flash(E),
    /// The flash failed earlier; mount again.
    Halted,
    /// The flash has too few or too many pages, or pages of a size the store cannot use.
    Geometry,
    /// No page of the flash holds a store.
    Unformatted,
    /// The flash holds a store whose contents contradict themselves.
    Corrupt,
    /// No room for the change.
    Full,
    /// There is no such object.
    NotFound,
    /// Beyond the end of the object, or longer than an object can be.
    OutOfRange,
}

impl<E> From<TableFull> for Fault<E> {
    fn from(_: TableFull) -> Self {
        Self::Full
    }
}

/// The store. `CHUNKS` is the size of its table in RAM (12 bytes each).
pub struct Store<F, const CHUNKS: usize = STORE_CHUNKS> {
    log: Log<F>,
    index: Index<CHUNKS>,
    /// The transaction's latest change, not yet in flash, so that the last one can carry the commit. A transaction is
    /// open exactly when there is one.
    staged: Option<Record>,
    /// The staged record's bytes.
    image: Zeroizing<[u8; RECORD_MAX]>,
    /// The page of the running transaction's first record in flash.
    transaction: Option<u32>,
    /// Bytes of the transaction's removals.
    removals: usize,
    /// The newest page that may hold data that no longer counts.
    unpurged: Option<u32>,
}

impl<F: NorFlash, const CHUNKS: usize> Store<F, CHUNKS> {
    /// Erases the flash and starts an empty store in it.
    pub fn format(flash: F) -> Result<Self, Fault<F::Error>> {
        let mut store = Self::new(flash)?;
        store.log.format()?;
        Ok(store)
    }

    /// Starts the store that is in the flash, after any loss of power; refuses anything else.
    pub fn mount(flash: F) -> Result<Self, Fault<F::Error>> {
        let mut store = Self::new(flash)?;
        store.recover()?;
        Ok(store)
    }

    fn new(flash: F) -> Result<Self, Fault<F::Error>> {
        let log = Log::new(flash)?;
        let index = Index::new(log.geometry);
        Ok(Self {
            log,
            index,
            staged: None,
            image: Zeroizing::new([0; RECORD_MAX]),
            transaction: None,
            removals: 0,
            unpurged: None,
        })
    }

    /// Gives the object this content, making it if there is none. Chunks that do not differ are not written.
    pub fn write(&mut self, id: ObjectId, content: &[u8]) -> Result<(), Fault<F::Error>> {
        self.admit(id, content.len())?;
        for (chunk, part) in (0..=u8::MAX).zip(chunks(content)) {
            self.put(Key { id, chunk }, part)?;
        }
        self.cut(id, content.len())
    }

    /// Replaces bytes inside the object; only the chunks they lie in are written.
    pub fn patch(&mut self, id: ObjectId, offset: usize, bytes: &[u8]) -> Result<(), Fault<F::Error>> {
        self.within(id, offset, bytes.len())?;
        let mut rest = bytes;
        let mut offset = offset;
        let touched = (offset % CHUNK_LENGTH + bytes.len()).div_ceil(CHUNK_LENGTH);
        self.admit_bytes(touched * self.log.geometry.record_size(CHUNK_LENGTH), 0)?;
        while !rest.is_empty() {
            let (chunk, start) = split(offset);
            let (part, behind) = rest.split_at(rest.len().min(CHUNK_LENGTH - start));
            let mut content = Zeroizing::new([0; CHUNK_LENGTH]);
            let length = self.load(Key { id, chunk }, &mut content)?;
            content.get_mut(start..start + part.len()).ok_or(Fault::Corrupt)?.copy_from_slice(part);
            self.put(Key { id, chunk }, content.get(..length).unwrap_or_default())?;
            rest = behind;
            offset += part.len();
        }
        Ok(())
    }

    /// Makes the object this long, making it if there is none: cuts it, or adds zeros.
    pub fn resize(&mut self, id: ObjectId, length: usize) -> Result<(), Fault<F::Error>> {
        let before = self.length(id);
        if before == Some(length) {
            return Ok(());
        }
        self.admit(id, length)?;
        let first = before.map_or(0, |before| before.min(length) / CHUNK_LENGTH);
        for number in first..chunk_count(length) {
            let chunk = u8::try_from(number).map_err(|_| Fault::OutOfRange)?;
            let mut content = Zeroizing::new([0; CHUNK_LENGTH]);
            if self.index.visible(Key { id, chunk }).is_some() {
                self.load(Key { id, chunk }, &mut content)?;
            }
            let part = (length - number * CHUNK_LENGTH).min(CHUNK_LENGTH);
            self.put(Key { id, chunk }, content.get(..part).unwrap_or_default())?;
        }
        self.cut(id, length)
    }

    /// Removes the object.
    pub fn delete(&mut self, id: ObjectId) -> Result<(), Fault<F::Error>> {
        if self.length(id).is_none() {
            return Err(Fault::NotFound);
        }
        self.remove(id, 0)
    }

    /// Makes the running transaction's changes durable, all at once.
    pub fn commit(&mut self) -> Result<(), Fault<F::Error>> {
        if self.staged.is_none() {
            return Ok(());
        }
        self.flush(true)?;
        self.index.promote();
        self.end_transaction();
        Ok(())
    }

    /// Forgets the running transaction's changes.
    pub fn rollback(&mut self) {
        self.index.revert();
        self.image.zeroize();
        self.end_transaction();
    }

    /// The objects whose committed content the running transaction replaces or removes, in whole or in part.
    pub fn replaced(&self) -> impl Iterator<Item = ObjectId> + '_ {
        self.index.replaced()
    }

    /// Bytes of the object, as the running transaction sees it, or `None` if there is no such object.
    pub fn length(&self, id: ObjectId) -> Option<usize> {
        self.index
            .last_chunk(id)
            .map(|(chunk, version)| usize::from(chunk) * CHUNK_LENGTH + usize::from(version.length))
    }

    /// Reads bytes of the object from an offset, as the running transaction sees it.
    pub fn read(&mut self, id: ObjectId, offset: usize, out: &mut [u8]) -> Result<(), Fault<F::Error>> {
        self.within(id, offset, out.len())?;
        let mut rest = out;
        let mut offset = offset;
        while !rest.is_empty() {
            let (chunk, start) = split(offset);
            let length = rest.len().min(CHUNK_LENGTH - start);
            let (part, behind) = rest.split_at_mut(length);
            let version = self.index.visible(Key { id, chunk }).ok_or(Fault::Corrupt)?;
            self.read_version(version, start, part)?;
            rest = behind;
            offset += length;
        }
        Ok(())
    }

    /// Reads the whole object into the beginning of `out` and says how long it is.
    pub fn read_all(&mut self, id: ObjectId, out: &mut [u8]) -> Result<usize, Fault<F::Error>> {
        let (last, version) = self.index.last_chunk(id).ok_or(Fault::NotFound)?;
        let length = usize::from(last) * CHUNK_LENGTH + usize::from(version.length);
        let out = out.get_mut(..length).ok_or(Fault::OutOfRange)?;
        match last {
            // Found already.
            0 => self.read_version(version, 0, out)?,
            _ => self.read(id, 0, out)?,
        }
        Ok(length)
    }

    /// The next object after this number, as the running transaction sees it.
    pub fn next(&self, after: ObjectId) -> Option<ObjectId> {
        self.index.first_object(ObjectId(after.0.checked_add(1)?))
    }

    /// The objects with numbers in this range, in order, as the running transaction sees them.
    pub fn ids(&self, range: RangeInclusive<ObjectId>) -> impl Iterator<Item = ObjectId> + '_ {
        let end = *range.end();
        let first = self.index.first_object(*range.start());
        core::iter::successors(first, |id| self.next(*id)).take_while(move |id| *id <= end)
    }

    /// Bytes of flash that new content may still take; an object takes [`Store::footprint`] of it.
    pub fn free(&self) -> usize {
        let capacity = self.log.geometry.capacity().saturating_sub(self.reserve());
        capacity.saturating_sub(self.index.live() + self.removals)
    }

    /// Bytes of flash that an object of this length takes.
    pub fn footprint(&self, length: usize) -> usize {
        self.log.geometry.footprint(length)
    }

    /// Erases pages that may still hold deleted or replaced data, at most `pages` of them; says whether none is left.
    /// Does nothing while a transaction is open.
    pub fn purge(&mut self, pages: usize) -> Result<bool, Fault<F::Error>> {
        if self.staged.is_some() {
            return Ok(false);
        }
        for _ in 0..pages {
            if self.is_purged() {
                break;
            }
            self.open_page(self.log.cursor, Some(self.log.first))?;
        }
        if !self.is_purged() {
            return Ok(false);
        }
        self.log.erase_behind()?;
        self.unpurged = None;
        Ok(true)
    }

    /// Gives the flash back; an open transaction is forgotten.
    pub fn into_flash(self) -> F {
        self.log.into_flash()
    }

    fn is_purged(&self) -> bool {
        self.unpurged.is_none_or(|page| page < self.log.first)
    }

    /// Refuses an object of this length if it, or its chunks, would not fit.
    fn admit(&self, id: ObjectId, length: usize) -> Result<(), Fault<F::Error>> {
        if length > OBJECT_LENGTH {
            return Err(Fault::OutOfRange);
        }
        let before = self.length(id);
        let chunks_before = before.map_or(0, chunk_count);
        if chunk_count(length).saturating_sub(chunks_before) > self.index.vacancies() {
            return Err(Fault::Full);
        }
        let footprint = self.footprint(length);
        let grows = before.is_none_or(|before| self.footprint(before) < footprint);
        self.admit_bytes(footprint, if grows { self.reserve() } else { 0 })
    }

    /// Bytes that objects cannot grow into.
    fn reserve(&self) -> usize {
        if self.log.geometry.capacity() < STORE_LARGE { STORE_RESERVE } else { STORE_RESERVE_LARGE }
    }

    /// Refuses a change of this many bytes if it would leave less than `reserve`.
    fn admit_bytes(&self, bytes: usize, reserve: usize) -> Result<(), Fault<F::Error>> {
        let taken = self.index.live() + self.removals + bytes + reserve;
        if taken > self.log.geometry.capacity() { Err(Fault::Full) } else { Ok(()) }
    }

    fn within(&self, id: ObjectId, offset: usize, length: usize) -> Result<(), Fault<F::Error>> {
        let end = offset.checked_add(length).ok_or(Fault::OutOfRange)?;
        if end > self.length(id).ok_or(Fault::NotFound)? { Err(Fault::OutOfRange) } else { Ok(()) }
    }

    /// Gives a chunk this content, unless it has it.
    fn put(&mut self, key: Key, content: &[u8]) -> Result<(), Fault<F::Error>> {
        if self.holds(key, content)? {
            return Ok(());
        }
        let length = u8::try_from(content.len()).map_err(|_| Fault::OutOfRange)?;
        let is_staged = self.index.visible(key).is_some_and(|version| version.place == Place::STAGED);
        if !is_staged {
            self.flush(false)?;
        }
        self.index.change(key, Version { place: Place::STAGED, length })?;
        payload_of(&mut self.image, length).copy_from_slice(content);
        self.staged = Some(Record { kind: Kind::Change, key, length, begin: false, commit: false });
        Ok(())
    }

    fn holds(&mut self, key: Key, content: &[u8]) -> Result<bool, Fault<F::Error>> {
        let Some(version) = self.index.visible(key) else { return Ok(false) };
        if usize::from(version.length) != content.len() {
            return Ok(false);
        }
        let mut before = Zeroizing::new([0; CHUNK_LENGTH]);
        self.load(key, &mut before)?;
        Ok(before.get(..content.len()) == Some(content))
    }

    /// Removes the chunks that an object of this length does not have.
    fn cut(&mut self, id: ObjectId, length: usize) -> Result<(), Fault<F::Error>> {
        match (u8::try_from(chunk_count(length)), self.index.last_chunk(id)) {
            (Ok(first), Some((last, _))) if last >= first => self.remove(id, first),
            _ => Ok(()),
        }
    }

    /// Removes the object's chunks from this one on.
    fn remove(&mut self, id: ObjectId, chunk: u8) -> Result<(), Fault<F::Error>> {
        let size = self.log.geometry.record_size(0);
        self.admit_bytes(size, 0)?;
        self.flush(false)?;
        self.index.remove(id, chunk..=u8::MAX);
        self.removals += size;
        let kind = Kind::Remove { last: u8::MAX };
        self.staged = Some(Record { kind, key: Key { id, chunk }, length: 0, begin: false, commit: false });
        Ok(())
    }

    /// Writes the staged record to flash.
    fn flush(&mut self, commit: bool) -> Result<(), Fault<F::Error>> {
        let Some(staged) = self.staged else { return Ok(()) };
        let record = Record { begin: self.transaction.is_none(), commit, ..staged };
        self.make_room(record.size(self.log.geometry))?;
        let place = self.log.append(&record, &mut self.image)?;
        if commit {
            self.log.seal()?;
        }
        self.transaction.get_or_insert(self.log.newest);
        if record.kind == Kind::Change {
            self.index.change(record.key, Version { place, length: record.length })?;
        }
        payload_of(&mut self.image, record.length).zeroize();
        self.staged = None;
        Ok(())
    }

    fn end_transaction(&mut self) {
        if self.transaction.take().is_some() {
            self.unpurged = Some(self.log.newest);
        }
        self.staged = None;
        self.removals = 0;
    }

    /// Reads a chunk and says how long it is.
    fn load(&mut self, key: Key, out: &mut [u8; CHUNK_LENGTH]) -> Result<usize, Fault<F::Error>> {
        let version = self.index.visible(key).ok_or(Fault::Corrupt)?;
        let length = usize::from(version.length);
        self.read_version(version, 0, out.get_mut(..length).unwrap_or_default())?;
        Ok(length)
    }

    fn read_version(&mut self, version: Version, start: usize, out: &mut [u8]) -> Result<(), Fault<F::Error>> {
        if version.place == Place::STAGED {
            let payload = payload_of(&mut self.image, version.length);
            let part = payload.get(start..start + out.len()).ok_or(Fault::Corrupt)?;
            out.copy_from_slice(part);
            return Ok(());
        }
        self.log.read(version.place.address() + narrow(RECORD_HEADER + start), out)
    }
}

/// The content's chunks; empty content is one empty chunk.
fn chunks(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let empty = content.is_empty().then_some(content);
    empty.into_iter().chain(content.chunks(CHUNK_LENGTH))
}

/// Chunks of an object of this length.
fn chunk_count(length: usize) -> usize {
    length.div_ceil(CHUNK_LENGTH).max(1)
}

/// The chunk a byte lies in, and where in the chunk. The offset lies within an object.
#[expect(clippy::cast_possible_truncation, reason = "an object has at most 256 chunks, and the offset is within one")]
fn split(offset: usize) -> (u8, usize) {
    ((offset / CHUNK_LENGTH) as u8, offset % CHUNK_LENGTH)
}
