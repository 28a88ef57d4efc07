//! Looking for values in what a party saw: every byte of it, for every form that a value could have.
//!
//! A search that finds nothing shows something only if it finds what is there: every test that relies on it also runs
//! where a value leaks on purpose.

#![expect(clippy::indexing_slicing, reason = "a panic is a test's verdict")]

use protocol::types::Currency;

/// Shorter patterns would be found by chance: six bytes are not, in a gigabyte, with odds of more than 10 000 to one.
const PATTERN_MIN: usize = 6;

/// Digits of an amount as ISO 8583 has it, in its field 4.
const AMOUNT_DIGITS: usize = 12;

/// A value that somebody must not see, in every form that it could have.
#[derive(Clone, Debug)]
pub struct Canary {
    /// What it is, for a person.
    pub name: String,
    patterns: Vec<(&'static str, Vec<u8>)>,
}

impl Canary {
    /// Bytes or a text: as they are, backwards, in hexadecimal and in base64; the digits in it also in BCD.
    ///
    /// # Panics
    /// Where it is too short to be looked for.
    #[must_use]
    pub fn bytes(name: &str, bytes: &[u8]) -> Self {
        assert!(bytes.len() >= PATTERN_MIN, "{name} is too short to be looked for");
        let mut canary = Self { name: name.to_owned(), patterns: Vec::new() };
        canary.add("plain", bytes);
        canary.add("backwards", &bytes.iter().rev().copied().collect::<Vec<u8>>());
        for digits in bytes.split(|byte| !byte.is_ascii_digit()) {
            canary.add_bcd(digits);
        }
        canary
    }

    /// An amount, in minor units: as people write it, as an integer, in BCD, and as the protocol encodes it.
    ///
    /// # Panics
    /// Where it is too small to be looked for.
    #[must_use]
    pub fn amount(name: &str, minor: u64, currency: Currency) -> Self {
        let digits = minor.to_string();
        let (whole, cents) = digits.split_at(digits.len() - 2);
        let mut canary = Self::bytes(name, digits.as_bytes());
        for separator in [".", ","] {
            canary.add("written", [whole, separator, cents].concat().as_bytes());
        }
        let significant = (8 - minor.leading_zeros() as usize / 8).max(PATTERN_MIN);
        canary.add("big-endian", &minor.to_be_bytes()[8 - significant..]);
        canary.add("little-endian", &minor.to_le_bytes()[..significant]);
        canary.add_bcd(format!("{minor:0AMOUNT_DIGITS$}").as_bytes());
        canary.add("varint", &[varint(minor), currency.0.to_vec()].concat());
        canary
    }

    /// The form in which it is in what somebody saw, if it is.
    pub fn find<T: AsRef<[u8]>>(&self, seen: impl IntoIterator<Item = T>) -> Option<&'static str> {
        seen.into_iter().find_map(|seen| {
            let seen = seen.as_ref();
            self.patterns.iter().find(|(_, pattern)| contains(seen, pattern)).map(|(form, _)| *form)
        })
    }

    fn add(&mut self, form: &'static str, bytes: &[u8]) {
        let hexadecimal = hex::encode(bytes);
        self.push(form, bytes.to_vec());
        self.push("hexadecimal", hexadecimal.to_uppercase().into_bytes());
        self.push("hexadecimal", hexadecimal.into_bytes());
        for shift in 0..3 {
            let standard = base64_core(bytes, shift);
            let url = standard.iter().map(|byte| if *byte == b'+' { b'-' } else { *byte });
            self.push("base64", url.map(|byte| if byte == b'/' { b'_' } else { byte }).collect());
            self.push("base64", standard);
        }
    }

    /// Two digits a byte, either first, from the first digit or from the second on.
    fn add_bcd(&mut self, digits: &[u8]) {
        for digits in [digits, digits.get(1..).unwrap_or_default()] {
            let value = |digit: u8| digit - b'0';
            let packed = digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1]));
            let packed: Vec<u8> = packed.collect();
            self.push("BCD", packed.iter().map(|byte| byte.rotate_left(4)).collect());
            self.push("BCD", packed);
        }
    }

    fn push(&mut self, form: &'static str, pattern: Vec<u8>) {
        if pattern.len() >= PATTERN_MIN && !self.patterns.iter().any(|(_, known)| *known == pattern) {
            self.patterns.push((form, pattern));
        }
    }
}

/// Whether `pattern` is in `bytes`: by its first byte first, since much is looked through.
#[must_use]
pub fn contains(bytes: &[u8], pattern: &[u8]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return true };
    let mut left = bytes;
    while let Some(position) = left.iter().position(|byte| byte == first) {
        left = &left[position + 1..];
        if left.starts_with(rest) {
            return true;
        }
    }
    false
}

/// The characters of base64 (RFC 4648, 4) that the bytes alone decide, where `shift` bytes of something else stand
/// before them.
fn base64_core(bytes: &[u8], shift: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |position: usize| usize::from(bytes[position / 8] >> (7 - position % 8) & 1);
    // The first character whose six bits are all of these bytes.
    let first = (6 - (8 * shift) % 6) % 6;
    let starts = (first..).step_by(6).take_while(|start| start + 6 <= 8 * bytes.len());
    starts.map(|start| ALPHABET[(start..start + 6).fold(0, |value, position| value << 1 | bit(position))]).collect()
}

/// A number as the protocol's encoding has it: seven bits a byte, the lowest first.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = number.to_le_bytes()[0] & 0x7F;
        number >>= 7;
        bytes.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EUR: Currency = Currency(*b"EUR");

    fn form(canary: &Canary, seen: &[u8]) -> Option<&'static str> {
        canary.find([&b"something else"[..], seen])
    }

    #[test]
    fn a_text_is_found_in_every_form_and_wherever_it_begins() {
        let canary = Canary::bytes("x", b"DE0210010");
        // base64 of "DE0210010", of "aDE0210010bb" and of "aaDE0210010b".
        for (seen, expected) in [
            ("..DE0210010..", "plain"),
            ("0100120ED", "backwards"),
            ("..444530323130303130", "hexadecimal"),
            ("..REUwMjEwMDEw", "base64"),
            ("YURFMDIxMDAxMGJi", "base64"),
            ("YWFERTAyMTAwMTBi", "base64"),
        ] {
            assert_eq!(form(&canary, seen.as_bytes()), Some(expected), "{seen}");
        }
        assert_eq!(form(&canary, b"DE02100 10"), None);
    }

    #[test]
    fn digits_are_found_packed_whichever_comes_first_and_wherever_they_begin() {
        let canary = Canary::bytes("x", b"ACCOUNT 1234567890123");
        for seen in ["123456789012", "f1234567890123", "214365870921", "ff214365870921", "234567890123"] {
            assert_eq!(form(&canary, &hex::decode(seen).unwrap()), Some("BCD"), "{seen}");
        }
        assert_eq!(form(&canary, &hex::decode("123456789021").unwrap()), None);
    }

    #[test]
    fn an_amount_is_found_as_text_and_as_a_number() {
        let minor = 12_345_678_901_234;
        let canary = Canary::amount("x", minor, EUR);
        let packed = hex::decode("12345678901234").unwrap();
        let varint = [varint(minor), b"EUR".to_vec()].concat();
        let texts: [&[u8]; 3] = [b"12345678901234", b"123456789012.34 EUR", b"123456789012,34"];
        let numbers: [&[u8]; 4] = [&minor.to_be_bytes(), &minor.to_le_bytes(), &packed, &varint];
        for seen in texts.into_iter().chain(numbers) {
            assert!(form(&canary, seen).is_some(), "{seen:02x?}");
        }
        assert_eq!(form(&canary, b"1234567890.1234"), None);
    }
}
