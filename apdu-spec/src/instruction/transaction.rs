//! The transaction application's commands. Its messages are the transaction protocol's; here they are bytes.

use super::{Malformed, Wire};
use crate::command::{Command, Header};
use crate::limits::{DATA_MAX, DESCRIPTOR_MAX, JOURNAL_ENTRIES};
use crate::provider::ProviderReference;
use crate::transaction::CHILDREN_MAX;
use crate::{Condition, Full, Reader, Tag, Writer};

/// Chooses the provider record that the next session is for, and ends any session before it.
///
/// ```text
/// 80 10  reference  00
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChooseProvider {
    /// The record.
    pub provider: ProviderReference,
}

/// Changes a provider record's access condition, under the record's condition for that.
///
/// ```text
/// 80 1E  reference  00  Lc  84 L access condition
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeCondition {
    /// The record.
    pub provider: ProviderReference,
    /// Its condition from now on.
    pub condition: Condition,
}

/// Hands the card the provider's signed descriptor.
///
/// ```text
/// 80 12  00 00  Lc descriptor
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadDescriptor<'a> {
    /// At most [`DESCRIPTOR_MAX`] bytes.
    pub descriptor: &'a [u8],
}

/// Has the card build its own part of a message.
///
/// ```text
/// 80 14  kind  00  [Lc what the terminal supplies]  Le
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Build<'a> {
    /// The kind of message, as the transaction protocol numbers them.
    pub kind: u8,
    /// What the terminal supplies for it.
    pub input: &'a [u8],
}

/// Has the card sign the message it built, over what it combines.
///
/// ```text
/// 80 16  00 more | 80 last  count  [Lc Child ...]  [Le]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign<'a> {
    /// No more children follow: sign.
    pub last: bool,
    /// How many children the node has, 0 to [`CHILDREN_MAX`]; the same in every command for one node.
    pub count: u8,
    /// [`Children`](crate::transaction::Children), whole ones.
    pub children: &'a [u8],
}

/// Hands the card its own part of a response or of a final notice.
///
/// ```text
/// 80 18  kind  00  Lc message  [Le]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receive<'a> {
    /// The kind of message, as the transaction protocol numbers them.
    pub kind: u8,
    /// The message.
    pub message: &'a [u8],
}

/// Reads the transaction journal, the newest entry first. Entries of accounts whose access condition is not met are
/// left out.
///
/// ```text
/// 80 1A  00 00  Le               all entries
/// 80 1A  1 to 16  00  Le         at most this many
///
/// answer: JournalEntry ...
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetJournal {
    /// At most this many entries, 1 to [`JOURNAL_ENTRIES`].
    pub count: u8,
}

/// Lists the provider records: what anyone may see of them.
///
/// ```text
/// 80 1C  00 00  Le
///
/// answer: A2 L ProviderInfo ...
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListProviders;

impl<'a> Wire<'a> for ChooseProvider {
    const INSTRUCTION: u8 = 0x10;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let provider = ProviderReference::parse(command.header.p1).map_err(|_| Malformed::Parameters)?;
        command.parameters(provider.number(), 0)?;
        command.no_data()?;
        Ok(Self { provider })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::proprietary(Self::INSTRUCTION, self.provider.number(), 0), 0, |_| Ok(()))
    }
}

impl<'a> Wire<'a> for ChangeCondition {
    const INSTRUCTION: u8 = 0x1E;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let provider = ProviderReference::parse(command.header.p1).map_err(|_| Malformed::Parameters)?;
        command.parameters(provider.number(), 0)?;
        let condition = Reader::all(command.data, |input| input.field(Tag::CONDITION))?;
        Ok(Self { provider, condition: Condition::parse(condition)? })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let header = Header::proprietary(Self::INSTRUCTION, self.provider.number(), 0);
        out.command(header, 0, |out| out.field(Tag::CONDITION, self.condition.as_bytes()))
    }
}

impl<'a> Wire<'a> for LoadDescriptor<'a> {
    const INSTRUCTION: u8 = 0x12;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(0, 0)?;
        match command.data.len() {
            1..=DESCRIPTOR_MAX => Ok(Self { descriptor: command.data }),
            _ => Err(Malformed::Length),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::proprietary(Self::INSTRUCTION, 0, 0), 0, |out| out.put(self.descriptor))
    }
}

impl<'a> Wire<'a> for Build<'a> {
    const INSTRUCTION: u8 = 0x14;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(command.header.p1, 0)?;
        Ok(Self { kind: command.header.p1, input: command.data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::proprietary(Self::INSTRUCTION, self.kind, 0), DATA_MAX, |out| out.put(self.input))
    }
}

const MORE: u8 = 0x00;
const LAST: u8 = 0x80;

impl<'a> Wire<'a> for Sign<'a> {
    const INSTRUCTION: u8 = 0x16;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        let (last, count) = match (command.header.p1, command.header.p2) {
            (MORE, count @ 0..=CHILDREN_MAX) => (false, count),
            (LAST, count @ 0..=CHILDREN_MAX) => (true, count),
            _ => return Err(Malformed::Parameters),
        };
        Ok(Self { last, count, children: command.data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let (p1, expected) = if self.last { (LAST, DATA_MAX) } else { (MORE, 0) };
        out.command(Header::proprietary(Self::INSTRUCTION, p1, self.count), expected, |out| out.put(self.children))
    }
}

impl<'a> Wire<'a> for Receive<'a> {
    const INSTRUCTION: u8 = 0x18;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(command.header.p1, 0)?;
        command.some_data()?;
        Ok(Self { kind: command.header.p1, message: command.data })
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::proprietary(Self::INSTRUCTION, self.kind, 0), DATA_MAX, |out| out.put(self.message))
    }
}

impl<'a> Wire<'a> for GetJournal {
    const INSTRUCTION: u8 = 0x1A;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.no_data()?;
        match (command.header.p1, command.header.p2) {
            (0, 0) => Ok(Self { count: JOURNAL_ENTRIES }),
            (count @ 1..=JOURNAL_ENTRIES, 0) => Ok(Self { count }),
            _ => Err(Malformed::Parameters),
        }
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::proprietary(Self::INSTRUCTION, self.count, 0), DATA_MAX, |_| Ok(()))
    }
}

impl<'a> Wire<'a> for ListProviders {
    const INSTRUCTION: u8 = 0x1C;

    fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
        command.parameters(0, 0)?;
        command.no_data()?;
        Ok(Self)
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.command(Header::proprietary(Self::INSTRUCTION, 0, 0), DATA_MAX, |_| Ok(()))
    }
}
