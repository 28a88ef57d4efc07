//! Key sets in files: hexadecimal, never on a command line.
//!
//! ```text
//! # The key set of our cards.
//! 404142434445464748494A4B4C4D4E4F    # ENC
//! 505152535455565758595A5B5C5D5E5F    # MAC
//! 606162636465666768696A6B6C6D6E6F    # DEK
//! ```
//!
//! One key alone stands for all three.

use std::path::Path;

use aes::Aes128;
use aes::cipher::{BlockEncrypt, KeyInit};
use anyhow::{Context, Result, anyhow, ensure};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// An AES-128 key, or what one makes.
pub(crate) type Block = [u8; 16];

/// The longest file of keys, bytes.
const FILE_MAX: u64 = 64 * 1024;

/// The keys of a key set. No `Debug`.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Keys {
    pub(crate) encryption: Block,
    pub(crate) mac: Block,
    /// Encrypts keys that are brought.
    pub(crate) data: Block,
}

impl Keys {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let read = || -> Result<Self> {
            ensure!(std::fs::metadata(path)?.len() <= FILE_MAX, "this is too long for a file of keys");
            Self::parse(&Zeroizing::new(std::fs::read_to_string(path)?))
        };
        read().with_context(|| format!("keys {}", path.display()))
    }

    /// From an environment variable.
    pub(crate) fn from_environment(name: &str) -> Result<Self> {
        let text = std::env::var(name).map(Zeroizing::new);
        let text = text.with_context(|| format!("the environment variable {name} cannot be read"))?;
        Self::parse(&text).with_context(|| format!("keys in {name}"))
    }

    /// From what stands in a file. Errors do not quote it.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut keys = Zeroizing::new(Vec::new());
        for (number, line) in (1..).zip(text.lines()) {
            for word in line.split('#').next().unwrap_or_default().split_whitespace() {
                let mut key = Zeroizing::new(Block::default());
                let decoded = hex::decode_to_slice(word, key.as_mut_slice());
                decoded.map_err(|_| anyhow!("line {number}: a key is 32 hexadecimal digits"))?;
                keys.push(*key);
            }
        }
        match **keys {
            [encryption, mac, data] => Ok(Self { encryption, mac, data }),
            [all] => Ok(Self { encryption: all, mac: all, data: all }),
            _ => Err(anyhow!("{} keys, and there must be three, ENC, MAC and DEK, or one for all", keys.len())),
        }
    }

    /// In the order of PUT KEY.
    pub(crate) fn in_order(&self) -> [&Block; 3] {
        [&self.encryption, &self.mac, &self.data]
    }
}

/// The check value that comes with a key (Card Specification 2.3.1, B.6).
pub(crate) fn check_value(key: &Block) -> [u8; 3] {
    let [first, second, third, ..] = encrypted(key, &[1; 16]);
    [first, second, third]
}

/// A block under a key.
pub(crate) fn encrypted(key: &Block, block: &Block) -> Block {
    let mut block = (*block).into();
    Aes128::new(key.into()).encrypt_block(&mut block);
    block.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_keys_or_one_are_read_and_nothing_of_them_is_quoted() {
        let one = "404142434445464748494A4B4C4D4E4F";
        assert!(Keys::parse(&format!("# keys\n{one} # ENC\n\n{one}\n{one}\n")).is_ok());
        assert!(Keys::parse(one).is_ok_and(|keys| keys.in_order().iter().all(|key| key[0] == 0x40)));
        for (text, word) in [("", "0 keys"), (&format!("{one} {one}"), "2 keys"), ("\n40414243", "line 2")] {
            let error = Keys::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(word) && !error.contains("4041"), "{error}");
        }
    }

    #[test]
    fn the_check_value_is_the_manuals() {
        let key = std::array::from_fn(|at| 0x40 + u8::try_from(at).unwrap_or_default());
        assert_eq!(check_value(&key), [0x50, 0x4A, 0x77]);
    }
}
