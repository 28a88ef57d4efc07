//! What a card is, in the plainest words: maps, lists and numbers. It was written from the card's manual, and nothing
//! here knows how the card does it.
//!
//! Every part of the card has a file with its commands, their bytes, and what they do to the [`World`].

use std::collections::{BTreeMap, BTreeSet};

use crate::act::{Act, Command};
use crate::domains::{Application, Begun, Domain, KeySets, Secure};
use crate::files::{File, MASTER_FILE, master_file};
use crate::keys::{Key, Role};
use crate::pins::Pin;
use crate::providers::Provider;

/// Data and a status word.
pub(crate) type Answer = (Vec<u8>, u16);
/// An answer that the card executed, or the status word of a refusal.
pub(crate) type Outcome = Result<Answer, u16>;

/// States of the card's life cycle.
pub(crate) const OP_READY: u8 = 0x01;
pub(crate) const INITIALIZED: u8 = 0x07;
pub(crate) const SECURED: u8 = 0x0F;
pub(crate) const LOCKED: u8 = 0x7F;
pub(crate) const TERMINATED: u8 = 0xFF;

/// Conditions of one byte.
pub(crate) const ALWAYS: u8 = 0x00;
pub(crate) const NEVER: u8 = 0xFF;

/// All that there is to know about a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) state: u8,
    pub(crate) files: BTreeMap<u32, File>,
    pub(crate) pins: BTreeMap<u8, Pin>,
    pub(crate) keys: BTreeMap<u8, Key>,
    pub(crate) providers: BTreeMap<u8, Provider>,
    pub(crate) key_sets: BTreeMap<Domain, KeySets>,
    pub(crate) channels: BTreeMap<u8, Channel>,
    pub(crate) secure: Option<Secure>,
    pub(crate) begun: Option<Begun>,
    /// The secure channel that the command came through.
    pub(crate) caller: Option<Secure>,
    /// Power goes when this has become durable.
    pub(crate) stop: Option<Stop>,
}

/// What becomes durable on its own, before the command is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A try or a use is counted.
    Counted,
    /// A PIN was right, and has its tries again.
    GivenBack,
}

/// What a logical channel has selected and proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) application: Application,
    pub(crate) directory: u32,
    pub(crate) file: Option<u32>,
    /// The number of the current record, 0 for none.
    pub(crate) record: usize,
    pub(crate) verified: BTreeSet<u8>,
    pub(crate) authenticated: BTreeSet<u8>,
    pub(crate) named: BTreeMap<Role, u8>,
    pub(crate) has_challenge: bool,
}

impl Channel {
    fn new() -> Self {
        Self {
            application: Application::Issuer,
            directory: MASTER_FILE,
            file: None,
            record: 0,
            verified: BTreeSet::new(),
            authenticated: BTreeSet::new(),
            named: BTreeMap::new(),
            has_challenge: false,
        }
    }
}

/// MANAGE CHANNEL.
#[derive(Clone, Debug)]
pub(crate) enum ChannelCommand {
    Open,
    OpenThis { number: u8 },
    Close { number: u8 },
}

impl World {
    /// A card as it leaves the factory.
    pub(crate) fn new() -> Self {
        Self {
            state: OP_READY,
            files: BTreeMap::from([(MASTER_FILE, master_file())]),
            pins: BTreeMap::new(),
            keys: BTreeMap::new(),
            providers: BTreeMap::new(),
            key_sets: BTreeMap::new(),
            channels: BTreeMap::from([(0, Channel::new())]),
            secure: None,
            begun: None,
            caller: None,
            stop: None,
        }
    }

    /// Power off and on.
    pub(crate) fn reset(&mut self) {
        self.channels = BTreeMap::from([(0, Channel::new())]);
        self.secure = None;
        self.begun = None;
        self.caller = None;
        self.stop = None;
    }

    /// The worlds in which power may have gone during this act: nothing happened, some of it became durable on its own,
    /// or all of it happened.
    pub(crate) fn after_cut(&self, act: &Act) -> Vec<Self> {
        let stops = [Some(Stop::Counted), Some(Stop::GivenBack), None];
        let begun = stops.map(|stop| {
            let mut world = Self { stop, ..self.clone() };
            world.answer(act, &[]);
            world
        });
        let mut worlds = vec![self.clone()];
        worlds.extend(begun);
        worlds.iter_mut().for_each(Self::reset);
        worlds
    }

    /// What the card answers, and what becomes of it. What is random is taken from what the card gave, if that can be.
    pub(crate) fn answer(&mut self, act: &Act, given: &[u8]) -> Answer {
        self.try_answer(act, given).unwrap_or_else(|status| (Vec::new(), status))
    }

    fn try_answer(&mut self, act: &Act, given: &[u8]) -> Outcome {
        // Another command than the one that must follow makes the card forget what was begun.
        let begun = self.begun.take();
        self.unprotect(act)?;
        self.lives(act)?;
        self.channels.get(&act.channel).ok_or(0x6881_u16)?;
        let channel = act.channel;
        match &act.command {
            Command::Channel(command) => self.manage_channel(command),
            Command::File(command) => self.manage_files(channel, command),
            Command::Binary(command) => self.use_binary(channel, command),
            Command::Record(command) => self.use_records(channel, command),
            Command::Object(command) => self.use_objects(channel, command, given),
            Command::Pin(command) => self.use_pins(channel, command),
            Command::Key(command) => self.use_keys(channel, command, given),
            Command::Provider(command) => self.use_providers(channel, command, given),
            Command::Domain(command) => self.manage_card(channel, command, begun, given),
        }
    }

    /// A locked card answers few commands, a terminated one fewer.
    fn lives(&self, act: &Act) -> Result<(), u16> {
        let is_answered = match self.state {
            LOCKED => act.informs() || act.manages_life_cycle(),
            TERMINATED => act.informs(),
            _ => true,
        };
        if is_answered { Ok(()) } else { Err(0x6985) }
    }

    fn manage_channel(&mut self, command: &ChannelCommand) -> Outcome {
        match command {
            ChannelCommand::Open => {
                let free = (0..4).find(|number| !self.channels.contains_key(number)).ok_or(0x6A81_u16)?;
                self.channels.insert(free, Channel::new());
                done(&[free])
            }
            ChannelCommand::OpenThis { number } => {
                if self.channels.contains_key(number) {
                    return Err(0x6881);
                }
                self.channels.insert(*number, Channel::new());
                done(&[])
            }
            ChannelCommand::Close { number } => {
                self.channels.remove(number).ok_or(0x6881_u16)?;
                self.secure.take_if(|secure| secure.channel == *number);
                done(&[])
            }
        }
    }

    /// An open channel.
    pub(crate) fn channel(&mut self, number: u8) -> &mut Channel {
        self.channels.get_mut(&number).unwrap()
    }

    /// Before SECURED the card is in a trusted place, and everything is permitted.
    pub(crate) fn personalises(&self) -> bool {
        matches!(self.state, OP_READY | INITIALIZED)
    }

    /// Whether the command may do what every command may before SECURED.
    pub(crate) fn may_personalise(&self) -> Result<(), u16> {
        let is_issuer = self.caller.as_ref().is_some_and(|caller| caller.owner == Domain::Issuer);
        if self.personalises() || is_issuer { Ok(()) } else { Err(0x6982) }
    }

    /// Whether a condition is met on a channel.
    pub(crate) fn is_met(&self, channel: u8, condition: u8) -> bool {
        let channel = &self.channels[&channel];
        let issuer = self.caller.as_ref().filter(|caller| caller.owner == Domain::Issuer);
        let is_met = match condition >> 4 {
            0 => condition == ALWAYS,
            1 => channel.verified.contains(&(condition & 0x0F)),
            2 => channel.authenticated.contains(&condition),
            4 => issuer.is_some_and(|caller| caller.version == condition & 0x0F),
            _ => false,
        };
        self.personalises() || is_met
    }

    /// The condition must be met.
    pub(crate) fn require(&self, channel: u8, condition: u8) -> Result<(), u16> {
        if self.is_met(channel, condition) { Ok(()) } else { Err(0x6982) }
    }

    /// Where something has become durable on its own.
    pub(crate) fn durable(&self, what: Stop) -> Result<(), u16> {
        if self.stop == Some(what) { Err(0) } else { Ok(()) }
    }
}

/// An answer to a command that was executed.
pub(crate) fn done(data: &[u8]) -> Outcome {
    Ok((data.to_vec(), 0x9000))
}
