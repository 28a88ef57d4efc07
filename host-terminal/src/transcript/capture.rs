//! What travels, written for Wireshark: a pcapng file with an interface for each card and a packet for each command,
//! response and answer to reset, in the form in which Wireshark exports what it has taken out of other protocols. So
//! its own dissector of ISO/IEC 7816 reads them.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use super::pcapng::{self, Direction, Packet};
use crate::decode::Teller;
use crate::observe::{Event, Kind, Observer};
use crate::words::printable;

/// Tags of an exported packet: which dissector reads it, which way it went, no more tags. Each has a length; all
/// numbers are big-endian.
const DISSECTOR: u16 = 12;
const DIRECTION: u16 = 35;
const END: u16 = 0;

/// Dissectors by name.
const APDU: &str = "iso7816";
const ATR: &str = "iso7816.atr";
const DATA: &str = "data";

/// What has less than CLA, INS, P1 and P2 is nothing to the dissector of APDUs.
const HEADER: usize = 4;

/// Writes what goes to cards and what comes back for Wireshark. Messages between hops are not written.
pub struct Capture<W: Write + Send>(Mutex<Writing<W>>);

struct Writing<W> {
    out: W,
    teller: Teller,
    /// Each is an interface.
    cards: Vec<String>,
}

impl<W: Write + Send> Capture<W> {
    /// Begins a capture of what `program` does.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(mut out: W, program: &str) -> io::Result<Self> {
        out.write_all(&pcapng::section(program))?;
        Ok(Self(Mutex::new(Writing { out, teller: Teller::default(), cards: Vec::new() })))
    }
}

impl<W: Write + Send> Observer for Capture<W> {
    fn observe(&self, event: &Event<'_>) {
        let mut writing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A packet that cannot be written must not end a payment.
        drop(writing.take(event));
    }
}

impl<W: Write> Writing<W> {
    fn take(&mut self, event: &Event<'_>) -> io::Result<()> {
        let (dissector, direction, card) = match event.kind {
            Kind::Message => return Ok(()),
            Kind::Reset => (ATR, Direction::Inbound, event.from),
            Kind::Command if event.bytes.len() < HEADER => (DATA, Direction::Outbound, event.to),
            Kind::Command => (APDU, Direction::Outbound, event.to),
            Kind::Response => (APDU, Direction::Inbound, event.from),
        };
        let interface = self.interface(card)?;
        let (bytes, cut) = shown(event);
        let since = event.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let packet = Packet {
            interface,
            at: u64::try_from(since.as_nanos()).unwrap_or_default(),
            direction,
            bytes: &exported(dissector, direction, &bytes),
            cut,
            comment: &self.comment(event),
        };
        self.out.write_all(&packet.encode())?;
        self.out.flush()
    }

    fn comment(&mut self, event: &Event<'_>) -> String {
        let mut words = self.teller.tell(event);
        if let Some(first) = words.first_mut() {
            first.push_str(&event.after());
        }
        words.join("\n")
    }

    /// The card's interface, which is written before its first packet.
    fn interface(&mut self, card: &str) -> io::Result<u32> {
        let known = self.cards.iter().position(|known| known == card);
        if known.is_none() {
            self.out.write_all(&pcapng::interface(&printable(card)))?;
            self.cards.push(card.to_owned());
        }
        Ok(u32::try_from(known.unwrap_or(self.cards.len() - 1)).unwrap_or(u32::MAX))
    }
}

/// What is in the packet, and how many bytes more were: of a command what stands in front of what was left out, as if
/// the rest had not been captured; of a response what stands behind it.
fn shown(event: &Event<'_>) -> (Vec<u8>, usize) {
    match event.left_out.around(event.bytes) {
        _ if event.left_out.is_nothing() => (event.bytes.to_vec(), 0),
        [[], behind] => (behind.to_vec(), 0),
        [before, _] => (before.to_vec(), event.bytes.len() - before.len()),
    }
}

/// What goes before the bytes, so that Wireshark knows what they are, and the bytes.
fn exported(dissector: &str, direction: Direction, bytes: &[u8]) -> Vec<u8> {
    // Sent is 0, received 1.
    let direction = u32::from(direction == Direction::Inbound).to_be_bytes();
    let mut name = dissector.as_bytes().to_vec();
    name.resize(name.len().next_multiple_of(4), 0);
    let tags: [(u16, &[u8]); 3] = [(DISSECTOR, &name), (DIRECTION, &direction), (END, &[])];
    let mut packet = Vec::new();
    for (tag, value) in tags {
        packet.extend(tag.to_be_bytes());
        packet.extend(u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
        packet.extend(value);
    }
    packet.extend(bytes);
    packet
}
