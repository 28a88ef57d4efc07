//! Lines in the place of keys, for who hears the screen instead of seeing it, and for pipes.

use protocol::amount::Amount;
use zeroize::Zeroizing;

use super::model::{Action, Finished, Key, Model, Sale, Stage, State};
use crate::card::Pin;
use crate::till::sale::Step;

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
            State::Day { .. } if line.trim().parse::<usize>().is_ok() => self.pick_line(line),
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
            "previous" if self.lists_a_day() => Key::Left,
            "next" if self.lists_a_day() => Key::Right,
            other => {
                let letter = other.chars().next().unwrap_or(' ').to_ascii_lowercase();
                if !letters(&self.state).contains(letter) {
                    UNKNOWN.clone_into(&mut self.notice);
                    return None;
                }
                Key::Char(letter)
            }
        };
        self.press(key)
    }

    const fn lists_a_day(&self) -> bool {
        matches!(self.state, State::Day { .. })
    }

    fn pick_line(&mut self, line: &str) -> Option<Action> {
        let number = line.trim().parse().unwrap_or(0);
        if matches!(&self.state, State::Day { day: Some(day), .. } if !(1..=day.entries.len()).contains(&number)) {
            "There is no sale with this number in the list.".clone_into(&mut self.notice);
        }
        self.pick(number)
    }
}

/// Not the line itself: it may be a PIN in the wrong place.
const UNKNOWN: &str = "That is nothing that can be done here. What can is in parentheses.";

/// The first letters of commands.
const fn letters(state: &State) -> &'static str {
    match state {
        State::Amount { .. } => "doh?q",
        State::Finished(Finished { entry: Some(_), .. }) => "rpm",
        State::Receipt { .. } => "pm",
        State::Open => "s",
        State::Finished(_) | State::Sale(_) | State::Day { .. } | State::Help => "",
    }
}

/// What can be typed now, and what it does: the keys of [`view`](super::view()), in lines.
#[must_use]
pub fn hints(model: &Model) -> Vec<(&'static str, &'static str)> {
    match &model.state {
        State::Amount { .. } => {
            vec![("an amount", "charge"), ("day", "list"), ("open", "what is open"), ("help", "help"), ("quit", "end")]
        }
        State::Sale(Sale { stage: Stage::Pin { .. }, .. }) => {
            vec![("the PIN", "confirm"), ("cancel or an empty line", "call off")]
        }
        State::Sale(Sale { stage: Stage::CallingOff, .. }) => Vec::new(),
        State::Sale(Sale { stage: Stage::Working(step), .. }) if *step > Step::Opening => Vec::new(),
        State::Sale(_) => vec![("cancel", "call off")],
        State::Finished(Finished { entry: None, .. }) => vec![("an empty line", "next sale")],
        State::Finished(_) => vec![("an empty line", "next sale"), ("receipt", "receipt"), PRINT, MERCHANT],
        State::Receipt { .. } => vec![BACK, PRINT, MERCHANT],
        State::Day { .. } => vec![("a number", "that sale's receipt"), ("previous, next", "another day"), BACK],
        State::Open => vec![("settle", "ask now"), BACK],
        State::Help => vec![BACK],
    }
}

const BACK: (&str, &str) = ("back", "back");
const PRINT: (&str, &str) = ("print", "print");
const MERCHANT: (&str, &str) = ("merchant", "print merchant's copy");

/// Whether the line is Escape in words.
pub(super) fn calls_off(line: &str) -> bool {
    matches!(line.trim(), "cancel" | "back")
}
