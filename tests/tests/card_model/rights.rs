//! Who may do what with a file: its rules, its state, and the states of the directories above it.

use std::collections::BTreeSet;

use crate::apdu::object;
use crate::files::{CREATION, Content, DEACTIVATED, INITIALISATION, MASTER_FILE, TERMINATED};
use crate::world::{ALWAYS, World};

/// The condition for each kind of operation. Of a directory they are creating a directory, creating an elementary file,
/// and deleting a file in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) manage: u8,
    pub(crate) append: u8,
    pub(crate) update: u8,
    pub(crate) read: u8,
}

impl Rules {
    pub(crate) const OPEN: Self = Self { manage: ALWAYS, append: ALWAYS, update: ALWAYS, read: ALWAYS };

    /// Compact access rules: delete, terminate, activate and deactivate have one condition.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { manage, append, update, read } = *self;
        object(&[0x8C], &[0x7F, manage, manage, manage, manage, append, update, read])
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    Manage,
    Append,
    Update,
    Read,
}

impl World {
    /// The content of the channel's current file, if its conditions permit.
    pub(crate) fn content(&mut self, channel: u8, right: Right) -> Result<&mut Content, u16> {
        let number = self.channel(channel).file.ok_or(0x6986_u16)?;
        self.must_be_in_use(number)?;
        self.permit(channel, number, right)?;
        Ok(&mut self.files.get_mut(&number).unwrap().content)
    }

    /// Neither the file nor a directory above it is out of use.
    pub(crate) fn must_be_in_use(&self, number: u32) -> Result<(), u16> {
        let is_out = |number: &u32| matches!(self.files[number].state, DEACTIVATED | TERMINATED);
        if self.upward(number).iter().any(is_out) { Err(0x6985) } else { Ok(()) }
    }

    /// The file and the directories above it.
    fn upward(&self, number: u32) -> BTreeSet<u32> {
        let mut way = BTreeSet::from([number]);
        let mut number = number;
        while number != MASTER_FILE {
            number = self.files[&number].parent;
            way.insert(number);
        }
        way
    }

    /// The issuer decides which files there are, whatever their conditions.
    pub(crate) fn permit_existence(&self, channel: u8, number: u32, right: Right) -> Result<(), u16> {
        self.may_personalise().or_else(|_| self.permit(channel, number, right))
    }

    /// Until a file is activated, whoever may create it may do everything with it.
    fn permit(&self, channel: u8, number: u32, right: Right) -> Result<(), u16> {
        let file = &self.files[&number];
        if matches!(file.state, CREATION | INITIALISATION) {
            let creating = if file.is_directory() { Right::Append } else { Right::Update };
            return self.permit_existence(channel, file.parent, creating);
        }
        let condition = match right {
            Right::Manage => file.rules.manage,
            Right::Append => file.rules.append,
            Right::Update => file.rules.update,
            Right::Read => file.rules.read,
        };
        self.require(channel, condition)
    }
}
