//! What a card costs in RAM, and a card whose flash is full.

use apdu_spec::file::{FileDescriptor, FileId, FileState};
use apdu_spec::instruction::{CreateFile, DeleteFile};
use apdu_spec::journal::Step as JournalStep;
use apdu_spec::limits::APDU_MAX;
use apdu_spec::{Fcp, SecurityAttributes};
use card_os::{Card, NoiseFailure, Platform};
use sim_reader::flash::RamFlash;

use crate::bank::Bank;
use crate::card::TestCard;
use crate::scene::{STEPS, Scene, Step};

/// What the smallest boards have, with room for the stack: a card, a command and its answer.
const CARD_AND_BUFFERS_MAX: usize = 24 * 1024;

struct Board;

impl Platform for Board {
    type Flash = RamFlash;

    fn noise(&mut self, _: &mut [u8]) -> Result<(), NoiseFailure> {
        Err(NoiseFailure)
    }

    fn user_present(&mut self) -> bool {
        false
    }
}

#[test]
fn a_card_and_its_buffers_leave_a_quarter_of_32_kib_to_the_stack() {
    let card = size_of::<Card<Board>>() - size_of::<RamFlash>();
    println!("a card: {card} bytes, two buffers: {} bytes", 2 * APDU_MAX);
    assert!(card + 2 * APDU_MAX <= CARD_AND_BUFFERS_MAX);
}

#[test]
fn what_cannot_be_noted_does_not_leave_the_card_and_the_session_waits_for_room() {
    let bank = Bank::new(1);
    // Before SECURED, so that the test can fill the card with files.
    let mut cards = [TestCard::new(2), TestCard::new(3)];
    for card in &mut cards {
        card.personalise(1, &bank, b"ACCOUNT", b"account-secret-1", None);
        card.select();
    }
    let [payer, payee] = cards;
    let mut scene = Scene::of(bank, payer, payee);
    scene.run_all();
    let build = STEPS.iter().position(|step| *step == Step::Build(3)).unwrap();
    scene.run(&STEPS[..build]);

    let files = fill(&mut scene.payer);
    let journal = scene.payer.journal();
    let command = scene.command(Step::Build(3));
    assert_eq!(scene.payer.transmit(&command).unwrap(), (Vec::new(), 0x6A84));
    assert_eq!(scene.payer.journal(), journal);

    files.into_iter().for_each(|file| drop(scene.payer.done(&DeleteFile { file: Some(file) })));
    scene.run(&STEPS[build..]);
    assert_eq!(scene.payer.steps(), [JournalStep::Posted; 2]);
}

/// Creates files until not one of a byte fits.
fn fill(card: &mut TestCard) -> Vec<FileId> {
    let mut files = Vec::new();
    let mut size = 4096;
    for id in 0x1000.. {
        let id = FileId(id);
        let parameters = Fcp {
            descriptor: FileDescriptor::Transparent { size },
            id,
            name: None,
            short_id: None,
            state: FileState::Activated,
            security: SecurityAttributes::NOTHING,
        };
        match card.send(&CreateFile { parameters }).1 {
            0x9000 => files.push(id),
            0x6A84 if size > 1 => size /= 2,
            0x6A84 => break,
            status => panic!("{status:04X}"),
        }
    }
    files
}
