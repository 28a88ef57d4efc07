//! A served card as a driver sees it, and what it does with drivers that are not what they should be.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::driver::{CHALLENGE, CREATE, Driver, FILE_LENGTH, READ, SELECT, update};
use apdu_spec::link::{BODY_MAX, Kind, Refusal, VERSION};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use sim_reader::atr::ATR;
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::fault::{Rates, relay};
use sim_reader::flash::RamFlash;
use sim_reader::tcp;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

struct Served {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A card with the tests' file, served from a thread of its own.
fn serve() -> Served {
    let mut card = SoftwareCard::format(RamFlash::<4>::new(16), Noise::seeded(1)).unwrap();
    card.power_on().unwrap();
    assert_eq!(card.transmit(CREATE).unwrap(), [0x90, 0x00]);
    card.power_off();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopping = async move { drop(stopped.await) };
    let thread = std::thread::spawn(move || runtime.block_on(tcp::serve(listener, card, stopping)));
    Served { address, stop: Some(stop), thread: Some(thread) }
}

impl Served {
    fn connect(&self) -> Driver {
        Driver::connect(self.address).unwrap()
    }

    /// A driver that gets the card, as soon as the one before has let it go.
    fn connect_in_turn(&self) -> Driver {
        let began = Instant::now();
        loop {
            let mut driver = self.connect();
            match driver.ask(Kind::PowerOn, &[VERSION]) {
                Ok((Kind::Atr, _)) => return driver,
                // Refused, or closed unheard among too many.
                other => assert!(began.elapsed() < Duration::from_secs(5), "{other:?}"),
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
    }
}

fn is_closed(driver: &mut Driver) -> bool {
    matches!(driver.0.read(&mut [0; 1]), Ok(0) | Err(_))
}

#[test]
fn a_driver_uses_the_card() {
    let served = serve();
    let mut driver = served.connect();
    assert_eq!(driver.refusal(Kind::Transmit, SELECT).unwrap(), Refusal::NotPowered);
    assert_eq!(driver.refusal(Kind::Reset, &[]).unwrap(), Refusal::NotPowered);
    assert_eq!(driver.power_on().unwrap(), ATR);
    assert_eq!(driver.transmit(SELECT).unwrap(), [0x90, 0x00]);
    assert_eq!(driver.transmit(&update(7)).unwrap(), [0x90, 0x00]);
    assert_eq!(driver.transmit(READ).unwrap(), [[7; FILE_LENGTH].as_slice(), &[0x90, 0x00]].concat());

    // A reset forgets what was selected; what was written stays.
    assert_eq!(driver.ask(Kind::Reset, &[]).unwrap(), (Kind::Atr, ATR.to_vec()));
    assert_ne!(driver.transmit(READ).unwrap(), [[7; FILE_LENGTH].as_slice(), &[0x90, 0x00]].concat());
    driver.transmit(SELECT).unwrap();
    assert_eq!(driver.transmit(READ).unwrap()[..FILE_LENGTH], [7; FILE_LENGTH]);
}

#[test]
fn a_card_can_be_taken_out_and_put_back() {
    let served = serve();
    let mut driver = served.connect();
    driver.power_on().unwrap();
    assert_eq!(driver.ask(Kind::Remove, &[]).unwrap().0, Kind::Done);
    assert_eq!(driver.refusal(Kind::Transmit, SELECT).unwrap(), Refusal::Removed);
    assert_eq!(driver.refusal(Kind::PowerOn, &[VERSION]).unwrap(), Refusal::Removed);
    assert_eq!(driver.ask(Kind::Insert, &[]).unwrap().0, Kind::Done);
    assert_eq!(driver.refusal(Kind::Transmit, SELECT).unwrap(), Refusal::NotPowered);
    driver.power_on().unwrap();
    assert_eq!(driver.transmit(SELECT).unwrap(), [0x90, 0x00]);
    assert_eq!(driver.ask(Kind::PowerOff, &[]).unwrap().0, Kind::Done);
    assert_eq!(driver.refusal(Kind::Transmit, SELECT).unwrap(), Refusal::NotPowered);
    assert_eq!(driver.ask(Kind::Presence, &[1]).unwrap().0, Kind::Done);
}

#[test]
fn a_second_driver_is_told_that_the_card_is_in_use_and_gets_it_afterwards() {
    let served = serve();
    let mut first = served.connect();
    first.power_on().unwrap();
    let mut second = served.connect();
    assert_eq!(second.refused().unwrap(), Refusal::Busy);
    assert!(is_closed(&mut second));
    assert_eq!(first.transmit(SELECT).unwrap(), [0x90, 0x00], "the first one is not disturbed");
    drop(first);
    assert_eq!(served.connect_in_turn().transmit(READ).unwrap().len(), 2, "and left nothing selected");
}

/// However busy the process is that has the card.
#[test]
fn a_driver_that_comes_when_another_has_gone_gets_the_card_at_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let card = SoftwareCard::format(RamFlash::<4>::new(16), Noise::seeded(1)).unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(tcp::serve(listener, card, std::future::pending()));
    for _ in 0..3 {
        runtime.spawn(async {
            loop {
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_micros(200) {}
                tokio::task::yield_now().await;
            }
        });
    }
    for _ in 0..300 {
        assert_eq!(Driver::connect(address).unwrap().power_on().unwrap(), ATR);
    }
    runtime.shutdown_background();
}

#[test]
fn what_is_not_a_request_ends_the_connection_and_not_the_card() {
    let served = serve();
    for (kind, body) in [
        (Kind::PowerOn, [9].as_slice()),
        (Kind::PowerOn, &[]),
        (Kind::Reset, &[0]),
        (Kind::Presence, &[2]),
        (Kind::Answer, &[0x90, 0x00]),
        (Kind::Refused, &[1]),
    ] {
        let mut driver = served.connect_in_turn();
        assert_eq!(driver.refusal(kind, body).unwrap(), Refusal::Malformed, "{kind:?} {body:?}");
        assert!(is_closed(&mut driver));
    }
    for header in [[0x99, 0, 0, 1], [0x04, 0xFF, 0xFF, 0xFF], [0x04, 1, 0, 9]] {
        let mut driver = served.connect_in_turn();
        driver.0.write_all(&header).unwrap();
        assert_eq!(driver.refused().unwrap(), Refusal::Malformed, "{header:?}");
        assert!(is_closed(&mut driver));
    }
    assert_eq!(served.connect_in_turn().transmit(SELECT).unwrap(), [0x90, 0x00]);
}

#[test]
fn the_longest_and_the_shortest_frames_are_answered() {
    let served = serve();
    let mut driver = served.connect_in_turn();
    for length in [0, 1, 3, 4, 5000, BODY_MAX] {
        let response = driver.transmit(&vec![0; length]).unwrap();
        assert_eq!(response.len(), 2, "a command of {length} bytes is refused by the card itself");
        assert_ne!(response, [0x90, 0x00]);
    }
    assert_eq!(driver.transmit(SELECT).unwrap(), [0x90, 0x00]);
}

#[test]
fn random_bytes_never_stop_the_server() {
    let served = serve();
    let mut random = StdRng::seed_from_u64(3);
    for _ in 0..150 {
        let mut driver = served.connect();
        let mut bytes = vec![0; random.gen_range(1..200)];
        random.fill_bytes(&mut bytes);
        if random.gen_bool(0.5) {
            bytes[0] = random.gen_range(1..8); // a request's kind, a small length, any body
            bytes.resize(bytes.len().max(4), 0);
            bytes[1..3].fill(0);
        }
        // The server may have hung up already: that is one of the right things to do.
        let _ = driver.0.write_all(&bytes);
        let _ = driver.0.shutdown(Shutdown::Write);
        let _ = driver.0.read_to_end(&mut Vec::new());
    }
    assert_eq!(served.connect_in_turn().transmit(SELECT).unwrap(), [0x90, 0x00]);
}

#[test]
fn a_driver_that_disappears_leaves_a_card_that_works() {
    let served = serve();
    let frame = [&[0x04, 0, 0, 69], update(0x33).as_slice()].concat();
    for cut in 0..=frame.len() {
        let mut driver = served.connect_in_turn();
        driver.transmit(SELECT).unwrap();
        driver.transmit(&update(0x11)).unwrap();
        driver.0.write_all(&frame[..cut]).unwrap();
        drop(driver); // without taking the answer

        let mut driver = served.connect_in_turn();
        driver.transmit(SELECT).unwrap();
        let content = driver.transmit(READ).unwrap();
        let whole = if cut == frame.len() { 0x33 } else { 0x11 };
        assert_eq!(content, [[whole; FILE_LENGTH].as_slice(), &[0x90, 0x00]].concat(), "cut at {cut}");
    }
}

#[test]
fn frames_that_come_in_pieces_or_together_are_understood() {
    let served = serve();
    let mut driver = served.connect_in_turn();
    let frame = [&[0x04, 0, 0, 7], SELECT].concat();
    for byte in &frame {
        driver.0.write_all(&[*byte]).unwrap();
    }
    assert_eq!(driver.receive().unwrap(), (Kind::Answer, vec![0x90, 0x00]));
    driver.0.write_all(&frame.repeat(5)).unwrap();
    for _ in 0..5 {
        assert_eq!(driver.receive().unwrap(), (Kind::Answer, vec![0x90, 0x00]));
    }
}

#[test]
fn a_crowd_of_connections_does_not_take_the_card_from_its_driver() {
    let served = serve();
    let mut driver = served.connect_in_turn();
    let crowd: Vec<Driver> = (0..60).map(|_| served.connect()).collect();
    assert_eq!(driver.transmit(SELECT).unwrap(), [0x90, 0x00]);
    let told = crowd.into_iter().filter_map(|mut other| other.receive().ok()).count();
    assert!((1..=60).contains(&told), "those that could be told were told: {told}");
    drop(driver);
    assert_eq!(served.connect_in_turn().transmit(SELECT).unwrap(), [0x90, 0x00]);
}

#[test]
fn over_a_faulty_network_an_answer_is_right_or_there_is_none() {
    let served = serve();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let bad = listener.local_addr().unwrap();
    let rates = Rates { cut: 30, truncate: 20, delay: 50, delay_max: Duration::from_millis(2), ..Rates::default() };
    runtime.spawn(relay(listener, served.address.to_string(), 5, rates));
    let (mut answered, mut broken) = (0, 0);
    for fill in 0..100_u8 {
        let worked = (|| {
            let mut driver = Driver::connect(bad)?;
            driver.0.set_read_timeout(Some(Duration::from_millis(100)))?;
            let (kind, _) = driver.ask(Kind::PowerOn, &[VERSION])?;
            if kind != Kind::Atr {
                return Ok(false); // the connection before is still being given up
            }
            driver.transmit(SELECT)?;
            driver.transmit(&update(fill))?;
            assert_eq!(driver.transmit(READ)?[..FILE_LENGTH], [fill; FILE_LENGTH]);
            std::io::Result::Ok(true)
        })();
        if matches!(worked, Ok(true)) { answered += 1 } else { broken += 1 }
    }
    assert!(answered > 10 && broken > 5, "{answered} answered, {broken} broken");
    let mut driver = served.connect_in_turn();
    assert_eq!(driver.transmit(SELECT).unwrap(), [0x90, 0x00]);
    assert_eq!(driver.transmit(CHALLENGE).unwrap().len(), 10);
}
