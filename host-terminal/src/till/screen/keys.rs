//! What keys do.

use apdu_spec::limits::PIN_LENGTH_MIN;
use protocol::amount::Amount;

use super::model::{AMOUNT_MAX, Action, Finished, Key, Model, Sale, Stage, State};
use crate::till::book::Entry;
use crate::till::recall::Recall;
use crate::till::sale::Step;
use crate::till::slip::Copy;

impl Model {
    pub(super) fn press(&mut self, key: Key) -> Option<Action> {
        match &mut self.state {
            State::Amount { minor } => {
                let minor = *minor;
                self.at_amount(minor, key)
            }
            State::Sale(sale) => {
                let (action, notice) = sale.press(key);
                notice.clone_into(&mut self.notice);
                action
            }
            State::Finished(Finished { is_new: true, .. }) if matches!(key, Key::Enter | Key::Escape) => None,
            State::Finished(Finished { entry, .. }) => {
                let entry = entry.clone();
                self.at_receipt(entry, key)
            }
            State::Receipt { entry, top, .. } => match key {
                Key::Up => scroll(top, false),
                Key::Down => scroll(top, true),
                Key::Enter | Key::Escape => self.go_back(),
                Key::Char(_) | Key::Backspace | Key::Left | Key::Right => print(entry, key),
            },
            State::Day { .. } => self.at_day(key),
            State::Open if matches!(key, Key::Char('s' | 'S')) => {
                "Asking the provider ...".clone_into(&mut self.notice);
                Some(Action::Settle)
            }
            State::Open | State::Help => self.leave_on(key),
        }
    }

    fn at_amount(&mut self, minor: u64, key: Key) -> Option<Action> {
        match key {
            Key::Char(digit @ '0'..='9') => {
                let more = minor * 10 + u64::from(digit.to_digit(10).unwrap_or(0));
                self.state = State::Amount { minor: if more > AMOUNT_MAX { minor } else { more } };
            }
            Key::Backspace => self.state = State::Amount { minor: minor / 10 },
            Key::Escape if minor == 0 => "Q ends the till.".clone_into(&mut self.notice),
            Key::Escape => self.state = State::Amount { minor: 0 },
            Key::Enter => return self.charge(minor),
            Key::Char('d' | 'D') => return self.show_day(self.today()),
            Key::Char('o' | 'O') => self.state = State::Open,
            Key::Char('h' | 'H' | '?') => self.state = State::Help,
            Key::Char('q' | 'Q') => return Some(Action::Quit),
            Key::Char(_) | Key::Up | Key::Down | Key::Left | Key::Right => {}
        }
        None
    }

    pub(super) fn charge(&mut self, minor: u64) -> Option<Action> {
        if minor == 0 || minor > AMOUNT_MAX {
            "Type an amount first.".clone_into(&mut self.notice);
            return None;
        }
        let (amount, recall) = (Amount { minor, currency: self.currency }, Recall::default());
        let stage = Stage::Present { waiting: String::new() };
        self.state = State::Sale(Sale { amount, recall: recall.clone(), stage, notes: Vec::new() });
        Some(Action::Charge(amount, recall))
    }

    fn at_receipt(&mut self, entry: Option<Entry>, key: Key) -> Option<Action> {
        match (key, entry) {
            (Key::Enter | Key::Escape, _) => self.state = State::Amount { minor: 0 },
            (Key::Char('r' | 'R'), Some(entry)) => self.show_receipt(entry),
            (_, Some(entry)) => return print(&entry, key),
            (_, None) => {}
        }
        None
    }

    fn at_day(&mut self, key: Key) -> Option<Action> {
        let State::Day { date, day, selected } = &mut self.state else { return None };
        let entries = day.as_ref().map_or(&[][..], |day| &day.entries);
        match key {
            Key::Up => *selected = selected.saturating_sub(1),
            Key::Down => *selected = (*selected + 1).min(entries.len().saturating_sub(1)),
            Key::Enter => {
                if let Some(entry) = entries.get(*selected).cloned() {
                    self.show_receipt(entry);
                }
            }
            Key::Left | Key::Right => {
                let other = if key == Key::Left { date.yesterday() } else { date.tomorrow() };
                return other.ok().and_then(|date| self.show_day(date));
            }
            Key::Char(_) | Key::Escape | Key::Backspace => return self.leave_on(key),
        }
        None
    }

    /// The receipt of the sale with this number in the list, counted from 1.
    pub(super) fn pick(&mut self, number: usize) -> Option<Action> {
        let State::Day { day: Some(day), selected, .. } = &mut self.state else { return None };
        *selected = number.checked_sub(1).filter(|place| *place < day.entries.len())?;
        self.press(Key::Enter)
    }

    fn show_day(&mut self, date: jiff::civil::Date) -> Option<Action> {
        self.state = State::Day { date, day: None, selected: 0 };
        Some(Action::ShowDay(date))
    }

    fn show_receipt(&mut self, entry: Entry) {
        let back = Box::new(std::mem::replace(&mut self.state, State::Help));
        self.state = State::Receipt { entry, top: 0, back };
    }

    fn go_back(&mut self) -> Option<Action> {
        if let State::Receipt { back, .. } = std::mem::replace(&mut self.state, State::Amount { minor: 0 }) {
            self.state = *back;
        }
        None
    }

    fn leave_on(&mut self, key: Key) -> Option<Action> {
        if matches!(key, Key::Escape | Key::Enter) {
            self.state = State::Amount { minor: 0 };
        }
        None
    }
}

impl Sale {
    fn press(&mut self, key: Key) -> (Option<Action>, &'static str) {
        if key == Key::Escape {
            return (None, self.call_off());
        }
        let Stage::Pin { typed, .. } = &mut self.stage else { return (None, "") };
        match key {
            Key::Char(character) => typed.push(character),
            Key::Backspace => typed.pop(),
            Key::Enter => match typed.take() {
                Some(pin) => {
                    self.stage = Stage::Checking;
                    return (Some(Action::Pin(pin)), "");
                }
                None => return (None, TOO_SHORT),
            },
            Key::Escape | Key::Up | Key::Down | Key::Left | Key::Right => {}
        }
        (None, "")
    }

    fn call_off(&mut self) -> &'static str {
        if matches!(self.stage, Stage::Working(Step::CallingOff)) || !self.recall.call_off() {
            return "It is too late to call the sale off: the provider decides.";
        }
        self.stage = Stage::CallingOff;
        ""
    }
}

const TOO_SHORT: &str = "A PIN has four digits or more.";
const _: () = assert!(PIN_LENGTH_MIN == 4);

fn scroll(top: &mut usize, down: bool) -> Option<Action> {
    *top = if down { (*top + 1).min(SCROLL_MAX) } else { top.saturating_sub(1) };
    None
}

/// No receipt has more lines.
const SCROLL_MAX: usize = 200;

fn print(entry: &Entry, key: Key) -> Option<Action> {
    let copy = match key {
        Key::Char('p' | 'P') => Copy::Customer,
        Key::Char('m' | 'M') => Copy::Merchant,
        Key::Char(_) | Key::Enter | Key::Escape | Key::Backspace | Key::Up | Key::Down | Key::Left | Key::Right => {
            return None;
        }
    };
    Some(Action::Print(entry.clone(), copy))
}
