//! What was written is read again as the same; and whatever is read is a transcript or an error with its line.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use host_terminal::observe::{Event, Kind, LeftOut, Observer};
use host_terminal::transcript::{Command, Expected, Step, Transcript, TranscriptError};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::Records;

const SEEDS: u64 = 300;

fn some_bytes(random: &mut StdRng, least: usize, most: usize) -> Vec<u8> {
    (0..random.gen_range(least..=most)).map(|_| random.r#gen()).collect()
}

/// A command, mostly a well-formed one, and what is left out of it.
fn a_command(random: &mut StdRng) -> (Vec<u8>, LeftOut) {
    let header = some_bytes(random, 4, 4);
    let data = some_bytes(random, 1, 300);
    let long = u16::try_from(data.len()).unwrap().to_be_bytes();
    let command = match random.gen_range(0..5) {
        0 => header,
        1 => some_bytes(random, 1, 12),
        2 => [&header[..], &[0x10]].concat(),
        3 if data.len() < 256 => [&header[..], &long[1..], &data, &[0x00]].concat(),
        _ => [&header[..], &[0], &long, &data].concat(),
    };
    let start = random.gen_range(0..command.len());
    let length = if random.gen_bool(0.3) { random.gen_range(0..=command.len() - start) } else { 0 };
    let left_out = if length == 0 { LeftOut::NOTHING } else { LeftOut { start, length } };
    let veiled = left_out.veil(&command).into_owned();
    (veiled, left_out)
}

fn a_step(random: &mut StdRng) -> Step {
    if random.gen_bool(0.1) {
        return Step::Reset;
    }
    let (command, left_out) = a_command(random);
    let response = some_bytes(random, 2, 300);
    let expected = if random.gen_bool(0.3) { Expected::any_data(&response) } else { Expected::exactly(&response) };
    Step::Exchange(Command::new(&command, left_out), expected)
}

fn read(text: &str) -> Vec<Step> {
    let transcript =
        Transcript::parse(text.as_bytes(), Path::new("it")).unwrap_or_else(|error| panic!("{error}\n{text}"));
    transcript.lines.into_iter().map(|line| line.step).collect()
}

#[test]
fn steps_that_are_written_are_read_as_the_same() {
    for seed in 0..SEEDS {
        let random = &mut StdRng::seed_from_u64(seed);
        let steps: Vec<Step> = (0..random.gen_range(0..20)).map(|_| a_step(random)).collect();
        let written: Vec<String> = steps.iter().map(ToString::to_string).collect();
        assert!(read(&written.join("\n")) == steps, "seed {seed}");
    }
}

#[test]
fn whatever_travels_makes_a_transcript_that_says_what_travelled() {
    for seed in 0..SEEDS {
        let random = &mut StdRng::seed_from_u64(seed);
        let records = Records::default();
        let observer = records.observer();
        let mut told = Vec::new();
        for _ in 0..random.gen_range(0..20) {
            let (command, left_out) = a_command(random);
            let response = some_bytes(random, 2, 300);
            let tell = |kind, bytes: &[u8], left_out| tell(&observer, kind, bytes, left_out);
            tell(Kind::Command, &command, left_out);
            // Not every command is answered, and not everything is said to cards.
            if random.gen_bool(0.9) {
                tell(Kind::Message, &response, LeftOut::NOTHING);
                tell(Kind::Response, &response, LeftOut::NOTHING);
                told.push((Command::new(&command, left_out), response));
            }
        }
        drop(observer);
        let steps = read(&records.trace.text());
        assert_eq!(steps.len(), told.len(), "seed {seed}");
        for (step, (command, response)) in steps.iter().zip(&told) {
            let Step::Exchange(written, expected) = step else { panic!("seed {seed}: {step}") };
            assert!(written == command && expected.fits(response), "seed {seed}: {step}");
        }
    }
}

fn tell(observer: &Arc<dyn Observer>, kind: Kind, bytes: &[u8], left_out: LeftOut) {
    let (from, to) = if kind == Kind::Command { ("here", "a card") } else { ("a card", "here") };
    let took = Some(Duration::from_micros(1234));
    observer.observe(&Event { at: SystemTime::now(), from, to, kind, what: "it", bytes, left_out, took });
}

#[test]
fn junk_is_refused_with_its_line() {
    let good = "# words\nneeds it\ncard one\nreset\n> 00A4 0000 02 ??00\n< 6F .. 9000 # done\ninclude nothing\n";
    let alphabet: Vec<char> = " \t\n\r#><.?0Fgéneeds\u{FFFD}`".chars().collect();
    let mut refused = 0;
    for seed in 0..20 * SEEDS {
        let random = &mut StdRng::seed_from_u64(seed);
        let mut text: Vec<char> = if random.gen_bool(0.8) { good.chars().collect() } else { Vec::new() };
        for _ in 0..random.gen_range(1..30) {
            let at = random.gen_range(0..=text.len());
            text.insert(at, alphabet[random.gen_range(0..alphabet.len())]);
            if random.gen_bool(0.4) {
                text.remove(random.gen_range(0..text.len()));
            }
        }
        let mut bytes = text.into_iter().collect::<String>().into_bytes();
        if random.gen_bool(0.2) && !bytes.is_empty() {
            let at = random.gen_range(0..bytes.len());
            bytes[at] ^= 1 << random.gen_range(0..8);
        }
        let name = if random.gen_bool(0.2) { "nowhere/it.md" } else { "nowhere/it.apdu" };
        let lines = bytes.split(|byte| *byte == b'\n').count();
        match Transcript::parse(&bytes, Path::new(name)) {
            Ok(_) => {}
            Err(TranscriptError::Mistaken { place, column, .. }) => {
                assert!((1..=lines).contains(&place.line) && column > 0, "seed {seed}");
                refused += 1;
            }
            Err(error) => assert!(error.to_string().contains("nowhere/"), "seed {seed}: {error}"),
        }
    }
    assert!(refused > 1000, "{refused}");
}
