//! Commands at the wrong moment, and what ends a session.

use apdu_spec::instruction::{GetJournal, ListProviders, ManageChannel, Receive, Sign, Verify, VerifyPart};
use apdu_spec::{Aid, Wire};

use crate::card::{OK, OUT_OF_ORDER, PIN, WRONG_DATA, application, bytes, pin};
use crate::scene::{STEPS, Scene, Step};

/// The commands that a terminal may send at the wrong moment, with what stands in for a message where there is none.
fn commands(scene: &mut Scene) -> Vec<(Step, Vec<u8>)> {
    let steps = [Step::Load, Step::Build(1), Step::Build(3), Step::Build(5), Step::More(0), Step::Sign(0)];
    let mut commands: Vec<_> = steps.map(|step| (step, scene.command(step))).into();
    for kind in [2, 4, 6] {
        commands.push((Step::Receive(kind), bytes(&Receive { kind, message: &[1, kind, 0] })));
    }
    commands
}

/// Whether the command has its place when `taken` steps are done.
fn has_its_place(command: Step, taken: usize) -> bool {
    let next = STEPS.get(taken).copied();
    let signs = matches!(next, Some(Step::More(_) | Step::Sign(_)));
    match command {
        Step::Choose => true,
        Step::Load => taken == 1 || taken == 2,
        Step::Build(_) | Step::Receive(_) => next == Some(command),
        Step::More(_) | Step::Sign(_) => signs,
    }
}

fn is_half_signed(taken: usize) -> bool {
    matches!(STEPS.get(taken), Some(Step::Sign(_)))
}

#[test]
fn each_command_has_its_place_and_elsewhere_changes_nothing() {
    let mut tried = 0;
    for taken in 0..=STEPS.len() {
        let mut scene = Scene::new();
        scene.payer.verify();
        scene.run(&STEPS[..taken]);
        for (command, bytes) in commands(&mut scene) {
            if has_its_place(command, taken) {
                continue;
            }
            let (data, status) = scene.payer.transmit(&bytes).unwrap();
            assert_eq!((status, data.len()), (OUT_OF_ORDER, 0), "{command:?} after {taken} steps");
            tried += 1;
            if is_half_signed(taken) {
                let sign = scene.command(Step::Sign(0));
                assert_eq!(scene.payer.transmit(&sign).unwrap().1, OUT_OF_ORDER, "the half-made node is gone");
                scene.run(&STEPS[..taken]);
            }
        }
        // Nothing of it has hurt the session.
        scene.run(&STEPS[taken..]);
    }
    println!("{tried} commands at the wrong moment, in {} states", STEPS.len() + 1);
    assert!(tried > 80);
}

#[test]
fn whatever_is_not_the_next_sign_ends_a_half_made_node() {
    let others: [(&str, Vec<u8>); 9] = [
        ("VERIFY", bytes(&Verify { reference: pin(), part: VerifyPart::Compare(PIN) })),
        ("GET JOURNAL", bytes(&GetJournal { count: 1 })),
        ("LIST PROVIDERS", bytes(&ListProviders)),
        ("SELECT again", bytes(&application(Aid::TRANSACTION))),
        ("an unknown instruction", vec![0x80, 0x77, 0, 0]),
        ("an unknown class", vec![0xFF, 0x16, 0x80, 0]),
        ("GET RESPONSE", vec![0x00, 0xC0, 0, 0, 0]),
        ("the first part of a chain", vec![0x90, 0x18, 2, 0, 1, 0]),
        ("no command", vec![0x80, 0x16]),
    ];
    for kind in [1, 3, 5] {
        for (name, other) in &others {
            let mut scene = half_signed(kind);
            let (_, _) = scene.payer.transmit(other).unwrap();
            let sign = scene.command(Step::Sign(kind));
            assert_eq!(scene.payer.transmit(&sign).unwrap().1, OUT_OF_ORDER, "{name} in message {kind}");
            scene.run_all();
        }
    }
}

#[test]
fn a_command_on_another_channel_ends_a_half_made_node_too() {
    let mut scene = half_signed(3);
    scene.payer.channel = 1;
    scene.payer.transmit(&bytes(&GetJournal { count: 1 })).unwrap();
    scene.payer.channel = 0;
    let sign = scene.command(Step::Sign(3));
    assert_eq!(scene.payer.transmit(&sign).unwrap().1, OUT_OF_ORDER);
}

#[test]
fn a_wrong_sign_ends_the_node() {
    let child: Vec<u8> = [&[7; 32][..], &[0x40], &[8; 64]].concat();
    let two = child.repeat(2);
    let wrong_length: Vec<u8> = [&[7; 32][..], &[0x41], &[8; 65]].concat();
    let wrong = [
        ("another count", Sign { last: true, count: 2, children: &child }),
        ("too few children", Sign { last: true, count: 1, children: &[] }),
        ("too many", Sign { last: true, count: 1, children: &two }),
        ("half a child", Sign { last: false, count: 1, children: &child[..96] }),
        ("a signature of another length", Sign { last: false, count: 1, children: &wrong_length }),
    ];
    for (name, sign) in wrong {
        for begun in [false, true] {
            let mut scene = Scene::new();
            scene.payer.verify();
            scene.run(&[Step::Choose, Step::Load, Step::Build(1)]);
            if begun {
                scene.payer.done(&Sign { last: false, count: 1, children: &[] });
            }
            assert_eq!(scene.payer.send(&sign), (Vec::new(), WRONG_DATA), "{name}");
            let right = Sign { last: true, count: 1, children: &child };
            assert_eq!(scene.payer.send(&right), (Vec::new(), OUT_OF_ORDER), "after {name}");
            scene.run_all();
        }
    }
}

#[test]
fn children_may_come_in_any_number_of_commands() {
    let child: Vec<u8> = [&[7; 32][..], &[0x40], &[8; 64]].concat();
    let sealed: Vec<u8> = [&[9; 32][..], &[0x50], &[8; 80]].concat();
    let mut scene = Scene::new();
    scene.payer.verify();
    scene.run(&[Step::Choose, Step::Load, Step::Build(1)]);
    let all = 16;
    for number in 0..all - 1 {
        let children = if number % 2 == 0 { &child } else { &sealed };
        assert!(scene.payer.done(&Sign { last: false, count: all, children }).is_empty());
    }
    assert_eq!(scene.payer.done(&Sign { last: true, count: all, children: &sealed }).len(), 64);
}

#[test]
fn other_commands_do_no_harm_while_an_answer_is_awaited() {
    let mut scene = Scene::new();
    scene.payer.verify();
    for step in STEPS {
        scene.run(&[step]);
        if !matches!(step, Step::More(_)) {
            scene.payer.verify();
            scene.payer.done(&GetJournal { count: 16 });
            scene.payer.done(&ListProviders);
            scene.payer.channel = 1;
            assert_eq!(send(&mut scene, &ListProviders), 0x6881, "the channel is closed");
            scene.payer.channel = 0;
        }
    }
}

#[test]
fn the_choice_of_a_provider_another_application_a_closed_channel_or_a_reset_ends_the_session() {
    for taken in 1..STEPS.len() {
        let next = |scene: &mut Scene| {
            let command = match STEPS[taken] {
                // What is awaited may be asked for at any time: a message that would otherwise be looked at.
                Step::Receive(kind) => bytes(&Receive { kind, message: &[1, kind] }),
                step => scene.command(step),
            };
            scene.payer.transmit(&command).unwrap().1
        };
        let mut scene = at(taken);
        scene.run(&[Step::Choose]);
        if taken > 1 && STEPS[taken] != Step::Load {
            assert_eq!(next(&mut scene), OUT_OF_ORDER, "chosen again after {taken}");
        }

        let mut scene = at(taken);
        scene.payer.done(&application(Aid::ISSUER_SECURITY_DOMAIN));
        scene.payer.select();
        assert_eq!(next(&mut scene), OUT_OF_ORDER, "issuer selected after {taken}");

        let mut scene = at(taken);
        scene.payer.restart();
        scene.payer.verify();
        assert_eq!(next(&mut scene), OUT_OF_ORDER, "reset after {taken}");

        let mut scene = Scene::new();
        let channel = scene.payer.done(&ManageChannel::OpenAny);
        assert_eq!(channel, [1]);
        scene.payer.channel = 1;
        scene.payer.select();
        scene.payer.verify();
        scene.run(&STEPS[..taken]);
        scene.payer.channel = 0;
        if !is_half_signed(taken) {
            assert_eq!(next(&mut scene), OUT_OF_ORDER, "another channel's session after {taken}");
        }
        scene.payer.done(&ManageChannel::Close(1));
        scene.payer.done(&ManageChannel::Open(1));
        scene.payer.channel = 1;
        scene.payer.select();
        assert_eq!(next(&mut scene), OUT_OF_ORDER, "channel closed after {taken}");
    }
}

fn at(taken: usize) -> Scene {
    let mut scene = Scene::new();
    scene.payer.verify();
    scene.run(&STEPS[..taken]);
    scene
}

/// Stands before the last SIGN of the message of this kind.
fn half_signed(kind: u8) -> Scene {
    at(STEPS.iter().position(|step| *step == Step::Sign(kind)).unwrap())
}

fn send<'a>(scene: &mut Scene, command: &impl Wire<'a>) -> u16 {
    let (_, status) = scene.payer.send(command);
    assert_ne!(status, OK);
    status
}
