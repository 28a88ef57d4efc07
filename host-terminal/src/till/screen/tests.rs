use jiff::civil::date;
use protocol::types::{ReasonCode, TransactionId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::model::{Stage, State};
use super::*;
use crate::card::Reason;
use crate::till::advice::{self, Advice};
use crate::till::book::{self, End, Entry, How};
use crate::till::day::Day;
use crate::till::sale::Step;
use crate::till::slip::{Copy, Shop};
use jiff::tz::TimeZone;
use protocol::amount::Amount;
use protocol::types::Currency;
use zeroize::Zeroizing;

const EUR: Currency = Currency(*b"EUR");

fn model() -> Model {
    Model::new(Shop { name: "Bakery".into(), address: Vec::new() }, EUR, TimeZone::UTC)
}

fn entry(how: Option<How>) -> Entry {
    let at = "2026-11-27T17:55:22Z".parse().unwrap();
    let reason = (how == Some(How::Declined)).then(|| Reason { code: ReasonCode(5), line: "no money".into() });
    let end = how.map(|how| End { at, how, reason, parties: vec!["Bakery".into()], line: String::new() });
    let state = end.map_or(book::State::Requested, book::State::Ended);
    Entry { at, transaction: TransactionId([0xAB; 16]), amount: Amount { minor: 1250, currency: EUR }, state }
}

fn press(model: &mut Model, keys: &str) -> Vec<Action> {
    let key = |character| match character {
        '\n' => Key::Enter,
        '\x1b' => Key::Escape,
        '\x08' => Key::Backspace,
        other => Key::Char(other),
    };
    keys.chars().filter_map(|character| model.handle(Event::Key(key(character)))).collect()
}

fn tell(model: &mut Model, told: Told) {
    assert!(model.handle(Event::Told(told)).is_none());
}

fn pin_wanted(tries: u8, wrong: bool) -> Told {
    Told::PinWanted { tries, wrong, on_reader: false }
}

fn words(model: &Model) -> String {
    let view = view(model);
    let lines: Vec<&str> = view.lines.iter().map(|(line, _)| line.as_str()).collect();
    format!(
        "{}\n{}\n{}\n{}",
        view.title,
        view.big.unwrap_or((String::new(), Tone::Plain)).0,
        lines.join("\n"),
        view.notice
    )
}

/// A model in which a sale of 12.50 is under way.
fn charging() -> Model {
    let mut model = model();
    let actions = press(&mut model, "1250\n");
    assert!(matches!(actions[..], [Action::Charge(Amount { minor: 1250, .. }, _)]));
    model
}

#[test]
fn amounts_fill_from_the_right() {
    let mut model = model();
    for (keys, expected) in [("", "0.00"), ("1", "0.01"), ("250", "12.50"), ("\x08", "1.25"), ("\x1b", "0.00")] {
        press(&mut model, keys);
        assert_eq!(view(&model).big.unwrap().0, format!("{expected} EUR"));
    }
    assert!(press(&mut model, "\n").is_empty() && words(&model).contains("Type an amount first."));
    press(&mut model, "99999999999");
    assert_eq!(view(&model).big.unwrap().0, "99999999.99 EUR", "no more than ten digits");
}

#[test]
fn a_wrong_pin_is_asked_again_and_before_the_last_try_there_is_a_warning() {
    let mut model = charging();
    tell(&mut model, Told::Waiting("Waiting for a card.".into()));
    assert!(words(&model).contains("Waiting for a card."));
    tell(&mut model, pin_wanted(3, false));
    assert!(model.wants_pin() && !words(&model).contains("tries are left"));
    assert!(press(&mut model, "123\n").is_empty() && words(&model).contains("four digits or more"));
    assert!(words(&model).contains("PIN: ***\n"));
    assert!(matches!(press(&mut model, "4\n")[..], [Action::Pin(_)]));
    assert!(!model.wants_pin());
    tell(&mut model, pin_wanted(1, true));
    let said = words(&model);
    assert!(said.contains("That PIN was wrong.") && said.contains("LAST TRY"), "{said}");
    assert!(said.contains("PIN: \n"), "nothing of the first is left: {said}");
}

#[test]
fn a_sale_is_called_off_until_its_request_leaves_and_not_later() {
    for told in [None, Some(pin_wanted(3, false)), Some(Told::Step(Step::Opening))] {
        let mut model = model();
        let Some(Action::Charge(_, recall)) = press(&mut model, "1\n").pop() else { panic!("no sale") };
        told.into_iter().for_each(|told| tell(&mut model, told));
        press(&mut model, "\x1b");
        assert!(recall.check().is_err());
        // Steps that were on their way.
        tell(&mut model, pin_wanted(3, false));
        assert!(words(&model).contains("Calling off"), "{}", words(&model));
        tell(&mut model, Told::CalledOff);
        assert!(words(&model).contains("New sale") && words(&model).contains("called off. No money has moved."));
    }
    let mut model = model();
    let Some(Action::Charge(_, recall)) = press(&mut model, "1\n").pop() else { panic!("no sale") };
    recall.close().unwrap();
    tell(&mut model, Told::Step(Step::Asking));
    press(&mut model, "\x1b");
    assert!(recall.check().is_ok() && words(&model).contains("too late"));
}

#[test]
fn every_end_says_whether_money_moved() {
    let ends = [
        (Some(entry(Some(How::Posted))), "APPROVED", "The money has moved."),
        (Some(entry(Some(How::Declined))), "DECLINED", "No money has moved."),
        (Some(entry(Some(How::Released))), "CALLED OFF", "No money has moved."),
        (Some(entry(Some(How::NotDone))), "NOT PAID", "No money has moved."),
        (Some(entry(None)), "NOT KNOWN YET", "not known yet"),
        (None, "NOT PAID", "No money has moved."),
    ];
    for (entry, word, money) in ends {
        let mut model = charging();
        tell(&mut model, Told::Note("Your last payment did go through.".into()));
        let advice = Some(Advice {
            what: "What happened.".into(),
            now: "What to do.",
            detail: "why".into(),
            card_is_out: false,
        });
        tell(&mut model, Told::Finished { entry: entry.clone(), advice });
        let said = words(&model);
        for expected in [word, money, "12.50 EUR", "What happened.", "What to do.", "Your last payment"] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        press(&mut model, "\n\x1b");
        assert!(words(&model).contains(word), "the Enter of the PIN dismisses no result");
        tell(&mut model, Told::Seen);
        let printed = press(&mut model, "pm");
        assert_eq!(printed.len(), if entry.is_some() { 2 } else { 0 });
        press(&mut model, "r");
        assert_eq!(words(&model).contains("Customer's copy"), entry.is_some());
        press(&mut model, "\n\n");
        let last = format!("Last sale: 12.50 EUR, {word}. ");
        assert!(words(&model).contains("0.00 EUR") && words(&model).contains(&last), "{}", words(&model));
        tell(&mut model, Told::Open(Vec::new()));
        assert_eq!(words(&model).contains(&last), word != "NOT KNOWN YET", "it is known by now");
    }
}

#[test]
fn the_day_s_list_gives_receipts_and_other_days() {
    let mut model = model();
    let Some(Action::ShowDay(today)) = press(&mut model, "d").pop() else { panic!("no list") };
    let list = |date| Day::new(date, vec![entry(Some(How::Posted)), entry(None)]);
    tell(&mut model, Told::Day(list(today.yesterday().unwrap())));
    assert!(words(&model).contains("One moment"), "another day's");
    tell(&mut model, Told::Day(list(today)));
    let said = words(&model);
    assert!(said.contains("Total approved: 12.50 EUR in 1 sale"), "{said}");
    assert!(said.contains("Total not known yet: 12.50 EUR in 1 sale"), "{said}");
    model.handle(Event::Key(Key::Down));
    model.handle(Event::Key(Key::Down));
    press(&mut model, "\n");
    assert!(words(&model).contains("NOT KNOWN YET"), "the second");
    let Some(Action::Print(_, copy)) = press(&mut model, "m").pop() else { panic!("not printed") };
    assert_eq!(copy, Copy::Merchant);
    press(&mut model, "\n");
    let other = model.handle(Event::Key(Key::Left));
    assert!(matches!(other, Some(Action::ShowDay(date)) if date == today.yesterday().unwrap()));
}

#[test]
fn lines_do_what_keys_do() {
    let line = |model: &mut Model, text: &str| model.handle(Event::Line(Zeroizing::new(format!("{text}\n"))));
    let mut model = model();
    assert!(line(&mut model, "12.505").is_none() && words(&model).contains("no amount in EUR"));
    assert!(matches!(line(&mut model, "12,5"), Some(Action::Charge(Amount { minor: 1250, .. }, _))));
    assert!(!model.takes_lines());
    tell(&mut model, pin_wanted(2, false));
    assert!(model.takes_lines() && line(&mut model, "123").is_none());
    assert!(matches!(line(&mut model, "1234"), Some(Action::Pin(_))));
    tell(&mut model, pin_wanted(1, true));
    line(&mut model, "");
    assert!(words(&model).contains("Calling off"));
    tell(&mut model, Told::Finished { entry: Some(entry(Some(How::Posted))), advice: None });
    tell(&mut model, Told::Seen);
    line(&mut model, "receipt");
    assert!(words(&model).contains("Customer's copy"));
    line(&mut model, "back");
    line(&mut model, "");
    assert!(matches!(line(&mut model, "day"), Some(Action::ShowDay(_))));
    line(&mut model, "back");
    assert!(matches!(line(&mut model, "quit"), Some(Action::Quit)));
}

#[test]
fn a_line_too_early_or_a_word_for_escape_is_no_pin() {
    let line = |model: &mut Model, text: &str| model.handle(Event::Line(Zeroizing::new(format!("{text}\n"))));
    let mut model = charging();
    for early in ["1234", "12.5.0", "q", ""] {
        assert!(line(&mut model, early).is_none());
        assert_eq!(words(&model).contains("wait until you are asked"), !early.is_empty());
    }
    for word in ["cancel", "back", " "] {
        let mut model = charging();
        tell(&mut model, pin_wanted(3, false));
        assert!(line(&mut model, word).is_none());
        assert!(words(&model).contains("Calling off"), "{word}");
    }
    line(&mut model, "cancel");
    assert!(words(&model).contains("Calling off"), "also before the PIN is wanted");
}

#[test]
fn a_pin_that_is_typed_in_the_wrong_place_is_not_shown() {
    let mut model = model();
    assert!(model.shows('1'), "an amount");
    press(&mut model, "h");
    assert!(!model.shows('1') && model.shows('b'));
    for told in [None, Some(pin_wanted(3, false)), Some(Told::Step(Step::Opening))] {
        let mut model = charging();
        told.into_iter().for_each(|told| tell(&mut model, told));
        assert!(!model.shows('1') && !model.shows('b'));
    }
}

#[test]
fn a_line_that_does_nothing_is_told_and_what_does_something_is_hinted() {
    let line = |model: &mut Model, text: &str| model.handle(Event::Line(Zeroizing::new(format!("{text}\n"))));
    let mut model = model();
    assert!(line(&mut model, "previous").is_none() && words(&model).contains("nothing that can be done here"));
    line(&mut model, "cancel");
    assert!(words(&model).contains("Q ends the till."));
    let Some(Action::ShowDay(today)) = line(&mut model, "day") else { panic!("no list") };
    assert!(!model.takes_lines(), "what comes next waits for the list");
    tell(&mut model, Told::Day(Day::new(today, vec![entry(Some(How::Posted))])));
    tell(&mut model, Told::Done);
    assert!(model.takes_lines());
    assert!(line(&mut model, "2").is_none() && words(&model).contains("no sale with this number"));
    assert!(line(&mut model, "4711x").is_none() && words(&model).contains("nothing that can be done here"));
    assert!(!words(&model).contains("4711"), "it may be a PIN");
    let hinted: Vec<&str> = hints(&model).iter().map(|(line, _)| *line).collect();
    assert_eq!(hinted, ["a number", "previous, next", "back"]);
    let other = line(&mut model, "next");
    assert!(matches!(other, Some(Action::ShowDay(date)) if date == today.tomorrow().unwrap()));
}

/// Something that may happen at any moment. Where keys are a PIN's, `pin` says which.
fn anything(random: &mut StdRng, model: &Model, pin: &mut StdRng) -> Event {
    let how = [None, Some(How::Posted), Some(How::Declined), Some(How::Released)][random.gen_range(0..4)];
    match random.gen_range(0..61) {
        0..=49 if model.wants_pin() => {
            // As many characters whatever they are.
            let kind = random.gen_range(0..8);
            let digit = char::from(pin.gen_range(b'0'..=b'9'));
            Event::Key(match kind {
                0 => Key::Backspace,
                1 => Key::Enter,
                _ => Key::Char(digit),
            })
        }
        0..=49 => {
            let keys = [Key::Enter, Key::Escape, Key::Backspace, Key::Up, Key::Down, Key::Left, Key::Right];
            let any = random.gen_range(0..keys.len() + 12);
            Event::Key(keys.get(any).copied().unwrap_or_else(|| {
                Key::Char(['0', '1', '5', '9', 'd', 'o', 'h', 'q', 'r', 'p', 's', 'é'][any - keys.len()])
            }))
        }
        50 => Event::Told(Told::Waiting("Waiting.".into())),
        51 | 52 => Event::Told(pin_wanted(random.gen_range(1..4), random.r#gen())),
        53 => Event::Told(Told::Step([Step::Opening, Step::Asking, Step::Confirming][random.gen_range(0..3)])),
        54 => Event::Told(Told::Note("A note.".into())),
        55 => Event::Told(Told::CalledOff),
        56 => Event::Told(Told::Finished { entry: how.map(|how| entry(Some(how))), advice: None }),
        57 => Event::Told(Told::Day(Day::new(date(2026, 11, 27), vec![entry(how)]))),
        58 => Event::Told(Told::Open(vec![entry(None); random.gen_range(0..3)])),
        59 => Event::Told(Told::Seen),
        _ => Event::Told(Told::Notice("A notice.".into())),
    }
}

#[test]
fn nothing_that_is_drawn_or_logged_depends_on_the_pin() {
    let (mut typed, mut compared) = (0, 0);
    for seed in 0..300 {
        let (mut one, mut other) = (model(), model());
        let (mut events_of_one, mut events_of_other) = (StdRng::seed_from_u64(seed), StdRng::seed_from_u64(seed));
        let (mut pin_of_one, mut pin_of_other) = (StdRng::seed_from_u64(1), StdRng::seed_from_u64(2));
        for _ in 0..400 {
            typed += usize::from(one.wants_pin());
            let actions = [
                one.handle(anything(&mut events_of_one, &one, &mut pin_of_one)),
                other.handle(anything(&mut events_of_other, &other, &mut pin_of_other)),
            ];
            assert_eq!(view(&one), view(&other));
            assert_eq!(scrubbed(&one), scrubbed(&other));
            compared += usize::from(matches!(actions, [Some(Action::Pin(_)), Some(Action::Pin(_))]));
        }
    }
    assert!(typed > 1000 && compared > 50, "{typed} {compared}");
}

/// `Debug` without what differs between any two models: nothing but the clock could.
fn scrubbed(model: &Model) -> String {
    let said = format!("{model:?}");
    assert!(!said.contains("Zeroizing"));
    said
}

#[test]
fn whatever_happens_there_is_one_sale_at_a_time_and_a_way_on() {
    let (mut sales, mut ends) = (0, 0);
    for seed in 0..300 {
        let mut random = StdRng::seed_from_u64(1000 + seed);
        let mut pin = StdRng::seed_from_u64(seed);
        let mut model = model();
        for _ in 0..300 {
            let (selling, at_amount) = (model.is_selling(), matches!(model.state, State::Amount { .. }));
            let action = {
                let event = anything(&mut random, &model, &mut pin);
                model.handle(event)
            };
            match action {
                Some(Action::Charge(amount, _)) => {
                    assert!(at_amount && !selling && amount.minor > 0);
                    sales += 1;
                }
                Some(Action::Quit) => assert!(at_amount, "in the middle of something"),
                Some(Action::Pin(_)) => assert!(selling),
                Some(Action::ShowDay(_) | Action::Settle | Action::Print(..)) => assert!(!selling),
                None => {}
            }
            ends += usize::from(selling && !model.is_selling());
            let view = view(&model);
            assert!(!view.title.is_empty());
            let keys: usize = view.keys.iter().map(|(key, what)| key.len() + what.len() + 3).sum();
            assert!(keys <= 80, "{keys} columns of keys");
            let busy = matches!(&model.state, State::Sale(sale) if !matches!(sale.stage, Stage::Pin { .. }));
            assert!(busy || !view.keys.is_empty(), "no way on from {model:?}");
        }
    }
    assert!(sales > 300 && ends > 300, "{sales} {ends}");
}

#[test]
fn every_line_fits_eighty_columns_beside_its_margins() {
    let advices = every_reason().chain(every_error());
    let mut seen = 0;
    for advice in advices {
        // Two lines at most for what to do; longer ones are not read.
        assert!(advice.now.len() <= 140 && advice.now.ends_with('.'), "{}", advice.now);
        assert!(advice.what.ends_with(['.', 'x']) && advice.what.len() <= 240, "{}", advice.what);
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
    let mut model = model();
    press(&mut model, "h");
    for (line, _) in view(&model).lines {
        assert!(line.chars().count() <= 70, "{line}");
    }
}

fn every_reason() -> impl Iterator<Item = Advice> {
    (0..20).map(|code| advice::of_reason(&Reason { code: ReasonCode(code), line: "x".into() }))
}

fn every_error() -> impl Iterator<Item = Advice> {
    use crate::card::CardError;
    use crate::error::Error;
    use crate::hop::HopError;
    use crate::reader::ReaderError;
    let readers: [fn() -> ReaderError; 8] = [
        || ReaderError::Busy,
        || ReaderError::Removed,
        || ReaderError::Mute,
        || ReaderError::Unplugged,
        || ReaderError::NoService,
        || ReaderError::Storage,
        || ReaderError::Closed,
        || ReaderError::Protocol("x"),
    ];
    let cards = readers.into_iter().map(|reader| CardError::Reader(reader()));
    let cards = cards.chain([CardError::WrongPin { left: 2 }, CardError::PinBlocked, CardError::NotTriedAgain]);
    let others = [Error::Refused, Error::CalledOff, Error::NotInForce, Error::PayeeUnknown, Error::NotInJournal];
    let hops = [HopError::Closed, HopError::Busy].map(|source| Error::Hop { hop: crate::PROVIDER, source });
    let of_shop = cards.map(Error::Card);
    let of_customer = readers.into_iter().map(|reader| Error::CustomerCard(CardError::Reader(reader())));
    let of_customer = of_customer.chain([Error::CustomerCard(CardError::WrongPin { left: 1 })]);
    of_shop
        .chain(of_customer)
        .chain(others)
        .chain(hops)
        .map(|error| advice::of_error(&error))
        .collect::<Vec<_>>()
        .into_iter()
}

#[test]
fn removed_too_early_is_told_as_such() {
    use crate::card::CardError;
    use crate::error::Error;
    use crate::reader::ReaderError;
    for error in [ReaderError::Removed, ReaderError::Mute, ReaderError::NotPowered] {
        let advice = advice::of_error(&Error::CustomerCard(CardError::Reader(error)));
        assert_eq!(advice.what, "The card was removed too early.");
        let mut model = charging();
        tell(&mut model, Told::Finished { entry: Some(entry(None)), advice: Some(advice) });
        assert!(!words(&model).contains("can take the card"), "it is out");
    }
}
