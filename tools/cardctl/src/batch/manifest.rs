//! What a batch has made: a line of JSON for every card that is finished.
//!
//! ```json
//! {"n": 1, "image": "card-000001.image", "holder": "Ada", "accounts": [{"record": 1, "provider": "..",
//!  "name": "..", "account": "..", "verification_key": "..", "register_key": "service-provider register-key .."}],
//!  "signing_keys": []}
//! ```

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::issue::{self, Issued};

const NAME: &str = "manifest.jsonl";

/// The longest line, bytes.
const LINE_MAX: usize = 64 * 1024;

pub(super) struct Manifest {
    path: PathBuf,
    /// The cards that are in it, when it was opened.
    before: BTreeSet<u32>,
    file: Mutex<File>,
}

impl Manifest {
    /// Opens a folder's manifest, and drops a last line that was not written to its end. Nobody else may write it.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let open = || -> Result<(File, BTreeSet<u32>)> {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            ensure!(file.try_lock().is_ok(), "another program is making this batch");
            read(file, folder)
        };
        let (file, before) = open().with_context(|| path.display().to_string())?;
        Ok(Self { path, before, file: Mutex::new(file) })
    }

    /// Whether an earlier run has finished this card.
    pub(super) fn has(&self, number: u32) -> bool {
        self.before.contains(&number)
    }

    /// How many of the first cards an earlier run has finished.
    pub(super) fn count_up_to(&self, last: u32) -> u32 {
        u32::try_from(self.before.range(..=last).count()).unwrap_or(u32::MAX)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a card whose image is durable.
    pub(super) fn add(&self, number: u32, image: &str, issued: &Issued) -> Result<()> {
        let mut accounts = issue::accounts_json(&issued.accounts);
        let members = accounts.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut);
        for (json, account) in members.zip(&issued.accounts) {
            json.insert("register_key".to_owned(), issue::register_key(account).into());
        }
        let line = json!({
            "n": number,
            "image": image,
            "holder": issued.holder,
            "accounts": accounts,
            "signing_keys": issue::keys_json(&issued.keys),
        });
        let mut file = self.file();
        file.write_all(format!("{line}\n").as_bytes())?;
        Ok(file.sync_data()?)
    }

    fn file(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cards of a manifest whose images are there; the file is then where the next line goes.
fn read(file: File, folder: &Path) -> Result<(File, BTreeSet<u32>)> {
    let mut input = BufReader::new(file);
    let (mut cards, mut end) = (BTreeSet::new(), 0);
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let length = input.read_line(&mut line)?;
        if !line.ends_with('\n') {
            break;
        }
        ensure!(length <= LINE_MAX, "line {number} is too long for a card");
        let card: Value =
            serde_json::from_str(&line).with_context(|| format!("line {number} is none of a manifest"))?;
        let number_of_card = card.get("n").and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        let card = number_of_card.zip(card.get("image").and_then(Value::as_str));
        let (card, image) = card.with_context(|| format!("line {number} is none of a manifest"))?;
        if folder.join(image).exists() {
            cards.insert(card);
        }
        end += u64::try_from(length)?;
    }
    let mut file = input.into_inner();
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    Ok((file, cards))
}
