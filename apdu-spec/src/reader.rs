//! A cursor over bytes that came from outside.

/// Why bytes do not form what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The bytes end before the value does.
    Truncated,
    /// The value ends before the bytes do.
    TrailingData,
    /// A value outside what its field allows.
    Invalid,
}

/// Takes values from the front of a slice. Top-level parsers end with [`finish`](Self::finish).
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Parses all of `bytes` as one value; what is left over is an error.
    ///
    /// # Errors
    /// What `parse` reports, or [`ParseError::TrailingData`].
    pub fn all<T>(bytes: &'a [u8], parse: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        let mut reader = Self::new(bytes);
        let value = parse(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// [`ParseError::Truncated`].
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], ParseError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ParseError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`ParseError::Truncated`].
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], ParseError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ParseError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`ParseError::Truncated`].
    pub fn u8(&mut self) -> Result<u8, ParseError> {
        let [byte] = *self.array()?;
        Ok(byte)
    }

    /// Two bytes, the most significant first.
    ///
    /// # Errors
    /// [`ParseError::Truncated`].
    pub fn u16(&mut self) -> Result<u16, ParseError> {
        Ok(u16::from_be_bytes(*self.array()?))
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    /// The next byte, without taking it.
    #[must_use]
    pub const fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Bytes left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Ends the parse.
    ///
    /// # Errors
    /// [`ParseError::TrailingData`] when something is left.
    pub const fn finish(self) -> Result<(), ParseError> {
        if self.rest.is_empty() { Ok(()) } else { Err(ParseError::TrailingData) }
    }
}
