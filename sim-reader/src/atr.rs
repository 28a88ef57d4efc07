//! The answer to reset, ISO/IEC 7816-3, 8.2.

use apdu_spec::card_capabilities::CAPABILITIES;

/// Historical bytes (ISO/IEC 7816-4, 12.1.1): category indicator 80, then COMPACT-TLV objects.
const HISTORICAL: [u8; 14] = [
    0x80, // COMPACT-TLV objects follow, status indicator among them if any
    0x73, // card capabilities, three bytes
    CAPABILITIES[0],
    CAPABILITIES[1],
    CAPABILITIES[2],
    0x58, // card issuer's data, eight bytes:
    b'S',
    b'y',
    b'm',
    b'b',
    b'o',
    b'l',
    b'o',
    b'n',
];

/// TS, T0, interface bytes: direct convention; the protocol is T=1 with the longest blocks.
const INTERFACE: [u8; 6] = [
    0x3B, // TS: direct convention
    0x8E, // T0: TD1 follows; 14 historical bytes
    0x81, // TD1: T=1; TD2 follows
    0x31, // TD2: T=1; TA3 and TB3 follow
    0xFE, // TA3: information field of up to 254 bytes
    0x45, // TB3: block and character waiting time integers 4 and 5
];

const _: () = assert!(HISTORICAL.len() == 0x0E, "T0 counts the historical bytes");

/// Bytes of [`ATR`].
pub const ATR_LENGTH: usize = INTERFACE.len() + HISTORICAL.len() + 1;

/// What the card answers to reset.
pub const ATR: [u8; ATR_LENGTH] = assemble();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler: an index out of bounds is a build error")]
const fn assemble() -> [u8; ATR_LENGTH] {
    let mut atr = [0; ATR_LENGTH];
    let mut check = 0; // TCK: the XOR of T0 to TCK is zero (8.2.5)
    let mut place = 0;
    while place < ATR_LENGTH - 1 {
        atr[place] = if place < INTERFACE.len() { INTERFACE[place] } else { HISTORICAL[place - INTERFACE.len()] };
        if place > 0 {
            check ^= atr[place];
        }
        place += 1;
    }
    atr[ATR_LENGTH - 1] = check;
    atr
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks the bytes by the rules of ISO/IEC 7816-3, 8.2, not by the constants above.
    #[test]
    fn the_answer_to_reset_is_a_valid_one() {
        assert_eq!(ATR[0], 0x3B);
        let historical = usize::from(ATR[1] & 0x0F);
        let (mut place, mut following, mut protocols) = (2, ATR[1] >> 4, Vec::new());
        while following != 0 {
            let count = following.count_ones() as usize;
            let more = following & 0x8 != 0;
            place += count;
            following = if more { ATR[place - 1] >> 4 } else { 0 };
            if more {
                protocols.push(ATR[place - 1] & 0x0F);
            }
        }
        assert_eq!(protocols, [1, 1]);
        assert_eq!(place + historical + 1, ATR.len(), "a protocol other than T=0 makes TCK mandatory");
        assert!(ATR.len() <= 33);
        assert_eq!(ATR[1..].iter().fold(0, |check, byte| check ^ byte), 0);

        // The COMPACT-TLV objects fill the historical bytes exactly.
        let bytes = &ATR[place..place + historical];
        assert_eq!(bytes[0], 0x80);
        let mut at = 1;
        while at < bytes.len() {
            at += 1 + usize::from(bytes[at] & 0x0F);
        }
        assert_eq!(at, bytes.len());
    }
}
