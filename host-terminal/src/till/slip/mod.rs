//! Receipts, as text and in the language of receipt printers.

mod escpos;
mod rows;
#[cfg(test)]
mod tests;
mod text;

use jiff::tz::TimeZone;

use super::book::Entry;
pub use rows::outcome;
pub(crate) use rows::short;

/// Characters in a line.
pub const COLUMNS: usize = 42;

/// What a shop has printed on its receipts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shop {
    /// Its name.
    pub name: String,
    /// Lines below it.
    pub address: Vec<String>,
}

/// Whose copy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// The merchant's.
    Merchant,
    /// The customer's.
    Customer,
}

/// A receipt.
#[derive(Clone, Copy, Debug)]
pub struct Slip<'a> {
    /// Whose.
    pub shop: &'a Shop,
    /// Of this sale.
    pub entry: &'a Entry,
    /// In this time zone.
    pub zone: &'a TimeZone,
}

impl Slip<'_> {
    /// As lines of text of at most [`COLUMNS`] characters.
    #[must_use]
    pub fn text(&self, copy: Copy) -> String {
        text::render(&rows::rows(self, copy))
    }

    /// As a receipt printer takes it (ESC/POS, code page Windows-1252); what that does not have is a question mark.
    #[must_use]
    pub fn escpos(&self, copy: Copy) -> Vec<u8> {
        escpos::render(&rows::rows(self, copy))
    }
}
