//! A card that is taken out and put in while its program runs, by hand and at a moment planned.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use sim_reader::control::Order;
use sim_reader::hand::{Moment, Reader};
use symbolon_tests::transcript::Player;

use crate::{NO_CURRENT_FILE, OK, READ, SELECT, Scene, content, is_read, update};

#[test]
fn a_card_comes_and_goes_by_hand_and_its_reader_knows() -> Result<()> {
    let mut scene = Scene::new()?;
    for round in 0..3 {
        scene.client.transmit(SELECT)?;
        assert_eq!(scene.client.transmit(&update(&content(round)))?, OK);
        let out = scene.control(Order::Remove)?;
        assert_eq!((out.inserted, out.seen, out.removals), (false, Reader::Empty, u64::try_from(round + 1)?));
        assert!(scene.client.transmit(READ).is_err(), "nobody is there to answer");
        assert_eq!(scene.control(Order::Remove)?.removals, out.removals, "it is out already");

        let back = scene.control(Order::Insert)?;
        assert_eq!((back.inserted, back.seen), (true, Reader::Holding));
        // Programs see it as soon as the order is carried out: this connects once, and does not try again.
        scene.client.connect_now()?;
        assert_eq!(scene.client.transmit(READ)?, NO_CURRENT_FILE, "it had no power");
        scene.client.transmit(SELECT)?;
        assert_eq!(scene.client.transmit(READ)?, is_read(&content(round)));
    }
    Ok(())
}

#[test]
fn a_card_is_taken_out_while_commands_are_under_way() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.client.transmit(&update(&content(1)))?;
    for round in 0..6 {
        let before = scene.control(Order::Status)?.commands;
        scene.client.begin_to_measure(10)?;
        sleep(Duration::from_millis(100 + 3 * round));
        let out = scene.control(Order::Remove)?;
        assert!(scene.client.measured().is_err() && out.commands > before, "no command was under way");
        scene.control(Order::Insert)?;
        scene.client.connect_now()?;
        scene.client.transmit(SELECT)?;
        assert_eq!(scene.client.transmit(READ)?, is_read(&content(1)));
    }
    Ok(())
}

#[test]
fn a_card_is_taken_out_at_the_command_and_moment_that_was_planned() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.client.transmit(&update(&content(0)))?;
    for (seed, moment) in (1..).zip([Moment::Before, Moment::Unanswered, Moment::After]) {
        scene.card()?.remove_at(3, moment)?;
        scene.client.transmit(SELECT)?;
        assert_eq!(scene.client.transmit(READ)?, is_read(&content(if seed == 3 { 2 } else { 0 })));
        let answer = scene.client.transmit(&update(&content(seed)));
        // Only after its answer has the card kept its promise to somebody; before it, only to itself.
        assert_eq!(answer.is_ok_and(|answer| answer == OK), moment == Moment::After);
        assert!(scene.client.transmit(READ).is_err(), "{moment:?}");
        let status = scene.control(Order::Remove)?;
        assert_eq!((status.inserted, status.removal), (false, None));

        scene.control(Order::Insert)?;
        scene.client.connect_now()?;
        scene.client.transmit(SELECT)?;
        let written = if moment == Moment::Before { 0 } else { seed };
        assert_eq!(scene.client.transmit(READ)?, is_read(&content(written)), "{moment:?}");
    }
    Ok(())
}

#[test]
fn what_is_done_before_a_planned_removal_undoes_the_plan() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.card()?.remove_at(2, Moment::Before)?;
    assert_eq!(scene.control(Order::Status)?.removal.map(|it| it.command), Some(2));
    scene.client.transmit(SELECT)?;
    assert_eq!(scene.control(Order::Status)?.removal.map(|it| it.command), Some(1));
    scene.control(Order::Insert)?;
    for _ in 0..3 {
        scene.client.transmit(SELECT)?;
    }
    let status = scene.control(Order::Status)?;
    assert_eq!((status.inserted, status.removal, status.removals), (true, None, 0));
    Ok(())
}
