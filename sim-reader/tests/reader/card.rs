//! The software card in this process: its slot, its power, its faults.

use std::time::Duration;

use embedded_storage::nor_flash::NorFlash;
use sim_reader::atr::ATR;
use sim_reader::card::{CardError, Medium, Noise, SoftwareCard};
use sim_reader::fault::{Channel, FaultError, Faulty, Injector, Rates};
use sim_reader::flash::{Moment, RamFlash};
use sim_reader::image::{Image, ImageError, SyncPolicy};

use crate::driver::{CHALLENGE, CREATE, FILE_LENGTH, READ, SELECT, update};

const OK: [u8; 2] = [0x90, 0x00];

fn on_ram(seed: u64) -> SoftwareCard<RamFlash> {
    with_file(SoftwareCard::format(RamFlash::new(16), Noise::seeded(seed)).unwrap())
}

fn with_file<F: Medium>(mut card: SoftwareCard<F>) -> SoftwareCard<F> {
    card.power_on().unwrap();
    assert_eq!(card.transmit(CREATE).unwrap(), OK);
    assert_eq!(card.transmit(&update(0x11)).unwrap(), OK);
    card
}

fn content<F: Medium>(card: &mut SoftwareCard<F>) -> Vec<u8> {
    assert_eq!(card.transmit(SELECT).unwrap(), OK);
    let mut response = card.transmit(READ).unwrap();
    assert_eq!(response.split_off(FILE_LENGTH), OK);
    response
}

#[test]
fn a_card_answers_while_it_is_in_the_slot_and_has_power() {
    let mut card = on_ram(1);
    assert_eq!(card.reset().unwrap(), ATR);
    assert_eq!(content(&mut card), [0x11; FILE_LENGTH]);
    card.power_off();
    assert!(matches!(card.transmit(SELECT), Err(CardError::NotPowered)));
    assert!(matches!(card.reset(), Err(CardError::NotPowered)));
    card.remove();
    assert!(matches!(card.power_on(), Err(CardError::Removed)));
    assert!(matches!(card.transmit(SELECT), Err(CardError::Removed)));
    card.insert();
    assert_eq!(card.power_on().unwrap(), ATR);
    assert_eq!(content(&mut card), [0x11; FILE_LENGTH]);
}

#[test]
fn an_empty_flash_is_no_card() {
    let mut card = SoftwareCard::new(RamFlash::<4>::new(16), Noise::Os);
    assert!(matches!(card.power_on(), Err(CardError::Boot(_))));
    assert!(matches!(card.transmit(SELECT), Err(CardError::NotPowered)));
}

#[test]
fn a_seed_repeats_the_random_numbers_and_the_system_does_not() {
    let challenge = |noise: Noise| {
        let mut card = SoftwareCard::format(RamFlash::<4>::new(16), noise).unwrap();
        card.power_on().unwrap();
        card.transmit(CHALLENGE).unwrap()
    };
    assert_eq!(challenge(Noise::seeded(5)), challenge(Noise::seeded(5)));
    assert_ne!(challenge(Noise::seeded(5)), challenge(Noise::seeded(6)));
    assert_ne!(challenge(Noise::Os), challenge(Noise::Os));
}

#[test]
fn a_card_that_loses_power_is_mute_and_starts_with_all_or_nothing() {
    let (mut before, mut after) = (0, 0);
    for moment in [Moment::Before, Moment::Torn, Moment::Unstable, Moment::After] {
        for operation in 0..3 {
            for seed in 0..10 {
                let mut card = on_ram(seed);
                card.flash().cut_at(operation, moment, seed);
                let written = card.transmit(&update(0x22));
                let happened = card.flash().is_off();
                assert_eq!(matches!(written, Err(CardError::Mute)), happened);
                if happened {
                    assert!(matches!(card.transmit(SELECT), Err(CardError::NotPowered)));
                }
                card.power_on().unwrap();
                let found = content(&mut card);
                assert!(found == [0x11; FILE_LENGTH] || found == [0x22; FILE_LENGTH], "{found:?}");
                if found == [0x11; FILE_LENGTH] { before += 1 } else { after += 1 }
            }
        }
    }
    assert!(before > 0 && after > 0, "{before} before, {after} after");
}

#[test]
fn a_card_in_a_file_is_the_same_card_after_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card");
    let image = Image::create(&path, 8, None, SyncPolicy::Command).unwrap();
    drop(with_file(SoftwareCard::format(image, Noise::Os).unwrap()));
    let mut card = SoftwareCard::new(Image::open(&path, None, SyncPolicy::Command).unwrap(), Noise::Os);
    card.power_on().unwrap();
    assert_eq!(content(&mut card), [0x11; FILE_LENGTH]);
}

/// Flash whose host refuses to store from a certain command on.
struct Failing(RamFlash, u32);

impl embedded_storage::nor_flash::ErrorType for Failing {
    type Error = <RamFlash as embedded_storage::nor_flash::ErrorType>::Error;
}

impl embedded_storage::nor_flash::ReadNorFlash for Failing {
    const READ_SIZE: usize = 1;
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.read(offset, bytes)
    }
    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl NorFlash for Failing {
    const WRITE_SIZE: usize = RamFlash::<4>::WRITE_SIZE;
    const ERASE_SIZE: usize = RamFlash::<4>::ERASE_SIZE;
    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.0.erase(from, to)
    }
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.write(offset, bytes)
    }
}

impl Medium for Failing {
    fn finish_command(&mut self) -> Result<(), ImageError> {
        self.1 = self.1.checked_sub(1).ok_or(ImageError::OutOfService("card".into()))?;
        Ok(())
    }
}

#[test]
fn an_answer_that_the_host_cannot_make_durable_does_not_leave() {
    // Formatting, starting, CREATE FILE and the first UPDATE BINARY.
    let mut card = with_file(SoftwareCard::format(Failing(RamFlash::new(16), 4), Noise::Os).unwrap());
    assert!(matches!(card.transmit(&update(0x22)), Err(CardError::Storage(_))));
    assert!(matches!(card.transmit(SELECT), Err(CardError::NotPowered)));
    assert!(matches!(card.power_on(), Err(CardError::Storage(_))));
}

#[test]
fn a_faulty_channel_loses_and_changes_messages_the_same_way_for_the_same_seed() {
    let rates = Rates { drop: 100, cut: 10, truncate: 50, flip: 50, delay: 50, delay_max: Duration::from_micros(10) };
    let run = |seed| {
        let mut channel = Faulty::new(on_ram(1), Injector::new(seed, rates));
        let mut outcomes = Vec::new();
        for _ in 0..400 {
            let outcome = channel.transmit(SELECT);
            if matches!(outcome, Err(FaultError::Cut)) {
                assert!(matches!(channel.transmit(SELECT), Err(FaultError::Cut)), "cut means cut");
                channel.mend();
            }
            outcomes.push(outcome.map_err(|error| error.to_string()));
        }
        assert_eq!(content(channel.inner()), [0x11; FILE_LENGTH], "no fault on the way changes the card");
        outcomes
    };
    let outcomes = run(7);
    assert_eq!(outcomes, run(7));
    assert_ne!(outcomes, run(8));
    let errors = |text| outcomes.iter().filter_map(|it| it.as_ref().err()).filter(|it| it.contains(text)).count();
    let (right, wrong): (Vec<_>, Vec<_>) = outcomes.iter().flatten().partition(|response| **response == OK);
    assert!(right.len() > 150 && wrong.len() > 20, "{} right, {} cut short or flipped", right.len(), wrong.len());
    assert!(errors("command was lost") > 10 && errors("response was lost") > 10 && errors("broken") > 1);
}

#[test]
fn without_rates_nothing_happens_to_messages() {
    let mut channel = Faulty::new(on_ram(1), Injector::new(1, Rates::default()));
    assert!((0..200).all(|_| channel.transmit(SELECT).unwrap() == OK));
}
