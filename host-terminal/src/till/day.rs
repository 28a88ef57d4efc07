//! A day of the book: its sales and what they come to.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use protocol::amount::Amount;
use protocol::types::Currency;

use super::book::{Book, BookError, Entry, How};

/// A local day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Which.
    pub date: Date,
    /// Its sales, the oldest first. A sale belongs to the day on which it was opened.
    pub entries: Vec<Entry>,
    /// What they come to.
    pub totals: Vec<Total>,
}

/// What the sales of one currency that ended in one way come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// The currency.
    pub currency: Currency,
    /// How they ended; `None`: that is not known yet.
    pub how: Option<How>,
    /// How many.
    pub count: usize,
    /// Their amounts together, in minor units.
    pub minor: u128,
}

impl Day {
    /// The sales of a day.
    #[must_use]
    pub fn new(date: Date, entries: Vec<Entry>) -> Self {
        let totals = totals(&entries);
        Self { date, entries, totals }
    }

    /// The day `date` in `zone`, out of the book in `folder`, also while another process keeps it.
    ///
    /// # Errors
    /// [`BookError`].
    pub fn read(folder: &Path, date: Date, zone: &TimeZone) -> Result<Self, BookError> {
        Ok(Self::new(date, Book::read(folder, |entry| zone.to_datetime(entry.at).date() == date)?))
    }
}

impl Total {
    /// The sum as people write it.
    #[must_use]
    pub fn text(&self) -> String {
        match u64::try_from(self.minor) {
            Ok(minor) => Amount { minor, currency: self.currency }.to_string(),
            Err(_) => format!("{} minor units of {}", self.minor, self.currency.as_str()),
        }
    }
}

fn totals(entries: &[Entry]) -> Vec<Total> {
    let mut sums: BTreeMap<(Currency, Option<How>), (usize, u128)> = BTreeMap::new();
    for entry in entries {
        let sum = sums.entry((entry.amount.currency, entry.end().map(|end| end.how))).or_default();
        sum.0 += 1;
        sum.1 += u128::from(entry.amount.minor);
    }
    let total = |((currency, how), (count, minor))| Total { currency, how, count, minor };
    sums.into_iter().map(total).collect()
}
