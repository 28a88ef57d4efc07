//! The client: crate `pcsc`, one thread, a command after the other.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use pcsc::{Card, Context, MAX_BUFFER_SIZE, Protocols, Scope, ShareMode};
use symbolon_tests::pcsc::Slot;

use crate::Rates;

/// How often each card has its turn, and how long that is: short, so that both have the same share of what else goes
/// on.
const ROUNDS: u32 = 100;
const TURN: Duration = Duration::from_millis(50);

/// How long a reader may take to notice its card.
const PATIENCE: Duration = Duration::from_secs(5);

const OK: [u8; 2] = [0x90, 0x00];

/// A transparent file of 64 bytes that anybody reads and writes.
const CREATE: &[u8] = b"\x00\xE0\x00\x00\x12\x62\x10\x80\x02\x00\x40\x82\x01\x01\x83\x02\x01\x01\x8C\x03\x03\x00\x00";

/// What a terminal does most that writes nothing: SELECT, READ BINARY of the whole file, GET CHALLENGE.
const COMMANDS: [&[u8]; 3] = [b"\x00\xA4\x00\x0C\x02\x01\x01", b"\x00\xB0\x00\x00\x40", b"\x00\x84\x00\x00\x08"];

/// UPDATE BINARY of the whole file, with what was not there before.
fn update(round: u8) -> Vec<u8> {
    [b"\x00\xD6\x00\x00\x40".as_slice(), &[round; 64]].concat()
}

/// Takes turns with the two cards; the figures are of all turns together.
pub(crate) fn measure(ours: &Slot, other: &Slot) -> Result<Rates> {
    let context = Context::establish(Scope::User)?;
    let (ours, other) = (connect(&context, ours)?, connect(&context, other)?);
    transmit(&ours, CREATE)?;
    let mut sums = Rates { ours: 0.0, other: 0.0, update: 0.0 };
    for _ in 0..ROUNDS {
        sums.ours += turn(|_| read(&ours))?;
        sums.other += turn(|_| read(&other))?;
        sums.update += turn(|round| transmit(&ours, &update(round)).map(|()| 1))?;
    }
    let mean = |sum| sum / f64::from(ROUNDS);
    Ok(Rates { ours: mean(sums.ours), other: mean(sums.other), update: mean(sums.update) })
}

fn connect(context: &Context, slot: &Slot) -> Result<Card> {
    let (name, began) = (std::ffi::CString::new(slot.name.as_str())?, Instant::now());
    loop {
        match context.connect(&name, ShareMode::Exclusive, Protocols::T1) {
            Ok(card) => return Ok(card),
            Err(error) => ensure!(began.elapsed() < PATIENCE, "{}: {error}", slot.name),
        }
        sleep(Duration::from_millis(10));
    }
}

/// How many commands.
fn read(card: &Card) -> Result<u32> {
    COMMANDS.iter().try_for_each(|command| transmit(card, command))?;
    Ok(u32::try_from(COMMANDS.len())?)
}

fn transmit(card: &Card, command: &[u8]) -> Result<()> {
    let mut buffer = [0; MAX_BUFFER_SIZE];
    let response = card.transmit(command, &mut buffer)?;
    ensure!(response.ends_with(&OK), "{command:02X?} is answered by {response:02X?}");
    Ok(())
}

/// Commands a second in one turn.
fn turn(mut work: impl FnMut(u8) -> Result<u32>) -> Result<f64> {
    let (began, mut commands) = (Instant::now(), 0_u32);
    while began.elapsed() < TURN {
        let [round, ..] = commands.to_le_bytes();
        commands += work(round)?;
    }
    Ok(f64::from(commands) / began.elapsed().as_secs_f64())
}
