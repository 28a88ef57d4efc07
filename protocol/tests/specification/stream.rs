//! The random stream of the vectors: `PROTOCOL.md`, section 13.

use rand_core::{CryptoRng, RngCore};

use super::primitives::digest;

/// Blocks `digest("symbolon/1 test stream", seed, name, counter)`, one behind the other.
pub(crate) struct Stream {
    seed: Vec<u8>,
    name: String,
    counter: u32,
    left: Vec<u8>,
}

impl Stream {
    pub(crate) fn new(seed: &[u8], name: &str) -> Self {
        Self { seed: seed.to_vec(), name: name.into(), counter: 0, left: Vec::new() }
    }

    pub(crate) fn draw<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill_bytes(&mut bytes);
        bytes
    }
}

impl RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        u32::from_be_bytes(self.draw())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_be_bytes(self.draw())
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        while self.left.len() < out.len() {
            let fields: [&[u8]; 3] = [&self.seed, self.name.as_bytes(), &self.counter.to_be_bytes()];
            self.left.extend(digest("test stream", &fields));
            self.counter += 1;
        }
        let rest = self.left.split_off(out.len());
        out.copy_from_slice(&self.left);
        self.left = rest;
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Stream {}
