//! `readers`: the PC/SC readers of this machine.

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Args;
use host_terminal::reader::ReaderError;
use host_terminal::reader::pcsc::{Present, Seen, readers};
use host_terminal::words::printable;
use serde_json::{Value, json};

#[derive(Args)]
pub(crate) struct Options {
    /// One line of JSON a reader instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists them; a card that another program has is left to it.
pub(crate) async fn list(options: &Options) -> Result<ExitCode> {
    let seen = readers().await.map_err(|error| {
        // Nothing was under way that it could have left.
        let is_absent = matches!(error, ReaderError::NoService);
        if is_absent { anyhow!("the PC/SC service (pcscd) does not run: start it") } else { error.into() }
    })?;
    let mut out = stdout().lock();
    if seen.is_empty() && !options.json {
        writeln!(out, "There is no PC/SC reader.")?;
    }
    for seen in &seen {
        if options.json { writeln!(out, "{}", to_json(seen))? } else { writeln!(out, "{}", to_text(seen))? }
    }
    Ok(ExitCode::SUCCESS)
}

fn to_text(seen: &Seen) -> String {
    let keys = if seen.pinpad { ", with keys for PINs" } else { "" };
    let card = match &seen.present {
        Present::Nothing => "no card".to_owned(),
        Present::InUse => "a card that another program has".to_owned(),
        Present::Mute => "a card that does not answer: is it the right way round?".to_owned(),
        Present::Unknown => "the reader does not answer: plug it in again".to_owned(),
        Present::Ours { .. } => "a Symbolon card".to_owned(),
        Present::Foreign { card, .. } => card.clone(),
    };
    format!("{}{keys}: {card}", printable(&seen.reader))
}

fn to_json(seen: &Seen) -> Value {
    let (state, atr, card) = match &seen.present {
        Present::Nothing => ("empty", None, None),
        Present::InUse => ("in use", None, None),
        Present::Mute => ("mute", None, None),
        Present::Unknown => ("silent", None, None),
        Present::Ours { atr } => ("ours", Some(atr), None),
        Present::Foreign { atr, card } => ("foreign", Some(atr), Some(card)),
    };
    json!({
        "reader": seen.reader,
        "state": state,
        "atr": atr.map(hex::encode),
        "card": card,
        "pinpad": seen.pinpad,
    })
}
