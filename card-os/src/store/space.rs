//! Making room: moving what still counts out of the oldest page, and opening the next.

use embedded_storage::nor_flash::NorFlash;
use zeroize::Zeroizing;

use super::format::{BODY, Kind, RECORD_MAX, Record};
use super::index::Version;
use super::{Fault, Store};

impl<F: NorFlash, const CHUNKS: usize> Store<F, CHUNKS> {
    /// Makes sure that this many bytes and a seal fit into the newest page.
    ///
    /// Opens at most as many pages as the ring has; each gives back what no longer counts in the oldest page.
    pub(super) fn make_room(&mut self, size: usize) -> Result<(), Fault<F::Error>> {
        for _ in 0..2 * self.log.geometry.pages {
            if self.log.room() >= size + self.log.geometry.unit {
                return Ok(());
            }
            if let Some(victim) = self.log.victim() {
                self.movable(victim)?;
                let end = self.log.end_of(victim)?;
                // What fits into the rest of this page need not be moved when the next one is opened.
                self.move_out(victim, end)?;
            }
            let end = self.log.cursor;
            self.open_page(end, self.log.victim())?;
        }
        Err(Fault::Full)
    }

    /// Opens the next page, moving the victim's records into it before it counts.
    ///
    /// `previous_end` is where the log ends in the page that was the newest until now.
    pub(super) fn open_page(&mut self, previous_end: usize, victim: Option<u32>) -> Result<(), Fault<F::Error>> {
        let Some(victim) = victim else {
            self.log.begin_page()?;
            return self.log.finish_page(previous_end);
        };
        self.movable(victim)?;
        let victim_end = if victim == self.log.newest { previous_end } else { self.log.end_of(victim)? };
        self.log.erase_behind()?;
        self.log.begin_page()?;
        if !self.move_out(victim, victim_end)? {
            return Err(Fault::Corrupt);
        }
        self.log.drop_first();
        self.log.finish_page(previous_end)
    }

    /// A page with records of the running transaction stays: their order matters until the transaction ends.
    fn movable(&self, victim: u32) -> Result<(), Fault<F::Error>> {
        match self.transaction {
            Some(start) if victim >= start => Err(Fault::Full),
            Some(_) | None => Ok(()),
        }
    }

    /// Copies the page's committed records to the end of the log, as far as they fit there; says whether all did.
    fn move_out(&mut self, page: u32, end: usize) -> Result<bool, Fault<F::Error>> {
        let mut image = Zeroizing::new([0; RECORD_MAX]);
        let mut offset = BODY;
        let mut all = true;
        while offset < end {
            let record = self.log.record(page, offset, end, &mut image)?.ok_or(Fault::Corrupt)?;
            all &= self.move_record(&record, page, offset, &mut image)?;
            offset += record.size(self.log.geometry) + if record.commit { self.log.geometry.unit } else { 0 };
        }
        Ok(all)
    }

    /// Copies one record if it still counts; says whether it needs no more room.
    fn move_record(
        &mut self,
        record: &Record,
        page: u32,
        offset: usize,
        image: &mut [u8; RECORD_MAX],
    ) -> Result<bool, Fault<F::Error>> {
        let address = self.log.geometry.address(page, offset);
        let Some((version, doomed)) = self.index.committed(record.key) else { return Ok(true) };
        if matches!(record.kind, Kind::Remove { .. }) || version.place.address() != address {
            return Ok(true);
        }
        let moved = Record { kind: Kind::Kept { doomed }, begin: false, commit: false, ..*record };
        if moved.size(self.log.geometry) > self.log.room() {
            return Ok(false);
        }
        let place = self.log.append(&moved, image)?;
        self.index.keep(record.key, Version { place, ..version }, doomed)?;
        Ok(true)
    }
}
