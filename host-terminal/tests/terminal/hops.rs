//! Hops as they should not be: gone in the middle, silent, confused, too loud.

use std::time::Duration;

use crate::support::{PRICE, World, open_shop, pay_at};
use apdu_spec::transaction::Decision;
use host_terminal::hop::{self, ANSWER_TIME, FRAME_TIME, Frame, HopError, Upstream};
use host_terminal::observe::Tap;
use host_terminal::receipt::Conclusion;
use host_terminal::{CUSTOMER, Error, SHOP, offer};
use protocol::limits::MESSAGE_MAX;
use protocol::message::{Kind, bare};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

async fn next(stream: &mut TcpStream) -> Frame {
    hop::read(stream, ANSWER_TIME).await.unwrap().unwrap()
}

/// Passes frames on between a customer and a shop and cuts both off instead of giving this answer.
async fn relay_until(shop: String, answers: usize) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut below, _) = listener.accept().await.unwrap();
        let mut above = TcpStream::connect(shop).await.unwrap();
        for _ in 0..answers {
            let asked = next(&mut below).await;
            hop::write(&mut above, asked.number, &asked.message).await.unwrap();
            let answer = next(&mut above).await;
            hop::write(&mut below, answer.number, &answer.message).await.unwrap();
        }
        let asked = next(&mut below).await;
        hop::write(&mut above, asked.number, &asked.message).await.unwrap();
        next(&mut above).await;
    });
    address
}

#[tokio::test]
async fn a_connection_that_is_cut_at_any_answer_ends_both_sides_clearly() {
    // Offer, descriptor, key exchange, transaction, acknowledgment.
    for answers in 0..5 {
        let world = World::new().await;
        let (shop, serving) = open_shop(world.baker().await, &world.address, PRICE).await;
        let relay = relay_until(shop, answers).await;
        let failure = pay_at(&relay, world.ada().await, Decision::Accept).await.unwrap_err();
        assert!(matches!(failure.error, Error::Hop { hop: SHOP, source: HopError::Closed }), "{answers} {failure}");
        assert_eq!((failure.transaction.is_some(), failure.requested), (answers > 2, answers > 2), "{answers}");
        assert_eq!(failure.to_string().contains("ask with `status`"), failure.requested);

        let served = serving.await.unwrap();
        match answers {
            0 | 1 => assert!(served.unwrap().is_none()),
            2 | 3 => {
                let failed = served.unwrap_err();
                assert!(matches!(failed.error, Error::CustomerLeft), "{answers} {failed}");
                assert_eq!((failed.transaction.is_some(), failed.requested), (true, answers == 3));
            }
            _ => assert_eq!(served.unwrap().unwrap().conclusion, Conclusion::Posted),
        }
        if failure.requested {
            let expected = if answers == 4 { Conclusion::Posted } else { Conclusion::Open };
            let status = world.ask_status(world.ada().await).await.unwrap();
            assert_eq!((Some(status.transaction), status.conclusion), (failure.transaction, expected));
        }
    }
}

#[tokio::test]
async fn a_stranger_is_told_so_and_costs_the_card_nothing() {
    let world = World::new().await;
    let later_kind = [1, Kind::TransactionRequest.byte(), 0];
    let frames: [&[u8]; 4] = [b"junk", &[], &later_kind, &bare(Kind::Refused)];
    for message in frames {
        let (shop, serving) = open_shop(world.baker().await, &world.address, PRICE).await;
        let answer = Upstream::new(&shop, 1, Tap::silent()).ask(message).await.unwrap();
        assert_eq!(answer, offer::stopped("it does not understand this terminal"), "{message:?}");
        let failed = serving.await.unwrap().unwrap_err();
        assert!(matches!(failed.error, Error::Misbehaved { hop: CUSTOMER, .. }), "{message:?} {failed}");
    }
    // Not even a frame: the length is more than any message has.
    let (shop, serving) = open_shop(world.baker().await, &world.address, PRICE).await;
    let mut stream = TcpStream::connect(&shop).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let failed = serving.await.unwrap().unwrap_err();
    assert!(matches!(failed.error, Error::Hop { hop: CUSTOMER, source: HopError::Malformed(_) }), "{failed}");
    assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap_or(0), 0);
    assert!(world.provider.asked().iter().all(|message| *message == bare(Kind::DescriptorRequest)));
}

#[tokio::test]
async fn requests_share_a_connection_and_answers_find_their_own() {
    let (listener, address) = listen().await;
    let upstream = Upstream::new(&address, 1, Tap::silent());
    let asking: Vec<_> = (0..20_u8)
        .map(|number| {
            let upstream = upstream.clone();
            tokio::spawn(async move { upstream.ask(&[number]).await })
        })
        .collect();
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut frames = Vec::new();
    for _ in 0..20 {
        frames.push(next(&mut stream).await);
    }
    for frame in frames.iter().rev() {
        hop::write(&mut stream, frame.number, &[frame.message[0], 0xAA]).await.unwrap();
    }
    for (number, asking) in asking.into_iter().enumerate() {
        assert_eq!(asking.await.unwrap().unwrap(), [number as u8, 0xAA]);
    }
    assert!(timeout(Duration::from_millis(20), listener.accept()).await.is_err(), "a second connection");
}

#[tokio::test]
async fn a_request_is_sent_as_often_as_it_may_be_and_not_once_more() {
    let (listener, address) = listen().await;
    let upstream = Upstream::new(&address, 3, Tap::silent());
    let asking = tokio::spawn(async move { upstream.ask(b"the same bytes").await });
    for _ in 0..3 {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(next(&mut stream).await.message, b"the same bytes");
    }
    assert!(matches!(asking.await.unwrap(), Err(HopError::Closed)));
    assert!(timeout(2 * hop::RECONNECT_DELAY, listener.accept()).await.is_err(), "a fourth connection");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let (listener, address) = listen().await;
    drop(listener);
    let error = Upstream::new(&address, 2, Tap::silent()).ask(b"anybody").await.unwrap_err();
    assert!(matches!(error, HopError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_awaited_for_ever_and_is_passed_over_when_it_does() {
    let (listener, address) = listen().await;
    let upstream = Upstream::new(&address, 1, Tap::silent());
    let first = tokio::spawn({
        let upstream = upstream.clone();
        async move { upstream.ask(b"first").await }
    });
    let (mut stream, _) = listener.accept().await.unwrap();
    let late = next(&mut stream).await;
    tokio::time::pause();
    assert!(matches!(first.await.unwrap(), Err(HopError::TimedOut(ANSWER_TIME))));
    tokio::time::resume();
    let second = tokio::spawn(async move { upstream.ask(b"second").await });
    let asked = next(&mut stream).await;
    hop::write(&mut stream, late.number, b"late").await.unwrap();
    hop::write(&mut stream, asked.number, b"in time").await.unwrap();
    assert_eq!(second.await.unwrap().unwrap(), b"in time");
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_whole_in_time_and_no_longer_than_a_message() {
    let wait = Duration::from_secs(3600);
    let (mut ours, mut theirs) = tokio::io::duplex(2 * MESSAGE_MAX);
    hop::write(&mut theirs, 7, &vec![1; MESSAGE_MAX]).await.unwrap();
    let frame = hop::read(&mut ours, wait).await.unwrap().unwrap();
    assert_eq!((frame.number, frame.message.len()), (7, MESSAGE_MAX));
    assert!(matches!(hop::write(&mut theirs, 8, &vec![1; MESSAGE_MAX + 1]).await, Err(HopError::Malformed(_))));

    // Nothing within the wait, and half a frame that goes no further.
    assert!(matches!(hop::read(&mut ours, wait).await, Err(HopError::TimedOut(waited)) if waited == wait));
    theirs.write_all(&[0, 0, 0]).await.unwrap();
    assert!(matches!(hop::read(&mut ours, wait).await, Err(HopError::TimedOut(FRAME_TIME))));

    // A stream that ends within a frame, in its header or in its message, and one that ends between two.
    for bytes in [vec![0], vec![0; 11], [&[0, 0, 0, 2], [0; 9].as_slice()].concat()] {
        let (mut ours, mut theirs) = tokio::io::duplex(64);
        theirs.write_all(&bytes).await.unwrap();
        drop(theirs);
        assert!(matches!(hop::read(&mut ours, wait).await, Err(HopError::Closed)), "{bytes:?}");
    }
    let (mut ours, theirs) = tokio::io::duplex(64);
    drop(theirs);
    assert!(hop::read(&mut ours, wait).await.unwrap().is_none());
}
