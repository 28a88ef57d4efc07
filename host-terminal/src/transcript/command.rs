//! A command as a transcript has it, and the bytes of both lines.

use std::fmt;

use apdu_spec::instruction::{Verify, Wire};
use zeroize::Zeroizing;

use super::error::Mistake;
use crate::card::TYPED_ON_READER;
use crate::decode;
use crate::observe::LeftOut;

/// A command, of which bytes may have been left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    before: Vec<u8>,
    left_out: usize,
    behind: Vec<u8>,
}

/// One or two characters that stand for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Two digits.
    Byte(u8),
    /// `??`
    LeftOut,
    /// `..`
    Any,
}

/// Where in a text what is wrong.
pub(super) type Wrong = (usize, Mistake);

/// The tokens of a text, each with the count of characters in front of it.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Result<(usize, Token), Wrong>> {
    let mut rest = text.chars().enumerate();
    std::iter::from_fn(move || {
        let (column, first) = rest.find(|(_, character)| !character.is_whitespace())?;
        let second = rest.next().map(|(_, character)| character).filter(|second| !second.is_whitespace());
        Some(token(column, first, second).map(|token| (column, token)))
    })
}

fn token(column: usize, first: char, second: Option<char>) -> Result<Token, Wrong> {
    match (first, second) {
        ('?', Some('?')) => Ok(Token::LeftOut),
        ('.', Some('.')) => Ok(Token::Any),
        ('?' | '.', _) => Err((column, Mistake::HalfByte)),
        (_, None) => digit(column, first).and(Err((column, Mistake::HalfByte))),
        (_, Some(second)) => Ok(Token::Byte(digit(column, first)? << 4 | digit(column + 1, second)?)),
    }
}

fn digit(column: usize, character: char) -> Result<u8, Wrong> {
    let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digit.ok_or((column, Mistake::NoDigit(character)))
}

impl Command {
    /// A command that is known in full but for what was left out.
    #[must_use]
    pub fn new(bytes: &[u8], left_out: LeftOut) -> Self {
        let [before, behind] = if left_out.is_nothing() { [bytes, &[]] } else { left_out.around(bytes) };
        Self { before: before.to_vec(), left_out: left_out.length, behind: behind.to_vec() }
    }

    /// The command that a line has behind its `>`.
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let mut command = Self { before: Vec::new(), left_out: 0, behind: Vec::new() };
        for token in tokens(text) {
            match token? {
                (_, Token::Byte(byte)) if command.left_out == 0 => command.before.push(byte),
                (_, Token::Byte(byte)) => command.behind.push(byte),
                (_, Token::LeftOut) if command.behind.is_empty() => command.left_out += 1,
                (column, Token::LeftOut) => return Err((column, Mistake::LeftOutTwice)),
                (column, Token::Any) => return Err((column, Mistake::AnyInCommand)),
            }
        }
        if command.is_empty() { Err((0, Mistake::Argument("which command?"))) } else { Ok(command) }
    }

    /// Bytes of the whole.
    #[must_use]
    pub fn len(&self) -> usize {
        self.before.len() + self.left_out + self.behind.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was left out.
    #[must_use]
    pub const fn left_out(&self) -> LeftOut {
        LeftOut { start: self.before.len(), length: self.left_out }
    }

    /// The whole in words.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        decode::recorded(&self.veiled(), self.left_out())
    }

    /// The whole command, where nothing was left out.
    #[must_use]
    pub fn complete(&self) -> Option<&[u8]> {
        (self.left_out == 0).then_some(&self.before)
    }

    /// The number of the PIN that the command brings to be verified, where the PIN is what was left out of it.
    #[must_use]
    pub fn verified(&self) -> Option<u8> {
        let veiled = self.veiled();
        let parsed = apdu_spec::Command::parse(&veiled).ok()?;
        let is_pin = parsed.data.len() == self.left_out || self.left_out() == TYPED_ON_READER;
        (parsed.header.instruction == Verify::INSTRUCTION && is_pin).then_some(parsed.header.p2)
    }

    /// The whole command, with this PIN in the place of what was left out; `None` where that had another length.
    #[must_use]
    pub fn with_pin(&self, pin: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let is_typed = self.left_out() == TYPED_ON_READER;
        let length = u8::try_from(pin.len()).ok().filter(|_| is_typed);
        // Of its length from the beginning: what grows leaves copies behind.
        let mut whole = Zeroizing::new(Vec::with_capacity(self.len() + pin.len()));
        whole.extend_from_slice(&self.before);
        whole.extend(length);
        whole.extend_from_slice(pin);
        whole.extend_from_slice(&self.behind);
        (is_typed || pin.len() == self.left_out).then_some(whole)
    }

    /// The whole command, with zeros in the place of what was left out.
    #[must_use]
    pub fn veiled(&self) -> Vec<u8> {
        [self.before.as_slice(), &vec![0; self.left_out], &self.behind].concat()
    }
}

/// The header in two groups, `Lc`, data, `Le`; what is no command after its header in one.
impl fmt::Display for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.veiled();
        let ends = group_ends(&bytes);
        let known = self.before.len();
        for (position, byte) in bytes.iter().enumerate() {
            if position > 0 && ends.contains(&position) {
                write!(out, " ")?;
            }
            match position {
                _ if (known..known + self.left_out).contains(&position) => write!(out, "??")?,
                _ => write!(out, "{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// Where groups of a command end: behind CLA INS, P1 P2, `Lc`, and the data.
fn group_ends(bytes: &[u8]) -> [usize; 4] {
    let length = match apdu_spec::Command::parse(bytes) {
        Ok(command) if !command.data.is_empty() => command.data.len(),
        _ => return [2, 4, 4, 4],
    };
    let data = if bytes.get(4) == Some(&0) { 7 } else { 5 };
    [2, 4, data, data + length]
}
