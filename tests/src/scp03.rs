//! A host of GlobalPlatform's Secure Channel Protocol '03' with AES-128, from the specification (Amendment D, 1.1.2)
//! and without the card's code, so that the two check each other.

#![expect(clippy::indexing_slicing, reason = "a panic is a test's verdict")]

use aes::Aes128;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use anyhow::{Context, Result, ensure};
use cmac::{Cmac, Mac};

type Block = [u8; 16];

/// Static keys: ENC, MAC, DEK.
pub type Keys = [Block; 3];

/// The host's end of a secure channel.
#[derive(Clone)]
pub struct Host {
    /// Every session key, as the specification calls them: S-ENC, S-MAC, S-RMAC.
    session: Keys,
    dek: Block,
    host_cryptogram: Vec<u8>,
    mac_length: usize,
    level: u8,
    chaining: Block,
    counter: u8,
}

impl Host {
    /// Takes the answer to INITIALIZE UPDATE, its status word cut off, and checks the card's cryptogram.
    ///
    /// # Errors
    /// The card does not have the keys.
    pub fn begin(keys: &Keys, host_challenge: &[u8], answer: &[u8]) -> Result<Self> {
        let length = host_challenge.len();
        ensure!(answer.len() == 13 + 2 * length + 3, "an answer of {} bytes", answer.len());
        let (challenge, rest) = answer.split_at(13).1.split_at(length);
        let context = [host_challenge, challenge].concat();
        let bits = if length == 8 { 0x40 } else { 0x80 };
        let session = [
            derive(&keys[0], 4, 0x80, &context),
            derive(&keys[1], 6, 0x80, &context),
            derive(&keys[1], 7, 0x80, &context),
        ];
        ensure!(rest.starts_with(&derive(&session[1], 0, bits, &context)[..length]), "the card's cryptogram is wrong");
        let host_cryptogram = derive(&session[1], 1, bits, &context)[..length].to_vec();
        let (dek, chaining) = (keys[2], [0; 16]);
        Ok(Self { session, dek, host_cryptogram, mac_length: length, level: 0, chaining, counter: 0 })
    }

    /// EXTERNAL AUTHENTICATE.
    pub fn authenticate(&mut self, level: u8) -> Vec<u8> {
        let cryptogram = self.host_cryptogram.clone();
        let command = self.sign([0x84, 0x82, level, 0x00], cryptogram, None);
        self.level = level;
        command
    }

    /// Protects a command; `Le` of 00 (extended: 0000) goes with it.
    pub fn wrap(&mut self, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        self.counter += 1;
        let mut data = data.to_vec();
        if self.level & 0x02 != 0 && !data.is_empty() {
            data.push(0x80);
            data.resize(data.len().next_multiple_of(16), 0);
            self.encrypt(0x00, &mut data);
        }
        let [class, rest @ ..] = header;
        self.sign([class | 0x04, rest[0], rest[1], rest[2]], data, Some(0))
    }

    /// Undoes the protection of a response.
    ///
    /// # Errors
    /// The response is not the card's.
    pub fn unwrap(&self, response: &[u8]) -> Result<(Vec<u8>, u16)> {
        let (data, status) = response.split_last_chunk::<2>().context("no status word")?;
        let executed = *status == [0x90, 0x00] || matches!(status[0], 0x62 | 0x63);
        let mut data = data.to_vec();
        if executed && self.level & 0x10 != 0 {
            let end = data.len().checked_sub(self.mac_length).context("no MAC")?;
            let mac = data.split_off(end);
            let expected = cmac(&self.session[2], &[&self.chaining, &data[..], status].concat());
            ensure!(mac == expected[..self.mac_length], "the response's MAC is wrong");
            if self.level & 0x20 != 0 && !data.is_empty() {
                self.decrypt(0x80, &mut data);
                let end = data.iter().rposition(|byte| *byte != 0).context("no padding")?;
                ensure!(data[end] == 0x80, "wrong padding");
                data.truncate(end);
            }
        }
        Ok((data, u16::from_be_bytes(*status)))
    }

    /// The data of PUT KEY, the keys encrypted with the DEK.
    #[must_use]
    pub fn key_data(&self, version: u8, keys: &Keys) -> Vec<u8> {
        encrypted_key_data(version, keys, &self.dek)
    }

    /// Data for STORE DATA, padded and encrypted with the DEK.
    #[must_use]
    pub fn encrypt_data(&self, data: &[u8]) -> Vec<u8> {
        let mut data = [data, &[0x80]].concat();
        data.resize(data.len().next_multiple_of(16), 0);
        let mut before = [0; 16];
        for block in data.chunks_exact_mut(16) {
            before = encrypt_block(&self.dek, &std::array::from_fn(|at| block[at] ^ before[at]));
            block.copy_from_slice(&before);
        }
        data
    }

    fn sign(&mut self, header: [u8; 4], mut data: Vec<u8>, expected: Option<u8>) -> Vec<u8> {
        let length = data.len() + self.mac_length;
        let [.., high, low] = length.to_be_bytes();
        let length = if length > 255 { vec![0, high, low] } else { vec![low] };
        let unnumbered = [header[0] & 0xFC, header[1], header[2], header[3]];
        self.chaining = cmac(&self.session[1], &[&self.chaining[..], &unnumbered, &length, &data].concat());
        data.extend(&self.chaining[..self.mac_length]);
        let expected = expected.map_or(Vec::new(), |byte| vec![byte; if length.len() == 3 { 2 } else { 1 }]);
        [&header[..], &length, &data, &expected].concat()
    }

    fn first_block(&self, direction: u8) -> Block {
        let mut block = [0; 16];
        block[0] = direction;
        block[15] = self.counter;
        encrypt_block(&self.session[0], &block)
    }

    fn encrypt(&self, direction: u8, data: &mut [u8]) {
        let mut before = self.first_block(direction);
        for block in data.chunks_exact_mut(16) {
            let mixed: Block = std::array::from_fn(|at| block[at] ^ before[at]);
            before = encrypt_block(&self.session[0], &mixed);
            block.copy_from_slice(&before);
        }
    }

    fn decrypt(&self, direction: u8, data: &mut [u8]) {
        let mut before = self.first_block(direction);
        for block in data.chunks_exact_mut(16) {
            let encrypted: Block = std::array::from_fn(|at| block[at]);
            let mut plain = encrypted.into();
            Aes128::new(&self.session[0].into()).decrypt_block(&mut plain);
            block.iter_mut().zip(plain).zip(before).for_each(|((to, plain), before)| *to = plain ^ before);
            before = encrypted;
        }
    }
}

/// The data of PUT KEY, the keys encrypted with this DEK.
#[must_use]
pub fn encrypted_key_data(version: u8, keys: &Keys, dek: &[u8; 16]) -> Vec<u8> {
    key_data(version, keys, |key| encrypt_block(dek, key))
}

/// The data of PUT KEY, the keys in the clear.
#[must_use]
pub fn plain_key_data(version: u8, keys: &Keys) -> Vec<u8> {
    key_data(version, keys, |key| *key)
}

fn key_data(version: u8, keys: &Keys, wrap: impl Fn(&Block) -> Block) -> Vec<u8> {
    let mut data = vec![version];
    for key in keys {
        data.extend([0x88, 0x11, 0x10]);
        data.extend(wrap(key));
        data.push(3);
        data.extend(&encrypt_block(key, &[1; 16])[..3]);
    }
    data
}

fn derive(key: &Block, constant: u8, bits: u8, context: &[u8]) -> Block {
    cmac(key, &[&[0; 11][..], &[constant, 0, 0, bits, 1], context].concat())
}

fn cmac(key: &Block, message: &[u8]) -> Block {
    let mut mac = <Cmac<Aes128> as KeyInit>::new(key.into());
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn encrypt_block(key: &Block, block: &Block) -> Block {
    let mut block = (*block).into();
    Aes128::new(key.into()).encrypt_block(&mut block);
    block.into()
}
