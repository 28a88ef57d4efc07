//! The hand on cards, lent to other processes: what they ask, and what they should not.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sim_reader::control::{
    Answer, ControlError, Controlled, LINE_TIME, Order, REQUEST_MAX, REQUESTS_MAX, Report, Request, ask, listen, serve,
};
use sim_reader::hand::{Hand, Moment, Reader, Removal};
use tempfile::TempDir;

/// Two cards without readers, controlled from a thread that ends with the test program.
struct Desk {
    hands: [Hand; 2],
    socket: PathBuf,
    _folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (hands, socket) = ([(); 2].map(|()| Hand::new(Arc::default())), folder.path().join("control"));
        let controlled = |(number, hand): (usize, &Hand)| Controlled {
            image: format!("{number}.card"),
            reader: "nowhere".to_owned(),
            hand: hand.clone(),
        };
        let cards: Arc<[Controlled]> = hands.iter().enumerate().map(controlled).collect();
        let path = socket.clone();
        let (ready, listening) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = listen(&path).unwrap();
                ready.send(()).unwrap();
                serve(&listener, cards).await;
            });
        });
        listening.recv().unwrap();
        Self { hands, socket, _folder: folder }
    }

    fn ask(&self, card: Option<usize>, order: Order) -> Result<Vec<Report>, ControlError> {
        ask(&self.socket, &Request { card, order, wait_ms: 0 })
    }

    /// What comes back for these very bytes.
    fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(LINE_TIME * 2)).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        serde_json::from_slice(&answer).unwrap()
    }
}

fn program(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sim-reader"));
    command.args(arguments).env("RUST_BACKTRACE", "1").output().unwrap()
}

#[test]
fn the_program_takes_the_card_out_of_the_slot_that_it_is_told() {
    let desk = Desk::new();
    let control = |more: &[&str]| {
        let socket = desk.socket.to_str().unwrap();
        program(&[["control", "--at", socket, "--wait", "0", "--json"].as_slice(), more].concat())
    };
    let output = control(&["remove", "--slot", "1"]);
    let report: Report = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.success(), report.card, report.inserted), (true, 1, false));
    assert_eq!(desk.hands.each_ref().map(|hand| hand.state().inserted), [true, false]);
    assert!(!control(&["remove", "--slot", "2"]).status.success());
    assert_eq!(desk.hands.each_ref().map(|hand| hand.state().inserted), [true, false]);
}

#[test]
fn an_error_of_the_program_is_one_line_also_where_backtraces_are_wanted() {
    let output = program(&["info", "--image", "/nowhere/no.card"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.starts_with("sim-reader: ") && errors.contains("no.card"), "{errors}");
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
}

#[test]
fn orders_reach_the_card_that_they_are_for() {
    let desk = Desk::new();
    assert_eq!(desk.ask(None, Order::Status).unwrap().len(), 2);
    let reports = desk.ask(Some(1), Order::Remove).unwrap();
    assert_eq!((reports[0].card, reports[0].inserted, reports[0].seen), (1, false, Reader::Absent));
    assert_eq!(desk.hands.each_ref().map(|hand| hand.state().inserted), [true, false]);
    let removal = Removal { command: 2, moment: Moment::Unanswered };
    let plan = Order::Plan { command: removal.command, moment: removal.moment };
    assert_eq!(desk.ask(Some(0), plan).unwrap()[0].removal, Some(removal));
    assert_eq!(desk.hands.each_ref().map(|hand| hand.state().removal), [Some(removal), None]);
    desk.ask(None, Order::Press).unwrap();
    assert_eq!(desk.hands.each_ref().map(|hand| hand.state().pressed), [true, true]);
    desk.ask(Some(0), Order::Release).unwrap();
    assert_eq!(desk.hands.each_ref().map(|hand| hand.state().pressed), [false, true]);
    desk.ask(None, Order::Insert).unwrap();
    assert_eq!(desk.hands.each_ref().map(|hand| hand.state().inserted), [true, true]);
}

#[test]
fn an_order_waits_as_long_as_it_is_told_to_and_no_longer() {
    let desk = Desk::new();
    let began = Instant::now();
    let insert = Request { card: Some(0), order: Order::Insert, wait_ms: 300 };
    assert!(!ask(&desk.socket, &insert).unwrap()[0].is_known(), "there is no reader");
    assert!(began.elapsed() >= Duration::from_millis(300) && began.elapsed() < LINE_TIME);
    let nowhere = desk.socket.with_extension("other");
    let began = Instant::now();
    let error = ask(&nowhere, &insert).unwrap_err();
    assert!(matches!(error, ControlError::Nobody { .. }) && began.elapsed() >= Duration::from_millis(300), "{error}");
    assert!(error.to_string().contains("control.other"), "{error}");
}

#[test]
fn what_is_no_order_is_refused_and_changes_nothing() {
    let desk = Desk::new();
    let too_long = [br#"{"card":null,"order":"remove","wait_ms":"#.as_slice(), &[b'0'; REQUEST_MAX], b"1}\n"].concat();
    for bytes in [
        b"".as_slice(),
        b"\n",
        b"remove\n",
        b"{}\n",
        br#"{"card":null,"order":"remove","wait_ms":0"#,
        b"{\"card\":null,\"order\":\"explode\",\"wait_ms\":0}\n",
        b"{\"card\":null,\"order\":\"remove\",\"wait_ms\":-1}\n",
        b"{\"card\":2,\"order\":\"remove\",\"wait_ms\":0}\n",
        b"{\"card\":null,\"order\":{\"plan\":{\"command\":0,\"moment\":\"before\"}},\"wait_ms\":0}\n",
        b"{\"card\":null,\"order\":\"remove\",\"wait_ms\":0,\"more\":1}\n",
        &[0xFF; 64],
        &too_long,
    ] {
        assert!(matches!(desk.send(bytes), Answer::Error(_)), "{}", String::from_utf8_lossy(bytes));
    }
    for hand in &desk.hands {
        assert_eq!((hand.state().removals, hand.state().inserted, hand.state().removal), (0, true, None));
    }
}

#[test]
fn those_who_say_nothing_are_sent_away_and_do_not_keep_others_out_for_long() {
    let desk = Desk::new();
    let began = Instant::now();
    let _silent: Vec<_> = (0..REQUESTS_MAX).map(|_| UnixStream::connect(&desk.socket).unwrap()).collect();
    assert!(matches!(desk.send(b"{\"card\":null,\"order\":\"status\",\"wait_ms\":0}\n"), Answer::Cards(_)));
    assert!(began.elapsed() < LINE_TIME * 2, "{:?}", began.elapsed());
}

#[test]
fn the_socket_is_its_owners_and_nothing_else_is_replaced_by_it() {
    let desk = Desk::new();
    assert_eq!(std::fs::metadata(&desk.socket).unwrap().permissions().mode() & 0o777, 0o600);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _context = runtime.enter();
    assert_eq!(listen(&desk.socket).unwrap_err().kind(), std::io::ErrorKind::AddrInUse, "somebody lives there");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "content").unwrap();
    assert!(listen(&path).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"content");
    let left = folder.path().join("left");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    assert!(listen(&left).is_ok(), "nobody lives there any more");
}
