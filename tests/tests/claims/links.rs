//! Claim 5: a card is read and written from outside, over every link there is.

use std::io::Write;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use symbolon_tests::claims::show;
use symbolon_tests::pcsc::{Daemon, InsertedCard};
use symbolon_tests::process::build;
use symbolon_tests::transcript::Player;

use crate::record::{Reader, new_card};

/// Creates a file of so many bytes, more than a short command reads or writes, that anyone reads and changes.
const CREATE: &str = "00E00000 12 62 10 8002012C 820101 83020101 8C03030000";
const LENGTH: usize = 300;

#[test]
fn claim_05_external_reads_and_writes() {
    show(5, || {
        over_tcp()?;
        through_pcsc()
    });
}

fn content(seed: usize) -> Vec<u8> {
    (0..LENGTH).map(|at| u8::try_from((at * 7 + seed) % 256).unwrap_or_default()).collect()
}

/// UPDATE BINARY of the whole file in one extended command, and in two short ones that are chained.
fn updates(content: &[u8]) -> [Vec<Vec<u8>>; 2] {
    let (first, rest) = content.split_at(200);
    let extended = [&[0x00, 0xD6, 0, 0, 0, 0x01, 0x2C], content].concat();
    let chained = [[&[0x10, 0xD6, 0, 0, 200], first].concat(), [&[0x00, 0xD6, 0, 0, 100], rest].concat()];
    [vec![extended], chained.into()]
}

const READ_EXTENDED: &[u8] = &[0x00, 0xB0, 0, 0, 0, 0x01, 0x2C];
const READ_SHORT: &[u8] = &[0x00, 0xB0, 0, 0, 0];
const READ_REST: &[u8] = &[0x00, 0xB0, 0x01, 0x00, 0];

/// A process of its own with the card in it: every form of command, and every length of answer.
fn over_tcp() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let card = new_card(folder.path(), "card")?;
    let mut reader = Reader::connect(&card.address)?;
    let mut send = |command: &[u8]| reader.transmit(command);
    let done = [0x90, 0x00];
    ensure!(send(&hex::decode(CREATE.replace(' ', ""))?)? == done, "no file");
    for (form, written) in [content(1), content(2)].iter().enumerate() {
        for command in &updates(written)[form] {
            ensure!(send(command)? == done, "{} bytes are not taken", command.len());
        }
        ensure!(send(READ_EXTENDED)? == [&written[..], &done].concat(), "an extended answer");
        ensure!(send(READ_SHORT)? == [&written[..256], &done].concat(), "a short answer");
        ensure!(send(READ_REST)? == [&written[256..], &done].concat(), "what is left");
    }
    // Without Le, and with one that is too short, the rest waits.
    let parameters = send(&[0x00, 0xA4, 0x00, 0x04, 0x02, 0x01, 0x01])?;
    ensure!(parameters.len() == 2 && parameters[0] == 0x61, "{parameters:02X?}");
    let told = send(&[0x00, 0xC0, 0x00, 0x00, parameters[1]])?;
    ensure!(told[0] == 0x62 && told.ends_with(&done), "{told:02X?}");
    ensure!(send(&[0x00, 0xC0, 0x00, 0x00, 0x00])? == [0x69, 0x85], "nothing waits any more");
    ensure!(send(&[0x00, 0xD6, 0, 0, 5, 1])? == [0x67, 0x00], "a command that is cut off");
    Ok(())
}

/// Asks PC/SC for whatever protocol the card speaks; T=1 is 2.
const PROTOCOL: &str = "
import sys
from smartcard.scard import *
_, context = SCardEstablishContext(SCARD_SCOPE_SYSTEM)
_, card, protocol = SCardConnect(context, sys.argv[1], SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1)
print(protocol)
SCardDisconnect(card, SCARD_LEAVE_CARD)
";

/// A real PC/SC service between the card and the card tools' prompt.
fn through_pcsc() -> Result<()> {
    let (daemon, folder) = (Daemon::start()?, tempfile::tempdir()?);
    let slot = daemon.slot(0)?;
    let _card = InsertedCard::create(&daemon, &folder.path().join("card"), &slot)?;
    let [written, again] = [content(3), content(4)];
    let [[extended, _], [_, chained]] = [updates(&written), updates(&again)];
    let mut script: Vec<Vec<u8>> = vec![hex::decode(CREATE.replace(' ', ""))?];
    script.extend(extended);
    script.extend([READ_EXTENDED.to_vec(), READ_SHORT.to_vec(), READ_REST.to_vec()]);
    script.extend(chained);
    script.extend([READ_EXTENDED.to_vec(), vec![0x00, 0xA4, 0x00, 0x04, 0x02, 0x01, 0x01]]);

    let answers = shell(&daemon, &slot.name, &script)?;
    let [created, updated, whole, short, rest, first, last, replaced, selected] = answers.as_slice() else {
        anyhow::bail!("{} answers", answers.len());
    };
    for done in [created, updated, first, last] {
        ensure!(done.is_empty(), "{done}");
    }
    let expected = [(whole, &written[..]), (short, &written[..256]), (rest, &written[256..]), (replaced, &again[..])];
    for (told, expected) in expected {
        ensure!(*told == hex::encode(expected), "{told} is not {} bytes", expected.len());
    }
    ensure!(selected.starts_with("62") && selected.len() > 20, "GET RESPONSE: {selected}");
    let protocol = daemon.run("/usr/bin/python3", &["-c", PROTOCOL, &slot.name])?;
    ensure!(protocol.trim() == "2", "PC/SC speaks protocol {protocol}");
    Ok(())
}

/// The data of the answers to these commands, of which all must be executed.
fn shell(daemon: &Daemon, reader: &str, commands: &[Vec<u8>]) -> Result<Vec<String>> {
    let lines: Vec<String> = commands.iter().map(|command| hex::encode(command) + "\n").collect();
    let place = format!("pcsc:{reader}");
    let mut command = daemon.command(build("cardctl")?);
    command.args(["shell", "--json", "--fail", "--card", &place]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("no standard input")?.write_all(lines.concat().as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout)?;
    let told = told.lines().map(|line| {
        let answer: Value = serde_json::from_str(line)?;
        Ok(answer["data"].as_str().with_context(|| line.to_owned())?.to_owned())
    });
    told.collect()
}
