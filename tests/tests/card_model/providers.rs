//! Provider records: storing, changing, locking and deleting them, and their signing keys.

use proptest::prelude::*;
use proptest::sample::select;

use crate::apdu::{Apdu, object};
use crate::domains::{Application, Domain};
use crate::keys::{HOST_KEY, Pair};
use crate::world::{ALWAYS, LOCKED, NEVER, Outcome, World, done};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    name: String,
    condition: u8,
    /// The condition for changing the condition.
    change: u8,
    pub(crate) is_locked: bool,
    pair: Pair,
}

#[derive(Clone, Debug)]
pub(crate) enum ProviderCommand {
    Store {
        provider: u8,
        condition: u8,
        change: u8,
    },
    /// In the selected provider's security domain: another name, and perhaps another secret.
    Update {
        name: String,
        has_secret: bool,
    },
    Delete {
        provider: u8,
    },
    Lock {
        provider: u8,
        is_locked: bool,
    },
    /// GENERATE ASYMMETRIC KEY PAIR: makes the signing key, or tells it.
    Make {
        provider: u8,
    },
    Tell {
        provider: u8,
    },
    List,
    Choose {
        provider: u8,
    },
    ChangeCondition {
        provider: u8,
        condition: u8,
    },
}

/// The generator of the curve, a public key as good as another.
const ROOT_KEY: &str = "046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C2964FE342E2FE1A7F9B8EE7EB4A7C0F\
     9E162BCE33576B315ECECBB6406837BF51F5";
/// The provider whose key that is.
const IDENTIFIER: &str = "D2DCB73A8FFAD684B69AC0F209E88900";

impl ProviderCommand {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let provider = || prop_oneof![10 => 1..3_u8, 1 => Just(9)];
        let condition = || select(vec![ALWAYS, 0x11, 0x12, HOST_KEY, NEVER]);
        prop_oneof![
            2 => (1..3_u8, condition(), condition())
                .prop_map(|(provider, condition, change)| Self::Store { provider, condition, change }),
            3 => ("[a-z]{1,20}", any::<bool>()).prop_map(|(name, has_secret)| Self::Update { name, has_secret }),
            1 => provider().prop_map(|provider| Self::Delete { provider }),
            2 => (provider(), any::<bool>()).prop_map(|(provider, is_locked)| Self::Lock { provider, is_locked }),
            2 => provider().prop_map(|provider| Self::Make { provider }),
            2 => provider().prop_map(|provider| Self::Tell { provider }),
            2 => Just(Self::List),
            2 => provider().prop_map(|provider| Self::Choose { provider }),
            2 => (provider(), condition())
                .prop_map(|(provider, condition)| Self::ChangeCondition { provider, condition }),
        ]
    }

    pub(crate) fn apdu(&self) -> Apdu {
        let store =
            |template, parts: &[Vec<u8>]| Apdu::new([0x80, 0xE2, 0x90, 0x00], object(&[template], &parts.concat()));
        let pair = |p1, provider: &u8| {
            Apdu::new([0x00, 0x47, p1, 0x00], object(&[0xB6], &object(&[0x84], &[*provider]))).expecting(0)
        };
        match self {
            Self::Store { provider, condition, change } => store(
                0xA2,
                &[
                    object(&[0x80], &[*provider]),
                    object(&[0x81], &hex::decode(IDENTIFIER).unwrap()),
                    object(&[0x82], b"new"),
                    object(&[0x83], &[2]),
                    object(&[0x84], &[*condition]),
                    object(&[0x85], b"AC0"),
                    object(&[0x86], &[7; 16]),
                    object(&[0x87], &hex::decode(ROOT_KEY).unwrap()),
                    object(&[0x89], &[*change]),
                ],
            ),
            Self::Update { name, has_secret } => {
                let secret = if *has_secret { object(&[0x86], &[8; 16]) } else { Vec::new() };
                store(0xA4, &[object(&[0x82], name.as_bytes()), secret])
            }
            Self::Delete { provider } => {
                let name = Domain::Provider(*provider).name();
                Apdu::new([0x80, 0xE4, 0x00, 0x00], object(&[0x4F], &name)).expecting(0)
            }
            Self::Lock { provider, is_locked } => {
                let state = if *is_locked { 0x80 } else { 0x00 };
                Apdu::new([0x80, 0xF0, 0x40, state], Domain::Provider(*provider).name())
            }
            Self::Make { provider } => pair(0x80, provider),
            Self::Tell { provider } => pair(0x81, provider),
            Self::List => Apdu::new([0x80, 0x1C, 0x00, 0x00], []).expecting(0),
            Self::Choose { provider } => Apdu::new([0x80, 0x10, *provider, 0x00], []),
            Self::ChangeCondition { provider, condition } => {
                Apdu::new([0x80, 0x1E, *provider, 0x00], object(&[0x84], &[*condition]))
            }
        }
    }
}

impl World {
    pub(crate) fn use_providers(&mut self, channel: u8, command: &ProviderCommand, given: &[u8]) -> Outcome {
        match command {
            ProviderCommand::Store { provider, condition, change } => {
                self.personalises_here(channel)?;
                let (condition, change, name) = (*condition, *change, "new".to_owned());
                let stored = Provider { name, condition, change, is_locked: false, pair: Pair::None };
                self.providers.insert(*provider, stored);
                self.forget_domain(*provider);
                done(&[])
            }
            ProviderCommand::Update { name, .. } => {
                let Domain::Provider(provider) = self.domain(channel)? else {
                    // The issuer's domain takes what is the issuer's.
                    return self.may_personalise().and(Err(0x6985));
                };
                self.must_manage(Domain::Provider(provider))?;
                self.provider(provider)?.name.clone_from(name);
                done(&[])
            }
            ProviderCommand::Delete { provider } => {
                self.must_be_domain(channel)?;
                self.may_personalise()?;
                self.providers.remove(provider).ok_or(0x6A88_u16)?;
                self.forget_domain(*provider);
                done(&[0])
            }
            ProviderCommand::Lock { provider, is_locked } => {
                self.must_be_domain(channel)?;
                self.may_personalise()?;
                if self.state == LOCKED {
                    return Err(0x6985);
                }
                self.provider(*provider)?.is_locked = *is_locked;
                done(&[])
            }
            ProviderCommand::Make { provider } => {
                self.provider(*provider)?;
                self.must_manage(Domain::Provider(*provider))?;
                self.provider(*provider)?.pair = Pair::of(given);
                done(given)
            }
            ProviderCommand::Tell { provider } => {
                self.usable(channel, *provider)?;
                done(&self.provider(*provider)?.pair.tell(given)?)
            }
            ProviderCommand::List => {
                self.must_transact(channel)?;
                let shown = self.providers.iter().filter(|(_, provider)| !provider.is_locked);
                let shown: Vec<_> = shown.map(|(number, provider)| provider.shown(*number)).collect();
                done(&shown.concat())
            }
            ProviderCommand::Choose { provider } => {
                self.must_transact(channel)?;
                self.usable(channel, *provider)?;
                done(&[])
            }
            ProviderCommand::ChangeCondition { provider, condition } => {
                self.must_transact(channel)?;
                let Provider { change, is_locked, .. } = *self.provider(*provider)?;
                if is_locked {
                    return Err(0x6985);
                }
                self.require(channel, change)?;
                self.provider(*provider)?.condition = *condition;
                done(&[])
            }
        }
    }

    /// The record must be there, not locked, and its condition met.
    fn usable(&mut self, channel: u8, provider: u8) -> Result<(), u16> {
        let Provider { condition, is_locked, .. } = *self.provider(provider)?;
        if is_locked {
            return Err(0x6985);
        }
        self.require(channel, condition)
    }

    /// The transaction application must be selected.
    fn must_transact(&mut self, channel: u8) -> Result<(), u16> {
        if self.channel(channel).application == Application::Transaction { Ok(()) } else { Err(0x6D00) }
    }

    fn provider(&mut self, provider: u8) -> Result<&mut Provider, u16> {
        self.providers.get_mut(&provider).ok_or(0x6A88)
    }
}

impl Provider {
    /// What anyone may see.
    fn shown(&self, number: u8) -> Vec<u8> {
        let parts = [
            object(&[0x80], &[number]),
            object(&[0x81], &hex::decode(IDENTIFIER).unwrap()),
            object(&[0x82], self.name.as_bytes()),
            object(&[0x83], &[2]),
            object(&[0x84], &[self.condition]),
        ];
        object(&[0xA2], &parts.concat())
    }
}
