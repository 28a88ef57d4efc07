//! The access condition and the card's own limits.

use apdu_spec::instruction::{ChooseProvider, Verify, VerifyPart};
use apdu_spec::journal::Step as JournalStep;
use apdu_spec::provider::Policy;

use crate::card::{NOT_SATISFIED, pin, reference};
use crate::scene::{Scene, Step};

const POLICY: Policy = Policy { amount_max: 100_000, amount_without_pin: 2_500, times_without_pin: 3, pin: 1 };
const ABOVE_LIMIT: u16 = 0x6A81;
const TO_ESTABLISHED: [Step; 5] = [Step::Choose, Step::Load, Step::Build(1), Step::Sign(1), Step::Receive(2)];
const REST: [Step; 6] =
    [Step::Sign(3), Step::Receive(4), Step::Build(5), Step::Sign(5), Step::Receive(6), Step::Choose];

/// BUILD 3 of a new session over this amount, and the rest if it is not refused.
fn pay(scene: &mut Scene, amount: u64) -> u16 {
    scene.run(&TO_ESTABLISHED);
    scene.amount = amount;
    let entries = scene.payer.journal().len();
    let command = scene.command(Step::Build(3));
    let (data, status) = scene.payer.transmit(&command).unwrap();
    if status == 0x9000 {
        scene.took(Step::Build(3), data);
        scene.run(&REST);
    } else {
        assert!(data.is_empty());
        assert_eq!(scene.payer.journal().len(), entries, "what is refused is not in the journal");
    }
    status
}

#[test]
fn no_command_passes_the_records_condition() {
    let mut scene = Scene::new();
    scene.payer.refused(&ChooseProvider { provider: reference(1) }, NOT_SATISFIED);
    scene.payer.verify();
    scene.run(&TO_ESTABLISHED[..2]);
    for (kind, rest) in [(1, &TO_ESTABLISHED[3..]), (3, &REST[..2]), (5, &REST[3..])] {
        // The PIN is asked for at each BUILD, not only at the choice; the session waits for it.
        scene.payer.done(&Verify { reference: pin(), part: VerifyPart::Forget });
        let build = scene.command(Step::Build(kind));
        assert_eq!(scene.payer.transmit(&build).unwrap(), (Vec::new(), NOT_SATISFIED), "BUILD {kind}");
        scene.payer.verify();
        scene.run(&[Step::Build(kind)]);
        scene.run(rest);
    }
    assert_eq!(scene.payer.steps(), [JournalStep::Posted]);
}

#[test]
fn the_largest_amount_and_the_amount_without_pin_are_limits() {
    let mut scene = Scene::with_policy(Some(POLICY));
    assert_eq!(pay(&mut scene, 2_500), 0x9000);
    assert_eq!(pay(&mut scene, 2_501), NOT_SATISFIED);
    scene.payer.verify();
    // The session waits: the same command again, the PIN in hand.
    scene.run(&[Step::Build(3)]);
    scene.run(&REST);
    assert_eq!(pay(&mut scene, 100_000), 0x9000);
    assert_eq!(pay(&mut scene, 100_001), ABOVE_LIMIT, "no PIN lifts it");
    assert_eq!(pay(&mut scene, u64::MAX), ABOVE_LIMIT);
    assert_eq!(scene.payer.steps(), [JournalStep::Posted; 3]);
}

#[test]
fn transactions_without_the_pin_are_counted_through_resets_and_begin_anew_after_it() {
    let mut scene = Scene::with_policy(Some(POLICY));
    for round in 0..2 {
        for _ in 0..3 {
            assert_eq!(pay(&mut scene, 100), 0x9000, "round {round}");
            scene.payer.restart();
        }
        assert_eq!(pay(&mut scene, 100), NOT_SATISFIED, "round {round}");
        scene.payer.restart();
        assert_eq!(pay(&mut scene, 1), NOT_SATISFIED, "a reset does not help");
        scene.payer.verify();
        assert_eq!(pay(&mut scene, 100), 0x9000);
        scene.payer.restart();
    }
}

/// What the counter guards is what leaves the card, not what the terminal does with it.
#[test]
fn a_request_that_goes_nowhere_counts() {
    let mut scene = Scene::with_policy(Some(Policy { times_without_pin: 2, ..POLICY }));
    for _ in 0..2 {
        scene.run(&TO_ESTABLISHED);
        scene.run(&[Step::Build(3)]);
        scene.payer.restart();
    }
    assert_eq!(pay(&mut scene, 100), NOT_SATISFIED);
}

#[test]
fn money_that_comes_in_needs_no_pin() {
    let mut scene = Scene::with_policy(Some(Policy { times_without_pin: 0, ..POLICY }));
    assert_eq!(pay(&mut scene, 1), NOT_SATISFIED);
    // The same card as the payee of another.
    std::mem::swap(&mut scene.payer, &mut scene.payee);
    assert_eq!(pay(&mut scene, 200_000), 0x9000);
}
