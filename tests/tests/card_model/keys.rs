//! The key store: keys with uses and tries, the security environment, and what is done with the keys.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use protocol::crypto::{AwsLc, Crypto, Hasher, PublicKey, Secret, Signature};

use crate::apdu::{Apdu, object};
use crate::world::{ALWAYS, NEVER, Outcome, Stop, World, done};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    purpose: Purpose,
    condition: u8,
    uses: Option<u32>,
    uses_left: Option<u32>,
    tries_left: Option<u8>,
    pair: Pair,
}

/// A pair as far as it is known: after a loss of power there may be one that was never told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    None,
    Secret,
    Public(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A pair that signs.
    Signing,
    /// An AES key that computes and verifies checksums.
    Checksums,
    /// An AES key that the card proves to have.
    Proving,
    /// An AES key that a host proves to have, with three tries.
    Host,
}

/// The number of the key that conditions name.
pub(crate) const HOST_KEY: u8 = 0x24;

/// Wrong authentications in a row that a key allows.
const TRIES: u8 = 3;
/// The value of every AES key.
const VALUE: [u8; 16] = *b"what a host has!";

/// A template, and the use that a key is named for in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Signing,
    Computing,
    Verifying,
    Proving,
    Host,
}

#[derive(Clone, Debug)]
pub(crate) enum KeyCommand {
    Store {
        key: u8,
        purpose: Purpose,
        condition: u8,
        uses: Option<u32>,
    },
    Delete {
        key: u8,
    },
    /// GENERATE ASYMMETRIC KEY PAIR: makes a pair, or tells it.
    Make {
        key: u8,
    },
    Tell {
        key: u8,
    },
    /// MANAGE SECURITY ENVIRONMENT.
    Name {
        key: u8,
        role: Role,
    },
    Restore,
    Sign {
        message: [u8; 4],
    },
    Checksum {
        data: Vec<u8>,
    },
    Verify {
        data: Vec<u8>,
        is_right: bool,
    },
    /// INTERNAL AUTHENTICATE.
    Prove {
        key: Option<u8>,
        challenge: [u8; 8],
    },
    Challenge,
    /// EXTERNAL AUTHENTICATE.
    Authenticate {
        key: Option<u8>,
        is_right: bool,
        proof: [u8; 16],
    },
}

impl KeyCommand {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let purposes = vec![Purpose::Signing, Purpose::Checksums, Purpose::Proving, Purpose::Host];
        let roles = vec![Role::Signing, Role::Computing, Role::Verifying, Role::Proving, Role::Host];
        let key = || prop_oneof![12 => 0x21..0x25_u8, 1 => Just(0x3E)];
        let condition = select(vec![ALWAYS, ALWAYS, 0x11, HOST_KEY, NEVER]);
        let data = || vec(any::<u8>(), 1..40);
        let right = || prop::bool::weighted(0.8);
        let named = || prop_oneof![1 => Just(None), 2 => key().prop_map(Some)];
        let message = any::<[u8; 4]>();
        prop_oneof![
            2 => (0x21..0x25_u8, select(purposes), condition, prop::option::of(1..5_u32))
                .prop_map(|(key, purpose, condition, uses)| Self::Store { key, purpose, condition, uses }),
            1 => key().prop_map(|key| Self::Delete { key }),
            1 => key().prop_map(|key| Self::Make { key }),
            1 => key().prop_map(|key| Self::Tell { key }),
            4 => (key(), select(roles)).prop_map(|(key, role)| Self::Name { key, role }),
            1 => Just(Self::Restore),
            2 => message.prop_map(|message| Self::Sign { message }),
            2 => data().prop_map(|data| Self::Checksum { data }),
            2 => (data(), right()).prop_map(|(data, is_right)| Self::Verify { data, is_right }),
            2 => (named(), any::<[u8; 8]>()).prop_map(|(key, challenge)| Self::Prove { key, challenge }),
            2 => Just(Self::Challenge),
            2 => (named(), right()).prop_map(|(key, is_right)| Self::Authenticate { key, is_right, proof: [0; 16] }),
        ]
    }

    pub(crate) fn apdu(&self) -> Apdu {
        let store = |parts: &[Vec<u8>]| Apdu::new([0x80, 0xE2, 0x90, 0x00], object(&[0xA3], &parts.concat()));
        let pair =
            |p1, key: &u8| Apdu::new([0x00, 0x47, p1, 0x00], object(&[0xB6], &object(&[0x84], &[*key]))).expecting(0);
        match self {
            Self::Store { key, purpose, condition, uses } => {
                let (kind, template, usage) = purpose.bytes();
                store(&[
                    object(&[0x80], &[*key]),
                    object(&[0x81], &[kind]),
                    object(&[0x82], &[template, usage]),
                    object(&[0x84], &[*condition]),
                    uses.map_or(Vec::new(), |uses| object(&[0x85], &uses.to_be_bytes())),
                    purpose.tries().map_or(Vec::new(), |tries| object(&[0x86], &[tries])),
                    if kind == 3 { object(&[0x87], &VALUE) } else { Vec::new() },
                ])
            }
            Self::Delete { key } => store(&[object(&[0x80], &[*key])]),
            Self::Make { key } => pair(0x80, key),
            Self::Tell { key } => pair(0x81, key),
            Self::Name { key, role } => {
                let [p1, p2] = role.parameters();
                Apdu::new([0x00, 0x22, p1, p2], object(&[0x84], &[*key]))
            }
            Self::Restore => Apdu::new([0x00, 0x22, 0xF3, 0x00], []),
            Self::Sign { message } => Apdu::new([0x00, 0x2A, 0x9E, 0x9A], hash(message)).expecting(0),
            Self::Checksum { data } => Apdu::new([0x00, 0x2A, 0x8E, 0x80], data.clone()).expecting(0),
            Self::Verify { data, is_right } => {
                let mut checksum = cmac(data);
                checksum[15] ^= u8::from(!is_right);
                Apdu::new([0x00, 0x2A, 0x00, 0xA2], [object(&[0x80], data), object(&[0x8E], &checksum)].concat())
            }
            Self::Prove { key, challenge } => {
                Apdu::new([0x00, 0x88, 0x00, key.unwrap_or(0)], challenge.to_vec()).expecting(0)
            }
            Self::Challenge => Apdu::new([0x00, 0x84, 0x00, 0x00], []).expecting(16),
            Self::Authenticate { key, proof, .. } => Apdu::new([0x00, 0x82, 0x00, key.unwrap_or(0)], proof.to_vec()),
        }
    }
}

impl Purpose {
    /// Kind of key, control reference template, usage.
    fn bytes(self) -> (u8, u8, u8) {
        match self {
            Self::Signing => (1, 0xB6, 0x40),
            Self::Checksums => (3, 0xB4, 0xC0),
            Self::Proving => (3, 0xA4, 0x40),
            Self::Host => (3, 0xA4, 0x80),
        }
    }

    fn tries(self) -> Option<u8> {
        (self == Self::Host).then_some(TRIES)
    }

    fn serves(self, role: Role) -> bool {
        match role {
            Role::Signing => self == Self::Signing,
            Role::Computing | Role::Verifying => self == Self::Checksums,
            Role::Proving => self == Self::Proving,
            Role::Host => self == Self::Host,
        }
    }
}

impl Role {
    fn parameters(self) -> [u8; 2] {
        match self {
            Self::Signing => [0x41, 0xB6],
            Self::Computing => [0x41, 0xB4],
            Self::Verifying => [0x81, 0xB4],
            Self::Proving => [0x41, 0xA4],
            Self::Host => [0x81, 0xA4],
        }
    }
}

impl World {
    pub(crate) fn use_keys(&mut self, channel: u8, command: &KeyCommand, given: &[u8]) -> Outcome {
        match command {
            KeyCommand::Store { key, purpose, condition, uses } => {
                self.personalises_here(channel)?;
                if purpose.bytes().0 == 3 {
                    self.may_import()?;
                }
                let (purpose, condition, uses) = (*purpose, *condition, *uses);
                let tries_left = purpose.tries();
                let stored = Key { purpose, condition, uses, uses_left: uses, tries_left, pair: Pair::None };
                self.keys.insert(*key, stored);
                self.distrust(*key);
                done(&[])
            }
            KeyCommand::Delete { key } => {
                self.personalises_here(channel)?;
                self.keys.remove(key).ok_or(0x6A88_u16)?;
                self.distrust(*key);
                done(&[])
            }
            KeyCommand::Make { key } => {
                if self.key(*key)?.purpose != Purpose::Signing {
                    return Err(0x6985);
                }
                self.may_personalise()?;
                let key = self.key(*key)?;
                key.pair = Pair::of(given);
                key.uses_left = key.uses;
                done(given)
            }
            KeyCommand::Tell { key } => {
                let key = self.key(*key)?;
                if key.purpose != Purpose::Signing {
                    return Err(0x6985);
                }
                done(&key.pair.tell(given)?)
            }
            KeyCommand::Name { key, role } => {
                if !self.key(*key)?.purpose.serves(*role) {
                    return Err(0x6985);
                }
                self.channel(channel).named.insert(*role, *key);
                done(&[])
            }
            KeyCommand::Restore => {
                self.channel(channel).named.clear();
                done(&[])
            }
            KeyCommand::Sign { message } => {
                let number = self.take_key(channel, None, Role::Signing)?;
                let key = self.key(number)?;
                let Pair::Public(public) = &key.pair else {
                    // It was never told, and nobody can verify.
                    return done(given);
                };
                done(if is_signature(public, message, given) { given } else { &[] })
            }
            KeyCommand::Checksum { data } => {
                self.take_key(channel, None, Role::Computing)?;
                done(&cmac(data))
            }
            KeyCommand::Verify { is_right, .. } => {
                self.take_key(channel, None, Role::Verifying)?;
                if *is_right { done(&[]) } else { Err(0x6300) }
            }
            KeyCommand::Prove { key, challenge } => {
                let key = self.take_key(channel, *key, Role::Proving)?;
                done(&proof("symbolon card/1 internal authenticate", key, challenge))
            }
            KeyCommand::Challenge => {
                self.channel(channel).has_challenge = true;
                done(if given.len() == 16 { given } else { &[] })
            }
            KeyCommand::Authenticate { key, is_right, .. } => {
                let has_challenge = std::mem::take(&mut self.channel(channel).has_challenge);
                if !has_challenge {
                    return Err(0x6985);
                }
                let number = self.take_key(channel, *key, Role::Host)?;
                let key = self.key(number)?;
                if !is_right {
                    let left = key.tries_left.unwrap();
                    self.channel(channel).authenticated.remove(&number);
                    return Err(0x63C0 | u16::from(left));
                }
                key.tries_left = key.purpose.tries();
                self.channel(channel).authenticated.insert(number);
                done(&[])
            }
        }
    }

    /// The key that the command or the security environment names, if it may be used now; its use is counted.
    fn take_key(&mut self, channel: u8, key: Option<u8>, role: Role) -> Result<u8, u16> {
        let named = self.channel(channel).named.get(&role).copied();
        let number = key.or(named).ok_or(0x6985_u16)?;
        let Key { purpose, condition, .. } = *self.key(number)?;
        if !purpose.serves(role) {
            return Err(0x6985);
        }
        self.require(channel, condition)?;
        let key = self.key(number)?;
        if purpose == Purpose::Signing && key.pair == Pair::None {
            return Err(0x6A88);
        }
        let less = |left: Option<u32>| left.map_or(Ok(None), |left| left.checked_sub(1).map(Some).ok_or(0x6983_u16));
        let uses_left = less(key.uses_left)?;
        let tries_left = less(key.tries_left.map(u32::from))?;
        key.uses_left = uses_left;
        key.tries_left = tries_left.map(|left| u8::try_from(left).unwrap());
        self.durable(Stop::Counted)?;
        Ok(number)
    }

    fn key(&mut self, key: u8) -> Result<&mut Key, u16> {
        self.keys.get_mut(&key).ok_or(0x6A88)
    }

    /// Nobody has authenticated with the key as it is now.
    fn distrust(&mut self, key: u8) {
        self.channels.values_mut().for_each(|channel| _ = channel.authenticated.remove(&key));
    }
}

impl Pair {
    /// What the card told, if it has the form of a public key.
    pub(crate) fn of(told: &[u8]) -> Self {
        match told.strip_prefix(&[0x7F, 0x49, 0x43, 0x86, 0x41]) {
            Some(point @ [0x04, ..]) if point.len() == 65 => Self::Public(point.to_vec()),
            _ => Self::Secret,
        }
    }

    /// What the card tells; a pair that was never told is one from now on.
    pub(crate) fn tell(&mut self, given: &[u8]) -> Result<Vec<u8>, u16> {
        match self {
            Self::None => Err(0x6A88),
            Self::Secret => {
                *self = Self::of(given);
                Ok(given.to_vec())
            }
            Self::Public(point) => Ok(object(&[0x7F, 0x49], &object(&[0x86], point))),
        }
    }
}

/// What a host proves that it has the key with.
pub(crate) fn host_proof(key: u8, challenge: &[u8]) -> [u8; 16] {
    proof("symbolon card/1 external authenticate", key, challenge)
}

fn proof(label: &str, key: u8, challenge: &[u8]) -> [u8; 16] {
    cmac(&[label.as_bytes(), &[key], challenge].concat())
}

fn cmac(data: &[u8]) -> [u8; 16] {
    AwsLc::aes128_cmac(&Secret::from(VALUE), data)
}

fn hash(message: &[u8]) -> [u8; 32] {
    let mut hasher = <AwsLc as Crypto>::Sha256::new();
    hasher.update(message);
    hasher.finish()
}

fn is_signature(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (public, signature) = (PublicKey(public.try_into().unwrap()), signature.try_into().map(Signature));
    signature.is_ok_and(|signature| AwsLc::verify(&public, message, &signature).is_ok())
}
