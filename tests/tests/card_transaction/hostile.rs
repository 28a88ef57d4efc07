//! Answers that are not the provider's, and what must never leave the card.

use apdu_spec::instruction::Receive;

use protocol::types::Options;

use crate::card::{NOT_SATISFIED, PIN, WRONG_DATA};
use crate::scene::{PAYER_ACCOUNT, PAYER_SECRET, STEPS, Scene, Step, own_part};

fn message(scene: &mut Scene, kind: u8) -> Vec<u8> {
    // A command with an extended length: seven bytes before the message, two of Le behind it.
    let command = scene.command(Step::Receive(kind));
    command[7..command.len() - 2].to_vec()
}

fn refused(scene: &mut Scene, kind: u8, message: &[u8]) {
    let (data, status) = scene.payer.send(&Receive { kind, message });
    assert!([NOT_SATISFIED, WRONG_DATA].contains(&status) && data.is_empty(), "RECEIVE {kind}: {status:04X}");
}

#[test]
fn every_flipped_bit_of_every_answer_is_refused_and_the_right_one_still_works() {
    let mut scene = Scene::new();
    scene.payer.verify();
    for step in STEPS {
        if let Step::Receive(kind) = step {
            let message = message(&mut scene, kind);
            let journal = scene.payer.journal();
            for bit in 0..message.len() * 8 {
                let mut flipped = message.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                refused(&mut scene, kind, &flipped);
            }
            for length in 1..message.len() {
                refused(&mut scene, kind, &message[..length]);
            }
            refused(&mut scene, kind, &[&message[..], &[0]].concat());
            println!("RECEIVE {kind}: {} bits flipped, {} lengths", message.len() * 8, message.len());
            assert_eq!(scene.payer.journal(), journal, "nothing has changed");
        }
        scene.run(&[step]);
    }
}

#[test]
fn an_answer_is_for_one_card_one_request_and_one_round() {
    let mut scene = Scene::new();
    scene.payer.verify();
    let mut earlier: Vec<Vec<u8>> = Vec::new();
    for _ in 0..2 {
        for step in STEPS {
            if let Step::Receive(kind) = step {
                let message = message(&mut scene, kind);
                for old in &earlier {
                    refused(&mut scene, kind, old);
                }
                earlier.push(message);
            }
            scene.run(&[step]);
        }
    }
    assert_eq!(earlier.len(), 6);
}

#[test]
fn a_neighbours_part_is_refused() {
    let mut scene = Scene::new();
    scene.payer.verify();
    for step in STEPS {
        if let Step::Receive(kind) = step {
            let own = message(&mut scene, kind);
            let neighbours = own_part(scene.response(), 0);
            assert_ne!(own, neighbours);
            refused(&mut scene, kind, &neighbours);
        }
        scene.run(&[step]);
    }
}

#[test]
fn a_message_longer_than_a_card_takes_is_refused() {
    let mut scene = Scene::new();
    scene.payer.verify();
    for step in STEPS {
        if let Step::Receive(kind) = step {
            let longest = if kind == 2 { 3584 } else { 2048 };
            scene.payer.refused(&Receive { kind, message: &vec![1; longest + 1] }, 0x6700);
            scene.payer.refused(&Receive { kind, message: &vec![1; longest] }, WRONG_DATA);
        }
        scene.run(&[step]);
    }
}

/// Every answer of a card through its whole life, personalisation included.
#[test]
fn nothing_secret_is_in_any_answer() {
    let mut scene = Scene::new();
    scene.payer.verify();
    for options in (0..=u8::MAX).filter_map(Options::from_bits).filter(|options| options.is_permitted()) {
        scene.options = options;
        scene.run_all();
    }
    let secrets: [&[u8]; 6] = [
        PAYER_ACCOUNT,
        PAYER_SECRET,
        PIN,
        b"SENSITIVE-KEY-EXCHANGE",
        b"PRIVATE-RESPONSE-DATA",
        // What the terminal brought to be sealed does not come back in the clear.
        b"sensitive",
    ];
    let mut bytes = 0;
    for answer in &scene.payer.said {
        bytes += answer.len();
        for secret in secrets {
            let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            let reversed: Vec<u8> = secret.iter().rev().copied().collect();
            for needle in [secret, &reversed, hex.as_bytes(), hex.to_uppercase().as_bytes()] {
                assert!(!answer.windows(needle.len()).any(|part| part == needle), "a secret is in an answer");
            }
        }
    }
    println!("{} answers, {bytes} bytes", scene.payer.said.len());
    assert!(scene.payer.said.len() > 48 * STEPS.len());
}
