//! The card in a virtual reader, as a reader sees it, and what the card does with readers that are not what they should
//! be. That a real reader sees the same is checked with Debian's, in the package of all crates together.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::driver::{CREATE, FILE_LENGTH, READ, SELECT, update};
use sim_reader::atr::ATR;
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use sim_reader::hand::{Hand, Moment, Reader as Seen, Removal};
use sim_reader::vpcd;

const OFF: &[u8] = &[0];
const ON: &[u8] = &[1];
const RESET: &[u8] = &[2];
const GET_ATR: &[u8] = &[4];

/// A card with the tests' file that looks for a reader, from a thread of its own.
struct Inserted {
    hand: Hand,
    thread: Option<JoinHandle<()>>,
}

impl Inserted {
    fn at(port: u16) -> Self {
        let mut card = SoftwareCard::format(RamFlash::<4>::new(16), Noise::seeded(1)).unwrap();
        card.power_on().unwrap();
        assert_eq!(card.transmit(CREATE).unwrap(), [0x90, 0x00]);
        card.power_off();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let hand = Hand::new(card.user_presence());
        let held = hand.clone();
        let insert = move || runtime.block_on(vpcd::serve(("127.0.0.1", port), card, &held));
        Self { hand, thread: Some(std::thread::spawn(insert)) }
    }
}

impl Drop for Inserted {
    fn drop(&mut self) {
        self.hand.dismiss();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the card's thread panicked");
    }
}

/// A reader's slot with a card in it.
struct Slot(TcpStream);

impl Slot {
    /// The card comes: it lets the first request pass as an empty slot would, and is there from then on.
    fn accept(listener: &TcpListener) -> Self {
        let mut empty = Self::connected(listener);
        empty.tell(GET_ATR);
        assert!(empty.is_closed());
        Self::connected(listener)
    }

    fn connected(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self(stream)
    }

    /// Length and body apart, as Debian's reader does.
    fn tell(&mut self, body: &[u8]) {
        self.0.write_all(&u16::try_from(body.len()).unwrap().to_be_bytes()).unwrap();
        self.0.write_all(body).unwrap();
    }

    fn ask(&mut self, body: &[u8]) -> io::Result<Vec<u8>> {
        self.tell(body);
        let mut length = [0; 2];
        self.0.read_exact(&mut length)?;
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        self.0.read_exact(&mut answer)?;
        Ok(answer)
    }

    fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0; 1]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

fn reader() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn the_card_does_what_the_reader_asks_and_speaks_only_when_asked() {
    let (listener, port) = reader();
    let _card = Inserted::at(port);
    let mut slot = Slot::accept(&listener);
    assert_eq!(slot.ask(GET_ATR).unwrap(), ATR, "without power");
    slot.tell(ON);
    assert_eq!(slot.ask(SELECT).unwrap(), [0x90, 0x00]);
    let content = slot.ask(READ).unwrap();
    assert!(content.len() > 2 && content.ends_with(&[0x90, 0x00]));

    // A warm reset, and power off and on, forget what was selected.
    for requests in [[RESET, GET_ATR], [OFF, ON]] {
        for request in requests {
            if request == GET_ATR {
                assert_eq!(slot.ask(request).unwrap(), ATR);
            } else {
                slot.tell(request);
            }
        }
        assert_eq!(slot.ask(READ).unwrap(), [0x69, 0x86]);
        assert_eq!(slot.ask(SELECT).unwrap(), [0x90, 0x00]);
        assert_eq!(slot.ask(READ).unwrap(), content);
    }
}

#[test]
fn frames_of_every_length_are_answered() {
    let (listener, port) = reader();
    let _card = Inserted::at(port);
    let mut slot = Slot::accept(&listener);
    slot.tell(ON);
    for length in [0, 1, 2, 3, 4097, 65_535] {
        // A command that the card cannot know, of one byte also one that is no request of the reader.
        assert_eq!(slot.ask(&vec![0x03; length]).unwrap(), [0x67, 0x00], "{length}");
    }
    // And a frame in pieces, however small.
    for byte in [&[0, 1], GET_ATR].concat() {
        slot.0.write_all(&[byte]).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut answer = [0; 2 + ATR.len()];
    slot.0.read_exact(&mut answer).unwrap();
    assert_eq!(answer[2..], ATR);
}

#[test]
fn frames_that_come_together_or_in_two_at_any_byte_are_understood() {
    let (listener, port) = reader();
    let _card = Inserted::at(port);
    let mut slot = Slot::accept(&listener);
    let frame = |body: &[u8]| [&u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat();
    let frames = [ON, GET_ATR, SELECT, RESET, GET_ATR, SELECT].map(frame).concat();
    let ok = frame(&[0x90, 0x00]);
    let expected = [frame(&ATR), ok.clone(), frame(&ATR), ok].concat();
    for cut in 0..frames.len() {
        slot.0.write_all(&frames[..cut]).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        slot.0.write_all(&frames[cut..]).unwrap();
        let mut answers = vec![0; expected.len()];
        slot.0.read_exact(&mut answers).unwrap();
        assert_eq!(answers, expected, "cut at {cut}");
    }
}

#[test]
fn a_card_that_cannot_answer_leaves_and_comes_back_without_power() {
    let (listener, port) = reader();
    let _card = Inserted::at(port);
    for request in [RESET, SELECT] {
        let mut slot = Slot::accept(&listener);
        slot.tell(request);
        assert!(slot.is_closed(), "the card has no power");
    }
    // A reader that goes takes the power along.
    let mut slot = Slot::accept(&listener);
    slot.tell(ON);
    assert_eq!(slot.ask(SELECT).unwrap(), [0x90, 0x00]);
    drop(slot);
    let mut slot = Slot::accept(&listener);
    assert_eq!(slot.ask(GET_ATR).unwrap(), ATR);
    slot.tell(SELECT);
    assert!(slot.is_closed());
}

#[test]
fn a_reader_that_sends_the_card_away_is_asked_less_and_less_often() {
    let (listener, port) = reader();
    let _card = Inserted::at(port);
    let mut times = Vec::new();
    for _ in 0..5 {
        drop(listener.accept().unwrap());
        times.push(Instant::now());
    }
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (doublings, pause) in (0..).zip(&pauses) {
        // What a busy machine adds to the one before is missing from this one.
        assert!(*pause > vpcd::PAUSE_MIN * 2_u32.pow(doublings) / 2, "{pauses:?}");
    }
}

#[test]
fn a_card_ends_when_told_to_wherever_it_is() {
    let (_silent, port) = reader();
    let began = Instant::now();
    drop(Inserted::at(port));
    let (listener, port) = reader(); // without the connection that the one before may have left
    let card = Inserted::at(port);
    let mut slot = Slot::accept(&listener);
    // In the middle of a frame.
    slot.0.write_all(&[0, 9, 1]).unwrap();
    drop(card);
    drop(listener);
    drop(Inserted::at(port));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_card_goes_and_comes_by_hand_and_a_reader_always_sees_the_slot_empty_in_between() {
    let (listener, port) = reader();
    let card = Inserted::at(port);
    let mut slot = Slot::accept(&listener);
    slot.tell(ON);
    assert_eq!(slot.ask(GET_ATR).unwrap(), ATR);
    assert_eq!(slot.ask(SELECT).unwrap(), [0x90, 0x00]);
    assert_eq!(card.hand.state().reader, Seen::Holding);

    // Out and in again faster than any reader looks is out all the same.
    card.hand.remove();
    card.hand.insert();
    assert!(slot.is_closed());
    let mut slot = Slot::accept(&listener);
    slot.tell(ON);
    assert_eq!(slot.ask(READ).unwrap(), [0x69, 0x86], "it had no power");
    slot.ask(GET_ATR).unwrap();

    card.hand.remove();
    assert!(slot.is_closed());
    let mut empty = Slot::connected(&listener);
    empty.tell(GET_ATR);
    assert!(empty.is_closed());
    listener.set_nonblocking(true).unwrap();
    std::thread::sleep(vpcd::PAUSE_MIN * 4);
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "it is out");
    let state = card.hand.state();
    assert_eq!((state.inserted, state.reader, state.removals, state.commands), (false, Seen::Empty, 2, 2));
}

#[test]
fn a_planned_removal_comes_before_or_after_the_card_has_done_it() {
    let (listener, port) = reader();
    let card = Inserted::at(port);
    for (round, moment) in (1..).zip([Moment::Before, Moment::Unanswered, Moment::After]) {
        let mut slot = Slot::accept(&listener);
        slot.tell(ON);
        slot.ask(GET_ATR).unwrap();
        card.hand.remove_at(Removal { command: 3, moment });
        assert_eq!(slot.ask(SELECT).unwrap(), [0x90, 0x00]);
        // What the reader asks for itself is no command.
        assert_eq!(slot.ask(GET_ATR).unwrap(), ATR);
        let before = slot.ask(READ).unwrap();
        assert_eq!(slot.ask(&update(round)).ok(), (moment == Moment::After).then(|| vec![0x90, 0x00]));
        assert!(slot.is_closed());
        card.hand.insert();

        let mut slot = Slot::accept(&listener);
        slot.tell(ON);
        slot.ask(SELECT).unwrap();
        let after = slot.ask(READ).unwrap();
        assert_eq!(after == before, moment == Moment::Before, "{moment:?}");
        assert_eq!(after.starts_with(&[round; FILE_LENGTH]), moment != Moment::Before, "{moment:?}");
    }
}

/// Each of them is left in time, and comes back to when it behaves. They have the same ten seconds.
#[test]
fn readers_that_fall_silent_stop_in_a_frame_or_do_not_listen_are_left() {
    let readers = [reader(), reader(), reader()];
    let _cards: Vec<_> = readers.iter().map(|(_, port)| Inserted::at(*port)).collect();
    let began = Instant::now();
    let [mut silent, mut halting, mut deaf] = readers.each_ref().map(|(listener, _)| Slot::accept(listener));
    // What a program sends as a command of one byte: the reader waits for its answer, and asks for nothing any more.
    silent.tell(ON);
    halting.0.write_all(&[0, 9, 1]).unwrap();
    // Questions without end, whose answers nobody takes: the card stops to listen once it cannot answer.
    deaf.0.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let questions = [0, 1, GET_ATR[0]].repeat(1000);
    let stuffed = (0..10_000).map(|_| deaf.0.write_all(&questions)).find_map(Result::err);
    assert_eq!(stuffed.unwrap().kind(), io::ErrorKind::WouldBlock);
    let deafened = Instant::now();
    for slot in [&mut silent, &mut halting] {
        slot.0.set_read_timeout(Some(vpcd::SILENCE_TIME * 2)).unwrap();
        assert!(slot.is_closed());
    }
    assert!(began.elapsed() >= vpcd::SILENCE_TIME);
    for (listener, _) in &readers {
        assert_eq!(Slot::accept(listener).ask(GET_ATR).unwrap(), ATR);
    }
    assert!(deafened.elapsed() < vpcd::FRAME_TIME * 2, "{:?}", deafened.elapsed());
}
