//! BER-TLV data objects (ISO/IEC 7816-4, 5.2.2): tags of one to three bytes, definite lengths up to 65,535.

use crate::{Full, ParseError, Reader, Writer};

/// The tag of a data object: its bytes on the wire, one to three, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub u32);

impl Tag {
    /// The tags in a tag list (ISO/IEC 7816-4, 8.4.3); ends with the first that is none.
    pub(crate) fn list(tags: &[u8]) -> impl Iterator<Item = Result<Self, ParseError>> + '_ {
        let mut input = Reader::new(tags);
        core::iter::from_fn(move || {
            if input.is_empty() {
                return None;
            }
            let tag = Self::parse(&mut input);
            if tag.is_err() {
                input.rest();
            }
            Some(tag)
        })
    }

    fn parse(input: &mut Reader<'_>) -> Result<Self, ParseError> {
        let first = input.u8()?;
        if first & 0x1F != 0x1F {
            // 00 is padding in ISO/IEC 7816-4, which nothing here needs.
            return if first == 0 { Err(ParseError::Invalid) } else { Ok(Self(first.into())) };
        }
        let second = input.u8()?;
        match second {
            0x1F..=0x7F => Ok(Self(u32::from_be_bytes([0, 0, first, second]))),
            0x81..=0xFF => match input.u8()? {
                third @ 0x00..=0x7F => Ok(Self(u32::from_be_bytes([0, first, second, third]))),
                _ => Err(ParseError::Invalid),
            },
            _ => Err(ParseError::Invalid),
        }
    }

    fn encode(self, out: &mut Writer<'_>) -> Result<(), Full> {
        match self.0.to_be_bytes() {
            [0, 0, 0, single] => out.put_u8(single),
            [0, 0, both @ ..] => out.put(&both),
            [0, all @ ..] => out.put(&all),
            _ => Err(Full),
        }
    }
}

/// Bytes before the value of a data object: a tag of three and a length of three.
const HEADER_MAX: usize = 6;

/// The longest value of a data object with a tag of one byte and at most `total` bytes.
#[must_use]
pub const fn value_max(total: usize) -> usize {
    match total {
        0..=2 => 0,
        3..=0x81 => total - 2,
        0x82..=0x102 => {
            if total - 3 < 0x80 {
                0x7F
            } else {
                total - 3
            }
        }
        _ => {
            if total - 4 < 0x100 {
                0xFF
            } else {
                total - 4
            }
        }
    }
}

impl<'a> Reader<'a> {
    /// The next data object.
    ///
    /// # Errors
    /// [`ParseError`] when the bytes do not form one.
    pub fn object(&mut self) -> Result<(Tag, &'a [u8]), ParseError> {
        let tag = self.tag()?;
        let length = self.length()?;
        Ok((tag, self.take(length)?))
    }

    /// The next tag alone.
    ///
    /// # Errors
    /// [`ParseError`] when the bytes do not form one.
    pub fn tag(&mut self) -> Result<Tag, ParseError> {
        Tag::parse(self)
    }

    /// The length of a value, which stands behind its tag.
    ///
    /// # Errors
    /// [`ParseError`] when the bytes do not form one.
    pub fn length(&mut self) -> Result<usize, ParseError> {
        Ok(match self.u8()? {
            short @ 0..=0x7F => short.into(),
            0x81 => self.u8()?.into(),
            0x82 => self.u16()?.into(),
            _ => return Err(ParseError::Invalid),
        })
    }

    /// The next data object with its tag and length, as it stands.
    ///
    /// # Errors
    /// [`ParseError`] when the bytes do not form one.
    pub fn whole_object(&mut self) -> Result<&'a [u8], ParseError> {
        let mut ahead = self.clone();
        ahead.object()?;
        self.take(self.remaining() - ahead.remaining())
    }

    /// The value of the next data object, which must have this tag.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for another tag, or what [`object`](Self::object) reports.
    pub fn field(&mut self, tag: Tag) -> Result<&'a [u8], ParseError> {
        let (found, value) = self.object()?;
        if found == tag { Ok(value) } else { Err(ParseError::Invalid) }
    }

    /// The value of the next data object if it has this tag; otherwise nothing is taken.
    ///
    /// # Errors
    /// What [`object`](Self::object) reports.
    pub fn optional_field(&mut self, tag: Tag) -> Result<Option<&'a [u8]>, ParseError> {
        if self.is_empty() {
            return Ok(None);
        }
        let mut ahead = self.clone();
        let (found, value) = ahead.object()?;
        if found != tag {
            return Ok(None);
        }
        *self = ahead;
        Ok(Some(value))
    }

    /// The value of the next data object, which must have this tag and `N` bytes.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for another length, or what [`field`](Self::field) reports.
    pub fn field_array<const N: usize>(&mut self, tag: Tag) -> Result<&'a [u8; N], ParseError> {
        self.field(tag)?.try_into().map_err(|_| ParseError::Invalid)
    }

    /// The value of the next data object if it has this tag, which then must have `N` bytes; otherwise none is taken.
    ///
    /// # Errors
    /// What [`field_array`](Self::field_array) reports.
    pub fn optional_array<const N: usize>(&mut self, tag: Tag) -> Result<Option<&'a [u8; N]>, ParseError> {
        let value = self.optional_field(tag)?;
        value.map(|value| value.try_into().map_err(|_| ParseError::Invalid)).transpose()
    }

    /// The one byte of the next data object, which must have this tag.
    ///
    /// # Errors
    /// What [`field_array`](Self::field_array) reports.
    pub fn field_u8(&mut self, tag: Tag) -> Result<u8, ParseError> {
        let [byte] = *self.field_array(tag)?;
        Ok(byte)
    }
}

impl Writer<'_> {
    /// Appends a data object.
    ///
    /// # Errors
    /// [`Full`].
    pub fn field(&mut self, tag: Tag, value: &[u8]) -> Result<(), Full> {
        self.template(tag, |out| out.put(value))
    }

    /// Appends a data object whose value `content` writes.
    ///
    /// # Errors
    /// [`Full`].
    pub fn template(&mut self, tag: Tag, content: impl FnOnce(&mut Self) -> Result<(), Full>) -> Result<(), Full> {
        let start = self.len();
        content(self)?;
        self.enclose(tag, start)
    }

    /// Makes what was written from `start` on the value of a data object.
    ///
    /// # Errors
    /// [`Full`].
    pub fn enclose(&mut self, tag: Tag, start: usize) -> Result<(), Full> {
        let length = self.len().checked_sub(start).and_then(|length| u16::try_from(length).ok()).ok_or(Full)?;
        let mut space = [0; HEADER_MAX];
        let mut header = Writer::new(&mut space);
        tag.encode(&mut header)?;
        match length.to_be_bytes() {
            [0, short @ 0..=0x7F] => header.put_u8(short),
            [0, medium] => header.put(&[0x81, medium]),
            [high, low] => header.put(&[0x82, high, low]),
        }?;
        self.insert(start, header.written())
    }
}
