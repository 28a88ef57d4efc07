//! Issuing: what a profile says is on the card, and a profile that cannot be is refused before anything is.

use serde_json::Value;

use crate::desk::{Desk, ROOT_KEY, SECRET, enrolment, file, json, profile};

#[test]
fn an_issued_card_has_what_the_profile_says_and_takes_nothing_more() {
    let desk = Desk::new();
    assert_eq!(desk.inspect(&[])["life_cycle"], "OP_READY");
    let issued = json(&desk.issue());
    let key = issued["keys"][0]["verification_key"].as_str().unwrap();
    assert_eq!((key.len(), &key[..2]), (130, "04"));
    assert_eq!((&issued["keys"][0]["account"], &issued["keys"][0]["record"]), (&"DE1".into(), &1.into()));

    let found = desk.inspect(&[]);
    assert_eq!(found["life_cycle"], "SECURED");
    assert_eq!(found["pins"], serde_json::json!([{ "number": 1, "tries_left": 5 }]));
    let provider = &found["providers"][0];
    assert_eq!((&provider["name"], &provider["condition"]), (&"First Bank".into(), &"pin 1".into()));
    assert_eq!((&provider["instrument"], &found["journal"]), (&"debit".into(), &serde_json::json!([])));
    let holder = file(&found, "5F00");
    assert_eq!(holder["content"], Value::Null, "the holder's file is open to anyone");
    let access = ["read", "update", "conditions", "delete"].map(|operation| &holder["access"][operation]);
    assert_eq!(access, ["pin 1", "pin 1", "pin 1", "never"], "{holder}");
    assert_eq!(
        file(&found, "2F00")["records"],
        serde_json::json!(["61164f0af053594d424f4c4f4e01500853796d626f6c6f6e"])
    );
    assert_eq!(file(&found, "2F01")["content"], "4703f641d37f660802020e0902020e02");
    assert!(!found.to_string().contains(SECRET) && !found.to_string().contains("DE1"), "{found}");

    let pin = desk.path("pin");
    let content = file(&desk.inspect(&["--pin-file", &pin]), "5F00")["content"].as_str().unwrap().to_owned();
    assert!(content.starts_with(&format!("5f2008{}", hex::encode("Ada Card"))), "{content}");
    desk.refuses(&["issued already: take an empty one\n"]);
    Desk::issued("").refuses(&["issued already: take an empty one, or change this one with `cardctl personalise`"]);
}

#[test]
fn a_profile_is_understood_whole_before_the_card_is_touched() {
    let desk = Desk::new();
    let mistakes = [
        ("file = \"nowhere\"", "PIN 1: cannot read"),
        ("env = \"NO_SUCH_PIN\"", "NO_SUCH_PIN"),
        ("file = \"pin\"\nenv = \"A_PIN\"", "either `file` or `env`"),
        ("file = \"pin\"\nvalue = \"4711\"", "unknown field"),
        ("file = \"pin\"\n[[pin]]\nnumber = 15\nfile = \"pin\"", "PIN 15: there is no PIN of this number"),
    ];
    for (pin, word) in mistakes {
        desk.write("profile.toml", &profile(pin));
        desk.refuses(&["profile.toml", word]);
    }
    desk.write("profile.toml", &profile("file = \"pin\"").replace("\"500\"", "\"5,00\""));
    desk.refuses(&["provider First Bank: limits: \"5,00\" is no amount of EUR"]);
    desk.write("profile.toml", &profile("file = \"pin\""));
    desk.write("enrolment.json", &enrolment("04ff"));
    desk.refuses(&["enrolment.json", "root_verification_key: not 65 bytes"]);
    desk.write("enrolment.json", &enrolment(&ROOT_KEY.replace("f5", "f4")));
    desk.refuses(&["root_verification_key is another provider's"]);
    let found = desk.inspect(&[]);
    assert_eq!((&found["life_cycle"], &found["pins"]), (&"OP_READY".into(), &serde_json::json!([])));
}

#[test]
fn what_failed_halfway_is_issued_again() {
    // A holder's file, a PIN, and no more.
    let holder = "00E000001562138002004082010183025F008801088C03031111";
    let pin = "80E2900010A10E8001018101038206313233343536";
    let desk = Desk::with(&[holder, pin]);
    assert_eq!(desk.inspect(&[])["pins"][0]["tries_left"], 3);
    json(&desk.issue());
    let found = desk.inspect(&["--pin-file", &desk.path("pin")]);
    assert_eq!((&found["life_cycle"], &found["pins"][0]["tries_left"]), (&"SECURED".into(), &5.into()));
    assert_eq!(file(&found, "5F00")["size"], 160);
}

#[test]
fn the_card_makes_the_keys_of_its_profile_and_lists_them() {
    let desk = Desk::new();
    let keys = "[[key]]\nlabel = \"Signature\"\n[[key]]\nlabel = \"Door\"\ncondition = \"always\"\n";
    desk.write("profile.toml", &(profile("file = \"pin\"") + keys));
    let issued = json(&desk.issue());
    let keys: Vec<_> = [0, 1].map(|key| &issued["signing_keys"][key]).into();
    assert_eq!((&keys[0]["reference"], &keys[0]["label"]), (&0x21.into(), &"Signature".into()));
    assert_eq!((&keys[1]["reference"], &keys[1]["label"]), (&0x22.into(), &"Door".into()));
    assert!(keys.iter().all(|key| key["public_key"].as_str().unwrap().len() == 130), "{issued}");
    assert_ne!(keys[0]["public_key"], keys[1]["public_key"]);
    assert_eq!(issued["keys"][0]["account"], "DE1");
}

#[test]
fn a_list_of_keys_that_was_left_half_written_is_written_again() {
    // EF.DIR, a directory for the list, and a first file in it.
    let commands = [
        "00E000001562138205040100200883022F008801F08C03050000",
        "00E000001A6218820138830250158C0100840CA000000063504B43532D3135",
        "00E0000012621080020040820101830250318C03030000",
    ];
    let desk = Desk::with(&commands);
    desk.write("profile.toml", &(profile("file = \"pin\"") + "[[key]]\nlabel = \"Signature\"\n"));
    let issued = json(&desk.issue());
    assert_eq!(issued["signing_keys"][0]["reference"], 0x21);
    desk.refuses(&["issued already"]);
}

#[test]
fn a_key_needs_a_label_and_a_condition_that_exists() {
    let desk = Desk::new();
    let mistakes = [
        ("label = \"\"", "a label takes 1 to 255 bytes"),
        (
            "label = \"Signature\"\ncondition = \"pin 15\"",
            "line 15: key Signature: condition \"pin 15\": PINs are numbered",
        ),
        ("label = \"Signature\"\ncondition = \"pin 5\"", "Signature takes PIN 5, and there is none in the profile"),
        ("name = \"Signature\"", "unknown field"),
    ];
    for (key, word) in mistakes {
        desk.write("profile.toml", &format!("{}[[key]]\n{key}\n", profile("file = \"pin\"")));
        desk.refuses(&["profile.toml", word]);
    }
    desk.write("profile.toml", "[holder]\nname = \"Ada Card\"\n");
    desk.refuses(&["the holder's file takes PIN 1, and there is none in the profile"]);
    desk.write("profile.toml", &(profile("file = \"pin\"") + &"[[key]]\nlabel = \"Key\"\n".repeat(31)));
    desk.refuses(&["31 keys are more than there are references for"]);
}
