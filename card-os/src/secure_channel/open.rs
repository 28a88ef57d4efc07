//! What a secure channel does to commands and responses (Amendment D, 6.2).

use apdu_spec::command::{Class, Header, SecureMessaging};
use apdu_spec::instruction::SecurityLevel;
use apdu_spec::{Command, Malformed, Status, Writer};
use protocol::crypto::Secret;
use subtle::ConstantTimeEq;

use super::Protected;
use super::cipher::{self, BLOCK, PADDING, Purpose};
use super::key_set::{KeySet, KeySetName};
use crate::refusal::Refusal;

/// The keys of one secure channel.
pub(super) struct SessionKeys {
    encryption: Secret<BLOCK>,
    pub(super) mac: Secret<BLOCK>,
    response_mac: Secret<BLOCK>,
    /// The key set's own.
    pub(super) data: Secret<BLOCK>,
}

impl SessionKeys {
    pub(super) fn derive(set: &KeySet, challenges: &[&[u8]]) -> Self {
        Self {
            encryption: cipher::derive_key(&set.encryption, Purpose::Encryption, challenges),
            mac: cipher::derive_key(&set.mac, Purpose::Mac, challenges),
            response_mac: cipher::derive_key(&set.mac, Purpose::ResponseMac, challenges),
            data: set.data.clone(),
        }
    }
}

/// An open secure channel.
pub(crate) struct Open {
    /// The logical channel.
    pub(super) number: u8,
    /// The key set that opened it.
    pub(super) host: KeySetName,
    pub(super) level: SecurityLevel,
    /// 8 in S8 mode, 16 in S16 mode.
    pub(super) mac_length: usize,
    pub(super) keys: SessionKeys,
    /// The whole MAC of the last command.
    pub(super) chaining: [u8; BLOCK],
    /// Of the last command, from 1.
    pub(super) counter: u64,
}

impl Open {
    /// Verifies and decrypts a command in place.
    pub(super) fn unwrap<'a>(&mut self, command: Protected<'a>) -> Result<Command<'a>, Refusal> {
        let Protected { header, is_extended, data, expected, .. } = command;
        let length = data.len().checked_sub(self.mac_length).ok_or(Refusal::WrongProtection)?;
        let (data, mac) = data.split_at_mut(length);
        let whole = message_mac(&self.keys, &self.chaining, header, is_extended, self.mac_length, data);
        if !bool::from(whole.get(..self.mac_length).unwrap_or_default().ct_eq(mac)) {
            return Err(Refusal::WrongProtection);
        }
        self.chaining = whole;
        self.counter += 1;
        let data = if self.level.encrypts_commands() && !data.is_empty() { self.decrypt(data)? } else { data };
        let class = Class::parse(header.class).ok_or(Malformed::Class)?;
        let class = Class { secure_messaging: SecureMessaging::None, ..class }.to_byte();
        Ok(Command { header: Header { class, ..header }, data, expected })
    }

    /// Encrypts a response in place and appends its MAC. The answer to a refused command is its status word alone.
    pub(super) fn wrap(&self, status: Status, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        if self.level.encrypts_responses() && !reply.is_empty() {
            reply.put_u8(PADDING)?;
            reply.extend(reply.len().next_multiple_of(BLOCK) - reply.len())?.fill(0);
            cipher::encrypt(&self.keys.encryption, self.first_block(RESPONSE), reply.written_mut());
        }
        if self.level.authenticates_responses() {
            let parts = [&self.chaining[..], reply.written(), &status.to_bytes()];
            let mac = cipher::cmac(&self.keys.response_mac, &parts);
            reply.put(mac.get(..self.mac_length).ok_or(Refusal::Fault)?)?;
        }
        Ok(())
    }

    fn decrypt<'a>(&self, data: &'a mut [u8]) -> Result<&'a [u8], Refusal> {
        if data.len() % BLOCK != 0 {
            return Err(Refusal::WrongProtection);
        }
        cipher::decrypt(&self.keys.encryption, self.first_block(COMMAND), data);
        cipher::unpadded(data).and_then(|length| data.get(..length)).ok_or(Refusal::WrongProtection)
    }

    /// What CBC begins with: the counter, encrypted.
    fn first_block(&self, direction: u64) -> [u8; BLOCK] {
        let counter = u128::from(direction) << 120 | u128::from(self.counter);
        cipher::encrypt_block(&self.keys.encryption, counter.to_be_bytes())
    }
}

/// The first byte of the counter's block.
const COMMAND: u64 = 0x00;
const RESPONSE: u64 = 0x80;

/// The MAC of a command: over the last one's, the header without its logical channel, `Lc` with the MAC counted in, and
/// the data.
pub(super) fn message_mac(
    keys: &SessionKeys,
    chaining: &[u8; BLOCK],
    header: Header,
    is_extended: bool,
    mac_length: usize,
    data: &[u8],
) -> [u8; BLOCK] {
    let [.., high, low] = (data.len() + mac_length).to_be_bytes();
    let length: &[u8] = if is_extended { &[0, high, low] } else { &[low] };
    let class = header.class & !CHANNEL_BITS;
    cipher::cmac(&keys.mac, &[chaining, &[class, header.instruction, header.p1, header.p2], length, data])
}

const CHANNEL_BITS: u8 = 0x03;
