//! The point of sale's screens without a screen: keys and news come in, what to do goes out, and what is to be seen is
//! text. [`Model`] is the state, [`view`] what it looks like; who draws or speaks it is not known here.

mod keys;
mod lines;
mod model;
mod pin;
mod said;
#[cfg(test)]
mod tests;
mod view;

pub use lines::hints;
pub use model::{Action, Event, Key, Model, Told};
pub use view::{Gauge, Tone, View, day_lines, view};
