//! What the screen makes of what it is told.

use super::model::{Finished, Model, Sale, Stage, State, Told};
use super::pin::PinEntry;

impl Model {
    pub(super) fn learn(&mut self, told: Told) {
        match (told, &mut self.state) {
            (Told::Open(open), _) => self.open = open,
            (Told::Notice(notice), _) => self.notice = notice,
            (Told::Done, _) => self.orders = self.orders.saturating_sub(1),
            (Told::Day(told), State::Day { date, day, .. }) if told.date == *date => *day = Some(told),
            (Told::Note(note), State::Sale(sale)) => sale.notes.push(note),
            (Told::CalledOff, State::Sale(_)) => {
                self.state = State::Amount { minor: 0 };
                "The sale was called off. No money has moved.".clone_into(&mut self.notice);
            }
            (Told::Finished { entry, advice }, State::Sale(sale)) => {
                let notes = std::mem::take(&mut sale.notes);
                self.state = State::Finished(Finished { amount: sale.amount, entry, advice, notes });
            }
            (told, State::Sale(sale)) => sale.go_on(told),
            // It comes too late: nobody looks at it any more.
            (
                Told::Day(_)
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
                | Told::Day(_)
                | Told::Open(_)
                | Told::Done
                | Told::Notice(_),
                _,
            ) => {}
        }
    }
}
