//! Command chaining (ISO/IEC 7816-4, 5.3.3) and GET RESPONSE (5.3.4), once for every command.

use apdu_spec::command::Header;
use apdu_spec::command::SecureMessaging;
use apdu_spec::limits::{DATA_MAX, PROTECTION_MAX, SHORT_EXPECTED_MAX};
use apdu_spec::{Class, Command, Malformed, Status, Writer};
use zeroize::Zeroize;

use crate::refusal::Refusal;

/// What is kept between commands that belong together: the parts of a chain, or the rest of a response. Never both.
pub(crate) struct Link {
    buffer: [u8; DATA_MAX + PROTECTION_MAX],
    kept: Kept,
}

enum Kept {
    Nothing,
    /// The first `length` bytes are the parts of a command so far; `header` is without the chaining bit.
    Chain {
        header: Header,
        length: usize,
    },
    /// The bytes from `sent` to `length` wait for GET RESPONSE on `channel`; `status` goes with the last of them.
    Response {
        sent: usize,
        length: usize,
        channel: u8,
        status: Status,
    },
}

impl Default for Link {
    fn default() -> Self {
        Self { buffer: [0; DATA_MAX + PROTECTION_MAX], kept: Kept::Nothing }
    }
}

impl Link {
    /// Forgets what is kept.
    pub(crate) fn forget(&mut self) {
        let length = match self.kept {
            Kept::Nothing => 0,
            Kept::Chain { length, .. } | Kept::Response { length, .. } => length,
        };
        self.buffer.get_mut(..length).unwrap_or_default().zeroize();
        self.kept = Kept::Nothing;
    }

    /// Takes a part of a chain. `Ok(None)` asks for more; otherwise the command is whole. A command that does not
    /// continue the chain forgets it and stands for itself; one that is protected is copied in any case.
    pub(crate) fn collect<'a>(
        &'a mut self,
        class: Class,
        command: Command<'a>,
    ) -> Result<Option<Command<'a>>, Refusal> {
        let header = Header { class: Class { chaining: false, ..class }.to_byte(), ..command.header };
        let begun = match self.kept {
            Kept::Chain { header: of_chain, length } if of_chain == header => length,
            Kept::Nothing | Kept::Chain { .. } | Kept::Response { .. } => 0,
        };
        let length = begun + command.data.len();
        let max = if class.secure_messaging == SecureMessaging::None { DATA_MAX } else { DATA_MAX + PROTECTION_MAX };
        if begun == 0 {
            self.forget();
            if !class.chaining && class.secure_messaging == SecureMessaging::None && length <= max {
                return Ok(Some(command));
            }
        }
        let space = self.buffer.get_mut(begun..length).filter(|_| length <= max);
        let Some(part) = space else {
            self.forget();
            return Err(Malformed::Length.into());
        };
        part.copy_from_slice(command.data);
        self.kept = Kept::Chain { header, length };
        if class.chaining {
            return Ok(None);
        }
        Ok(Some(Command { header, data: self.buffer.get(..length).unwrap_or_default(), ..command }))
    }

    /// The data field of the protected command that [`collect`](Self::collect) gave, to be decrypted in place.
    pub(crate) fn collected(&mut self) -> &mut [u8] {
        let length = match self.kept {
            Kept::Chain { length, .. } => length,
            Kept::Nothing | Kept::Response { .. } => 0,
        };
        self.buffer.get_mut(..length).unwrap_or_default()
    }

    /// Cuts a response to what the command asked for and keeps the rest. `status` goes with the end of it.
    pub(crate) fn keep(&mut self, reply: &mut Writer<'_>, status: Status, expected: usize, channel: u8) -> Status {
        self.forget();
        let Some(rest) = reply.written().get(expected..).filter(|rest| !rest.is_empty()) else {
            return status;
        };
        let Some(space) = self.buffer.get_mut(..rest.len()) else {
            reply.truncate(0);
            return Status::FAILURE;
        };
        space.copy_from_slice(rest);
        let length = rest.len();
        self.kept = Kept::Response { sent: 0, length, channel, status };
        reply.truncate(expected);
        Status::more(length)
    }

    /// GET RESPONSE.
    pub(crate) fn fetch(&mut self, length: usize, on: u8, reply: &mut Writer<'_>) -> Result<Status, Refusal> {
        let (sent, end, status) = match self.kept {
            Kept::Response { sent, length, channel, status } if channel == on => (sent, length, status),
            Kept::Nothing | Kept::Chain { .. } | Kept::Response { .. } => {
                self.forget();
                return Err(Refusal::OutOfOrder);
            }
        };
        let remaining = end - sent;
        if length > remaining && length < SHORT_EXPECTED_MAX {
            return Ok(Status::wrong_expected(remaining));
        }
        let next = sent + length.min(remaining);
        reply.put(self.buffer.get(sent..next).unwrap_or_default())?;
        if next == end {
            self.forget();
            return Ok(status);
        }
        self.kept = Kept::Response { sent: next, length: end, channel: on, status };
        Ok(Status::more(end - next))
    }
}
