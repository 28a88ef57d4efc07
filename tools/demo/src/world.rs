//! A bank, a customer and a shop, set up as they would be: with the project's own tools, from empty cards.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{Desk, Running, list, text};

/// What screens call the provider.
pub(crate) const BANK: &str = "First Bank";

/// Who takes part, and with what.
pub(crate) struct Person {
    /// The holder's verified name.
    pub(crate) name: &'static str,
    /// What the diagrams call them.
    pub(crate) short: &'static str,
    /// What their files are called.
    pub(crate) file: &'static str,
    account: &'static str,
    opening: &'static str,
    pin: &'static str,
    slot: &'static Slot,
}

/// A slot of vsmartcard's virtual reader, as Debian configures it.
struct Slot {
    /// Where the card connects to.
    port: &'static str,
    /// What PC/SC calls it.
    reader: &'static str,
}

pub(crate) const CUSTOMER: Person = Person {
    name: "Ada Card",
    short: "Ada",
    file: "ada",
    account: "DE02100100109307118603",
    opening: "100.00",
    pin: "4711",
    slot: &Slot { port: "35963", reader: "Virtual PCD 00 00" },
};

pub(crate) const SHOP: Person = Person {
    name: "Bakery Huber",
    short: "Huber",
    file: "huber",
    account: "DE02700100800030876808",
    opening: "0",
    pin: "80331",
    slot: &Slot { port: "35964", reader: "Virtual PCD 00 01" },
};

/// A person's card in its reader.
pub(crate) struct Holder {
    pub(crate) person: &'static Person,
    /// The card's reader, as programs take it.
    pub(crate) card: String,
    /// The file with the PIN.
    pub(crate) pin_file: String,
    /// The account's number, as the provider enrolled it.
    pub(crate) account: String,
    /// The account's secret, hexadecimal.
    pub(crate) secret: String,
    _reader: Running,
}

/// All of it, running.
pub(crate) struct World {
    pub(crate) customer: Holder,
    pub(crate) shop: Holder,
    /// Where the provider listens.
    pub(crate) provider: String,
    /// Which provider it is, hexadecimal.
    pub(crate) identifier: String,
    _server: Running,
    pub(crate) desk: Desk,
}

impl World {
    /// Sets it up in `folder`; the cards are in PC/SC readers or in ones of their own.
    pub(crate) fn new(folder: &Path, pcsc: bool) -> Result<Self> {
        let desk = Desk::new(folder)?;
        let init = desk.provider("init", &["init", "--root-key", &desk.path("root.key")])?;
        let identifier = text(&init, "provider")?.to_owned();
        let customer = Holder::issue(&desk, &CUSTOMER, pcsc).context(CUSTOMER.name)?;
        let shop = Holder::issue(&desk, &SHOP, pcsc).context(SHOP.name)?;
        let serve = ["--data", &desk.path("bank"), "--json", "serve", "--listen", "127.0.0.1:0"];
        let (server, provider) = desk.serve("provider", "service-provider", &serve)?;
        Ok(Self { customer, shop, provider, identifier, _server: server, desk })
    }

    /// The provider's books at this moment, audited.
    pub(crate) fn ledger(&self) -> Result<Value> {
        self.desk.provider("ledger", &["ledger"])
    }

    /// The folder with everything that the provider keeps.
    pub(crate) fn provider_data(&self) -> String {
        self.desk.path("bank")
    }
}

impl Desk {
    /// Runs one of the provider's commands.
    fn provider(&self, name: &str, arguments: &[&str]) -> Result<Value> {
        let front = ["--data", &self.path("bank"), "--json"];
        let ended = self.run(&format!("provider-{name}"), "service-provider", &[&front, arguments].concat())?;
        Ok(ended.result()?.clone())
    }
}

impl Person {
    /// A new card in its reader, and where it is.
    fn put_in_reader(&self, desk: &Desk, image: &str, pcsc: bool) -> Result<(Running, String)> {
        let name = format!("card-{}", self.file);
        if pcsc {
            let insert = ["vpcd", "--new", "--image", image, "--json", "--port", self.slot.port];
            let (reader, _) = desk.serve(&name, "sim-reader", &insert)?;
            return Ok((reader, format!("pcsc:{}", self.slot.reader)));
        }
        let serve = ["serve", "--new", "--image", image, "--json"];
        let (reader, address) = desk.serve(&name, "sim-reader", &serve)?;
        Ok((reader, format!("tcp://{address}")))
    }
}

impl Holder {
    /// Opens an account, makes a card, personalises it, and tells the provider its key.
    fn issue(desk: &Desk, person: &'static Person, pcsc: bool) -> Result<Self> {
        let file = person.file;
        let enrol = ["enrol", "--account", person.account, "--holder", person.name, "--opening", person.opening];
        let enrolment = desk.provider(&format!("enrol-{file}"), &enrol)?;
        let (enrolment_file, profile, image) = (
            desk.path(&format!("{file}.json")),
            desk.path(&format!("{file}.toml")),
            desk.path(&format!("{file}.card")),
        );
        let pin_file = desk.path(&format!("{file}.pin"));
        fs::write(&enrolment_file, enrolment.to_string())?;
        fs::write(&pin_file, format!("{}\n", person.pin))?;
        fs::write(&profile, profile_of(person))?;

        let (reader, card) = person.put_in_reader(desk, &image, pcsc)?;
        let issue = ["issue", "--card", &card, "--profile", &profile, "--json"];
        let issued = desk.run(&format!("issue-{file}"), "cardctl", &issue)?;
        for key in list(issued.result()?, "keys")? {
            let (account, key) = (text(key, "account")?, text(key, "verification_key")?);
            let register = ["register-key", "--account", account, "--key", key];
            desk.provider(&format!("register-{file}"), &register)?;
        }
        let account = text(&enrolment, "account")?.to_owned();
        let secret = text(&enrolment, "account_secret")?.to_owned();
        Ok(Self { person, card, pin_file, account, secret, _reader: reader })
    }

    /// What the card tells to anyone.
    pub(crate) fn inspect(&self, desk: &Desk) -> Result<Value> {
        let inspect = ["inspect", "--card", &self.card, "--json"];
        let ended = desk.run(&format!("inspect-{}", self.person.file), "cardctl", &inspect)?;
        Ok(ended.result()?.clone())
    }
}

fn profile_of(person: &Person) -> String {
    let (name, file) = (person.name, person.file);
    format!(
        "[holder]\nname = \"{name}\"\n\n[[pin]]\nnumber = 1\nfile = \"{file}.pin\"\n\n\
        [[provider]]\nenrolment = \"{file}.json\"\nname = \"{BANK}\"\ncondition = \"pin 1\"\n"
    )
}
