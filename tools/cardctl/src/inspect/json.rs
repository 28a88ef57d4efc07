//! What was found, for programs.

use apdu_spec::file::FileDescriptor;
use apdu_spec::journal::JournalEntry;
use protocol::types::TransactionId;
use serde_json::{Map, Value, json};

use super::{Found, FoundContent, FoundFile, FoundKey, FoundPin, FoundRecord, PinState};
use crate::files::{Content, path_words};
use crate::{condition, words};

/// What `inspect --json` prints: for the help text.
pub(crate) const SHAPE: &str = "\
With --json, one object. Bytes are hexadecimal, in lower case; what the card does not tell is null.

  atr            the answer to reset
  life_cycle     OP_READY, INITIALIZED, SECURED, CARD_LOCKED or TERMINATED; of the last two little else is told
  issuer_number, card_number
  free           bytes of memory
  pins           of each: number, tries_left (0: blocked; null: verified)
  pin_verified   whether one was given; `verified` lists their numbers
  key_sets       versions of the issuer's key sets
  channels       secure channels that were begun
  keys           of each: reference, purposes, public_key
  providers      of each: record, locked, key_sets, verification_key, and of one that is not locked provider, name,
                 instrument, condition
  files          of each, a directory before what is in it: path (identifiers, \"3F00\" for the master file), id, name
                 (what it is for), aid, kind, short_id, state, size (bytes; of a record, at most), count (records at
                 most), access (operation: condition), rules (as the card has them), and of what may be read: content
                 (bytes), records or objects
  journal        of each transaction, the newest first: sequence, record, transaction, amount (minor units), currency,
                 step";

impl Found {
    pub(crate) fn json(&self) -> Value {
        json!({
            "atr": hex::encode(&self.atr),
            "life_cycle": words::life_cycle(self.state),
            "issuer_number": self.issuer_number.as_ref().map(hex::encode),
            "card_number": self.card_number.as_ref().map(hex::encode),
            "free": self.free,
            "pins": self.pins.iter().map(FoundPin::json).collect::<Vec<_>>(),
            "pin_verified": !self.verified.is_empty(),
            "verified": self.verified,
            "key_sets": self.key_sets.iter().map(|version| version.number()).collect::<Vec<_>>(),
            "channels": self.channels,
            "keys": self.keys.iter().map(FoundKey::json).collect::<Vec<_>>(),
            "providers": self.records.iter().map(FoundRecord::json).collect::<Vec<_>>(),
            "files": self.files.iter().map(FoundFile::json).collect::<Vec<_>>(),
            "journal": self.journal.iter().map(entry).collect::<Vec<_>>(),
        })
    }
}

impl FoundPin {
    pub(crate) fn json(&self) -> Value {
        let tries_left = match self.state {
            PinState::Verified => None,
            PinState::TriesLeft(left) => Some(left),
        };
        json!({ "number": self.number, "tries_left": tries_left })
    }
}

impl FoundKey {
    pub(crate) fn json(&self) -> Value {
        json!({
            "reference": self.reference.number(),
            "purposes": self.purposes,
            "public_key": self.public_key.map(hex::encode),
        })
    }
}

impl FoundRecord {
    pub(crate) fn json(&self) -> Value {
        let account = self.account.as_ref();
        json!({
            "record": self.domain.reference.number(),
            "locked": self.domain.state.is_locked,
            "key_sets": self.key_sets.iter().map(|version| version.number()).collect::<Vec<_>>(),
            "provider": account.map(|account| account.provider.to_string()),
            "name": account.map(|account| account.name.clone()),
            "instrument": account.map(|account| words::instrument(account.instrument)),
            "condition": account.map(|account| condition::words(&account.condition)),
            "verification_key": self.public_key.map(hex::encode),
        })
    }
}

impl FoundFile {
    pub(crate) fn json(&self) -> Value {
        let (size, count) = match self.descriptor {
            FileDescriptor::Directory => (None, None),
            FileDescriptor::Transparent { size } | FileDescriptor::DataObjects { size } => (Some(size), None),
            FileDescriptor::LinearFixed(shape)
            | FileDescriptor::LinearVariable(shape)
            | FileDescriptor::Cyclic(shape) => (Some(shape.size), Some(shape.count)),
        };
        let access: Map<String, Value> =
            self.access.iter().map(|(name, words)| ((*name).to_owned(), Value::from(words.as_str()))).collect();
        let mut content = None;
        let (mut records, mut objects) = (None, None);
        match &self.content {
            FoundContent::Open(Content::Bytes(bytes)) => content = Some(hex::encode(bytes)),
            FoundContent::Open(Content::Records(all)) => records = Some(hexadecimal(all)),
            FoundContent::Open(Content::Objects(all)) => objects = Some(hexadecimal(all)),
            FoundContent::Directory | FoundContent::Closed => {}
        }
        json!({
            "path": path_words(&self.path),
            "id": path_words(self.path.last().map_or(&[], std::slice::from_ref)),
            "name": words::file(&self.path),
            "aid": self.name.as_ref().map(hex::encode),
            "kind": words::kind(self.descriptor),
            "short_id": self.short_id,
            "state": words::file_state(self.state),
            "size": size,
            "count": count,
            "access": access,
            "rules": hex::encode(&self.rules),
            "content": content,
            "records": records,
            "objects": objects,
        })
    }
}

fn hexadecimal(all: &[Vec<u8>]) -> Vec<String> {
    all.iter().map(hex::encode).collect()
}

fn entry(entry: &JournalEntry) -> Value {
    json!({
        "sequence": entry.sequence,
        "record": entry.provider.number(),
        "transaction": TransactionId(entry.transaction).to_string(),
        "amount": entry.amount,
        "currency": String::from_utf8_lossy(&entry.currency),
        "step": words::step(entry.step),
    })
}
