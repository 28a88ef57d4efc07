//! The TCP reader against a card that is served, and against whatever else may listen on a port.

#![expect(clippy::unwrap_used, reason = "a panic is a test's verdict")]

use std::future::pending;
use std::time::Duration;

use apdu_spec::link::{Kind, Refusal};
use host_terminal::reader::{Reader, ReaderError, TcpReader};
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

const CHALLENGE: &[u8] = &[0x00, 0x84, 0x00, 0x00, 0x08];
const ATR: &[u8] = &[0x81, 0, 0, 2, 0x3B, 0x00];

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

async fn serve_card() -> String {
    let card = SoftwareCard::format(RamFlash::<4>::new(16), Noise::seeded(1)).unwrap();
    let (listener, address) = listen().await;
    tokio::spawn(sim_reader::tcp::serve(listener, card, pending()));
    address
}

/// Somebody who answers each frame with the next of these, and then is silent.
async fn serve_bytes(answers: Vec<Vec<u8>>) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for answer in answers {
            let mut header = [0; 4];
            stream.read_exact(&mut header).await.unwrap();
            let [_, high, middle, low] = header;
            let mut body = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
            stream.read_exact(&mut body).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
        pending::<()>().await;
    });
    address
}

#[tokio::test]
async fn a_served_card_is_a_reader() {
    let address = serve_card().await;
    let mut reader: Box<dyn Reader> = Box::new(TcpReader::connect(&address).await.unwrap());
    assert_eq!(reader.atr(), sim_reader::atr::ATR);
    let response = reader.transmit(CHALLENGE).await.unwrap();
    assert_eq!((response.len(), response.ends_with(&[0x90, 0x00])), (10, true));
    reader.reset().await.unwrap();
    assert_ne!(reader.transmit(CHALLENGE).await.unwrap(), response);
}

#[tokio::test]
async fn a_reader_without_a_card_says_so_and_continues_when_it_is_back() {
    let mut reader = TcpReader::connect(&serve_card().await).await.unwrap();
    reader.remove().await.unwrap();
    assert!(matches!(reader.transmit(CHALLENGE).await, Err(ReaderError::Removed)));
    assert!(matches!(reader.reset().await, Err(ReaderError::Removed)));
    reader.insert().await.unwrap();
    assert!(matches!(reader.transmit(CHALLENGE).await, Err(ReaderError::NotPowered)));
    reader.reset().await.unwrap();
    assert_eq!(reader.transmit(CHALLENGE).await.unwrap().len(), 10);
    reader.power_off().await.unwrap();
    assert!(matches!(reader.transmit(CHALLENGE).await, Err(ReaderError::NotPowered)));
    reader.set_user_present(true).await.unwrap();
    reader.power_on().await.unwrap();
}

#[tokio::test]
async fn a_second_reader_is_refused_and_nobody_there_is_said() {
    let address = serve_card().await;
    let _first = TcpReader::connect(&address).await.unwrap();
    assert!(matches!(TcpReader::connect(&address).await, Err(ReaderError::Busy)));
    let (listener, nobody) = listen().await;
    drop(listener);
    let error = TcpReader::connect(&nobody).await.err().unwrap();
    assert!(matches!(error, ReaderError::Unreachable { .. }));
    assert!(error.to_string().contains(&nobody), "{error}");
}

#[tokio::test]
async fn too_long_a_command_is_refused_before_it_is_sent() {
    let mut reader = TcpReader::connect(&serve_card().await).await.unwrap();
    assert!(matches!(reader.transmit(&[0; 70_000]).await, Err(ReaderError::CommandTooLong(70_000))));
    assert_eq!(reader.transmit(CHALLENGE).await.unwrap().len(), 10);
}

#[tokio::test]
async fn who_is_not_a_reader_is_not_believed() {
    let long_atr = [&[0x81, 0, 0, 34], [0x3B; 34].as_slice()].concat();
    for first in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0x81, 0xFF, 0xFF, 0xFF],
        vec![0x81, 0, 0, 0],
        long_atr,
        vec![Kind::Done as u8, 0, 0, 0],
        vec![Kind::Refused as u8, 0, 0, 0],
        vec![Kind::Refused as u8, 0, 0, 1, 0x77],
        vec![Kind::Refused as u8, 0, 0, 1, Refusal::Malformed as u8],
    ] {
        let error = TcpReader::connect(&serve_bytes(vec![first.clone()]).await).await.err().unwrap();
        assert!(matches!(error, ReaderError::Protocol(_)), "{first:?}: {error}");
    }
    for answer in [vec![0x84, 0, 0, 0], vec![0x84, 0, 0, 1, 0x90], vec![0x81, 0, 0, 2, 0x90, 0x00]] {
        let address = serve_bytes(vec![ATR.to_vec(), answer.clone(), vec![0x84, 0, 0, 2, 0x90, 0x00]]).await;
        let mut reader = TcpReader::connect(&address).await.unwrap();
        assert!(matches!(reader.transmit(CHALLENGE).await, Err(ReaderError::Protocol(_))), "{answer:?}");
        assert!(matches!(reader.transmit(CHALLENGE).await, Err(ReaderError::Closed)), "{answer:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_error_each_time() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 5]).await.unwrap();
        stream.write_all(ATR).await.unwrap();
        stream.read_exact(&mut [0; 9]).await.unwrap();
        stream.write_all(&[0x84, 0, 0, 10, 0x90]).await.unwrap();
    });
    let mut reader = TcpReader::connect(&address).await.unwrap();
    assert!(matches!(reader.transmit(CHALLENGE).await, Err(ReaderError::Broken(_))));
    assert!(matches!(reader.transmit(CHALLENGE).await, Err(ReaderError::Closed)));
    assert!(matches!(reader.reset().await, Err(ReaderError::Closed)));
}

#[tokio::test]
async fn a_command_that_was_given_up_does_not_give_its_answer_to_the_next_one() {
    let late = vec![0x84, 0, 0, 2, 0x6A, 0x82];
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 5]).await.unwrap();
        stream.write_all(ATR).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(&late).await.unwrap();
        pending::<()>().await;
    });
    let mut reader = TcpReader::connect(&address).await.unwrap();
    assert!(timeout(Duration::from_millis(10), reader.transmit(CHALLENGE)).await.is_err());
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert!(matches!(reader.transmit(CHALLENGE).await, Err(ReaderError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn silence_ends() {
    let address = serve_bytes(Vec::new()).await;
    let error = TcpReader::connect(&address).await.err().unwrap();
    assert!(matches!(error, ReaderError::TimedOut(_)), "{error}");
}
