//! Series, trees, and several transactions at once.

use protocol::limits::{CHILDREN_MAX, DEPTH_MAX};
use symbolon_tests::group::{PATIENCE, Person, Town, leaf, member, payee, payer, purchase, router, witness};

use crate::paths::{check, rounds};
use crate::{PRICE, all, funds, town};

#[test]
fn two_members_with_a_router_between_them_and_one_before_the_provider() {
    let town = town(&[]);
    let topology = town
        .file(&[
            purchase(""),
            router("r0", "provider"),
            member("shop", "r0", &payee("ada")),
            router("r1", "shop"),
            leaf("ada", "r1", &payer("shop")),
        ])
        .unwrap();
    let ended = town.group(&topology).unwrap();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    let results = all(&ended, 0, "posted", &["shop", "ada"]);
    assert_eq!((&results[0]["number"], &results[1]["number"], &results[1]["count"]), (&0.into(), &1.into(), &2.into()));
    assert_eq!(results[1]["parties"][0]["name"], "shop");
    assert_eq!(funds(&town), (PRICE, 10_000 - PRICE));
    check(&town, &[("shop", 0..2), ("ada", 1..2)], &["r0", "r1"]);
}

#[test]
fn a_series_of_four_with_routers_everywhere() {
    let town = town(&["broker", "courier"]);
    let between = witness("ada", "shop");
    let topology = town
        .file(&[
            purchase(""),
            router("r0", "provider"),
            member("shop", "r0", &payee("ada")),
            router("r1", "shop"),
            member("broker", "r1", &between),
            router("r2", "broker"),
            router("r3", "r2"),
            member("courier", "r3", &between),
            router("r4", "courier"),
            leaf("ada", "r4", &payer("shop")),
        ])
        .unwrap();
    let ended = town.group(&topology).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    all(&ended, 0, "posted", &["shop", "broker", "courier", "ada"]);
    assert_eq!(funds(&town), (PRICE, 10_000 - PRICE));
    let members = [("shop", 0..4), ("broker", 1..4), ("courier", 2..4), ("ada", 3..4)];
    check(&town, &members, &["r0", "r1", "r2", "r3", "r4"]);
}

#[test]
fn a_tree_of_three_levels_with_routers_that_several_share() {
    let town = town(&["host", "broker", "courier", "guest", "notary"]);
    let vouches = witness("ada", "shop");
    // host (0) combines broker (1: ada 2, guest 3) and shop (4: courier 5, notary 6).
    let topology = town
        .file(&[
            purchase(""),
            member("host", "provider", &vouches),
            router("r1", "host"),
            member("broker", "r1", &vouches),
            member("shop", "r1", &payee("ada")),
            router("r2", "broker"),
            leaf("ada", "r2", &payer("shop")),
            leaf("guest", "r2", &vouches),
            router("r3", "shop"),
            leaf("courier", "r3", &vouches),
            leaf("notary", "shop", &vouches),
        ])
        .unwrap();
    let ended = town.group(&topology).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let names = ["host", "broker", "ada", "guest", "shop", "courier", "notary"];
    let results = all(&ended, 0, "posted", &names);
    let numbers: Vec<_> = results.iter().map(|result| result["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(funds(&town), (PRICE, 10_000 - PRICE));
    let members = [
        ("host", 0..7),
        ("broker", 1..4),
        ("ada", 2..3),
        ("guest", 3..4),
        ("shop", 4..7),
        ("courier", 5..6),
        ("notary", 6..7),
    ];
    check(&town, &members, &["r1", "r2", "r3"]);
}

#[test]
fn the_longest_series_there_may_be() {
    let names: Vec<String> = (1..DEPTH_MAX).map(|number| format!("m{number}")).collect();
    let town = town(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut parts = vec![purchase(""), member("shop", "provider", &payee("ada"))];
    let mut next = "shop";
    for name in &names {
        parts.push(member(name, next, &witness("ada", "shop")));
        next = name;
    }
    parts.push(leaf("ada", next, &payer("shop")));
    let ended = town.group(&town.file(&parts).unwrap()).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let all: Vec<&str> = ["shop"].into_iter().chain(names.iter().map(String::as_str)).chain(["ada"]).collect();
    let results = crate::all(&ended, 0, "posted", &all);
    assert_eq!(
        (&results[DEPTH_MAX]["number"], &results[DEPTH_MAX]["count"]),
        (&DEPTH_MAX.into(), &(DEPTH_MAX + 1).into())
    );
    assert_eq!(funds(&town), (PRICE, 10_000 - PRICE));
    let count = u16::try_from(all.len()).unwrap();
    check(&town, &[("shop", 0..count), ("m16", 16..count), ("ada", count - 1..count)], &[]);
}

#[test]
fn as_many_below_one_member_as_there_may_be() {
    let names: Vec<String> = (1..CHILDREN_MAX).map(|number| format!("m{number}")).collect();
    let town = town(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut parts = vec![purchase("times = 2"), member("shop", "provider", &payee("ada")), router("r1", "shop")];
    parts.extend(names.iter().map(|name| leaf(name, "r1", &witness("ada", "shop"))));
    parts.push(leaf("ada", "r1", &payer("shop")));
    let ended = town.group(&town.file(&parts).unwrap()).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(funds(&town), (2 * PRICE, 10_000 - 2 * PRICE));
    let count = u16::try_from(CHILDREN_MAX).unwrap();
    check(&town, &[("shop", 0..count + 1), ("m1", 1..2), ("ada", count..count + 1)], &["r1"]);
}

#[test]
fn what_the_provider_declines_travels_back_to_everybody() {
    let town = town(&["broker"]);
    // The broker vouches for nobody: the members do not agree.
    let topology = town
        .file(&[
            purchase(""),
            member("shop", "provider", &payee("ada")),
            router("r1", "shop"),
            member("broker", "r1", "role = \"witness\""),
            leaf("ada", "broker", &payer("shop")),
        ])
        .unwrap();
    let ended = town.group(&topology).unwrap();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let results = all(&ended, 0, "declined", &["shop", "broker", "ada"]);
    assert!(results.iter().all(|result| result["reason"]["code"] == 4), "{results:?}");
    assert_eq!(funds(&town), (0, 10_000));
}

#[test]
fn one_who_rejects_releases_the_money_for_all() {
    let town = town(&["broker"]);
    let rejects = format!("{}decision = \"reject\"\n", witness("ada", "shop"));
    let topology = town
        .file(&[
            purchase(""),
            member("broker", "provider", &rejects),
            leaf("shop", "broker", &payee("ada")),
            leaf("ada", "broker", &payer("shop")),
        ])
        .unwrap();
    let ended = town.group(&topology).unwrap();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    all(&ended, 0, "released", &["broker", "shop", "ada"]);
    assert_eq!(funds(&town), (0, 10_000));
}

#[test]
fn several_transactions_at_once_share_the_connections_and_each_card_has_one_at_a_time() {
    let people = [Person::new("shop").cards(2), Person::new("ada").cards(2).with(&["--opening", "100.00"])];
    let town = Town::new(&people).unwrap();
    let cards = |name: &str| format!("cards = [\"$card.{name}\", \"$card.{name}.1\"]\n");
    let topology = town
        .file(&[
            purchase("times = 6\nat_once = 2"),
            router("r0", "provider"),
            member("shop", "r0", &(payee("ada") + &cards("shop"))),
            router("r1", "shop"),
            leaf("ada", "r1", &(payer("shop") + &cards("ada"))),
        ])
        .unwrap();
    // Each once the one above it is there: a connection that finds no way up ends, and is made again.
    let start = |name| town.join(&topology, name).unwrap();
    let begun = ["r0", "shop", "r1"].map(|name| {
        let running = start(name);
        assert!(running.line(PATIENCE).unwrap().unwrap()["listening"].is_string(), "{name}");
        running
    });
    let mut ended = start("ada").end(PATIENCE).unwrap();
    let [r0, shop, r1] = begun;
    let shop = shop.end(PATIENCE).unwrap();
    for router in [r0, r1] {
        router.terminate().unwrap();
        assert_eq!(router.end(PATIENCE).unwrap().code, Some(0));
    }
    assert_eq!((ended.code, shop.code), (Some(0), Some(0)), "{ended:?} {shop:?}");
    ended.results.extend(shop.results);
    (0..6).for_each(|run| drop(all(&ended, run, "posted", &["shop", "ada"])));
    assert_eq!(funds(&town), (6 * PRICE, 10_000 - 6 * PRICE));

    // One connection carries them all, and another begins before the one before it has ended.
    let seen = rounds(&town, "r1");
    let hops = [("connection 1", "r1"), ("r1", "shop"), ("shop", "r1"), ("r1", "connection 1")];
    let strays: Vec<_> = seen.iter().filter(|event| !hops.contains(&(&event.from, &event.to))).collect();
    assert!(strays.is_empty(), "{strays:?}");
    let places = |to: &str, what: &str| -> Vec<usize> {
        (0..seen.len()).filter(|place| seen[*place].to == to && seen[*place].what == what).collect()
    };
    let (begun, ends) = (places("shop", "key exchange request"), places("connection 1", "final notice"));
    assert_eq!((begun.len(), ends.len()), (6, 6));
    assert!((1..6).any(|next| begun[next] < ends[next - 1]), "no two overlap: {begun:?} {ends:?}");
    for card in ["ada's card 0", "ada's card 1"] {
        let commands = town.events("ada").unwrap();
        let own = commands.iter().filter(|event| event.to == card && event.what.starts_with("BUILD"));
        let kinds = ["BUILD key exchange request", "BUILD transaction request", "BUILD acknowledgment"];
        assert!(own.map(|event| event.what.as_str()).eq(kinds.into_iter().cycle().take(9)), "{card}");
    }
    check(&town, &[("shop", 0..2), ("ada", 1..2)], &["r0", "r1"]);
}

#[test]
fn a_member_with_one_card_takes_the_transactions_one_by_one_and_nobody_waits_in_a_circle() {
    let people = [Person::new("shop"), Person::new("ada").cards(3).with(&["--opening", "100.00"]), Person::new("bob")];
    let town = Town::new(&people).unwrap();
    let topology = town
        .file(&[
            purchase("times = 5\nat_once = 3"),
            member("bob", "provider", &witness("ada", "shop")),
            leaf("shop", "bob", &payee("ada")),
            leaf("ada", "bob", &(payer("shop") + "cards = [\"$card.ada\", \"$card.ada.1\", \"$card.ada.2\"]\n")),
        ])
        .unwrap();
    let ended = town.group(&topology).unwrap();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(funds(&town), (5 * PRICE, 10_000 - 5 * PRICE));
}

#[test]
fn what_options_give_a_member_its_terminal_can_tell() {
    let town = town(&[]);
    let options = "options = [\"peer keys\", \"transaction inside\"]\n";
    let topology = town
        .file(&[
            purchase(""),
            member("shop", "provider", &(payee("ada") + options)),
            leaf("ada", "shop", &(payer("shop") + options + "fresh_key = \"endorsed\"\n")),
        ])
        .unwrap();
    let ended = town.group(&topology).unwrap();
    let results = all(&ended, 0, "posted", &["shop", "ada"]);
    assert_eq!(results[0]["peers"][0]["number"], 1, "{results:?}");
    assert_eq!(results[0]["peers"][0]["key"].as_str().unwrap().len(), 130);
    assert_eq!(results[1]["peers"].as_array().unwrap().len(), 1);
    assert_eq!(results[1]["plain_text"]["transaction"], "");
}
