//! Participants that vanish, never come or talk nonsense, and topologies that do not hold together.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use protocol::frame::FrameHeader;
use serde_json::Value;
use symbolon_tests::group::{PATIENCE, Person, Town, leaf, member, payee, payer, purchase, router, witness};
use symbolon_tests::process::Running;

use crate::{PRICE, all, funds, town};

#[test]
fn a_router_killed_in_the_middle_leaves_money_where_it_was_or_settled_and_the_next_attempts_work() {
    let people = [Person::new("shop"), Person::new("ada").with(&["--opening", "1000.00"])];
    let town = Town::new(&people).unwrap();
    let topology = town
        .file(&[
            "patience = 2\n".to_owned(),
            purchase("times = 16"),
            member("shop", "provider", &payee("ada")),
            router("r1", "shop"),
            leaf("ada", "r1", &payer("shop")),
        ])
        .unwrap();
    let start = |name| town.join(&topology, name).unwrap();
    let (shop, ada, mut router) = (start("shop"), start("ada"), start("r1"));
    let mut results = Vec::new();
    for kill in 0..3 {
        // Somewhere in the transactions that follow; for longer than anybody waits for it.
        results.extend(ada.line(PATIENCE).unwrap());
        sleep(Duration::from_millis(7 * kill));
        router.kill().unwrap();
        sleep(Duration::from_secs(4));
        router = start("r1");
    }
    let (ada, shop) = (ada.end(PATIENCE).unwrap(), shop.end(PATIENCE).unwrap());
    results.extend(ada.results);
    assert_eq!((results.len(), &results[15]["result"]), (16, &Value::from("posted")), "{results:?}");
    let of = |what: &str| results.iter().filter(|result| result["result"] == what).count();
    let open: Vec<&str> = results
        .iter()
        .filter(|result| result["end_unknown"] == true)
        .map(|result| result["transaction"].as_str().unwrap())
        .collect();
    let failed = results.iter().filter(|result| result["result"] == "error").count();
    assert_eq!(of("posted") + failed, 16, "{results:?} {shop:?}");

    // Whoever does not know the end is told it.
    let (card, pin) = (town.card("ada").unwrap(), town.path("pin"));
    let told = open.iter().map(|transaction| {
        let status = ["status", "--json", "--card", &card, "--pin-file", &pin, "--provider", &town.address];
        let ended =
            town.terminal(&[&status[..], &["--transaction", transaction]].concat()).unwrap().end(PATIENCE).unwrap();
        ended.results.last().unwrap()["result"].as_str().unwrap().to_owned()
    });
    let settled = told.filter(|result| result == "posted").count();
    let moved = PRICE * i64::try_from(of("posted") + settled).unwrap();
    assert_eq!(funds(&town), (moved, 100_000 - moved), "{results:?}");
}

#[test]
fn what_a_connection_lost_is_sent_again_and_gets_the_same_answer() {
    let town = town(&[]);
    let topology = town
        .file(&[
            purchase("times = 30"),
            member("shop", "provider", &payee("ada")),
            router("r1", "shop"),
            leaf("ada", "r1", &payer("shop")),
        ])
        .unwrap();
    let start = |name| town.join(&topology, name).unwrap();
    let (shop, ada, mut router) = (start("shop"), start("ada"), start("r1"));
    // Killed and started anew at once, again and again: nobody notices.
    let mut results = Vec::new();
    while let Some(line) = ada.line(PATIENCE).unwrap() {
        results.push(line);
        if results.len() % 3 == 0 {
            router.kill().unwrap();
            router = start("r1");
        }
    }
    assert_eq!(results.len(), 30);
    assert!(results.iter().all(|result| result["result"] == "posted" || result["result"] == "declined"), "{results:?}");
    // The line that says where it listens is the first.
    assert_eq!(shop.end(PATIENCE).unwrap().results.len(), 1 + 30);
    // Eight times 12.50 is all that ada has.
    assert_eq!(funds(&town), (8 * PRICE, 0));
}

#[test]
fn one_who_never_comes_ends_the_transaction_for_all_and_the_next_one_works_with_it() {
    let town = town(&["bob"]);
    let topology = town
        .file(&[
            "patience = 4\n".to_owned(),
            purchase("times = 2"),
            member("shop", "provider", &payee("ada")),
            leaf("bob", "shop", &witness("ada", "shop")),
            leaf("ada", "shop", &payer("shop")),
        ])
        .unwrap();
    let start = |name| town.join(&topology, name).unwrap();
    let (shop, ada) = (start("shop"), start("ada"));
    let first = ada.line(PATIENCE).unwrap().unwrap();
    assert_eq!(first["error"], "another member's terminal cannot go on: shop: a member below it did not come in time");
    assert_eq!((&first["end_unknown"], &first["transaction"]), (&false.into(), &Value::Null));
    let bob = start("bob").end(PATIENCE).unwrap();
    assert!(bob.results[0]["error"].as_str().unwrap().contains("did not come in time"), "{bob:?}");
    assert_eq!((bob.code, &bob.results[1]["result"]), (Some(1), &"posted".into()));
    let (shop, ada) = (shop.end(PATIENCE).unwrap(), ada.end(PATIENCE).unwrap());
    // The line that says where it listens is the first.
    assert_eq!(shop.results[1]["error"], "bob did not come within 4 s");
    assert_eq!((&shop.results[2]["result"], &ada.results[0]["result"]), (&"posted".into(), &"posted".into()));
    assert_eq!(funds(&town), (PRICE, 10_000 - PRICE));
}

#[test]
fn one_who_cannot_go_on_ends_the_transaction_for_all_at_once() {
    let town = town(&["bob"]);
    let topology = town
        .file(&[
            purchase(""),
            member("bob", "provider", &witness("ada", "shop")),
            member("shop", "bob", &payee("ada")),
            leaf("ada", "shop", &(payer("shop") + "account = \"Another Bank\"\n")),
        ])
        .unwrap();
    let began = Instant::now();
    let ended = town.group(&topology).unwrap();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let results = all(&ended, 0, "error", &["bob", "shop", "ada"]);
    assert!(results[2]["error"].as_str().unwrap().starts_with("the card has no account with provider"), "{results:?}");
    for result in &results[..2] {
        assert_eq!(result["error"], "another member's terminal cannot go on: ada: it gives no reason");
    }
    assert!(began.elapsed() < Duration::from_secs(15), "somebody waited: {:?}", began.elapsed());
    assert_eq!(funds(&town), (0, 10_000));
}

#[test]
fn a_wrong_pin_costs_one_try_however_many_transactions_there_are() {
    let town = town(&[]);
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong.pin");
    std::fs::write(&wrong, "999999\n").unwrap();
    let ada = leaf("ada", "shop", &payer("shop")).replace("$pin", wrong.to_str().unwrap());
    let file = |ada: String| {
        town.file(&["patience = 2\n".to_owned(), purchase("times = 4"), member("shop", "provider", &payee("ada")), ada])
    };
    let ended = town.group(&file(ada).unwrap()).unwrap();
    let errors: Vec<&Value> = (0..4).map(|run| &all(&ended, run, "error", &["ada"])[0]["error"]).collect();
    assert!(errors[0].as_str().unwrap().starts_with("wrong PIN, "), "{errors:?}");
    assert!(errors[1..].iter().all(|error| *error == "the PIN was wrong before, and is not tried again"), "{errors:?}");
    let right = town.group(&file(leaf("ada", "shop", &payer("shop"))).unwrap()).unwrap();
    assert_eq!(right.code, Some(0), "{right:?}");
}

#[test]
fn junk_at_a_router_s_door_and_at_a_member_s_disturbs_nobody() {
    let town = town(&[]);
    let (shop_door, router_door) = (free(), free());
    let listen = |door: &str| format!("listen = \"{door}\"\n");
    let topology = town
        .file(&[
            purchase("times = 3"),
            member("shop", "provider", &(payee("ada") + &listen(&shop_door))),
            router("r1", "shop").replace("$listen", &router_door),
            leaf("ada", "r1", &payer("shop")),
        ])
        .unwrap();
    let start = |name| town.join(&topology, name).unwrap();
    let (shop, router) = (start("shop"), start("r1"));
    // Both listen now.
    assert!(shop.line(PATIENCE).unwrap().is_some() && router.line(PATIENCE).unwrap().is_some());
    let mut silent = Vec::new();
    for door in [&shop_door, &router_door] {
        // No frame, half a frame, nothing at all, and messages that mean nothing there.
        let connect = || TcpStream::connect(door.as_str()).unwrap();
        let mut browser = connect();
        browser.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(browser.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
        let mut half = connect();
        half.write_all(&[0, 0, 1, 0, 0, 0, 0]).unwrap();
        silent.extend([half, connect()]);
        let joined = [[1, 0x43, 0, 3].as_slice(), b"eve", &[2, 1, 1]].concat();
        for message in [&b"junk"[..], &[], &[1, 3, 0], &joined] {
            let answer = ask(&mut connect(), message);
            assert_eq!(answer[..2], [1, 0x42], "{message:?} {answer:?}");
        }
    }
    let ada = start("ada").end(PATIENCE).unwrap();
    assert_eq!(ada.code, Some(0), "{ada:?}");
    assert_eq!(funds(&town), (3 * PRICE, 10_000 - 3 * PRICE));
    router.terminate().unwrap();
    assert_eq!(router.end(PATIENCE).unwrap().code, Some(0));
}

fn free() -> String {
    symbolon_tests::group::free_address().unwrap()
}

fn ask(stream: &mut TcpStream, message: &[u8]) -> Vec<u8> {
    let header = FrameHeader { number: 99, length: message.len() }.encode().unwrap();
    stream.write_all(&[&header, message].concat()).unwrap();
    let mut header = [0; 12];
    stream.read_exact(&mut header).unwrap();
    let header = FrameHeader::parse(&header).unwrap();
    assert_eq!(header.number, 99);
    let mut answer = vec![0; header.length];
    stream.read_exact(&mut answer).unwrap();
    answer
}

#[test]
fn a_router_without_a_topology_serves_any_terminals() {
    let town = town(&[]);
    let route = |to: &str| town.terminal(&["route", "--json", "--to", to]).unwrap();
    let listening =
        |running: &Running| running.line(PATIENCE).unwrap().unwrap()["listening"].as_str().unwrap().to_owned();
    let to_provider = route(&town.address);
    let (card, pin, provider) = (town.card("shop").unwrap(), town.path("pin"), listening(&to_provider));
    let sell = ["sell", "--json", "--card", &card, "--pin-file", &pin, "--provider", &provider];
    let shop = town.terminal(&[&sell[..], &["--amount", "12.50", "--currency", "EUR"]].concat()).unwrap();
    let to_shop = route(&listening(&shop));
    let (card, door) = (town.card("ada").unwrap(), listening(&to_shop));
    let pay = ["pay", "--json", "--card", &card, "--pin-file", &pin, "--to", &door, "--limit", "20"];
    let paid = town.terminal(&pay).unwrap().end(PATIENCE).unwrap().success().unwrap();
    assert_eq!((paid["result"].as_str(), funds(&town)), (Some("posted"), (PRICE, 10_000 - PRICE)));
}

#[test]
fn a_topology_that_does_not_hold_together_starts_nobody() {
    let town = town(&[]);
    for (members, said) in [
        ([member("shop", "ada", &payee("ada")), member("ada", "shop", &payer("shop"))], "leads round in a circle"),
        (
            [member("shop", "provider", &payee("ada")), leaf("ada", "provider", &payer("shop"))],
            "both lead to the provider",
        ),
        ([member("shop", "provider", &payee("eve")), leaf("ada", "shop", &payer("shop"))], "is the name of no member"),
    ] {
        let topology = town.file(&[&[purchase("")], &members[..]].concat()).unwrap();
        for ended in [town.group(&topology), town.join(&topology, "shop").unwrap().end(PATIENCE)] {
            let ended = ended.unwrap();
            assert_eq!((ended.code, ended.results.len()), (Some(1), 1));
            assert!(ended.results[0]["error"].as_str().unwrap().contains(said), "{ended:?}");
            let place = format!("host-terminal: {}: ", topology.display());
            assert!(ended.errors.starts_with(&place) && ended.errors.contains(said), "{}", ended.errors);
        }
    }
    let topology = town.file(&[purchase(""), member("shop", "provider", &payee("shop"))]).unwrap();
    let ended = town.join(&topology, "eve").unwrap().end(PATIENCE).unwrap();
    assert!(ended.errors.contains("has no member or router \"eve\""), "{}", ended.errors);
}

#[test]
fn whoever_ends_a_group_ends_all_of_it() {
    let town = town(&[]);
    let topology = town
        .file(&[
            purchase("times = 100000"),
            member("shop", "provider", &payee("ada")),
            router("r1", "shop"),
            leaf("ada", "r1", &payer("shop")),
        ])
        .unwrap();
    let group = town.start_group(&topology).unwrap();
    let place = topology.display().to_string();
    let began = Instant::now();
    while processes(&place) < 4 {
        assert!(began.elapsed() < PATIENCE, "they do not start");
        sleep(Duration::from_millis(1));
    }
    group.terminate().unwrap();
    let ended = group.end(PATIENCE).unwrap();
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("stopped before all members had ended"), "{}", ended.errors);
    while processes(&place) > 0 {
        assert!(began.elapsed() < PATIENCE, "somebody is left");
        sleep(Duration::from_millis(1));
    }
}

/// Processes with this in their command lines.
fn processes(text: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(text)).count()
}
