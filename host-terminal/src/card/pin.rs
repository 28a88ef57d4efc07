//! A PIN on its way to the card.

use apdu_spec::limits::{PIN_LENGTH_MAX, PIN_LENGTH_MIN};
use zeroize::Zeroizing;

/// A PIN, erased when it is dropped, or that it is typed on the reader and never here. It has no `Debug`.
pub struct Pin(Entry);

/// Where a PIN is typed.
pub(super) enum Entry {
    Here(Zeroizing<Vec<u8>>),
    OnReader,
}

impl Pin {
    /// A PIN as it was typed or read from a file, a line end behind it left out; `None` where it is too short or
    /// too long for any card.
    #[must_use]
    pub fn new(typed: Zeroizing<Vec<u8>>) -> Option<Self> {
        let line = typed.trim_ascii_end();
        let fits = (PIN_LENGTH_MIN..=PIN_LENGTH_MAX).contains(&line.len());
        fits.then(|| Self(Entry::Here(Zeroizing::new(line.to_vec()))))
    }

    /// A PIN that its holder types on the reader when the card is to compare it.
    #[must_use]
    pub const fn on_reader() -> Self {
        Self(Entry::OnReader)
    }

    pub(crate) fn typed_here(&self) -> Option<&[u8]> {
        match &self.0 {
            Entry::Here(typed) => Some(typed),
            Entry::OnReader => None,
        }
    }

    pub(super) const fn entry(&self) -> &Entry {
        &self.0
    }
}
