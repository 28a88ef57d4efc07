//! A response as a transcript has it: pieces, with any bytes between them.

use std::fmt;

use super::command::{Token, Wrong, tokens};
use super::error::Mistake;

/// Bytes of a status word.
const STATUS: usize = 2;

/// The response that a command must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// One at least.
    pieces: Vec<Vec<u8>>,
}

impl Expected {
    /// This response and no other.
    #[must_use]
    pub fn exactly(response: &[u8]) -> Self {
        Self { pieces: vec![response.to_vec()] }
    }

    /// Any data, with the status word that ends `response`.
    #[must_use]
    pub fn any_data(response: &[u8]) -> Self {
        let status = response.get(response.len().saturating_sub(STATUS)..).unwrap_or_default();
        Self { pieces: vec![Vec::new(), status.to_vec()] }
    }

    /// The response that a line has behind its `<`.
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let mut pieces = Vec::new();
        let mut piece = Vec::new();
        for token in tokens(text) {
            match token? {
                (_, Token::Byte(byte)) => piece.push(byte),
                (_, Token::Any) => pieces.push(std::mem::take(&mut piece)),
                (column, Token::LeftOut) => return Err((column, Mistake::LeftOutOfResponse)),
            }
        }
        let is_nothing = pieces.is_empty() && piece.is_empty();
        pieces.push(piece);
        if is_nothing { Err((0, Mistake::Argument("which response? `< ..` takes any"))) } else { Ok(Self { pieces }) }
    }

    /// Whether `response` is the pieces in order, with any bytes between them.
    #[must_use]
    pub fn fits(&self, response: &[u8]) -> bool {
        let Some((first, others)) = self.pieces.split_first() else { return false };
        let Some(mut rest) = response.strip_prefix(&first[..]) else { return false };
        let Some((last, middle)) = others.split_last() else { return rest.is_empty() };
        for piece in middle {
            let mut behind = (0..=rest.len()).filter_map(|at| rest.get(at..)?.strip_prefix(&piece[..]));
            let Some(found) = behind.next() else { return false };
            rest = found;
        }
        rest.ends_with(last)
    }

    /// The whole response, where there is only one.
    #[must_use]
    pub fn exact(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// What every such response begins with, and what it ends with.
    pub(super) fn ends(&self) -> [&[u8]; 2] {
        let [first, last] = [self.pieces.first(), self.pieces.last()];
        [first, last].map(|piece| piece.map(Vec::as_slice).unwrap_or_default())
    }
}

/// The data, then the status word.
impl fmt::Display for Expected {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups = Vec::new();
        for (number, piece) in self.pieces.iter().enumerate() {
            if number > 0 {
                groups.push("..".to_owned());
            }
            let is_last = number + 1 == self.pieces.len();
            let data = if is_last { piece.len().saturating_sub(STATUS) } else { piece.len() };
            let (data, status) = piece.split_at(data);
            groups.extend([data, status].iter().filter(|group| !group.is_empty()).map(hex::encode_upper));
        }
        write!(out, "{}", groups.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_stand_in_order_with_anything_between() {
        let fits = |response: &[u8], text: &str| Expected::parse(text).unwrap().fits(response);
        assert!(fits(&[1, 2, 3], "010203"));
        assert!(!fits(&[1, 2, 3], "0102"));
        assert!(fits(&[1, 2, 3], "01..03"));
        assert!(fits(&[1, 3], "01 .. 03"));
        assert!(!fits(&[1], "01 .. 01"));
        assert!(fits(&[9, 2, 8, 3], ".. 02 .. 03"));
        assert!(!fits(&[9, 3, 8, 2], ".. 02 .. 03"));
        assert!(fits(&[1], ".. ..") && fits(&[], ".."));
    }
}
