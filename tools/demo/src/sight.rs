//! What each party could read: every byte that it saw, searched for every value that matters.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use host_terminal::{CUSTOMER, PROVIDER, SHOP};
use protocol::amount::Amount;
use serde_json::{Value, json};

use crate::process::text;
use crate::story::{PRICE, Purchase, amount};
use crate::world::{Holder, World};

/// Shorter patterns would be found in random bytes by chance.
const PATTERN_MIN: usize = 4;

/// Whose eyes: a name in two lines, and all the bytes that came before them.
pub(crate) struct Eyes {
    pub(crate) name: [&'static str; 2],
    seen: Vec<Vec<u8>>,
}

/// A value, and who found it: one answer each of [`Sight::eyes`].
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) found: Vec<bool>,
}

/// The whole table.
pub(crate) struct Sight {
    pub(crate) eyes: Vec<Eyes>,
    pub(crate) findings: Vec<Finding>,
    /// What is in the clear everywhere: that the search finds what is there.
    pub(crate) control: Finding,
}

/// Something to look for, in every form that it could have.
struct Needle {
    what: String,
    patterns: Vec<Vec<u8>>,
    /// Which eyes must not find it.
    hidden_from: &'static [usize],
}

/// The columns of the table.
const CUSTOMER_EYES: usize = 0;
const BETWEEN: usize = 1;
const SHOP_EYES: usize = 2;
const TO_PROVIDER: usize = 3;
const BOOKS: usize = 4;

/// Searches, and checks that nobody found what is not theirs.
pub(crate) fn search(world: &World, purchase: &Purchase, ledger: &Value) -> Result<Sight> {
    let eyes = eyes(world, purchase, ledger)?;
    let mut findings = Vec::new();
    for needle in needles(world)? {
        let finding = needle.find(&eyes);
        for (index, eyes) in eyes.iter().enumerate() {
            let leaked = finding.found.get(index) == Some(&true) && needle.hidden_from.contains(&index);
            ensure!(!leaked, "{} can be read: {} {}", needle.what, eyes.name[0], eyes.name[1]);
        }
        findings.push(finding);
    }
    let transaction = text(&purchase.paid, "transaction")?;
    let control = Needle::bytes("the transaction's number", &hex::decode(transaction)?, &[]).find(&eyes);
    ensure!(control.found.iter().all(|found| *found), "the search does not find what is there: {:?}", control.found);
    Ok(Sight { eyes, findings, control })
}

fn eyes(world: &World, purchase: &Purchase, ledger: &Value) -> Result<Vec<Eyes>> {
    let all =
        |events: &mut dyn Iterator<Item = &crate::events::Event>| events.map(|event| event.bytes.clone()).collect();
    let mut books = vec![ledger.to_string().into_bytes()];
    read_folder(Path::new(&world.provider_data()), &mut books)?;
    Ok(vec![
        Eyes { name: ["Ada's", "terminal"], seen: all(&mut purchase.customer.0.iter()) },
        Eyes { name: ["between", "terminals"], seen: all(&mut purchase.customer.between(CUSTOMER, SHOP)) },
        Eyes { name: ["Huber's", "terminal"], seen: all(&mut purchase.shop.0.iter()) },
        Eyes { name: ["wire to", "the bank"], seen: all(&mut purchase.shop.between(SHOP, PROVIDER)) },
        Eyes { name: ["bank's", "books"], seen: books },
    ])
}

fn read_folder(folder: &Path, files: &mut Vec<Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { read_folder(&path, files)? } else { files.push(fs::read(&path)?) }
    }
    Ok(())
}

fn needles(world: &World) -> Result<Vec<Needle>> {
    const ON_THE_WAY: &[usize] = &[CUSTOMER_EYES, BETWEEN, SHOP_EYES, TO_PROVIDER];
    const ANYWHERE: &[usize] = &[CUSTOMER_EYES, BETWEEN, SHOP_EYES, TO_PROVIDER, BOOKS];
    const WIRES: &[usize] = &[BETWEEN, TO_PROVIDER];
    let of = |holder: &Holder| holder.person.short;
    let (customer, shop) = (&world.customer, &world.shop);
    let mut needles = Vec::new();
    for holder in [customer, shop] {
        let what = format!("{}'s account number", of(holder));
        needles.push(Needle::bytes(&what, holder.account.as_bytes(), ON_THE_WAY));
        let what = format!("{}'s account secret", of(holder));
        needles.push(Needle::bytes(&what, &hex::decode(&holder.secret)?, ANYWHERE));
    }
    needles.push(Needle::bytes(
        &format!("name \"{}\"", customer.person.name),
        customer.person.name.as_bytes(),
        ON_THE_WAY,
    ));
    needles.push(Needle::bytes(&format!("name \"{}\"", shop.person.name), shop.person.name.as_bytes(), WIRES));
    needles.push(Needle::amount(amount(PRICE)?, &[TO_PROVIDER]));
    Ok(needles)
}

impl Needle {
    /// Bytes: as they are, in hexadecimal, in base64.
    fn bytes(what: &str, bytes: &[u8], hidden_from: &'static [usize]) -> Self {
        let mut patterns = vec![bytes.to_vec(), hex::encode(bytes).into_bytes(), hex::encode_upper(bytes).into_bytes()];
        patterns.extend((0..3).map(|shift| base64_core(bytes, shift)));
        Self { what: what.to_owned(), patterns, hidden_from }
    }

    /// An amount: as people write it, and as numbers of four and eight bytes, whichever end first, or of as many as it
    /// takes with the currency behind them.
    fn amount(amount: Amount, hidden_from: &'static [usize]) -> Self {
        let minor = amount.minor;
        let forms = [
            PRICE.as_bytes().to_vec(),
            minor.to_string().into_bytes(),
            minor.to_be_bytes().to_vec(),
            minor.to_le_bytes().to_vec(),
            minor.to_be_bytes().iter().skip(4).copied().collect(),
            minor.to_le_bytes().iter().take(4).copied().collect(),
            [varint(minor), amount.currency.0.to_vec()].concat(),
        ];
        let patterns = forms.iter().flat_map(|form| Self::bytes("", form, &[]).patterns).collect();
        Self { what: format!("the amount, {amount}"), patterns, hidden_from }
    }

    fn find(&self, eyes: &[Eyes]) -> Finding {
        let patterns: Vec<&[u8]> = self.patterns.iter().map(Vec::as_slice).collect();
        Finding { what: self.what.clone(), found: eyes.iter().map(|eyes| eyes.see(&patterns)).collect() }
    }
}

impl Eyes {
    /// How many bytes they saw.
    pub(crate) fn count(&self) -> usize {
        self.seen.iter().map(Vec::len).sum()
    }

    fn see(&self, patterns: &[&[u8]]) -> bool {
        let mut patterns = patterns.iter().filter(|pattern| pattern.len() >= PATTERN_MIN);
        patterns.any(|pattern| self.seen.iter().any(|bytes| bytes.windows(pattern.len()).any(|part| part == *pattern)))
    }
}

impl Sight {
    pub(crate) fn json(&self) -> Value {
        let eyes = self.eyes.iter().map(|eyes| json!({ "name": eyes.name.join(" "), "bytes": eyes.count() }));
        let findings = self.findings.iter().chain([&self.control]);
        let findings = findings.map(|finding| json!({ "what": finding.what, "found": finding.found }));
        json!({ "eyes": eyes.collect::<Vec<_>>(), "findings": findings.collect::<Vec<_>>() })
    }
}

/// The characters of base64 (RFC 4648, 4) that the bytes alone decide, where `shift` bytes of something else
/// stand before them.
fn base64_core(bytes: &[u8], shift: usize) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = |position: usize| {
        let byte = bytes.get(position / 8).copied().unwrap_or_default();
        usize::from(byte >> (7 - position % 8) & 1)
    };
    // The first character whose six bits are all of these bytes.
    let first = (6 - (8 * shift) % 6) % 6;
    let characters = (first..).step_by(6).take_while(|start| start + 6 <= 8 * bytes.len());
    let character = |start: usize| (start..start + 6).fold(0, |value, position| value << 1 | bits(position));
    characters.filter_map(|start| ALPHABET.get(character(start)).copied()).collect()
}

/// A number as the protocol's encoding has it (postcard: seven bits a byte, the lowest first).
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7F);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eyes(seen: &[u8]) -> Vec<Eyes> {
        vec![Eyes { name: ["", ""], seen: vec![seen.to_vec()] }]
    }

    #[test]
    fn a_value_is_found_in_every_form_and_wherever_it_begins() {
        let needle = Needle::bytes("x", b"DE0210010", &[]);
        // base64 of "DE0210010", of "aDE0210010bb" and of "aaDE0210010b".
        for seen in ["..DE0210010..", "444530323130303130", "..REUwMjEwMDEw", "YURFMDIxMDAxMGJi", "YWFERTAyMTAwMTBi"] {
            assert_eq!(needle.find(&eyes(seen.as_bytes())).found, [true], "{seen}");
        }
        assert_eq!(needle.find(&eyes(b"DE02100 10")).found, [false]);
    }

    #[test]
    fn an_amount_is_found_as_text_and_as_a_number() {
        let needle = Needle::amount(amount("12.50").unwrap(), &[]);
        let seen: [&[u8]; 5] = [b"12.50", b"a1250b", &[0, 0, 0, 0, 0, 0, 4, 0xE2], &[0xE2, 4, 0, 0], b"\xE2\x09EUR"];
        for seen in seen {
            assert_eq!(needle.find(&eyes(seen)).found, [true], "{seen:?}");
        }
        assert_eq!(needle.find(&eyes(b"12,50 \xE2\x09 125 0")).found, [false]);
    }
}
