//! LOAD DESCRIPTOR: the root key's word, never an older one, and two providers on one card.

use apdu_spec::instruction::{Build, ChooseProvider, LoadDescriptor};

use crate::bank::Bank;
use crate::card::{NOT_SATISFIED, OUT_OF_ORDER, TestCard, WRONG_DATA, reference};
use crate::scene::{PAYER_ACCOUNT, PAYER_SECRET, Scene, Step};

#[test]
fn an_older_descriptor_is_refused_also_after_a_reset_and_a_newer_one_is_kept() {
    let mut scene = Scene::new();
    scene.payer.verify();
    let old = scene.bank.descriptor.clone();
    scene.run_all();
    scene.bank.rotate(2);
    scene.run_all();
    for _ in 0..2 {
        scene.payer.restart();
        scene.payer.verify();
        scene.run(&[Step::Choose]);
        scene.payer.refused(&LoadDescriptor { descriptor: &old }, OUT_OF_ORDER);
        scene.payer.refused(&Build { kind: 1, input: &[] }, OUT_OF_ORDER);
        scene.run(&[Step::Load]);
    }
    scene.bank.rotate(300);
    scene.run_all();
}

#[test]
fn every_flipped_bit_of_a_descriptor_is_refused_and_the_right_one_taken() {
    let mut scene = Scene::new();
    scene.payer.verify();
    scene.run(&[Step::Choose]);
    let descriptor = scene.bank.descriptor.clone();
    let mut tried = 0;
    for bit in 0..descriptor.len() * 8 {
        let mut flipped = descriptor.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (_, status) = scene.payer.send(&LoadDescriptor { descriptor: &flipped });
        assert!([NOT_SATISFIED, WRONG_DATA].contains(&status), "bit {bit}: {status:04X}");
        tried += 1;
    }
    for length in 1..descriptor.len() {
        scene.payer.refused(&LoadDescriptor { descriptor: &descriptor[..length] }, WRONG_DATA);
    }
    println!("{tried} flipped bits of a descriptor");
    scene.run(&[Step::Load]);
}

#[test]
fn the_same_descriptor_again_is_known_by_its_bytes() {
    let mut scene = Scene::new();
    scene.payer.verify();
    scene.run_all();
    let before = scene.payer.slot.flash().operations();
    scene.run(&[Step::Choose, Step::Load, Step::Load]);
    assert_eq!(scene.payer.slot.flash().operations(), before, "nothing is written");
}

#[test]
fn two_providers_on_one_card_do_not_touch_each_other() {
    let (first, second) = (Bank::new(1), Bank::new(9));
    let mut card = TestCard::new(4);
    card.personalise(1, &first, PAYER_ACCOUNT, PAYER_SECRET, None);
    card.personalise(2, &second, b"OTHER-ACCOUNT", b"other-secret-key", None);
    card.secure();
    card.verify();

    // Neither takes the other's descriptor.
    for (number, own, other) in [(1, &first, &second), (2, &second, &first)] {
        card.done(&ChooseProvider { provider: reference(number) });
        card.refused(&LoadDescriptor { descriptor: &other.descriptor }, NOT_SATISFIED);
        card.done(&LoadDescriptor { descriptor: &own.descriptor });
    }
    // Versions are counted for each by itself.
    let mut second = second;
    second.rotate(7);
    card.done(&LoadDescriptor { descriptor: &second.descriptor });
    card.done(&ChooseProvider { provider: reference(1) });
    card.done(&LoadDescriptor { descriptor: &first.descriptor });

    // A purchase with the first leaves the second's record, and its journal's silence, as they are.
    let mut payee = TestCard::new(3);
    payee.personalise(1, &first, b"PAYEE", b"payee-secret-key", None);
    payee.secure();
    payee.verify();
    let mut scene = Scene::of(first, card, payee);
    scene.run_all();
    assert!(scene.payer.journal().iter().all(|entry| entry.provider.number() == 1));
    scene.payer.done(&ChooseProvider { provider: reference(2) });
    scene.payer.done(&LoadDescriptor { descriptor: &second.descriptor });
}
