//! The ring of pages: appending records, sealing them, and giving the oldest pages back.

use embedded_storage::nor_flash::NorFlash;
use zeroize::Zeroize;

use super::Fault;
use super::format::{BODY, Geometry, MARKS, OPENED, PageHeader, RECORD_HEADER, RECORD_MAX, Record, narrow};
use super::index::Place;
use crate::limits::{STORE_PAGES_MAX, STORE_PAGES_MIN};

/// What a page's marks say about its opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// No mark is whole: the page was never used.
    Unfinished,
    /// A mark is whole, but nothing was written after it, so it may read otherwise next time. Here the next one goes.
    Unsure { next: usize },
    /// A mark is whole and stays so.
    Finished,
}

/// What the unit behind a transaction's last record reads as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seal {
    /// Its writing had not begun: what comes before may not be whole.
    Absent,
    /// Its writing had begun, so what comes before is whole.
    Begun,
    /// Its writing had ended.
    Whole,
}

/// The log in flash and where it ends.
pub(super) struct Log<F> {
    flash: F,
    pub(super) geometry: Geometry,
    /// The page being written.
    pub(super) newest: u32,
    /// The oldest page that still counts.
    pub(super) first: u32,
    /// Where the next record goes in the newest page.
    pub(super) cursor: usize,
    /// Whether the slot before the oldest page was erased since power came.
    behind_erased: bool,
    /// The flash has failed: RAM and flash may differ, and nothing more is read or written.
    failed: bool,
}

impl<F: NorFlash> Log<F> {
    const UNIT: usize = {
        assert!(F::READ_SIZE == 1, "the store reads single bytes");
        assert!(F::WRITE_SIZE.is_power_of_two() && F::WRITE_SIZE <= 8, "the store writes units of 4 or 8 bytes");
        if F::WRITE_SIZE <= 4 { 4 } else { 8 }
    };

    /// An empty log; `geometry` refuses flash of a shape that the store cannot use.
    pub(super) fn new(flash: F) -> Result<Self, Fault<F::Error>> {
        let pages = flash.capacity() / F::ERASE_SIZE;
        let geometry = Geometry { unit: Self::UNIT, page: F::ERASE_SIZE, pages };
        let page_ok = F::ERASE_SIZE >= BODY + 4 * RECORD_MAX && F::ERASE_SIZE % Self::UNIT == 0;
        let pages_ok = (STORE_PAGES_MIN..=STORE_PAGES_MAX).contains(&pages);
        if !page_ok || !pages_ok || pages * F::ERASE_SIZE > Place::REACH {
            return Err(Fault::Geometry);
        }
        Ok(Self { flash, geometry, newest: 0, first: 0, cursor: BODY, behind_erased: false, failed: false })
    }

    pub(super) fn into_flash(self) -> F {
        self.flash
    }

    /// Erases everything and opens page 0.
    pub(super) fn format(&mut self) -> Result<(), Fault<F::Error>> {
        (0..narrow(self.geometry.pages)).try_for_each(|page| self.erase(page))?;
        self.behind_erased = true;
        self.finish_page(BODY)
    }

    /// The page whose records must be moved before another page can be opened, if the ring is full.
    pub(super) fn victim(&self) -> Option<u32> {
        (self.length() >= self.geometry.pages - 1).then_some(self.first)
    }

    /// Pages in the log.
    pub(super) fn length(&self) -> usize {
        (self.newest - self.first) as usize + 1
    }

    /// Bytes left in the newest page.
    pub(super) fn room(&self) -> usize {
        self.geometry.page - self.cursor
    }

    /// Where a page's records end.
    pub(super) fn end_of(&mut self, page: u32) -> Result<usize, Fault<F::Error>> {
        if page == self.newest {
            return Ok(self.cursor);
        }
        let header = self.page_header(self.geometry.slot(page + 1))?.ok_or(Fault::Corrupt)?;
        if header.sequence == page + 1 { Ok(header.previous_end) } else { Err(Fault::Corrupt) }
    }

    /// Starts filling a fresh page behind the newest; it counts only when `finish_page` has ended.
    pub(super) fn begin_page(&mut self) -> Result<(), Fault<F::Error>> {
        let next = self.newest + 1;
        let is_behind = self.geometry.slot(next) == self.geometry.slot(self.behind());
        if !(is_behind && self.behind_erased) {
            self.erase(next)?;
        }
        (self.newest, self.cursor) = (next, BODY);
        self.behind_erased &= !is_behind;
        Ok(())
    }

    /// Makes the newest page count, and with it that the log starts at `self.first`.
    pub(super) fn finish_page(&mut self, previous_end: usize) -> Result<(), Fault<F::Error>> {
        let header = PageHeader { sequence: self.newest, first: self.first, previous_end, moved_end: self.cursor };
        let bytes = header.encode(self.geometry);
        let address = self.geometry.address(self.newest, 0);
        self.write(address, &bytes)?;
        self.mark(0)?;
        self.mark(1)
    }

    /// Takes the oldest page out of the log in RAM; on flash it leaves with the next `finish_page`.
    pub(super) fn drop_first(&mut self) {
        self.first += 1;
        self.behind_erased = false;
    }

    /// Erases the slot before the oldest page, if this was not done since power came.
    pub(super) fn erase_behind(&mut self) -> Result<(), Fault<F::Error>> {
        if !self.behind_erased && self.length() < self.geometry.pages {
            self.erase(self.behind())?;
            self.behind_erased = true;
        }
        Ok(())
    }

    /// Erases the page behind the newest if its opening was cut: a mark that is torn now may read whole next time.
    pub(super) fn erase_abandoned(&mut self) -> Result<(), Fault<F::Error>> {
        let next = self.newest + 1;
        match self.page_header(self.geometry.slot(next))? {
            Some(header) if header.sequence == next => self.erase(next),
            Some(_) | None => Ok(()),
        }
    }

    /// Appends a record whose payload is in `image`, and says where it lies.
    pub(super) fn append(&mut self, record: &Record, image: &mut [u8; RECORD_MAX]) -> Result<Place, Fault<F::Error>> {
        let size = record.size(self.geometry);
        record.encode(image, self.newest, self.cursor);
        let address = self.geometry.address(self.newest, self.cursor);
        self.write(address, image.get(..size).unwrap_or_default())?;
        self.cursor += size;
        Ok(Place::at(address))
    }

    /// Writes the seal that says that everything before it is whole.
    pub(super) fn seal(&mut self) -> Result<(), Fault<F::Error>> {
        let address = self.geometry.address(self.newest, self.cursor);
        self.write(address, [0; 8].split_at(self.geometry.unit).0)?;
        self.cursor += self.geometry.unit;
        Ok(())
    }

    /// The record at this offset, its bytes left in `image`, or `None` if there is no whole record before `end`.
    pub(super) fn record(
        &mut self,
        page: u32,
        offset: usize,
        end: usize,
        image: &mut [u8; RECORD_MAX],
    ) -> Result<Option<Record>, Fault<F::Error>> {
        if offset + RECORD_HEADER > end {
            return Ok(None);
        }
        let address = self.geometry.address(page, offset);
        let header = image.split_at_mut(RECORD_HEADER).0;
        self.read(address, header)?;
        let Some(record) = Record::parse_header(image) else { return Ok(None) };
        if offset + record.size(self.geometry) > end {
            return Ok(None);
        }
        let payload = payload_of(image, record.length);
        self.read(address + narrow(RECORD_HEADER), payload)?;
        Ok(record.is_intact(image, page, offset).then_some(record))
    }

    /// The header in this slot, if it holds one that belongs there.
    pub(super) fn page_header(&mut self, slot: usize) -> Result<Option<PageHeader>, Fault<F::Error>> {
        let mut bytes = [0; PageHeader::LENGTH];
        self.read(self.geometry.address(narrow(slot), 0), &mut bytes)?;
        let header = PageHeader::parse(&bytes, self.geometry);
        Ok(header.filter(|header| self.geometry.slot(header.sequence) == slot))
    }

    /// How far the opening of this page has come.
    pub(super) fn opening(&mut self, page: u32) -> Result<Opening, Fault<F::Error>> {
        let mut bytes = [0xFF; 8 * MARKS];
        let marks = bytes.split_at_mut(MARKS * self.geometry.unit).0;
        self.read(self.geometry.address(page, PageHeader::LENGTH), marks)?;
        let mut opening = Opening::Unfinished;
        for (number, mark) in marks.chunks(self.geometry.unit).enumerate() {
            let is_blank = mark.iter().all(|byte| *byte == 0xFF);
            opening = match opening {
                // Its successor has been begun, so it had ended.
                Opening::Unsure { .. } if !is_blank => Opening::Finished,
                Opening::Unfinished if OPENED.starts_with(mark) && number + 1 < MARKS => {
                    Opening::Unsure { next: number + 1 }
                }
                Opening::Unfinished if OPENED.starts_with(mark) => Opening::Finished,
                Opening::Unfinished | Opening::Unsure { .. } | Opening::Finished => opening,
            };
        }
        Ok(opening)
    }

    /// Writes a mark of the newest page.
    pub(super) fn mark(&mut self, number: usize) -> Result<(), Fault<F::Error>> {
        let unit = self.geometry.unit;
        let address = self.geometry.address(self.newest, PageHeader::LENGTH + number * unit);
        self.write(address, OPENED.split_at(unit).0)
    }

    /// What the seal at this offset reads as.
    pub(super) fn seal_at(&mut self, page: u32, offset: usize) -> Result<Seal, Fault<F::Error>> {
        let mut bytes = [0; 8];
        let unit = bytes.split_at_mut(self.geometry.unit).0;
        if offset + unit.len() > self.geometry.page {
            return Ok(Seal::Absent);
        }
        self.read(self.geometry.address(page, offset), unit)?;
        Ok(match (unit.iter().all(|byte| *byte == 0xFF), unit.iter().all(|byte| *byte == 0)) {
            (true, _) => Seal::Absent,
            (_, true) => Seal::Whole,
            _ => Seal::Begun,
        })
    }

    /// Whether the page reads as erased from this offset on.
    pub(super) fn is_blank(&mut self, page: u32, from: usize) -> Result<bool, Fault<F::Error>> {
        let mut block = [0; 64];
        let mut offset = from;
        while offset < self.geometry.page {
            let part = block.split_at_mut((self.geometry.page - offset).min(64)).0;
            self.read(self.geometry.address(page, offset), part)?;
            if part.iter().any(|byte| *byte != 0xFF) {
                return Ok(false);
            }
            offset += part.len();
        }
        Ok(true)
    }

    /// Reads bytes at an address.
    pub(super) fn read(&mut self, address: u32, out: &mut [u8]) -> Result<(), Fault<F::Error>> {
        if self.failed {
            return Err(Fault::Halted);
        }
        self.flash.read(address, out).map_err(|error| {
            out.zeroize();
            Fault::Flash(error)
        })
    }

    fn behind(&self) -> u32 {
        self.first + narrow(self.geometry.pages) - 1
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Fault<F::Error>> {
        if self.failed {
            return Err(Fault::Halted);
        }
        let outcome = self.flash.write(address, bytes);
        self.failed = outcome.is_err();
        outcome.map_err(Fault::Flash)
    }

    fn erase(&mut self, page: u32) -> Result<(), Fault<F::Error>> {
        if self.failed {
            return Err(Fault::Halted);
        }
        let from = self.geometry.address(page, 0);
        let outcome = self.flash.erase(from, from + narrow(self.geometry.page));
        self.failed = outcome.is_err();
        outcome.map_err(Fault::Flash)
    }
}

/// The payload's part of a record's bytes.
pub(super) fn payload_of(image: &mut [u8; RECORD_MAX], length: u8) -> &mut [u8] {
    image.get_mut(RECORD_HEADER..RECORD_HEADER + usize::from(length)).unwrap_or_default()
}
