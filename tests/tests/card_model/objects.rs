//! Files of BER-TLV data objects.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::apdu::{Apdu, object};
use crate::files::Content;
use crate::rights::Right;
use crate::world::{Outcome, World, done};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Objects {
    /// The most bytes of all of them.
    pub(crate) size: usize,
    list: Vec<(Tag, Vec<u8>)>,
}

pub(crate) type Tag = &'static [u8];

const TAGS: [Tag; 5] = [&[0xC1], &[0x9F, 0x41], &[0x5F, 0x20], &[0xC2], &[0xDF, 0x81, 0x01]];

#[derive(Clone, Debug)]
pub(crate) enum ObjectCommand {
    /// By a tag of one or two bytes.
    Get {
        tag: Tag,
    },
    GetList {
        tags: Vec<Tag>,
    },
    /// An empty value deletes.
    Put {
        tag: Tag,
        value: Vec<u8>,
    },
    PutList {
        objects: Vec<(Tag, Vec<u8>)>,
    },
}

impl ObjectCommand {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let tag = || select(TAGS.to_vec());
        let short = || select(TAGS[..4].to_vec());
        let value = || prop_oneof![4 => vec(any::<u8>(), 1..25), 1 => Just(Vec::new())];
        prop_oneof![
            3 => short().prop_map(|tag| Self::Get { tag }),
            2 => vec(tag(), 0..4).prop_map(|tags| Self::GetList { tags }),
            3 => (short(), value()).prop_map(|(tag, value)| Self::Put { tag, value }),
            3 => vec((tag(), value()), 1..4).prop_map(|objects| Self::PutList { objects }),
        ]
    }

    pub(crate) fn apdu(&self) -> Apdu {
        let parameters = |tag: Tag| match *tag {
            [one] => [0x00, one],
            [one, two] => [one, two],
            _ => panic!("a longer tag"),
        };
        let header = |instruction, tag| {
            let [p1, p2] = parameters(tag);
            [0x00, instruction, p1, p2]
        };
        match self {
            Self::Get { tag } => Apdu::new(header(0xCA, tag), []).expecting(0),
            Self::GetList { tags } => Apdu::new([0x00, 0xCB, 0x00, 0x00], object(&[0x5C], &tags.concat())).expecting(0),
            Self::Put { tag, value } => Apdu::new(header(0xDA, tag), value.clone()),
            Self::PutList { objects } => {
                let objects: Vec<_> = objects.iter().map(|(tag, value)| object(tag, value)).collect();
                Apdu::new([0x00, 0xDB, 0x00, 0x00], objects.concat())
            }
        }
    }
}

impl World {
    pub(crate) fn use_objects(&mut self, channel: u8, command: &ObjectCommand, given: &[u8]) -> Outcome {
        match command {
            ObjectCommand::Get { tag } => {
                let objects = self.objects(channel, Right::Read)?;
                done(&objects.get(tag).ok_or(0x6A88_u16)?.1)
            }
            ObjectCommand::GetList { tags } => {
                let objects = self.objects(channel, Right::Read)?;
                let some = || tags.iter().filter_map(|tag| objects.get(tag)).collect();
                let found: Vec<_> = if tags.is_empty() { objects.list.iter().collect() } else { some() };
                if found.is_empty() {
                    return Err(0x6A88);
                }
                let found: Vec<_> = found.into_iter().map(|(tag, value)| object(tag, value)).collect();
                // In which order all come is not said.
                let is_any_order = tags.is_empty() && is_made_of(given, found.clone());
                done(if is_any_order { given.to_vec() } else { found.concat() }.as_slice())
            }
            ObjectCommand::Put { tag, value } => self.put(channel, &[(*tag, value.clone())]),
            ObjectCommand::PutList { objects } => self.put(channel, objects),
        }
    }

    /// All of them are put, or none.
    fn put(&mut self, channel: u8, objects: &[(Tag, Vec<u8>)]) -> Outcome {
        let there = self.objects(channel, Right::Update)?;
        let mut after = there.clone();
        for (tag, value) in objects {
            after.put(tag, value)?;
        }
        if after.length() > after.size {
            return Err(0x6A84);
        }
        *there = after;
        done(&[])
    }

    fn objects(&mut self, channel: u8, right: Right) -> Result<&mut Objects, u16> {
        match self.content(channel, right)? {
            Content::Objects(objects) => Ok(objects),
            Content::Directory | Content::Bytes(_) | Content::Records(_) => Err(0x6981),
        }
    }
}

impl Objects {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, list: Vec::new() }
    }

    fn get(&self, tag: Tag) -> Option<&(Tag, Vec<u8>)> {
        self.list.iter().find(|(other, _)| *other == tag)
    }

    fn put(&mut self, tag: Tag, value: &[u8]) -> Result<(), u16> {
        let place = self.list.iter().position(|(other, _)| *other == tag);
        match place {
            None if value.is_empty() => return Err(0x6A88),
            None => self.list.push((tag, value.to_vec())),
            Some(place) if value.is_empty() => drop(self.list.remove(place)),
            Some(place) => self.list[place].1 = value.to_vec(),
        }
        Ok(())
    }

    fn length(&self) -> usize {
        self.list.iter().map(|(tag, value)| object(tag, value).len()).sum()
    }
}

/// Whether bytes are these pieces in any order.
fn is_made_of(bytes: &[u8], mut pieces: Vec<Vec<u8>>) -> bool {
    let mut rest = bytes;
    while let Some(place) = pieces.iter().position(|piece| rest.starts_with(piece)) {
        rest = &rest[pieces.remove(place).len()..];
    }
    rest.is_empty() && pieces.is_empty()
}
