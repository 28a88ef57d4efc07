//! INITIALIZE UPDATE and EXTERNAL AUTHENTICATE (Amendment D, 7.1).

use core::mem;

use apdu_spec::Writer;
use apdu_spec::instruction::{ExternalAuthenticate, InitializeUpdate};
use protocol::crypto::Secret;
use subtle::ConstantTimeEq;

use super::SecureChannel;
use super::cipher::{self, BLOCK, Purpose};
use super::key_set::{self, KeySet, KeySetName};
use super::open::{Open, SessionKeys, message_mac};
use crate::command::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::refusal::Refusal;

/// Between the two commands.
pub(crate) struct Begun {
    /// The logical channel.
    pub(super) number: u8,
    host: KeySetName,
    keys: SessionKeys,
    /// What the host must send, of which `length` bytes count.
    host_cryptogram: Secret<BLOCK>,
    length: usize,
}

/// No key is derived from anything that is the card's.
const DIVERSIFICATION_DATA: [u8; 10] = [0; 10];

/// Secure Channel Protocol '03'.
const PROTOCOL: u8 = 0x03;

/// Parameter "i": pseudo-random card challenge, R-MAC and R-ENC (Amendment D, table 5-1). The lowest bit is S16 mode's.
const OPTIONS: u8 = 0x70;

impl Handle for InitializeUpdate<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let domain = context.domain()?;
        let keeper = key_set::keeper(context.store, domain);
        let set = KeySet::load(context.store, keeper, self.version)?;
        if key_set::tries_left(context.store, set.name)? == 0 {
            return Err(Refusal::KeyBlocked);
        }
        let sequence = key_set::next_sequence(context.store, domain)?;
        let length = self.host_challenge.len();
        let name: &[u8] = domain.name().as_bytes();
        let challenge = cipher::derive(&set.encryption, Purpose::CardChallenge, length, &[&sequence, name]);
        let challenge = challenge.get(..length).ok_or(Refusal::Fault)?;
        let both = [self.host_challenge, challenge];
        let keys = SessionKeys::derive(&set, &both);
        let cryptogram = cipher::derive(&keys.mac, Purpose::CardCryptogram, length, &both);
        reply.put(&DIVERSIFICATION_DATA)?;
        reply.put(&[set.name.version.number(), PROTOCOL, OPTIONS | u8::from(length == BLOCK)])?;
        reply.put(challenge)?;
        reply.put(cryptogram.get(..length).ok_or(Refusal::Fault)?)?;
        reply.put(&sequence)?;
        *context.secure = SecureChannel::Begun(Begun::new(context.number, set.name, keys, &both, length));
        Ok(())
    }
}

impl Handle for ExternalAuthenticate<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, _: &mut Writer<'_>) -> Result<(), Refusal> {
        // Another logical channel's is not touched.
        if context.secure.number() != Some(context.number) {
            return Err(Refusal::OutOfOrder);
        }
        let SecureChannel::Begun(begun) = mem::take(context.secure) else { return Err(Refusal::OutOfOrder) };
        key_set::count_try(context.store, begun.host)?;
        let open = begun.authenticate(&self)?;
        key_set::restore_tries(context.store, open.host)?;
        *context.secure = SecureChannel::Open(open);
        Ok(())
    }
}

impl Begun {
    pub(super) fn new(number: u8, host: KeySetName, keys: SessionKeys, challenges: &[&[u8]], length: usize) -> Self {
        let host_cryptogram = cipher::derive(&keys.mac, Purpose::HostCryptogram, length, challenges).into();
        Self { number, host, keys, host_cryptogram, length }
    }

    pub(super) fn authenticate(self, command: &ExternalAuthenticate<'_>) -> Result<Open, Refusal> {
        let header = ExternalAuthenticate::header(command.level);
        let chaining = message_mac(&self.keys, &[0; BLOCK], header, false, self.length, command.cryptogram);
        let is_host = self.host_cryptogram.as_bytes().get(..self.length).unwrap_or_default().ct_eq(command.cryptogram);
        let is_authentic = chaining.get(..self.length).unwrap_or_default().ct_eq(command.mac);
        if !bool::from(is_host & is_authentic) {
            return Err(Refusal::NotAuthenticated);
        }
        Ok(Open {
            number: self.number,
            host: self.host,
            level: command.level,
            mac_length: self.length,
            keys: self.keys,
            chaining,
            counter: 0,
        })
    }
}
