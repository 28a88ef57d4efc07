//! The state of the screen.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use protocol::amount::Amount;
use protocol::types::Currency;
use zeroize::Zeroizing;

use super::pin::PinEntry;
use crate::card::Pin;
use crate::till::advice::Advice;
use crate::till::book::Entry;
use crate::till::day::Day;
use crate::till::recall::Recall;
use crate::till::sale::Step;
use crate::till::slip::{Copy, Shop};

/// The highest amount that can be typed, in minor units: ten digits.
pub(super) const AMOUNT_MAX: u64 = 9_999_999_999;

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// An arrow.
    Up,
    /// An arrow.
    Down,
    /// An arrow.
    Left,
    /// An arrow.
    Right,
}

/// What the screen learns. It has no `Debug`: keys may be a PIN's.
pub enum Event {
    /// Somebody pressed a key.
    Key(Key),
    /// Somebody typed a line, where there are only lines. It may be a PIN.
    Line(Zeroizing<String>),
    /// The sale has something to say.
    Told(Told),
}

/// What is told to the screen.
#[derive(Debug)]
pub enum Told {
    /// What is waited for before a card can be used.
    Waiting(String),
    /// The customer is to type the PIN.
    PinWanted {
        /// How many wrong ones more the card takes until it blocks.
        tries: u8,
        /// Whether one was wrong just now.
        wrong: bool,
        /// Whether it is typed on the reader, and never here.
        on_reader: bool,
    },
    /// How far the sale is.
    Step(Step),
    /// Something that the customer should know: a sentence.
    Note(String),
    /// The sale was called off before anything happened.
    CalledOff,
    /// The sale is over.
    Finished {
        /// What the day book has of it.
        entry: Option<Entry>,
        /// What to say about it.
        advice: Option<Advice>,
    },
    /// The result was to be seen long enough to be noticed.
    Seen,
    /// The list that was asked for.
    Day(Day),
    /// What is open, all of it.
    Open(Vec<Entry>),
    /// Something that happened beside: a sentence.
    Notice(String),
    /// An order, that is any action but a PIN and the end, is carried out; all that there is to say of it was told.
    Done,
}

/// What the screen wants done. It has no `Debug`: one of them is a PIN.
pub enum Action {
    /// Charge this much; the sale can be called off through the recall.
    Charge(Amount, Recall),
    /// The customer typed this.
    Pin(Pin),
    /// Tell the list of a day.
    ShowDay(Date),
    /// Try now to settle what is open.
    Settle,
    /// Print a receipt.
    Print(Entry, Copy),
    /// End the program.
    Quit,
}

/// The screen.
#[derive(Debug)]
pub struct Model {
    pub(super) shop: Shop,
    pub(super) currency: Currency,
    pub(super) zone: TimeZone,
    pub(super) state: State,
    /// Sales whose end is not known.
    pub(super) open: Vec<Entry>,
    /// A sentence about what just happened beside.
    pub(super) notice: String,
    /// The sale before.
    pub(super) last: Option<Last>,
    /// Orders that are not carried out yet.
    pub(super) orders: usize,
}

/// What is shown.
#[derive(Debug)]
pub(super) enum State {
    Amount { minor: u64 },
    Sale(Sale),
    Finished(Finished),
    Receipt { entry: Entry, top: usize, back: Box<Self> },
    Day { date: Date, day: Option<Day>, selected: usize },
    Open,
    Help,
}

/// A sale under way.
#[derive(Debug)]
pub(super) struct Sale {
    pub(super) amount: Amount,
    pub(super) recall: Recall,
    pub(super) stage: Stage,
    pub(super) notes: Vec<String>,
}

/// Where it is.
#[derive(Debug)]
pub(super) enum Stage {
    Present { waiting: String },
    Pin { tries: u8, wrong: bool, typed: PinEntry },
    PinOnReader { tries: u8, wrong: bool },
    Checking,
    Working(Step),
    CallingOff,
}

/// What is remembered of a sale that is no longer on the screen.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) amount: Amount,
    pub(super) entry: Option<Entry>,
}

/// A sale that is over.
#[derive(Debug)]
pub(super) struct Finished {
    /// Whether it has only just come: what is typed was meant for the screen before.
    pub(super) is_new: bool,
    pub(super) amount: Amount,
    pub(super) entry: Option<Entry>,
    pub(super) advice: Option<Advice>,
    pub(super) notes: Vec<String>,
}

impl Model {
    /// A till of `shop` that takes `currency`, in its time zone.
    #[must_use]
    pub fn new(shop: Shop, currency: Currency, zone: TimeZone) -> Self {
        let state = State::Amount { minor: 0 };
        Self { shop, currency, zone, state, open: Vec::new(), notice: String::new(), last: None, orders: 0 }
    }

    /// Takes an event in, and says what is to be done.
    pub fn handle(&mut self, event: Event) -> Option<Action> {
        let action = match event {
            Event::Key(key) => {
                self.notice.clear();
                self.press(key)
            }
            Event::Line(line) => {
                self.notice.clear();
                self.read(&line)
            }
            Event::Told(told) => {
                self.learn(told);
                None
            }
        };
        let is_order = action.as_ref().is_some_and(|action| !matches!(action, Action::Pin(_) | Action::Quit));
        self.orders += usize::from(is_order);
        action
    }

    /// Whether a PIN is wanted.
    #[must_use]
    pub const fn wants_pin(&self) -> bool {
        matches!(&self.state, State::Sale(Sale { stage: Stage::Pin { .. }, .. }))
    }

    /// Whether this may be shown when it is typed. In a sale nothing is, and digits only where they are asked for: they
    /// may be those of a customer who begins to type the PIN too early or too late.
    #[must_use]
    pub const fn shows(&self, typed: char) -> bool {
        match &self.state {
            State::Sale(_) => false,
            State::Amount { .. } | State::Day { .. } => true,
            State::Finished(_) | State::Receipt { .. } | State::Open | State::Help => !typed.is_ascii_digit(),
        }
    }

    /// Whether a sale is under way, and its end must be waited for.
    #[must_use]
    pub const fn is_selling(&self) -> bool {
        matches!(self.state, State::Sale(_))
    }

    /// Whether something that was asked for is still under way.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.is_selling() || self.orders > 0 || matches!(self.state, State::Finished(Finished { is_new: true, .. }))
    }

    /// Whether the next line of a pipe is taken now; what comes while something is under way is for later.
    #[must_use]
    pub const fn takes_lines(&self) -> bool {
        !self.is_busy() || self.wants_pin()
    }

    pub(super) fn today(&self) -> Date {
        self.zone.to_datetime(jiff::Timestamp::now()).date()
    }
}
