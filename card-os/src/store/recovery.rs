//! Starting from flash as it was left, at whatever instant power went.

use embedded_storage::nor_flash::NorFlash;
use zeroize::Zeroizing;

use super::format::{BODY, Kind, PageHeader, RECORD_MAX, Record};
use super::index::{Place, Version};
use super::log::{Opening, Seal};
use super::{Fault, Store};
use crate::limits::CHUNK_LENGTH;

/// Where the newest page's log ends, and whether it can be continued there.
struct Tail {
    end: usize,
    clean: bool,
}

impl<F: NorFlash, const CHUNKS: usize> Store<F, CHUNKS> {
    /// Finds the log, replays it, and gets rid of what an interrupted transaction left behind.
    pub(super) fn recover(&mut self) -> Result<(), Fault<F::Error>> {
        let header = self.newest_page()?;
        (self.log.newest, self.log.first) = (header.sequence, header.first);
        if let Opening::Unsure { next } = self.log.opening(header.sequence)? {
            self.log.mark(next)?;
        }
        self.log.erase_abandoned()?;
        for page in header.first..header.sequence {
            let end = self.older_page_end(page)?;
            self.replay(page, end)?;
        }
        let tail = self.find_tail(&header)?;
        self.replay(header.sequence, tail.end)?;
        self.index.revert();
        if !self.index.is_consistent(CHUNK_LENGTH) {
            return Err(Fault::Corrupt);
        }
        self.log.cursor = tail.end;
        self.unpurged = Some(header.sequence);
        if tail.clean { Ok(()) } else { self.open_page(tail.end, self.log.victim()) }
    }

    /// The newest page whose opening had ended. A younger one whose opening was cut never counted.
    fn newest_page(&mut self) -> Result<PageHeader, Fault<F::Error>> {
        let mut newest: Option<PageHeader> = None;
        for slot in 0..self.log.geometry.pages {
            let Some(header) = self.log.page_header(slot)? else { continue };
            let is_newer = newest.is_none_or(|newest| header.sequence > newest.sequence);
            if is_newer && self.log.opening(header.sequence)? != Opening::Unfinished {
                newest = Some(header);
            }
        }
        newest.ok_or(Fault::Unformatted)
    }

    /// Where an older page's records end: the header of the page after it says so.
    fn older_page_end(&mut self, page: u32) -> Result<usize, Fault<F::Error>> {
        let own = self.log.page_header(self.log.geometry.slot(page))?;
        let end = self.log.end_of(page)?;
        match own {
            Some(header) if header.sequence == page && header.moved_end <= end => Ok(end),
            Some(_) | None => Err(Fault::Corrupt),
        }
    }

    /// Finds the end of what is known to be whole in the newest page: behind it, everything must be blank to be clean.
    fn find_tail(&mut self, header: &PageHeader) -> Result<Tail, Fault<F::Error>> {
        let (page, geometry) = (header.sequence, self.log.geometry);
        let mut image = Zeroizing::new([0; RECORD_MAX]);
        let mut tail = Tail { end: header.moved_end, clean: true };
        let mut offset = header.moved_end;
        while let Some(record) = self.log.record(page, offset, geometry.page, &mut image)? {
            offset += record.size(geometry);
            if !record.commit {
                continue;
            }
            let seal = self.log.seal_at(page, offset)?;
            if seal == Seal::Absent && self.log.is_blank(page, offset)? {
                break;
            }
            offset += geometry.unit;
            tail = Tail { end: offset, clean: seal == Seal::Whole };
        }
        tail.clean &= self.log.is_blank(page, tail.end)?;
        Ok(tail)
    }

    /// Applies a page's records in order, exactly as the store did when it wrote them.
    fn replay(&mut self, page: u32, end: usize) -> Result<(), Fault<F::Error>> {
        let mut image = Zeroizing::new([0; RECORD_MAX]);
        let mut offset = BODY;
        while offset < end {
            let record = self.log.record(page, offset, end, &mut image)?.ok_or(Fault::Corrupt)?;
            let place = Place::at(self.log.geometry.address(page, offset));
            self.apply(&record, place)?;
            offset += record.size(self.log.geometry) + if record.commit { self.log.geometry.unit } else { 0 };
        }
        if offset == end { Ok(()) } else { Err(Fault::Corrupt) }
    }

    fn apply(&mut self, record: &Record, place: Place) -> Result<(), Fault<F::Error>> {
        if record.begin {
            self.index.revert();
        }
        let version = Version { place, length: record.length };
        match record.kind {
            Kind::Change => self.index.change(record.key, version),
            Kind::Kept { doomed } => self.index.keep(record.key, version, doomed),
            Kind::Remove { last } => {
                self.index.remove(record.key.id, record.key.chunk..=last);
                Ok(())
            }
        }
        // A store never writes more chunks than its table holds.
        .map_err(|_| Fault::Corrupt)?;
        if record.commit {
            self.index.promote();
        }
        Ok(())
    }
}
