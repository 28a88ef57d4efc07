//! Attributes: what the provider knows of the holder of an identity or an access pass.

use crate::store::StoreError;
use crate::time::Timestamp;
use protocol::calendar::{Date, Moment};
use protocol::statement::{AttributeName, AttributeValue, Question};

/// One attribute. Two of one account differ in name or value.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    name: String,
    value: String,
    /// From when on it is so; `None`: it always was.
    pub from: Option<Timestamp>,
    /// Until when, exclusive; `None`: for ever.
    pub until: Option<Timestamp>,
}

impl Attribute {
    /// An attribute that is so at any time.
    pub fn new(name: &str, value: &str) -> Result<Self, StoreError> {
        if is_dated(value) && Date::parse(value).is_none() {
            return Err(StoreError::Invalid("there is no such day"));
        }
        let is_one = AttributeName::parse(name).is_ok() && AttributeValue::parse(value).is_ok();
        let attribute = Self { name: name.to_owned(), value: value.to_owned(), from: None, until: None };
        if is_one { Ok(attribute) } else { Err(StoreError::Invalid("an attribute is a short name and a short value")) }
    }

    /// Reads an attribute such as `drives=B`, or `drives=B@2026-01-01..2033-05-01` where it is so at some time only.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let (attribute, times) =
            text.split_once('@').map_or((text, None), |(attribute, times)| (attribute, Some(times)));
        let (name, value) = attribute.split_once('=').ok_or(StoreError::Invalid("an attribute is NAME=VALUE"))?;
        let attribute = Self::new(name, value)?;
        let Some(times) = times else { return Ok(attribute) };
        let (from, until) = times.split_once("..").ok_or(NO_TIME)?;
        let from = limits_of(from)?.map(|(begins, _)| begins);
        let until = limits_of(until)?.map(|(_, ends)| ends);
        let is_some_time = from.zip(until).is_none_or(|(from, until)| from < until);
        if is_some_time { Ok(attribute.during(from, until)) } else { Err(NO_TIME) }
    }

    /// The attribute, so only from the one instant until before the other.
    #[must_use]
    pub fn during(self, from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        Self { from, until, ..self }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What no other attribute of the account has.
    pub(crate) fn key(&self) -> (&str, &str) {
        (&self.name, &self.value)
    }

    /// Whether it makes the answer to a question yes, at `now`.
    #[must_use]
    pub fn answers(&self, question: &Question<'_>, now: Timestamp) -> bool {
        let is_so = self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until);
        let today = now.moment().date();
        let value = AttributeValue::parse(&self.value);
        is_so
            && self.name == question.attribute.as_str()
            && value.is_ok_and(|value| question.comparison.holds_for(value, today))
    }
}

const NO_TIME: StoreError =
    StoreError::Invalid("a time is FROM..UNTIL, each a day, an instant such as 2026-11-27T15:42:35Z, or nothing");

/// Whether a value is written as a day, such as `2000-02-29`.
fn is_dated(value: &str) -> bool {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = value.split('-').collect();
    matches!(parts.as_slice(), [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2))
}

/// When a day begins and ends; an instant does both at once.
fn limits_of(text: &str) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = || Date::parse(text)?.begins().map(|begins| (begins, begins.next_day()));
    let instant = || Moment::parse(text).map(|moment| (moment, moment));
    let (begins, ends) = day().or_else(instant).ok_or(NO_TIME)?;
    Ok(Some((begins.into(), ends.into())))
}

impl std::fmt::Debug for Attribute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attribute").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Moment::parse(text).unwrap().into()
    }

    #[test]
    fn attributes_are_read_with_their_times() {
        let always = Attribute::parse("born=2000-02-29").unwrap();
        assert_eq!((always.name(), always.value(), always.from, always.until), ("born", "2000-02-29", None, None));
        let year = Attribute::parse("opens=lab-3@2026-01-01..2026-12-31").unwrap();
        assert_eq!((year.from, year.until), (Some(at("2026-01-01T00:00:00Z")), Some(at("2027-01-01T00:00:00Z"))));
        let hours = Attribute::parse("opens=lab-3@2026-01-01T08:00:00Z..2026-01-01T17:30:00Z").unwrap();
        assert_eq!((hours.from, hours.until), (Some(at("2026-01-01T08:00:00Z")), Some(at("2026-01-01T17:30:00Z"))));
        assert_eq!(Attribute::parse("drives=B@..2033-05-01").unwrap().until, Some(at("2033-05-02T00:00:00Z")));
        for text in [
            "",
            "born",
            "born=",
            "=B",
            "drives=B@",
            "drives=B@2026-01-01",
            "drives=B@tomorrow..",
            "drives=B C",
            "drives=B@2026-01-02..2026-01-01",
            "drives=B@2026-01-01T08:00:00Z..2026-01-01T08:00:00Z",
            "Drives=B",
            "born=2001-02-29",
        ] {
            assert!(Attribute::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_attribute_answers_in_its_time() {
        let question = Question::parse(b"opens lab-3").unwrap();
        let attribute = Attribute::parse("opens=lab-3@2026-01-01T08:00:00Z..2026-01-01T17:30:00Z").unwrap();
        for (time, is_so) in [("07:59:59", false), ("08:00:00", true), ("17:29:59", true), ("17:30:00", false)] {
            assert_eq!(attribute.answers(&question, at(&format!("2026-01-01T{time}Z"))), is_so, "{time}");
        }
        let question = Question::parse(b"opened lab-3").unwrap();
        assert!(!attribute.answers(&question, at("2026-01-01T12:00:00Z")), "another attribute");
    }
}
