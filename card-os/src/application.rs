//! What can be selected by name: one table of names, of their order, and of whose commands are whose.

use apdu_spec::instruction::{CardObject, GetCardData};
use apdu_spec::provider::ProviderReference;
use apdu_spec::{Aid, Instruction};

use crate::objects::FileNumber;

/// An application that can be selected by name. SELECT finds them in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Application {
    /// The issuer security domain, which personalises and manages the card. Selected from the start.
    #[default]
    Issuer,
    /// The transaction application.
    Transaction,
    /// The security domain of a provider, which manages one provider record.
    Provider(ProviderReference),
    /// A dedicated file with a name.
    Directory(FileNumber),
}

/// A security domain: it has key sets, and what they protect is its own (GlobalPlatform Card Specification 2.3.1, 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// The card.
    Issuer,
    /// One provider record.
    Provider(ProviderReference),
}

impl Application {
    /// Those of every card, whether or not there is such a provider record.
    pub(crate) fn native() -> impl Iterator<Item = Self> {
        [Self::Issuer, Self::Transaction].into_iter().chain(ProviderReference::all().map(Self::Provider))
    }

    /// Its name, if that does not stand in a file.
    pub(crate) fn name(self) -> Option<Aid<'static>> {
        match self {
            Self::Transaction => Some(Aid::TRANSACTION),
            Self::Issuer | Self::Provider(_) => self.domain().map(Domain::name),
            Self::Directory(_) => None,
        }
    }

    /// The security domain that it is.
    pub(crate) fn domain(self) -> Option<Domain> {
        match self {
            Self::Issuer => Some(Domain::Issuer),
            Self::Provider(reference) => Some(Domain::Provider(reference)),
            Self::Transaction | Self::Directory(_) => None,
        }
    }

    /// Whether the command is there while this application is selected.
    pub(crate) fn offers(self, instruction: &Instruction<'_>) -> bool {
        match family(instruction) {
            Family::Card => true,
            Family::SecurityDomain => self.domain().is_some(),
            Family::Transaction => self == Self::Transaction,
        }
    }
}

impl Domain {
    /// Its name, by which it is selected.
    pub(crate) fn name(self) -> Aid<'static> {
        match self {
            Self::Issuer => Aid::ISSUER_SECURITY_DOMAIN,
            Self::Provider(reference) => Aid::provider_security_domain(reference),
        }
    }

    /// Its number among the store's objects: 0, or the record's.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Issuer => 0,
            Self::Provider(reference) => reference.number(),
        }
    }
}

/// Commands that belong together.
enum Family {
    /// There whatever is selected.
    Card,
    /// Those of a security domain.
    SecurityDomain,
    /// Those of the transaction application.
    Transaction,
}

fn family(instruction: &Instruction<'_>) -> Family {
    match instruction {
        Instruction::GetCardData(GetCardData { object: CardObject::FILES }) => Family::Card,
        Instruction::InitializeUpdate(_)
        | Instruction::ExternalAuthenticate(_)
        | Instruction::PutKey(_)
        | Instruction::StoreData(_)
        | Instruction::GetCardData(_)
        | Instruction::Delete(_)
        | Instruction::SetStatus(_)
        | Instruction::GetStatus(_) => Family::SecurityDomain,
        Instruction::ChooseProvider(_)
        | Instruction::LoadDescriptor(_)
        | Instruction::Build(_)
        | Instruction::Sign(_)
        | Instruction::Receive(_)
        | Instruction::GetJournal(_)
        | Instruction::ListProviders(_)
        | Instruction::ChangeCondition(_) => Family::Transaction,
        Instruction::Verify(_)
        | Instruction::ChangeReferenceData(_)
        | Instruction::ResetRetryCounter(_)
        | Instruction::GetData(_)
        | Instruction::PutData(_)
        | Instruction::GenerateKeyPair(_)
        | Instruction::ManageSecurityEnvironment(_)
        | Instruction::PerformSecurityOperation(_)
        | Instruction::InternalAuthenticate(_)
        | Instruction::Authenticate(_)
        | Instruction::ManageChannel(_)
        | Instruction::GetChallenge(_)
        | Instruction::Select(_)
        | Instruction::ReadBinary(_)
        | Instruction::ReadRecord(_)
        | Instruction::GetResponse(_)
        | Instruction::UpdateBinary(_)
        | Instruction::UpdateRecord(_)
        | Instruction::SearchBinary(_)
        | Instruction::SearchRecord(_)
        | Instruction::WriteBinary(_)
        | Instruction::WriteRecord(_)
        | Instruction::UpdateRecordPart(_)
        | Instruction::EraseBinary(_)
        | Instruction::EraseRecord(_)
        | Instruction::CreateFile(_)
        | Instruction::AppendRecord(_)
        | Instruction::DeleteFile(_)
        | Instruction::ActivateFile(_)
        | Instruction::DeactivateFile(_)
        | Instruction::TerminateFile(_)
        | Instruction::TerminateDirectory(_)
        | Instruction::TerminateCardUsage(_) => Family::Card,
    }
}
