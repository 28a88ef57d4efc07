//! Lines in the place of keys, for who hears the screen instead of seeing it, and for pipes.

use protocol::amount::Amount;
use zeroize::Zeroizing;

use super::model::{Action, Key, Model, Sale, Stage, State};
use crate::card::Pin;

/// What is typed while the card works is for nobody.
const NOT_NOW: &str = "That was not taken: wait until you are asked. To call the sale off, type cancel.";

impl Model {
    /// An amount or the first letter of a command; a PIN where one is wanted, and nothing calls off there; elsewhere
    /// nothing goes on, `cancel` and `back` are Escape everywhere, and a number picks a sale from the list.
    pub(super) fn read(&mut self, line: &str) -> Option<Action> {
        let line = line.trim_end_matches(['\r', '\n']);
        match &mut self.state {
            State::Sale(Sale { stage: Stage::Pin { .. }, .. }) if line.trim().is_empty() || calls_off(line) => {
                self.press(Key::Escape)
            }
            State::Sale(sale) if matches!(sale.stage, Stage::Pin { .. }) => {
                let Some(pin) = Pin::new(Zeroizing::new(line.as_bytes().to_vec())) else {
                    "A PIN has four digits or more.".clone_into(&mut self.notice);
                    return None;
                };
                sale.stage = Stage::Checking;
                Some(Action::Pin(pin))
            }
            State::Sale(_) if line.trim().is_empty() => None,
            State::Sale(_) if calls_off(line) => self.press(Key::Escape),
            State::Sale(_) => {
                // It may be a PIN, and is not said again.
                NOT_NOW.clone_into(&mut self.notice);
                None
            }
            State::Amount { .. } => self.read_amount(line.trim()),
            State::Day { .. } if line.trim().parse::<usize>().is_ok() => self.pick(line.trim().parse().unwrap_or(0)),
            State::Finished(_) | State::Receipt { .. } | State::Day { .. } | State::Open | State::Help => {
                self.command(line.trim())
            }
        }
    }

    fn read_amount(&mut self, line: &str) -> Option<Action> {
        match Amount::parse(&line.replace(',', "."), self.currency) {
            Some(amount) => self.charge(amount.minor),
            None if line.starts_with(|first: char| first.is_ascii_digit()) => {
                self.notice = format!("{line} is no amount in {}.", self.currency.as_str());
                None
            }
            None => self.command(line),
        }
    }

    fn command(&mut self, line: &str) -> Option<Action> {
        let key = match line {
            "" => Key::Enter,
            "cancel" | "back" => Key::Escape,
            "previous" => Key::Left,
            "next" => Key::Right,
            other => Key::Char(other.chars().next().unwrap_or(' ')),
        };
        self.press(key)
    }
}

/// Whether the line is Escape in words.
pub(super) fn calls_off(line: &str) -> bool {
    matches!(line.trim(), "cancel" | "back")
}
