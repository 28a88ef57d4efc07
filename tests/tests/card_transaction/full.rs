//! Transactions on a card whose flash is full.

use apdu_spec::file::{FileDescriptor, FileId, FileState};
use apdu_spec::instruction::CreateFile;
use apdu_spec::journal::Step as JournalStep;
use apdu_spec::limits::JOURNAL_ENTRIES;
use apdu_spec::provider::Policy;
use apdu_spec::{Fcp, SecurityAttributes};

use crate::bank::Bank;
use crate::card::TestCard;
use crate::scene::Scene;

/// Also the first transaction, and more of them than the journal has room for.
#[test]
fn purchases_work_on_a_card_that_files_have_filled() {
    let bank = Bank::new(1);
    // Before SECURED, so that the test can fill the card with files.
    let mut cards = [TestCard::new(2), TestCard::new(3)];
    for card in &mut cards {
        let policy = Policy { amount_max: 100_000, amount_without_pin: 100_000, times_without_pin: 255, pin: 1 };
        card.personalise(1, &bank, b"ACCOUNT", b"account-secret-1", Some(policy));
        card.select();
        assert!(fill(card, 0x1000) > 0);
        card.select();
    }
    let [payer, payee] = cards;
    let mut scene = Scene::of(bank, payer, payee);
    for made in 1..=usize::from(JOURNAL_ENTRIES) + 2 {
        scene.run_all();
        let kept = made.min(JOURNAL_ENTRIES.into());
        assert_eq!(scene.payer.steps(), vec![JournalStep::Posted; kept]);
        assert_eq!(scene.payee.steps(), vec![JournalStep::Posted; kept]);
    }
    for card in [&mut scene.payer, &mut scene.payee] {
        assert_eq!(fill(card, 0x2000), 0, "the card is as full as before");
    }
}

/// Creates files with identifiers from this one on until not one of a byte fits; how many did.
fn fill(card: &mut TestCard, from: u16) -> usize {
    let mut files = 0;
    let mut size = 4096;
    for id in (from..).map(FileId) {
        let parameters = Fcp {
            descriptor: FileDescriptor::Transparent { size },
            id,
            name: None,
            short_id: None,
            state: FileState::Activated,
            security: SecurityAttributes::NOTHING,
        };
        match card.send(&CreateFile { parameters }).1 {
            0x9000 => files += 1,
            0x6A84 if size > 1 => size /= 2,
            0x6A84 => break,
            status => panic!("{status:04X}"),
        }
    }
    files
}
