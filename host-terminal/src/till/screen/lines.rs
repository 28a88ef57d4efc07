//! Lines in the place of keys, for who hears the screen instead of seeing it, and for pipes.

use protocol::amount::Amount;
use zeroize::Zeroizing;

use super::model::{Action, Key, Model, Sale, Stage, State};
use crate::card::Pin;

impl Model {
    /// An amount or the first letter of a command; a PIN where one is wanted, and nothing calls off there; elsewhere
    /// nothing goes on, `cancel` and `back` are Escape, and a number picks a sale from the list.
    pub(super) fn read(&mut self, line: &str) -> Option<Action> {
        let line = line.trim_end_matches(['\r', '\n']);
        match &mut self.state {
            State::Sale(Sale { stage: Stage::Pin { .. }, .. }) if line.is_empty() => self.press(Key::Escape),
            State::Sale(sale) if matches!(sale.stage, Stage::Pin { .. }) => {
                let Some(pin) = Pin::new(Zeroizing::new(line.as_bytes().to_vec())) else {
                    "A PIN has four digits or more.".clone_into(&mut self.notice);
                    return None;
                };
                sale.stage = Stage::Checking;
                Some(Action::Pin(pin))
            }
            State::Amount { .. } => self.read_amount(line.trim()),
            State::Day { .. } if line.trim().parse::<usize>().is_ok() => self.pick(line.trim().parse().unwrap_or(0)),
            State::Sale(_)
            | State::Finished(_)
            | State::Receipt { .. }
            | State::Day { .. }
            | State::Open
            | State::Help => self.command(line.trim()),
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
