//! What a card says it can do, in its historical bytes and in EF.ATR/INFO (ISO/IEC 7816-4, 12.1.1.9 and 12.2.2).

use crate::limits::{COMMAND_MAX, RESPONSE_MAX};

/// Selection by full and partial AID, path and identifier, short identifiers, record numbers; WRITE sets bits, a data
/// unit is one byte; command chaining, extended lengths, four logical channels with numbers assigned by the card.
pub const CAPABILITIES: [u8; 3] = [0xF6, 0x41, 0xD3];

/// The card capabilities as EF.ATR/INFO holds them: `47 03`.
pub const CARD_CAPABILITIES: [u8; 5] = [0x47, 0x03, CAPABILITIES[0], CAPABILITIES[1], CAPABILITIES[2]];

/// The longest command and the longest response, bytes, as EF.ATR/INFO holds them: `7F66 08 02 02 .. 02 02 ..`.
pub const EXTENDED_LENGTH_INFORMATION: [u8; 11] = {
    let [.., high, low] = COMMAND_MAX.to_be_bytes();
    let [.., response_high, response_low] = RESPONSE_MAX.to_be_bytes();
    [0x7F, 0x66, 0x08, 0x02, 0x02, high, low, 0x02, 0x02, response_high, response_low]
};

const _: () = assert!(COMMAND_MAX <= u16::MAX as usize, "told in two bytes, like the response, which is shorter");
