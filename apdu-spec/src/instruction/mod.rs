//! Every command of the card as a value. `parse` is the card's end, `encode` the terminal's.
//!
//! | class | INS | | |
//! | --- | --- | --- | --- |
//! | ISO | 04 | [`DeactivateFile`] | DEACTIVATE FILE |
//! | ISO | 0C | [`EraseRecord`] | ERASE RECORD |
//! | ISO | 0E, 0F | [`EraseBinary`] | ERASE BINARY |
//! | ISO | 20 | [`Verify`] | VERIFY |
//! | ISO | 22 | [`ManageSecurityEnvironment`] | MANAGE SECURITY ENVIRONMENT |
//! | ISO | 24 | [`ChangeReferenceData`] | CHANGE REFERENCE DATA |
//! | ISO | 2C | [`ResetRetryCounter`] | RESET RETRY COUNTER |
//! | ISO | 2A | [`PerformSecurityOperation`] | PERFORM SECURITY OPERATION |
//! | ISO | 44 | [`ActivateFile`] | ACTIVATE FILE |
//! | ISO | 47 | [`GenerateKeyPair`] | GENERATE ASYMMETRIC KEY PAIR |
//! | ISO | 70 | [`ManageChannel`] | MANAGE CHANNEL |
//! | ISO | 82 | [`Authenticate`] | EXTERNAL and MUTUAL AUTHENTICATE |
//! | ISO | 84 | [`GetChallenge`] | GET CHALLENGE |
//! | ISO | 88 | [`InternalAuthenticate`] | INTERNAL AUTHENTICATE |
//! | ISO | A0, A1 | [`SearchBinary`] | SEARCH BINARY |
//! | ISO | A2 | [`SearchRecord`] | SEARCH RECORD |
//! | ISO | A4 | [`Select`] | SELECT |
//! | ISO | B0, B1 | [`ReadBinary`] | READ BINARY |
//! | ISO | B2, B3 | [`ReadRecord`] | READ RECORD |
//! | ISO | C0 | [`GetResponse`] | GET RESPONSE |
//! | ISO | CA, CB | [`GetData`] | GET DATA |
//! | ISO | D0, D1 | [`WriteBinary`] | WRITE BINARY |
//! | ISO | D2 | [`WriteRecord`] | WRITE RECORD |
//! | ISO | D6, D7 | [`UpdateBinary`] | UPDATE BINARY |
//! | ISO | DA, DB | [`PutData`] | PUT DATA |
//! | ISO | DC | [`UpdateRecord`] | UPDATE RECORD |
//! | ISO | DD | [`UpdateRecordPart`] | UPDATE RECORD |
//! | ISO | E0 | [`CreateFile`] | CREATE FILE |
//! | ISO | E2 | [`AppendRecord`] | APPEND RECORD |
//! | ISO | E4 | [`DeleteFile`] | DELETE FILE |
//! | ISO | E6 | [`TerminateDirectory`] | TERMINATE DF |
//! | ISO | E8 | [`TerminateFile`] | TERMINATE EF |
//! | ISO | FE | [`TerminateCardUsage`] | TERMINATE CARD USAGE |
//! | proprietary | 10 | [`ChooseProvider`] | CHOOSE PROVIDER |
//! | proprietary | 12 | [`LoadDescriptor`] | LOAD DESCRIPTOR |
//! | proprietary | 14 | [`Build`] | BUILD |
//! | proprietary | 16 | [`Sign`] | SIGN |
//! | proprietary | 18 | [`Receive`] | RECEIVE |
//! | proprietary | 1A | [`GetJournal`] | GET JOURNAL |
//! | proprietary | 1C | [`ListProviders`] | LIST PROVIDERS |
//! | proprietary | 1E | [`ChangeCondition`] | CHANGE CONDITION |
//! | proprietary | 50 | [`InitializeUpdate`] | INITIALIZE UPDATE |
//! | proprietary | 82 | [`ExternalAuthenticate`] | EXTERNAL AUTHENTICATE |
//! | proprietary | CA | [`GetCardData`] | GET DATA |
//! | proprietary | D8 | [`PutKey`] | PUT KEY |
//! | proprietary | E2 | [`StoreData`] | STORE DATA |
//! | proprietary | E4 | [`Delete`] | DELETE |
//! | proprietary | F0 | [`SetStatus`] | SET STATUS |
//! | proprietary | F2 | [`GetStatus`] | GET STATUS |

mod authenticate;
mod binary;
mod card;
mod card_data;
mod channel;
mod data;
mod data_object;
mod delete;
mod file;
mod key;
mod pin;
mod record;
mod registry;
mod search;
mod secure_channel;
mod security_environment;
mod security_operation;
mod select;
mod store_data;
mod transaction;

pub use authenticate::{Authenticate, InternalAuthenticate, Proof};
pub use binary::{EraseBinary, ReadBinary, UpdateBinary, WriteBinary};
pub use card::GetChallenge;
pub use card_data::{
    CardObject, FileList, GetCardData, Resources, encode_application, encode_domain, encode_keys, encode_recognition,
};
pub use channel::{GetResponse, ManageChannel};
pub use data::{DataFile, DataObject, DataRequest, GetData, Objects, PutData, Tags};
pub use delete::Delete;
pub use file::{
    ActivateFile, CreateFile, DeactivateFile, DeleteFile, FileCommand, TerminateCardUsage, TerminateDirectory,
    TerminateFile,
};
pub use key::{GenerateKeyPair, Pair};
pub use pin::{ChangePart, ChangeReferenceData, PinReference, ResetPart, ResetRetryCounter, Verify, VerifyPart};
pub use record::{
    AppendRecord, Combination, EraseRecord, Position, ReadRecord, RecordRange, RecordSelector, UpdateRecord,
    UpdateRecordPart, WriteRecord,
};
pub use registry::{GetStatus, RegistryEntry, SetStatus, Subset};
pub use search::{Begin, Direction, Search, SearchBinary, SearchRecord};
pub use secure_channel::{ExternalAuthenticate, InitializeUpdate, KeyBlock, KeyVersion, PutKey, SecurityLevel};
pub use security_environment::{ControlReference, ManageSecurityEnvironment};
pub use security_operation::{Cryptogram, HashBegun, HashInput, PerformSecurityOperation};
pub use select::{FileIds, Occurrence, Select, SelectAnswer, Selector};
pub use store_data::{StoreBlock, StoreData, StoreForm};
pub use transaction::{
    Build, ChangeCondition, ChooseProvider, GetJournal, ListProviders, LoadDescriptor, Receive, Sign,
};

use crate::command::Command;
use crate::{Class, FileId, Full, ParseError, ShortFileId, Writer};

/// A command with a meaning, which has a form on the wire.
pub trait Wire<'a>: Sized {
    /// The instruction byte.
    const INSTRUCTION: u8;
    /// The instruction byte of the form with data objects, where the command has two.
    const ODD: u8 = Self::INSTRUCTION;

    /// The value that `command` says. Class and instruction byte were compared before.
    ///
    /// # Errors
    /// [`Malformed`] when parameters or data do not form one.
    fn parse(command: &Command<'a>) -> Result<Self, Malformed>;

    /// Writes the command, for the basic channel and unprotected.
    ///
    /// # Errors
    /// [`Full`].
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full>;
}

/// Why a command is none that the card knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The class byte.
    Class,
    /// The instruction byte.
    Instruction,
    /// P1 or P2.
    Parameters,
    /// `Lc` or `Le`, or the parts do not form a command at all.
    Length,
    /// The data field.
    Data(ParseError),
}

impl From<ParseError> for Malformed {
    fn from(error: ParseError) -> Self {
        Self::Data(error)
    }
}

/// A file that a command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one selected before.
    Current,
    /// One in the current directory, which the command makes the current one.
    Short(ShortFileId),
    /// One in the current directory, which the command makes the current one.
    Id(FileId),
}

macro_rules! instructions {
    ($($variant:ident $(<$life:lifetime>)?, $class:ident;)*) => {
        /// Any command of the card.
        ///
        /// No `Debug`: some carry PINs and keys.
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each variant is the type of the same name")]
        pub enum Instruction<'a> {
            $($variant($variant $(<$life>)?),)*
        }

        impl Instruction<'_> {
            /// Every command's class, instruction byte and name; a byte may have several commands.
            pub const ALL: &'static [(Class, u8, &'static str)] =
                &[$((classes::of(classes::$class), $variant::INSTRUCTION, stringify!($variant)),)*];
        }

        impl<'a> Instruction<'a> {
            /// The value that a whole command says, its chaining and its protection undone.
            ///
            /// # Errors
            /// [`Malformed`] when the card has no such command.
            pub fn parse(command: &Command<'a>) -> Result<Self, Malformed> {
                let class = Class::parse(command.header.class).ok_or(Malformed::Class)?;
                #[expect(unreachable_patterns, reason = "most commands have one instruction byte")]
                match (class.proprietary, command.header.instruction) {
                    $((classes::$class, $variant::INSTRUCTION | $variant::ODD) => {
                        $variant::parse(command).map(Self::$variant)
                    })*
                    _ => Err(Malformed::Instruction),
                }
            }

            /// Writes the command, for the basic channel and unprotected.
            ///
            /// # Errors
            /// [`Full`].
            pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
                match self {
                    $(Self::$variant(instruction) => instruction.encode(out),)*
                }
            }
        }
    };
}

mod classes {
    pub(super) const ISO: bool = false;
    pub(super) const PROPRIETARY: bool = true;

    pub(super) const fn of(proprietary: bool) -> super::Class {
        if proprietary { super::Class::PROPRIETARY } else { super::Class::ISO }
    }
}

instructions! {
    DeactivateFile<'a>, ISO;
    EraseRecord, ISO;
    EraseBinary, ISO;
    Verify<'a>, ISO;
    ChangeReferenceData<'a>, ISO;
    ResetRetryCounter<'a>, ISO;
    ActivateFile<'a>, ISO;
    GenerateKeyPair, ISO;
    ManageSecurityEnvironment, ISO;
    PerformSecurityOperation<'a>, ISO;
    InternalAuthenticate<'a>, ISO;
    Authenticate<'a>, ISO;
    ManageChannel, ISO;
    GetChallenge, ISO;
    Select<'a>, ISO;
    ReadBinary, ISO;
    ReadRecord, ISO;
    GetResponse, ISO;
    GetData<'a>, ISO;
    SearchBinary<'a>, ISO;
    SearchRecord<'a>, ISO;
    WriteBinary<'a>, ISO;
    WriteRecord<'a>, ISO;
    UpdateBinary<'a>, ISO;
    PutData<'a>, ISO;
    UpdateRecord<'a>, ISO;
    UpdateRecordPart<'a>, ISO;
    CreateFile<'a>, ISO;
    AppendRecord<'a>, ISO;
    DeleteFile<'a>, ISO;
    TerminateDirectory<'a>, ISO;
    TerminateFile<'a>, ISO;
    TerminateCardUsage, ISO;
    ChooseProvider, PROPRIETARY;
    LoadDescriptor<'a>, PROPRIETARY;
    Build<'a>, PROPRIETARY;
    Sign<'a>, PROPRIETARY;
    Receive<'a>, PROPRIETARY;
    GetJournal, PROPRIETARY;
    ListProviders, PROPRIETARY;
    ChangeCondition, PROPRIETARY;
    InitializeUpdate<'a>, PROPRIETARY;
    ExternalAuthenticate<'a>, PROPRIETARY;
    GetCardData, PROPRIETARY;
    PutKey<'a>, PROPRIETARY;
    StoreData<'a>, PROPRIETARY;
    Delete<'a>, PROPRIETARY;
    SetStatus<'a>, PROPRIETARY;
    GetStatus<'a>, PROPRIETARY;
}

impl Command<'_> {
    /// P1 and P2 must be these.
    fn parameters(&self, p1: u8, p2: u8) -> Result<(), Malformed> {
        if (self.header.p1, self.header.p2) == (p1, p2) { Ok(()) } else { Err(Malformed::Parameters) }
    }

    /// There must be no data field.
    fn no_data(&self) -> Result<(), Malformed> {
        if self.data.is_empty() { Ok(()) } else { Err(Malformed::Length) }
    }

    /// There must be a data field.
    fn some_data(&self) -> Result<(), Malformed> {
        if self.data.is_empty() { Err(Malformed::Length) } else { Ok(()) }
    }

    /// There must be an expected length.
    fn some_expected(&self) -> Result<(), Malformed> {
        if self.expected == 0 { Err(Malformed::Length) } else { Ok(()) }
    }
}
