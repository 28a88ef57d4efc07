//! A cursor over the space a value is written into.

/// The space ended before the value did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Appends to a slice. No generic length, no heap: every function that writes takes `&mut Writer`.
#[derive(Debug)]
pub struct Writer<'a> {
    space: &'a mut [u8],
    length: usize,
}

impl<'a> Writer<'a> {
    /// A writer at the start of `space`.
    pub const fn new(space: &'a mut [u8]) -> Self {
        Self { space, length: 0 }
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Full`], with nothing appended.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.extend(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Appends one byte.
    ///
    /// # Errors
    /// [`Full`].
    pub fn put_u8(&mut self, byte: u8) -> Result<(), Full> {
        self.put(&[byte])
    }

    /// Appends two bytes, the most significant first.
    ///
    /// # Errors
    /// [`Full`].
    pub fn put_u16(&mut self, value: u16) -> Result<(), Full> {
        self.put(&value.to_be_bytes())
    }

    /// Appends `length` bytes and hands them out to be filled in; they hold whatever the space held before.
    ///
    /// # Errors
    /// [`Full`], with nothing appended.
    pub fn extend(&mut self, length: usize) -> Result<&mut [u8], Full> {
        let end = self.length.checked_add(length).ok_or(Full)?;
        let added = self.space.get_mut(self.length..end).ok_or(Full)?;
        self.length = end;
        Ok(added)
    }

    /// Lends the last `length` bytes of the space to `work`, which meanwhile writes before them.
    ///
    /// # Errors
    /// [`Full`].
    pub fn with_spare<T>(
        &mut self,
        length: usize,
        work: impl FnOnce(&mut Writer<'_>, &mut [u8]) -> T,
    ) -> Result<T, Full> {
        let end = self.space.len().checked_sub(length).filter(|end| *end >= self.length).ok_or(Full)?;
        let (space, spare) = self.space.split_at_mut(end);
        let mut out = Writer { space, length: self.length };
        let done = work(&mut out, spare);
        self.length = out.length;
        Ok(done)
    }

    /// Inserts `bytes` at `position`, moving what follows back.
    ///
    /// # Errors
    /// [`Full`], with nothing inserted; also for a position behind the end.
    pub fn insert(&mut self, position: usize, bytes: &[u8]) -> Result<(), Full> {
        let end = self.length;
        if position > end {
            return Err(Full);
        }
        self.extend(bytes.len())?;
        self.space.copy_within(position..end, position + bytes.len());
        if let Some(gap) = self.space.get_mut(position..position + bytes.len()) {
            gap.copy_from_slice(bytes);
        }
        Ok(())
    }

    /// Forgets everything behind the first `length` bytes and overwrites it with zeros.
    pub fn truncate(&mut self, length: usize) {
        if let Some(forgotten) = self.space.get_mut(length..self.length) {
            forgotten.fill(0);
            self.length = length;
        }
    }

    /// What was written.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.space.get(..self.length).unwrap_or_default()
    }

    /// What was written, to be changed in place.
    pub fn written_mut(&mut self) -> &mut [u8] {
        self.space.get_mut(..self.length).unwrap_or_default()
    }

    /// Bytes written.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes that still fit.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.space.len() - self.length
    }
}
