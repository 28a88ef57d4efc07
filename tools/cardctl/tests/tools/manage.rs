//! What an issuer and a holder do with a card in the field.

use serde_json::json;

use crate::desk::{Desk, file};

const MORE: &str = r#"
[[pin]]
number = 2
tries = 5
file = "code"
[[pin]]
number = 5
file = "pin"
unblock = "pin 2"
choose = "always"
[[file]]
path = "0001"
kind = "transparent"
text = "open"
access = { read = "always" }
"#;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("code", "99999999\n");
    desk.write("wrong", "0000\n");
    desk.write("new", "123456\n");
    desk.write("issuer.keys", &format!("{0} {0} {0}\n", crate::desk::KEY));
    let profile = crate::desk::profile("file = \"pin\"\nresetting_code = 2");
    let key_set = "[[key_set]]\nversion = 1\nfile = \"issuer.keys\"\n";
    desk.write("profile.toml", &(profile + key_set + MORE));
    crate::desk::json(&desk.issue());
    desk
}

#[test]
fn a_pin_is_changed_and_unblocked_and_each_wrong_one_costs_one_try() {
    let desk = desk();
    let [pin, wrong, new, code] = ["pin", "wrong", "new", "code"].map(|name| desk.path(name));
    let left = |pin: usize| desk.does(&["pin", "status"])["pins"][pin]["tries_left"].clone();
    let error = desk.fails(&["pin", "change", "1", "--old-file", &wrong, "--new-file", &new]);
    assert!(error.contains("wrong PIN, 4 tries left"), "{error}");
    assert_eq!(left(0), 4);
    desk.does(&["pin", "change", "1", "--old-file", &pin, "--new-file", &new]);
    assert_eq!(left(0), 5);
    for left in (0..5).rev() {
        let error = desk.fails(&["inspect", "--pin-file", &pin]);
        assert!(error.contains(if left == 0 { "blocked" } else { "left" }), "{error}");
    }
    assert_eq!(left(0), 0);
    assert!(desk.fails(&["pin", "unblock", "1", "--code-file", &wrong]).contains("wrong resetting code, 4 tries left"));
    desk.does(&["pin", "unblock", "1", "--code-file", &code, "--new-file", &pin]);
    assert_eq!((left(0), left(1)), (json!(5), json!(5)));
    desk.inspect(&["--pin-file", &pin]);

    // PIN 5 is a transport PIN, and has a condition instead of a code.
    desk.does(&["pin", "change", "5", "--transport", "--new-file", &new]);
    assert!(desk.fails(&["pin", "change", "5", "--transport", "--new-file", &pin]).contains("was not given"));
    assert!(desk.fails(&["pin", "unblock", "5", "--code-file", &code]).contains("no resetting code"));
    assert!(desk.fails(&["pin", "unblock", "5", "--without-code"]).contains("was not given"));
    let second = format!("2={code}");
    desk.does(&["pin", "unblock", "5", "--without-code", "--pin", &second, "--new-file", &pin]);
    let fifth = format!("5={pin}");
    assert_eq!(desk.inspect(&["--pin", &fifth])["verified"], json!([5]));
    assert!(desk.fails(&["pin", "change", "9", "--old-file", &pin, "--new-file", &new]).contains("no PIN 9"));
    assert!(desk.fails(&["pin", "change", "5"]).contains("--old-file"));
    assert!(desk.fails(&["inspect", "--pin", &fifth, "--pin", &fifth]).contains("given twice"));
    assert_eq!(left(2), 3, "a PIN that was given twice was tried");
}

#[test]
fn a_card_an_account_and_a_file_are_blocked_and_unblocked() {
    let desk = desk();
    let keys = desk.path("issuer.keys");
    let with = |arguments: &[&str]| [arguments, &["--keys", &keys]].concat().join("\n");
    let run = |arguments: &[&str]| desk.does(&with(arguments).split('\n').collect::<Vec<_>>());
    let fails = |arguments: &[&str]| desk.fails(&with(arguments).split('\n').collect::<Vec<_>>());

    run(&["block", "--file", "0001"]);
    let found = desk.inspect(&[]);
    let blocked = file(&found, "0001");
    assert_eq!((&blocked["state"], &blocked["content"]), (&json!("deactivated"), &json!(null)));
    run(&["unblock", "--file", "0001"]);
    assert_eq!(file(&desk.inspect(&[]), "0001")["content"], hex::encode("open"));
    assert!(fails(&["block", "--file", "0009"]).contains("no file 0009"));

    run(&["block", "--record", "1"]);
    let record = &desk.inspect(&[])["providers"][0];
    assert_eq!((&record["locked"], &record["name"]), (&json!(true), &json!(null)));
    run(&["unblock", "--record", "1"]);
    assert_eq!(desk.inspect(&[])["providers"][0]["name"], "First Bank");
    assert!(fails(&["block", "--record", "7"]).contains("no record 7"));

    let said = String::from_utf8(desk.cardctl(&["block", "--keys", &keys]).stderr).unwrap();
    assert!(said.starts_with("Blocking the card"), "{said}");
    assert_eq!(desk.inspect(&[])["life_cycle"], "CARD_LOCKED");
    assert!(desk.fails(&["pin", "status"]).contains("cardctl unblock"));
    assert!(fails(&["block"]).contains("the card is CARD_LOCKED"));
    run(&["unblock"]);
    let found = desk.inspect(&[]);
    assert_eq!((&found["life_cycle"], found["pins"].as_array().unwrap().len()), (&json!("SECURED"), 3));
}

#[test]
fn a_card_is_terminated_by_who_says_that_it_is_meant_and_by_nobody_else() {
    let desk = desk();
    let (keys, others) = (desk.path("issuer.keys"), desk.path("other.keys"));
    desk.write("other.keys", crate::desk::OTHER_KEY);
    assert!(desk.fails(&["terminate", "--keys", &keys]).contains("--yes-terminate-this-card"));
    assert!(desk.fails(&["terminate", "--keys", &others, "--yes-terminate-this-card"]).contains("other keys"));
    assert_eq!(desk.inspect(&[])["life_cycle"], "SECURED");
    let told = desk.does(&["terminate", "--keys", &keys, "--yes-terminate-this-card"]);
    assert_eq!(told, json!({ "name": null, "life_cycle": "TERMINATED" }), "this card has no name");
    assert_eq!(desk.inspect(&[])["life_cycle"], "TERMINATED");
    assert!(desk.fails(&["terminate", "--keys", &keys, "--yes-terminate-this-card"]).contains("terminated already"));
    assert!(desk.fails(&["unblock", "--keys", &keys]).contains("secure channel"));
}

#[test]
fn a_backup_has_what_anyone_may_see_and_tells_what_has_changed() {
    let desk = desk();
    let (backup, keys) = (desk.path("backup.json"), desk.path("issuer.keys"));
    desk.does(&["backup", "--out", &backup]);
    let text = std::fs::read_to_string(&backup).unwrap();
    assert!(text.contains(&hex::encode("open")) && !text.contains(&hex::encode("Ada Card")), "{text}");
    assert!(desk.fails(&["backup", "--out", &backup]).contains("cannot write"));
    // Tries come and go.
    desk.fails(&["inspect", "--pin-file", &desk.path("wrong")]);
    assert_eq!(desk.does(&["backup", "--compare", &backup])["differences"], json!([]));

    let change = "[[file]]\npath = \"0001\"\nkind = \"transparent\"\ntext = \"shut\"\naccess = { read = \"always\" }\n";
    desk.write("changes.toml", change);
    desk.does(&["personalise", "--profile", &desk.path("changes.toml"), "--keys", &keys]);
    desk.does(&["block", "--record", "1", "--keys", &keys]);
    let output = desk.cardctl(&["backup", "--compare", &backup]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stdout).unwrap();
    let content = format!("file 0001: content was {}, and is {}", hex::encode("open"), hex::encode("shut"));
    assert!(said.contains(&content) && said.contains("account 1: locked was false, and is true"), "{said}");
    desk.write("none.json", "{}");
    assert!(desk.fails(&["backup", "--compare", &desk.path("none.json")]).contains("no backup"));
}

#[test]
fn what_was_done_with_a_key_set_is_told_before_those_that_there_are() {
    let desk = desk();
    let keys = desk.path("issuer.keys");
    let says = |arguments: &[&str]| String::from_utf8(desk.cardctl(arguments).stdout).unwrap();
    let put = says(&["key-set", "put", "--keys", &keys, "--version", "2", "--new", &keys]);
    assert_eq!(put, "Key set 2 is on the card. Key sets: 1, 2\n");
    assert_eq!(says(&["key-set", "list"]), "Key sets: 1, 2\n");
    let delete = says(&["key-set", "delete", "--keys", &keys, "--version", "2"]);
    assert_eq!(delete, "Key set 2 is deleted. Key sets: 1\n");
}

#[test]
fn the_help_has_what_opens_the_secure_channel_apart() {
    let help = String::from_utf8(desk().cardctl(&["personalise", "--help"]).stdout).unwrap();
    let (usual, channel) = help.split_once("Secure channel (SCP03):").unwrap();
    let all = ["--key-version", "--level", "--mode"];
    assert!(all.iter().all(|option| channel.contains(option)), "{help}");
    assert!(["--keys", "--profile", "--json"].iter().all(|option| usual.contains(option)), "{help}");
}
