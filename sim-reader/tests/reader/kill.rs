//! The served card as a process: killed with SIGKILL at random moments, ended with SIGTERM, started twice.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use apdu_spec::link::{Kind, Refusal, VERSION};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::driver::{CREATE, Driver, FILE_LENGTH, READ, SELECT, update};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sim-reader");

fn program(arguments: &[&str], image: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).arg("--image").arg(image).env_remove("SYMBOLON_PASSPHRASE").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str], image: &Path) -> Output {
    program(arguments, image).output().unwrap()
}

/// A child that is gone when the test is, however it ends.
struct Process(Child);

impl Process {
    fn start(arguments: &[&str], image: &Path) -> (Self, SocketAddr) {
        Self::listening(program(arguments, image).stdout(Stdio::piped()).spawn().unwrap())
    }

    fn listening(mut child: Child) -> (Self, SocketAddr) {
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}"));
        (Self(child), address.parse().unwrap())
    }

    fn kill(mut self) {
        self.0.kill().unwrap(); // SIGKILL
        self.0.wait().unwrap();
    }

    fn terminate(mut self) -> ExitStatus {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "SIGTERM was not heard");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Kills the card `rounds` times while it updates a file, each time a moment after up to `most` answers; what is there
/// then is the last answered content or the one that was under way, whole.
fn kill_at_random_moments(seed: u64, rounds: u32, most: u32, image: &Path, serve: &[&str]) {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut acknowledged, mut under_way) = (0_u8, 0_u8);
    for round in 0..rounds {
        let (process, address) = Process::start(serve, image);
        let mut driver = Driver::connect(address).unwrap();
        driver.power_on().unwrap();
        if round == 0 {
            assert_eq!(driver.transmit(CREATE).unwrap(), [0x90, 0x00]);
        }
        assert_eq!(driver.transmit(SELECT).unwrap(), [0x90, 0x00]);
        let found = driver.transmit(READ).unwrap();
        assert!(found[..FILE_LENGTH].iter().all(|byte| *byte == found[0]), "round {round}: torn {found:?}");
        assert!([acknowledged, under_way].contains(&found[0]), "round {round}: {found:?}");
        acknowledged = found[0];

        let (enough, pause) = (random.gen_range(0..most), Duration::from_micros(random.gen_range(0..5000)));
        let (tell, told) = mpsc::channel();
        let killer = std::thread::spawn(move || {
            told.recv().unwrap();
            std::thread::sleep(pause);
            process.kill();
        });
        for answers in 0.. {
            if answers == enough {
                tell.send(()).unwrap();
            }
            under_way = acknowledged.wrapping_add(1);
            match driver.ask(Kind::Transmit, &update(under_way)) {
                Ok((_, answer)) => assert_eq!(answer, [0x90, 0x00], "round {round}"),
                Err(_) => break,
            }
            acknowledged = under_way;
        }
        killer.join().unwrap();
    }
}

#[test]
fn a_killed_card_continues_from_before_or_after_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("card");
    assert!(run(&["new", "--pages", "8"], &image).status.success());
    kill_at_random_moments(1, 40, 12, &image, &["serve"]);
}

#[test]
fn a_killed_card_in_an_encrypted_image_does_so_too() {
    let folder = tempfile::tempdir().unwrap();
    let (image, passphrase) = (folder.path().join("card"), folder.path().join("passphrase"));
    std::fs::write(&passphrase, "correct horse\n").unwrap();
    let passphrase = ["--passphrase-file", passphrase.to_str().unwrap()];
    assert!(run(&[&["new", "--pages", "8"], passphrase.as_slice()].concat(), &image).status.success());
    kill_at_random_moments(2, 10, 12, &image, &[&["serve", "--sync", "always"], passphrase.as_slice()].concat());

    let without = run(&["serve"], &image);
    assert!(!without.status.success());
    assert!(String::from_utf8_lossy(&without.stderr).contains("passphrase"), "{without:?}");
}

#[test]
fn a_card_killed_while_its_log_is_written_anew_loses_nothing_either() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("card");
    assert!(run(&["new", "--pages", "4"], &image).status.success());
    let made = std::fs::metadata(&image).unwrap().ino();
    kill_at_random_moments(4, 12, 6000, &image, &["serve", "--sync", "never"]);
    assert_ne!(std::fs::metadata(&image).unwrap().ino(), made, "it was written anew");
    assert!(std::fs::metadata(&image).unwrap().len() < 2 * 1024 * 1024);
    drop(Process::start(&["serve"], &image));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the image");
}

#[test]
fn a_full_disk_silences_the_card_and_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("card");
    assert!(run(&["new", "--pages", "8"], &image).status.success());
    // No file beyond 512 KiB: the log cannot grow any more after a while.
    let script = format!("trap '' XFSZ; ulimit -f 1024; exec {PROGRAM} serve --sync never --image \"$0\"");
    let limited = Command::new("sh").args(["-c", &script]).arg(&image).stdout(Stdio::piped()).spawn().unwrap();
    let (process, address) = Process::listening(limited);
    let mut driver = Driver::connect(address).unwrap();
    driver.power_on().unwrap();
    assert_eq!(driver.transmit(CREATE).unwrap(), [0x90, 0x00]);
    let (mut acknowledged, mut under_way) = (0_u8, 0_u8);
    let refused = loop {
        under_way = under_way.wrapping_add(1);
        match driver.ask(Kind::Transmit, &update(under_way)).unwrap() {
            (Kind::Answer, answer) => assert_eq!(answer, [0x90, 0x00]),
            (kind, body) => break (kind, body),
        }
        acknowledged = under_way;
    };
    let storage = (Kind::Refused, vec![Refusal::Storage as u8]);
    assert_eq!(refused, storage);
    assert_eq!(driver.ask(Kind::PowerOn, &[VERSION]).unwrap(), storage, "out of service until it is opened again");
    process.kill();

    let (_process, address) = Process::start(&["serve"], &image);
    let mut driver = Driver::connect(address).unwrap();
    driver.power_on().unwrap();
    driver.transmit(SELECT).unwrap();
    let found = driver.transmit(READ).unwrap();
    assert!([acknowledged, under_way].contains(&found[0]), "{found:?}");
    assert_eq!(found[..FILE_LENGTH], [found[0]; FILE_LENGTH]);
}

#[test]
fn a_card_killed_while_it_starts_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("card");
    assert!(run(&["new", "--pages", "8"], &image).status.success());
    let mut random = StdRng::seed_from_u64(3);
    for _ in 0..30 {
        let mut child = program(&["serve"], &image).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(random.gen_range(0..8000)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (_process, address) = Process::start(&["serve"], &image);
    Driver::connect(address).unwrap().power_on().unwrap();
}

#[test]
fn sigterm_ends_the_card_cleanly_and_frees_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("card");
    let (process, address) = Process::start(&["serve", "--new", "--pages", "8"], &image);
    let mut driver = Driver::connect(address).unwrap();
    driver.power_on().unwrap();
    assert_eq!(driver.transmit(CREATE).unwrap(), [0x90, 0x00]);
    assert!(process.terminate().success());
    assert!(run(&["info"], &image).status.success());
    assert!(matches!(driver.0.read(&mut [0]), Ok(0) | Err(_)));
}

#[test]
fn two_processes_cannot_have_one_card() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("card");
    let (process, _) = Process::start(&["serve", "--new", "--pages", "8"], &image);
    for command in ["serve", "info"] {
        let second = run(&[command], &image);
        assert!(!second.status.success());
        assert!(String::from_utf8_lossy(&second.stderr).contains("in use by another process"), "{second:?}");
    }
    assert!(process.terminate().success());
    assert!(run(&["info"], &image).status.success());
}

#[test]
fn the_program_says_what_it_did_and_what_it_will_not_do() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("card");
    assert!(run(&["new", "--pages", "8"], &image).status.success());
    assert!(!run(&["new", "--pages", "8"], &image).status.success(), "an image is never overwritten");
    let info = run(&["info", "--json"], &image);
    let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!((&info["pages"], &info["encrypted"]), (&8.into(), &false.into()));

    let remote = run(&["serve", "--listen", "0.0.0.0:0"], &image);
    assert!(!remote.status.success());
    assert!(String::from_utf8_lossy(&remote.stderr).contains("--allow-remote"), "{remote:?}");

    std::fs::write(&image, b"not a card").unwrap();
    let foreign = run(&["serve"], &image);
    assert!(String::from_utf8_lossy(&foreign.stderr).contains("not a card image"), "{foreign:?}");
}
