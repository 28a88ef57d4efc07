//! Commands a second.

use std::fmt::Debug;
use std::hint::black_box;

use anyhow::{Result, anyhow, ensure};
use apdu_spec::file::{FileDescriptor, FileId, FileState};
use apdu_spec::instruction::{
    ControlReference, CreateFile, GenerateKeyPair, GetChallenge, ManageSecurityEnvironment, Occurrence, Pair,
    PerformSecurityOperation, ReadBinary, Select, SelectAnswer, Selector, SetStatus, StoreData, Target as FileTarget,
    Verify, VerifyPart,
};
use apdu_spec::key::{KeyAttributes, KeyKind, KeyRecord, Purpose, Template, Usage};
use apdu_spec::limits::{KEY_REFERENCE_MIN, REPLY_MAX};
use apdu_spec::pin::PinRecord;
use apdu_spec::{Aid, Condition, Fcp, KeyReference, LifeCycle, SecurityAttributes, Wire};
use card_os::{Card, NoiseFailure, Platform};
use protocol::crypto::{Crypto, RustCrypto, Secret};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use sim_reader::flash::RamFlash;
use symbolon_tests::bench::{Row, Target, thread_time};

use crate::card::{PIN, bytes, pin};

/// Applications on the card, each a directory with a name and a file.
const APPLICATIONS: u8 = 16;

/// Bytes that READ BINARY reads, and GET CHALLENGE draws.
const READ: usize = 256;
const CHALLENGE: usize = 16;

/// A figure is the median of so many blocks of commands.
const BLOCKS: usize = 15;
const BLOCK: usize = 10_000;

/// Signatures in a block; blocks through the card and blocks without it take turns, so that a machine whose speed
/// drifts does not show in their ratio.
const SIGNATURES: usize = 200;

/// The hash code of SHA-256 that is signed.
const HASH: [u8; 32] = [0x5A; 32];

pub(crate) fn measure() -> Result<Vec<Row>> {
    let mut card = TestCard::issued()?;
    let names: Vec<_> = (0..APPLICATIONS).map(name).collect();
    let selections: Vec<_> = names.iter().map(|name| select(name)).collect();
    let verify = bytes(&Verify { reference: pin(), part: VerifyPart::Compare(PIN) });
    let read = bytes(&ReadBinary { file: FileTarget::Current, offset: 0, length: READ, odd: false });
    let challenge = bytes(&GetChallenge { length: CHALLENGE });

    let select = card.rate(&selections)?;
    card.done(&verify)?;
    card.done(&bytes(&Select { selector: Selector::ElementaryFile(FileId(1)), answer: SelectAnswer::Nothing }))?;
    let read = card.rate(&[read])?;
    let challenge = card.rate(&[challenge])?;
    let verify = card.rate(&[verify])?;
    let signature = card.signature_ratio()?;
    Ok(vec![
        Row::new("SELECT by AID, 16 applications in turn", select, "1/s").with_target(Target::AtLeast(300_000.0)),
        Row::new("READ BINARY, 256 bytes under a PIN", read, "1/s").with_target(Target::AtLeast(300_000.0)),
        Row::new("GET CHALLENGE, 16 bytes", challenge, "1/s").with_target(Target::AtLeast(100_000.0)),
        Row::new("VERIFY, two durable writes of the counter", verify, "1/s").with_target(Target::AtLeast(100_000.0)),
        Row::new("P-256 signatures, PSO / the library's call alone", signature, "ratio")
            .with_target(Target::AtLeast(0.95)),
    ])
}

/// The name of an application.
fn name(number: u8) -> [u8; 7] {
    [0xA0, 0x00, 0x00, 0x01, 0x01, 0x01, number]
}

fn select(name: &[u8]) -> Vec<u8> {
    bytes(&Select { selector: Selector::Name(name, Occurrence::First), answer: SelectAnswer::Fcp })
}

/// The board: random numbers and memory.
struct Board(StdRng);

impl Platform for Board {
    type Flash = RamFlash;

    fn noise(&mut self, out: &mut [u8]) -> Result<(), NoiseFailure> {
        self.0.fill_bytes(out);
        Ok(())
    }

    fn user_present(&mut self) -> bool {
        false
    }
}

struct TestCard {
    card: Card<Board>,
    reply: [u8; REPLY_MAX],
}

impl TestCard {
    /// A card as its holder has it: SECURED, a PIN, and applications whose files are read with the PIN.
    fn issued() -> Result<Self> {
        let board = Board(StdRng::from_entropy());
        let card = valid(Card::format(board, RamFlash::new(32)))?;
        let mut card = Self { card, reply: [0; REPLY_MAX] };
        let pin = PinRecord::new(pin(), 3, PIN);
        card.execute(&StoreData::Pin(pin))?;
        card.create_key()?;
        for number in 0..APPLICATIONS {
            card.execute(&Select { selector: Selector::MasterFile, answer: SelectAnswer::Nothing })?;
            let id = FileId(0xA100 | u16::from(number));
            card.create(FileDescriptor::Directory, id, Some(valid(Aid::parse(&name(number)))?), &[0x00])?;
            card.create(FileDescriptor::Transparent { size: 512 }, FileId(1), None, &[0x01, 0x11])?;
        }
        card.execute(&Select { selector: Selector::MasterFile, answer: SelectAnswer::Nothing })?;
        card.done(&select(Aid::ISSUER_SECURITY_DOMAIN.as_bytes()))?;
        card.execute(&SetStatus::Card(LifeCycle::Secured))?;
        Ok(card)
    }

    fn create(&mut self, descriptor: FileDescriptor, id: FileId, name: Option<Aid<'_>>, security: &[u8]) -> Result<()> {
        let security = valid(SecurityAttributes::parse(security))?;
        self.execute(&CreateFile {
            parameters: Fcp { descriptor, id, name, short_id: None, state: FileState::Activated, security },
        })
    }

    fn execute<'a>(&mut self, command: &impl Wire<'a>) -> Result<()> {
        self.done(&bytes(command))
    }

    /// A pair that signs under the PIN, named for it.
    fn create_key(&mut self) -> Result<()> {
        let reference = valid(KeyReference::parse(KEY_REFERENCE_MIN))?;
        let (template, usage) = (Template::Signature, Usage::Compute);
        let attributes = KeyAttributes {
            purpose: valid(Purpose::new(KeyKind::Pair, template, usage))?,
            condition: valid(Condition::pin(pin().number()))?,
            uses: None,
            tries: None,
        };
        self.execute(&StoreData::Key(KeyRecord { reference, attributes, value: None }))?;
        self.execute(&GenerateKeyPair { pair: Pair::Key(template, reference), generate: true })?;
        let reference = ControlReference { template, usage, key: Some(reference), algorithm: None };
        self.execute(&ManageSecurityEnvironment::Set(reference))
    }

    /// How many signatures the card makes in the time in which the library alone makes one.
    fn signature_ratio(&mut self) -> Result<f64> {
        let command = bytes(&PerformSecurityOperation::ComputeSignature(Some(&HASH)));
        let key = RustCrypto::signing_key(&Secret::from([0x11; 32]))?;
        let mut ratios = Vec::with_capacity(BLOCKS);
        for _ in 0..BLOCKS {
            let alone = timed(|| {
                black_box(RustCrypto::sign_digest(&key, black_box(&HASH), &HASH));
                Ok(())
            })?;
            ratios.push(alone / timed(|| self.done(&command))?);
        }
        Ok(median(ratios))
    }

    /// The command's answer must be 9000.
    fn done(&mut self, command: &[u8]) -> Result<()> {
        let length = self.card.answer(command, &mut self.reply);
        let answer = self.reply.get(..length).unwrap_or_default();
        ensure!(answer.ends_with(&[0x90, 0x00]), "{command:02X?} is answered {answer:02X?}");
        Ok(())
    }

    /// Commands a second, these ones in turn.
    fn rate(&mut self, commands: &[Vec<u8>]) -> Result<f64> {
        let mut rates = Vec::with_capacity(BLOCKS);
        for _ in 0..BLOCKS {
            let start = thread_time();
            for command in commands.iter().cycle().take(BLOCK) {
                self.done(command)?;
            }
            rates.push(BLOCK as f64 / (thread_time() - start).as_secs_f64());
        }
        Ok(median(rates))
    }
}

/// The seconds that so many signatures take.
fn timed(mut sign: impl FnMut() -> Result<()>) -> Result<f64> {
    let start = thread_time();
    (0..SIGNATURES).try_for_each(|_| sign())?;
    Ok((thread_time() - start).as_secs_f64())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

fn valid<T, E: Debug>(value: Result<T, E>) -> Result<T> {
    value.map_err(|error| anyhow!("{error:?}"))
}
