//! Several cards in one process, and several processes that want one slot.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sim_reader::control::{Order, Report, Request, ask};
use sim_reader::hand::Reader;
use symbolon_tests::pcsc::{Daemon, Slot, sim_reader};
use symbolon_tests::process::Piped;
use symbolon_tests::transcript::Player;
use tempfile::TempDir;

use crate::reader::Client;
use crate::{CREATE, OK, READ, SELECT, Scene, content, is_read, update};

/// How long a card may take to reach a slot.
const PATIENCE: Duration = Duration::from_secs(10);

/// `sim-reader vpcd` with new cards in consecutive slots.
fn start(daemon: &Daemon, folder: &Path, names: &[&str], first: &Slot) -> Result<(Piped, PathBuf)> {
    let control = folder.join(names.concat() + ".control");
    let mut command = daemon.command(sim_reader()?);
    command.args(["vpcd", "--json", "--new", "--port", &first.port.to_string(), "--control"]).arg(&control);
    for name in names {
        command.arg("--image").arg(folder.join(name));
    }
    Ok((Piped::start(&mut command)?, control))
}

fn order(control: &Path, card: Option<usize>, order: Order, wait_ms: u64) -> Result<Vec<Report>> {
    Ok(ask(control, &Request { card, order, wait_ms })?)
}

/// The standard error of a program that fails.
fn complaint(daemon: &Daemon, arguments: &[&str]) -> Result<String> {
    let output = daemon.command(sim_reader()?).args(arguments).output()?;
    ensure!(!output.status.success(), "{arguments:?} succeeded");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn one_process_holds_several_cards_and_each_is_taken_out_alone() -> Result<()> {
    let (daemon, folder) = (Daemon::with_slots(4)?, TempDir::new()?);
    let (mut process, control) = start(&daemon, folder.path(), &["a", "b", "c"], &daemon.slot(1)?)?;
    let mut clients = Vec::new();
    for number in 0..3 {
        assert!(process.line()?.contains("\"connected\""));
        let mut client = Client::connect(&daemon, &daemon.slot(1 + number)?.name)?;
        assert_eq!(client.transmit(CREATE)?, OK);
        assert_eq!(client.transmit(&update(&content(number.into())))?, OK);
        clients.push(client);
    }
    let out = order(&control, Some(1), Order::Remove, 10_000)?;
    assert!(matches!(out.as_slice(), [report] if report.card == 1 && report.seen == Reader::Empty), "{out:?}");
    for (number, client) in clients.iter_mut().enumerate() {
        let read = client.transmit(READ);
        assert_eq!(read.ok(), (number != 1).then(|| is_read(&content(number))));
    }
    let all = order(&control, None, Order::Insert, 10_000)?;
    assert_eq!(all.iter().map(|report| report.removals).collect::<Vec<_>>(), [0, 1, 0]);
    assert!(all.iter().all(Report::is_known));
    clients[1].connect_now()?;
    clients[1].transmit(SELECT)?;
    assert_eq!(clients[1].transmit(READ)?, is_read(&content(1)));
    drop(clients);
    process.terminate()?;
    assert!(process.end(PATIENCE)?.success() && !control.exists());
    Ok(())
}

#[test]
fn cards_that_cannot_all_have_a_slot_are_not_put_in_at_all() -> Result<()> {
    let (daemon, folder) = (Daemon::start()?, TempDir::new()?);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let [a, b, control] = ["a", "b", "control"].map(path);
    let two = ["vpcd", "--new", "--image", &a, "--image", &b];
    for (ports, why) in [
        (&["--port", "1", "--port", "2", "--port", "3"][..], "3 ports for 2 cards"),
        (&["--port", "2", "--port", "2"], "two cards cannot be in one slot"),
        (&["--port", "65535"], "1 ports for 2 cards"),
    ] {
        let said = complaint(&daemon, &[&two, ports].concat())?;
        assert!(said.contains(why) && !Path::new(&a).exists(), "{said}");
    }
    let said = complaint(&daemon, &["vpcd", "--new", "--image", &a, "--image", &a])?;
    assert!(said.contains("one card cannot be in two slots") && !Path::new(&a).exists(), "{said}");
    std::fs::write(&b, "something else")?;
    let said = complaint(&daemon, &two)?;
    assert!(said.contains("b is there already") && !Path::new(&a).exists(), "{said}");
    std::fs::write(&control, "something else")?;
    let said = complaint(&daemon, &["vpcd", "--new", "--image", &a, "--control", &control])?;
    assert!(said.contains(&control) && std::fs::read(&control)? == b"something else", "{said}");
    Ok(())
}

#[test]
fn a_card_waits_for_the_one_that_is_in_its_slot_and_says_so() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.client.transmit(&update(&content(1)))?;
    let slot = Slot::number(0);
    let (mut second, control) = start(&scene.daemon, scene.folder.path(), &["second"], &slot)?;
    let began = Instant::now();
    while order(&control, None, Order::Status, 10_000)?[0].seen != Reader::Silent {
        ensure!(began.elapsed() < PATIENCE, "it does not reach the reader");
    }
    let socket = control.display().to_string();
    let said =
        scene.daemon.command(sim_reader()?).args(["control", "--at", &socket, "insert", "--wait", "1"]).output()?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(!said.status.success() && text.contains("is another card in its slot?"), "{text}");
    assert_eq!(scene.client.transmit(READ)?, is_read(&content(1)), "the first has not noticed");

    scene.card.take().unwrap().take_out()?;
    assert!(second.line()?.contains("\"connected\""));
    scene.client.connect_now()?;
    assert_eq!(scene.client.transmit(CREATE)?, OK, "it is the other card");
    second.terminate()?;
    assert!(second.end(PATIENCE)?.success());
    Ok(())
}

#[test]
fn one_socket_is_one_processes_and_what_a_dead_one_left_is_replaced() -> Result<()> {
    let (daemon, folder) = (Daemon::start()?, TempDir::new()?);
    let (first, control) = start(&daemon, folder.path(), &["a"], &daemon.slot(0)?)?;
    assert_eq!(order(&control, None, Order::Insert, 10_000)?.len(), 1);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&control)?.permissions().mode() & 0o777, 0o600);
    let (other, socket) = (folder.path().join("b").display().to_string(), control.display().to_string());
    let said = complaint(&daemon, &["vpcd", "--new", "--image", &other, "--control", &socket])?;
    assert!(said.contains("another process listens there"), "{said}");
    assert_eq!(order(&control, None, Order::Status, 0)?.len(), 1, "the first is still reached");

    drop(first); // SIGKILL
    assert!(control.exists());
    let image = folder.path().join("a").display().to_string();
    let mut again = daemon.command(sim_reader()?);
    let _again = Piped::start(again.args(["vpcd", "--image", &image, "--control", &socket]))?;
    assert!(order(&control, None, Order::Insert, 10_000)?[0].is_known());
    Ok(())
}
