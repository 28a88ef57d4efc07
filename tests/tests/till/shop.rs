//! A shop with a till, its provider, and a customer.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use symbolon_tests::group::{PATIENCE, Person, Town};
use symbolon_tests::pcsc::Daemon;
use symbolon_tests::process::{Ended, build};

/// What Ada has at the beginning, in minor units.
pub(crate) const OPENING: i64 = 100_000;
/// What everything costs, in minor units.
pub(crate) const PRICE: i64 = 1250;

pub(crate) struct Shop {
    pub(crate) town: Town,
    pub(crate) program: PathBuf,
    pub(crate) config: String,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let town = Town::new(&people()).unwrap();
        let cards = ["ada", "shop"].map(|name| town.card(name).unwrap());
        Self::at(town, &cards)
    }

    /// With the first PC/SC reader for customers, and the merchant's card there.
    pub(crate) fn with_pcsc(daemon: Daemon, merchant_card: &str) -> Self {
        let town = Town::with_pcsc(&people(), daemon).unwrap();
        Self::at(town, &["pcsc:00 00".to_owned(), merchant_card.to_owned()])
    }

    /// Where customers' cards and the merchant's are.
    fn at(town: Town, [card, merchant_card]: &[String; 2]) -> Self {
        let config = town.path("till.toml");
        let settings = format!(
            "provider = \"{}\"\nname = \"Bakery\"\naddress = [\"Main Street 7\"]\ncurrency = \"EUR\"\n\
            card = \"{card}\"\nmerchant_card = \"{merchant_card}\"\nmerchant_pin_file = \"pin\"\n\
            book = \"book\"\nreceipts = \"receipts\"\nprinter = \"paper\"\n",
            town.address
        );
        fs::write(&config, settings).unwrap();
        Self { town, program: build("host-terminal").unwrap(), config }
    }

    /// The till for programs: what it printed, and how it ended.
    pub(crate) fn pos(&self, arguments: &[&str]) -> Ended {
        let arguments = [&["pos", "--config", &self.config, "--json"], arguments].concat();
        self.town.terminal(&arguments).unwrap().end(PATIENCE).unwrap()
    }

    /// The day's list.
    pub(crate) fn list(&self) -> Value {
        self.pos(&["--list"]).success().unwrap()
    }

    /// How many sales of the day's list ended so.
    pub(crate) fn count(&self, result: &str) -> usize {
        self.list()["sales"].as_array().unwrap().iter().filter(|sale| sale["result"] == result).count()
    }

    /// Settles until nothing is open; how many it settled.
    pub(crate) fn settle(&self) -> u64 {
        let said = self.pos(&["--settle"]).success().unwrap();
        assert_eq!(said["open"], Value::Array(Vec::new()));
        said["settled"].as_u64().unwrap()
    }

    /// What the shop has taken, after an audit of the provider's books; nothing was made or lost.
    pub(crate) fn taken(&self) -> i64 {
        let balances = self.town.balances().unwrap();
        assert_eq!(balances["shop"] + balances["ada"], OPENING);
        balances["shop"]
    }

    /// Has the list and the provider agree.
    pub(crate) fn agree(&self) -> i64 {
        let taken = self.taken();
        assert_eq!(taken, PRICE * i64::try_from(self.count("posted")).unwrap(), "{}", self.list());
        taken
    }

    /// The till line by line.
    pub(crate) fn plain(&self, more: &[&str]) -> Plain {
        let mut command = match self.town.daemon() {
            Ok(daemon) => daemon.command(&self.program),
            Err(_) => Command::new(&self.program),
        };
        Plain::start(command.args(["pos", "--plain", "--config", &self.config]).args(more))
    }
}

fn people() -> [Person; 2] {
    [Person::new("shop"), Person::new("ada").with(&["--opening", "1000.00"])]
}

/// A till that is spoken to in lines. Killed when dropped.
pub(crate) struct Plain {
    pub(crate) child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    pub(crate) said: Vec<String>,
}

impl Plain {
    fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).env("TZ", "UTC");
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (line, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
        Self { input: child.stdin.take(), child, lines, said: Vec::new() }
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until a line with this comes; gives the line.
    pub(crate) fn hear(&mut self, words: &str) -> String {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("nobody says {words:?}: {:#?}", self.said));
            self.said.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Nothing more is typed; waits for its end.
    pub(crate) fn end(mut self) -> Vec<String> {
        self.input = None;
        self.said.extend(self.lines.iter());
        assert!(self.child.wait().unwrap().success());
        std::mem::take(&mut self.said)
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
