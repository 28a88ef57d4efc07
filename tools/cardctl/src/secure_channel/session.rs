//! The cryptography of a secure channel (Amendment D, 6.2).

use aes::Aes128;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use apdu_spec::command::Header;
use apdu_spec::instruction::SecurityLevel;
use apdu_spec::limits::{APDU_MAX, SHORT_DATA_MAX, SHORT_EXPECTED_MAX};
use apdu_spec::{Command, Response, Writer};
use cmac::{Cmac, Mac};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::key_file::{Block, Keys};

const BLOCK: usize = 16;

/// The bit of the class byte that says that a command is protected.
const PROTECTED: u8 = 0x04;
/// What padding begins with (ISO/IEC 9797-1, method 2).
const PADDING: u8 = 0x80;
/// The first byte of the counter block of responses; that of commands is 0.
const RESPONSE: u8 = 0x80;

/// What is derived from the static keys (Amendment D, table 4-1).
const CARD_CRYPTOGRAM: u8 = 0x00;
const HOST_CRYPTOGRAM: u8 = 0x01;
const S_ENC: u8 = 0x04;
const S_MAC: u8 = 0x06;
const S_RMAC: u8 = 0x07;

/// INITIALIZE UPDATE answers diversification data (10), key version, protocol, its parameter; then come challenge,
/// cryptogram, sequence counter (3).
const BEFORE_CHALLENGE: usize = 13;
const SEQUENCE_COUNTER: usize = 3;

/// The session keys of an open channel, and what it has got to.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Session {
    encryption: Block,
    mac: Block,
    response_mac: Block,
    /// Bytes of a MAC as it travels.
    mac_length: usize,
    /// The last command's MAC, whole.
    chaining: Block,
    /// Commands so far.
    counter: u64,
    /// `None` until the host has proved itself.
    #[zeroize(skip)]
    pub(super) level: Option<SecurityLevel>,
}

/// A channel that takes EXTERNAL AUTHENTICATE.
pub(super) struct Begun {
    pub(super) session: Session,
    /// The host's proof that it has the keys.
    pub(super) cryptogram: Vec<u8>,
}

impl Begun {
    /// From the card's answer to INITIALIZE UPDATE; says what is wrong with it.
    pub(super) fn new(keys: &Keys, host_challenge: &[u8], answer: &[u8]) -> Result<Self, &'static str> {
        let length = host_challenge.len();
        if answer.len() != BEFORE_CHALLENGE + 2 * length + SEQUENCE_COUNTER {
            return Err("the card answers something else than SCP03 asks for");
        }
        let (_, rest) = answer.split_at(BEFORE_CHALLENGE);
        let (challenge, rest) = rest.split_at(length);
        let (proof, _) = rest.split_at(length);
        let context = [host_challenge, challenge].concat();
        let bits = u8::try_from(length * 8).map_err(|_| "no such mode")?;
        let session = Session {
            encryption: derive(&keys.encryption, S_ENC, 128, &context),
            mac: derive(&keys.mac, S_MAC, 128, &context),
            response_mac: derive(&keys.mac, S_RMAC, 128, &context),
            mac_length: length,
            chaining: [0; BLOCK],
            counter: 0,
            level: None,
        };
        let cryptogram = |constant| {
            let block = Zeroizing::new(derive(&session.mac, constant, bits, &context));
            block.get(..length).unwrap_or_default().to_vec()
        };
        if !bool::from(proof.ct_eq(&cryptogram(CARD_CRYPTOGRAM))) {
            return Err("the card's key set has other keys: nothing was sent to it; --key-version chooses another one");
        }
        let cryptogram = cryptogram(HOST_CRYPTOGRAM);
        Ok(Self { session, cryptogram })
    }
}

impl Session {
    /// Protects a command; `None` where it is none, or too long.
    pub(super) fn wrap(&mut self, command: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let command = Command::parse(command).ok()?;
        let header = Header { class: command.header.class | PROTECTED, ..command.header };
        self.counter += 1;
        let mut data = Zeroizing::new(Vec::with_capacity(command.data.len() + 2 * BLOCK));
        data.extend_from_slice(command.data);
        if self.level?.encrypts_commands() && !data.is_empty() {
            data.push(PADDING);
            let length = data.len().next_multiple_of(BLOCK);
            data.resize(length, 0);
            self.encrypt(&mut data);
        }
        let mac = self.sign(header, &data, command.expected);
        data.extend_from_slice(mac.get(..self.mac_length)?);
        let mut space = Zeroizing::new(vec![0; APDU_MAX]);
        let mut out = Writer::new(&mut space);
        Command { header, data: &data, expected: command.expected }.encode(&mut out).ok()?;
        let length = out.len();
        space.truncate(length);
        Some(space)
    }

    /// Undoes the protection of a response; `None` where it does not verify. A refusal has none.
    pub(super) fn unwrap(&self, response: &[u8]) -> Option<Vec<u8>> {
        let parsed = Response::parse(response).ok()?;
        let level = self.level?;
        if !level.authenticates_responses() || !parsed.status.is_executed() {
            return Some(response.to_vec());
        }
        let (data, mac) = parsed.data.split_at_checked(parsed.data.len().checked_sub(self.mac_length)?)?;
        let expected = cmac(&self.response_mac, &[&self.chaining, data, &parsed.status.to_bytes()]);
        if !bool::from(mac.ct_eq(expected.get(..self.mac_length)?)) {
            return None;
        }
        let mut plain = data.to_vec();
        if level.encrypts_responses() && !plain.is_empty() {
            self.decrypt(&mut plain)?;
        }
        plain.extend(parsed.status.to_bytes());
        Some(plain)
    }

    /// The MAC of a command whose data are as they travel; it is what the next one begins with.
    pub(super) fn sign(&mut self, header: Header, data: &[u8], expected: usize) -> Block {
        let length = data.len() + self.mac_length;
        let [.., high, low] = length.to_be_bytes();
        let is_short = length <= SHORT_DATA_MAX && expected <= SHORT_EXPECTED_MAX;
        let length: &[u8] = if is_short { &[low] } else { &[0, high, low] };
        let header = [header.class, header.instruction, header.p1, header.p2];
        self.chaining = cmac(&self.mac, &[&self.chaining, &header, length, data]);
        self.chaining
    }

    /// CBC, from the encrypted counter on.
    fn encrypt(&self, data: &mut [u8]) {
        let cipher = Aes128::new((&self.encryption).into());
        let mut before = self.counter_block(&cipher, 0);
        for block in data.chunks_exact_mut(BLOCK) {
            block.iter_mut().zip(before).for_each(|(byte, before)| *byte ^= before);
            cipher.encrypt_block(block.into());
            before.copy_from_slice(block);
        }
    }

    /// Likewise; `None` where the padding is wrong.
    fn decrypt(&self, data: &mut Vec<u8>) -> Option<()> {
        let cipher = Aes128::new((&self.encryption).into());
        let mut before = self.counter_block(&cipher, RESPONSE);
        if !data.len().is_multiple_of(BLOCK) {
            return None;
        }
        for block in data.chunks_exact_mut(BLOCK) {
            let encrypted = Block::try_from(&*block).ok()?;
            cipher.decrypt_block(block.into());
            block.iter_mut().zip(before).for_each(|(byte, before)| *byte ^= before);
            before = encrypted;
        }
        let end = data.iter().rposition(|byte| *byte != 0).filter(|end| data.get(*end) == Some(&PADDING))?;
        data.truncate(end);
        Some(())
    }

    fn counter_block(&self, cipher: &Aes128, direction: u8) -> Block {
        let mut block = u128::from(self.counter).to_be_bytes();
        block[0] = direction;
        cipher.encrypt_block((&mut block).into());
        block
    }
}

/// SP 800-108 in counter mode, as Amendment D, 4.1.5, has it: one block is as much as is ever needed.
fn derive(key: &Block, constant: u8, bits: u8, context: &[u8]) -> Block {
    let mut data = [0; BLOCK];
    data[11] = constant;
    data[14] = bits;
    data[15] = 1;
    cmac(key, &[&data, context])
}

fn cmac(key: &Block, parts: &[&[u8]]) -> Block {
    let mut mac = <Cmac<Aes128> as KeyInit>::new(key.into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
