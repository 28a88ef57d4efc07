//! `cardctl backup`: what anyone may see of a card, in a file, and what has changed since.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use host_terminal::words::printable;
use serde_json::{Map, Value, json};

use crate::Which;
use crate::inspect::{Found, inspect};

/// The format of the file.
const FORMAT: u64 = 1;

/// The longest backup that is read, bytes.
const BACKUP_MAX: u64 = 64 * 1024 * 1024;

#[derive(Args)]
#[group(id = "what", required = true, multiple = false, args = ["out", "compare"])]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The file to write; it must not exist.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// A backup that the card is compared with; where they differ, the exit status is 2.
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
}

/// Whether the card is as the backup, if it was compared with one.
pub(crate) async fn run(arguments: &Backup) -> Result<bool> {
    match (&arguments.out, &arguments.compare) {
        (Some(path), _) => {
            let backup = backup(&inspect(&mut arguments.which.card().await?, Vec::new()).await?);
            write(path, &backup)?;
            let told = json!({ "backup": path });
            arguments.which.tell(&told, || format!("What anyone may see of the card is in {}.", path.display()));
            Ok(true)
        }
        (None, Some(path)) => {
            let before = read(path)?;
            let now = backup(&inspect(&mut arguments.which.card().await?, Vec::new()).await?);
            let differences = differences(&before, &now);
            arguments.which.tell(&json!({ "differences": differences }), || shown(&differences));
            Ok(differences.is_empty())
        }
        (None, None) => bail!("give --out or --compare"),
    }
}

/// What is the same whenever anyone looks: no tries, no counters, no journal, nothing that a condition guards.
fn backup(found: &Found) -> Value {
    let mut backup = found.json();
    let public = ["files", "keys", "providers", "key_sets", "issuer_number", "card_number", "life_cycle", "atr"];
    if let Value::Object(members) = &mut backup {
        members.retain(|name, _| public.contains(&name.as_str()));
        members.insert("format".to_owned(), FORMAT.into());
        // A PIN's number is public, and its tries change.
        members.insert("pins".to_owned(), found.pins.iter().map(|pin| pin.number).collect());
    }
    backup
}

fn write(path: &Path, backup: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(backup)? + "\n";
    let create = || -> Result<()> {
        let mut file = fs::File::create_new(path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(file.sync_all()?)
    };
    create().with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> Result<Value> {
    let read = || -> Result<Value> {
        ensure!(fs::metadata(path)?.len() <= BACKUP_MAX, "it is too long for a backup");
        let backup: Value = serde_json::from_slice(&fs::read(path)?)?;
        ensure!(backup.get("format") == Some(&FORMAT.into()), "it is no backup, or one of another version");
        Ok(backup)
    };
    read().with_context(|| format!("backup {}", path.display()))
}

/// A difference for each thing that is not as it was: its name, and what was and is there.
fn differences(before: &Value, now: &Value) -> Vec<Value> {
    let (before, now) = (things(before), things(now));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let (was, is) = (before.get(name), now.get(name));
        if was != is {
            let change = match (was, is) {
                (None, _) => "new",
                (_, None) => "gone",
                _ => "changed",
            };
            found.push(json!({ "what": name, "change": change, "before": was, "now": is }));
        }
    }
    found
}

/// Everything by a name: files by their paths, keys and records by their numbers, each with all that is in it.
fn things(backup: &Value) -> BTreeMap<String, Value> {
    let lists = [("files", "file", "path"), ("keys", "key", "reference"), ("providers", "account", "record")];
    let empty = Map::new();
    let mut things = BTreeMap::new();
    for (member, value) in backup.as_object().unwrap_or(&empty) {
        match (lists.iter().find(|(list, ..)| list == member), value) {
            (Some((_, kind, key)), Value::Array(all)) => {
                for one in all {
                    let number = one[*key].as_str().map_or_else(|| one[*key].to_string(), str::to_owned);
                    for (member, value) in one.as_object().unwrap_or(&empty) {
                        things.extend(leaves(format!("{kind} {number}: {member}"), value));
                    }
                }
            }
            _ => {
                things.insert(member.clone(), value.clone());
            }
        }
    }
    things
}

/// The values that a value is made of, each by its name. What is null is not there.
fn leaves(name: String, value: &Value) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    let mut waiting = vec![(name, value)];
    while let Some((name, value)) = waiting.pop() {
        match value {
            Value::Object(members) => {
                waiting.extend(members.iter().map(|(member, value)| (format!("{name}: {member}"), value)));
            }
            Value::Array(all) => {
                waiting.extend((1..).zip(all).map(|(number, value): (usize, _)| (format!("{name} {number}"), value)));
            }
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::String(_) => leaves.push((name, value.clone())),
        }
    }
    leaves
}

/// Characters of a value that are shown; `--json` has all.
const SHOWN: usize = 60;
/// Characters that are shown before the first one that differs.
const SHOWN_BEFORE: usize = 10;

fn shown(differences: &[Value]) -> String {
    if differences.is_empty() {
        return "The card is as the backup says.".to_owned();
    }
    let lines = differences.iter().map(|difference| {
        let what = printable(difference["what"].as_str().unwrap_or_default());
        let [before, now] = [&difference["before"], &difference["now"]].map(text);
        match difference["change"].as_str() {
            Some("new") => format!("{what} is new: {}", part(&now, 0)),
            Some("gone") => format!("{what} is gone: it was {}", part(&before, 0)),
            _ => {
                let same = before.chars().zip(now.chars()).take_while(|(before, now)| before == now).count();
                format!("{what} was {}, and is {}", part(&before, same), part(&now, same))
            }
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn text(value: &Value) -> String {
    printable(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// As much of a text as is shown: all of it, or what is around the character with this number.
fn part(text: &str, place: usize) -> String {
    let length = text.chars().count();
    let start = if length > SHOWN { place.saturating_sub(SHOWN_BEFORE).min(length - SHOWN) } else { 0 };
    let shown: String = text.chars().skip(start).take(SHOWN).collect();
    let [left_out_before, left_out_after] = [start > 0, start + SHOWN < length].map(|is| if is { "…" } else { "" });
    format!("{left_out_before}{shown}{left_out_after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_thing_by_thing() {
        let before = json!({ "files": [{ "path": "0001", "content": "00", "size": 1 }], "key_sets": [1] });
        let now = json!({ "files": [{ "path": "0001", "content": "01", "size": 1 }], "key_sets": [1], "pins": [5] });
        let found = differences(&before, &now);
        let told: Vec<_> = found.iter().map(|one| (one["what"].as_str(), one["change"].as_str())).collect();
        assert_eq!(told, [(Some("file 0001: content"), Some("changed")), (Some("pins"), Some("new"))]);
        assert!(differences(&now, &now).is_empty());
        assert!(shown(&found).contains("file 0001: content was 00, and is 01"));
    }

    #[test]
    fn of_what_is_long_or_has_members_the_difference_is_shown() {
        let card = |last: &str, read: &str, limits: Value| {
            let content = "0".repeat(200) + last + &"0".repeat(200);
            let access = json!({ "read": read, "update": "pin 1" });
            let file = json!({ "path": "0001", "content": content, "access": access, "records": ["00", last] });
            json!({ "files": [file], "providers": [{ "record": 1, "limits": limits }] })
        };
        let (before, now) = (card("aa", "always", json!(null)), card("ab", "never", json!({ "pin": 1 })));
        let said = shown(&differences(&before, &now));
        let lines: Vec<_> = said.lines().collect();
        let (zeros, more) = ("0".repeat(9), "0".repeat(49));
        assert_eq!(
            lines,
            [
                "account 1: limits: pin is new: 1",
                "file 0001: access: read was always, and is never",
                &format!("file 0001: content was …{zeros}aa{more}…, and is …{zeros}ab{more}…"),
                "file 0001: records 2 was aa, and is ab",
            ]
        );
    }
}
