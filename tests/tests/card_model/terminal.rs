//! What a terminal adds to commands: the logical channel, the secure channel, and proofs over the card's challenges.

use std::collections::BTreeMap;

use sim_reader::card::{CardError, SoftwareCard};
use sim_reader::flash::RamFlash;
use symbolon_tests::scp03::Host;

use crate::act::{Act, Command};
use crate::domains::{DomainCommand, keys_of};
use crate::keys::{HOST_KEY, KeyCommand, host_proof};
use crate::world::{Answer, ChannelCommand};

pub(crate) struct Terminal {
    pub(crate) card: SoftwareCard<RamFlash>,
    /// The last challenge of each logical channel.
    challenges: BTreeMap<u8, Vec<u8>>,
    /// The secure channel that was begun, and the one that is open, each with its logical channel.
    begun: Option<(u8, Host)>,
    open: Option<(u8, Host)>,
}

impl Terminal {
    pub(crate) fn new(card: SoftwareCard<RamFlash>) -> Self {
        Self { card, challenges: BTreeMap::new(), begun: None, open: None }
    }

    /// Power off and on.
    pub(crate) fn reset(&mut self) {
        self.card.power_on().unwrap();
        (self.begun, self.open) = (None, None);
        self.challenges.clear();
    }

    /// The act as it is going to be sent. What ends a secure channel goes in the clear, and so does what has another
    /// meaning with the expected length that the host gives to every protected command.
    pub(crate) fn settle(&mut self, act: &Act) -> Act {
        let is_open = self.open.as_ref().is_some_and(|(channel, _)| *channel == act.channel);
        let closes = matches!(act.command, Command::Channel(ChannelCommand::Close { number }) if number == act.channel);
        let is_plain = matches!(
            act.command,
            Command::Domain(DomainCommand::Begin { .. } | DomainCommand::Finish { .. })
                | Command::Key(KeyCommand::Challenge | KeyCommand::Authenticate { .. })
        );
        let protected = act.protected && is_open && !(is_plain || closes || act.is_select_by_name());
        let mut act = Act { protected, ..act.clone() };
        if let Command::Key(KeyCommand::Authenticate { key, is_right, proof }) = &mut act.command {
            let challenge = self.challenges.get(&act.channel);
            *proof = host_proof(key.unwrap_or(HOST_KEY), challenge.map_or(&[], Vec::as_slice));
            proof[15] ^= u8::from(!*is_right);
        }
        if let Command::Domain(DomainCommand::Finish { level, is_right, cryptogram }) = &mut act.command
            && let Some((_, host)) = &mut self.begun
        {
            *cryptogram = host.authenticate(*level)[5..].to_vec();
            cryptogram[0] ^= u8::from(!*is_right);
        }
        if let Command::Domain(DomainCommand::PutKey { version, keys, .. }) = &mut act.command
            && let Some((_, host)) = self.open.as_ref().filter(|_| protected)
        {
            *keys = host.key_data(*version, &keys_of(*version));
        }
        act
    }

    /// Sends a settled act.
    pub(crate) fn send(&mut self, act: &Act) -> Result<Answer, CardError> {
        let apdu = act.command.apdu();
        let (data, status) = match self.open.as_mut().filter(|_| act.protected) {
            Some((channel, host)) => {
                let mut command = host.wrap(apdu.header, &apdu.data);

                command[0] |= *channel;
                host.unwrap(&self.card.transmit(&command)?).unwrap()
            }
            None => {
                let response = self.card.transmit(&apdu.bytes(act.channel))?;
                let (data, status) = response.split_last_chunk::<2>().unwrap();
                (data.to_vec(), u16::from_be_bytes(*status))
            }
        };
        self.note(act, &data, status);
        Ok((data, status))
    }

    /// Keeps what the next commands need.
    fn note(&mut self, act: &Act, data: &[u8], status: u16) {
        let begun = self.begun.take();
        let is_here = |open: &mut (u8, Host)| open.0 == act.channel;
        if !act.protected {
            self.open.take_if(is_here);
        }
        if status == 0x6882 {
            self.open = None;
        }
        if status != 0x9000 {
            return;
        }
        if let Command::Key(KeyCommand::Challenge) = &act.command {
            self.challenges.insert(act.channel, data.to_vec());
        } else if let Command::Channel(ChannelCommand::Close { number }) = &act.command {
            self.open.take_if(|(channel, _)| channel == number);
        } else if let Command::Domain(DomainCommand::Begin { challenge, .. }) = &act.command {
            let host = Host::begin(&keys_of(data[10]), challenge, data).unwrap();
            (self.begun, self.open) = (Some((act.channel, host)), None);
        } else if let Command::Domain(DomainCommand::Finish { .. }) = &act.command {
            self.open = begun;
        }
    }
}
