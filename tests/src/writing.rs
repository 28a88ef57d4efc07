//! Which commands of the card write. Tests that cut the power hold these lists to what the commands do, and to the list
//! of all commands, so that none that writes escapes them.

use apdu_spec::{Class, Instruction};

/// Commands that write nothing, whatever they are told.
pub const READING: &[&str] = &[
    "ManageSecurityEnvironment",
    "ManageChannel",
    "GetChallenge",
    "Select",
    "ReadBinary",
    "ReadRecord",
    "GetResponse",
    "GetData",
    "SearchBinary",
    "SearchRecord",
    "ChooseProvider",
    "Sign",
    "GetJournal",
    "ListProviders",
    "GetCardData",
    "GetStatus",
];

/// Commands that write in a purchase alone, which takes a provider.
pub const IN_A_PURCHASE: &[&str] = &["LoadDescriptor", "Build", "Receive"];

/// The name of a command, its parameters whatever they are; `none` if the card has no such command.
#[must_use]
pub fn name_of(command: &[u8]) -> &'static str {
    let &[class, instruction, ..] = command else { return "none" };
    let class = Class::parse(class).map(|class| class.proprietary);
    let named = |instruction: u8| {
        let mut all = Instruction::ALL.iter();
        all.find(|it| it.1 == instruction && Some(it.0.proprietary) == class).map(|(_, _, name)| *name)
    };
    // An odd instruction byte that is no command's own is the other form of the even one.
    named(instruction).or_else(|| named(instruction & 0xFE)).unwrap_or("none")
}
