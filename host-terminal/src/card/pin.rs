//! A PIN on its way to the card.

use apdu_spec::limits::{PIN_LENGTH_MAX, PIN_LENGTH_MIN};
use zeroize::Zeroizing;

/// A PIN, erased when it is dropped. It has no `Debug`.
pub struct Pin(Zeroizing<Vec<u8>>);

impl Pin {
    /// A PIN as it was typed or read from a file, a line end behind it left out; `None` where it is too short or
    /// too long for any card.
    #[must_use]
    pub fn new(typed: Zeroizing<Vec<u8>>) -> Option<Self> {
        let line = typed.trim_ascii_end();
        (PIN_LENGTH_MIN..=PIN_LENGTH_MAX).contains(&line.len()).then(|| Self(Zeroizing::new(line.to_vec())))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
