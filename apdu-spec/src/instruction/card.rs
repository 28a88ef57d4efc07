//! GET CHALLENGE (ISO/IEC 7816-4, 11.5.3).

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::limits::CHALLENGE_MAX;
use crate::{Full, Writer};

/// Random bytes.
///
/// ```text
/// 00 84  00 00  Le
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetChallenge {
    /// How many, 1 to [`CHALLENGE_MAX`].
    pub length: usize,
}

impl<'a> Wire<'a> for GetChallenge {
    const INSTRUCTION: u8 = 0x84;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(0, 0)?;
        command.no_data()?;
        match command.expected {
            length @ 1..=CHALLENGE_MAX => Ok(Self { length }),
            _ => Err(Malformed::Length),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::iso(Self::INSTRUCTION, 0, 0), self.length, |_| Ok(()))
    }
}
