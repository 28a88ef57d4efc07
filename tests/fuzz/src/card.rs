//! A card to attack, and scripts to do it by.

// Each target uses its part.
#![allow(dead_code, reason = "see above")]

#[path = "../../../sim-reader/tests/store/checksums.rs"]
pub(crate) mod checksums;

use std::sync::OnceLock;

use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::{Moment, RamFlash};

/// A card in its slot.
pub(crate) type TestCard = SoftwareCard<RamFlash>;

/// Bytes of a page of its flash.
pub(crate) const PAGE: usize = 4096;

/// Pages of it: few, so that the card comes round.
const PAGES: usize = 6;

/// The file of the personalised card that is read with PIN 1.
pub(crate) const PIN_FILE: [u8; 2] = [0x5F, 0x00];

/// When in a flash operation power goes.
pub(crate) const MOMENTS: [Moment; 4] = [Moment::Before, Moment::Torn, Moment::Unstable, Moment::After];

/// The card's words.
const STATUS: &str = include_str!("../../../apdu-spec/src/status.rs");

const PERSONALISED: &str = include_str!("../../vectors/personalised.apdu");

/// What somebody meant.
const TRANSCRIPTS: &[&str] = &[
    PERSONALISED,
    include_str!("../../vectors/files.apdu"),
    include_str!("../../vectors/delete.apdu"),
    include_str!("../../vectors/pin.apdu"),
    include_str!("../../vectors/link.apdu"),
    include_str!("../../vectors/keys.apdu"),
    include_str!("../../vectors/providers.apdu"),
    include_str!("../../vectors/malformed.apdu"),
];

/// The card in this flash, with power.
pub(crate) fn insert(flash: RamFlash) -> TestCard {
    let mut card = SoftwareCard::new(flash, Noise::seeded(1));
    card.power_on().expect("the card starts");
    card
}

/// A card as it leaves the factory.
pub(crate) fn empty() -> RamFlash {
    static FLASH: OnceLock<RamFlash> = OnceLock::new();
    let new = || SoftwareCard::format(RamFlash::new(PAGES), Noise::seeded(1)).expect("a card").flash().clone();
    FLASH.get_or_init(new).clone()
}

/// The transcripts' card, SECURED.
pub(crate) fn personalised() -> RamFlash {
    static FLASH: OnceLock<RamFlash> = OnceLock::new();
    let new = || {
        let mut card = insert(empty());
        commands_of(PERSONALISED).for_each(|command| drop(card.transmit(&command).expect("an answer")));
        card.power_off();
        card.flash().clone()
    };
    FLASH.get_or_init(new).clone()
}

/// The commands of the transcripts.
pub(crate) fn commands() -> &'static [Vec<u8>] {
    static COMMANDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    COMMANDS.get_or_init(|| TRANSCRIPTS.iter().flat_map(|text| commands_of(text)).collect())
}

fn commands_of(text: &str) -> impl Iterator<Item = Vec<u8>> {
    text.lines().filter_map(|line| line.strip_prefix('>')).map(|line| {
        let digits: String = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
        (0..digits.len()).step_by(2).map(byte).collect()
    })
}

/// Whether the card's interface knows this status word.
pub(crate) fn is_named(status: u16) -> bool {
    static WORDS: OnceLock<Vec<u16>> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let words = STATUS.lines().filter_map(|line| line.split_once(": Self = Self(0x")?.1.get(..4));
        words.map(|word| u16::from_str_radix(word, 16).expect("hexadecimal")).collect()
    });
    matches!(status >> 8, 0x61 | 0x6C) || status & 0xFFF0 == 0x63C0 || words.contains(&status)
}

/// What the fuzzer's bytes say, one thing after the other; zeros behind their end.
pub(crate) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    /// Bytes with their length before them, 0 meaning some more than a short command has.
    pub(crate) fn string(&mut self) -> Vec<u8> {
        let length = match self.byte() {
            0 => 300,
            length => length.into(),
        };
        (0..length).map(|_| self.byte()).collect()
    }

    pub(crate) fn pick<'b, T>(&mut self, all: &'b [T]) -> &'b T {
        &all[usize::from(u16::from_be_bytes([self.byte(), self.byte()])) % all.len()]
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
