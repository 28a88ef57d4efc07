//! Files of records.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::apdu::{Apdu, object};
use crate::files::Content;
use crate::rights::Right;
use crate::world::{Outcome, World, done};

/// The file descriptor bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Structure {
    Fixed = 0x02,
    Variable = 0x04,
    Cyclic = 0x06,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Records {
    pub(crate) structure: Structure,
    pub(crate) length: usize,
    pub(crate) most: usize,
    /// Record 1 is the first; in a cyclic file it is the newest.
    list: Vec<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub(crate) enum RecordCommand {
    Append { data: Vec<u8> },
    Read { which: Which },
    ReadAll { number: u8, is_upward: bool },
    ReadPart { number: u8, offset: u8 },
    Update { which: Which, data: Vec<u8> },
    UpdatePart { number: u8, offset: u8, p2: u8, data: Vec<u8> },
    Write { which: Which, data: Vec<u8> },
    Erase { number: u8, to_last: bool },
    Search { number: u8, is_upward: bool, string: Vec<u8> },
}

/// How a command says which record it means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    Number(u8),
    Identifier(u8, Place),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    First,
    Last,
    Next,
    Previous,
}

impl RecordCommand {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let number = || prop_oneof![6 => 0..4_u8, 1 => 4..7_u8];
        let place = || select(vec![Place::First, Place::Last, Place::Next, Place::Previous]);
        let which = || {
            prop_oneof![
                number().prop_map(Which::Number),
                (0..4_u8, place()).prop_map(|(identifier, place)| Which::Identifier(identifier, place)),
            ]
        };
        let data = || vec(0..4_u8, 1..20);
        prop_oneof![
            6 => data().prop_map(|data| Self::Append { data }),
            3 => which().prop_map(|which| Self::Read { which }),
            2 => (number(), any::<bool>()).prop_map(|(number, is_upward)| Self::ReadAll { number, is_upward }),
            1 => (number(), 0..10_u8).prop_map(|(number, offset)| Self::ReadPart { number, offset }),
            3 => (which(), data()).prop_map(|(which, data)| Self::Update { which, data }),
            2 => (number(), 0..9_u8, 4..8_u8, vec(any::<u8>(), 1..6))
                .prop_map(|(number, offset, p2, data)| Self::UpdatePart { number, offset, p2, data }),
            2 => (which(), data()).prop_map(|(which, data)| Self::Write { which, data }),
            1 => (number(), any::<bool>()).prop_map(|(number, to_last)| Self::Erase { number, to_last }),
            2 => (number(), any::<bool>(), vec(0..4_u8, 1..3))
                .prop_map(|(number, is_upward, string)| Self::Search { number, is_upward, string }),
        ]
    }

    /// The same with data as long as the record of a file of this length.
    pub(crate) fn fitting(mut self, length: u8) -> Self {
        if let Self::Append { data } | Self::Update { data, .. } | Self::Write { data, .. } = &mut self {
            data.resize(length.into(), 1);
        }
        self
    }

    pub(crate) fn apdu(&self) -> Apdu {
        let data = |data: &[u8]| data.to_vec();
        let either = |is_first: bool, first, second| if is_first { first } else { second };
        match self {
            Self::Append { data: record } => Apdu::new([0x00, 0xE2, 0x00, 0x00], data(record)),
            Self::Read { which } => which.apdu(0xB2, &[]).expecting(0),
            Self::ReadAll { number, is_upward } => {
                Apdu::new([0x00, 0xB2, *number, either(*is_upward, 5, 6)], []).expecting(0)
            }
            Self::ReadPart { number, offset } => {
                Apdu::new([0x00, 0xB3, *number, 4], object(&[0x54], &[*offset])).expecting(0)
            }
            Self::Update { which, data } => which.apdu(0xDC, data),
            Self::UpdatePart { number, offset, p2, data } => {
                Apdu::new([0x00, 0xDD, *number, *p2], [object(&[0x54], &[*offset]), object(&[0x53], data)].concat())
            }
            Self::Write { which, data } => which.apdu(0xD2, data),
            Self::Erase { number, to_last } => Apdu::new([0x00, 0x0C, *number, either(*to_last, 5, 4)], []),
            Self::Search { number, is_upward, string } => {
                Apdu::new([0x00, 0xA2, *number, either(*is_upward, 4, 5)], data(string)).expecting(0)
            }
        }
    }
}

impl Which {
    /// In a cyclic file the record before any is a new one.
    fn is_append(self) -> bool {
        matches!(self, Self::Identifier(0, Place::Previous))
    }

    fn apdu(self, instruction: u8, data: &[u8]) -> Apdu {
        let (p1, p2) = match self {
            Self::Number(number) => (number, 4),
            Self::Identifier(identifier, place) => (identifier, place as u8),
        };
        Apdu::new([0x00, instruction, p1, p2], data)
    }
}

impl World {
    pub(crate) fn use_records(&mut self, channel: u8, command: &RecordCommand) -> Outcome {
        match command {
            RecordCommand::Append { data } => self.append(channel, Right::Append, data),
            RecordCommand::Read { which } => {
                let number = self.one(channel, Right::Read, *which)?;
                let record = self.record(channel, number).clone();
                self.becomes_current(channel, *which, number);
                done(&record)
            }
            RecordCommand::ReadAll { number, is_upward } => {
                let number = self.one(channel, Right::Read, Which::Number(*number))?;
                let mut all = self.records(channel, Right::Read)?.list[number - 1..].to_vec();
                if !is_upward {
                    all.reverse();
                }
                done(&all.concat())
            }
            RecordCommand::ReadPart { number, offset } => {
                let number = self.one(channel, Right::Read, Which::Number(*number))?;
                let rest = self.record(channel, number).get(usize::from(*offset)..).ok_or(0x6B00_u16)?;
                done(&object(&[0x53], rest))
            }
            RecordCommand::Update { which, data } => {
                if which.is_append() && self.records(channel, Right::Update)?.structure == Structure::Cyclic {
                    return self.append(channel, Right::Update, data);
                }
                let number = self.one(channel, Right::Update, *which)?;
                self.records(channel, Right::Update)?.check(data)?;
                *self.record(channel, number) = data.clone();
                self.becomes_current(channel, *which, number);
                done(&[])
            }
            RecordCommand::UpdatePart { number, offset, p2, data } => {
                let number = self.one(channel, Right::Update, Which::Number(*number))?;
                let rest = self.record(channel, number).get_mut(usize::from(*offset)..).ok_or(0x6B00_u16)?;
                let place = rest.get_mut(..data.len()).ok_or(0x6A84_u16)?;
                for (byte, other) in place.iter_mut().zip(data) {
                    *byte = match p2 {
                        4 => *other,
                        5 => *byte & other,
                        6 => *byte | other,
                        _ => *byte ^ other,
                    };
                }
                done(&[])
            }
            RecordCommand::Write { which, data } => {
                if which.is_append() && self.records(channel, Right::Append)?.structure == Structure::Cyclic {
                    return self.append(channel, Right::Append, data);
                }
                let number = self.one(channel, Right::Append, *which)?;
                let record = self.record(channel, number);
                if record.len() != data.len() {
                    return Err(0x6700);
                }
                record.iter_mut().zip(data).for_each(|(byte, bits)| *byte |= bits);
                self.becomes_current(channel, *which, number);
                done(&[])
            }
            RecordCommand::Erase { number, to_last } => {
                let number = self.one(channel, Right::Update, Which::Number(*number))?;
                let records = &mut self.records(channel, Right::Update)?.list[number - 1..];
                let count = if *to_last { records.len() } else { 1 };
                records[..count].iter_mut().for_each(|record| record.fill(0));
                done(&[])
            }
            RecordCommand::Search { number, is_upward, string } => self.search(channel, *number, *is_upward, string),
        }
    }

    fn append(&mut self, channel: u8, right: Right, data: &[u8]) -> Outcome {
        let records = self.records(channel, right)?;
        records.check(data)?;
        let is_full = records.list.len() == records.most;
        if records.structure == Structure::Cyclic {
            records.list.truncate(records.most - 1);
            records.list.insert(0, data.to_vec());
            self.channel(channel).record = 1;
        } else if is_full {
            return Err(0x6A84);
        } else {
            records.list.push(data.to_vec());
            let number = records.list.len();
            self.channel(channel).record = number;
        }
        done(&[])
    }

    fn search(&mut self, channel: u8, number: u8, is_upward: bool, string: &[u8]) -> Outcome {
        let number = self.one(channel, Right::Read, Which::Number(number))?;
        let all = (1_u8..).zip(&self.records(channel, Right::Read)?.list);
        let holds = |(number, record): (u8, &Vec<u8>)| {
            record.windows(string.len()).any(|window| window == string).then_some(number)
        };
        let found: Vec<u8> = if is_upward {
            all.skip(number - 1).filter_map(holds).collect()
        } else {
            let mut found: Vec<u8> = all.take(number).filter_map(holds).collect();
            found.reverse();
            found
        };
        let Some(first) = found.first() else { return Ok((Vec::new(), 0x6282)) };
        self.channel(channel).record = (*first).into();
        done(&found)
    }

    /// The number of the record that is meant.
    fn one(&mut self, channel: u8, right: Right, which: Which) -> Result<usize, u16> {
        let current = self.channel(channel).record;
        let records = self.records(channel, right)?;
        let number = match which {
            Which::Number(0) => current,
            Which::Number(number) => number.into(),
            Which::Identifier(identifier, place) => records.identified(identifier, place, current).ok_or(0x6A83_u16)?,
        };
        if (1..=records.list.len()).contains(&number) { Ok(number) } else { Err(0x6A83) }
    }

    /// A record that was found by its identifier becomes the current one.
    fn becomes_current(&mut self, channel: u8, which: Which, number: usize) {
        if matches!(which, Which::Identifier(..)) {
            self.channel(channel).record = number;
        }
    }

    fn records(&mut self, channel: u8, right: Right) -> Result<&mut Records, u16> {
        match self.content(channel, right)? {
            Content::Records(records) => Ok(records),
            Content::Directory | Content::Bytes(_) | Content::Objects(_) => Err(0x6981),
        }
    }

    /// A record of the current file that is there.
    fn record(&mut self, channel: u8, number: usize) -> &mut Vec<u8> {
        let file = self.channels[&channel].file.unwrap();
        let content = &mut self.files.get_mut(&file).unwrap().content;
        let Content::Records(records) = content else { panic!("no file of records") };
        &mut records.list[number - 1]
    }
}

impl Records {
    pub(crate) fn new(structure: Structure, length: usize, most: usize) -> Self {
        Self { structure, length, most, list: Vec::new() }
    }

    /// Whether a record may have this length.
    fn check(&self, data: &[u8]) -> Result<(), u16> {
        let fits = match self.structure {
            Structure::Fixed | Structure::Cyclic => data.len() == self.length,
            Structure::Variable => data.len() <= self.length,
        };
        if fits { Ok(()) } else { Err(0x6700) }
    }

    fn identified(&self, identifier: u8, place: Place, current: usize) -> Option<usize> {
        let is_it = |number: &usize| identifier == 0 || self.list[number - 1][0] == identifier;
        let mut all = (1..=self.list.len()).filter(is_it);
        match (place, current) {
            (Place::First, _) | (Place::Next, 0) => all.next(),
            (Place::Last, _) | (Place::Previous, 0) => all.next_back(),
            (Place::Next, current) => all.find(|number| *number > current),
            (Place::Previous, current) => all.rfind(|number| *number < current),
        }
    }
}
