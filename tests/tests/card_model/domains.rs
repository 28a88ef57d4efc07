//! Security domains: selecting them, their key sets and secure channels, and the card's life cycle.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use symbolon_tests::scp03::{Keys, plain_key_data};

use crate::apdu::{Apdu, object};
use crate::world::{INITIALIZED, LOCKED, OP_READY, Outcome, SECURED, TERMINATED, World, done};

/// What is selected by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Application {
    Issuer,
    Transaction,
    Provider(u8),
    Directory(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Domain {
    Issuer,
    Provider(u8),
}

/// The key sets of a domain by version, and how often channels were begun with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeySets {
    versions: BTreeSet<u8>,
    counter: u32,
}

/// A secure channel that INITIALIZE UPDATE has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    secure: Secure,
}

/// A secure channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Secure {
    pub(crate) channel: u8,
    /// Whose keys opened it.
    pub(crate) owner: Domain,
    pub(crate) version: u8,
    level: u8,
}

#[derive(Clone, Debug)]
pub(crate) enum DomainCommand {
    SelectDomain {
        domain: Domain,
    },
    SelectTransaction,
    /// INITIALIZE UPDATE.
    Begin {
        version: u8,
        challenge: Vec<u8>,
    },
    /// EXTERNAL AUTHENTICATE; the bytes are the terminal's.
    Finish {
        level: u8,
        is_right: bool,
        cryptogram: Vec<u8>,
    },
    /// PUT KEY; in a secure channel the terminal encrypts the keys.
    PutKey {
        replaced: u8,
        version: u8,
        keys: Vec<u8>,
    },
    DeleteKeySet {
        version: u8,
    },
    SetState {
        state: u8,
    },
    GetStatus {
        subset: u8,
    },
}

/// The keys of every key set with a version.
pub(crate) fn keys_of(version: u8) -> Keys {
    [0x20, 0x40, 0x60].map(|base| [base ^ version; 16])
}

const VERSIONS: [u8; 4] = [0x01, 0x02, 0x11, 0x12];

impl DomainCommand {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let version = || select(VERSIONS.to_vec());
        let replaced = prop_oneof![3 => Just(0), 1 => version()];
        let states = vec![INITIALIZED, SECURED, SECURED, SECURED, LOCKED, SECURED, TERMINATED, OP_READY];
        prop_oneof![
            4 => Self::any_domain(),
            2 => Just(Self::SelectTransaction),
            2 => Self::any_begin(),
            1 => Self::any_finish(),
            2 => (replaced, version()).prop_map(|(replaced, version)| Self::put_key(replaced, version)),
            1 => version().prop_map(|version| Self::DeleteKeySet { version }),
            1 => select(states).prop_map(|state| Self::SetState { state }),
            2 => select(vec![0x80, 0x40]).prop_map(|subset| Self::GetStatus { subset }),
        ]
    }

    pub(crate) fn any_domain() -> impl Strategy<Value = Self> {
        let domains = vec![Domain::Issuer, Domain::Issuer, Domain::Provider(1), Domain::Provider(2)];
        select(domains).prop_map(|domain| Self::SelectDomain { domain })
    }

    pub(crate) fn any_begin() -> impl Strategy<Value = Self> {
        let version = prop_oneof![3 => Just(0), 1 => select(VERSIONS.to_vec())];
        let challenge = prop_oneof![any::<[u8; 8]>().prop_map(Vec::from), any::<[u8; 16]>().prop_map(Vec::from)];
        (version, challenge).prop_map(|(version, challenge)| Self::Begin { version, challenge })
    }

    pub(crate) fn any_finish() -> impl Strategy<Value = Self> {
        (select(vec![0x01, 0x03, 0x11, 0x13, 0x33]), prop::bool::weighted(0.9))
            .prop_map(|(level, is_right)| Self::Finish { level, is_right, cryptogram: vec![0; 16] })
    }

    pub(crate) fn put_key(replaced: u8, version: u8) -> Self {
        Self::PutKey { replaced, version, keys: plain_key_data(version, &keys_of(version)) }
    }

    pub(crate) fn apdu(&self) -> Apdu {
        match self {
            Self::SelectDomain { domain } => Apdu::new([0x00, 0xA4, 0x04, 0x0C], domain.name()),
            Self::SelectTransaction => Apdu::new([0x00, 0xA4, 0x04, 0x0C], transaction_name(0x01)),
            Self::Begin { version, challenge } => {
                Apdu::new([0x80, 0x50, *version, 0x00], challenge.clone()).expecting(0)
            }
            Self::Finish { level, cryptogram, .. } => Apdu::new([0x84, 0x82, *level, 0x00], cryptogram.clone()),
            Self::PutKey { replaced, keys, .. } => Apdu::new([0x80, 0xD8, *replaced, 0x81], keys.clone()).expecting(0),
            Self::DeleteKeySet { version } => Apdu::new([0x80, 0xE4, 0x00, 0x00], object(&[0xD2], &[*version])),
            Self::SetState { state } => Apdu::new([0x80, 0xF0, 0x80, *state], []),
            Self::GetStatus { subset } => {
                let shown = [object(&[0x4F], &[]), object(&[0x5C], &[0x4F, 0x9F, 0x70])].concat();
                Apdu::new([0x80, 0xF2, *subset, 0x02], shown).expecting(0)
            }
        }
    }
}

fn transaction_name(last: u8) -> Vec<u8> {
    [&[0xF0][..], b"SYMBOLON", &[last]].concat()
}

impl Domain {
    pub(crate) fn name(self) -> Vec<u8> {
        match self {
            Self::Issuer => vec![0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00],
            Self::Provider(number) => [transaction_name(0x02), vec![number]].concat(),
        }
    }
}

impl World {
    pub(crate) fn manage_card(
        &mut self,
        channel: u8,
        command: &DomainCommand,
        begun: Option<Begun>,
        given: &[u8],
    ) -> Outcome {
        match command {
            DomainCommand::SelectDomain { domain: Domain::Issuer } => self.select(channel, Application::Issuer),
            DomainCommand::SelectDomain { domain: Domain::Provider(number) } => {
                let is_there = self.providers.get(number).is_some_and(|provider| !provider.is_locked);
                if !is_there {
                    return Err(0x6A82);
                }
                self.select(channel, Application::Provider(*number))
            }
            DomainCommand::SelectTransaction => self.select(channel, Application::Transaction),
            DomainCommand::Begin { version, challenge } => self.begin(channel, *version, challenge, given),
            DomainCommand::Finish { level, is_right, .. } => {
                self.must_be_domain(channel)?;
                let begun = begun.filter(|begun| begun.secure.channel == channel).ok_or(0x6985_u16)?;
                if !is_right {
                    return Err(0x6300);
                }
                self.secure = Some(Secure { level: *level, ..begun.secure });
                done(&[])
            }
            DomainCommand::PutKey { replaced, version, .. } => self.put_key(channel, *replaced, *version),
            DomainCommand::DeleteKeySet { version } => {
                let domain = self.domain(channel)?;
                self.must_manage(domain)?;
                let sets = self.key_sets.entry(domain).or_default();
                if !sets.versions.contains(version) {
                    return Err(0x6A88);
                }
                if sets.versions.len() == 1 {
                    return Err(0x6985);
                }
                sets.versions.remove(version);
                done(&[])
            }
            DomainCommand::SetState { state } => {
                self.must_be_domain(channel)?;
                self.may_personalise()?;
                match (self.state, *state) {
                    (OP_READY, INITIALIZED | SECURED)
                    | (INITIALIZED, SECURED)
                    | (SECURED, LOCKED | TERMINATED)
                    | (LOCKED, SECURED | TERMINATED) => self.state = *state,
                    _ => return Err(0x6985),
                }
                self.secure.take_if(|secure| secure.channel != channel);
                for channel in self.channels.values_mut() {
                    channel.verified.clear();
                    channel.authenticated.clear();
                }
                done(&[])
            }
            DomainCommand::GetStatus { subset } => self.tell_status(channel, *subset),
        }
    }

    fn select(&mut self, channel: u8, application: Application) -> Outcome {
        let channel = self.channel(channel);
        channel.application = application;
        channel.directory = crate::files::MASTER_FILE;
        channel.file = None;
        channel.record = 0;
        done(&[])
    }

    fn begin(&mut self, channel: u8, version: u8, challenge: &[u8], given: &[u8]) -> Outcome {
        let domain = self.domain(channel)?;
        let owner = self.keeper(domain);
        let sets = self.key_sets.entry(owner).or_default();
        let first = sets.versions.first().copied();
        let is_there = sets.versions.contains(&version);
        let version = if is_there { Some(version) } else { first.filter(|_| version == 0) }.ok_or(0x6A88_u16)?;
        let counter = &mut self.key_sets.entry(domain).or_default().counter;
        *counter += 1;
        let begins = [vec![0; 10], vec![version, 0x03, if challenge.len() == 8 { 0x70 } else { 0x71 }]].concat();
        let is_right = given.len() == 16 + 2 * challenge.len()
            && given.starts_with(&begins)
            && given.ends_with(&counter.to_be_bytes()[1..]);
        self.secure = None;
        self.begun = Some(Begun { secure: Secure { channel, owner, version, level: 0 } });
        done(if is_right { given } else { &[] })
    }

    fn put_key(&mut self, channel: u8, replaced: u8, version: u8) -> Outcome {
        let domain = self.domain(channel)?;
        self.must_manage(domain)?;
        let sets = self.key_sets.entry(domain).or_default();
        let versions = &mut sets.versions;
        if replaced != 0 && !versions.contains(&replaced) {
            return Err(0x6A88);
        }
        if versions.contains(&version) && version != replaced {
            return Err(0x6A80);
        }
        versions.remove(&replaced);
        versions.insert(version);
        let keys = plain_key_data(version, &keys_of(version));
        let checks = keys[1..].chunks_exact(23).map(|key| key[20..].to_vec());
        done(&[vec![version], checks.collect::<Vec<_>>().concat()].concat())
    }

    fn tell_status(&mut self, channel: u8, subset: u8) -> Outcome {
        let selected = self.domain(channel)?;
        let entry = |name: Vec<u8>, state: u8| {
            object(&[0xE3], &[object(&[0x4F], &name), object(&[0x9F, 0x70], &[state])].concat())
        };
        let mut entries = Vec::new();
        if subset == 0x80 && selected == Domain::Issuer {
            entries.push(entry(selected.name(), self.state));
        }
        if subset == 0x40 {
            if selected == Domain::Issuer {
                entries.push(entry(transaction_name(0x01), 0x07));
            }
            for (number, provider) in &self.providers {
                let domain = Domain::Provider(*number);
                let has_keys = self.key_sets.get(&domain).is_some_and(|sets| !sets.versions.is_empty());
                let state = if has_keys { 0x0F } else { 0x07 } | if provider.is_locked { 0x80 } else { 0 };
                if selected == Domain::Issuer || selected == domain {
                    entries.push(entry(domain.name(), state));
                }
            }
        }
        if entries.is_empty() { Err(0x6A88) } else { done(&entries.concat()) }
    }

    /// A security domain must be selected, whatever has become of it.
    pub(crate) fn must_be_domain(&mut self, channel: u8) -> Result<(), u16> {
        match self.channel(channel).application {
            Application::Issuer | Application::Provider(_) => Ok(()),
            Application::Transaction | Application::Directory(_) => Err(0x6D00),
        }
    }

    /// The security domain that is selected, if it can be used.
    pub(crate) fn domain(&mut self, channel: u8) -> Result<Domain, u16> {
        match self.channel(channel).application {
            Application::Issuer => Ok(Domain::Issuer),
            Application::Provider(number) => {
                let provider = self.providers.get(&number).ok_or(0x6A88_u16)?;
                if provider.is_locked { Err(0x6985) } else { Ok(Domain::Provider(number)) }
            }
            Application::Transaction | Application::Directory(_) => Err(0x6D00),
        }
    }

    /// What is the issuer's comes through the issuer's domain.
    pub(crate) fn personalises_here(&mut self, channel: u8) -> Result<(), u16> {
        let domain = self.domain(channel)?;
        self.may_personalise()?;
        if domain == Domain::Issuer { Ok(()) } else { Err(0x6985) }
    }

    /// Whose keys open a domain: its own, or as long as it has none the issuer's.
    fn keeper(&self, domain: Domain) -> Domain {
        let has_keys = self.key_sets.get(&domain).is_some_and(|sets| !sets.versions.is_empty());
        if has_keys { domain } else { Domain::Issuer }
    }

    /// Whether the command comes from who manages a domain.
    pub(crate) fn must_manage(&self, domain: Domain) -> Result<(), u16> {
        let is_keeper = self.caller.as_ref().is_some_and(|caller| caller.owner == self.keeper(domain));
        if self.personalises() || is_keeper { Ok(()) } else { Err(0x6982) }
    }

    /// The value of an AES key may come in: nobody sees it on its way.
    pub(crate) fn may_import(&self) -> Result<(), u16> {
        let is_encrypted = self.caller.as_ref().is_some_and(|caller| caller.level & 0x02 != 0);
        if self.personalises() || is_encrypted { Ok(()) } else { Err(0x6982) }
    }

    /// A provider's key sets go with its record; what counts its channels stays.
    pub(crate) fn forget_domain(&mut self, provider: u8) {
        self.key_sets.entry(Domain::Provider(provider)).or_default().versions.clear();
    }

    /// Where a secure channel is, a command in the clear ends it; SELECT and INITIALIZE UPDATE are executed all the
    /// same.
    pub(crate) fn unprotect(&mut self, act: &crate::act::Act) -> Result<(), u16> {
        let there = self.secure.clone().filter(|secure| secure.channel == act.channel);
        self.caller = there.clone().filter(|_| act.protected);
        match (act.protected, there) {
            (true, Some(_)) | (false, None) => {}
            (true, None) => return Err(0x6882),
            (false, Some(_)) => {
                self.secure = None;
                if !act.is_select() && !act.begins() {
                    return Err(0x6982);
                }
            }
        }
        Ok(())
    }
}
