//! Statements about the holder of an identity or an access pass: what is asked, and what the provider answers.
//!
//! Both are lines of ASCII that people can read and that have one spelling, so that they travel as text: the
//! [`Question`] as the sensitive data of both members' transaction requests, the [`Statement`] as the receipt in both
//! responses.

use core::fmt;

use crate::calendar::{Date, Moment};
use crate::error::Malformed;
use crate::limits::{ATTRIBUTE_NAME_MAX, ATTRIBUTE_VALUE_MAX, YEARS_MAX};
use crate::types::{Party, TransactionId};

/// The name of an attribute, such as `born`: 1 to [`ATTRIBUTE_NAME_MAX`] small letters, digits and hyphens, a letter
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributeName<'a>(&'a str);

/// The value of an attribute, such as `B`: 1 to [`ATTRIBUTE_VALUE_MAX`] letters, digits and `-._/+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributeValue<'a>(&'a str);

/// What a verifier asks about a holder, at the moment of the answer: an attribute against a value.
///
/// ```text
/// question = name " " value
///          / name " at least " years " years ago"
///          / name " less than " years " years ago"
/// years    = 1 to 199, without leading zeros
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Which attribute.
    pub attribute: AttributeName<'a>,
    /// Against what.
    pub comparison: Comparison<'a>,
}

/// What an attribute is compared to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison<'a> {
    /// It is this: `drives B`.
    Is(AttributeValue<'a>),
    /// It is a day so many years ago or more: `born at least 18 years ago`.
    AtLeastYearsAgo(u8),
    /// It is a day fewer years ago: `born less than 26 years ago`.
    LessThanYearsAgo(u8),
}

/// The provider's answer, for one verifier and one moment. Displays as the receipt's line:
///
/// ```text
/// statement = answer question "; " moment "; " transaction "; to " number " " name
/// answer    = "yes: " / "no:  "      of one length, so that what is sealed does not tell by its own
/// ```
///
/// Moment as in RFC 3339, transaction in hexadecimal; number and verified name are the verifier's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// What was asked.
    pub question: Question<'a>,
    /// Whether it is so. `false` also where the provider does not know.
    pub answer: bool,
    /// When it was so.
    pub moment: Moment,
    /// The transaction that it was asked in.
    pub transaction: TransactionId,
    /// Who asked.
    pub verifier: Party<'a>,
}

const YES: &str = "yes: ";
const NO: &str = "no:  ";

impl<'a> AttributeName<'a> {
    /// A name.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let shaped = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
        if begins && text.len() <= ATTRIBUTE_NAME_MAX && text.bytes().all(shaped) {
            Ok(Self(text))
        } else {
            Err(Malformed::Undecodable)
        }
    }

    /// The characters.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> AttributeValue<'a> {
    /// A value.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let shaped = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/+".contains(&byte);
        if (1..=ATTRIBUTE_VALUE_MAX).contains(&text.len()) && text.bytes().all(shaped) {
            Ok(Self(text))
        } else {
            Err(Malformed::Undecodable)
        }
    }

    /// The characters.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> Question<'a> {
    /// Reads a question as it is written and sent.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let text = core::str::from_utf8(bytes).map_err(|_| Malformed::Undecodable)?;
        let (attribute, rest) = text.split_once(' ').ok_or(Malformed::Undecodable)?;
        Ok(Self { attribute: AttributeName::parse(attribute)?, comparison: Comparison::parse(rest)? })
    }
}

impl<'a> Comparison<'a> {
    fn parse(text: &'a str) -> Result<Self, Malformed> {
        let Some(text) = text.strip_suffix(" years ago") else { return Ok(Self::Is(AttributeValue::parse(text)?)) };
        if let Some(years) = text.strip_prefix("at least ") {
            return Ok(Self::AtLeastYearsAgo(parse_years(years)?));
        }
        let years = text.strip_prefix("less than ").ok_or(Malformed::Undecodable)?;
        Ok(Self::LessThanYearsAgo(parse_years(years)?))
    }

    /// Whether it holds for an attribute of this value, on this day.
    #[must_use]
    pub fn holds_for(self, value: AttributeValue<'_>, today: Date) -> bool {
        let years_ago = |years| Date::parse(value.0).map(|day| day.is_years_before(years, today));
        match self {
            Self::Is(wanted) => value.0 == wanted.0,
            Self::AtLeastYearsAgo(years) => years_ago(years) == Some(true),
            Self::LessThanYearsAgo(years) => years_ago(years) == Some(false),
        }
    }
}

fn parse_years(text: &str) -> Result<u8, Malformed> {
    let years: u8 = text.parse().map_err(|_| Malformed::Undecodable)?;
    let spelt_so = !text.starts_with(['0', '+']) && years <= YEARS_MAX;
    if spelt_so { Ok(years) } else { Err(Malformed::NotCanonical) }
}

impl<'a> Statement<'a> {
    /// Reads a receipt's line; the verifier's name may have anything in it.
    pub fn parse(line: &'a str) -> Result<Self, Malformed> {
        let parts = |text: &'a str| {
            let (question, rest) = text.split_once("; ")?;
            let (moment, rest) = rest.split_once("; ")?;
            let (transaction, rest) = rest.split_once("; to ")?;
            let (number, name) = rest.split_once(' ')?;
            Some((question, moment, transaction, number, name))
        };
        let (answer, rest) = match (line.strip_prefix(YES), line.strip_prefix(NO)) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(Malformed::Undecodable),
        };
        let (question, moment, transaction, number, name) = parts(rest).ok_or(Malformed::Undecodable)?;
        Ok(Self {
            question: Question::parse(question.as_bytes())?,
            answer,
            moment: Moment::parse(moment).ok_or(Malformed::Undecodable)?,
            transaction: parse_transaction(transaction)?,
            verifier: Party { number: parse_number(number)?, name },
        })
    }
}

fn parse_transaction(text: &str) -> Result<TransactionId, Malformed> {
    let is_hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 32 || !text.bytes().all(is_hexadecimal) {
        return Err(Malformed::Undecodable);
    }
    let value = u128::from_str_radix(text, 16).map_err(|_| Malformed::Undecodable)?;
    Ok(TransactionId(value.to_be_bytes()))
}

fn parse_number(text: &str) -> Result<u16, Malformed> {
    let spelt_so = text == "0" || !text.starts_with(['0', '+']);
    if spelt_so { text.parse().map_err(|_| Malformed::Undecodable) } else { Err(Malformed::NotCanonical) }
}

impl fmt::Display for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.attribute.0;
        match self.comparison {
            Comparison::Is(value) => write!(f, "{name} {}", value.0),
            Comparison::AtLeastYearsAgo(years) => write!(f, "{name} at least {years} years ago"),
            Comparison::LessThanYearsAgo(years) => write!(f, "{name} less than {years} years ago"),
        }
    }
}

impl fmt::Display for Statement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = if self.answer { YES } else { NO };
        let Party { number, name } = self.verifier;
        write!(f, "{answer}{}; {}; {}; to {number} {name}", self.question, self.moment, self.transaction)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::limits::{LINE_MAX, NAME_MAX, SENSITIVE_MAX};
    use std::string::{String, ToString};

    #[test]
    fn questions_are_written_as_they_are_read() {
        for text in [
            "drives B",
            "opens lab-3",
            "member 2026/27",
            "born at least 18 years ago",
            "born less than 26 years ago",
            "b2-c at least 199 years ago",
        ] {
            let question = Question::parse(text.as_bytes()).unwrap();
            assert_eq!(question.to_string(), text);
        }
    }

    #[test]
    fn questions_have_one_spelling() {
        for text in [
            "",
            "drives",
            "drives ",
            " B",
            "Drives B",
            "2drives B",
            "drives  B",
            "drives B ",
            "drives B C",
            "drives B\n",
            "drives \u{df}",
            "drives B;",
            "born at least 018 years ago",
            "born at least 0 years ago",
            "born at least +18 years ago",
            "born at least -1 years ago",
            "born at least 200 years ago",
            "born at least 256 years ago",
            "born at least 18 years",
            "born more than 18 years ago",
            "born at  least 18 years ago",
            "born at least  years ago",
            "born years ago",
            "drives abcdefghijklmnopqrstuvwxyz1234567",
            "abcdefghijklmnopq B",
        ] {
            assert!(Question::parse(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(Question::parse(&[b'a', b' ', 0xff]).is_err());
    }

    #[test]
    fn comparisons_hold_for_what_they_say() {
        let today = Date::parse("2026-11-27").unwrap();
        let holds = |question: &str, value| {
            let question = Question::parse(question.as_bytes()).unwrap();
            question.comparison.holds_for(AttributeValue::parse(value).unwrap(), today)
        };
        assert!(holds("drives B", "B") && !holds("drives B", "BE") && !holds("drives B", "b"));
        assert!(
            holds("born at least 18 years ago", "2008-11-27") && !holds("born at least 18 years ago", "2008-11-28")
        );
        assert!(
            holds("born less than 18 years ago", "2008-11-28") && !holds("born less than 18 years ago", "2008-11-27")
        );
        for question in ["born at least 18 years ago", "born less than 18 years ago"] {
            assert!(!holds(question, "unknown"), "what is no day is neither");
        }
    }

    fn statement<'a>(question: &'a str, name: &'a str) -> Statement<'a> {
        Statement {
            question: Question::parse(question.as_bytes()).unwrap(),
            answer: true,
            moment: Moment(1_000_000_000),
            transaction: TransactionId(*b"0123456789abcdef"),
            verifier: Party { number: 3, name },
        }
    }

    #[test]
    fn statements_are_read_as_they_are_written() {
        let statement = statement("drives B", "Cars; to 4 Rent & Co");
        let line = "yes: drives B; 2001-09-09T01:46:40Z; 30313233343536373839616263646566; to 3 Cars; to 4 Rent & Co";
        assert_eq!(statement.to_string(), line);
        assert_eq!(Statement::parse(line), Ok(statement));
        let no = Statement { answer: false, ..statement };
        assert_eq!(Statement::parse(&no.to_string()), Ok(no));
        assert_eq!(no.to_string().len(), line.len(), "the length says nothing");
        for changed in [
            line.replace("yes", "Yes"),
            line.replace("yes: ", "yes:"),
            line.replace("Z; 3", "Z; 03"),
            line.replace("to 3", "to 03"),
            line.replace("Z;", ";"),
            line.replace("6566;", "656F;"),
            String::new(),
        ] {
            assert!(Statement::parse(&changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn the_longest_fit_their_places() {
        let (attribute, value) = ("a".repeat(ATTRIBUTE_NAME_MAX), "b".repeat(ATTRIBUTE_VALUE_MAX));
        let question = std::format!("{attribute} {value}");
        assert!(question.len() <= SENSITIVE_MAX);
        let name = "n".repeat(NAME_MAX);
        let mut longest = statement(&question, &name);
        longest.verifier.number = u16::MAX;
        assert!(longest.to_string().len() <= LINE_MAX);
    }
}
