//! Random numbers: the board's noise, tested (SP 800-90B, 4.4) and conditioned by HMAC_DRBG (SP 800-90A, 10.1.2).
//!
//! Failing happens once, in [`Random::seeded`]; what that gives out cannot fail, so that no key generation has to.

use protocol::crypto::{Crypto, RustCrypto};
use rand_core::{CryptoRng, Error, RngCore};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::platform::Platform;
use crate::refusal::Refusal;

/// Noise drawn for each seeding, bytes. At one bit of entropy a byte that is 384 bits: twice what 128 bits of strength
/// and a nonce of half of them need (SP 800-90A, 8.6.7).
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

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
    use rfc6979::HmacDrbg;
    use sha2::Sha256;

    use super::*;
    use crate::platform::NoiseFailure;

    struct Noise(fn(usize) -> u8);

    impl Platform for Noise {
        type Flash = NoFlash;

        fn noise(&mut self, out: &mut [u8]) -> Result<(), NoiseFailure> {
            out.iter_mut().enumerate().for_each(|(at, byte)| *byte = self.0(at));
            Ok(())
        }

        fn user_present(&mut self) -> bool {
            false
        }
    }

    /// There is none, nor needed.
    enum NoFlash {}

    impl ErrorType for NoFlash {
        type Error = Infallible;
    }

    impl ReadNorFlash for NoFlash {
        const READ_SIZE: usize = 1;

        fn read(&mut self, _: u32, _: &mut [u8]) -> Result<(), Infallible> {
            match *self {}
        }

        fn capacity(&self) -> usize {
            match *self {}
        }
    }

    impl NorFlash for NoFlash {
        const WRITE_SIZE: usize = 1;
        const ERASE_SIZE: usize = 1;

        fn erase(&mut self, _: u32, _: u32) -> Result<(), Infallible> {
            match *self {}
        }

        fn write(&mut self, _: u32, _: &[u8]) -> Result<(), Infallible> {
            match *self {}
        }
    }

    fn counting(at: usize) -> u8 {
        at.to_le_bytes()[0]
    }

    #[test]
    fn it_is_the_drbg_of_the_standard() {
        let mut noise = [0; SEED_LENGTH];
        noise.iter_mut().enumerate().for_each(|(at, byte)| *byte = counting(at));
        let mut other = HmacDrbg::<Sha256>::new(&noise, &[], &[]);
        let mut random = Random::default();
        let mut random = random.seeded(&mut Noise(counting)).unwrap();
        for length in [1, 32, 33, 100] {
            let (mut ours, mut theirs) = ([0; 100], [0; 100]);
            random.fill_bytes(&mut ours[..length]);
            other.fill_bytes(&mut theirs[..length]);
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn the_same_noise_again_gives_other_numbers() {
        let mut random = Random::default();
        let mut draw = || random.seeded(&mut Noise(counting)).unwrap().next_u64();
        assert_ne!(draw(), draw());
    }

    #[test]
    fn noise_that_has_stopped_is_refused_and_noise_that_comes_back_is_taken() {
        let mut random = Random::default();
        assert!(random.seeded(&mut Noise(|_| 7)).is_err());
        assert!(random.seeded(&mut Noise(|at| if at < 31 { 7 } else { counting(at) })).is_err());
        assert!(random.seeded(&mut Noise(|at| if at < 30 { 9 } else { counting(at) })).is_ok());
    }
}
