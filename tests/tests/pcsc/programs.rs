//! Programs that people use with cards: OpenSC's opensc-tool and opensc-explorer, scriptor and pcsc_scan of the
//! pcsc-tools, pyscard's monitor.

use anyhow::Result;
use sim_reader::atr::ATR;
use sim_reader::control::Order;
use symbolon_tests::pcsc::{Daemon, InsertedCard};
use symbolon_tests::process::Piped;

use crate::reader::beside;
use crate::{CREATE, READ, Scene, content, update};

/// A scene whose client has gone: it would keep the card for itself.
fn scene_without_client() -> Result<(Daemon, InsertedCard, tempfile::TempDir)> {
    let Scene { folder, card, client, daemon } = Scene::new()?;
    drop(client);
    Ok((daemon, card.unwrap(), folder))
}

#[test]
fn opensc_finds_the_card_and_its_atr() -> Result<()> {
    let (daemon, card, _folder) = scene_without_client()?;
    let readers = daemon.run("opensc-tool", &["--list-readers"])?;
    let cards: Vec<_> = readers.lines().filter(|line| line.contains("Yes")).collect();
    assert!(matches!(cards.as_slice(), [one] if one.ends_with(&daemon.slot(0).unwrap().name)), "{readers}");
    let atr = daemon.run("opensc-tool", &["--reader", "0", "--atr"])?;
    assert_eq!(atr.trim().replace(':', ""), hex::encode(ATR));
    let answer = daemon.run("opensc-tool", &["--reader", "0", "--send-apdu", "0084000008"])?;
    assert!(answer.contains("SW1=0x90, SW2=0x00"), "{answer}");
    card.take_out()
}

#[test]
fn scriptor_fills_and_reads_a_file_with_extended_commands() -> Result<()> {
    let (daemon, card, folder) = scene_without_client()?;
    let script = folder.path().join("script");
    let commands = [b"\x00\xA4\x00\x0C\x02\x01\x01".as_slice(), &update(&content(6)), READ, CREATE];
    let lines: Vec<_> = commands.iter().map(|command| hex_bytes(command)).collect();
    std::fs::write(&script, format!("reset\n{}\n", lines.join("\n")))?;
    let said = daemon.run("scriptor", &["-p", "T=1", "-r", &daemon.slot(0)?.name, &script.display().to_string()])?;

    // A response begins with `<`, goes on over lines, and ends with an explanation behind a colon.
    let words: Vec<_> = said.split_whitespace().collect();
    let said = words.join(" ");
    let responses: Vec<_> = said.split("< ").skip(1).collect();
    assert!(responses[0].starts_with(&format!("OK: {}", hex_bytes(&ATR))), "{said}");
    let read = format!("{} 90 00 :", hex_bytes(&content(6)));
    for (response, expected) in responses[1..].iter().zip(["90 00 :", "90 00 :", &read, "6A 89 :"]) {
        assert!(response.starts_with(expected), "{said}");
    }
    assert_eq!(responses.len(), 5, "{said}");
    card.take_out()
}

#[test]
fn opensc_explorer_walks_through_the_card_and_leaves_files_in_it() -> Result<()> {
    let (daemon, card, folder) = scene_without_client()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let [script, configuration, out, taken] = ["script", "opensc.conf", "in", "out"].map(path);
    std::fs::write(&configuration, "app default { enable_default_driver = true; }")?;
    std::fs::write(&out, content(7))?;
    // A folder 0200, and in it a file 0201 of the length of the other.
    let commands = format!(
        "apdu 00 E0 00 00 0E 62 0C 82 01 38 83 02 02 00 8C 03 03 00 00
        cd 0200
        apdu 00 E0 00 00 12 62 10 80 02 01 2C 82 01 01 83 02 02 01 8C 03 03 00 00
        info 0201
        put 0201 {out}
        cat 0201
        get 0201 {taken}
        cd ..
        info 0101
        random 8
        quit\n"
    );
    std::fs::write(&script, commands)?;
    let mut explorer = daemon.command("opensc-explorer");
    let output = explorer.args(["--reader", "0", &script]).env("OPENSC_CONF", &configuration).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("Success!").count(), 2, "{said}");
    for words in ["3F00/0200/0201", "3F00/0101", "300 bytes", "Transparent", "Operational, activated"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    let first: Vec<_> = content(7)[..16].iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(said.contains(&format!("00000000: {}", first.join(" "))), "{said}");
    assert_eq!(std::fs::read(&taken)?, content(7));
    card.take_out()
}

#[test]
fn pcsc_scan_sees_the_card_come_and_go() -> Result<()> {
    let (daemon, card, _folder) = scene_without_client()?;
    let mut scan = Piped::start(daemon.command("pcsc_scan").args(["-n", "-t", "30"]))?;
    let mut until = |words: &str| -> Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let line = scan.line()?;
            anyhow::ensure!(!line.is_empty() || lines.len() < 100, "no {words:?} in {lines:?}");
            let found = line.contains(words);
            lines.push(line);
            if found {
                return Ok(lines);
            }
        }
    };
    let atr = format!("ATR: {}", hex_bytes(&ATR));
    assert!(until(&atr)?.iter().any(|line| line.contains("Reader 0: Virtual PCD 00 00")));
    until("Card removed")?; // the other slot
    for _ in 0..2 {
        card.control(Order::Remove)?;
        assert!(until("Card removed")?.iter().any(|line| line.contains("Reader 0: Virtual PCD 00 00")));
        card.control(Order::Insert)?;
        until(&atr)?;
    }
    card.take_out()
}

#[test]
fn pyscards_monitor_hears_of_every_insertion_and_removal() -> Result<()> {
    let (daemon, card, _folder) = scene_without_client()?;
    let mut monitor = Piped::start(daemon.command("/usr/bin/python3").arg(beside("monitor.py")))?;
    let event = |what: &str| format!("{what} Virtual_PCD_00_00 {}", hex::encode(ATR));
    assert_eq!(monitor.line()?, event("inserted"));
    for _ in 0..2 {
        card.control(Order::Remove)?;
        assert_eq!(monitor.line()?, event("removed"));
        card.control(Order::Insert)?;
        assert_eq!(monitor.line()?, event("inserted"));
    }
    monitor.hang_up();
    assert!(monitor.end(std::time::Duration::from_secs(10))?.success());
    card.take_out()
}

fn hex_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
}
