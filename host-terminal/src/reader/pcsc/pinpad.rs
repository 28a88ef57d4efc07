//! Readers with keys of their own to type PINs on: PC/SC part 10, revision 2.02.09, the feature VERIFY_PIN_DIRECT.
//!
//! The reader is given a VERIFY command without a PIN, and where in it the typed characters go; it sends the command to
//! the card itself. A PIN is typed as ASCII digits and takes the place of the data, with `Lc` as it is long.
//!
//! In the place of the card's status word, the reader may say (2.6.4): 6400 nobody typed in time, 6401 the user
//! pressed the key to cancel, 6403 too few or too many digits, 6480 the reader failed.

use std::ffi::CStr;
use std::time::Duration;

use apdu_spec::instruction::Verify;
use apdu_spec::limits::{PIN_LENGTH_MAX, PIN_LENGTH_MIN};
use apdu_spec::{Class, Wire};
use pcsc::{Card, Context, Disposition, Error, Protocols, ShareMode, ctl_code};

/// How long a reader may take until the PIN is typed and compared.
pub const TIME: Duration = Duration::from_secs(60);

/// Nobody typed in time.
pub const NOT_TYPED: u16 = 0x6400;
/// The user pressed the key to cancel.
pub const CANCELLED: u16 = 0x6401;
/// Too few or too many digits.
pub const WRONG_LENGTH: u16 = 0x6403;

/// CM_IOCTL_GET_FEATURE_REQUEST (2.2).
const GET_FEATURE_REQUEST: u64 = 3400;
/// FEATURE_VERIFY_PIN_DIRECT (2.3).
const VERIFY_PIN_DIRECT: u8 = 0x06;
/// The longest list of features: each at most once, six bytes each.
const FEATURES_MAX: usize = 6 * 256;
/// The longest answer to it: a response APDU without data, with room for readers that say more.
const ANSWER_MAX: usize = 258;

/// Seconds until the first key is pressed, and between keys.
const KEY_TIME: u8 = 30;

/// A reader's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pinpad {
    verify: u32,
}

impl Pinpad {
    /// The keys of the reader that the card is in, if it has any.
    pub(super) fn of(card: &Card) -> Option<Self> {
        let mut answer = [0; FEATURES_MAX];
        let features = card.control(ctl_code(GET_FEATURE_REQUEST), &[], &mut answer).ok()?;
        Self::among(features)
    }

    /// The keys of a reader, whether a card is in it or not, if it has any.
    pub(super) fn of_reader(context: &Context, name: &CStr) -> Option<Self> {
        let reader = context.connect(name, ShareMode::Direct, Protocols::UNDEFINED).ok()?;
        let pinpad = Self::of(&reader);
        // Nothing was done to a card.
        drop(reader.disconnect(Disposition::LeaveCard));
        pinpad
    }

    /// Finds the feature in a list of tag, length 4, control code (most significant byte first).
    fn among(features: &[u8]) -> Option<Self> {
        let mut entries = features.chunks_exact(6);
        entries.find_map(|entry| match *entry {
            [VERIFY_PIN_DIRECT, 4, a, b, c, d] => Some(Self { verify: u32::from_be_bytes([a, b, c, d]) }),
            _ => None,
        })
    }

    /// Has the PIN of this number typed and compared; the status word.
    pub(super) fn verify(self, card: &Card, number: u8) -> Result<Vec<u8>, Error> {
        let mut answer = [0; ANSWER_MAX];
        Ok(card.control(self.verify.into(), &verify_structure(number), &mut answer)?.to_vec())
    }
}

/// PIN_VERIFY_STRUCTURE (2.5.2), numbers least significant byte first.
fn verify_structure(number: u8) -> Vec<u8> {
    let command = [Class::ISO.to_byte(), Verify::INSTRUCTION, 0x00, number, 0x00];
    let [shortest, longest] = [PIN_LENGTH_MIN, PIN_LENGTH_MAX].map(|length| u8::try_from(length).unwrap_or(u8::MAX));
    let mut structure = vec![
        KEY_TIME, // bTimerOut
        KEY_TIME, // bTimerOut2
        0x82,     // bmFormatString: counted in bytes, from the first byte of the data, left justified, ASCII
        0x00,     // bmPINBlockString: no length in the data, a block as long as the PIN
        0x00,     // bmPINLengthFormat
        longest, shortest, // wPINMaxExtraDigit: the least in the high byte, the most in the low one
        0x02,     // bEntryValidationCondition: with the key for it
        0x01,     // bNumberMessage: one
        0x09, 0x04, // wLangId: English
        0x00, // bMsgIndex: the invitation to type a PIN
        0x00, 0x00, 0x00, // bTeoPrologue: for T=1, filled in by the driver
    ];
    structure.extend(u32::try_from(command.len()).unwrap_or_default().to_le_bytes());
    structure.extend(command);
    structure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feature_is_found_among_others() {
        let list = [0x01, 4, 0, 0, 0, 1, 0x06, 4, 0x42, 0x33, 0, 0x06, 0x0A, 4, 0, 0, 0, 2];
        assert_eq!(Pinpad::among(&list), Some(Pinpad { verify: 0x4233_0006 }));
        assert_eq!(Pinpad::among(&list[..6]), None);
        assert_eq!(Pinpad::among(&list[..11]), None, "cut off");
        assert_eq!(Pinpad::among(&[0x06, 3, 0, 0, 0, 6]), None);
    }

    #[test]
    fn the_structure_is_the_specification_s() {
        let expected = "1e1e82000010040201090400000000050000000020000100";
        assert_eq!(hex::encode(verify_structure(1)), expected);
    }
}
