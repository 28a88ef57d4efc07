//! Claim 6: the tools with which cards are issued and managed, as an issuer uses them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use symbolon_tests::claims::show;
use symbolon_tests::process::{Ended, Listener, Running, build};
use tempfile::TempDir;

use crate::record::new_card;

/// How long a program may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

const PROFILE: &str = r#"
[holder]
name = "Ada"
[[pin]]
number = 1
file = "pin.txt"
resetting_code = 2
[[pin]]
number = 2
file = "code.txt"
[[key_set]]
version = 1
file = "issuer.keys"
[[file]]
path = "0001"
kind = "transparent"
text = "before"
access = { read = "always", update = "pin 1" }
"#;

const CHANGES: &str = r#"
[[pin]]
number = 3
file = "code.txt"
[[file]]
path = "0001"
kind = "transparent"
text = "after"
access = { read = "always" }
[[key_set]]
version = 2
file = "next.keys"
"#;

#[test]
fn claim_06_software_to_manage_the_card() {
    show(6, || {
        let desk = Desk::new()?;
        desk.issues_and_inspects()?;
        desk.personalises()?;
        desk.changes_and_unblocks_a_pin()?;
        desk.blocks_and_unblocks()?;
        desk.terminates()?;
        desk.issues_many()
    });
}

/// An issuer's desk: the tool, a card in a process of its own, and files.
struct Desk {
    tool: PathBuf,
    folder: TempDir,
    card: Listener,
}

impl Desk {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let files = [
            ("profile.toml", PROFILE.to_owned()),
            ("changes.toml", CHANGES.to_owned()),
            ("pin.txt", "1111\n".to_owned()),
            ("new.txt", "2222\n".to_owned()),
            ("code.txt", "33333333\n".to_owned()),
            ("issuer.keys", format!("{0}\n{0}\n{0}\n", "404142434445464748494a4b4c4d4e4f")),
            ("next.keys", "505152535455565758595a5b5c5d5e5f\n".to_owned()),
        ];
        for (name, text) in files {
            fs::write(folder.path().join(name), text)?;
        }
        let card = new_card(folder.path(), "card")?;
        Ok(Self { tool: build("cardctl")?, folder, card })
    }

    /// Runs the tool; names of files are those in the folder.
    fn run(&self, words: &str) -> Result<Ended> {
        let place = |word: &str| {
            let path = self.folder.path().join(word);
            if word.contains('.') { path.display().to_string() } else { word.to_owned() }
        };
        let arguments: Vec<String> = words.split(' ').map(place).collect();
        let card = format!("tcp://{}", self.card.address);
        let on_card = if words.starts_with("batch") { vec![] } else { vec!["--card", &card] };
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(on_card).chain(["--json"]).collect();
        Running::start(&self.tool, &arguments)?.end(PATIENCE)
    }

    fn does(&self, words: &str) -> Result<Value> {
        Ok(self.run(words)?.success()?.clone())
    }

    /// It must fail, and say this.
    fn fails(&self, words: &str, said: &str) -> Result<()> {
        let ended = self.run(words)?;
        ensure!(ended.code == Some(1) && ended.errors.contains(said), "{words}: {ended:?}");
        Ok(())
    }

    fn content(&self) -> Result<Value> {
        let found = self.does("inspect")?;
        let file = found["files"].as_array().and_then(|files| files.iter().find(|file| file["path"] == "0001"));
        Ok(file.map_or(Value::Null, |file| file["content"].clone()))
    }

    fn issues_and_inspects(&self) -> Result<()> {
        ensure!(self.does("inspect")?["life_cycle"] == "OP_READY", "the card is not empty");
        self.does("issue --profile profile.toml")?;
        let found = self.does("inspect --pin-file pin.txt")?;
        ensure!(found["life_cycle"] == "SECURED" && found["key_sets"] == json!([1]), "{found}");
        let holder = found["files"].as_array().and_then(|files| files.iter().find(|file| file["path"] == "5F00"));
        ensure!(holder.is_some_and(|file| file["content"].as_str().is_some_and(|it| it.starts_with("5f2003416461"))));
        self.fails("issue --profile profile.toml", "issued already")
    }

    fn personalises(&self) -> Result<()> {
        self.does("backup --out backup.json")?;
        self.fails("personalise --profile changes.toml --keys next.keys", "other keys")?;
        ensure!(self.content()? == hex::encode("before"), "other keys have changed the card");
        self.does("personalise --profile changes.toml --keys issuer.keys")?;
        ensure!(self.content()? == hex::encode("after"), "the file is not replaced");
        let found = self.does("inspect")?;
        ensure!(found["pins"].as_array().is_some_and(|pins| pins.len() == 3), "{found}");
        self.does("key-set delete --version 1 --keys next.keys --key-version 2")?;
        self.fails("personalise --profile changes.toml --keys issuer.keys", "other keys")?;
        let compared = self.run("backup --compare backup.json")?;
        ensure!(compared.code == Some(2), "the backup does not see what changed: {compared:?}");
        Ok(())
    }

    fn changes_and_unblocks_a_pin(&self) -> Result<()> {
        self.does("pin change 1 --old-file pin.txt --new-file new.txt")?;
        for _ in 0..3 {
            self.run("inspect --pin-file pin.txt")?;
        }
        self.fails("inspect --pin-file new.txt", "blocked")?;
        self.does("pin unblock 1 --code-file code.txt --new-file pin.txt")?;
        self.does("inspect --pin-file pin.txt")?;
        Ok(())
    }

    fn blocks_and_unblocks(&self) -> Result<()> {
        self.does("block --keys next.keys")?;
        ensure!(self.does("inspect")?["life_cycle"] == "CARD_LOCKED", "it is not blocked");
        self.fails("pin status", "cardctl unblock")?;
        self.does("unblock --keys next.keys")?;
        ensure!(self.content()? == hex::encode("after"), "what was on it is not there");
        self.does("block --file 0001 --keys next.keys")?;
        ensure!(self.content()? == Value::Null, "a blocked file is read");
        self.does("unblock --file 0001 --keys next.keys")?;
        ensure!(self.content()? == hex::encode("after"), "an unblocked file is not read");
        Ok(())
    }

    fn terminates(&self) -> Result<()> {
        self.fails("terminate --keys next.keys", "--yes-terminate-this-card")?;
        self.does("terminate --keys next.keys --yes-terminate-this-card")?;
        ensure!(self.does("inspect")?["life_cycle"] == "TERMINATED", "it is not terminated");
        self.fails("unblock --keys next.keys", "secure channel")
    }

    /// Each of a batch is a card that can be served.
    fn issues_many(&self) -> Result<()> {
        let out = self.folder.path().join("out").display().to_string();
        let told = self.does(&format!("batch --count 3 --profile profile.toml --out {out}"))?;
        ensure!(told["cards"] == 3, "{told}");
        let image = format!("{out}/card-000003.image");
        let card = Listener::start(&build("sim-reader")?, &["serve", "--image", &image, "--json"])?;
        let other = Self { tool: self.tool.clone(), folder: tempfile::tempdir()?, card };
        ensure!(other.does("inspect")?["life_cycle"] == "SECURED", "a card of the batch is not issued");
        Ok(())
    }
}
