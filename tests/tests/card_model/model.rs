//! What a card is, in the plainest words: maps, lists and numbers. Nothing here knows how the card does it.

use std::collections::{BTreeMap, BTreeSet};

/// A command of the model's, on a logical channel.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Create { id: u16, size: u8, read: u8, update: u8 },
    Delete { id: u16 },
    Select { channel: u8, id: u16 },
    Read { channel: u8, offset: u8, length: u8 },
    Update { channel: u8, offset: u8, data: Vec<u8> },
    Verify { channel: u8, pin: u8, right: bool },
    Ask { channel: u8, pin: u8 },
    Secure,
    Open,
    Close { channel: u8 },
}

/// The PINs of the card, each with three tries.
pub(crate) const PINS: [(u8, &[u8]); 2] = [(1, b"123456"), (2, b"8765")];
pub(crate) const TRIES: u8 = 3;
pub(crate) const ALWAYS: u8 = 0x00;

#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    content: Vec<u8>,
    read: u8,
    update: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Channel {
    file: Option<u16>,
    verified: BTreeSet<u8>,
}

/// All that there is to know about a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct World {
    secured: bool,
    files: BTreeMap<u16, File>,
    tries: BTreeMap<u8, u8>,
    channels: BTreeMap<u8, Channel>,
}

type Answer = (Vec<u8>, u16);

impl World {
    /// A card with its PINs and nothing else.
    pub(crate) fn new() -> Self {
        let tries = PINS.iter().map(|(pin, _)| (*pin, TRIES)).collect();
        let mut world = Self { secured: false, files: BTreeMap::new(), tries, channels: BTreeMap::new() };
        world.reset();
        world
    }

    /// Power off and on.
    pub(crate) fn reset(&mut self) {
        self.channels = BTreeMap::from([(0, Channel::default())]);
    }

    /// The worlds in which power may have gone during this act: nothing happened, all of it, or a try was counted.
    pub(crate) fn after_cut(&self, act: &Act) -> Vec<Self> {
        let mut done = self.clone();
        done.answer(act);
        let mut worlds = vec![self.clone(), done];
        if let Act::Verify { pin, .. } = act {
            let mut counted = self.clone();
            counted.tries.entry(*pin).and_modify(|tries| *tries = tries.saturating_sub(1));
            worlds.push(counted);
        }
        worlds.iter_mut().for_each(Self::reset);
        worlds
    }

    /// What the card answers, and what becomes of it.
    pub(crate) fn answer(&mut self, act: &Act) -> Answer {
        self.try_answer(act).unwrap_or_else(|status| (Vec::new(), status))
    }

    fn try_answer(&mut self, act: &Act) -> Result<Answer, u16> {
        let mut data = Vec::new();
        match act {
            Act::Create { id, size, read, update } => self.create(*id, *size, *read, *update)?,
            Act::Delete { id } => {
                if !self.files.contains_key(id) {
                    return Err(0x6A82);
                }
                self.personalises()?;
                self.files.remove(id);
                self.channels.values_mut().filter(|channel| channel.file == Some(*id)).for_each(|it| it.file = None);
                self.channel(0)?.file = None;
            }
            Act::Select { channel, id } => {
                self.channel(*channel)?;
                if !self.files.contains_key(id) {
                    return Err(0x6A82);
                }
                self.channel(*channel)?.file = Some(*id);
            }
            Act::Read { channel, offset, length } => {
                let content = self.current(*channel, |file| file.read)?;
                let rest = content.get(usize::from(*offset)..).ok_or(0x6B00_u16)?;
                data = rest[..rest.len().min(usize::from(*length))].to_vec();
            }
            Act::Update { channel, offset, data } => {
                let content = self.current(*channel, |file| file.update)?;
                let rest = content.get_mut(usize::from(*offset)..).ok_or(0x6B00_u16)?;
                rest.get_mut(..data.len()).ok_or(0x6A84_u16)?.copy_from_slice(data);
            }
            Act::Verify { channel, pin, right } => self.verify(*channel, *pin, *right)?,
            Act::Ask { channel, pin } => {
                if !self.channel(*channel)?.verified.contains(pin) {
                    return Err(self.left(*pin)?);
                }
            }
            Act::Secure => {
                self.personalises()?;
                self.secured = true;
                self.channels.values_mut().for_each(|channel| channel.verified.clear());
            }
            Act::Open => {
                let free = (0..4).find(|number| !self.channels.contains_key(number)).ok_or(0x6A81_u16)?;
                self.channels.insert(free, Channel::default());
                data = vec![free];
            }
            Act::Close { channel } => drop(self.channels.remove(channel).ok_or(0x6881_u16)?),
        }
        Ok((data, 0x9000))
    }

    fn create(&mut self, id: u16, size: u8, read: u8, update: u8) -> Result<(), u16> {
        self.personalises()?;
        if self.files.contains_key(&id) {
            return Err(0x6A89);
        }
        self.files.insert(id, File { content: vec![0; size.into()], read, update });
        self.channel(0)?.file = Some(id);
        Ok(())
    }

    fn verify(&mut self, channel: u8, pin: u8, right: bool) -> Result<(), u16> {
        self.channel(channel)?.verified.remove(&pin);
        if self.tries[&pin] == 0 {
            return Err(0x6983);
        }
        if !right {
            *self.tries.get_mut(&pin).unwrap() -= 1;
            return Err(0x63C0 | u16::from(self.tries[&pin]));
        }
        self.tries.insert(pin, TRIES);
        self.channel(channel)?.verified.insert(pin);
        Ok(())
    }

    fn left(&self, pin: u8) -> Result<u16, u16> {
        if self.tries[&pin] == 0 { Err(0x6983) } else { Ok(0x63C0 | u16::from(self.tries[&pin])) }
    }

    fn personalises(&self) -> Result<(), u16> {
        if self.secured { Err(0x6982) } else { Ok(()) }
    }

    fn channel(&mut self, number: u8) -> Result<&mut Channel, u16> {
        self.channels.get_mut(&number).ok_or(0x6881)
    }

    /// The content of a channel's current file, if the condition is met that `of` names.
    fn current(&mut self, channel: u8, of: impl Fn(&File) -> u8) -> Result<&mut Vec<u8>, u16> {
        let channel = self.channel(channel)?.clone();
        let file = self.files.get_mut(&channel.file.ok_or(0x6986_u16)?).unwrap();
        let condition = of(file);
        let is_met = condition == ALWAYS || channel.verified.contains(&(condition & 0x0F));
        if self.secured && !is_met { Err(0x6982) } else { Ok(&mut file.content) }
    }
}
