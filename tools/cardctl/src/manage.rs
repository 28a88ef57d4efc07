//! `cardctl block`, `unblock`, `terminate` and `key-set`: what an issuer does with a card in the field. Each command
//! says what it is going to do, on standard error, before it does it.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};
use apdu_spec::instruction::{ActivateFile, CardObject, DeactivateFile, FileIds, Selector, SetStatus};
use apdu_spec::provider::ProviderReference;
use apdu_spec::{Aid, LifeCycle, Status, Wire};
use clap::{Args, Subcommand};
use host_terminal::card::{Card, CardError};
use host_terminal::words::printable;
use serde_json::json;

use crate::channel::{Channel, version};
use crate::files::path_words;
use crate::key_file::Keys;
use crate::profile::{KeySet, file_path};
use crate::{Which, key_set, pkcs15, registry, words};

/// What is blocked or unblocked: the card, or one thing on it.
#[derive(Args)]
pub(crate) struct Lock {
    #[command(flatten)]
    pub(crate) channel: Channel,
    /// The provider record with this number alone, with its security domain.
    #[arg(long, value_name = "NUMBER", conflicts_with = "file")]
    record: Option<u8>,
    /// One file or directory alone, by its path: A100/0001.
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
}

#[derive(Args)]
pub(crate) struct Terminate {
    #[command(flatten)]
    pub(crate) channel: Channel,
    /// Does not ask for the card's name.
    #[arg(long)]
    yes_terminate_this_card: bool,
}

#[derive(Subcommand)]
pub(crate) enum KeySetCommand {
    /// Brings a key set, or puts one in the place of another.
    Put(PutKeySet),
    /// Deletes a key set; the last one stays.
    Delete(DeleteKeySet),
    /// Lists the versions of the issuer's key sets, which anyone may know.
    List(Which),
}

#[derive(Args)]
pub(crate) struct PutKeySet {
    #[command(flatten)]
    channel: Channel,
    /// The version of the new key set, 1 to 127.
    #[arg(long, value_name = "VERSION")]
    version: u8,
    /// A file with its keys, as --keys.
    #[arg(long, value_name = "FILE")]
    new: PathBuf,
    /// The version of the key set whose place it takes, which may be the same.
    #[arg(long, value_name = "VERSION")]
    replace: Option<u8>,
}

#[derive(Args)]
pub(crate) struct DeleteKeySet {
    #[command(flatten)]
    channel: Channel,
    /// The version of the key set that goes.
    #[arg(long, value_name = "VERSION")]
    version: u8,
}

impl KeySetCommand {
    /// The card that it is about.
    pub(crate) const fn which(&self) -> &Which {
        match self {
            Self::Put(arguments) => &arguments.channel.which,
            Self::Delete(arguments) => &arguments.channel.which,
            Self::List(which) => which,
        }
    }
}

/// Blocks or unblocks.
pub(crate) async fn lock(arguments: &Lock, lock: bool) -> Result<()> {
    let file = arguments.file.as_deref().map(file_path).transpose()?;
    let record = arguments.record.map(ProviderReference::parse).transpose();
    let record = record.map_err(|_| anyhow!("--record: they are numbered 1 to 16"))?;
    let (mut card, _) = arguments.channel.open().await?;
    let what = match (record, &file) {
        (Some(record), _) => format!("record {}", record.number()),
        (None, Some(path)) => format!("file {}", path_words(path)),
        (None, None) => "the card".to_owned(),
    };
    announce(&if lock {
        format!("Blocking {what}: it cannot be used until it is unblocked.")
    } else {
        format!("Unblocking {what}.")
    });
    match (record, &file) {
        (Some(record), _) => {
            let name = Aid::provider_security_domain(record);
            send(&mut card, "SET STATUS", &SetStatus::Domain { name, lock }, &what).await?;
        }
        (None, Some(path)) => {
            let bytes: Vec<u8> = path.iter().flat_map(|id| id.0.to_be_bytes()).collect();
            let file = FileIds::parse(&bytes).ok().map(Selector::PathFromMasterFile);
            if lock {
                send(&mut card, "DEACTIVATE FILE", &DeactivateFile { file }, &what).await?;
            } else {
                send(&mut card, "ACTIVATE FILE", &ActivateFile { file }, &what).await?;
            }
        }
        (None, None) => lock_card(&mut card, lock).await?,
    }
    let done = if lock { "blocked" } else { "unblocked" };
    let json = json!({ "what": what, "blocked": lock });
    arguments.channel.which.tell(&json, || format!("Done: {what} is {done}."));
    Ok(())
}

async fn lock_card(card: &mut Card, lock: bool) -> Result<()> {
    let state = registry::life_cycle(card).await?;
    let (from, to) =
        if lock { (LifeCycle::Secured, LifeCycle::CardLocked) } else { (LifeCycle::CardLocked, LifeCycle::Secured) };
    ensure!(
        state == from,
        "the card is {}, and only one that is {} can be",
        words::life_cycle(state),
        words::life_cycle(from)
    );
    send(card, "SET STATUS", &SetStatus::Card(to), "the card").await
}

/// Ends a card's life.
pub(crate) async fn terminate(arguments: &Terminate) -> Result<()> {
    let (keys, options) = arguments.channel.keys.read()?;
    let mut card = arguments.channel.which.card().await?;
    let own_name = name_of(&mut card).await?;
    let name = own_name.as_deref().unwrap_or("this card");
    announce(&format!("Terminating {name}: nothing on this card can ever be used again, and nobody can undo it."));
    if !arguments.yes_terminate_this_card {
        confirm(own_name.as_deref())?;
    }
    let mut card = crate::channel::open(card, &keys, options).await?;
    send(&mut card, "SET STATUS", &SetStatus::Card(LifeCycle::Terminated), "the card").await?;
    let json = json!({ "name": own_name, "life_cycle": "TERMINATED" });
    arguments.channel.which.tell(&json, || format!("{name} is terminated."));
    Ok(())
}

/// What a card can be told from others by, if there is anything: its number, or what its list of keys calls it.
async fn name_of(card: &mut Card) -> Result<Option<String>> {
    registry::select_issuer(card).await?;
    let state = registry::life_cycle(card).await?;
    ensure!(state != LifeCycle::Terminated, "the card is terminated already");
    if let Some(number) = registry::object(card, CardObject::CARD_NUMBER).await? {
        return Ok(Some(format!("card {}", hex::encode_upper(number))));
    }
    let label = if state == LifeCycle::CardLocked { None } else { pkcs15::label_of(card).await? };
    registry::select_issuer(card).await?;
    Ok(label.map(|label| printable(&label)).filter(|label| !label.trim().is_empty()))
}

fn confirm(name: Option<&str>) -> Result<()> {
    ensure!(stdin().is_terminal(), "nobody is there to confirm it: give --yes-terminate-this-card");
    let (question, expected) = to_type(name);
    let asked = write!(stderr(), "{question}\n> ").and_then(|()| stderr().flush());
    let mut typed = String::new();
    asked.and_then(|()| stdin().lock().read_line(&mut typed))?;
    ensure!(typed.trim() == expected.trim(), "that is not it: nothing was changed");
    Ok(())
}

/// What who confirms is asked to type, and the answer.
fn to_type(name: Option<&str>) -> (String, &str) {
    match name {
        Some(name) => (format!("Type its name to go on: {name}"), name),
        None => ("It has no name. Type `terminate` to go on.".to_owned(), "terminate"),
    }
}

pub(crate) async fn key_sets(command: &KeySetCommand) -> Result<()> {
    match command {
        KeySetCommand::Put(put) => put_key_set(put).await,
        KeySetCommand::Delete(delete) => delete_key_set(delete).await,
        KeySetCommand::List(which) => {
            let mut card = which.card().await?;
            registry::select_issuer(&mut card).await?;
            tell_key_sets(which, &mut card, "").await
        }
    }
}

async fn put_key_set(arguments: &PutKeySet) -> Result<()> {
    let set = KeySet { version: version(arguments.version)?, keys: Keys::read(&arguments.new)? };
    let replaced = arguments.replace.map(version).transpose()?;
    let (mut card, keys) = arguments.channel.open().await?;
    let there = registry::key_versions(&mut card).await?;
    let is_replaced = replaced == Some(set.version);
    ensure!(
        is_replaced || !there.contains(&set.version),
        "there is a key set {0}: --replace {0} puts this one in its place",
        arguments.version
    );
    if let Some(replaced) = replaced {
        ensure!(there.contains(&replaced), "there is no key set {}", replaced.number());
        announce(&format!("Putting key set {} in the place of {}.", arguments.version, replaced.number()));
    }
    key_set::put(&mut card, &set, replaced, Some(&keys)).await?;
    let done = format!("Key set {} is on the card. ", arguments.version);
    tell_key_sets(&arguments.channel.which, &mut card, &done).await
}

async fn delete_key_set(arguments: &DeleteKeySet) -> Result<()> {
    let gone = version(arguments.version)?;
    let (mut card, _) = arguments.channel.open().await?;
    announce(&format!("Deleting key set {}.", arguments.version));
    key_set::delete(&mut card, gone).await?;
    let done = format!("Key set {} is deleted. ", arguments.version);
    tell_key_sets(&arguments.channel.which, &mut card, &done).await
}

/// Tells what was done, and the key sets that there are then.
async fn tell_key_sets(which: &Which, card: &mut Card, done: &str) -> Result<()> {
    let versions = registry::key_versions(card).await?;
    let versions: Vec<u8> = versions.iter().map(|version| version.number()).collect();
    which.tell(&json!({ "key_sets": versions }), || {
        let versions: Vec<String> = versions.iter().map(u8::to_string).collect();
        let there = if versions.is_empty() { "none".to_owned() } else { versions.join(", ") };
        format!("{done}Key sets: {there}")
    });
    Ok(())
}

async fn send<'c>(card: &mut Card, name: &str, command: &impl Wire<'c>, what: &str) -> Result<()> {
    match card.ask(name, command).await? {
        (_, Status::OK) => Ok(()),
        (_, Status::REFERENCE_NOT_FOUND | Status::FILE_NOT_FOUND) => bail!("there is no {what} on the card"),
        (_, Status::CONDITIONS_NOT_SATISFIED) => bail!("{what} is not in a state in which this can be done"),
        (_, status) => {
            let refused = CardError::Refused { command: name.to_owned(), status };
            Err(refused).with_context(|| what.to_owned())
        }
    }
}

fn announce(what: &str) {
    // Whoever closed it does not want to know.
    let _ = writeln!(stderr(), "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_that_is_asked_for_is_in_the_question() {
        assert_eq!(to_type(Some("Ada Card")), ("Type its name to go on: Ada Card".to_owned(), "Ada Card"));
        let (question, expected) = to_type(None);
        assert!(question.contains("`terminate`") && expected == "terminate", "{question}");
    }
}
