//! SHA-256, also where its beginning was computed outside the card (FIPS 180-4, 6.2; ISO/IEC 7816-8, 5.3.6).

use apdu_spec::instruction::{HashBegun, HashInput};
use protocol::crypto::{Crypto, Hasher, RustCrypto};
use sha2::compress256;
use sha2::digest::generic_array::GenericArray;

use crate::refusal::Refusal;

const BLOCK: usize = 64;

/// The hash of these bytes.
pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    let mut hasher = <RustCrypto as Crypto>::Sha256::new();
    hasher.update(data);
    hasher.finish()
}

/// The hash of what was hashed before and of what follows.
pub(crate) fn sha256_of(input: &HashInput<'_>) -> Result<[u8; 32], Refusal> {
    match &input.begun {
        Some(begun) => finish(begun, input.data),
        None => Ok(sha256(input.data)),
    }
}

fn finish(begun: &HashBegun<'_>, data: &[u8]) -> Result<[u8; 32], Refusal> {
    let bits = u64::try_from(data.len()).ok().and_then(|bytes| begun.bits.checked_add(bytes * 8));
    let bits = bits.ok_or(Refusal::WRONG_DATA)?;
    let mut state = [0; 8];
    for (word, bytes) in state.iter_mut().zip(begun.state.chunks_exact(4)) {
        *word = u32::from_be_bytes(bytes.try_into().map_err(|_| Refusal::Fault)?);
    }
    let blocks = data.chunks_exact(BLOCK);
    let rest = blocks.remainder();
    blocks.for_each(|block| compress256(&mut state, &[*GenericArray::from_slice(block)]));
    pad(&mut state, rest, bits).ok_or(Refusal::Fault)?;
    let mut hash = [0; 32];
    hash.chunks_exact_mut(4).zip(state).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_be_bytes()));
    Ok(hash)
}

/// The last block or two (FIPS 180-4, 5.1.1).
fn pad(state: &mut [u32; 8], rest: &[u8], bits: u64) -> Option<()> {
    const LENGTH: usize = 8;
    let mut last = [0; 2 * BLOCK];
    last.get_mut(..rest.len())?.copy_from_slice(rest);
    *last.get_mut(rest.len())? = 0x80;
    let end = if rest.len() < BLOCK - LENGTH { BLOCK } else { 2 * BLOCK };
    last.get_mut(end - LENGTH..end)?.copy_from_slice(&bits.to_be_bytes());
    let blocks = last.get(..end)?.chunks_exact(BLOCK);
    blocks.for_each(|block| compress256(state, &[*GenericArray::from_slice(block)]));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the initial hash value is (FIPS 180-4, 5.3.3).
    const INITIAL: [u32; 8] =
        [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

    #[test]
    fn hashing_in_two_halves_is_hashing_at_once() {
        let mut data = [0; 400];
        data.iter_mut().zip((0..=250).cycle()).for_each(|(byte, value)| *byte = value);
        for length in 0..data.len() {
            let data = &data[..length];
            let whole = sha256(data);
            for before in (0..=length).step_by(BLOCK) {
                let mut state = INITIAL;
                let blocks = data[..before].chunks_exact(BLOCK);
                blocks.for_each(|block| compress256(&mut state, &[*GenericArray::from_slice(block)]));
                let mut bytes = [0; 32];
                bytes.chunks_exact_mut(4).zip(state).for_each(|(to, word)| to.copy_from_slice(&word.to_be_bytes()));
                let begun = HashBegun { state: &bytes, bits: before as u64 * 8 };
                assert_eq!(sha256_of(&HashInput { begun: Some(begun), data: &data[before..] }), Ok(whole));
            }
        }
    }

    #[test]
    fn more_than_a_hash_can_count_is_refused() {
        let begun = HashBegun { state: &[0; 32], bits: u64::MAX - 511 };
        assert_eq!(sha256_of(&HashInput { begun: Some(begun), data: &[0; 64] }), Err(Refusal::WRONG_DATA));
    }
}
