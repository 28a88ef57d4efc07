//! What the screen looks like: words first, colours only beside them.

use jiff::tz::TimeZone;

use super::model::{Finished, Last, Model, Sale, Stage, State};
use crate::till::advice::Money;
use crate::till::book::{Entry, How};
use crate::till::day::{Day, Total};
use crate::till::sale::Step;
use crate::till::slip::{Copy, Slip, outcome, short};
use crate::words::printable;

/// What a line means, for who has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// Somebody should pay attention.
    Warning,
}

/// How far something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge {
    /// So many steps are done.
    pub done: u16,
    /// Of so many.
    pub of: u16,
}

/// All that is to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Whose till it is and which screen.
    pub title: String,
    /// What must be readable from afar.
    pub big: Option<(String, Tone)>,
    /// What is below it, line by line.
    pub lines: Vec<(String, Tone)>,
    /// The line that is chosen.
    pub selected: Option<usize>,
    /// The first line that is to be seen, if they do not all fit and none is chosen.
    pub top: usize,
    /// How far it is.
    pub gauge: Option<Gauge>,
    /// Something that happened beside, or nothing.
    pub notice: String,
    /// Keys, and what they do now.
    pub keys: Vec<(&'static str, &'static str)>,
}

/// What is to be seen of `model`.
#[must_use]
pub fn view(model: &Model) -> View {
    let shown = match &model.state {
        State::Amount { minor } => amount(model, *minor),
        State::Sale(sale) => selling(sale),
        State::Finished(finished) => finished_sale(finished),
        State::Receipt { entry, top, .. } => receipt(model, entry, *top),
        State::Day { date, day, selected } => day_list(model, &date.to_string(), day.as_ref(), *selected),
        State::Open => open_list(model),
        State::Help => help(),
    };
    let name = printable(&model.shop.name);
    View { title: format!("{name}  |  {}", shown.title), notice: printable(&model.notice), ..shown }
}

fn blank(title: &str) -> View {
    let title = title.to_owned();
    View {
        title,
        big: None,
        lines: Vec::new(),
        selected: None,
        top: 0,
        gauge: None,
        notice: String::new(),
        keys: Vec::new(),
    }
}

impl View {
    fn say(&mut self, tone: Tone, line: impl Into<String>) {
        self.lines.push((printable(&line.into()), tone));
    }
}

fn amount(model: &Model, minor: u64) -> View {
    let amount = protocol::amount::Amount { minor, currency: model.currency };
    let mut view = View { big: Some((amount.to_string(), Tone::Plain)), ..blank("New sale") };
    view.say(Tone::Plain, "Type the amount, then press Enter.");
    if let Some(Last { amount, entry }) = &model.last {
        let word = entry.as_ref().map_or(NOT_PAID, outcome);
        let money = Money::of(entry.as_ref()).words();
        view.say(Tone::Plain, format!("Last sale: {amount}, {word}. {money}"));
    }
    match model.open.len() {
        0 => {}
        1 => view.say(Tone::Warning, "1 payment is open: its end is not known yet (key O)."),
        count => view.say(Tone::Warning, format!("{count} payments are open: their ends are not known yet (key O).")),
    }
    view.keys = vec![("Enter", "charge"), ("Esc", "clear"), ("D", "day"), ("O", "open"), ("H", "help"), ("Q", "quit")];
    view
}

fn selling(sale: &Sale) -> View {
    let mut view = View { big: Some((sale.amount.to_string(), Tone::Plain)), ..blank("Sale") };
    view.keys = vec![("Esc", "call off")];
    sale.notes.iter().for_each(|note| view.say(Tone::Warning, note));
    match &sale.stage {
        Stage::Present { waiting } => {
            view.say(Tone::Plain, "The customer presents the card.");
            view.say(Tone::Plain, waiting);
        }
        Stage::Pin { tries, wrong, typed } => {
            tries_left(&mut view, *tries, *wrong);
            view.say(Tone::Plain, format!("The customer types the PIN: {}", "*".repeat(typed.len())));
            view.keys = vec![("Enter", "confirm"), ("Backspace", "correct"), ("Esc", "call off")];
        }
        Stage::PinOnReader { tries, wrong } => {
            tries_left(&mut view, *tries, *wrong);
            view.say(Tone::Plain, "The customer types the PIN on the reader.");
        }
        Stage::Checking => view.say(Tone::Plain, "The card compares the PIN."),
        Stage::CallingOff => {
            view.say(Tone::Plain, "Calling off: this can take half a minute.");
            view.keys.clear();
        }
        Stage::Working(step) => working(&mut view, *step),
    }
    view
}

fn tries_left(view: &mut View, tries: u8, wrong: bool) {
    if wrong {
        view.say(Tone::Bad, "That PIN was wrong.");
    }
    match tries {
        1 => view.say(Tone::Warning, "LAST TRY: another wrong PIN blocks the card."),
        2 => view.say(Tone::Plain, "2 tries are left."),
        tries if wrong => view.say(Tone::Plain, format!("{tries} tries are left.")),
        // As on every sale.
        _ => {}
    }
}

fn working(view: &mut View, step: Step) {
    let (done, words) = match step {
        Step::Opening => (1, "Step 1 of 3: connecting to the payment provider."),
        Step::Asking => (2, "Step 2 of 3: the provider decides."),
        Step::Confirming => (3, "Step 3 of 3: the provider has approved, and the money moves."),
        Step::CallingOff => (0, "It did not go on. What was held is called off."),
    };
    view.say(Tone::Plain, words);
    view.say(Tone::Plain, "Leave the card in the reader.");
    view.gauge = (done > 0).then_some(Gauge { done, of: 3 });
    if step > Step::Opening {
        view.keys.clear();
    }
}

/// What became of a sale of which the book has nothing.
const NOT_PAID: &str = "NOT PAID";

fn finished_sale(finished: &Finished) -> View {
    let Finished { amount, entry, advice, notes, .. } = finished;
    let word = entry.as_ref().map_or(NOT_PAID, outcome);
    let money = Money::of(entry.as_ref());
    let mut view = View { big: Some((word.to_owned(), tone(money))), ..blank("Result") };
    view.say(Tone::Plain, format!("{amount}. {}", money.words()));
    if let Some(advice) = advice {
        view.say(Tone::Plain, &advice.what);
        view.say(Tone::Warning, advice.now);
        if !advice.detail.is_empty() {
            view.say(Tone::Plain, format!("(for support: {})", advice.detail));
        }
    }
    if let Some(end) = entry.as_ref().and_then(Entry::end) {
        end.parties.iter().for_each(|name| view.say(Tone::Plain, format!("Payee: {name}.")));
        if !end.line.is_empty() {
            view.say(Tone::Plain, format!("The provider says: {}", end.line));
        }
    }
    notes.iter().for_each(|note| view.say(Tone::Warning, note));
    view.keys = vec![("Enter", "next sale")];
    if let Some(entry) = entry {
        if !advice.as_ref().is_some_and(|advice| advice.card_is_out) {
            view.say(Tone::Plain, "The customer can take the card.");
        }
        view.say(Tone::Plain, format!("Transaction {}.", short(entry)));
        view.keys.extend([("R", "receipt"), ("P", "print"), ("M", "print merchant's copy")]);
    }
    view
}

const fn tone(money: Money) -> Tone {
    match money {
        Money::Moved => Tone::Good,
        Money::NotMoved => Tone::Bad,
        Money::Unknown => Tone::Warning,
    }
}

fn receipt(model: &Model, entry: &Entry, top: usize) -> View {
    let text = Slip { shop: &model.shop, entry, zone: &model.zone }.text(Copy::Customer);
    let mut view = View { top, ..blank("Receipt") };
    text.lines().for_each(|line| view.say(Tone::Plain, line));
    view.keys = vec![("Enter", "back"), ("P", "print"), ("M", "print merchant's copy"), ("Up/Down", "scroll")];
    view
}

fn day_list(model: &Model, date: &str, day: Option<&Day>, selected: usize) -> View {
    let mut view = blank(&format!("Day {date}"));
    view.keys = vec![("Esc", "back"), ("Enter", "receipt"), ("Up/Down", "choose"), ("Left/Right", "other day")];
    let Some(day) = day else {
        view.say(Tone::Plain, "One moment ...");
        return view;
    };
    let tones = day.entries.iter().map(|entry| tone(Money::of(Some(entry)))).chain(std::iter::repeat(Tone::Plain));
    day_lines(day, &model.zone).into_iter().zip(tones).for_each(|(line, tone)| view.say(tone, line));
    view.selected = (!day.entries.is_empty()).then_some(selected);
    view
}

/// The list of a day: its sales, numbered from 1, and its totals.
#[must_use]
pub fn day_lines(day: &Day, zone: &TimeZone) -> Vec<String> {
    let mut lines = Vec::new();
    for (entry, number) in day.entries.iter().zip(1_u32..) {
        let time = entry.at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string();
        lines.push(format!("{number:>4}  {time}  {}", in_list(entry)));
    }
    if day.entries.is_empty() {
        lines.push("Nothing was sold.".to_owned());
    }
    lines.push(String::new());
    let total = |total: &Total| {
        let how = total.how.map_or("not known yet", how);
        format!("Total {how}: {} in {}", total.text(), sales(total.count))
    };
    lines.extend(day.totals.iter().map(total));
    lines
}

fn sales(count: usize) -> String {
    if count == 1 { "1 sale".to_owned() } else { format!("{count} sales") }
}

fn in_list(entry: &Entry) -> String {
    format!("{:>20}  {:<13}  {}", entry.amount.to_string(), outcome(entry), short(entry))
}

/// How sales ended, in a sentence.
const fn how(how: How) -> &'static str {
    match how {
        How::Posted => "approved",
        How::Declined => "declined",
        How::Released => "called off",
        How::NotDone => "not paid",
    }
}

fn open_list(model: &Model) -> View {
    let mut view = blank("Open payments");
    if model.open.is_empty() {
        view.say(Tone::Good, "Nothing is open: the end of every payment is known.");
    } else {
        view.say(Tone::Warning, "The provider has yet to say how these ended. This till asks again by itself.");
        view.say(Tone::Plain, "");
    }
    for entry in &model.open {
        let time = entry.at.to_zoned(model.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
        view.say(Tone::Plain, format!("{time}  {}", in_list(entry)));
    }
    view.keys = vec![("Esc", "back"), ("S", "ask now")];
    view
}

fn help() -> View {
    let mut view = blank("Help");
    for line in [
        "Type the amount as on a cash register: 1 2 5 0 is 12.50.",
        "Enter asks for the card. The customer types the PIN; nobody sees it.",
        "Esc calls a sale off, until the provider is asked.",
        "",
        "APPROVED: hand over the goods.",
        "DECLINED, CALLED OFF, NOT PAID: no money has moved.",
        "NOT KNOWN YET: the connection was lost. Hand over nothing yet;",
        "the till asks again by itself, and O shows what is open.",
        "After a power cut, start the till again: it knows what was under way.",
        "",
        "D shows the day's sales, its totals, and any receipt again.",
        "P prints the customer's receipt, M the merchant's.",
        "Line by line (--plain), an amount is typed as it is written: 12.50.",
    ] {
        view.say(Tone::Plain, line);
    }
    view.keys = vec![("Esc", "back")];
    view
}
