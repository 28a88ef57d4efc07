//! Random numbers: the board's noise, tested (SP 800-90B, 4.4) and conditioned by HMAC_DRBG (SP 800-90A, 10.1.2).
//!
//! Failing happens once, in [`Random::seeded`]; what that gives out cannot fail, so that no key generation has to.

use protocol::crypto::{Crypto, RustCrypto};
use rand_core::{CryptoRng, Error, RngCore};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::platform::Platform;
use crate::refusal::Refusal;

/// Noise drawn for each seeding, bytes: at one bit of entropy a byte, twice the strength of 128 bits and a nonce's half more.
const SEED_LENGTH: usize = 384;

/// This many equal bytes in a row, at one bit of entropy a byte, happen once in 2^30 (SP 800-90B, 4.4.1).
const REPETITIONS_MAX: u8 = 31;

/// A generator that has never been seeded, or was seeded by an earlier command.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Random {
    key: [u8; 32],
    value: [u8; 32],
    last: u8,
    repetitions: u8,
}

impl Default for Random {
    fn default() -> Self {
        Self { key: [0; 32], value: [1; 32], last: 0, repetitions: 0 }
    }
}

impl Random {
    /// The generator with fresh noise mixed in: to be called in every command that needs random numbers.
    pub(crate) fn seeded(&mut self, platform: &mut impl Platform) -> Result<Seeded<'_>, Refusal> {
        let mut noise = Zeroizing::new([0; SEED_LENGTH]);
        platform.noise(noise.as_mut_slice()).map_err(|_| Refusal::Fault)?;
        noise.iter().try_for_each(|byte| self.test(*byte))?;
        self.update(noise.as_slice());
        Ok(Seeded(self))
    }

    /// The repetition count test. It starts again after a failure, so that a source may recover.
    fn test(&mut self, byte: u8) -> Result<(), Refusal> {
        self.repetitions = if byte == self.last { self.repetitions.saturating_add(1) } else { 1 };
        self.last = byte;
        if self.repetitions >= REPETITIONS_MAX {
            self.repetitions = 0;
            return Err(Refusal::Fault);
        }
        Ok(())
    }

    fn update(&mut self, provided: &[u8]) {
        self.mix(0x00, provided);
        if !provided.is_empty() {
            self.mix(0x01, provided);
        }
    }

    fn mix(&mut self, round: u8, provided: &[u8]) {
        self.key = RustCrypto::hmac_sha256(&self.key, &[&self.value, &[round], provided]);
        self.step();
    }

    fn step(&mut self) {
        self.value = RustCrypto::hmac_sha256(&self.key, &[&self.value]);
    }
}

/// A generator fit for use.
pub(crate) struct Seeded<'a>(&'a mut Random);

impl RngCore for Seeded<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for part in out.chunks_mut(32) {
            self.0.step();
            part.iter_mut().zip(self.0.value).for_each(|(to, from)| *to = from);
        }
        self.0.update(&[]);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Seeded<'_> {}
