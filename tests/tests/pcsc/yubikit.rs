//! Yubico's `yubikey-manager`: its host of Secure Channel Protocol '03' works with any card. It knows one security
//! level, 33, and S8 mode.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use symbolon_tests::pcsc::{Daemon, InsertedCard, Slot};
use symbolon_tests::process::Piped;
use symbolon_tests::scp03::{Keys, encrypted_key_data, plain_key_data};
use symbolon_tests::transcript::{Player, Step, steps};

use crate::reader::{Client, beside};

const ISSUERS: Keys = [[0x41; 16], [0x42; 16], [0x43; 16]];
const PROVIDERS: Keys = [[0x51; 16], [0x52; 16], [0x53; 16]];
const ISSUER_DOMAIN: &str = "A000000151000000";
const PROVIDER_DOMAIN: &str = "F053594D424F4C4F4E0201";

/// A secure channel that yubikit holds.
struct Host(Piped);

impl Host {
    /// `None` when it is refused.
    fn open(daemon: &Daemon, domain: &str, version: u8, keys: &Keys) -> Result<Option<Self>> {
        let (mut command, slot) = (daemon.command(python()?), daemon.slot(0)?);
        command.arg(beside("scp03_host.py")).args([&slot.name, domain, &format!("{version:02X}")]);
        command.args(keys.map(hex::encode));
        let mut process = Piped::start(&mut command)?;
        match process.line()?.as_str() {
            "open" => Ok(Some(Self(process))),
            "refused" => Ok(None),
            other => anyhow::bail!("yubikit said {other:?}"),
        }
    }

    /// Sends a command, given in the clear, through the channel.
    fn send(&mut self, command: &str) -> Result<String> {
        self.0.say(command)?;
        let answer = self.0.line()?;
        ensure!(!answer.is_empty(), "yubikit ended");
        Ok(answer.to_uppercase())
    }
}

/// Where `cargo xtask test` installs Python packages.
fn python() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests are in a workspace")?;
    let installed = root.join("target/python/bin/python");
    let python = std::env::var_os("SYMBOLON_PYTHON").map_or(installed, Into::into);
    ensure!(python.exists(), "{} is missing: run `cargo xtask test` once", python.display());
    Ok(python)
}

/// A personalised card in the reader, with a key set of the issuer's.
fn personalised(daemon: &Daemon, folder: &Path) -> Result<InsertedCard> {
    let slot = daemon.slot(0)?;
    let card = InsertedCard::create(daemon, &folder.join("card"), &slot)?;
    let mut client = Client::connect(daemon, &slot.name)?;
    let keys = plain_key_data(1, &ISSUERS);
    let put = [&[0x80, 0xD8, 0x00, 0x81, u8::try_from(keys.len())?][..], &keys].concat();
    assert!(client.transmit(&put)?.ends_with(&[0x90, 0x00]) || client.transmit(&[0, 0xC0, 0, 0, 0])?.len() == 12);
    let transcript = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/personalised.apdu");
    for (_, step) in steps(&transcript)? {
        if let Step::Exchange(command, _) = step {
            client.transmit(&command)?;
        }
    }
    Ok(card)
}

#[test]
fn yubikits_host_manages_the_card_through_its_secure_channel() -> Result<()> {
    let (daemon, folder) = (Daemon::start()?, tempfile::TempDir::new()?);
    let card = personalised(&daemon, folder.path())?;

    assert!(Host::open(&daemon, ISSUER_DOMAIN, 1, &PROVIDERS)?.is_none(), "wrong keys");
    assert!(Host::open(&daemon, ISSUER_DOMAIN, 2, &ISSUERS)?.is_none(), "no such version");

    let mut host = Host::open(&daemon, ISSUER_DOMAIN, 1, &ISSUERS)?.context("the issuer is refused")?;
    assert_eq!(host.send("80F280024F00")?, "E3134F08A0000001510000009F70010FC5039C5C009000");
    // Commands and responses with and without data, longer than a short APDU, warnings and refusals.
    assert_eq!(host.send("80E29000A10C800105810103820431323334")?, "9000");
    assert_eq!(host.send("0020000531323334")?, "9000");
    assert_eq!(host.send("0020000539393939")?, "63C2");
    assert_eq!(host.send("80E29000A100")?, "6A80");
    assert_eq!(host.send("00A4000C")?, "9000");
    assert_eq!(host.send("00E00000621080020400820101830277778C03030000")?, "9000");
    let content: String = (0..600).map(|at| format!("{:02X}", at % 256)).collect();
    assert_eq!(host.send(&format!("00D60000{content}"))?, "9000");
    assert_eq!(host.send("00B00000 FF")?, format!("{}9000", &content[..510]));
    assert_eq!(host.send("80CA00E0")?, "E012C00401018810C00402018810C004030188109000");
    drop(host);

    // The issuer brings a provider's keys, encrypted with its own DEK; then the provider changes its record.
    let mut host = Host::open(&daemon, PROVIDER_DOMAIN, 1, &ISSUERS)?.context("the issuer is refused")?;
    let answer = host.send(&format!("80D80081{}", hex::encode(encrypted_key_data(0x30, &PROVIDERS, &ISSUERS[2]))))?;
    assert!(answer.starts_with("30") && answer.ends_with("9000"), "{answer}");
    drop(host);
    assert!(Host::open(&daemon, PROVIDER_DOMAIN, 0, &ISSUERS)?.is_none(), "the issuer has no keys here any more");
    let mut host = Host::open(&daemon, PROVIDER_DOMAIN, 0x30, &PROVIDERS)?.context("the provider is refused")?;
    assert_eq!(host.send("80E29000A40582034E6577")?, "9000");
    assert_eq!(host.send("00478000B603840101")?.len(), 2 * (5 + 65 + 2));
    assert_eq!(host.send("00478000B603840102")?, "6982");
    drop(host);

    let mut client = Client::connect(&daemon, &Slot::number(0).name)?;
    assert_eq!(client.transmit(&hex::decode("00A4040C0AF053594D424F4C4F4E01")?)?, [0x90, 0x00]);
    let listed = client.transmit(&[0x80, 0x1C, 0x00, 0x00, 0x00])?;
    assert!(listed.windows(5).any(|object| object == b"\x82\x03New"));
    drop(client);
    card.take_out()
}
