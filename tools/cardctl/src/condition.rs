//! Conditions in words, as profiles write them and people read them.
//!
//! ```text
//! condition   all { "or" all }
//! all         one { "and" one }
//! one         "always" | "never" | "pin" 1-14 | "key" 21-3E | "user present"
//!             | "secure channel" version [ "level" 01|03|11|33 ]
//!             | number "of" "(" condition { "," condition } ")"
//!             | "(" condition ")"
//! ```

use std::fmt;
use std::iter::Peekable;

use anyhow::{Context, Result, anyhow, bail, ensure};
use apdu_spec::access::{Part, Quorum, Requirement};
use apdu_spec::instruction::{KeyVersion, PinReference, SecurityLevel};
use apdu_spec::limits::{CONDITION_DEPTH_MAX, CONDITION_MAX};
use apdu_spec::{Condition, Full, KeyReference, Reader, Writer};

/// What a condition says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Constant(bool),
    Requirement(Requirement),
    Join(Quorum, Vec<Said>),
}

/// The condition that the words say.
pub(crate) fn parse(words: &str) -> Result<Condition> {
    let parsed = || -> Result<Condition> {
        let tokens = tokens(words);
        let mut tokens = tokens.iter().map(String::as_str).peekable();
        let said = any(&mut tokens, 0)?;
        if let Some(token) = tokens.next() {
            bail!("{token:?} is not expected there");
        }
        said.condition()
    };
    parsed().with_context(|| format!("condition {words:?}"))
}

/// The condition in words.
pub(crate) fn words(condition: &Condition) -> String {
    Said::of(condition.as_bytes()).map_or_else(|| hex::encode_upper(condition.as_bytes()), |said| said.to_string())
}

/// The PINs that a condition speaks of.
pub(crate) fn pins(condition: &Condition) -> Vec<PinReference> {
    requirements(condition.as_bytes())
        .into_iter()
        .filter_map(|requirement| if let Requirement::Pin(pin) = requirement { Some(pin) } else { None })
        .collect()
}

/// The keys of the key store likewise.
pub(crate) fn keys(condition: &Condition) -> Vec<KeyReference> {
    requirements(condition.as_bytes())
        .into_iter()
        .filter_map(|requirement| if let Requirement::Key(key) = requirement { Some(key) } else { None })
        .collect()
}

/// The one PIN that is all that a condition asks for.
pub(crate) fn single_pin(condition: &Condition) -> Option<PinReference> {
    let said = Said::of(condition.as_bytes())?;
    if let Said::Requirement(Requirement::Pin(pin)) = said { Some(pin) } else { None }
}

fn requirements(condition: &[u8]) -> Vec<Requirement> {
    let mut found = Vec::new();
    if let Ok(condition) = Condition::parse(condition) {
        condition.is_met(|requirement| {
            found.push(requirement);
            true
        });
    }
    found
}

fn tokens(words: &str) -> Vec<String> {
    let mut text = words.to_lowercase();
    for sign in ["(", ")", ","] {
        text = text.replace(sign, &format!(" {sign} "));
    }
    text.split_whitespace().map(str::to_owned).collect()
}

fn any<'t>(tokens: &mut Peekable<impl Iterator<Item = &'t str>>, depth: usize) -> Result<Said> {
    joined(tokens, depth, "or", Quorum::Any)
}

fn joined<'t>(
    tokens: &mut Peekable<impl Iterator<Item = &'t str>>,
    depth: usize,
    word: &str,
    quorum: Quorum,
) -> Result<Said> {
    let mut parts = Vec::new();
    loop {
        parts.push(if word == "or" { joined(tokens, depth, "and", Quorum::All)? } else { one(tokens, depth)? });
        if tokens.next_if(|token| *token == word).is_none() {
            return Ok(if parts.len() == 1 { parts.remove(0) } else { Said::Join(quorum, parts) });
        }
    }
}

fn one<'t>(tokens: &mut Peekable<impl Iterator<Item = &'t str>>, depth: usize) -> Result<Said> {
    ensure!(depth <= CONDITION_DEPTH_MAX, "more than {CONDITION_DEPTH_MAX} parentheses lie one in another");
    let end = || anyhow!("it ends too early");
    let requirement = match tokens.next().ok_or_else(end)? {
        "always" => return Ok(Said::Constant(true)),
        "never" => return Ok(Said::Constant(false)),
        "(" => {
            let said = any(tokens, depth + 1)?;
            ensure!(tokens.next() == Some(")"), "a parenthesis is not closed");
            return Ok(said);
        }
        "pin" => {
            let number = tokens.next().ok_or_else(end)?.parse().ok();
            let pin = number.and_then(|number| PinReference::parse(number).ok());
            Requirement::Pin(pin.context("PINs are numbered 1 to 14")?)
        }
        "key" => {
            let number = u8::from_str_radix(tokens.next().ok_or_else(end)?, 16).ok();
            let key = number.and_then(|number| KeyReference::parse(number).ok());
            Requirement::Key(key.context("keys are numbered 21 to 3E")?)
        }
        "user" => {
            ensure!(tokens.next() == Some("present"), "it is \"user present\"");
            Requirement::UserPresent
        }
        "secure" => {
            ensure!(tokens.next() == Some("channel"), "it is \"secure channel\" and the version of a key set");
            secure_channel(tokens)?
        }
        number if number.parse::<u8>().is_ok() && tokens.peek() == Some(&"of") => {
            tokens.next();
            return at_least(number.parse()?, tokens, depth);
        }
        other => bail!(
            "{other:?} is none of always, never, pin N, key NN, secure channel N, user present, N of (...): \
             joined with and, or, and parentheses"
        ),
    };
    Ok(Said::Requirement(requirement))
}

fn secure_channel<'t>(tokens: &mut Peekable<impl Iterator<Item = &'t str>>) -> Result<Requirement> {
    let version = tokens.next().and_then(|number| number.parse().ok());
    let version = version.and_then(|number| KeyVersion::parse(number).ok());
    let version = version.context("a secure channel is that of a key set with a version, 1 to 127")?;
    let level = if tokens.next_if(|token| *token == "level").is_some() {
        let level = tokens.next().and_then(|level| u8::from_str_radix(level, 16).ok());
        let level = level.filter(|level| *level != 0x13).and_then(|level| SecurityLevel::parse(level).ok());
        level.context("a condition asks for the level 01, 03, 11 or 33")?
    } else {
        SecurityLevel::C_MAC
    };
    Ok(Requirement::SecureChannel(version, level))
}

fn at_least<'t>(needed: u8, tokens: &mut Peekable<impl Iterator<Item = &'t str>>, depth: usize) -> Result<Said> {
    ensure!(tokens.next() == Some("("), "{needed} of what? \"{needed} of (pin 1, pin 2)\"");
    let mut parts = Vec::new();
    loop {
        parts.push(any(tokens, depth + 1)?);
        match tokens.next() {
            Some(",") => {}
            Some(")") => break,
            _ => bail!("a parenthesis is not closed"),
        }
    }
    ensure!((1..=parts.len()).contains(&needed.into()), "{needed} of {} cannot be", parts.len());
    Ok(Said::Join(Quorum::AtLeast(needed), parts))
}

impl Said {
    /// What a condition says; `None` for one that this program does not understand.
    fn of(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [0x00] => Some(Self::Constant(true)),
            [0xFF] => Some(Self::Constant(false)),
            [byte] => {
                let mut parts: Vec<Self> = requirements(bytes).into_iter().map(Self::Requirement).collect();
                let quorum = if byte & 0x80 == 0 { Quorum::Any } else { Quorum::All };
                if parts.len() == 1 { parts.pop() } else { Some(Self::Join(quorum, parts)) }
            }
            _ => {
                let (tag, value) = Reader::all(bytes, Reader::object).ok()?;
                Self::of_part(Part::parse(tag, value).ok()?)
            }
        }
    }

    fn of_part(part: Part<'_>) -> Option<Self> {
        Some(match part {
            Part::Constant(is_met) => Self::Constant(is_met),
            Part::Byte(byte) => Self::of(&[byte])?,
            Part::Requirement(requirement) => Self::Requirement(requirement),
            // As deep as a condition can be: it was read as one before.
            Part::Template(quorum, mut input) => {
                let mut parts = Vec::new();
                while !input.is_empty() {
                    parts.push(Self::of(input.whole_object().ok()?)?);
                }
                Self::Join(quorum, parts)
            }
        })
    }

    /// As a byte where one can say it, else as a data object.
    fn condition(&self) -> Result<Condition> {
        if let Some(byte) = self.byte() {
            return Ok(byte);
        }
        let mut space = [0; CONDITION_MAX];
        let mut out = Writer::new(&mut space);
        let too_long = || format!("it takes more than {CONDITION_MAX} bytes");
        self.encode(&mut out).ok().with_context(too_long)?;
        let condition = Condition::parse(out.written()).ok();
        condition.with_context(|| format!("more than {CONDITION_DEPTH_MAX} parts lie one in another"))
    }

    fn byte(&self) -> Option<Condition> {
        match self {
            Self::Constant(true) => Some(Condition::ALWAYS),
            Self::Constant(false) => Some(Condition::NEVER),
            Self::Requirement(Requirement::Pin(pin)) => Condition::pin(pin.number()).ok(),
            Self::Requirement(Requirement::Key(key)) => Condition::from_byte(key.number()).ok().filter(is_key),
            Self::Requirement(Requirement::SecureChannel(version, SecurityLevel::C_MAC)) if version.number() < 15 => {
                Condition::from_byte(0x40 | version.number()).ok()
            }
            Self::Requirement(_) | Self::Join(..) => None,
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match self {
            Self::Constant(true) => out.put(&[0x90, 0x00]),
            Self::Constant(false) => out.put(&[0x97, 0x00]),
            Self::Requirement(requirement) => requirement.encode(out),
            Self::Join(quorum, parts) => quorum.encode(out, |out| parts.iter().try_for_each(|part| part.encode(out))),
        }
    }
}

/// A byte from 30 on means something else than a key.
fn is_key(condition: &Condition) -> bool {
    matches!(condition.as_bytes(), [0x21..=0x2E])
}

/// The condition as a data object, which access rules in expanded format take.
pub(crate) fn as_object(condition: &Condition) -> Vec<u8> {
    match *condition.as_bytes() {
        [byte] => vec![0x9E, 1, byte],
        _ => condition.as_bytes().to_vec(),
    }
}

impl fmt::Display for Said {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(true) => out.write_str("always"),
            Self::Constant(false) => out.write_str("never"),
            Self::Requirement(Requirement::Pin(pin)) => write!(out, "pin {}", pin.number()),
            Self::Requirement(Requirement::Key(key)) => write!(out, "key {:02X}", key.number()),
            Self::Requirement(Requirement::UserPresent) => out.write_str("user present"),
            Self::Requirement(Requirement::SecureChannel(version, level)) => {
                write!(out, "secure channel {}", version.number())?;
                let is_lowest = *level == SecurityLevel::C_MAC;
                if is_lowest { Ok(()) } else { write!(out, " level {:02X}", level.to_byte()) }
            }
            Self::Join(quorum, parts) => {
                let parts: Vec<String> = parts.iter().map(|part| part.inside(*quorum)).collect();
                match quorum {
                    Quorum::Any => out.write_str(&parts.join(" or ")),
                    Quorum::All => out.write_str(&parts.join(" and ")),
                    Quorum::AtLeast(needed) => write!(out, "{needed} of ({})", parts.join(", ")),
                }
            }
        }
    }
}

impl Said {
    /// Inside a template, in parentheses where the words alone would be read otherwise.
    fn inside(&self, outer: Quorum) -> String {
        match (self, outer) {
            (Self::Join(Quorum::Any | Quorum::All, _), Quorum::Any | Quorum::All) => format!("({self})"),
            _ => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_conditions_and_conditions_words() {
        let pairs = [
            ("always", "00"),
            ("never", "FF"),
            ("pin 14", "1E"),
            ("key 21", "21"),
            ("key 3E", "A40683013E950180"),
            ("secure channel 1", "41"),
            ("secure channel 16", "B406830110950110"),
            ("secure channel 1 level 33", "B806830101950130"),
            ("user present", "C000"),
            ("pin 1 or pin 2", "A010A406830101950108A406830102950108"),
            ("(pin 1 and pin 2) or key 21", "A01AAF10A406830101950108A406830102950108A406830121950180"),
            ("2 of (pin 1, user present, key 21)", "E015800102A406830101950108C000A406830121950180"),
        ];
        for (said, bytes) in pairs {
            let condition = parse(said).unwrap();
            assert_eq!((hex::encode_upper(condition.as_bytes()).as_str(), words(&condition)), (bytes, said.to_owned()));
        }
        // Others than this program writes.
        for (bytes, said) in
            [("31", "pin 1 or key 21"), ("91", "pin 1"), ("F1", "pin 1 and key 21 and secure channel 1")]
        {
            assert_eq!(words(&Condition::parse(&hex::decode(bytes).unwrap()).unwrap()), said);
        }
        assert_eq!(parse("PIN 1 AND pin 2 or pin 3").unwrap(), parse("(pin 1 and pin 2) or pin 3").unwrap());
        assert_eq!(pins(&parse("(pin 1 and pin 2) or key 21").unwrap()).len(), 2);
    }

    #[test]
    fn what_is_no_condition_is_refused_with_its_words() {
        let deep = format!("{}pin 1{}", "(".repeat(10_000), ")".repeat(10_000));
        let long = "pin 1 or ".repeat(20) + "pin 1";
        for words in [
            "",
            "pin",
            "pin 15",
            "key 20",
            "pin 1 or",
            "pin 1 pin 2",
            "(pin 1",
            "3 of (pin 1, pin 2)",
            "0 of (pin 1)",
            "secure channel",
            "secure channel 1 level 13",
            "sometimes",
            "not pin 1",
            &deep,
            &long,
        ] {
            let error = format!("{:#}", parse(words).unwrap_err());
            assert!(error.starts_with("condition \""), "{error}");
        }
    }
}
