//! A router between hops of every manner.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use host_terminal::hop::{self, CONNECTIONS_MAX, Frame, HopError, Listener, REQUESTS_MAX, Router, Upstream, serve};
use host_terminal::observe::{Silent, Tap};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Longer than anything here takes that is not held up.
const SOON: Duration = Duration::from_secs(20);

/// A router to `next` and where it listens, until the test ends.
async fn route(next: &str) -> String {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.address().unwrap().to_string();
    let router = Arc::new(Router(Upstream::new(next, 1, Tap::silent())));
    tokio::spawn(serve(listener, router, Arc::new(Silent), "router".into(), pending()));
    address
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

async fn next(stream: &mut TcpStream) -> Frame {
    timeout(SOON, hop::read(stream, SOON)).await.unwrap().unwrap().unwrap()
}

/// Answers every request with itself and one byte more.
async fn echo() -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                while let Ok(Some(Frame { number, message })) = hop::read(&mut stream, Duration::MAX).await {
                    hop::write(&mut stream, number, &[message.as_slice(), &[0xAA]].concat()).await.unwrap();
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn answers_go_back_under_the_number_and_on_the_connection_of_their_request() {
    let (above, address) = listen().await;
    let router = route(&address).await;
    let mut below = Vec::new();
    for connection in 0..3_u8 {
        let mut stream = TcpStream::connect(&router).await.unwrap();
        // All of them number alike.
        for number in [7, u64::MAX] {
            hop::write(&mut stream, number, &[connection, number as u8]).await.unwrap();
        }
        below.push(stream);
    }
    let (mut up, _) = above.accept().await.unwrap();
    let mut frames = Vec::new();
    for _ in 0..6 {
        frames.push(next(&mut up).await);
    }
    let mut numbers: Vec<u64> = frames.iter().map(|frame| frame.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 6, "the router gave two requests one number");
    for frame in frames.iter().rev() {
        hop::write(&mut up, frame.number, &[frame.message.as_slice(), b"!"].concat()).await.unwrap();
    }
    for (connection, stream) in below.iter_mut().enumerate() {
        for _ in 0..2 {
            let Frame { number, message } = next(stream).await;
            assert_eq!(message, [connection as u8, number as u8, b'!']);
        }
    }
    assert!(timeout(Duration::from_millis(20), above.accept()).await.is_err(), "a second way up");
}

#[tokio::test]
async fn whoever_waits_when_the_way_up_breaks_knows_it_and_may_ask_again() {
    let (above, address) = listen().await;
    let router = route(&address).await;
    let mut waiting = TcpStream::connect(&router).await.unwrap();
    hop::write(&mut waiting, 1, b"lost").await.unwrap();
    let (mut up, _) = above.accept().await.unwrap();
    next(&mut up).await;
    drop(up);
    assert!(timeout(SOON, hop::read(&mut waiting, SOON)).await.unwrap().unwrap().is_none());

    // A terminal asks again by itself.
    let terminal = Upstream::new(&router, 3, Tap::silent());
    let asking = tokio::spawn(async move { terminal.ask(b"again").await });
    let (mut up, _) = above.accept().await.unwrap();
    next(&mut up).await;
    drop(up);
    let (mut up, _) = above.accept().await.unwrap();
    let again = next(&mut up).await;
    hop::write(&mut up, again.number, &again.message).await.unwrap();
    assert_eq!(timeout(SOON, asking).await.unwrap().unwrap().unwrap(), b"again");
}

#[tokio::test]
async fn nobody_above_is_said_to_those_below_at_once() {
    let (above, address) = listen().await;
    drop(above);
    let error = Upstream::new(&route(&address).await, 2, Tap::silent()).ask(b"anybody").await.unwrap_err();
    assert!(matches!(error, HopError::Closed), "{error}");
}

#[tokio::test]
async fn junk_ends_its_own_connection_alone() {
    let router = route(&echo().await).await;
    let good = Upstream::new(&router, 1, Tap::silent());
    assert_eq!(good.ask(b"one").await.unwrap(), b"one\xAA");
    for junk in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xFF; 12]] {
        let mut stream = TcpStream::connect(&router).await.unwrap();
        stream.write_all(junk).await.unwrap();
        assert_eq!(timeout(SOON, stream.read_to_end(&mut Vec::new())).await.unwrap().unwrap_or(0), 0);
    }
    // Half a frame, and a request whose answer nobody waits for.
    let mut half = TcpStream::connect(&router).await.unwrap();
    half.write_all(&[0, 0, 1, 0]).await.unwrap();
    let mut gone = TcpStream::connect(&router).await.unwrap();
    hop::write(&mut gone, 1, b"gone").await.unwrap();
    drop(gone);
    assert_eq!(good.ask(b"two").await.unwrap(), b"two\xAA");
    // What is in a frame is nothing to a router.
    assert_eq!(good.ask(b"").await.unwrap(), b"\xAA");
    assert_eq!(good.ask(&[1, 7]).await.unwrap(), [1, 7, 0xAA]);
}

#[tokio::test]
async fn more_than_there_are_places_for_wait_and_are_not_lost() {
    let (above, address) = listen().await;
    let router = route(&address).await;
    let below = Upstream::new(&router, 1, Tap::silent());
    let count = REQUESTS_MAX + 40;
    let asking: Vec<_> = (0..count)
        .map(|number| {
            let below = below.clone();
            tokio::spawn(async move { below.ask(&number.to_be_bytes()).await })
        })
        .collect();
    let (mut up, _) = above.accept().await.unwrap();
    let mut frames = Vec::new();
    for _ in 0..REQUESTS_MAX {
        frames.push(next(&mut up).await);
    }
    let more = timeout(Duration::from_millis(200), hop::read(&mut up, SOON)).await;
    assert!(more.is_err(), "more than {REQUESTS_MAX} at a time");
    for frame in frames {
        hop::write(&mut up, frame.number, &frame.message).await.unwrap();
    }
    for _ in REQUESTS_MAX..count {
        let frame = next(&mut up).await;
        hop::write(&mut up, frame.number, &frame.message).await.unwrap();
    }
    for (number, asking) in asking.into_iter().enumerate() {
        assert_eq!(timeout(SOON, asking).await.unwrap().unwrap().unwrap(), number.to_be_bytes());
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_one_goes() {
    let router = route(&echo().await).await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        silent.push(TcpStream::connect(&router).await.unwrap());
    }
    let late = Upstream::new(&router, 1, Tap::silent());
    let asking = tokio::spawn(async move { late.ask(b"late").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!asking.is_finished(), "there is no room");
    silent.pop();
    assert_eq!(timeout(SOON, asking).await.unwrap().unwrap().unwrap(), b"late\xAA");
}

#[tokio::test]
async fn what_was_asked_before_the_end_is_answered() {
    let (above, address) = listen().await;
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let door = listener.address().unwrap().to_string();
    let router = Arc::new(Router(Upstream::new(&address, 1, Tap::silent())));
    let (close, closing) = oneshot::channel();
    let closing = async { drop(closing.await) };
    let serving = tokio::spawn(serve(listener, router, Arc::new(Silent), "router".into(), closing));
    let mut below = TcpStream::connect(&door).await.unwrap();
    hop::write(&mut below, 5, b"asked").await.unwrap();
    let (mut up, _) = above.accept().await.unwrap();
    let asked = next(&mut up).await;
    close.send(()).unwrap();
    hop::write(&mut up, asked.number, b"answered").await.unwrap();
    assert_eq!(next(&mut below).await, Frame { number: 5, message: b"answered".to_vec() });
    timeout(SOON, serving).await.unwrap().unwrap();
    assert!(TcpStream::connect(&door).await.is_err());
}
