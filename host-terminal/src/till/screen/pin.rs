//! A PIN while it is typed.

use std::fmt;
use std::mem;

use apdu_spec::limits::{PIN_LENGTH_MAX, PIN_LENGTH_MIN};
use zeroize::Zeroizing;

use crate::card::Pin;

/// What was typed of a PIN, erased when it is dropped. Its space is as long as any PIN from the start, so that no part
/// of it is left where it grew.
pub(super) struct PinEntry(Zeroizing<Vec<u8>>);

impl Default for PinEntry {
    fn default() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(PIN_LENGTH_MAX)))
    }
}

impl PinEntry {
    pub(super) fn push(&mut self, character: char) {
        if let Ok(byte) = u8::try_from(character)
            && byte.is_ascii_graphic()
            && self.0.len() < PIN_LENGTH_MAX
        {
            self.0.push(byte);
        }
    }

    pub(super) fn pop(&mut self) {
        if let Some(last) = self.0.last_mut() {
            *last = 0;
        }
        self.0.pop();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The PIN; nothing is left here. `None`, and all stays, where it is too short.
    pub(super) fn take(&mut self) -> Option<Pin> {
        if self.0.len() < PIN_LENGTH_MIN { None } else { Pin::new(mem::take(self).0) }
    }
}

impl fmt::Debug for PinEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinEntry({} typed)", self.len())
    }
}
