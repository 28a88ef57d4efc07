//! Programs that people use with cards: OpenSC's opensc-tool, and scriptor of the pcsc-tools.

use anyhow::Result;
use sim_reader::atr::ATR;
use symbolon_tests::pcsc::{Daemon, InsertedCard};

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

fn hex_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
}
