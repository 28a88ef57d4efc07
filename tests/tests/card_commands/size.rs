//! What a card takes of a board's memory, the stack aside.

use apdu_spec::limits::{DATA_MAX, REPLY_MAX};
use card_os::Card;
use sim_reader::flash::RamFlash;
use symbolon_tests::board::{BUFFERS, RAM, SilentBoard, card};

/// A quarter is the stack's: P-256 takes most of it.
#[test]
fn a_card_and_its_two_buffers_leave_a_quarter_of_the_smallest_boards_to_the_stack() {
    let card = card();
    println!("the card takes {card} bytes, its buffers {BUFFERS}");
    assert!(card + BUFFERS <= RAM / 4 * 3, "the card takes {card} bytes");
}

/// A board whose noise source fails has a card that says so, and goes on without.
#[test]
fn without_noise_what_needs_random_numbers_is_refused_and_the_rest_works() {
    let mut card = Card::format(SilentBoard, RamFlash::new(24)).unwrap();
    let mut reply = [0; REPLY_MAX];
    let mut answer = |command: &[u8]| {
        let length = card.answer(command, &mut reply);
        reply[..length].to_vec()
    };
    assert_eq!(answer(&[0x00, 0x84, 0x00, 0x00, 0x08]), [0x6F, 0x00]);
    let pin =
        [&[0x80, 0xE2, 0x90, 0x00, 0x0E, 0xA1, 0x0C, 0x80, 0x01, 0x01, 0x81, 0x01, 0x03, 0x82, 0x04][..], b"1234"];
    assert_eq!(answer(&pin.concat()), [0x6F, 0x00]);
    assert_eq!(answer(&[0x00, 0x20, 0x00, 0x01]), [0x6A, 0x88], "no half of the PIN is there");
    assert_eq!(answer(&[0x00, 0xA4, 0x00, 0x0C]), [0x90, 0x00]);
    // Also where the reply has no room, or not even a status word's.
    assert_eq!(card.answer(&[0x00, 0xA4, 0x00, 0x00, 0x00], &mut [0; 4]), 2);
    assert_eq!(card.answer(&[0x00, 0xA4, 0x00, 0x0C], &mut [0; 1]), 0);
}

/// HASH takes any data: however they come, the limit is the same.
#[test]
fn a_command_has_as_much_data_in_one_piece_as_in_a_chain() {
    let mut card = Card::format(SilentBoard, RamFlash::new(24)).unwrap();
    let mut reply = [0; REPLY_MAX];
    let mut hash = |class: u8, data: &[u8]| {
        let [.., high, low] = data.len().to_be_bytes();
        let length = card.answer(&[&[class, 0x2A, 0x90, 0x80, 0x00, high, low], data].concat(), &mut reply);
        reply[..length].to_vec()
    };
    let data = [0xA5; DATA_MAX + 1];
    assert_eq!(hash(0x00, &data[1..]), [0x90, 0x00]);
    assert_eq!(hash(0x00, &data), [0x67, 0x00]);
    let (first, second) = data.split_at(1000);
    assert_eq!(hash(0x10, first), [0x90, 0x00]);
    assert_eq!(hash(0x00, &second[1..]), [0x90, 0x00]);
    assert_eq!(hash(0x10, first), [0x90, 0x00]);
    assert_eq!(hash(0x00, second), [0x67, 0x00]);
}
