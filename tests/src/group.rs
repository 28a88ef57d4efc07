//! A provider, people with cards, and groups of them: every part a real process, over TCP.
//!
//! ```text
//! let town = Town::new(&[Person::new("shop"), Person::new("ada").with(&["--opening", "100.00"])])?;
//! let shop = member("shop", "provider", &payee("ada"));
//! let topology = town.file(&[purchase(""), shop, router("r1", "shop"), leaf("ada", "r1", &payer("shop"))])?;
//! let group = town.group(&topology)?;         // `host-terminal group`: exit code, results, what it said
//! let ada = result(&group.results, "ada", 0); // ada's result in the first transaction
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::pcsc::{Daemon, InsertedCard, Slot};
use crate::process::{Ended, Listener, Running, build};

/// Everybody's PIN.
pub const PIN: &str = "4711";

/// The longest that a program may take for what it is asked: longer than any wait of its own.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Where participants of topologies listen: below the ports that systems give to connections by themselves.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Person {
    name: String,
    cards: usize,
    enrolment: Vec<String>,
}

impl Person {
    /// With one card for an account of euros in which there is nothing.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), cards: 1, enrolment: Vec::new() }
    }

    /// With more arguments of `service-provider enrol`, such as `--opening 100.00`.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.enrolment.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// With so many cards for the one account.
    #[must_use]
    pub const fn cards(mut self, count: usize) -> Self {
        self.cards = count;
        self
    }

    /// The number of the account.
    #[must_use]
    pub fn account(&self) -> String {
        format!("ACCOUNTOF{}", self.name.to_uppercase())
    }
}

/// The programs.
struct Programs {
    reader: PathBuf,
    tool: PathBuf,
    provider: PathBuf,
    terminal: PathBuf,
}

/// A provider that serves, and everybody's cards in readers.
pub struct Town {
    programs: &'static Programs,
    /// PC/SC readers, where there are any: then everything runs where they are.
    daemon: Option<Daemon>,
    provider: Option<Listener>,
    /// Where the provider listens.
    pub address: String,
    cards: BTreeMap<String, Listener>,
    folder: TempDir,
}

/// What travelled, as `--events` wrote it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Who sent it.
    pub from: String,
    /// Who got it.
    pub to: String,
    /// What it is.
    pub what: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Town {
    /// Sets it up as anybody would, with the project's own tools.
    pub fn new(people: &[Person]) -> Result<Self> {
        Self::set_up(people, None)
    }

    /// Sets it up where there are PC/SC readers, into which [`Town::insert`] puts cards.
    pub fn with_pcsc(people: &[Person], daemon: Daemon) -> Result<Self> {
        Self::set_up(people, Some(daemon))
    }

    fn set_up(people: &[Person], daemon: Option<Daemon>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("pin"), PIN)?;
        let (provider, address, cards) = (None, String::new(), BTreeMap::new());
        let mut town = Self { programs: programs()?, daemon, provider, address, cards, folder };
        town.administer(&["init", "--root-key", &town.path("root.pem")])?;
        for person in people {
            town.enrol(person).with_context(|| person.name.clone())?;
        }
        town.open()?;
        Ok(town)
    }

    /// A file or folder in the town's own folder.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Where a card's reader listens, as topologies write it. A person's cards are NAME, NAME.1, NAME.2, ...
    pub fn card(&self, name: &str) -> Result<String> {
        let reader = self.cards.get(name).with_context(|| format!("there is no card {name}"))?;
        Ok(format!("tcp://{}", reader.address))
    }

    /// Takes a card out of the reader over TCP that it was issued in, and puts it into a PC/SC reader.
    pub fn insert(&mut self, name: &str, slot: &Slot) -> Result<InsertedCard> {
        self.take_out(name)?;
        InsertedCard::insert(self.daemon()?, self.path(&format!("{name}.card")).as_ref(), slot)
    }

    /// Takes a card out of the reader over TCP that it was issued in; `NAME.card` is its image.
    pub fn take_out(&mut self, name: &str) -> Result<()> {
        self.cards.remove(name).map_or(Ok(()), Listener::kill)
    }

    /// The PC/SC readers.
    pub fn daemon(&self) -> Result<&Daemon> {
        self.daemon.as_ref().context("this town has no PC/SC readers")
    }

    /// The PC/SC readers, to restart them.
    pub fn daemon_mut(&mut self) -> Result<&mut Daemon> {
        self.daemon.as_mut().context("this town has no PC/SC readers")
    }

    /// A command for one of the programs, where everything runs.
    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = self.daemon.as_ref().map_or_else(|| Command::new(program), |daemon| daemon.command(program));
        command.args(arguments);
        command
    }

    /// Writes a topology from its parts: `$provider` becomes the provider's address, each `$listen` a free one,
    /// `$card.NAME` where the card's reader listens, `$pin` a file with everybody's PIN.
    pub fn file(&self, parts: &[String]) -> Result<PathBuf> {
        let mut written = parts.concat().replace("$provider", &self.address).replace("$pin", &self.path("pin"));
        while written.contains("$listen") {
            written = written.replacen("$listen", &free_address()?, 1);
        }
        // Longer names first: one may begin with another.
        for name in self.cards.keys().rev() {
            written = written.replace(&format!("$card.{name}"), &self.card(name)?);
        }
        let path = self.folder.path().join(format!("topology{}.toml", NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::write(&path, written)?;
        Ok(path)
    }

    /// Starts all participants of a topology and waits for their end. What travels is in [`Town::events`] then.
    pub fn group(&self, topology: &Path) -> Result<Ended> {
        self.start_group(topology)?.end(PATIENCE)
    }

    /// Starts all participants of a topology.
    pub fn start_group(&self, topology: &Path) -> Result<Running> {
        let topology = topology.display().to_string();
        fs::create_dir_all(self.path("events"))?;
        self.terminal(&["group", "--json", "--topology", &topology, "--events", &self.path("events")])
    }

    /// Starts one participant of a topology, by its name.
    pub fn join(&self, topology: &Path, name: &str) -> Result<Running> {
        let topology = topology.display().to_string();
        fs::create_dir_all(self.path("events"))?;
        let events = self.path(&format!("events/{name}.events"));
        self.terminal(&["join", "--json", "--topology", &topology, "--name", name, "--events", &events])
    }

    /// Starts `host-terminal`.
    pub fn terminal(&self, arguments: &[&str]) -> Result<Running> {
        Running::spawn(&mut self.command(&self.programs.terminal, arguments))
    }

    /// What a participant saw, in the order of time.
    pub fn events(&self, name: &str) -> Result<Vec<Event>> {
        let path = self.path(&format!("events/{name}.events"));
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        text.lines()
            .map(|line| Event::parse(&serde_json::from_str(line)?).context("an event without its fields"))
            .collect()
    }

    /// What everybody's account holds, in minor units, after an audit of the books.
    pub fn balances(&self) -> Result<BTreeMap<String, i64>> {
        let ledger = self.administer(&["ledger"])?;
        ensure!(list(&ledger, "flaws")?.is_empty(), "the books do not add up: {ledger}");
        let balance = |account: &Value| Some((text(account, "holder")?.to_owned(), account.get("balance")?.as_i64()?));
        let balances = list(&ledger, "accounts")?.iter().map(balance);
        balances.collect::<Option<_>>().context("an account without holder or balance")
    }

    /// Ends the provider as a power cut would.
    pub fn kill_provider(&mut self) -> Result<()> {
        self.provider.take().map_or(Ok(()), Listener::kill)
    }

    /// Starts the provider; later starts are where the first one was.
    pub fn open(&mut self) -> Result<()> {
        let listen = if self.address.is_empty() { free_address()? } else { self.address.clone() };
        let data = self.path("provider");
        let serve = ["--json", "--data", &data, "serve", "--listen", &listen];
        let provider = Listener::spawn(&mut self.command(&self.programs.provider, &serve))?;
        self.address.clone_from(&provider.address);
        self.provider = Some(provider);
        Ok(())
    }

    /// One of `service-provider`'s commands.
    pub fn administer(&self, arguments: &[&str]) -> Result<Value> {
        let data = self.path("provider");
        let arguments = [&["--json", "--data", &data], arguments].concat();
        Running::spawn(&mut self.command(&self.programs.provider, &arguments))?.end(PATIENCE)?.success()
    }

    fn enrol(&mut self, person: &Person) -> Result<()> {
        let (name, account) = (&person.name, person.account());
        let mut enrol = vec!["enrol", "--account", &account, "--holder", name];
        enrol.extend(person.enrolment.iter().map(String::as_str));
        fs::write(self.path(&format!("{name}.json")), self.administer(&enrol)?.to_string())?;
        let profile = format!(
            "[holder]\nname = \"{name}\"\n[[pin]]\nnumber = 1\nfile = \"pin\"\n\
            [[provider]]\nenrolment = \"{name}.json\"\nname = \"Bank\"\ncondition = \"pin 1\"\n"
        );
        fs::write(self.path(&format!("{name}.toml")), profile)?;
        for card in 0..person.cards {
            let label = if card == 0 { name.clone() } else { format!("{name}.{card}") };
            self.issue(name, &label)?;
        }
        Ok(())
    }

    /// Makes a card for a person's account and tells the provider its key.
    fn issue(&mut self, name: &str, label: &str) -> Result<()> {
        let image = self.path(&format!("{label}.card"));
        let serve = ["serve", "--new", "--image", &image, "--json", "--sync", "never"];
        let reader = Listener::spawn(&mut self.command(&self.programs.reader, &serve))?;
        let (card, profile) = (format!("tcp://{}", reader.address), self.path(&format!("{name}.toml")));
        self.cards.insert(label.to_owned(), reader);
        let issue = ["issue", "--card", &card, "--profile", &profile, "--json"];
        let issued = Running::spawn(&mut self.command(&self.programs.tool, &issue))?.end(PATIENCE)?.success()?;
        for key in list(&issued, "keys")? {
            let account = text(key, "account").context("a key of no account")?;
            let key = text(key, "verification_key").context("an account without a key")?;
            self.administer(&["register-key", "--account", account, "--key", key])?;
        }
        Ok(())
    }
}

impl Event {
    fn parse(line: &Value) -> Option<Self> {
        let own = |key| text(line, key).map(str::to_owned);
        Some(Self {
            from: own("from")?,
            to: own("to")?,
            what: own("what")?,
            bytes: hex::decode(text(line, "bytes")?).ok()?,
        })
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value.get(key).and_then(Value::as_array).with_context(|| format!("there is no list {key:?} in {value}"))
}

/// The beginning of a topology for purchases of 12.50 euros, with more lines of its `[transaction]`.
#[must_use]
pub fn purchase(lines: &str) -> String {
    let transaction = "[transaction]\nkind = \"purchase\"\namount = \"12.50\"\ncurrency = \"EUR\"";
    format!("provider = \"$provider\"\n{transaction}\n{lines}\n\n")
}

/// A member with these lines, below which others are.
#[must_use]
pub fn member(name: &str, next: &str, lines: &str) -> String {
    let listens = lines.lines().any(|line| line.starts_with("listen"));
    leaf(name, next, &if listens { lines.to_owned() } else { format!("listen = \"$listen\"\n{lines}") })
}

/// A member with these lines, below which nobody is.
#[must_use]
pub fn leaf(name: &str, next: &str, lines: &str) -> String {
    let has_card = lines.lines().any(|line| line.starts_with("card"));
    let card = if has_card { String::new() } else { format!("card = \"$card.{name}\"\n") };
    format!("[[member]]\nname = \"{name}\"\nnext = \"{next}\"\npin_file = \"$pin\"\n{card}{lines}\n")
}

/// A router.
#[must_use]
pub fn router(name: &str, next: &str) -> String {
    format!("[[router]]\nname = \"{name}\"\nlisten = \"$listen\"\nnext = \"{next}\"\n\n")
}

/// Lines of a member who is to be paid by `payer`.
#[must_use]
pub fn payee(payer: &str) -> String {
    format!("role = \"payee\"\nprove_account = true\ncounterparties = [\"{payer}\"]\n")
}

/// Lines of a member who pays `payee`.
#[must_use]
pub fn payer(payee: &str) -> String {
    format!("role = \"payer\"\ncounterparties = [\"{payee}\"]\n")
}

/// Lines of a member who vouches for these two.
#[must_use]
pub fn witness(payer: &str, payee: &str) -> String {
    format!("role = \"witness\"\ncounterparties = [\"{payer}\", \"{payee}\"]\n")
}

/// What one of `host-terminal`'s results says of a member in one of the transactions.
#[must_use]
pub fn result<'a>(results: &'a [Value], name: &str, run: u64) -> Option<&'a Value> {
    results.iter().find(|result| result["name"] == name && result["run"] == run)
}

fn programs() -> Result<&'static Programs> {
    static PROGRAMS: OnceLock<Result<Programs>> = OnceLock::new();
    let built = PROGRAMS.get_or_init(|| {
        Ok(Programs {
            reader: build("sim-reader")?,
            tool: build("cardctl")?,
            provider: build("service-provider")?,
            terminal: build("host-terminal")?,
        })
    });
    built.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))
}

/// Numbers files, so that no two have one name.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// An address where nobody listens, and that is given to nobody else in this process.
pub fn free_address() -> Result<String> {
    static OFFSET: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    // Processes begin far from each other.
    let begin = u16::try_from(u64::from(std::process::id()) * 997 % u64::from(count))?;
    for _ in 0..count {
        let offset = u32::from(begin) + u32::from(OFFSET.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + u16::try_from(offset % u32::from(count))?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(format!("127.0.0.1:{port}"));
        }
    }
    anyhow::bail!("no port is free")
}
