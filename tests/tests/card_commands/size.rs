//! What a card takes of a board's memory, the stack aside.

use apdu_spec::limits::APDU_MAX;
use card_os::{Card, NoiseFailure, Platform};
use sim_reader::flash::RamFlash;

struct Board;

impl Platform for Board {
    type Flash = RamFlash;

    fn noise(&mut self, _: &mut [u8]) -> Result<(), NoiseFailure> {
        Err(NoiseFailure)
    }

    fn user_present(&mut self) -> bool {
        false
    }
}

/// Of 32 KiB, 8 are the stack's: P-256 takes most of them.
#[test]
fn a_card_and_its_two_buffers_leave_room_for_the_stack_in_32_kib() {
    let card = size_of::<Card<Board>>() - size_of::<RamFlash>();
    println!("the card takes {card} bytes, its buffers {}", 2 * APDU_MAX);
    assert!(card + 2 * APDU_MAX <= 24 * 1024, "the card takes {card} bytes");
}

/// A board whose noise source fails has a card that says so, and goes on without.
#[test]
fn without_noise_what_needs_random_numbers_is_refused_and_the_rest_works() {
    let mut card = Card::format(Board, RamFlash::new(24)).unwrap();
    let mut reply = [0; APDU_MAX];
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
