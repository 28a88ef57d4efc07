//! How long a message is on its way through a router: the real program, on loopback, between somebody who asks and
//! somebody who says everything back.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use protocol::frame::{FrameHeader, HEADER_LENGTH};
use symbolon_tests::process::{Listener, Profile, build_in};

/// Round trips that are timed; as many again go before, and warm everything up.
const ROUND_TRIPS: usize = 2000;

/// Bytes of a message: a combined request of two members.
const MESSAGE: usize = 512;

/// How much longer a round trip takes with one router on the way: the difference of the medians.
pub(crate) fn adds() -> Result<Duration> {
    let program = build_in("host-terminal", Profile::Release)?;
    let echo = echo()?;
    let router = Listener::start(&program, &["route", "--json", "--listen", "127.0.0.1:0", "--to", &echo])?;
    let (direct, routed) = (median(&echo)?, median(&router.address)?);
    Ok(routed.saturating_sub(direct))
}

fn median(address: &str) -> Result<Duration> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut times = Vec::with_capacity(2 * ROUND_TRIPS);
    for number in 1..=2 * ROUND_TRIPS as u64 {
        let start = Instant::now();
        write(&mut stream, number, &[0x5a; MESSAGE])?;
        let (answered, message) = read(&mut stream)?;
        times.push(start.elapsed());
        ensure!(answered == number && message.len() == MESSAGE, "another answer than the one to {number}");
    }
    let mut times = times.split_off(ROUND_TRIPS);
    times.sort_unstable();
    Ok(times.get(ROUND_TRIPS / 2).copied().unwrap_or_default())
}

/// Answers every frame with itself, as long as this process lives; gives its address.
fn echo() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer_all(stream));
        }
    });
    Ok(address)
}

fn answer_all(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let (number, message) = match read(&mut stream) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            frame => frame?,
        };
        write(&mut stream, number, &message)?;
    }
}

fn read(stream: &mut TcpStream) -> std::io::Result<(u64, Vec<u8>)> {
    let mut header = [0; HEADER_LENGTH];
    stream.read_exact(&mut header)?;
    let FrameHeader { number, length } = FrameHeader::parse(&header).map_err(std::io::Error::other)?;
    let mut message = vec![0; length];
    stream.read_exact(&mut message)?;
    Ok((number, message))
}

fn write(stream: &mut TcpStream, number: u64, message: &[u8]) -> std::io::Result<()> {
    let header = FrameHeader { number, length: message.len() }.encode().map_err(std::io::Error::other)?;
    stream.write_all(&[header.as_slice(), message].concat())
}
