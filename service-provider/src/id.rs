//! Transaction identifications: UUID version 7 (RFC 9562, section 5.7).
//!
//! 48 bits of milliseconds come first, so that rows keyed by them are written side by side and whatever is old enough
//! to forget is a range. 74 random bits follow.

use crate::time::Timestamp;
use protocol::types::TransactionId;
use rand_core::RngCore;

/// The last instant that 48 bits of milliseconds can say.
const TIME_MAX: u64 = (1 << 48) - 1;

/// Draws an identification at `now`.
#[must_use]
pub fn draw(now: Timestamp, random: &mut impl RngCore) -> TransactionId {
    let low = u128::from(random.next_u64()) | (u128::from(random.next_u64()) << 64);
    let random_bits = low & !(0xf << 76) & !(0b11 << 62) & ((1 << 80) - 1);
    let fixed_bits = (0x7 << 76) | (0b10 << 62);
    TransactionId((time_bits(now) | fixed_bits | random_bits).to_be_bytes())
}

/// The instant at which an identification was drawn.
#[must_use]
pub fn drawn_at(id: TransactionId) -> Timestamp {
    let [a, b, c, d, e, f, ..] = id.0;
    Timestamp(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

/// The bound below which every identification was drawn before `time`.
#[must_use]
pub fn bound(time: Timestamp) -> TransactionId {
    TransactionId(time_bits(time).to_be_bytes())
}

fn time_bits(time: Timestamp) -> u128 {
    u128::from(time.0.min(TIME_MAX)) << 80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifications_follow_the_standard_and_the_clock() {
        let mut random = rand::rngs::mock::StepRng::new(u64::MAX, 0);
        let id = draw(Timestamp(0x0123_4567_89ab), &mut random);
        assert_eq!(id.to_string(), "0123456789ab7fffbfffffffffffffff");
        let mut zeros = rand::rngs::mock::StepRng::new(0, 0);
        assert_eq!(draw(Timestamp(1), &mut zeros).to_string(), "00000000000170008000000000000000");
        assert_eq!(drawn_at(id), Timestamp(0x0123_4567_89ab));
        assert!(bound(Timestamp(0x0123_4567_89ab)) < id);
        assert!(bound(Timestamp(0x0123_4567_89ac)) > id);
    }
}
