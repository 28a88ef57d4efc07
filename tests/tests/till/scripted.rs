//! What programs use: a sale with both cards here, and calling off.

use serde_json::Value;
use symbolon_tests::group::PATIENCE;
use symbolon_tests::process::Ended;

use crate::shop::{PRICE, Shop};

impl Shop {
    fn terminal(&self, verb: &str, card: &str, more: &[&str]) -> Ended {
        let (card, pin) = (self.town.card(card).unwrap(), self.town.path("pin"));
        let common = [verb, "--json", "--card", &card, "--pin-file", &pin, "--provider", &self.town.address];
        self.town.terminal(&[&common, more].concat()).unwrap().end(PATIENCE).unwrap()
    }

    fn sell(&self, amount: &str, pin: &str) -> Ended {
        let card = self.town.card("ada").unwrap();
        let more = ["--amount", amount, "--currency", "EUR", "--customer-card", &card, "--customer-pin-file", pin];
        self.terminal("sell", "shop", &more)
    }
}

#[test]
fn one_command_sells_with_both_cards_here() {
    let shop = Shop::new();
    let pin = shop.town.path("pin");
    let sold = shop.sell("12.50", &pin).success().unwrap();
    assert_eq!((&sold["result"], &sold["amount"]), (&Value::from("posted"), &Value::from(PRICE)));
    assert_eq!(sold["parties"][0]["name"], "shop");
    let declined = shop.sell("1000,00", &pin);
    assert_eq!((declined.code, &declined.results[0]["result"]), (Some(3), &Value::from("declined")));
    let wrong = shop.town.path("wrong");
    std::fs::write(&wrong, "0000").unwrap();
    let failed = shop.sell("12.50", &wrong);
    assert_eq!(failed.code, Some(1));
    assert_eq!(failed.results[0]["error"], "the customer's card: wrong PIN, 2 tries left");
    assert_eq!(shop.taken(), PRICE);

    // It is over: there is nothing to call off any more.
    let id = sold["transaction"].as_str().unwrap();
    let late = shop.terminal("cancel", "shop", &["--transaction", id]);
    assert_eq!((late.code, &late.results[0]["result"]), (Some(3), &Value::from("posted")));
    let unknown = shop.terminal("cancel", "shop", &["--transaction", &"0".repeat(32)]);
    assert_eq!(
        (unknown.code, &unknown.results[0]["error"]),
        (Some(1), &"the card remembers no such transaction".into())
    );
    assert_eq!(shop.taken(), PRICE);
}

#[test]
fn without_a_service_for_readers_or_a_provider_it_is_said_what_to_do() {
    let mut shop = Shop::new();
    let mut readers = std::process::Command::new(&shop.program);
    let listed = readers.arg("readers").env("PCSCLITE_CSOCK_NAME", shop.town.path("nobody")).output().unwrap();
    let errors = String::from_utf8(listed.stderr).unwrap();
    assert_eq!(errors, "host-terminal: the PC/SC service (pcscd) does not run: start it\n");

    let transcript = shop.town.path("select.apdu");
    std::fs::write(&transcript, "> 00A4 0000 02 3F00\n< 6F .. 9000\n").unwrap();
    let mut replay = std::process::Command::new(&shop.program);
    replay.args(["replay", "--card", "pcsc:", "--wait", "1", &transcript]);
    let played = replay.env("PCSCLITE_CSOCK_NAME", shop.town.path("nobody")).output().unwrap();
    assert!(String::from_utf8(played.stderr).unwrap().contains("no card came within 1 s"));

    shop.town.kill_provider().unwrap();
    let mut pos = std::process::Command::new(&shop.program);
    let settled = pos.args(["pos", "--config", &shop.config, "--settle"]).output().unwrap();
    assert_eq!((settled.status.code(), settled.stdout.len()), (Some(4), 0), "no counts of nothing");
    shop.town.open().unwrap();
}
