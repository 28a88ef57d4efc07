//! A card that answers 9000 to everything, with as little work as the reader's protocol permits.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use anyhow::Result;
use rustix::net::sockopt::set_tcp_quickack;
use sim_reader::atr::ATR;
use symbolon_tests::pcsc::Slot;

/// Sits in the slot until the reader goes.
pub(crate) fn answer(slot: &Slot) -> Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, slot.port))?;
    stream.set_nodelay(true)?;
    let atr = [&[0, u8::try_from(ATR.len())?], ATR.as_slice()].concat();
    loop {
        // The reader sends length and body apart, and the body once the length is acknowledged.
        set_tcp_quickack(&stream, true)?;
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut body = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut body)?;
        match body.as_slice() {
            [0..=2] => {}
            [4] => stream.write_all(&atr)?,
            _ => stream.write_all(&[0, 2, 0x90, 0x00])?,
        }
    }
}
