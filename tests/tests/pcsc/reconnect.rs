//! Readers that go away, come back, and do what readers should not do.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use sim_reader::control::Order;
use sim_reader::vpcd::SILENCE_TIME;
use symbolon_tests::transcript::Player;

use crate::{NO_CURRENT_FILE, OK, READ, SELECT, Scene, content, is_read, update};

#[test]
fn the_card_outlives_pcscd_at_any_moment() -> Result<()> {
    let mut scene = Scene::new()?;
    for round in 0..8 {
        scene.client.transmit(&update(&content(round)))?;
        // Every second time, pcscd is away for a while; in the others, commands are under way when it ends.
        if round % 2 == 0 {
            scene.client.begin_to_measure(5)?;
            sleep(Duration::from_millis(50 + 7 * u64::try_from(round)?));
            scene.daemon.restart()?;
            assert!(scene.client.measured().is_err(), "pcscd was there all the time");
        } else {
            scene.daemon.stop();
            sleep(Duration::from_millis(300));
            assert!(!scene.control(Order::Status)?.is_known());
            scene.daemon.restart()?;
        }
        scene.client.connect_again()?;
        assert_eq!(scene.client.transmit(READ)?, NO_CURRENT_FILE, "the reader took the card's power along");
        assert!(scene.client.transmit(SELECT)?.ends_with(OK));
        assert_eq!(scene.client.transmit(READ)?, is_read(&content(round)));
    }
    scene.card.take().unwrap().take_out()
}

/// The reader takes a command of one byte for a request of its own, to which there is no answer, and waits for one; it
/// cannot do anything else until the card gives it up.
#[test]
fn a_command_that_is_too_short_for_its_reader_does_not_stop_the_reader_for_ever() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.client.transmit(&update(&content(1)))?;
    let began = Instant::now();
    assert!(scene.client.transmit(&[0x00]).is_err(), "there is no answer to it");
    assert!(began.elapsed() < SILENCE_TIME * 2, "{:?}", began.elapsed());
    scene.client.connect_again()?;
    assert!(scene.client.transmit(SELECT)?.ends_with(OK));
    assert_eq!(scene.client.transmit(READ)?, is_read(&content(1)));
    Ok(())
}
