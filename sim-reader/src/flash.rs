//! NOR flash in memory that keeps the rules of real flash and loses power where a test says so.
//!
//! The rules: only erasing sets bits, a page at a time; writing goes by units of `WRITE` bytes, aligned, and no unit is
//! written twice between erasures (flash with error correction would report an uncorrectable unit). What breaks a rule
//! is refused and changes nothing, so a test that unwraps finds the mistake.
//!
//! Power: [`RamFlash::cut_at`] names an operation (a write or an erasure) and a [`Moment`] in it. From then on
//! everything fails until [`RamFlash::power_on`]. What an interrupted operation leaves is drawn from a seed:
//!
//! - of a write, either the units before a random one are written, that one is a mix, and those behind are untouched,
//!   as flash that programs unit by unit leaves it; or every bit of the whole write is drawn on its own;
//! - of an erasure, every bit of the page is drawn from old, erased and garbage;
//! - after [`Moment::Unstable`], some bits of what was torn, or all that had not changed yet, are drawn anew at every
//!   `power_on`, all old or all new as often as mixed, until they are written or erased.
//!
//! What it does not show: bits outside the range being written or erased never change; a unit that was cut but reads as
//! erased when it is written afterwards holds what was written; a torn unit never reads all new at one start and all
//! old at another.
//!
//! `Clone` is the snapshot: a test keeps one before an experiment and starts every attempt from a copy.

use std::cmp::Ordering;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// Why the flash refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RamFlashError {
    /// There is no power.
    PowerOff,
    /// A write to a unit that was written since it was last erased.
    WrittenTwice,
    /// Addresses that are not aligned, or outside the flash.
    Address(NorFlashErrorKind),
}

impl NorFlashError for RamFlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::PowerOff | Self::WrittenTwice => NorFlashErrorKind::Other,
            Self::Address(kind) => *kind,
        }
    }
}

/// When in an operation power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before anything has changed.
    Before,
    /// In the middle; what is left reads the same at every start.
    Torn,
    /// In the middle; what is left may read differently at every start.
    Unstable,
    /// When everything has changed, but the operation has not reported it.
    After,
}

/// A bit of a torn operation that reads differently from start to start.
#[derive(Clone, Copy)]
struct Unstable {
    offset: usize,
    mask: u8,
    old: u8,
    new: u8,
}

#[derive(Clone, Copy)]
struct Cut {
    operations_left: u64,
    moment: Moment,
}

/// Flash in memory: units of `WRITE` bytes, pages of `PAGE` bytes.
#[derive(Clone)]
pub struct RamFlash<const WRITE: usize = 4, const PAGE: usize = 4096> {
    bytes: Vec<u8>,
    written: Vec<bool>,
    unstable: Vec<Unstable>,
    cut: Option<Cut>,
    powered: bool,
    random: Random,
    operations: u64,
    writes: Vec<u32>,
    written_bytes: u64,
    erasures: Vec<u32>,
}

impl<const WRITE: usize, const PAGE: usize> RamFlash<WRITE, PAGE> {
    /// Erased flash of so many pages.
    pub fn new(pages: usize) -> Self {
        Self::from_bytes(vec![0xFF; pages * PAGE])
    }

    /// Flash with this content, a whole number of pages; units that read as erased may be written.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let pages = bytes.len() / PAGE;
        let mut flash = Self {
            written: vec![false; bytes.len() / WRITE],
            bytes,
            unstable: Vec::new(),
            cut: None,
            powered: true,
            random: Random(1),
            operations: 0,
            writes: vec![0; pages],
            written_bytes: 0,
            erasures: vec![0; pages],
        };
        flash.note_written(0, flash.bytes.len());
        flash
    }

    /// Power goes at the operation number `operation` from now, counted from 0; `seed` decides what is left.
    pub fn cut_at(&mut self, operation: u64, moment: Moment, seed: u64) {
        self.random = Random::new(seed);
        self.cut = Some(Cut { operations_left: operation, moment });
    }

    /// Power comes back (also if it had not gone): no cut is planned any more, and unstable bits are drawn anew.
    pub fn power_on(&mut self) {
        (self.powered, self.cut) = (true, None);
        let choice = self.random.below(4);
        for index in 0..self.unstable.len() {
            let drawn = match choice {
                0 => 0x00,
                1 => 0xFF,
                _ => self.random.byte(),
            };
            if let Some(bits) = self.unstable.get(index).copied() {
                self.set(bits.offset, bits.mask, (bits.new & drawn) | (bits.old & !drawn));
            }
        }
        let touched: Vec<usize> = self.unstable.iter().map(|bits| bits.offset).collect();
        touched.into_iter().for_each(|offset| self.note_written(offset / WRITE * WRITE, WRITE));
    }

    /// Whether power has gone.
    pub fn is_off(&self) -> bool {
        !self.powered
    }

    /// The content.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes and erasures begun so far.
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// Writes to each page so far.
    pub fn writes(&self) -> &[u32] {
        &self.writes
    }

    /// Bytes that writes were begun with so far.
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// Erasures of each page so far.
    pub fn erasures(&self) -> &[u32] {
        &self.erasures
    }

    fn begin(&mut self, page: usize, counts: fn(&mut Self) -> &mut Vec<u32>) -> Result<Option<Moment>, RamFlashError> {
        if !self.powered {
            return Err(RamFlashError::PowerOff);
        }
        self.operations += 1;
        if let Some(count) = counts(self).get_mut(page) {
            *count += 1;
        }
        Ok(match &mut self.cut {
            Some(cut) if cut.operations_left == 0 => Some(cut.moment),
            Some(cut) => {
                cut.operations_left -= 1;
                None
            }
            None => None,
        })
    }

    /// Changes `self.bytes[offset..]` to `new`, as far as the moment allows.
    fn change(&mut self, offset: usize, new: &[u8], moment: Option<Moment>) -> Result<(), RamFlashError> {
        let Some(moment) = moment else {
            self.complete(offset, new);
            return Ok(());
        };
        self.powered = false;
        match moment {
            Moment::Before => {}
            Moment::Torn => self.tear(offset, new, false),
            Moment::Unstable => self.tear(offset, new, true),
            Moment::After => self.complete(offset, new),
        }
        Err(RamFlashError::PowerOff)
    }

    fn complete(&mut self, offset: usize, new: &[u8]) {
        self.unstable.retain(|bits| !(offset..offset + new.len()).contains(&bits.offset));
        if let Some(part) = self.bytes.get_mut(offset..offset + new.len()) {
            part.copy_from_slice(new);
        }
        let erased = new.len() == PAGE && new.iter().all(|byte| *byte == 0xFF);
        let units = offset / WRITE..(offset + new.len()) / WRITE;
        self.written.get_mut(units).unwrap_or_default().fill(!erased);
    }

    fn tear(&mut self, offset: usize, new: &[u8], unstable: bool) {
        let is_erasure = new.len() == PAGE;
        let unit_by_unit = !is_erasure && self.random.below(2) == 0;
        let torn_unit = self.random.below((new.len() / WRITE).max(1));
        let (density, decided_new) = (self.random.below(4), self.random.below(2) == 0);
        let undecided = if unstable { self.random.below(3) } else { 0 };
        self.unstable.retain(|bits| !(offset..offset + new.len()).contains(&bits.offset));
        for (index, byte) in new.iter().enumerate() {
            let old = self.bytes.get(offset + index).copied().unwrap_or(0xFF);
            let unit = index / WRITE;
            let mixed = !unit_by_unit || unit == torn_unit;
            // Each torn unit has a bit that stays decided, so that it never reads all new once and all old another
            // time.
            let decided = if index % WRITE == 0 { (old ^ byte) & (old ^ byte).wrapping_neg() } else { 0 };
            let done = match unit.cmp(&torn_unit) {
                Ordering::Less if unit_by_unit => 0xFF,
                Ordering::Greater if unit_by_unit => 0x00,
                Ordering::Less | Ordering::Equal | Ordering::Greater => match decided_new {
                    true => self.random.dense_byte(density) | decided,
                    false => self.random.dense_byte(density) & !decided,
                },
            };
            let garbage =
                if is_erasure && self.random.below(16) == 0 { self.random.byte() & self.random.byte() } else { 0 };
            self.set(offset + index, 0xFF, ((byte & done) | (old & !done)) ^ garbage);
            let mask = match undecided {
                0 => 0,
                1 => self.random.byte() & !decided,
                _ => !done & !decided,
            };
            let mask = if mixed { (old ^ byte) & mask } else { 0 };
            if mask != 0 {
                self.unstable.push(Unstable { offset: offset + index, mask, old, new: *byte });
            }
        }
        self.note_written(offset, new.len());
    }

    fn set(&mut self, offset: usize, mask: u8, value: u8) {
        if let Some(byte) = self.bytes.get_mut(offset) {
            *byte = (*byte & !mask) | (value & mask);
        }
    }

    /// Units of a torn range that read as erased count as not written.
    fn note_written(&mut self, offset: usize, length: usize) {
        for unit in offset / WRITE..(offset + length) / WRITE {
            let bytes = self.bytes.get(unit * WRITE..(unit + 1) * WRITE).unwrap_or_default();
            let written = bytes.iter().any(|byte| *byte != 0xFF);
            if let Some(flag) = self.written.get_mut(unit) {
                *flag = written;
            }
        }
    }
}

impl<const WRITE: usize, const PAGE: usize> ErrorType for RamFlash<WRITE, PAGE> {
    type Error = RamFlashError;
}

impl<const WRITE: usize, const PAGE: usize> ReadNorFlash for RamFlash<WRITE, PAGE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        if !self.powered {
            return Err(RamFlashError::PowerOff);
        }
        check_read(self, offset, bytes.len()).map_err(RamFlashError::Address)?;
        let start = offset as usize;
        bytes.copy_from_slice(self.bytes.get(start..start + bytes.len()).unwrap_or_default());
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WRITE: usize, const PAGE: usize> NorFlash for RamFlash<WRITE, PAGE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = PAGE;

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        check_write(self, offset, bytes.len()).map_err(RamFlashError::Address)?;
        let start = offset as usize;
        let units = start / WRITE..(start + bytes.len()) / WRITE;
        if self.powered && self.written.get(units).unwrap_or_default().contains(&true) {
            return Err(RamFlashError::WrittenTwice);
        }
        let moment = self.begin(start / PAGE, |flash| &mut flash.writes)?;
        self.written_bytes += bytes.len() as u64;
        self.change(start, bytes, moment)
    }

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        check_erase(self, from, to).map_err(RamFlashError::Address)?;
        for page in from as usize / PAGE..to as usize / PAGE {
            let moment = self.begin(page, |flash| &mut flash.erasures)?;
            self.change(page * PAGE, &[0xFF; PAGE], moment)?;
        }
        Ok(())
    }
}

/// A small generator (SplitMix64): tests repeat what they did from the seed alone.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// A byte whose bits are 0, rarely 1, mostly 1 or evenly drawn, by `density`.
    fn dense_byte(&mut self, density: usize) -> u8 {
        match density {
            0 => self.byte() & self.byte() & self.byte() & self.byte(),
            1 => self.byte() | self.byte() | self.byte() | self.byte(),
            2 if self.below(8) != 0 => 0xFF,
            _ => self.byte(),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or(0)
    }
}
