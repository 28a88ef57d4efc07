//! The card tools' prompt in a real terminal, as somebody types at it.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};
use symbolon_tests::process::build;
use symbolon_tests::terminal::Terminal;
use tempfile::TempDir;

const PROFILE: &str = r#"
[holder]
name = "Ada Card"
[card]
card_number = "00C0FFEE"
[[pin]]
number = 1
file = "pin"
[[key_set]]
version = 1
file = "issuer.keys"
[[file]]
path = "A100"
kind = "directory"
"#;

/// A card in an image, and the tool.
struct Desk {
    folder: TempDir,
    tool: String,
}

impl Desk {
    fn new() -> Result<Self> {
        let desk = Self { folder: tempfile::tempdir()?, tool: build("cardctl")?.display().to_string() };
        let files = [("profile.toml", PROFILE), ("pin", "4711\n"), ("issuer.keys", "404142434445464748494a4b4c4d4e4f")];
        for (name, text) in files {
            fs::write(desk.folder.path().join(name), text)?;
        }
        let new = Command::new(build("sim-reader")?).args(["new", "--image", &desk.path("card")]).output()?;
        ensure!(new.status.success(), "{}", String::from_utf8_lossy(&new.stderr));
        let issue = ["issue", "--profile", &desk.path("profile.toml"), "--card", &desk.card()];
        let issued = Command::new(&desk.tool).args(issue).output()?;
        ensure!(issued.status.success(), "{}", String::from_utf8_lossy(&issued.stderr));
        Ok(desk)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn card(&self) -> String {
        format!("image:{}", self.path("card"))
    }

    /// Types a command line in a terminal.
    fn types(&self, terminal: &Terminal, words: &str) {
        terminal.text(&format!("clear; {} {words} --card {}; echo it has ended", self.tool, self.card()));
        terminal.keys(&["Enter"]);
    }
}

#[test]
fn lines_are_completed_and_kept_and_no_pin_is_seen_or_kept() -> Result<()> {
    let (desk, terminal) = (Desk::new()?, Terminal::new(120, 30));
    let history = desk.path("history");
    desk.types(&terminal, &format!("shell --history {history}"));
    terminal.wait("3F00>");
    terminal.text("cd A");
    terminal.keys(&["Tab", "Enter"]);
    terminal.wait("A100>");
    terminal.text("sta");
    terminal.keys(&["Tab", "Enter"]);
    terminal.wait("SECURED");
    terminal.text("verify 1");
    terminal.keys(&["Enter"]);
    terminal.wait("PIN 1:");
    terminal.text("4711");
    terminal.keys(&["Enter"]);
    let screen = terminal.wait("9000");
    assert!(!screen.contains("4711"), "{screen}");
    // In the place of a file, and in hexadecimal, once as it should be and once mistyped.
    for mistake in ["verify 1 4711", "00200001 04 34373131", "200001 04 34373131", "4711"] {
        terminal.text(mistake);
        terminal.keys(&["Enter"]);
    }
    terminal.wait("at least 4 bytes");
    terminal.text("quit");
    terminal.keys(&["Enter"]);
    terminal.wait("it has ended");

    let kept = fs::read_to_string(&history)?;
    assert_eq!(kept.lines().skip(1).collect::<Vec<_>>(), ["cd A100", "status ", "verify 1", "quit"].map(str::trim));
    desk.types(&terminal, &format!("shell --history {history}"));
    terminal.wait("3F00>");
    terminal.keys(&["Up", "Up", "Up", "Up", "Enter"]);
    terminal.wait("A100>");
    terminal.keys(&["C-d"]);
    Ok(())
}

#[test]
fn a_card_is_terminated_by_who_types_its_name() -> Result<()> {
    let (desk, terminal) = (Desk::new()?, Terminal::new(120, 30));
    let terminate = format!("terminate --keys {}", desk.path("issuer.keys"));
    for (typed, answer) in [("yes", "nothing was changed"), ("card 00C0FFEE", "card 00C0FFEE is terminated.")] {
        desk.types(&terminal, &terminate);
        terminal.wait("Type its name to go on: card 00C0FFEE");
        terminal.text(typed);
        terminal.keys(&["Enter"]);
        terminal.wait(answer);
    }
    Ok(())
}
