//! Claims 1, 3, 4 and 10 to 12: the card, what is on it, and the system that it is part of.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result, anyhow, ensure};
use apdu_spec::link::{Kind as Frame, VERSION};
use protocol::message::Kind;
use serde_json::Value;
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use symbolon_tests::claims::show;
use symbolon_tests::process::{Running, build};
use symbolon_tests::transcript::{Player, manual, play};
use tempfile::TempDir;

use crate::record::{AMOUNT, Field, Reader, Shape, new_card, scene, text};

#[test]
fn claim_01_card_terminal_and_provider() {
    show(1, || {
        plays("cryptography")?;
        terminals_wait_for_a_card()?;
        // Ada's terminal and card say something to the provider that it opens, and it answers what they open.
        let record = scene(Shape::Pair, "plain")?;
        let (transaction, ada) = (record.transaction()?, record.number("ada")?);
        let said = text("ada", "for the provider", "key_exchange");
        ensure!(*transaction.asked.members[ada].sensitive == said.as_bytes(), "the provider opens something else");
        for (kind, field) in [Kind::TransactionRequest, Kind::TransactionResponse].map(|kind| (kind, Field::Private)) {
            ensure!(transaction.open(ada, ada, kind, field)?.is_some(), "{kind:?} does not open");
            ensure!(transaction.open(1 - ada, ada, kind, field)?.is_none(), "{kind:?} opens for another");
        }
        ensure!(record.result("ada")?["amount"] == AMOUNT, "the terminal shows another amount");
        Ok(())
    });
}

/// Without a card in its reader a terminal does nothing; with one it begins.
fn terminals_wait_for_a_card() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let card = new_card(folder.path(), "card")?;
    let pin = folder.path().join("pin");
    fs::write(&pin, "1111")?;
    let (reader, pin) = (format!("tcp://{}", card.address), pin.display().to_string());
    let terminal = build("host-terminal")?;
    let status = ["status", "--card", &reader, "--pin-file", &pin, "--provider", "127.0.0.1:1"];
    let complaint = || -> Result<String> { Ok(Running::start(&terminal, &status)?.end(PATIENCE)?.errors) };

    let mut hand = Reader::connect(&card.address)?;
    ensure!(hand.atr.starts_with(&[0x3B]), "no answer to reset");
    hand.exchange(Frame::Remove, &[])?;
    ensure!(hand.exchange(Frame::PowerOn, &[VERSION]).is_err(), "no card answers");
    drop(hand);
    let without = complaint()?;
    ensure!(without.contains("no card"), "without a card: {without}");
    Reader::insert(&card.address)?;
    let with = complaint()?;
    ensure!(!with.contains("no card") && !with.is_empty(), "with a card: {with}");
    Ok(())
}

/// How long a program may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

#[test]
fn claim_03_the_card_is_software() {
    show(3, || {
        let folder = tempfile::tempdir()?;
        let process = new_card(folder.path(), "card")?;
        let in_a_process = play(&manual(), &mut Reader::connect(&process.address)?)?;
        let mut card = SoftwareCard::format(RamFlash::new(40), Noise::seeded(1))?;
        card.power_on()?;
        let in_this_one = play(&manual(), &mut card)?;
        ensure!(in_a_process == in_this_one && in_a_process > 100, "{in_a_process} and {in_this_one} steps");
        Ok(())
    });
}

#[test]
fn claim_04_the_card_s_operating_system() {
    show(4, || plays("operating_system"));
}

#[test]
fn claim_10_provider_records() {
    show(10, || {
        plays("records")?;
        let issued = issued()?;
        let keys = issued.keys.as_array().context("no keys")?;
        let of = |name: &str| keys.iter().filter_map(|key| key[name].as_str()).collect::<BTreeSet<_>>();
        ensure!(keys.len() == INSTRUMENTS.len(), "{} keys", keys.len());
        ensure!(
            of("verification_key").len() == keys.len() && of("account").len() == keys.len(),
            "two records share one"
        );
        let told = issued.told()?;
        for ((number, record), (provider, _)) in (1..).zip(told).zip(INSTRUMENTS) {
            ensure!(record["record"] == number && record["name"] == provider, "{record}");
        }
        let providers: BTreeSet<&str> = told.iter().filter_map(|record| record["provider"].as_str()).collect();
        ensure!(providers.len() == 2, "records of {providers:?}");
        Ok(())
    });
}

#[test]
fn claim_11_instrument_types() {
    show(11, || {
        for (record, (_, instrument)) in issued()?.told()?.iter().zip(INSTRUMENTS) {
            ensure!(record["instrument"] == instrument, "{record} is not {instrument}");
        }
        Ok(())
    });
}

#[test]
fn claim_12_access_conditions() {
    show(12, || {
        let answers: Vec<&str> = issued()?.answers.iter().map(String::as_str).collect();
        let expected: Vec<&str> = CONDITIONS.iter().map(|(_, expected)| *expected).collect();
        ensure!(answers == expected, "{answers:?}");
        Ok(())
    });
}

/// The records of the issued card: each one's provider and instrument. Record 2 asks for PIN 2, record 3 for nothing,
/// all others for PIN 1.
const INSTRUMENTS: [(&str, &str); 7] = [
    ("First Bank", "credit"),
    ("First Bank", "debit"),
    ("First Bank", "cheque-book"),
    ("First Bank", "stored-value"),
    ("Town Hall", "loyalty"),
    ("Town Hall", "identity"),
    ("Town Hall", "access-pass"),
];

/// Commands to the issued card, and the status that each must have.
const CONDITIONS: [(&str, &str); 14] = [
    ("00A4040C0AF053594D424F4C4F4E01", "9000"),
    // Nothing is verified: record 3 alone can be used, and tells its key.
    ("80100100", "6982"),
    ("00478100 05 B603840101 00", "6982"),
    ("80100200", "6982"),
    ("80100300", "9000"),
    ("00478100 05 B603840103 00", "9000"),
    // A wrong PIN opens nothing.
    ("00200001 04 31313132", "63C2"),
    ("80100100", "6982"),
    // PIN 1 opens what asks for it, and nothing else.
    ("00200001 04 31313131", "9000"),
    ("80100100", "9000"),
    ("00478100 05 B603840101 00", "9000"),
    ("80100200", "6982"),
    ("00200002 04 32323232", "9000"),
    ("80100200", "9000"),
];

/// A card as the tools issue it.
struct Issued {
    /// The keys that it made.
    keys: Value,
    /// What it tells of itself.
    inspected: Value,
    /// The status words of its answers to [`CONDITIONS`].
    answers: Vec<String>,
}

impl Issued {
    /// What it tells of its records.
    fn told(&self) -> Result<&Vec<Value>> {
        let told = self.inspected["providers"].as_array().context("no records")?;
        ensure!(told.len() == INSTRUMENTS.len(), "{} records", told.len());
        Ok(told)
    }
}

fn issued() -> Result<&'static Issued> {
    static ISSUED: LazyLock<Result<Issued, String>> = LazyLock::new(|| issue().map_err(|error| format!("{error:?}")));
    ISSUED.as_ref().map_err(|error| anyhow!("the issued card: {error}"))
}

/// Enrols an account for each record with two providers, and issues a card for all of them.
fn issue() -> Result<Issued> {
    let folder = tempfile::tempdir()?;
    let profile = enrol(&folder)?;
    let card = new_card(folder.path(), "card")?;
    let (tool, reader) = (build("cardctl")?, format!("tcp://{}", card.address));
    let say = |arguments: &[&str]| Running::start(&tool, arguments)?.end(PATIENCE)?.success();
    let issued = say(&["issue", "--card", &reader, "--profile", &profile, "--json"])?;
    let inspected = say(&["inspect", "--card", &reader, "--json"])?;
    let mut reader = Reader::connect(&card.address)?;
    let answers = CONDITIONS.iter().map(|(command, _)| {
        let answer = reader.transmit(&hex::decode(command.replace(' ', ""))?)?;
        Ok(hex::encode_upper(&answer[answer.len() - 2..]))
    });
    Ok(Issued { keys: issued["keys"].clone(), inspected, answers: answers.collect::<Result<_>>()? })
}

/// Two providers with an account for each record; gives the profile of the card.
fn enrol(folder: &TempDir) -> Result<String> {
    let provider = build("service-provider")?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut profile = "[holder]\nname = \"Ada\"\n".to_owned();
    for (number, pin) in [(1, "1111"), (2, "2222")] {
        fs::write(path(&format!("pin{number}")), pin)?;
        profile += &format!("[[pin]]\nnumber = {number}\nfile = \"pin{number}\"\n");
    }
    for (number, (name, instrument)) in (1..).zip(INSTRUMENTS) {
        let data = path(name);
        let say = |arguments: &[&str]| -> Result<Value> {
            Running::start(&provider, &[&["--json", "--data", &data], arguments].concat())?.end(PATIENCE)?.success()
        };
        if !Path::new(&data).exists() {
            say(&["init", "--root-key", &path(&format!("{name}.pem"))])?;
        }
        let account = format!("RECORD{number}");
        let mut enrol = vec!["enrol", "--account", &account, "--holder", "Ada", "--instrument", instrument];
        if instrument == "cheque-book" {
            enrol.extend(["--payments", "25", "--payment-max", "200.00"]);
        }
        let enrolment = say(&enrol)?;
        fs::write(path(&format!("{number}.json")), enrolment.to_string())?;
        let condition = match number {
            2 => "pin 2",
            3 => "always",
            _ => "pin 1",
        };
        profile +=
            &format!("[[provider]]\nenrolment = \"{number}.json\"\nname = \"{name}\"\ncondition = \"{condition}\"\n");
    }
    fs::write(path("profile.toml"), profile)?;
    Ok(path("profile.toml"))
}

/// Plays a transcript of `cards/` to a new card in a process of its own.
fn plays(name: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let card = new_card(folder.path(), "card")?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/claims/cards").join(format!("{name}.apdu"));
    let steps = play(&path, &mut Reader::connect(&card.address)?)?;
    ensure!(steps > 0, "{name} says nothing");
    Ok(())
}
