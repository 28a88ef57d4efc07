//! PERFORM SECURITY OPERATION (ISO/IEC 7816-8, 5.3).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::limits::SHORT_EXPECTED_MAX;
use crate::{Full, Writer};

/// Works with a key that the security environment names.
///
/// ```text
/// 00 2A  9E 9A  20 hash  Le        computes a digital signature: r and s, 32 bytes each
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PerformSecurityOperation<'a> {
    /// Signs a hash.
    ComputeSignature(&'a [u8; 32]),
}

impl<'a> Wire<'a> for PerformSecurityOperation<'a> {
    const INSTRUCTION: u8 = 0x2A;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        match (command.header.p1, command.header.p2) {
            (0x9E, 0x9A) => Ok(Self::ComputeSignature(command.data.try_into().map_err(|_| Malformed::Length)?)),
            _ => Err(Malformed::Parameters),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match self {
            Self::ComputeSignature(hash) => {
                let header = Header::iso(Self::INSTRUCTION, 0x9E, 0x9A);
                out.command(header, SHORT_EXPECTED_MAX, |out| out.put(*hash))
            }
        }
    }
}
