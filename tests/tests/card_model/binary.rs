//! Transparent files.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::apdu::Apdu;
use crate::files::Content;
use crate::rights::Right;
use crate::world::{Outcome, World, done};

#[derive(Clone, Debug)]
pub(crate) enum BinaryCommand {
    Read { offset: u8 },
    Update { offset: u8, data: Vec<u8> },
    Write { offset: u8, data: Vec<u8> },
    Erase { offset: u8, end: Option<u8> },
    Search { offset: u8, string: Vec<u8> },
}

impl BinaryCommand {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let offset = || prop_oneof![3 => 0..20_u8, 1 => 0..160_u8];
        // Few values, so that what is searched is there.
        let data = || vec(0..6_u8, 1..50);
        prop_oneof![
            4 => offset().prop_map(|offset| Self::Read { offset }),
            4 => (offset(), data()).prop_map(|(offset, data)| Self::Update { offset, data }),
            2 => (offset(), data()).prop_map(|(offset, data)| Self::Write { offset, data }),
            1 => (offset(), prop::option::of(offset())).prop_map(|(offset, end)| Self::Erase { offset, end }),
            2 => (offset(), vec(0..6_u8, 1..3)).prop_map(|(offset, string)| Self::Search { offset, string }),
        ]
    }

    pub(crate) fn apdu(&self) -> Apdu {
        match self {
            Self::Read { offset } => Apdu::new([0x00, 0xB0, 0x00, *offset], []).expecting(0),
            Self::Update { offset, data } => Apdu::new([0x00, 0xD6, 0x00, *offset], data.clone()),
            Self::Write { offset, data } => Apdu::new([0x00, 0xD0, 0x00, *offset], data.clone()),
            Self::Erase { offset, end } => {
                Apdu::new([0x00, 0x0E, 0x00, *offset], end.map_or(Vec::new(), |end| vec![0, end]))
            }
            Self::Search { offset, string } => Apdu::new([0x00, 0xA0, 0x00, *offset], string.clone()).expecting(0),
        }
    }
}

impl World {
    pub(crate) fn use_binary(&mut self, channel: u8, command: &BinaryCommand) -> Outcome {
        match command {
            BinaryCommand::Read { offset } => done(self.behind(channel, Right::Read, *offset)?),
            BinaryCommand::Update { offset, data } => {
                let rest = self.behind(channel, Right::Update, *offset)?;
                rest.get_mut(..data.len()).ok_or(0x6A84_u16)?.copy_from_slice(data);
                done(&[])
            }
            BinaryCommand::Write { offset, data } => {
                let rest = self.behind(channel, Right::Append, *offset)?;
                let place = rest.get_mut(..data.len()).ok_or(0x6A84_u16)?;
                place.iter_mut().zip(data).for_each(|(byte, bits)| *byte |= bits);
                done(&[])
            }
            BinaryCommand::Erase { offset, end } => {
                let rest = self.behind(channel, Right::Update, *offset)?;
                let length = end.map_or(Some(rest.len()), |end| end.checked_sub(*offset).map(usize::from));
                rest.get_mut(..length.ok_or(0x6B00_u16)?).ok_or(0x6B00_u16)?.fill(0);
                done(&[])
            }
            BinaryCommand::Search { offset, string } => {
                let rest = self.behind(channel, Right::Read, *offset)?;
                match rest.windows(string.len()).position(|window| window == string) {
                    Some(place) => done(&u16::try_from(usize::from(*offset) + place).unwrap().to_be_bytes()),
                    None => Ok((Vec::new(), 0x6282)),
                }
            }
        }
    }

    /// What is in the current file from an offset on.
    fn behind(&mut self, channel: u8, right: Right, offset: u8) -> Result<&mut [u8], u16> {
        let Content::Bytes(bytes) = self.content(channel, right)? else { return Err(0x6981) };
        bytes.get_mut(usize::from(offset)..).ok_or(0x6B00)
    }
}
