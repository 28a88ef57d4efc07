//! Any command of the model's, on a logical channel.

use crate::apdu::Apdu;
use crate::binary::BinaryCommand;
use crate::domains::DomainCommand;
use crate::files::FileCommand;
use crate::keys::KeyCommand;
use crate::objects::ObjectCommand;
use crate::pins::PinCommand;
use crate::providers::ProviderCommand;
use crate::records::RecordCommand;
use crate::world::ChannelCommand;

#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) channel: u8,
    /// Through the secure channel, if there is one on this logical channel.
    pub(crate) protected: bool,
    pub(crate) command: Command,
}

#[derive(Clone, Debug)]
pub(crate) enum Command {
    Channel(ChannelCommand),
    File(FileCommand),
    Binary(BinaryCommand),
    Record(RecordCommand),
    Object(ObjectCommand),
    Pin(PinCommand),
    Key(KeyCommand),
    Provider(ProviderCommand),
    Domain(DomainCommand),
}

impl Act {
    /// In the clear and on the basic channel.
    pub(crate) fn plain(command: Command) -> Self {
        Self { channel: 0, protected: false, command }
    }

    /// Its kind, for counting: `Record Append`.
    pub(crate) fn kind(&self) -> String {
        let text = format!("{:?}", self.command);
        let mut words = text.split(|character: char| !character.is_alphanumeric());
        format!("{} {}", words.next().unwrap(), words.next().unwrap())
    }

    /// SELECT in any form: it is executed in the clear where a secure channel is, which it ends.
    pub(crate) fn is_select(&self) -> bool {
        matches!(
            self.command,
            Command::File(FileCommand::Select { .. } | FileCommand::SelectName { .. } | FileCommand::Climb { .. })
                | Command::Domain(DomainCommand::SelectDomain { .. } | DomainCommand::SelectTransaction)
        )
    }

    /// SELECT of an application by its name.
    pub(crate) fn is_select_by_name(&self) -> bool {
        matches!(
            self.command,
            Command::File(FileCommand::SelectName { .. })
                | Command::Domain(DomainCommand::SelectDomain { .. } | DomainCommand::SelectTransaction)
        )
    }

    /// INITIALIZE UPDATE.
    pub(crate) fn begins(&self) -> bool {
        matches!(self.command, Command::Domain(DomainCommand::Begin { .. }))
    }

    /// What a card answers to its end.
    pub(crate) fn informs(&self) -> bool {
        self.is_select()
            || matches!(
                self.command,
                Command::Domain(DomainCommand::GetStatus { .. }) | Command::File(FileCommand::List)
            )
    }

    /// What a locked card answers besides: SET STATUS, and what opens a secure channel.
    pub(crate) fn manages_life_cycle(&self) -> bool {
        matches!(
            self.command,
            Command::Provider(ProviderCommand::Lock { .. })
                | Command::Domain(
                    DomainCommand::Begin { .. } | DomainCommand::Finish { .. } | DomainCommand::SetState { .. }
                )
        )
    }
}

impl Command {
    pub(crate) fn apdu(&self) -> Apdu {
        match self {
            Self::Channel(ChannelCommand::Open) => Apdu::new([0x00, 0x70, 0x00, 0x00], []).expecting(1),
            Self::Channel(ChannelCommand::OpenThis { number }) => Apdu::new([0x00, 0x70, 0x00, *number], []),
            Self::Channel(ChannelCommand::Close { number }) => Apdu::new([0x00, 0x70, 0x80, *number], []),
            Self::File(command) => command.apdu(),
            Self::Binary(command) => command.apdu(),
            Self::Record(command) => command.apdu(),
            Self::Object(command) => command.apdu(),
            Self::Pin(command) => command.apdu(),
            Self::Key(command) => command.apdu(),
            Self::Provider(command) => command.apdu(),
            Self::Domain(command) => command.apdu(),
        }
    }
}
