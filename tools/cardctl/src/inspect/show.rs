//! What was found, for people.

use std::fmt;

use apdu_spec::file::{FileDescriptor, FileState, Records};
use host_terminal::words::printable;
use protocol::amount::Amount;
use protocol::types::{Currency, TransactionId};

use super::{Found, FoundContent, FoundFile, FoundKey, FoundRecord, PinState};
use crate::files::Content;
use crate::{condition, words};

/// Bytes of a content that are shown; `--json` has all.
const SHOWN: usize = 48;
/// Records or objects of a file that are shown.
const LINES: usize = 8;

impl fmt::Display for Found {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "life cycle   {}", words::life_cycle(self.state))?;
        write!(out, "\nATR          {}", hex::encode_upper(&self.atr))?;
        for (name, number) in [("issuer", &self.issuer_number), ("card", &self.card_number)] {
            if let Some(number) = number {
                write!(out, "\n{name:<13}number {}", hex::encode_upper(number))?;
            }
        }
        if let Some(free) = self.free {
            write!(out, "\nfree         {free} bytes")?;
        }
        for pin in &self.pins {
            write!(out, "\nPIN {:<9}{}", pin.number, pin.state)?;
        }
        for version in &self.key_sets {
            write!(out, "\nkey set {:<5}the issuer's", version.number())?;
        }
        self.keys.iter().try_for_each(|key| write!(out, "\n{key}"))?;
        self.records.iter().try_for_each(|record| write!(out, "\n{record}"))?;
        self.files.iter().try_for_each(|file| write!(out, "\n{file}"))?;
        for entry in &self.journal {
            let amount = Amount { minor: entry.amount, currency: Currency(entry.currency) };
            write!(out, "\njournal {:<5}{amount} {}, ", entry.sequence, words::step(entry.step))?;
            write!(out, "transaction {}", TransactionId(entry.transaction))?;
        }
        if self.verified.is_empty() { write!(out, "\nMore can be seen with --pin-file.") } else { Ok(()) }
    }
}

impl fmt::Display for PinState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified => write!(out, "verified"),
            Self::TriesLeft(0) => write!(out, "0 tries left: blocked"),
            Self::TriesLeft(1) => write!(out, "1 try left"),
            Self::TriesLeft(left) => write!(out, "{left} tries left"),
        }
    }
}

impl fmt::Display for FoundKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "key {:<9}{}", format!("{:02X}", self.reference.number()), self.purposes.join(", "))?;
        match self.public_key {
            Some(key) => write!(out, "; public key {}", hex::encode(key)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for FoundRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "account {:<5}", self.domain.reference.number())?;
        match &self.account {
            None => write!(out, "locked")?,
            Some(account) => {
                let (kind, asked) = (words::instrument(account.instrument), condition::words(&account.condition));
                write!(out, "{}, {kind}, use: {asked}, provider {}", printable(&account.name), account.provider)?;
            }
        }
        for version in &self.key_sets {
            write!(out, ", its provider's key set {}", version.number())?;
        }
        Ok(())
    }
}

impl fmt::Display for FoundFile {
    /// A file under its directory: what it is, who may do what, what is in it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = "  ".repeat(self.path.len());
        let id = self.path.last().map_or(0x3F00, |id| id.0);
        write!(out, "{:<13}{}", format!("{indent}{id:04X}"), self.what())?;
        if self.state != FileState::Activated {
            write!(out, ", {}", words::file_state(self.state))?;
        }
        let permitted = self.access.iter().filter(|(_, words)| words != "never");
        let permitted: Vec<String> = permitted.map(|(name, words)| format!("{name}: {words}")).collect();
        if !permitted.is_empty() {
            write!(out, "\n{:13}{}", "", permitted.join("; "))?;
        }
        match &self.content {
            FoundContent::Directory => Ok(()),
            FoundContent::Closed => write!(out, "\n{:13}not readable without what its conditions ask for", ""),
            FoundContent::Open(Content::Bytes(bytes)) => write!(out, "\n{:13}{}", "", shown(bytes)),
            FoundContent::Open(Content::Records(all) | Content::Objects(all)) => lines(out, all),
        }
    }
}

impl FoundFile {
    /// A file in one line.
    pub(crate) fn line(&self) -> String {
        let id = self.path.last().map_or(0x3F00, |id| id.0);
        format!("{id:04X}  {}, {}", self.what(), words::file_state(self.state))
    }

    fn what(&self) -> String {
        let records = |kind: &str, shape: Records| format!("{kind}, at most {} of {} bytes", shape.count, shape.size);
        let kind = words::kind(self.descriptor);
        let shape = match self.descriptor {
            FileDescriptor::Directory => kind.to_owned(),
            FileDescriptor::Transparent { size } => format!("{size} bytes"),
            FileDescriptor::DataObjects { size } => format!("{kind}, at most {size} bytes"),
            FileDescriptor::LinearFixed(shape)
            | FileDescriptor::LinearVariable(shape)
            | FileDescriptor::Cyclic(shape) => records(kind, shape),
        };
        let purpose = words::file(&self.path).map_or_else(String::new, |purpose| format!("{purpose}, "));
        let name = self.name.as_ref().map_or_else(String::new, |name| format!(", {}", hex::encode_upper(name)));
        format!("{purpose}{shape}{name}")
    }
}

/// Without the zeros behind it.
fn shown(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if end == 0 { "zeros".to_owned() } else { words::bytes(bytes.get(..end).unwrap_or(bytes), SHOWN) }
}

fn lines(out: &mut fmt::Formatter<'_>, all: &[Vec<u8>]) -> fmt::Result {
    for (number, bytes) in (1..).zip(all).take(LINES) {
        write!(out, "\n{:13}{number}: {}", "", shown(bytes))?;
    }
    if all.len() > LINES { write!(out, "\n{:13}and {} more", "", all.len() - LINES) } else { Ok(()) }
}
