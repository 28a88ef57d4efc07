//! The point of sale: `host-terminal pos` with real cards, a real provider and, for its screen, a real terminal.

mod crash;
mod pcsc;
mod plain;
mod removed;
mod screen;
mod scripted;
mod shop;
mod terminal;
