//! What tests and measurements share.

pub mod architecture;
pub mod bench;
pub mod licence;
pub mod tidy;
pub mod transcript;
pub mod workspace;
