//! What the screen makes of what it is told.

use super::model::{Finished, Last, Model, Sale, Stage, State, Told};
use super::pin::PinEntry;
use crate::till::book::Entry;

impl Model {
    pub(super) fn learn(&mut self, told: Told) {
        match (told, &mut self.state) {
            (Told::Open(open), _) => {
                self.open = open;
                // Of one that was open and is no more, what is remembered is not true any more.
                let is_open = |entry: &Entry| self.open.iter().any(|open| open.transaction == entry.transaction);
                self.last.take_if(|last| last.entry.as_ref().is_some_and(|e| e.end().is_none() && !is_open(e)));
            }
            (Told::Seen, State::Finished(finished)) => finished.is_new = false,
            (Told::Notice(notice), _) => self.notice = notice,
            (Told::Done, _) => self.orders = self.orders.saturating_sub(1),
            (Told::Day(told), State::Day { date, day, .. }) if told.date == *date => *day = Some(told),
            (Told::Note(note), State::Sale(sale)) => sale.notes.push(note),
            (Told::CalledOff, State::Sale(_)) => {
                self.last = None;
                self.state = State::Amount { minor: 0 };
                "The sale was called off. No money has moved.".clone_into(&mut self.notice);
            }
            (Told::Finished { entry, advice }, State::Sale(sale)) => {
                let notes = std::mem::take(&mut sale.notes);
                let amount = sale.amount;
                self.last = Some(Last { amount, entry: entry.clone() });
                self.state = State::Finished(Finished { is_new: true, amount, entry, advice, notes });
            }
            (told, State::Sale(sale)) => sale.go_on(told),
            // It comes too late: nobody looks at it any more.
            (
                Told::Day(_)
                | Told::Seen
                | Told::Note(_)
                | Told::CalledOff
                | Told::Finished { .. }
                | Told::Waiting(_)
                | Told::PinWanted { .. }
                | Told::Step(_),
                _,
            ) => {}
        }
    }
}

impl Sale {
    fn go_on(&mut self, told: Told) {
        match (told, &self.stage) {
            // What the sale says until it knows that it was called off.
            (Told::Waiting(_) | Told::PinWanted { .. }, Stage::CallingOff) => {}
            (Told::Waiting(waiting), _) => self.stage = Stage::Present { waiting },
            (Told::PinWanted { tries, wrong, on_reader: true }, _) => self.stage = Stage::PinOnReader { tries, wrong },
            (Told::PinWanted { tries, wrong, on_reader: false }, _) => {
                self.stage = Stage::Pin { tries, wrong, typed: PinEntry::default() };
            }
            (Told::Step(step), _) => self.stage = Stage::Working(step),
            (
                Told::Note(_)
                | Told::CalledOff
                | Told::Finished { .. }
                | Told::Seen
                | Told::Day(_)
                | Told::Open(_)
                | Told::Done
                | Told::Notice(_),
                _,
            ) => {}
        }
    }
}
