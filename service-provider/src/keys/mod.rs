//! The provider's keys: on disk, at hand, and those that seal what the store keeps.

pub mod files;
mod ring;
pub mod storage;

pub use ring::KeyRing;
