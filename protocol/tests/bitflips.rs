//! Every single bit of every message of an exchange, turned over: its receiver refuses the message and is where it was.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

mod support;

use protocol::crypto::AwsLc;
use protocol::message::Kind;
use rand::SeedableRng;
use rand::rngs::StdRng;
use support::{KINDS, PAIR, Provider, Run, all_options, cards, member_receives, own_part, provider_verifies, purchase};

type ProviderBackend = AwsLc;

#[test]
fn no_bit_of_a_plain_exchange_can_be_turned() {
    turn_all_bits(false);
}

#[test]
fn no_bit_of_an_exchange_with_all_options_can_be_turned() {
    turn_all_bits(true);
}

fn turn_all_bits(with_all_options: bool) {
    let mut random = StdRng::seed_from_u64(21);
    let provider = Provider::new(&mut random);
    let mut cards = cards(&provider, 2, &mut random);
    if with_all_options {
        cards.iter_mut().for_each(all_options);
    }
    let run = purchase(&provider, &cards, PAIR, &mut random);
    let mut total = 0;
    for (kind, message) in KINDS.into_iter().zip(&run.messages) {
        let flips = if kind.answer().is_some() {
            at_the_provider(&provider, &run, message)
        } else {
            at_the_members(&run, kind, message)
        };
        println!("{kind:?}: {flips} flips refused");
        total += flips;
    }
    println!("{total} flips refused, options: {with_all_options}");
    assert!(total > 30_000);
}

fn at_the_provider(provider: &Provider, run: &Run, message: &[u8]) -> usize {
    let before = [run.granted.to_bytes(), run.group.to_bytes()];
    provider_verifies(provider, run, message).unwrap();
    let flips = each_flip(message, |flipped, bit| {
        assert!(provider_verifies(provider, run, flipped).is_err(), "bit {bit} does not matter");
    });
    provider_verifies(provider, run, message).unwrap();
    assert_eq!(before, [run.granted.to_bytes(), run.group.to_bytes()]);
    flips
}

fn at_the_members(run: &Run, kind: Kind, message: &[u8]) -> usize {
    (0..PAIR.len())
        .map(|number| {
            let part = own_part(message, number);
            member_receives(run, number, kind, &part).unwrap();
            let flips = each_flip(&part, |flipped, bit| {
                assert!(member_receives(run, number, kind, flipped).is_err(), "bit {bit} does not matter");
            });
            member_receives(run, number, kind, &part).unwrap();
            flips
        })
        .sum()
}

fn each_flip(message: &[u8], check: impl Fn(&[u8], usize)) -> usize {
    let mut flipped = message.to_vec();
    for bit in 0..message.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        check(&flipped, bit);
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    message.len() * 8
}
