//! Who may do what: conditions, and security attributes that tie them to operations (ISO/IEC 7816-4, 5.4.3).

mod attributes;
mod condition;
mod requirement;

pub use attributes::SecurityAttributes;
pub use condition::Condition;
pub use requirement::{Part, Quorum, Requirement};

use crate::command::Header;

/// What a command is about to do to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// The operation.
    pub operation: Operation,
    /// The command's header, its class without chaining, secure messaging and logical channel.
    pub header: Header,
}

/// An operation on a file, named by its bit in the access mode byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Read the content of an elementary file.
    Read,
    /// Change or erase content of an elementary file.
    Update,
    /// Append a record to an elementary file.
    Append,
    /// Take this file out of use, elementary or dedicated.
    Deactivate,
    /// Take this file into use.
    Activate,
    /// End this file's life.
    Terminate,
    /// Delete this file itself, elementary or dedicated.
    DeleteSelf,
    /// Delete a file in a dedicated file.
    DeleteChild,
    /// Create an elementary file in a dedicated file.
    CreateFile,
    /// Create a dedicated file in a dedicated file.
    CreateDirectory,
    /// Replace the file's security attributes. It has no bit: a rule covers it by the command's header; none does in a
    /// file of data objects, whose content has the same header.
    ChangeAttributes,
}

impl Operation {
    /// The bit in the access mode byte (ISO/IEC 7816-4, tables 19 and 20); 0 for an operation that has none.
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            Self::Read | Self::DeleteChild => 0x01,
            Self::Update | Self::CreateFile => 0x02,
            Self::Append | Self::CreateDirectory => 0x04,
            Self::Deactivate => 0x08,
            Self::Activate => 0x10,
            Self::Terminate => 0x20,
            Self::DeleteSelf => 0x40,
            Self::ChangeAttributes => 0,
        }
    }
}
