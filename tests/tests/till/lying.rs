//! A customer's card that keeps to everything until it signs its acknowledgment, and signs something else.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use apdu_spec::Wire;
use apdu_spec::instruction::Sign;
use apdu_spec::link::{HEADER_LENGTH, Header, Kind};
use symbolon_tests::group::PIN;

use crate::shop::Shop;

/// The signatures of a sale: key exchange, transaction, acknowledgment.
const SIGNATURES: usize = 3;

/// A reader in front of the one at `address`, which spoils the last signature of a sale. Where it listens.
fn liar(address: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for terminal in listener.incoming().map_while(Result::ok) {
            // Whoever goes away ends the session.
            drop(pass_on(terminal, TcpStream::connect(&address).unwrap()));
        }
    });
    own
}

fn pass_on(mut terminal: TcpStream, mut card: TcpStream) -> io::Result<()> {
    let mut signatures = 0;
    loop {
        let (question, command) = frame(&mut terminal)?;
        send(&mut card, question, &command)?;
        let (kind, mut answer) = frame(&mut card)?;
        if question == Kind::Transmit && command.get(1) == Some(&Sign::INSTRUCTION) {
            signatures += 1;
            if signatures == SIGNATURES {
                answer[0] ^= 1;
            }
        }
        send(&mut terminal, kind, &answer)?;
    }
}

fn frame(stream: &mut TcpStream) -> io::Result<(Kind, Vec<u8>)> {
    let mut header = [0; HEADER_LENGTH];
    stream.read_exact(&mut header)?;
    let header = Header::parse(header).map_err(|_| io::Error::other("no frame"))?;
    let mut body = vec![0; header.length()];
    stream.read_exact(&mut body)?;
    Ok((header.kind, body))
}

fn send(stream: &mut TcpStream, kind: Kind, body: &[u8]) -> io::Result<()> {
    stream.write_all(&[Header::new(kind, body.len()).unwrap().encode().as_slice(), body].concat())
}

#[test]
fn an_acknowledgment_that_does_not_count_is_called_off_and_holds_nothing() {
    let shop = Shop::new();
    let card = shop.town.card("ada").unwrap();
    let liar = format!("tcp://{}", liar(card.trim_start_matches("tcp://").to_owned()));
    let settings = fs::read_to_string(&shop.config).unwrap();
    fs::write(&shop.config, settings.replacen(&card, &liar, 1)).unwrap();

    let mut till = shop.plain(&[]);
    till.say("12.50");
    till.hear("The customer types the PIN:");
    till.say(PIN);
    till.hear("CALLED OFF");
    till.hear("12.50 EUR. No money has moved.");
    till.say("");
    till.say("quit");
    till.end();
    assert_eq!((shop.count("released"), shop.count("open")), (1, 0), "{}", shop.list());
    assert_eq!(shop.agree(), 0);
}
