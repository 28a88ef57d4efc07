//! Days of the Gregorian calendar, and instants as RFC 3339 writes them. All of UTC: a provider's day is everybody's.

use core::fmt;

/// A day, from 0001-01-01 to 9999-12-31. Days compare in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// An instant: seconds since 1970-01-01T00:00:00Z. Displays as `2026-11-27T15:42:35Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// The first year of an instant.
const EPOCH: u16 = 1970;
const YEAR_MAX: u16 = 9999;
const SECONDS_A_DAY: u64 = 24 * 60 * 60;

impl Date {
    /// A day; `None` where there is none.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let exists = (1..=YEAR_MAX).contains(&year) && (1..=month_length(year, month)).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    /// Reads a day such as `2000-02-29`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, rest) = text.split_once('-')?;
        let (month, day) = rest.split_once('-')?;
        let month = u8::try_from(number(month, 2)?).ok()?;
        Self::new(number(year, 4)?, month, u8::try_from(number(day, 2)?).ok()?)
    }

    /// Whether so many years or more have passed from this day to `today`. The years of a 29 February pass on
    /// 1 March where the year has no such day.
    #[must_use]
    pub fn is_years_before(self, years: u8, today: Self) -> bool {
        let anniversary = Self { year: self.year.saturating_add(years.into()), ..self };
        anniversary <= today
    }

    /// The day's first instant; `None` before 1970.
    #[must_use]
    pub fn begins(self) -> Option<Moment> {
        let years = (EPOCH..self.year).map(year_length);
        let months = (1..self.month).map(|month| month_length(self.year, month).into());
        let days: u64 = years.chain(months).map(u64::from).sum::<u64>() + u64::from(self.day - 1);
        (self.year >= EPOCH).then_some(Moment(days * SECONDS_A_DAY))
    }
}

impl Moment {
    /// Reads an instant such as `2026-11-27T15:42:35Z`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let (hour, rest) = time.split_once(':')?;
        let (minute, second) = rest.split_once(':')?;
        let parts = [(hour, 24, 60 * 60), (minute, 60, 60), (second, 60, 1)];
        parts.into_iter().try_fold(Date::parse(date)?.begins()?, |Self(moment), (text, below, unit)| {
            let value = number(text, 2).filter(|value| *value < below)?;
            Some(Self(moment + u64::from(value) * unit))
        })
    }

    /// The day that it is in; the last one there is for what is later.
    #[must_use]
    pub fn date(self) -> Date {
        let mut days = self.0 / SECONDS_A_DAY;
        for year in EPOCH..=YEAR_MAX {
            let all_months = (1..=12).map(|month| (month, u64::from(month_length(year, month))));
            for (month, length) in all_months {
                if days < length {
                    return Date { year, month, day: u8::try_from(days + 1).unwrap_or(u8::MAX) };
                }
                days -= length;
            }
        }
        Date { year: YEAR_MAX, month: 12, day: 31 }
    }

    /// The first instant of the day after; the same one where there is no such day.
    #[must_use]
    pub const fn next_day(self) -> Self {
        Self((self.0 / SECONDS_A_DAY).saturating_add(1).saturating_mul(SECONDS_A_DAY))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.0 % SECONDS_A_DAY;
        write!(f, "{}T{:02}:{:02}:{:02}Z", self.date(), second / 3600, second / 60 % 60, second % 60)
    }
}

/// A number of just so many decimal digits.
fn number(text: &str, digits: usize) -> Option<u16> {
    let shaped = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if shaped { text.parse().ok() } else { None }
}

const fn is_leap(year: u16) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn year_length(year: u16) -> u16 {
    if is_leap(year) { 366 } else { 365 }
}

/// Days of a month; none where there is no such month.
const fn month_length(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn instants_are_what_the_world_says() {
        // Seconds as `date --utc +%s` gives them.
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_000_000_000, "2001-09-09T01:46:40Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Moment(seconds).to_string(), text);
            assert_eq!(Moment::parse(text), Some(Moment(seconds)));
        }
        assert_eq!(Moment(u64::MAX).date(), date("9999-12-31"));
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = date("1970-01-01");
        for day in 1..150_000 {
            let today = Moment(day * SECONDS_A_DAY).date();
            assert!(before < today, "{before} {today}");
            assert_eq!(today.begins(), Some(Moment(day * SECONDS_A_DAY)), "{today}");
            assert_eq!(Date::parse(&today.to_string()), Some(today));
            before = today;
        }
    }

    #[test]
    fn years_pass_on_the_anniversary() {
        for (born, years, last_without, first_with) in [
            ("2008-11-27", 18, "2026-11-26", "2026-11-27"),
            ("2000-02-29", 18, "2018-02-28", "2018-03-01"),
            ("2000-02-29", 20, "2020-02-28", "2020-02-29"),
            ("2000-02-29", 100, "2100-02-28", "2100-03-01"),
            ("1999-12-31", 1, "2000-12-30", "2000-12-31"),
            ("1908-01-01", 118, "2025-12-31", "2026-01-01"),
        ] {
            assert!(!date(born).is_years_before(years, date(last_without)), "{born} {years}");
            assert!(date(born).is_years_before(years, date(first_with)), "{born} {years}");
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026",
            "2026-11",
            "26-11-27",
            "2026-1-27",
            "2026-11-7",
            "2026-00-10",
            "2026-13-10",
            "2026-11-31",
            "2026-02-29",
            "1900-02-29",
            "0000-01-01",
            "2026-11-27 ",
            "+026-11-27",
            "2026-11-27-01",
            "10000-01-01",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        for text in [
            "2026-11-27",
            "2026-11-27T24:00:00Z",
            "2026-11-27T10:60:00Z",
            "2026-11-27T10:00:60Z",
            "2026-11-27T10:00Z",
            "2026-11-27T10:00:00",
            "2026-11-27t10:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
