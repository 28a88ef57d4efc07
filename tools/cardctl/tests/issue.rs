//! The program, with a real card that is served over TCP.
#![expect(clippy::unwrap_used, reason = "a panic is a test's verdict")]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const ROOT_KEY: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
    4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
const SECRET: &str = "101112131415161718191a1b1c1d1e1f";

/// The provider of this root key.
const PROVIDER: &str = "d2dcb73a8ffad684b69ac0f209e88900";

/// An issuer's desk: an empty card in a reader, and a folder with a profile.
struct Desk {
    folder: TempDir,
    card: String,
    _runtime: Runtime,
}

impl Desk {
    fn new() -> Self {
        Self::with(&[])
    }

    /// A desk whose card has executed these commands.
    fn with(commands: &[&str]) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut card = SoftwareCard::format(RamFlash::<4>::new(32), Noise::Os).unwrap();
        card.power_on().unwrap();
        for command in commands {
            assert_eq!(card.transmit(&hex::decode(command).unwrap()).unwrap(), [0x90, 0x00], "{command}");
        }
        card.power_off();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(sim_reader::tcp::serve(listener, card, std::future::pending()));
        let desk = Self { folder: tempfile::tempdir().unwrap(), card: format!("tcp://{address}"), _runtime: runtime };
        desk.write("pin", "4711\n");
        desk.write("enrolment.json", &enrolment(ROOT_KEY));
        desk.write("profile.toml", &profile("file = \"pin\""));
        desk
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn cardctl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardctl"));
        command.args(arguments).args(["--card", &self.card]).env("A_PIN", "123456").output().unwrap()
    }

    fn issue(&self) -> Output {
        self.cardctl(&["issue", "--json", "--profile", &self.path("profile.toml")])
    }

    /// Issuing fails, and says all of this.
    fn refuses(&self, words: &[&str]) {
        let output = self.issue();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "it was issued");
        assert!(words.iter().all(|word| errors.contains(word)), "{words:?} in {errors}");
        assert!(!errors.contains("4711") && !errors.contains(SECRET), "a secret in {errors}");
    }

    fn inspect(&self, more: &[&str]) -> Value {
        json(&self.cardctl(&[["inspect", "--json"].as_slice(), more].concat()))
    }
}

fn enrolment(root_key: &str) -> String {
    format!(
        "{{\"provider\": \"{PROVIDER}\", \"root_verification_key\": \"{root_key}\", \
        \"account\": \"DE1\", \"account_secret\": \"{SECRET}\", \"instrument\": \"debit\", \"currency\": \"EUR\"}}"
    )
}

fn profile(pin: &str) -> String {
    format!(
        "[holder]\nname = \"Ada Card\"\n[[pin]]\nnumber = 1\ntries = 5\n{pin}\n\
        [[provider]]\nenrolment = \"enrolment.json\"\nname = \"First Bank\"\n\
        [provider.limits]\nmost = \"500\"\nwithout_pin = \"25.00\"\ntimes_without_pin = 2\npin = 1\n"
    )
}

fn json(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What was found of the file with this path.
fn file<'f>(found: &'f Value, path: &str) -> &'f Value {
    found["files"].as_array().unwrap().iter().find(|file| file["path"] == path).unwrap()
}

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
    desk.refuses(&["issued already", "take an empty one"]);
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
