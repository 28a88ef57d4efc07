//! APDUs a second through each way to a virtual card: `cargo bench -p sim-reader --bench link`.
//!
//! "read" is READ BINARY and "update" UPDATE BINARY of 64 bytes, one after the other, as a terminal sends them. Images
//! lie in the folder for temporary files: where that is memory, the figures for the disk are too good.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use apdu_spec::link::{HEADER_LENGTH, Header, Kind, VERSION};
use sim_reader::card::{Medium, Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use sim_reader::image::{Image, SyncPolicy};
use sim_reader::passphrase::Passphrase;
use sim_reader::tcp;
use tokio::net::TcpListener;

/// How long each figure is measured.
const TIME: Duration = Duration::from_secs(1);
const PAGES: u32 = 16;
const CREATE: &[u8] =
    &[0x00, 0xE0, 0x00, 0x00, 0x0D, 0x62, 0x0B, 0x80, 0x02, 0x00, 0x40, 0x82, 0x01, 0x01, 0x83, 0x02, 0x10, 0x01];
const READ: &[u8] = &[0x00, 0xB0, 0x00, 0x00, 0x40];

fn main() -> Result<()> {
    println!("{:<44} {:>10} {:>10}", "APDUs a second", "read", "update");
    let ram = || SoftwareCard::format(RamFlash::<4>::new(16), Noise::Os);
    in_process("in process, flash in memory", ram()?)?;
    over_tcp("over TCP, flash in memory", ram()?)?;

    let folder = tempfile::tempdir()?;
    let passphrase = Passphrase::new(b"correct horse".to_vec())?;
    for (name, sync) in [("never", SyncPolicy::Never), ("command", SyncPolicy::Command), ("always", SyncPolicy::Always)]
    {
        for (kind, passphrase) in [("plain", None), ("encrypted", Some(&passphrase))] {
            let file = folder.path().join(format!("{name}-{kind}"));
            in_process(&format!("in process, {kind} image, sync {name}"), in_file(&file, passphrase, sync)?)?;
        }
    }
    let file = folder.path().join("tcp");
    over_tcp("over TCP, encrypted image, sync command", in_file(&file, Some(&passphrase), SyncPolicy::Command)?)
}

fn in_file(path: &Path, passphrase: Option<&Passphrase>, sync: SyncPolicy) -> Result<SoftwareCard<Image>> {
    Ok(SoftwareCard::format(Image::create(path, PAGES, passphrase, sync)?, Noise::Os)?)
}

fn in_process<F: Medium>(name: &str, mut card: SoftwareCard<F>) -> Result<()> {
    card.power_on()?;
    measure(name, |command| Ok(card.transmit(command)?))
}

fn over_tcp<F: Medium>(name: &str, card: SoftwareCard<F>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let mut stream = TcpStream::connect(listener.local_addr()?)?;
    stream.set_nodelay(true)?;
    runtime.spawn(tcp::serve(listener, card, std::future::pending()));
    ask(&mut stream, Kind::PowerOn, &[VERSION])?;
    measure(name, |command| ask(&mut stream, Kind::Transmit, command))
}

fn ask(stream: &mut TcpStream, kind: Kind, body: &[u8]) -> Result<Vec<u8>> {
    let header = Header::new(kind, body.len()).context("a body too long")?;
    stream.write_all(&[header.encode().as_slice(), body].concat())?;
    let mut header = [0; HEADER_LENGTH];
    stream.read_exact(&mut header)?;
    let header = Header::parse(header).ok().context("an unknown frame")?;
    ensure!(header.kind != Kind::Refused, "refused");
    let mut body = vec![0; header.length()];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// Prints a line of the table.
fn measure(name: &str, mut transmit: impl FnMut(&[u8]) -> Result<Vec<u8>>) -> Result<()> {
    ensure!(transmit(CREATE)? == [0x90, 0x00], "the card refuses the file");
    let read = a_second(|_| transmit(READ))?;
    let update = a_second(|round| transmit(&[&[0x00, 0xD6, 0x00, 0x00, 0x40], [round; 64].as_slice()].concat()))?;
    println!("{name:<44} {read:>10.0} {update:>10.0}");
    Ok(())
}

fn a_second(mut work: impl FnMut(u8) -> Result<Vec<u8>>) -> Result<f64> {
    let (began, mut rounds) = (Instant::now(), 0_u32);
    while began.elapsed() < TIME {
        let [round, ..] = rounds.to_le_bytes();
        ensure!(work(round)?.ends_with(&[0x90, 0x00]), "the card refuses");
        rounds += 1;
    }
    Ok(f64::from(rounds) / began.elapsed().as_secs_f64())
}
