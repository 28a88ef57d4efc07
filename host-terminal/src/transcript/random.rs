//! Which responses are random: what two equal cards answer differently, and so nothing that a transcript can expect.
//!
//! | command | because of |
//! | --- | --- |
//! | GET CHALLENGE | what it is |
//! | GENERATE ASYMMETRIC KEY PAIR | the key, also where it is told again |
//! | PERFORM SECURITY OPERATION: COMPUTE DIGITAL SIGNATURE | the signature's own secret |
//! | PERFORM SECURITY OPERATION: ENCIPHER | the nonce |
//! | INTERNAL AUTHENTICATE | the signature's own secret, where it is one |
//! | MUTUAL AUTHENTICATE | the card's challenge |
//! | INITIALIZE UPDATE | the card's challenge |
//! | BUILD, SIGN | one-time keys, the signature's own secret |
//!
//! GET RESPONSE brings more of what was answered before. Their status words are not random.

use apdu_spec::command::Header;
use apdu_spec::instruction::{
    Authenticate, Build, GenerateKeyPair, GetChallenge, GetResponse, InitializeUpdate, InternalAuthenticate,
    PerformSecurityOperation, Sign, Wire,
};

/// P1 and P2 of PERFORM SECURITY OPERATION (ISO/IEC 7816-8, 5.3).
const COMPUTE_SIGNATURE: (u8, u8) = (0x9E, 0x9A);
const ENCIPHER: (u8, u8) = (0x86, 0x80);

/// Whether what one card answers is random, told command by command.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Randomness {
    is_random: bool,
}

impl Randomness {
    /// Whether the data of the response to this command are random.
    pub(super) fn of(&mut self, command: &[u8]) -> bool {
        if let &[class, instruction, p1, p2, ..] = command
            && instruction != GetResponse::INSTRUCTION
        {
            self.is_random = is_random(Header { class, instruction, p1, p2 });
        }
        self.is_random
    }
}

fn is_random(header: Header) -> bool {
    let is_proprietary = header.class & 0x80 != 0;
    match header.instruction {
        Build::INSTRUCTION | Sign::INSTRUCTION | InitializeUpdate::INSTRUCTION => is_proprietary,
        GetChallenge::INSTRUCTION
        | GenerateKeyPair::INSTRUCTION
        | InternalAuthenticate::INSTRUCTION
        | Authenticate::INSTRUCTION => !is_proprietary,
        PerformSecurityOperation::INSTRUCTION => {
            !is_proprietary && [COMPUTE_SIGNATURE, ENCIPHER].contains(&(header.p1, header.p2))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_response_is_as_random_as_what_it_goes_on_with() {
        let mut randomness = Randomness::default();
        let mut is_random = |command: &str| randomness.of(&hex::decode(command).unwrap());
        assert!(is_random("0084000008") && is_random("00C0000008") && is_random("00C0000008"));
        assert!(!is_random("00B0000008") && !is_random("00C0000008"));
        // In a chain and on another channel; of another class it is another command.
        assert!(is_random("9114010001AA") && !is_random("1114010001AA"));
        assert!(is_random("002A9E9A00") && is_random("002A868000") && !is_random("002A908000"));
        assert!(!is_random(""));
    }
}
