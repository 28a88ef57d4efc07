//! The till's screen in a real terminal, as clerk and customer see it.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use symbolon_tests::group::PIN;

use crate::shop::{PRICE, Shop};
use symbolon_tests::terminal::{Terminal, compare, normal};

impl Shop {
    fn open(&self, terminal: &Terminal) {
        self.open_with(terminal, "");
    }

    fn open_with(&self, terminal: &Terminal, more: &str) {
        let (program, config) = (self.program.display(), &self.config);
        terminal.text(&format!("clear; {program} pos --config {config} {more}; echo ended $?"));
        terminal.keys(&["Enter"]);
    }
}

/// Leaves a result: not before there was time to notice it.
fn next_sale(terminal: &Terminal) {
    std::thread::sleep(Duration::from_millis(1200));
    terminal.keys(&["Enter"]);
    terminal.wait("Type the amount");
}

/// Charges 12.50 and types the PIN when it is asked for.
fn charge(terminal: &Terminal, amount: &str, pin: &str) {
    terminal.wait("Type the amount");
    terminal.text(amount);
    terminal.keys(&["Enter"]);
    terminal.wait("The customer types the PIN:");
    terminal.text(pin);
    terminal.wait(&format!("PIN: {}\n", "*".repeat(pin.len())));
    terminal.keys(&["Enter"]);
}

#[test]
fn a_clerk_sells_and_sees_what_came_of_it() {
    let shop = Shop::new();
    let terminal = Terminal::new(80, 24);
    shop.open(&terminal);
    compare("amount", &terminal.wait("Type the amount"));
    charge(&terminal, "1250", PIN);
    compare("approved", &terminal.wait("The money has moved."));
    terminal.keys(&["r"]);
    compare("receipt", &terminal.wait("*** APPROVED ***"));
    terminal.keys(&["Enter"]);
    terminal.wait("The money has moved.");
    terminal.keys(&["p"]);
    terminal.wait("The receipt has been sent to the printer.");
    next_sale(&terminal);

    charge(&terminal, "9000000", PIN);
    compare("declined", &terminal.wait("No money has moved."));
    next_sale(&terminal);

    charge(&terminal, "1250", "0815");
    compare("wrong_pin", &terminal.wait("That PIN was wrong."));
    terminal.text(PIN);
    terminal.keys(&["Enter"]);
    terminal.wait("The money has moved.");
    next_sale(&terminal);

    terminal.keys(&["d"]);
    compare("day", &terminal.wait("Total declined"));
    terminal.keys(&["Down", "Enter"]);
    terminal.wait("*** DECLINED ***");
    terminal.keys(&["Escape"]);
    terminal.wait("Total declined");
    terminal.keys(&["Escape"]);
    terminal.wait("Type the amount");
    terminal.keys(&["h"]);
    compare("help", &terminal.wait("The customer types the PIN; nobody sees it."));
    terminal.keys(&["Escape"]);
    terminal.wait("Type the amount");

    terminal.resize(60, 20);
    compare("too_small", &terminal.wait("The till needs 80 x 24"));
    terminal.resize(100, 30);
    terminal.wait("Type the amount");
    terminal.keys(&["q"]);
    terminal.wait("ended 0");
    assert_eq!(shop.agree(), 2 * PRICE);
    for screen in [terminal.screen(), terminal.scrollback()] {
        let screen = normal(&screen);
        assert!(!screen.contains(PIN) && !screen.contains("0815"), "{screen}");
    }
}

#[test]
fn no_screen_ever_shows_the_pin() {
    let shop = Shop::new();
    let terminal = Terminal::new(80, 24);
    shop.open(&terminal);
    terminal.wait("Type the amount");
    terminal.text("1250");
    terminal.keys(&["Enter"]);
    terminal.wait("The customer types the PIN:");
    let mut screens = Vec::new();
    for digit in PIN.chars() {
        terminal.text(&digit.to_string());
        std::thread::sleep(Duration::from_millis(50));
        screens.push(terminal.screen());
    }
    terminal.keys(&["Enter"]);
    terminal.wait("The money has moved.");
    assert!(screens.last().unwrap().contains("PIN: ****"));
    for screen in &screens {
        // Transactions are not named yet: every digit here is an amount's or a count's.
        let line = screen.lines().find(|line| line.contains("PIN:")).unwrap();
        assert!(!line.contains(|character: char| character.is_ascii_digit()), "{line}");
    }
}

#[test]
fn the_terminal_is_as_before_however_the_till_ends() {
    let shop = Shop::new();
    let terminal = Terminal::new(80, 24);
    terminal.text(&format!("cd {}; stty -a > before", shop.town.path("")));
    terminal.keys(&["Enter"]);
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        shop.open(&terminal);
        terminal.wait("Type the amount");
        assert_eq!(terminal.fact("#{alternate_on}"), "1");
        kill_process(Pid::from_raw(terminal.child()).unwrap(), signal).unwrap();
        terminal.wait("ended 0");
        terminal.text("stty -a > after; cmp before after && echo same");
        terminal.keys(&["Enter"]);
        terminal.wait("\nsame");
        assert_eq!((terminal.fact("#{alternate_on}"), terminal.fact("#{cursor_flag}")), ("0".into(), "1".into()));
    }
}

#[test]
fn line_by_line_a_terminal_shows_what_is_typed_but_never_a_pin() {
    let shop = Shop::new();
    let terminal = Terminal::new(80, 24);
    terminal.text(&format!("cd {}; stty -a > before", shop.town.path("")));
    terminal.keys(&["Enter"]);
    shop.open_with(&terminal, "--plain");
    terminal.wait("(an amount: charge");
    terminal.text("12.51");
    terminal.keys(&["BSpace"]);
    terminal.text("0");
    terminal.wait("\n12.50\n");
    terminal.keys(&["Enter"]);
    terminal.wait("The customer types the PIN:");
    terminal.text(PIN);
    terminal.keys(&["Enter"]);
    terminal.wait("The money has moved.");
    next_sale(&terminal);
    terminal.text("12.50");
    terminal.keys(&["Enter"]);
    // Before it is asked for.
    terminal.text(PIN);
    terminal.wait("(the PIN: confirm");
    kill_process(Pid::from_raw(terminal.child()).unwrap(), Signal::TERM).unwrap();
    terminal.wait("ended 0");
    terminal.text("stty -a > after; cmp before after && echo same");
    terminal.keys(&["Enter"]);
    terminal.wait("\nsame");
    let seen = normal(&terminal.scrollback());
    let words = seen.split_whitespace().filter(|word| !word.contains('/'));
    assert!(!words.clone().any(|word| word.contains(PIN)), "{seen}");
    assert_eq!(shop.agree(), PRICE);
}

#[test]
fn line_by_line_what_is_typed_too_early_or_calls_off_costs_no_try() {
    let shop = Shop::new();
    let terminal = Terminal::new(80, 50);
    let place = shop.town.card("ada").unwrap();
    let other = std::net::TcpStream::connect(place.strip_prefix("tcp://").unwrap()).unwrap();
    shop.open_with(&terminal, "--plain");
    terminal.wait("New sale");
    let say = |line: &str| {
        terminal.text(line);
        terminal.keys(&["Enter"]);
    };
    say("12.50");
    terminal.wait("Another program uses the reader.");
    say("4711");
    terminal.wait("That was not taken: wait until you are asked.");
    // The first half of a PIN comes before it is asked for.
    terminal.text("08");
    drop(other);
    terminal.wait("The customer types the PIN:");
    say("155678");
    terminal.wait("That was begun before it was asked for, and not taken.");
    say("cancel");
    terminal.wait("The sale was called off. No money has moved.");
    say("quit");
    terminal.wait("ended 0");
    let seen = terminal.scrollback();
    assert!(!seen.contains("wrong") && !seen.contains("4711") && !seen.contains("155678"), "{seen}");
    let mut till = shop.plain(&[]);
    till.say("12.50");
    till.say("0000");
    till.hear("2 tries are left.");
    till.end();
}

#[test]
fn a_till_says_what_it_waits_for() {
    let mut shop = Shop::new();
    let terminal = Terminal::new(80, 24);
    shop.open(&terminal);
    terminal.wait("Type the amount");
    shop.town.kill_provider().unwrap();
    terminal.text("1250");
    terminal.keys(&["Enter"]);
    compare("no_provider", &without_addresses(&terminal.wait("No money has moved.")));
    shop.town.open().unwrap();
    next_sale(&terminal);

    // Another program has the reader of the customers' cards.
    let place = shop.town.card("ada").unwrap();
    let other = std::net::TcpStream::connect(place.strip_prefix("tcp://").unwrap()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    terminal.text("1250");
    terminal.keys(&["Enter"]);
    terminal.wait("Another program uses the reader.");
    drop(other);
    terminal.wait("The customer types the PIN:");
    terminal.keys(&["Escape"]);
    terminal.wait("The sale was called off. No money has moved.");
    assert_eq!(shop.taken(), 0);
}

/// Where things listen is another place each time.
fn without_addresses(screen: &str) -> String {
    let words = screen.split(' ').map(|word| if word.contains("127.0.0.1:") { "ADDRESS:" } else { word });
    words.collect::<Vec<_>>().join(" ")
}
