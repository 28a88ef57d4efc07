//! Counters of tries and uses: whoever cuts the power at the right moment gets no free guess and no free use.

use protocol::crypto::{AwsLc, Crypto, Secret};
use sim_reader::flash::{Moment, RamFlash};

use crate::cuts::{KEY_TRIES, KEY_USES, MOMENTS, Objects, TRIES, card_after, counter, objects};
use crate::keys::{SECRET, bring, challenge, cmac, command, done, external, external_message, guarded};
use crate::{TestCard, card_on, commands, empty_flash};

/// More flash operations than any command here makes.
const OPERATIONS: u64 = 16;

/// Something to guess.
struct Guess {
    card: RamFlash,
    /// What comes before.
    before: Vec<Vec<u8>>,
    right: Vec<u8>,
    wrong: Vec<u8>,
    /// The counter's object.
    tries: u32,
}

impl Guess {
    /// What is seen of the card differs only where a try was counted, and a wrong guess changes nothing else.
    fn assert_counted_before_compared(&self) {
        let full = counter(&objects(&self.card), self.tries).unwrap();
        let before = self.others(&self.card);
        let mut uncounted = 0;
        for (operation, moment) in (0..OPERATIONS).flat_map(|operation| MOMENTS.map(|moment| (operation, moment))) {
            let (right, wrong) = (self.cut(&self.right, operation, moment), self.cut(&self.wrong, operation, moment));
            assert!(wrong.answer.is_none() || wrong.tries < full, "an answer to a wrong guess costs a try");
            assert!(self.others(&wrong.flash) == before, "a wrong guess changes more than its tries");
            if wrong.tries == full {
                assert!(
                    (&right.answer, right.tries, right.flash.bytes()) == (&wrong.answer, full, wrong.flash.bytes()),
                    "cut at {operation} {moment:?}: the card told right from wrong before it counted"
                );
                uncounted += 1;
            }
        }
        assert!(uncounted > 0, "some cuts come before the count");
    }

    fn cut(&self, guess: &[u8], operation: u64, moment: Moment) -> Outcome {
        let mut card = card_on(self.card.clone());
        for command in &self.before {
            done(&mut card, command);
        }
        card.flash().cut_at(operation, moment, 3);
        let answer = card.transmit(guess).ok();
        card.power_on().unwrap();
        let flash = card.flash().clone();
        Outcome { answer, tries: counter(&objects(&flash), self.tries).unwrap(), flash }
    }

    fn others(&self, flash: &RamFlash) -> Objects {
        let mut objects = objects(flash);
        objects.remove(&self.tries);
        objects
    }
}

struct Outcome {
    answer: Option<Vec<u8>>,
    tries: u32,
    flash: RamFlash,
}

/// Guesses at a PIN: the command up to its data, the right data, wrong ones.
fn pin_guess(card: &RamFlash, pin: u32, header: [u8; 5], right: &[u8], wrong: &[u8]) -> Guess {
    let command = |data: &[u8]| [&header, data].concat();
    Guess { card: card.clone(), before: Vec::new(), right: command(right), wrong: command(wrong), tries: TRIES | pin }
}

#[test]
fn a_right_and_a_wrong_pin_do_not_differ_until_the_try_is_counted() {
    let mut commands = commands("personalised.apdu");
    commands.push(None);
    let card = card_after(&empty_flash(), &commands).flash().clone();
    let (verify, change) = ([0x00, 0x20, 0x00, 0x01, 0x06], [0x00, 0x24, 0x00, 0x01, 0x0A]);
    pin_guess(&card, 1, verify, b"123456", b"123457").assert_counted_before_compared();
    pin_guess(&card, 1, change, b"1234561111", b"1234571111").assert_counted_before_compared();
}

/// PIN 8 is the resetting code of PIN 1, which is blocked.
#[test]
fn a_right_and_a_wrong_resetting_code_do_not_differ_until_the_try_is_counted() {
    let commands = commands("pin_reset.apdu");
    let is_blocked = |command: &Option<Vec<u8>>| command.as_ref().is_some_and(|command| command[1] == 0x2C);
    let taken = commands.iter().position(is_blocked).unwrap();
    let card = card_after(&empty_flash(), &commands[..taken]).flash().clone();
    let (code, both) = ([0x00, 0x2C, 0x01, 0x01, 0x08], [0x00, 0x2C, 0x00, 0x01, 0x0C]);
    pin_guess(&card, 8, code, b"87654321", b"87654320").assert_counted_before_compared();
    pin_guess(&card, 8, both, b"876543211111", b"876543201111").assert_counted_before_compared();
}

#[test]
fn a_right_and_a_wrong_proof_do_not_differ_until_the_try_is_counted() {
    let signing = AwsLc::signing_key(&Secret::from([7; 32])).unwrap();
    let public = AwsLc::verification_key(&signing).0;
    proof_guess(3, &SECRET, |message| cmac(&[message])).assert_counted_before_compared();
    proof_guess(2, &public, |message| AwsLc::sign(&signing, message, &[]).0.to_vec()).assert_counted_before_compared();
}

/// The challenge is the same every time, because the noise is.
fn proof_guess(kind: u8, value: &[u8], prove: impl Fn(&[u8]) -> Vec<u8>) -> Guess {
    let card = guarded(0x80, kind, value).flash().clone();
    let right = external(&prove(&external_message(&challenge(&mut card_on(card.clone())))));
    let mut wrong = right.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let before = vec![vec![0x00, 0x84, 0x00, 0x00, 0x10]];
    Guess { card, before, right, wrong, tries: KEY_TRIES | 0x21 }
}

const USES: u8 = 3;
const SET: u8 = 0x22;
const PSO: u8 = 0x2A;

/// A key with three uses: kind, template, usage, its value; then the operation.
struct Limited {
    kind: u8,
    template: u8,
    usage: u8,
    value: Vec<u8>,
    operation: Vec<u8>,
}

impl Limited {
    fn new(purpose: [u8; 3], value: &[u8], header: [u8; 3], data: &[u8]) -> Self {
        let [kind, template, usage] = purpose;
        let [instruction, p1, p2] = header;
        let operation = command([0x00, instruction, p1, p2], data);
        Self { kind, template, usage, value: value.to_vec(), operation }
    }

    fn card(&self) -> RamFlash {
        let mut card = card_on(empty_flash());
        let length = u8::try_from(self.value.len()).unwrap();
        let attributes = [0x81, 1, self.kind, 0x82, 2, self.template, self.usage, 0x84, 1, 0, 0x85, 4, 0, 0, 0, USES];
        let tries: &[u8] = if self.template == 0xA4 && self.usage == 0x80 { &[0x86, 1, 15] } else { &[] };
        bring(&mut card, 0x21, &[&attributes[..], tries, &[0x87, length], &self.value].concat());
        card.flash().clone()
    }

    /// What the card answers to the operation, if it answers.
    fn attempt(&self, card: &mut TestCard, operation: u64, moment: Moment) -> Option<u16> {
        done(card, &[0x00, SET, self.usage | 1, self.template, 3, 0x84, 1, 0x21]);
        done(card, &[0x00, 0x84, 0x00, 0x00, 0x10]);
        card.flash().cut_at(operation, moment, 5);
        let answer = card.transmit(&self.operation).ok();
        card.power_on().unwrap();
        answer.map(|answer| u16::from_be_bytes(answer[answer.len() - 2..].try_into().unwrap()))
    }
}

/// Again and again with the power cut at the same place: never more answers than uses, and no use without its count.
#[test]
fn no_cut_gives_a_key_more_uses_than_it_has() {
    let (scalar, hash) = ([0x07; 32], [0x08; 32]);
    let public = AwsLc::verification_key(&AwsLc::signing_key(&Secret::from(scalar)).unwrap()).0;
    let verification = [&[0x90, 32][..], &hash, &[0x9E, 64], &[1; 64]].concat();
    let agreement = [&[0xA6, 0x46, 0x7F, 0x49, 0x43, 0x86, 0x41][..], &public].concat();
    let checksum = [&[0x80, 1, 0, 0x8E, 16][..], &[0; 16]].concat();
    let keys = [
        Limited::new([1, 0xB6, 0x40], &scalar, [PSO, 0x9E, 0x9A], &hash),
        Limited::new([2, 0xB6, 0x80], &public, [PSO, 0x00, 0xA8], &verification),
        Limited::new([1, 0xB8, 0x40], &scalar, [PSO, 0x80, 0x86], &agreement),
        Limited::new([3, 0xB8, 0x80], &SECRET, [PSO, 0x86, 0x80], &hash),
        Limited::new([3, 0xB8, 0x40], &SECRET, [PSO, 0x80, 0x86], &[0; 40]),
        Limited::new([3, 0xB4, 0x40], &SECRET, [PSO, 0x8E, 0x80], &hash),
        Limited::new([3, 0xB4, 0x80], &SECRET, [PSO, 0x00, 0xA2], &checksum),
        Limited::new([3, 0xA4, 0x40], &SECRET, [0x88, 0x00, 0x00], &hash),
        Limited::new([1, 0xA4, 0x40], &scalar, [0x88, 0x00, 0x00], &hash),
    ];
    let mut cuts = 0;
    for key in &keys {
        let start = key.card();
        for (operation, moment) in (0..OPERATIONS).flat_map(|operation| MOMENTS.map(|moment| (operation, moment))) {
            let mut card = card_on(start.clone());
            let mut left = counter(&objects(&start), KEY_USES | 0x21).unwrap();
            for _ in 0..2 * USES {
                let answer = key.attempt(&mut card, operation, moment);
                let now = counter(&objects(&card.flash()), KEY_USES | 0x21).unwrap();
                match answer {
                    Some(0x6983) => assert_eq!((left, now), (0, 0), "blocked when its uses are over"),
                    Some(status) => assert_eq!(now + 1, left, "{status:04X} costs a use"),
                    None => cuts += 1,
                }
                left = now;
            }
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 300);
}
