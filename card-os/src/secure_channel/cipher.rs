//! AES-128 as Secure Channel Protocol '03' uses it (Amendment D, 4.1 and 6.2).

use aes::Aes128;
use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use cmac::{Cmac, Mac};
use protocol::crypto::Secret;

/// Bytes of a key and of a block.
pub(crate) const BLOCK: usize = 16;

/// What a derived value is for (Amendment D, table 4-1).
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    CardCryptogram = 0x00,
    HostCryptogram = 0x01,
    CardChallenge = 0x02,
    Encryption = 0x04,
    Mac = 0x06,
    ResponseMac = 0x07,
}

/// Derives a key.
pub(crate) fn derive_key(key: &Secret<BLOCK>, purpose: Purpose, context: &[&[u8]]) -> Secret<BLOCK> {
    Secret::from(derive(key, purpose, BLOCK, context))
}

/// Derives `length` bytes, 8 or 16, and leaves the rest of the block unused: the key derivation in counter mode of
/// SP 800-108 with CMAC.
pub(crate) fn derive(key: &Secret<BLOCK>, purpose: Purpose, length: usize, context: &[&[u8]]) -> [u8; BLOCK] {
    let bits: u8 = if length == BLOCK { 128 } else { 64 };
    let mut mac = new_mac(key);
    mac.update(&[0; 11]);
    mac.update(&[purpose as u8, 0x00, 0x00, bits, 0x01]);
    context.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// CMAC over `parts`, one after the other.
pub(crate) fn cmac(key: &Secret<BLOCK>, parts: &[&[u8]]) -> [u8; BLOCK] {
    let mut mac = new_mac(key);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// One block, encrypted.
pub(crate) fn encrypt_block(key: &Secret<BLOCK>, block: [u8; BLOCK]) -> [u8; BLOCK] {
    let mut block = block.into();
    Aes128::new(key.as_bytes().into()).encrypt_block(&mut block);
    block.into()
}

/// CBC over whole blocks, in place.
pub(crate) fn encrypt(key: &Secret<BLOCK>, first: [u8; BLOCK], data: &mut [u8]) {
    let cipher = Aes128::new(key.as_bytes().into());
    let mut before = first;
    for block in data.chunks_exact_mut(BLOCK) {
        block.iter_mut().zip(before).for_each(|(byte, other)| *byte ^= other);
        cipher.encrypt_block(GenericArray::from_mut_slice(block));
        before.copy_from_slice(block);
    }
}

/// Undoes [`encrypt`].
pub(crate) fn decrypt(key: &Secret<BLOCK>, first: [u8; BLOCK], data: &mut [u8]) {
    let cipher = Aes128::new(key.as_bytes().into());
    let mut before = first;
    for block in data.chunks_exact_mut(BLOCK) {
        let mut encrypted = [0; BLOCK];
        encrypted.copy_from_slice(block);
        cipher.decrypt_block(GenericArray::from_mut_slice(block));
        block.iter_mut().zip(before).for_each(|(byte, other)| *byte ^= other);
        before = encrypted;
    }
}

/// The first byte of padding; zeros follow (ISO/IEC 9797-1, method 2).
pub(crate) const PADDING: u8 = 0x80;

/// The length without padding, which is a byte to a block long.
pub(crate) fn unpadded(data: &[u8]) -> Option<usize> {
    let end = data.iter().rposition(|byte| *byte != 0)?;
    (data.get(end) == Some(&PADDING) && data.len() - end <= BLOCK).then_some(end)
}

/// The first bytes of sixteen bytes 01, encrypted (GlobalPlatform Card Specification 2.3.1, B.5 as amended by
/// Amendment D, 4.1.4).
pub(crate) fn check_value(key: &Secret<BLOCK>) -> [u8; 3] {
    let [first, second, third, ..] = encrypt_block(key, [0x01; BLOCK]);
    [first, second, third]
}

fn new_mac(key: &Secret<BLOCK>) -> Cmac<Aes128> {
    <Cmac<Aes128> as KeyInit>::new(key.as_bytes().into())
}
