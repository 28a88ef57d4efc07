//! Lists inside a data field: checked as a whole when they are parsed, read one by one afterwards, never copied.

use super::{COUNTERPARTIES_MAX, Child, Party, PeerKey};
use crate::{ParseError, Reader};

/// Numbers of members, two bytes each, in ascending order; at most [`COUNTERPARTIES_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    /// From their bytes.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] when they are too many, not ascending or half a number is among them.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let numbers = Self(bytes);
        let whole = bytes.len() % 2 == 0 && bytes.len() <= 2 * COUNTERPARTIES_MAX;
        if whole && numbers.clone().is_sorted_by(|one, next| one < next) {
            Ok(numbers)
        } else {
            Err(ParseError::Invalid)
        }
    }
}

impl Iterator for Numbers<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*first))
    }
}

/// Children of a node, one after the other.
#[derive(Clone, Debug)]
pub struct Children<'a>(Reader<'a>);

impl<'a> Children<'a> {
    /// From the data field of SIGN.
    ///
    /// # Errors
    /// [`ParseError`] when it is not made of whole children.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let mut children = Reader::new(bytes);
        while !children.is_empty() {
            Child::parse(&mut children)?;
        }
        Ok(Self(Reader::new(bytes)))
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Child<'a>;

    fn next(&mut self) -> Option<Child<'a>> {
        Child::parse(&mut self.0).ok()
    }
}

macro_rules! templates {
    ($($(#[$doc:meta])* $name:ident of $item:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<'a>(Reader<'a>);

        impl<'a> $name<'a> {
            /// Takes them from the front of `input`; none is also a list.
            pub(super) fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
                let mut list = input.clone();
                let mut last = None;
                while let Some(item) = <$item>::parse_optional(input)? {
                    if last >= Some(item.number) {
                        return Err(ParseError::Invalid);
                    }
                    last = Some(item.number);
                }
                let length = list.remaining() - input.remaining();
                Ok(Self(Reader::new(list.take(length)?)))
            }
        }

        impl<'a> Iterator for $name<'a> {
            type Item = $item;

            fn next(&mut self) -> Option<$item> {
                <$item>::parse_optional(&mut self.0).ok().flatten()
            }
        }
    )*};
}

templates! {
    /// Verified parties, in ascending order of their numbers.
    Parties of Party<'a>;
    /// Peers' keys, in ascending order of their numbers.
    PeerKeys of PeerKey;
}
