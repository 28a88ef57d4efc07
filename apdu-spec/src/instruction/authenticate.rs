//! INTERNAL AUTHENTICATE, EXTERNAL AUTHENTICATE and MUTUAL AUTHENTICATE (ISO/IEC 7816-4, 11.5.4, 11.5.5 and 11.5.6),
//! with a key of the key store. The issuer's secure channel has an EXTERNAL AUTHENTICATE of another class.

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::key::KeyReference;
use crate::limits::{HOST_CHALLENGE_MAX, HOST_CHALLENGE_MIN, SHORT_EXPECTED_MAX};
use crate::{Full, Writer};

/// The card proves that it has a key.
///
/// ```text
/// 00 88  00  key reference (00: the one that the security environment names)  Lc challenge  Le
///
/// answer: the proof, see [`Proof`]: a signature (64) or a checksum (16)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InternalAuthenticate<'a> {
    /// Which key; `None`: the one that the security environment names.
    pub key: Option<KeyReference>,
    /// [`HOST_CHALLENGE_MIN`] to [`HOST_CHALLENGE_MAX`] bytes.
    pub challenge: &'a [u8],
}

/// The host proves that it has a key, and perhaps the card as well. The proof is over the challenge of 16 bytes that
/// GET CHALLENGE gave last on this logical channel.
///
/// ```text
/// 00 82  00  key reference (00)  10|40 proof                        EXTERNAL AUTHENTICATE
/// 00 82  00  key reference (00)  20 challenge (16), proof (16)  Le        MUTUAL AUTHENTICATE
///
/// answer to the second: the card's proof (16)
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Authenticate<'a> {
    /// Which key; `None`: the one that the security environment names.
    pub key: Option<KeyReference>,
    /// The host's challenge, where the card has to prove something too.
    pub challenge: Option<&'a [u8; 16]>,
    /// The host's proof.
    pub proof: &'a [u8],
}

/// What is signed, or what the checksum is of, to prove the possession of a key: a label, the key's reference, and one
/// or two challenges.
///
/// | label | challenges |
/// | --- | --- |
/// | `symbolon card/1 internal authenticate` | the host's |
/// | `symbolon card/1 external authenticate` | the card's (16) |
/// | `symbolon card/1 mutual authenticate, host` | the card's (16), the host's (16) |
/// | `symbolon card/1 mutual authenticate, card` | the host's (16), the card's (16) |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof<'a> {
    /// INTERNAL AUTHENTICATE: by the card.
    Internal(&'a [u8]),
    /// EXTERNAL AUTHENTICATE: by the host.
    External(&'a [u8; 16]),
    /// MUTUAL AUTHENTICATE: by the host.
    MutualHost {
        /// The card's challenge.
        card: &'a [u8; 16],
        /// The host's challenge.
        host: &'a [u8; 16],
    },
    /// MUTUAL AUTHENTICATE: by the card.
    MutualCard {
        /// The card's challenge.
        card: &'a [u8; 16],
        /// The host's challenge.
        host: &'a [u8; 16],
    },
}

impl Proof<'_> {
    /// Bytes of the longest.
    pub const LENGTH_MAX: usize = 41 + 1 + HOST_CHALLENGE_MAX;

    /// Writes what is signed.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, key: KeyReference, out: &mut Writer<'_>) -> Result<(), Full> {
        let (label, first, second): (&[u8], &[u8], &[u8]) = match self {
            Self::Internal(challenge) => (b"symbolon card/1 internal authenticate", challenge, &[]),
            Self::External(challenge) => (b"symbolon card/1 external authenticate", *challenge, &[]),
            Self::MutualHost { card, host } => (b"symbolon card/1 mutual authenticate, host", *card, *host),
            Self::MutualCard { card, host } => (b"symbolon card/1 mutual authenticate, card", *host, *card),
        };
        [label, &[key.number()], first, second].into_iter().try_for_each(|part| out.put(part))
    }
}

/// The key in P2; P1, the algorithm, says nothing.
fn key(command: &Command<'_>) -> Result<Option<KeyReference>, Malformed> {
    match (command.header.p1, command.header.p2) {
        (0, 0) => Ok(None),
        (0, reference) => KeyReference::parse(reference).map(Some).map_err(|_| Malformed::Parameters),
        _ => Err(Malformed::Parameters),
    }
}

fn header(instruction: u8, key: Option<KeyReference>) -> Header {
    Header::iso(instruction, 0, key.map_or(0, KeyReference::number))
}

impl<'a> Wire<'a> for InternalAuthenticate<'a> {
    const INSTRUCTION: u8 = 0x88;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let key = key(command)?;
        match command.data.len() {
            HOST_CHALLENGE_MIN..=HOST_CHALLENGE_MAX => Ok(Self { key, challenge: command.data }),
            _ => Err(Malformed::Length),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(header(Self::INSTRUCTION, self.key), SHORT_EXPECTED_MAX, |out| out.put(self.challenge))
    }
}

impl<'a> Wire<'a> for Authenticate<'a> {
    const INSTRUCTION: u8 = 0x82;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let key = key(command)?;
        match (command.data.len(), command.expected) {
            (16 | 64, 0) => Ok(Self { key, challenge: None, proof: command.data }),
            (32, 1..) => {
                let (challenge, proof) = command.data.split_first_chunk().ok_or(Malformed::Length)?;
                Ok(Self { key, challenge: Some(challenge), proof })
            }
            _ => Err(Malformed::Length),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let expected = if self.challenge.is_some() { SHORT_EXPECTED_MAX } else { 0 };
        out.command(header(Self::INSTRUCTION, self.key), expected, |out| {
            self.challenge.map_or(Ok(()), |challenge| out.put(challenge))?;
            out.put(self.proof)
        })
    }
}
