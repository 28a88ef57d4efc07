//! A card that was issued, changed through its issuer's secure channel.

use serde_json::{Value, json};

use crate::desk::{Desk, KEY, OTHER_KEY, enrolment, file, json, profile};

/// What is there is replaced, what is not comes.
const CHANGES: &str = r#"
[card]
card_number = "DEADBEEF"
[[pin]]
number = 1
tries = 7
env = "A_PIN"
[[pin]]
number = 5
file = "pin"
unblock = "pin 1"
[[provider]]
enrolment = "second.json"
name = "Second Bank"
condition = "pin 1 or pin 5"
[[key]]
label = "Second"
number = 0x22
condition = "pin 5"
[[file]]
path = "A100/0001"
kind = "transparent"
text = "This is longer than what was there."
access = { read = "always", update = "never" }
[[file]]
path = "B100"
kind = "directory"
name = "B000000001"
[[file]]
path = "B100/0001"
kind = "cyclic"
record = [{ text = "new" }, { text = "old" }]
access = { read = "2 of (pin 1, pin 5, secure channel 1)" }
"#;

/// What the card is issued with beside the usual.
const FIRST: &str = r#"
[[key]]
label = "First"
[[file]]
path = "A100"
kind = "directory"
[[file]]
path = "A100/0001"
kind = "transparent"
text = "There."
access = { read = "always" }
"#;

fn changed(desk: &Desk, more: &[&str]) -> Value {
    desk.write("second.json", &enrolment(crate::desk::ROOT_KEY).replace("DE1", "DE2"));
    desk.write("changes.toml", CHANGES);
    let (profile, keys) = (desk.path("changes.toml"), desk.path("issuer.keys"));
    desk.does(&[&["personalise", "--profile", &profile, "--keys", &keys], more].concat())
}

#[test]
fn at_every_level_that_encrypts_and_in_both_modes_a_card_is_changed() {
    let desk = Desk::issued(FIRST);
    let first = desk.inspect(&[])["keys"][0]["public_key"].clone();
    for (level, mode) in [("03", "s8"), ("03", "s16"), ("13", "s8"), ("13", "s16"), ("33", "s8"), ("33", "s16")] {
        let told = changed(&desk, &["--level", level, "--mode", mode]);
        // Whenever it is brought again it is another account, in the next record.
        assert_eq!((&told["pins"], &told["files"]), (&json!(2), &json!(3)), "level {level}, {mode}");
    }
    let told = changed(&desk, &[]);
    let found = desk.inspect(&[]);
    assert_eq!(found["card_number"], "deadbeef");
    assert_eq!(found["pins"], json!([{ "number": 1, "tries_left": 7 }, { "number": 5, "tries_left": 3 }]));
    assert_eq!(file(&found, "A100/0001")["content"], hex::encode("This is longer than what was there."));
    assert_eq!(file(&found, "A100/0001")["state"], "activated");
    assert_eq!(file(&found, "B100")["aid"], "b000000001");
    assert_eq!(file(&found, "B100/0001")["records"], Value::Null, "without its PINs");
    let records = found["providers"].as_array().unwrap();
    let last = records.last().unwrap();
    assert_eq!((records.len(), &last["record"]), (8, &told["keys"][0]["record"]));
    assert_eq!((&last["name"], &last["condition"]), (&json!("Second Bank"), &json!("pin 1 or pin 5")));
    assert_eq!(found["keys"][0]["public_key"], first, "the first key was touched");
    assert_eq!(found["keys"][1]["public_key"], told["signing_keys"][0]["public_key"]);

    // The list of keys has both, each once, and EF.DIR the new application.
    let listed = file(&found, "5015/4401")["content"].as_str().unwrap();
    assert_eq!((listed.matches(&hex::encode("First")).count(), listed.matches(&hex::encode("Second")).count()), (1, 1));
    assert_eq!(file(&found, "5015/4522")["content"], file(&found, "5016/4522")["content"]);
    let directory = file(&found, "2F00")["records"].as_array().unwrap().clone();
    assert_eq!((directory.len(), &directory[3]), (4, &json!("61074f05b000000001")));

    let pins = [desk.path("new.pin"), format!("5={}", desk.path("pin"))];
    desk.write("new.pin", "123456\n");
    let opened = desk.inspect(&["--pin-file", &pins[0], "--pin", &pins[1]]);
    assert_eq!(file(&opened, "B100/0001")["records"], json!([hex::encode("new"), hex::encode("old")]));
    assert!(file(&opened, "5F00")["content"].as_str().unwrap().starts_with("5f2008"), "the holder's file is there");
}

#[test]
fn a_first_signing_key_brings_a_list_of_keys() {
    let desk = Desk::issued("");
    desk.write("changes.toml", "[[key]]\nlabel = \"Late\"\nnumber = 0x21\n");
    let (profile, keys) = (desk.path("changes.toml"), desk.path("issuer.keys"));
    for _ in 0..2 {
        desk.does(&["personalise", "--profile", &profile, "--keys", &keys]);
        let found = desk.inspect(&[]);
        assert_eq!(file(&found, "2F00")["records"].as_array().unwrap().len(), 3);
        let listed = file(&found, "5016/4401")["content"].as_str().unwrap();
        assert_eq!(listed.matches(&hex::encode("Late")).count(), 1);
    }
}

#[test]
fn without_encryption_secrets_do_not_travel_and_files_do() {
    let desk = Desk::issued("");
    let (profile, keys) = (desk.path("changes.toml"), desk.path("issuer.keys"));
    for level in ["01", "11"] {
        desk.write("changes.toml", "[[pin]]\nnumber = 6\nfile = \"pin\"\n");
        let arguments = ["personalise", "--profile", &profile, "--keys", &keys, "--level", level];
        assert!(desk.fails(&arguments).contains("does not encrypt"));
        let text = format!("[[file]]\npath = \"0001\"\nkind = \"transparent\"\ntext = \"level {level}\"\n");
        desk.write("changes.toml", &(text + "access = { read = \"always\" }\n"));
        desk.does(&arguments);
        let found = desk.inspect(&[]);
        assert_eq!(file(&found, "0001")["content"], hex::encode(format!("level {level}")));
        assert_eq!(found["pins"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn who_has_other_keys_is_told_so_and_costs_the_card_nothing() {
    let desk = Desk::issued(FIRST);
    desk.write("changes.toml", "[[pin]]\nnumber = 6\nfile = \"pin\"\n");
    let (profile, others) = (desk.path("changes.toml"), desk.path("other.keys"));
    let personalise = ["personalise", "--profile", &profile, "--keys", &others];
    // More often than wrong tries block a key set.
    for _ in 0..260 {
        assert!(desk.fails(&personalise).contains("other keys"));
    }
    assert!(desk.fails(&[&personalise[..], &["--key-version", "9"]].concat()).contains("no such key set"));
    assert!(desk.fails(&[&personalise[..], &["--level", "12"]].concat()).contains("01, 03, 11, 13 or 33"));
    desk.write("broken.keys", &format!("{KEY}\n{}", &OTHER_KEY[1..]));
    let broken = desk.path("broken.keys");
    assert!(desk.fails(&["personalise", "--profile", &profile, "--keys", &broken]).contains("line 2"));
    changed(&desk, &[]);
}

#[test]
fn key_sets_are_rotated_and_the_old_keys_open_nothing_any_more() {
    let desk = Desk::issued("");
    let [issuer, other] = ["issuer.keys", "other.keys"].map(|name| desk.path(name));
    let put = ["key-set", "put", "--version", "2", "--new", &other, "--keys", &issuer];
    assert_eq!(desk.does(&put)["key_sets"], json!([1, 2]));
    assert!(desk.fails(&put).contains("--replace 2"));
    assert_eq!(desk.does(&[&put[..], &["--replace", "2", "--level", "01"]].concat())["key_sets"], json!([1, 2]));
    let delete = ["key-set", "delete", "--keys", &other, "--key-version", "2", "--version"];
    assert_eq!(desk.does(&[&delete[..], &["1"]].concat())["key_sets"], json!([2]));
    assert!(desk.fails(&put).contains("other keys"));
    assert!(desk.fails(&[&delete[..], &["2"]].concat()).contains("the last one"));
    assert_eq!(desk.does(&["key-set", "list"])["key_sets"], json!([2]));
}

#[test]
fn changes_are_understood_whole_before_the_card_is_touched_and_taken_again_after_a_failure() {
    let desk = Desk::issued("");
    let (path, keys) = (desk.path("changes.toml"), desk.path("issuer.keys"));
    let personalise = ["personalise", "--profile", &path, "--keys", &keys];
    for (text, word) in [
        ("[holder]\nname = \"Eve\"\n", "does not change"),
        ("[card]\nstate = \"SECURED\"\n", "block, unblock, terminate"),
        ("[[key]]\nlabel = \"Key\"\n", "line 1: key Key: say its number"),
        ("\n[[file]]\npath = \"1\"\nkind = \"transparent\"\n", "line 2: file 1: a path is identifiers"),
        ("[[file]]\npath = \"0001\"\nkind = \"transparent\"\nsize = 1\ntext = \"22\"\n", "size 1 is less than the 2"),
        (
            "[[file]]\npath = \"0001\"\nkind = \"transparnt\"\ntext = \"in it\"\n",
            "line 3: kind \"transparnt\" is none of \"transparent\"",
        ),
        (
            "[[file]]\npath = \"0001\"\nkind = \"cyclic\"\nrecord = [{ hex = \"00\" }, { hex = \"0000\" }]\n",
            "all 2 bytes",
        ),
        ("[[key]]\nlabel = \"K\"\nnumber = 0x21\npurpose = \"encipher\"\n", "cannot be that of a pair"),
        ("[[pin]]\nnumber = 2\nfile = \"pin\"\ncolumn = \"pin\"\n", "only `cardctl batch --csv` has columns"),
    ] {
        desk.write("changes.toml", text);
        let error = desk.fails(&personalise);
        assert!(error.contains(word), "{word} in {error}");
    }
    let access = "access = { read = \"always\" }\n";
    let directory = "[[file]]\npath = \"A100\"\nkind = \"directory\"\n";
    let inside = format!("[[file]]\npath = \"A100/0001\"\nkind = \"transparent\"\ntext = \"in it\"\n{access}");
    desk.write("changes.toml", &(directory.to_owned() + &inside));
    desk.does(&personalise);
    for (text, word) in [
        (
            format!("[[file]]\npath = \"A100\"\nkind = \"transparent\"\ntext = \"no\"\n{access}"),
            "a directory with this",
        ),
        ("[[file]]\npath = \"2F01\"\nkind = \"directory\"\n".to_owned(), "with this identifier"),
        ("[[file]]\npath = \"C100/0001\"\nkind = \"directory\"\n".to_owned(), "there is no C100 on the card"),
    ] {
        desk.write("changes.toml", &text);
        let error = desk.fails(&personalise);
        assert!(error.contains(word), "{word} in {error}");
    }
    assert_eq!(file(&desk.inspect(&[]), "A100/0001")["content"], hex::encode("in it"));
    // More than the card has room for, in a second file: the first one is there, and all of it is taken again.
    let file_of = |id: &str, size: u32| {
        format!("[[file]]\npath = \"{id}\"\nkind = \"transparent\"\nsize = {size}\naccess = {{ read = \"always\" }}\n")
    };
    let too_much: String = (1..=9).map(|id| file_of(&format!("000{id}"), 32767)).collect();
    desk.write("changes.toml", &too_much);
    let error = desk.fails(&personalise);
    assert!(error.contains("takes all of them again") && error.contains("no space"), "{error}");
    desk.write("changes.toml", &(file_of("0001", 10) + &file_of("0002", 10)));
    desk.does(&personalise);
    assert_eq!(file(&desk.inspect(&[]), "0002")["size"], 10);
}

#[test]
fn files_of_every_kind_with_every_condition_are_issued_as_the_profile_says() {
    let desk = Desk::new();
    let more = r#"
[[pin]]
number = 2
file = "pin"
tries = 15
[[key]]
label = "Gate"
number = 0x2A
purpose = "authenticate"
env = "A_KEY"
[[file]]
path = "A100"
kind = "directory"
name = "A000000001"
access = { create_file = "pin 2", delete_file = "pin 2 and key 2A" }
[[file]]
path = "A100/A200"
kind = "directory"
[[file]]
path = "A100/A200/0001"
kind = "records"
short_id = 3
count = 5
size = 20
record = [{ text = "one" }, { hex = "00 01" }]
access = { read = "always", append = "pin 2", update = "never", delete = "user present" }
[[file]]
path = "0002"
kind = "data objects"
size = 40
object = [{ tag = "5F20", text = "Ada" }, { tag = "DF8101", hex = "AABB" }]
access = { read = "always" }
[[file]]
path = "0003"
kind = "fixed records"
record = [{ hex = "0102" }]
access = { read = "pin 1", conditions = "(pin 1 and pin 2) or secure channel 4 level 33" }
"#;
    desk.write("profile.toml", &(profile("file = \"pin\"") + more));
    json(&desk.issue());
    let found = desk.inspect(&[]);
    assert_eq!(file(&found, "A100")["access"]["delete_file"], "pin 2 and key 2A");
    let records = file(&found, "A100/A200/0001");
    assert_eq!((&records["kind"], &records["size"], &records["count"]), (&json!("records"), &json!(20), &json!(5)));
    assert_eq!((&records["short_id"], &records["records"]), (&json!(3), &json!([hex::encode("one"), "0001"])));
    assert_eq!(records["access"]["delete"], "user present");
    assert_eq!(file(&found, "0002")["objects"], json!(["5f2003416461", "df810102aabb"]));
    let fixed = file(&found, "0003");
    assert_eq!(fixed["access"]["conditions"], "(pin 1 and pin 2) or secure channel 4 level 33");
    assert_eq!((&fixed["records"], &fixed["access"]["read"]), (&Value::Null, &json!("pin 1")));
    assert_eq!(found["keys"][0]["purposes"], json!(["authenticating a host"]));
    let text = String::from_utf8(desk.cardctl(&["inspect"]).stdout).unwrap();
    assert!(text.contains("delete: user present") && text.contains("SECURED"), "{text}");
    desk.refuses(&["issued already: take an empty one\n"]);
}
