//! OpenSC signs with keys in the card, without a driver of ours: the commands of the README, and what must not work.

use std::fs;
use std::process::Output;

use anyhow::{Context, Result};
use rand::RngCore;
use symbolon_tests::pcsc::{Daemon, InsertedCard, Slot};
use symbolon_tests::transcript::Player;
use tempfile::TempDir;

use crate::OK;
use crate::reader::Client;
use crate::readme::{bash, blocks, both, succeeded};

/// The section whose commands are run: to issue the card, and to use it.
const SECTION: &str = "The card's keys in OpenSC";

const SELECT: &[u8] = b"\x00\xA4\x04\x0C\x0A\xA0\x00\x00\x01\x67ESIGN";
const VERIFY: &[u8] = b"\x00\x20\x00\x05\x06567890";
const SET_KEY: &[u8] = b"\x00\x22\x41\xB6\x03\x84\x01\x21";
const TRIES: &[u8] = b"\x00\x20\x00\x05";
const SECURITY_NOT_SATISFIED: &[u8] = &[0x69, 0x82];

/// The card of the README in the reader, and the folder in which its commands run.
struct Desk {
    folder: TempDir,
    card: InsertedCard,
    daemon: Daemon,
    use_it: String,
}

impl Desk {
    fn new() -> Result<Self> {
        let (daemon, folder) = (Daemon::start()?, TempDir::new()?);
        let [issue, use_it] = blocks(SECTION)?;
        // The card goes on in a process that ends with the test.
        succeeded(&bash(&daemon, folder.path(), &format!("trap 'kill %1; wait' EXIT\n{issue}"))?)?;
        let mut letter = [0; 1000];
        rand::thread_rng().fill_bytes(&mut letter);
        fs::write(folder.path().join("letter.txt"), letter)?;
        let card = InsertedCard::insert(&daemon, &folder.path().join("ada.card"), &Slot::number(0))?;
        drop(Client::connect(&daemon, &Slot::number(0).name)?);
        Ok(Self { folder, card, daemon, use_it })
    }

    fn bash(&self, script: &str) -> Result<Output> {
        bash(&self.daemon, self.folder.path(), script)
    }

    fn sign(&self, pin: &str, key: &str) -> Result<Output> {
        let sign = "pkcs11-tool --sign --mechanism ECDSA-SHA256 --signature-format openssl";
        let files = "--input-file letter.txt --output-file other.sig";
        self.bash(&format!("rm -f other.sig\nexport OPENSC_CONF=$PWD/opensc.conf\n{sign} {files} {pin} --id {key}"))
    }

    fn has_signed(&self) -> bool {
        self.folder.path().join("other.sig").exists()
    }

    fn exchange(&self, commands: &[&[u8]]) -> Result<Vec<Vec<u8>>> {
        let mut client = Client::connect(&self.daemon, &Slot::number(0).name)?;
        commands.iter().map(|command| client.transmit(command)).collect()
    }
}

#[test]
fn the_commands_of_the_readme_sign_and_verify() -> Result<()> {
    let desk = Desk::new()?;
    let said = succeeded(&desk.bash(&desk.use_it)?)?;
    for words in ["PKCS#15 Card [Ada Card]", "PIN [PIN 5]", "Private EC Key [Signature]", "Public EC Key [Signature]"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert!(said.contains("Signature is valid"), "OpenSC verifies: {said}");
    assert!(said.contains("Verified OK"), "OpenSSL verifies: {said}");

    // Another message, another signature: both verifiers look.
    let verify = "pkcs11-tool --verify --mechanism ECDSA-SHA256 --signature-format openssl --id 21";
    let opensc = |letter: &str, signature: &str| {
        let files = format!("--input-file {letter} --signature-file {signature}");
        desk.bash(&format!("export OPENSC_CONF=$PWD/opensc.conf\n{verify} {files}"))
    };
    let openssl = |letter: &str, signature: &str| {
        desk.bash(&format!("openssl dgst -sha256 -verify ada.pem -signature {signature} {letter}"))
    };
    succeeded(&desk.sign("--login --pin 567890", "21")?)?;
    fs::write(desk.folder.path().join("forged.txt"), "Huber gets all of it")?;
    let again = opensc("letter.txt", "other.sig")?;
    assert!(succeeded(&again)?.contains("Signature is valid"), "{again:?}");
    succeeded(&openssl("letter.txt", "other.sig")?)?;
    let forged = opensc("forged.txt", "other.sig")?;
    assert!(both(&forged).contains("Invalid signature"), "{forged:?}");
    assert!(!openssl("forged.txt", "other.sig")?.status.success());
    desk.card.take_out()
}

#[test]
fn a_wrong_pin_signs_nothing_and_costs_a_try() -> Result<()> {
    let desk = Desk::new()?;
    succeeded(&desk.bash(&desk.use_it)?)?;
    assert_eq!(desk.exchange(&[TRIES])?, [[0x63, 0xC3]]);
    for left in [0xC2, 0xC1] {
        let refused = desk.sign("--login --pin 567891", "21")?;
        assert!(both(&refused).contains("CKR_PIN_INCORRECT") && !desk.has_signed(), "{refused:?}");
        assert_eq!(desk.exchange(&[TRIES])?, [[0x63, left]]);
    }
    succeeded(&desk.sign("--login --pin 567890", "21")?)?;
    assert_eq!(desk.exchange(&[TRIES])?, [[0x63, 0xC3]], "the right one gives the tries back");
    for _ in 0..3 {
        desk.sign("--login --pin 567891", "21")?;
    }
    let blocked = desk.sign("--login --pin 567890", "21")?;
    assert!(both(&blocked).contains("CKR_PIN_LOCKED") && !desk.has_signed(), "{blocked:?}");
    desk.card.take_out()
}

#[test]
fn no_key_signs_without_its_pin() -> Result<()> {
    let desk = Desk::new()?;
    succeeded(&desk.bash(&desk.use_it)?)?;
    let refused = desk.sign("", "21")?;
    assert!(!refused.status.success() && !desk.has_signed(), "{refused:?}");

    let sign = [b"\x00\x2A\x9E\x9A\x20".as_slice(), &[7; 32], &[0]].concat();
    let without = desk.exchange(&[SELECT, SET_KEY, &sign])?;
    assert_eq!(without, [OK, OK, SECURITY_NOT_SATISFIED]);
    let with = desk.exchange(&[SELECT, SET_KEY, VERIFY, &sign])?;
    assert!(with[3].len() == 66 && with[3].ends_with(OK), "{with:02X?}");
    desk.card.take_out()
}

/// For any driver of OpenSC, and any other program that knows PKCS #15, there is what a generic driver reads.
#[test]
fn the_default_driver_reads_the_keys_by_the_name_of_pkcs_15() -> Result<()> {
    let desk = Desk::new()?;
    let configuration = "app default { enable_default_driver = true; }";
    fs::write(desk.folder.path().join("default.conf"), configuration)?;
    let tool = "export OPENSC_CONF=$PWD/default.conf\npkcs15-tool";
    let applications = succeeded(&desk.bash(&format!("{tool} --list-applications"))?)?;
    for name in ["A000000063504B43532D3135", "A000000167455349474E", "F053594D424F4C4F4E01"] {
        assert!(applications.contains(name), "{name} in {applications}");
    }
    let dump = succeeded(&desk.bash(&format!("{tool} --dump"))?)?;
    assert!(dump.contains("Private EC Key [Signature]") && dump.contains("a000000063504b43532d3135::4521"), "{dump}");

    let described = succeeded(&desk.bash(&format!("{tool} --read-public-key 21"))?)?;
    let used = succeeded(&desk.bash(&format!("{}\ncat ada.pem", desk.use_it))?)?;
    let key = described.split_once("-----BEGIN").context("no key")?.1;
    assert!(used.contains(key), "the two names lead to different keys: {described} {used}");
    desk.card.take_out()
}
