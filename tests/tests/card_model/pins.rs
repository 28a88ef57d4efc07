//! PINs and their tries.

use proptest::prelude::*;
use proptest::sample::select;

use crate::apdu::{Apdu, object};
use crate::keys::HOST_KEY;
use crate::world::{ALWAYS, NEVER, Outcome, Stop, World, done};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    value: &'static [u8],
    tries: u8,
    most: u8,
    rules: PinRules,
    /// It was changed since it was stored.
    is_changed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PinRules {
    /// The PIN that is its resetting code.
    pub(crate) code: Option<u8>,
    /// The conditions for unblocking it without the code, and for choosing it without the old one.
    pub(crate) unblocking: u8,
    pub(crate) choosing: u8,
}

/// Values of PINs, all of one length.
pub(crate) const VALUES: [&[u8]; 3] = [b"123456", b"654321", b"000000"];

#[derive(Clone, Debug)]
pub(crate) enum PinCommand {
    Store {
        pin: u8,
        tries: u8,
        value: &'static [u8],
        rules: PinRules,
    },
    Ask {
        pin: u8,
    },
    Verify {
        pin: u8,
        value: &'static [u8],
    },
    Forget {
        pin: u8,
    },
    Change {
        pin: u8,
        old: &'static [u8],
        new: &'static [u8],
    },
    Choose {
        pin: u8,
        new: &'static [u8],
    },
    /// With a resetting code.
    Unblock {
        pin: u8,
        code: &'static [u8],
        new: Option<&'static [u8]>,
    },
    /// Under a condition.
    UnblockFreely {
        pin: u8,
        new: Option<&'static [u8]>,
    },
}

impl PinCommand {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let pin = || prop_oneof![10 => 1..4_u8, 1 => Just(9)];
        let value = || prop_oneof![4 => Just(VALUES[0]), 1 => select(VALUES.to_vec())];
        let new = || prop_oneof![1 => Just(None), 2 => value().prop_map(Some)];
        let condition = || select(vec![ALWAYS, 0x11, 0x12, HOST_KEY, NEVER]);
        let rules = (prop::option::of(1..4_u8), condition(), condition())
            .prop_map(|(code, unblocking, choosing)| PinRules { code, unblocking, choosing });
        prop_oneof![
            1 => (1..4_u8, 1..5_u8, value(), rules).prop_map(|(pin, tries, value, rules)| {
                let code = rules.code.filter(|code| *code != pin);
                Self::Store { pin, tries, value, rules: PinRules { code, ..rules } }
            }),
            3 => pin().prop_map(|pin| Self::Ask { pin }),
            6 => (pin(), value()).prop_map(|(pin, value)| Self::Verify { pin, value }),
            1 => pin().prop_map(|pin| Self::Forget { pin }),
            1 => (pin(), value(), value()).prop_map(|(pin, old, new)| Self::Change { pin, old, new }),
            1 => (pin(), value()).prop_map(|(pin, new)| Self::Choose { pin, new }),
            2 => (pin(), value(), new()).prop_map(|(pin, code, new)| Self::Unblock { pin, code, new }),
            1 => (pin(), new()).prop_map(|(pin, new)| Self::UnblockFreely { pin, new }),
        ]
    }

    pub(crate) fn apdu(&self) -> Apdu {
        let iso = |instruction, p1, pin: &u8, data: Vec<u8>| Apdu::new([0x00, instruction, p1, *pin], data);
        match self {
            Self::Store { pin, tries, value, rules } => {
                let parts = [
                    object(&[0x80], &[*pin]),
                    object(&[0x81], &[*tries]),
                    object(&[0x82], value),
                    rules.code.map_or(Vec::new(), |code| object(&[0x83], &[code])),
                    object(&[0x84], &[rules.unblocking]),
                    object(&[0x85], &[rules.choosing]),
                ];
                Apdu::new([0x80, 0xE2, 0x90, 0x00], object(&[0xA1], &parts.concat()))
            }
            Self::Ask { pin } => iso(0x20, 0x00, pin, Vec::new()),
            Self::Verify { pin, value } => iso(0x20, 0x00, pin, value.to_vec()),
            Self::Forget { pin } => iso(0x20, 0xFF, pin, Vec::new()),
            Self::Change { pin, old, new } => iso(HOST_KEY, 0x00, pin, [*old, *new].concat()),
            Self::Choose { pin, new } => iso(HOST_KEY, 0x01, pin, new.to_vec()),
            Self::Unblock { pin, code, new: Some(new) } => iso(0x2C, 0x00, pin, [*code, *new].concat()),
            Self::Unblock { pin, code, new: None } => iso(0x2C, 0x01, pin, code.to_vec()),
            Self::UnblockFreely { pin, new: Some(new) } => iso(0x2C, 0x02, pin, new.to_vec()),
            Self::UnblockFreely { pin, new: None } => iso(0x2C, 0x03, pin, Vec::new()),
        }
    }
}

impl World {
    pub(crate) fn use_pins(&mut self, channel: u8, command: &PinCommand) -> Outcome {
        match command {
            PinCommand::Store { pin, tries, value, rules } => {
                self.personalises_here(channel)?;
                let stored = Pin { value, tries: *tries, most: *tries, rules: rules.clone(), is_changed: false };
                self.pins.insert(*pin, stored);
                self.unverify(*pin);
            }
            PinCommand::Ask { pin } => {
                let tries = self.pin(*pin)?.tries;
                if !self.channel(channel).verified.contains(pin) {
                    return Err(if tries == 0 { 0x6983 } else { 0x63C0 | u16::from(tries) });
                }
            }
            PinCommand::Verify { pin, value } => self.verify(channel, *pin, value)?,
            PinCommand::Forget { pin } => {
                self.pin(*pin)?;
                self.channel(channel).verified.remove(pin);
            }
            PinCommand::Change { pin, old, new } => {
                self.verify(channel, *pin, old)?;
                self.replace(*pin, Some(new));
                self.channel(channel).verified.insert(*pin);
            }
            PinCommand::Choose { pin, new } => {
                let Pin { tries, is_changed, rules, .. } = self.pin(*pin)?.clone();
                self.require(channel, if is_changed { NEVER } else { rules.choosing })?;
                if tries == 0 {
                    return Err(0x6983);
                }
                self.replace(*pin, Some(new));
            }
            PinCommand::Unblock { pin, code, new } => {
                let resetting = self.pin(*pin)?.rules.code.ok_or(0x6984_u16)?;
                self.compare(channel, resetting, code)?;
                self.replace(*pin, *new);
                self.restore(*pin);
            }
            PinCommand::UnblockFreely { pin, new } => {
                let condition = self.pin(*pin)?.rules.unblocking;
                self.require(channel, condition)?;
                self.replace(*pin, *new);
                self.restore(*pin);
            }
        }
        done(&[])
    }

    fn verify(&mut self, channel: u8, pin: u8, value: &[u8]) -> Result<(), u16> {
        self.compare(channel, pin, value)?;
        self.channel(channel).verified.insert(pin);
        Ok(())
    }

    /// A try is counted before the comparison, and given back when the PIN was right. A wrong one ends what was
    /// verified.
    fn compare(&mut self, channel: u8, number: u8, value: &[u8]) -> Result<(), u16> {
        let was_verified = self.channel(channel).verified.remove(&number);
        let pin = self.pin(number)?;
        pin.tries = pin.tries.checked_sub(1).ok_or(0x6983_u16)?;
        let (is_right, left) = (pin.value == value, pin.tries);
        self.durable(Stop::Counted)?;
        if !is_right {
            return Err(0x63C0 | u16::from(left));
        }
        if was_verified {
            self.channel(channel).verified.insert(number);
        }
        self.restore(number);
        self.durable(Stop::GivenBack)
    }

    fn restore(&mut self, pin: u8) {
        self.pins.entry(pin).and_modify(|pin| pin.tries = pin.most);
    }

    /// Whoever knew the PIN as it was does not know it now.
    fn replace(&mut self, pin: u8, new: Option<&'static [u8]>) {
        if let Some(new) = new {
            self.pins.entry(pin).and_modify(|pin| {
                pin.value = new;
                pin.is_changed = true;
            });
        }
        self.unverify(pin);
    }

    fn unverify(&mut self, pin: u8) {
        self.channels.values_mut().for_each(|channel| _ = channel.verified.remove(&pin));
    }

    fn pin(&mut self, pin: u8) -> Result<&mut Pin, u16> {
        self.pins.get_mut(&pin).ok_or(0x6A88)
    }
}
