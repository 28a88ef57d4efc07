//! The secure channel of a security domain: GlobalPlatform's Secure Channel Protocol '03' (Amendment D to Card
//! Specification 2.3.1, 1.1.2; S16 mode: 1.2) with AES-128.
//!
//! There is one at a time, on the logical channel that began it. A command that does not verify ends it.

mod cipher;
mod handshake;
pub(crate) mod key_set;
mod open;
mod put_key;
#[cfg(test)]
mod tests;

use apdu_spec::command::Header;
use apdu_spec::instruction::SecurityLevel;
use apdu_spec::{Command, Status, Writer};

pub(crate) use key_set::KeySetName;

use cipher::BLOCK;
use handshake::Begun;
use open::Open;

use crate::refusal::Refusal;

/// The state of the secure channel.
#[derive(Default)]
pub(crate) enum SecureChannel {
    #[default]
    Closed,
    /// After INITIALIZE UPDATE: EXTERNAL AUTHENTICATE must follow.
    Begun(Begun),
    /// After EXTERNAL AUTHENTICATE.
    Open(Open),
}

/// A protected command, whole.
pub(crate) struct Protected<'a> {
    /// The logical channel.
    pub(crate) number: u8,
    /// The header, without chaining.
    pub(crate) header: Header,
    /// Whether `Lc` has three bytes.
    pub(crate) is_extended: bool,
    /// The data and the MAC; decrypted in place.
    pub(crate) data: &'a mut [u8],
    pub(crate) expected: usize,
}

impl SecureChannel {
    /// Undoes the protection of a command. What fails ends the secure channel.
    pub(crate) fn unwrap<'a>(&mut self, command: Protected<'a>) -> Result<Command<'a>, Refusal> {
        let outcome = match self {
            Self::Open(open) if open.number == command.number => open.unwrap(command),
            // Another logical channel's is not touched.
            Self::Closed | Self::Begun(_) | Self::Open(_) => return Err(Refusal::NoSecureMessaging),
        };
        if outcome.is_err() {
            self.close();
        }
        outcome
    }

    /// Protects the response to a command that was executed.
    pub(crate) fn wrap(&self, status: Status, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        match self {
            Self::Open(open) => open.wrap(status, reply),
            // The command closed its logical channel.
            Self::Closed | Self::Begun(_) => Ok(()),
        }
    }

    /// Decrypts data that the host encrypted with the key set's DEK, in place, and takes the padding off.
    pub(crate) fn decrypt_data<'a>(&self, data: &'a mut [u8]) -> Result<&'a mut [u8], Refusal> {
        let Self::Open(open) = self else { return Err(Refusal::NotGranted) };
        if data.is_empty() || data.len() % BLOCK != 0 {
            return Err(Refusal::WRONG_DATA);
        }
        cipher::decrypt(&open.keys.data, [0; BLOCK], data);
        let length = cipher::unpadded(data).ok_or(Refusal::WRONG_DATA)?;
        data.get_mut(..length).ok_or(Refusal::Fault)
    }

    /// EXTERNAL AUTHENTICATE did not directly follow: what was begun is over.
    pub(crate) fn interrupt(&mut self) {
        if matches!(self, Self::Begun(_)) {
            self.close();
        }
    }

    /// Forgets the keys.
    pub(crate) fn close(&mut self) {
        *self = Self::Closed;
    }

    /// A logical channel was closed.
    pub(crate) fn close_on(&mut self, number: u8) {
        if self.number() == Some(number) {
            self.close();
        }
    }

    /// Whether it is open on this logical channel.
    pub(crate) fn is_open_on(&self, number: u8) -> bool {
        matches!(self, Self::Open(open) if open.number == number)
    }

    /// Whether it is open and encrypts the data of commands.
    pub(crate) fn encrypts_commands(&self) -> bool {
        matches!(self, Self::Open(open) if open.level.encrypts_commands())
    }

    /// The key set that opened it.
    pub(crate) fn host(&self) -> Option<KeySetName> {
        match self {
            Self::Open(open) => Some(open.host),
            Self::Closed | Self::Begun(_) => None,
        }
    }

    /// How it protects commands and responses.
    pub(crate) fn level(&self) -> Option<SecurityLevel> {
        match self {
            Self::Open(open) => Some(open.level),
            Self::Closed | Self::Begun(_) => None,
        }
    }

    /// The logical channel that began it.
    pub(crate) fn number(&self) -> Option<u8> {
        match self {
            Self::Closed => None,
            Self::Begun(begun) => Some(begun.number),
            Self::Open(open) => Some(open.number),
        }
    }
}
