//! The holders of a batch: a table in CSV (RFC 4180), and a profile with what it says of one of them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use zeroize::Zeroizing;

use crate::profile::Columns;

/// The longest table, bytes.
const CSV_MAX: u64 = 256 * 1024 * 1024;

/// What stands in the columns, a map a holder.
#[derive(Default)]
pub(super) struct Rows(Vec<Columns>);

impl Rows {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let read = || -> Result<Self> {
            ensure!(std::fs::metadata(path)?.len() <= CSV_MAX, "it is longer than {CSV_MAX} bytes");
            Self::parse(&Zeroizing::new(std::fs::read_to_string(path)?))
        };
        read().with_context(|| format!("holders {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut records = records(text)?.into_iter();
        let (_, names) = records.next().context("there is no line with the names of the columns")?;
        ensure!(!names.iter().any(|name| name.is_empty() || *name == "n"), "a column has no name, or is called n");
        let mut rows = Vec::new();
        for (line, fields) in records {
            let count = names.len();
            ensure!(fields.len() == count, "line {line} has {} columns, and not {count}", fields.len());
            let row = names.iter().cloned().zip(fields.into_iter().map(Zeroizing::new)).collect::<BTreeMap<_, _>>();
            ensure!(row.len() == count, "two columns have one name");
            rows.push(row);
        }
        Ok(Self(rows))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Of the card with this number, from 1; nothing where there are no holders.
    pub(super) fn row(&self, number: u32) -> Option<&Columns> {
        self.0.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }
}

/// The records of a table, each with the line that it begins in. Empty lines are none.
fn records(text: &str) -> Result<Vec<(usize, Vec<String>)>> {
    let mut records = Vec::new();
    let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
    let (mut line, mut begun) = (1, 1);
    let mut characters = text.chars().filter(|character| *character != '\r').chain(['\n']).peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if is_quoted => is_quoted = false,
            '"' if field.is_empty() => is_quoted = true,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            '\n' if !is_quoted => {
                fields.push(std::mem::take(&mut field));
                let record = std::mem::take(&mut fields);
                if record.iter().any(|field| !field.is_empty()) {
                    records.push((begun, record));
                }
                begun = line + 1;
            }
            other => field.push(other),
        }
        line += usize::from(character == '\n');
    }
    ensure!(!is_quoted, "line {begun}: a quotation mark is not closed");
    Ok(records)
}

/// The profile of one card: `{n}` is its number, `{NAME}` what the column says. Errors quote no value.
pub(super) fn fill_in(template: &str, number: u32, row: Option<&Columns>) -> Result<String> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let name = after.split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
        match name {
            Some("n") => text.push_str(&number.to_string()),
            Some(name) => {
                let value = row.and_then(|row| row.get(name));
                let value = value.with_context(|| format!("there is no column {name:?} for {{{name}}}"))?;
                ensure_plain(value).with_context(|| format!("column {name:?}"))?;
                text.push_str(value);
            }
            // A table of TOML's.
            None => text.push('{'),
        }
        rest = name.map_or(Some(after), |name| after.get(name.len() + 1..)).unwrap_or_default();
    }
    text.push_str(rest);
    Ok(text)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|character| character.is_alphanumeric() || "_-".contains(character))
}

/// It stands between quotation marks in the profile.
fn ensure_plain(value: &str) -> Result<()> {
    if value.chars().any(|character| character.is_control() || matches!(character, '"' | '\\' | '\'')) {
        bail!("quotation marks, backslashes and control characters cannot stand in a profile");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_rfc_4180_has_it() {
        let rows = Rows::parse("name,pin\r\n\"Huber, Bakery\",1234\n\n\"two\nlines\",\"a \"\"b\"\"\"\n").unwrap();
        assert_eq!(rows.len(), 2);
        let field = |number: u32, name: &str| rows.row(number).unwrap()[name].to_string();
        assert_eq!((field(1, "name"), field(1, "pin")), ("Huber, Bakery".to_owned(), "1234".to_owned()));
        assert_eq!((field(2, "name"), field(2, "pin")), ("two\nlines".to_owned(), "a \"b\"".to_owned()));
        for (text, word) in [
            ("", "no line"),
            ("a,b\n1\n", "line 2"),
            ("a,a\n1,2\n", "one name"),
            ("n\n1\n", "called n"),
            ("a\n\"1", "not closed"),
        ] {
            let error = Rows::parse(text).err().unwrap().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn names_in_braces_are_filled_in_and_tables_stay() {
        let rows = Rows::parse("name,key\nAda,x\"y\n").unwrap();
        let template = "[holder]\nname = \"{name} {n}\"\naccess = { read = \"always\" }";
        let text = fill_in(template, 7, rows.row(1)).unwrap();
        assert_eq!(text, "[holder]\nname = \"Ada 7\"\naccess = { read = \"always\" }");
        assert!(fill_in("{other}", 1, rows.row(1)).is_err());
        let error = fill_in("{key}", 1, rows.row(1)).unwrap_err();
        assert!(!format!("{error:#}").contains("x\""), "{error:#}");
    }
}
