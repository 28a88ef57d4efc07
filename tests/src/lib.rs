//! What tests and measurements share.

pub mod architecture;
pub mod bench;
pub mod board;
pub mod by_hand;
pub mod canary;
pub mod claims;
pub mod company;
pub mod covered;
pub mod fair;
pub mod group;
pub mod issuer;
pub mod licence;
pub mod member;
pub mod pcsc;
pub mod process;
pub mod round;
pub mod scp03;
pub mod seat;
pub mod stack;
pub mod terminal;
pub mod tidy;
pub mod tls;
pub mod transcript;
pub mod workspace;
pub mod world;
pub mod writing;
