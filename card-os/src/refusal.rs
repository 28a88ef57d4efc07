//! Why the card refuses, by who is to blame, and what it warns of. Each becomes one status word, here and nowhere else.

use apdu_spec::{Full, Malformed, ParseError, Status};
use protocol::error::Rejected;

use crate::store::Fault;

/// What a command that was executed adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Warning {
    /// Nothing was found.
    NotFound,
    /// The file that is selected now is deactivated.
    Deactivated,
    /// The file that is selected now is terminated.
    Terminated,
}

impl From<Warning> for Status {
    fn from(warning: Warning) -> Self {
        match warning {
            Warning::NotFound => Self::NOT_FOUND,
            Warning::Deactivated => Self::FILE_DEACTIVATED,
            Warning::Terminated => Self::FILE_TERMINATED,
        }
    }
}

/// Why the card refuses a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The bytes form no command that the card knows.
    Malformed(Malformed),
    /// The command came on a channel that is not open.
    NoChannel,
    /// The command is protected in a way that the card does not know, or came with keys it does not have.
    NoSecureMessaging,
    /// A well-formed command at the wrong moment.
    OutOfOrder,
    /// The command is not one of the selected application.
    NotHere,
    /// No file is selected.
    NoCurrentFile,
    /// The file's structure does not fit the command.
    WrongFileType,
    /// No such file or application.
    FileNotFound,
    /// No such record.
    RecordNotFound,
    /// No such PIN, key or provider record.
    ReferenceNotFound,
    /// A file may not have this identifier.
    WrongIdentifier,
    /// The identifier is taken.
    FileExists,
    /// The name is taken.
    NameExists,
    /// An offset behind the end.
    WrongOffset,
    /// The access condition is not met.
    NotGranted,
    /// A message of the provider's does not verify, or answers something else.
    NotVerified,
    /// A newer descriptor was accepted before.
    Outdated,
    /// The issuer has locked the record.
    Locked,
    /// The card's own limit for the account, which no PIN lifts.
    AboveLimit,
    /// The PIN is wrong, or was not given.
    WrongPin {
        /// The tries left.
        left: u8,
    },
    /// The PIN is blocked.
    PinBlocked,
    /// The PIN has no resetting code.
    NoResettingCode,
    /// A signature, a checksum or the other side's proof that it has the keys is wrong.
    NotAuthenticated,
    /// The other side did not prove that it has the key.
    WrongProof {
        /// The tries left.
        left: u8,
    },
    /// The key set is blocked.
    KeyBlocked,
    /// The command's MAC or encryption is wrong.
    WrongProtection,
    /// All of what is asked for is in use.
    NotAvailable,
    /// There is no room; nothing was changed.
    NoSpace,
    /// The flash failed.
    Memory,
    /// What should hold does not: the card's own failure.
    Fault,
}

impl Refusal {
    /// A data field that is not what the command takes.
    pub(crate) const WRONG_DATA: Self = Self::Malformed(Malformed::Data(ParseError::Invalid));
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(Malformed::Class) => Self::CLASS_NOT_SUPPORTED,
            Refusal::Malformed(Malformed::Instruction) | Refusal::NotHere => Self::INSTRUCTION_NOT_SUPPORTED,
            Refusal::Malformed(Malformed::Parameters) => Self::WRONG_P1_P2,
            Refusal::Malformed(Malformed::Length) => Self::WRONG_LENGTH,
            Refusal::Malformed(Malformed::Data(_)) => Self::WRONG_DATA,
            Refusal::NoChannel => Self::CHANNEL_NOT_SUPPORTED,
            Refusal::NoSecureMessaging => Self::SECURE_MESSAGING_NOT_SUPPORTED,
            Refusal::OutOfOrder | Refusal::Outdated | Refusal::Locked => Self::CONDITIONS_NOT_SATISFIED,
            Refusal::NotAvailable | Refusal::AboveLimit => Self::FUNCTION_NOT_SUPPORTED,
            Refusal::NoCurrentFile => Self::NO_CURRENT_FILE,
            Refusal::WrongFileType => Self::INCOMPATIBLE_FILE,
            Refusal::FileNotFound => Self::FILE_NOT_FOUND,
            Refusal::RecordNotFound => Self::RECORD_NOT_FOUND,
            Refusal::ReferenceNotFound => Self::REFERENCE_NOT_FOUND,
            Refusal::WrongIdentifier => Self::WRONG_DATA,
            Refusal::FileExists => Self::FILE_EXISTS,
            Refusal::NameExists => Self::AID_EXISTS,
            Refusal::WrongOffset => Self::WRONG_OFFSET,
            Refusal::NotGranted | Refusal::NotVerified | Refusal::WrongProtection => Self::SECURITY_NOT_SATISFIED,
            Refusal::WrongPin { left } | Refusal::WrongProof { left } => Self::tries_left(left),
            Refusal::NotAuthenticated => Self::NOT_AUTHENTICATED,
            Refusal::PinBlocked | Refusal::KeyBlocked => Self::PIN_BLOCKED,
            Refusal::NoResettingCode => Self::REFERENCE_NOT_USABLE,
            Refusal::NoSpace => Self::NOT_ENOUGH_SPACE,
            Refusal::Memory => Self::MEMORY_FAILURE,
            Refusal::Fault => Self::FAILURE,
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<ParseError> for Refusal {
    fn from(error: ParseError) -> Self {
        Self::Malformed(error.into())
    }
}

impl From<Rejected> for Refusal {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Malformed(_) | Rejected::TooLarge(_) => Self::WRONG_DATA,
            Rejected::NotVerified(_) | Rejected::NotForThis(_) | Rejected::UnknownKey => Self::NotVerified,
        }
    }
}

/// Replies are bounded below the reply buffer's size, so that running out of it is the card's own mistake.
impl From<Full> for Refusal {
    fn from(_: Full) -> Self {
        Self::Fault
    }
}

impl<E> From<Fault<E>> for Refusal {
    fn from(fault: Fault<E>) -> Self {
        match fault {
            Fault::Full => Self::NoSpace,
            Fault::Flash(_) | Fault::Halted | Fault::Corrupt | Fault::Unformatted | Fault::Geometry => Self::Memory,
            Fault::NotFound | Fault::OutOfRange => Self::Fault,
        }
    }
}
