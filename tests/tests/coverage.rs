//! What the transcripts cover: every command executed, refused and malformed, and every status word.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs, reason = "a panic fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Result;
use apdu_spec::limits::REPLY_MAX;
use apdu_spec::{Class, Instruction, Status};
use card_os::Card;
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::{Moment, RamFlash};
use symbolon_tests::board::SilentBoard;
use symbolon_tests::covered::covered;
use symbolon_tests::transcript::{Player, manual, play, vectors};

/// How a command went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Case {
    Executed,
    Refused,
    Malformed,
}

const CASES: [Case; 3] = [Case::Executed, Case::Refused, Case::Malformed];

/// What no transcript can hold, because its bytes are others each time: what a provider or a host answers to random
/// bytes of the card's, and what comes through a secure channel. `card_transaction` and `card_commands` have it.
const ELSEWHERE: &[(&str, Case)] = &[
    ("LoadDescriptor", Case::Executed),
    ("Receive", Case::Executed),
    ("Authenticate", Case::Executed),
    ("TerminateCardUsage", Case::Executed),
];

/// A card that remembers what it was told and what it said.
struct Recorder {
    card: SoftwareCard<RamFlash>,
    exchanges: Vec<(Vec<u8>, Status)>,
}

impl Recorder {
    fn insert(&mut self) -> Result<()> {
        self.card = SoftwareCard::format(RamFlash::new(32), Noise::seeded(1))?;
        self.reset()
    }
}

impl Player for Recorder {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>> {
        let response = self.card.transmit(command)?;
        let status = response.last_chunk::<2>().unwrap();
        self.exchanges.push((command.to_vec(), Status(u16::from_be_bytes(*status))));
        Ok(response)
    }

    fn reset(&mut self) -> Result<()> {
        Player::reset(&mut self.card)
    }
}

/// Every command of every transcript and of the manual, with its status word.
fn exchanges() -> Vec<(Vec<u8>, Status)> {
    let card = SoftwareCard::format(RamFlash::new(32), Noise::seeded(1)).unwrap();
    let mut recorder = Recorder { card, exchanges: Vec::new() };
    for path in vectors().unwrap().into_iter().chain([manual()]) {
        recorder.insert().unwrap();
        play(&path, &mut recorder).unwrap();
    }
    recorder.exchanges
}

fn case_of(status: Status) -> Case {
    match status {
        Status::WRONG_LENGTH | Status::WRONG_DATA | Status::WRONG_P1_P2 => Case::Malformed,
        status if status.waiting().is_some() || status.is_executed() && status.tries().is_none() => Case::Executed,
        _ => Case::Refused,
    }
}

#[test]
fn every_command_is_executed_refused_and_malformed_in_a_transcript() {
    let mut seen: BTreeMap<(bool, u8), BTreeSet<Case>> = BTreeMap::new();
    for (command, status) in exchanges() {
        let &[class, instruction, ..] = &command[..] else { continue };
        let Some(class) = Class::parse(class) else { continue };
        seen.entry((class.proprietary, instruction)).or_default().insert(case_of(status));
    }
    let mut missing = Vec::new();
    for (class, instruction, name) in Instruction::ALL {
        let cases = seen.get(&(class.proprietary, *instruction)).cloned().unwrap_or_default();
        let absent = CASES.into_iter().filter(|case| !cases.contains(case) && !ELSEWHERE.contains(&(name, *case)));
        missing.extend(absent.map(|case| format!("{name} ({instruction:02X}) is nowhere {case:?}")));
    }
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
    covered(Instruction::ALL.len(), "commands, each executed, refused and malformed");
}

#[test]
fn every_command_stands_in_the_manuals_table_of_commands() {
    let text = fs::read_to_string(manual()).unwrap();
    let (table, _) = text.split_once("\n## ").unwrap();
    let bytes = |class: &Class, instruction: u8| format!("`{:02X} {instruction:02X}`", class.to_byte());
    let absent = Instruction::ALL.iter().filter(|(class, instruction, _)| !table.contains(&bytes(class, *instruction)));
    let absent: Vec<&str> = absent.map(|(_, _, name)| *name).collect();
    assert!(absent.is_empty(), "not in the table: {}", absent.join(", "));
}

#[test]
fn every_status_word_is_answered_in_a_transcript_and_named_in_the_manual() {
    let mut answered: BTreeSet<String> = exchanges().into_iter().map(|(_, status)| pattern(status)).collect();
    answered.extend(failures().into_iter().map(pattern));
    let text = fs::read_to_string(manual()).unwrap();
    let (_, named) = text.split_once("\n## Status words\n").unwrap();
    let mut missing = Vec::new();
    let all = constants();
    for word in &all {
        missing.extend((!answered.contains(word)).then(|| format!("{word} is never answered")));
        let row = format!("\n| `{word}` |");
        missing.extend((!named.contains(&row)).then(|| format!("{word} is not in the manual")));
    }
    missing.extend(answered.difference(&all).map(|word| format!("{word} is answered, but no constant")));
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
    covered(all.len(), "status words");
}

/// Every status word that `apdu-spec` knows, as the manual writes it: the constants, and those that carry a number.
fn constants() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../apdu-spec/src/status.rs");
    let text = fs::read_to_string(source).unwrap();
    let words = text.lines().filter_map(|line| line.split_once(": Self = Self(0x")?.1.get(..4));
    let words: BTreeSet<String> = words.map(str::to_owned).chain(["61xx", "63Cx", "6Cxx"].map(str::to_owned)).collect();
    assert!(words.len() > 25, "the constants look otherwise now");
    words
}

fn pattern(status: Status) -> String {
    match status.to_bytes() {
        [0x61, _] => "61xx".to_owned(),
        [0x6C, _] => "6Cxx".to_owned(),
        _ if status.tries().is_some() => "63Cx".to_owned(),
        _ => status.to_string(),
    }
}

/// The status words of a card whose board fails, which no transcript can have it do.
fn failures() -> [Status; 2] {
    let flash = Card::format(SilentBoard, RamFlash::new(32)).unwrap().into_parts().1;
    let answer = |mut card: Card<SilentBoard>, command: &[u8]| {
        let mut reply = [0; REPLY_MAX];
        let length = card.answer(command, &mut reply);
        Status(u16::from_be_bytes(*reply[..length].last_chunk().unwrap()))
    };
    let challenge = answer(Card::mount(SilentBoard, flash.clone()).unwrap(), &[0x00, 0x84, 0x00, 0x00, 0x08]);
    let mut failing = flash;
    failing.cut_at(0, Moment::Before, 1);
    let life_cycle = answer(Card::mount(SilentBoard, failing).unwrap(), &[0x80, 0xF0, 0x80, 0x07]);
    assert_eq!([challenge, life_cycle], [Status::FAILURE, Status::MEMORY_FAILURE]);
    [challenge, life_cycle]
}
