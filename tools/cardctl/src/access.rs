//! Access rules of files in words: an operation, and the condition for it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use apdu_spec::command::Header;
use apdu_spec::limits::SECURITY_ATTRIBUTES_MAX;
use apdu_spec::{Access, Condition, FileDescriptor, Operation, SecurityAttributes};

use crate::condition;

/// What can be permitted of an elementary file, by the words of profiles.
const ELEMENTARY: [(&str, Operation); 8] = [
    ("read", Operation::Read),
    ("update", Operation::Update),
    ("append", Operation::Append),
    ("deactivate", Operation::Deactivate),
    ("activate", Operation::Activate),
    ("terminate", Operation::Terminate),
    ("delete", Operation::DeleteSelf),
    ("conditions", Operation::ChangeAttributes),
];

/// Likewise of a directory.
const DIRECTORY: [(&str, Operation); 8] = [
    ("create_file", Operation::CreateFile),
    ("create_directory", Operation::CreateDirectory),
    ("delete_file", Operation::DeleteChild),
    ("deactivate", Operation::Deactivate),
    ("activate", Operation::Activate),
    ("terminate", Operation::Terminate),
    ("delete", Operation::DeleteSelf),
    ("conditions", Operation::ChangeAttributes),
];

/// The instruction bytes that rules name, of the commands that do it.
const PUT_DATA: u8 = 0xDB;

/// Access rules, encoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    is_expanded: bool,
    bytes: Vec<u8>,
}

const fn operations(descriptor: FileDescriptor) -> &'static [(&'static str, Operation)] {
    if descriptor.is_directory() { &DIRECTORY } else { &ELEMENTARY }
}

impl Rules {
    /// The rules that these words say, an operation each: compact where that can say them.
    pub(crate) fn new(descriptor: FileDescriptor, written: &BTreeMap<String, String>) -> Result<Self> {
        let operations = operations(descriptor);
        if let Some(unknown) = written.keys().find(|word| !operations.iter().any(|(name, _)| name == word)) {
            let known: Vec<&str> = operations.iter().map(|(name, _)| *name).collect();
            bail!("access: {unknown:?} is none of {}", known.join(", "));
        }
        let mut rules = Vec::new();
        for (name, operation) in operations {
            if let Some(words) = written.get(*name) {
                rules.push((*operation, condition::parse(words).with_context(|| format!("access: {name}"))?));
            }
        }
        let is_expanded =
            rules.iter().any(|(operation, condition)| operation.bit() == 0 || condition.as_bytes().len() > 1);
        let has_objects = matches!(descriptor, FileDescriptor::DataObjects { .. });
        let changes = rules.iter().any(|(operation, _)| *operation == Operation::ChangeAttributes);
        ensure!(
            !(has_objects && changes),
            "access: the conditions of a file of data objects change through the issuer's secure channel alone"
        );
        let bytes = if is_expanded { expanded(&rules) } else { compact(rules) };
        ensure!(
            bytes.len() <= SECURITY_ATTRIBUTES_MAX,
            "access: the rules take {} bytes, and a file has room for {SECURITY_ATTRIBUTES_MAX}",
            bytes.len()
        );
        let rules = Self { is_expanded, bytes };
        rules.attributes()?;
        Ok(rules)
    }

    pub(crate) fn attributes(&self) -> Result<SecurityAttributes<'_>> {
        let parse = if self.is_expanded { SecurityAttributes::parse_expanded } else { SecurityAttributes::parse };
        parse(&self.bytes).ok().context("no such access rules")
    }

    /// The conditions that the rules ask for.
    pub(crate) fn conditions(&self, descriptor: FileDescriptor) -> Result<Vec<Condition>> {
        let attributes = self.attributes()?;
        Ok(operations(descriptor).iter().flat_map(|(_, operation)| asked(attributes, descriptor, *operation)).collect())
    }
}

/// Bits from the highest on, and their conditions in the same order.
fn compact(mut rules: Vec<(Operation, Condition)>) -> Vec<u8> {
    rules.sort_by_key(|(operation, _)| std::cmp::Reverse(operation.bit()));
    let mode = rules.iter().fold(0, |mode, (operation, _)| mode | operation.bit());
    let conditions = rules.iter().flat_map(|(_, condition)| condition.as_bytes().to_vec());
    [mode].into_iter().chain(conditions).collect()
}

/// A rule for every condition, over all operations that it is for.
fn expanded(rules: &[(Operation, Condition)]) -> Vec<u8> {
    let mut joined: Vec<(u8, &Condition)> = Vec::new();
    for (operation, condition) in rules.iter().filter(|(operation, _)| operation.bit() != 0) {
        match joined.iter_mut().find(|(_, other)| *other == condition) {
            Some((mode, _)) => *mode |= operation.bit(),
            None => joined.push((operation.bit(), condition)),
        }
    }
    let by_bit =
        joined.into_iter().map(|(mode, condition)| [&[0x80, 1, mode], &*condition::as_object(condition)].concat());
    let by_header = rules.iter().filter(|(operation, _)| operation.bit() == 0);
    let by_header = by_header.map(|(_, condition)| [&[0x84, 1, PUT_DATA], &*condition::as_object(condition)].concat());
    by_bit.chain(by_header).flatten().collect()
}

/// Every operation that a file of this kind has, and the condition for it in words.
pub(crate) fn words(descriptor: FileDescriptor, rules: SecurityAttributes<'_>) -> Vec<(&'static str, String)> {
    let told = operations(descriptor).iter().map(|(name, operation)| {
        let mut conditions: Vec<String> = asked(rules, descriptor, *operation).iter().map(condition::words).collect();
        conditions.dedup();
        (*name, if conditions.is_empty() { "never".to_owned() } else { conditions.join(" or ") })
    });
    told.collect()
}

/// The conditions of which one has to be met before the command that does this.
fn asked(rules: SecurityAttributes<'_>, descriptor: FileDescriptor, operation: Operation) -> Vec<Condition> {
    let has_objects = matches!(descriptor, FileDescriptor::DataObjects { .. });
    // There a rule that covers PUT DATA is about the content.
    if operation == Operation::ChangeAttributes && has_objects {
        return Vec::new();
    }
    rules.conditions(Access { operation, header: header(operation, descriptor) }).collect()
}

/// The command that does it, or one of them.
fn header(operation: Operation, descriptor: FileDescriptor) -> Header {
    let has_records = descriptor.records().is_some();
    let has_objects = matches!(descriptor, FileDescriptor::DataObjects { .. });
    let instruction = match operation {
        Operation::Read if has_records => 0xB2,
        Operation::Read if has_objects => 0xCB,
        Operation::Read => 0xB0,
        Operation::Update if has_records => 0xDC,
        Operation::Update if has_objects => PUT_DATA,
        Operation::Update => 0xD6,
        Operation::Append if has_records => 0xE2,
        Operation::Append => 0xD0,
        Operation::Deactivate => 0x04,
        Operation::Activate => 0x44,
        Operation::Terminate if descriptor.is_directory() => 0xE6,
        Operation::Terminate => 0xE8,
        Operation::DeleteSelf | Operation::DeleteChild => 0xE4,
        Operation::CreateFile | Operation::CreateDirectory => 0xE0,
        Operation::ChangeAttributes if descriptor.is_directory() => return Header::iso(PUT_DATA, 0x3F, 0xFF),
        Operation::ChangeAttributes => PUT_DATA,
    };
    Header::iso(instruction, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: FileDescriptor = FileDescriptor::Transparent { size: 10 };

    fn written(rules: &[(&str, &str)]) -> BTreeMap<String, String> {
        rules.iter().map(|(name, words)| ((*name).to_owned(), (*words).to_owned())).collect()
    }

    #[test]
    fn rules_are_as_short_as_they_can_be_and_read_as_they_were_written() {
        let cases = [
            (written(&[("read", "always"), ("update", "pin 1")]), "031100", false),
            (written(&[("read", "always"), ("delete", "never")]), "41FF00", false),
            (
                written(&[("read", "pin 1 or pin 2"), ("update", "pin 1 or pin 2")]),
                "800103A010A406830101950108A406830102950108",
                true,
            ),
            (written(&[("read", "always"), ("conditions", "pin 1")]), "8001019E01008401DB9E0111", true),
        ];
        for (rules, bytes, is_expanded) in cases {
            let encoded = Rules::new(FILE, &rules).unwrap();
            assert_eq!((hex::encode_upper(&encoded.bytes).as_str(), encoded.is_expanded), (bytes, is_expanded));
            for (name, said) in words(FILE, encoded.attributes().unwrap()) {
                // What covers UPDATE BINARY covers no PUT DATA.
                assert_eq!(said, rules.get(name).map_or("never", String::as_str), "{name} of {rules:?}");
            }
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let directory = FileDescriptor::Directory;
        assert!(Rules::new(directory, &written(&[("read", "always")])).is_err());
        assert!(Rules::new(FILE, &written(&[("create_file", "always")])).is_err());
        assert!(Rules::new(FILE, &written(&[("read", "perhaps")])).is_err());
        let objects = FileDescriptor::DataObjects { size: 10 };
        assert!(Rules::new(objects, &written(&[("conditions", "pin 1")])).is_err());
    }
}
