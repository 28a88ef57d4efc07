//! An issuer's desk: the program, with a real card that is served over TCP.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) const ROOT_KEY: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
    4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
pub(crate) const SECRET: &str = "101112131415161718191a1b1c1d1e1f";

/// The issuer's keys, and others.
pub(crate) const KEY: &str = "404142434445464748494a4b4c4d4e4f";
pub(crate) const OTHER_KEY: &str = "505152535455565758595a5b5c5d5e5f";

/// The provider of this root key.
const PROVIDER: &str = "d2dcb73a8ffad684b69ac0f209e88900";

/// An issuer's desk: an empty card in a reader, and a folder with a profile.
pub(crate) struct Desk {
    pub(crate) folder: TempDir,
    pub(crate) card: String,
    _runtime: Runtime,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// A desk whose card has executed these commands.
    pub(crate) fn with(commands: &[&str]) -> Self {
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

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub(crate) fn cardctl(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardctl"));
        command
            .args(arguments)
            .args(["--card", &self.card])
            .env("A_PIN", "123456")
            .env("A_KEY", OTHER_KEY)
            .output()
            .unwrap()
    }

    pub(crate) fn issue(&self) -> Output {
        self.cardctl(&["issue", "--json", "--profile", &self.path("profile.toml")])
    }

    /// Issuing fails, and says all of this.
    pub(crate) fn refuses(&self, words: &[&str]) {
        let output = self.issue();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "it was issued");
        assert!(words.iter().all(|word| errors.contains(word)), "{words:?} in {errors}");
        assert!(!errors.contains("4711") && !errors.contains(SECRET), "a secret in {errors}");
    }

    /// Runs a command that must succeed, and gives what it tells.
    pub(crate) fn does(&self, arguments: &[&str]) -> Value {
        json(&self.cardctl(&[arguments, &["--json"]].concat()))
    }

    /// Runs a command that must fail, and gives why; no secret is in it.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let output = self.cardctl(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?} was done");
        for secret in ["4711", "123456", "99999999", SECRET, KEY, OTHER_KEY] {
            assert!(!errors.contains(secret), "{secret} in {errors}");
        }
        errors
    }

    /// A desk whose card was issued with these lines in its profile beside the usual ones, and key set 1.
    pub(crate) fn issued(more: &str) -> Self {
        let desk = Self::new();
        desk.write("issuer.keys", &format!("{KEY}\n{KEY}\n{KEY}\n"));
        desk.write("other.keys", &format!("{OTHER_KEY} # for all three\n"));
        let key_set = "[[key_set]]\nversion = 1\nfile = \"issuer.keys\"\n";
        desk.write("profile.toml", &(profile("file = \"pin\"") + key_set + more));
        json(&desk.issue());
        desk
    }

    pub(crate) fn inspect(&self, more: &[&str]) -> Value {
        json(&self.cardctl(&[["inspect", "--json"].as_slice(), more].concat()))
    }
}

pub(crate) fn enrolment(root_key: &str) -> String {
    format!(
        "{{\"provider\": \"{PROVIDER}\", \"root_verification_key\": \"{root_key}\", \
        \"account\": \"DE1\", \"account_secret\": \"{SECRET}\", \"instrument\": \"debit\", \"currency\": \"EUR\"}}"
    )
}

pub(crate) fn profile(pin: &str) -> String {
    format!(
        "[holder]\nname = \"Ada Card\"\n[[pin]]\nnumber = 1\ntries = 5\n{pin}\n\
        [[provider]]\nenrolment = \"enrolment.json\"\nname = \"First Bank\"\n\
        [provider.limits]\nmost = \"500\"\nwithout_pin = \"25.00\"\ntimes_without_pin = 2\npin = 1\n"
    )
}

pub(crate) fn json(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What was found of the file with this path.
pub(crate) fn file<'f>(found: &'f Value, path: &str) -> &'f Value {
    found["files"].as_array().unwrap().iter().find(|file| file["path"] == path).unwrap()
}
