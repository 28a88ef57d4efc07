//! What a transaction came to, for people or for programs.

use std::io::{IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Result;
use host_terminal::Failure;
use host_terminal::join::Outcome;
use host_terminal::receipt::{Conclusion, Receipt};
use host_terminal::transact::Answers;
use host_terminal::words::{explained, printable};
use serde_json::{Value, json};

/// It is done.
const DONE: u8 = 0;
/// It could not be tried.
const FAILED: u8 = 1;
/// Nothing moved: the provider or a member said no.
const NOT_DONE: u8 = 3;
/// Only the provider knows how the transaction ends.
pub(crate) const UNKNOWN_END: u8 = 4;

const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// What a shop says of a posted transaction.
pub(crate) const RECEIVED: &str = "Received";

/// Where results go.
pub(crate) struct Report {
    json: bool,
    colour: bool,
    done: &'static str,
}

impl Report {
    /// `done` is what to say of a posted transaction.
    pub(crate) fn new(json: bool, done: &'static str) -> Self {
        Self { json, colour: !json && stdout().is_terminal(), done }
    }

    /// Where customers can connect: the first line of a shop's terminal.
    pub(crate) fn listening(&self, address: SocketAddr) -> Result<()> {
        let mut out = stdout();
        if self.json {
            writeln!(out, "{}", json!({ "listening": address.to_string() }))?;
        } else {
            writeln!(out, "listening on {address}")?;
        }
        Ok(out.flush()?)
    }

    /// Of a purchase: posted is success.
    pub(crate) fn purchase(&self, outcome: &Result<Receipt, Failure>) -> Result<ExitCode> {
        self.show(outcome)?;
        Ok(match outcome {
            Ok(receipt) => match receipt.conclusion {
                Conclusion::Posted => ExitCode::SUCCESS,
                Conclusion::Released | Conclusion::Declined(_) | Conclusion::Refused(_) => NOT_DONE.into(),
                Conclusion::Open => UNKNOWN_END.into(),
            },
            Err(failure) => failed(failure),
        })
    }

    /// Of one of the transactions of a topology, counted from 0; gives the exit code: what was to be done is done.
    pub(crate) fn joined(&self, name: &str, run: u32, outcome: &Outcome) -> Result<u8> {
        let mut out = stdout();
        // People count from 1.
        let place = run.saturating_add(1);
        match (outcome, self.json) {
            (outcome, true) => writeln!(out, "{}", joined_json(name, run, outcome))?,
            (Ok(answers), false) => {
                writeln!(out, "{name}, transaction {place}: {}", self.receipt(&answers.clone().into()))?;
            }
            (Err(failure), false) => eprintln!("{name}, transaction {place}: {}", printable(&failure.to_string())),
        }
        out.flush()?;
        Ok(match outcome {
            Ok(answers) => match Receipt::from(answers.clone()).conclusion {
                Conclusion::Posted => DONE,
                // An inquiry is answered with whatever it is.
                Conclusion::Released | Conclusion::Open if answers.ended.is_none() => DONE,
                Conclusion::Released | Conclusion::Declined(_) | Conclusion::Refused(_) => NOT_DONE,
                Conclusion::Open => UNKNOWN_END,
            },
            Err(failure) if failure.requested => UNKNOWN_END,
            Err(_) => FAILED,
        })
    }

    /// Of an inquiry: to know the end is success.
    pub(crate) fn inquiry(&self, outcome: &Result<Receipt, Failure>) -> Result<ExitCode> {
        self.show(outcome)?;
        Ok(match outcome {
            Ok(receipt) => match receipt.conclusion {
                Conclusion::Posted | Conclusion::Released => ExitCode::SUCCESS,
                Conclusion::Declined(_) | Conclusion::Refused(_) => NOT_DONE.into(),
                Conclusion::Open => UNKNOWN_END.into(),
            },
            Err(failure) => failed(failure),
        })
    }

    /// Of an inquiry where the card knows every end.
    pub(crate) fn nothing_open(&self) -> Result<ExitCode> {
        let words = "Nothing is open: the card knows how each of its transactions ended.";
        let json = json!({ "result": "nothing open", "transaction": null, "end_unknown": false });
        writeln!(stdout(), "{}", if self.json { json.to_string() } else { words.to_owned() })?;
        Ok(ExitCode::SUCCESS)
    }

    /// Of a cancellation: that nothing moves is success.
    pub(crate) fn cancellation(&self, outcome: &Result<Receipt, Failure>) -> Result<ExitCode> {
        self.show(outcome)?;
        Ok(match outcome {
            Ok(receipt) => match receipt.conclusion {
                Conclusion::Released | Conclusion::Declined(_) | Conclusion::Refused(_) => ExitCode::SUCCESS,
                Conclusion::Posted => NOT_DONE.into(),
                Conclusion::Open => UNKNOWN_END.into(),
            },
            Err(failure) => failed(failure),
        })
    }

    fn show(&self, outcome: &Result<Receipt, Failure>) -> Result<()> {
        let mut out = stdout();
        match (outcome, self.json) {
            (Ok(receipt), true) => writeln!(out, "{}", receipt_json(receipt))?,
            (Err(failure), true) => writeln!(out, "{}", failure_json(failure))?,
            (Ok(receipt), false) => writeln!(out, "{}", self.receipt(receipt))?,
            // What went wrong belongs on the other stream.
            (Err(failure), false) => eprintln!("host-terminal: {}", printable(&failure.to_string())),
        }
        Ok(out.flush()?)
    }

    fn receipt(&self, receipt: &Receipt) -> String {
        let amount = receipt.amount.map_or_else(String::new, |amount| format!(" {amount}"));
        let names: Vec<String> = receipt.parties.iter().map(|party| printable(&party.name)).collect();
        let with = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let (colour, line) = match &receipt.conclusion {
            Conclusion::Posted if self.done == RECEIVED && !names.is_empty() => {
                (GREEN, format!("{RECEIVED}{amount} for {}", names.join(", ")))
            }
            Conclusion::Posted => (GREEN, format!("{}{amount}{with}", self.done)),
            Conclusion::Released => (YELLOW, format!("Called off:{amount}{with}, nothing moved")),
            Conclusion::Declined(reason) | Conclusion::Refused(reason) => {
                (RED, format!("Declined:{amount}{with}, {} (code {})", printable(&reason.line), reason.code.0))
            }
            Conclusion::Open => (YELLOW, format!("Not ended yet:{amount}{with}")),
        };
        let line = if self.colour { format!("{colour}{line}{PLAIN}") } else { line };
        let note = if receipt.line.is_empty() { String::new() } else { format!("\n{}", printable(&receipt.line)) };
        format!("{line}\ntransaction {}{note}", receipt.transaction)
    }
}

/// Why a command could not even be tried; for a program also in the place of a result.
pub(crate) fn give_up(json: bool, error: &anyhow::Error) {
    let words = explained(error.as_ref());
    eprintln!("host-terminal: {words}");
    if json {
        let line = json!({ "result": "error", "error": words, "transaction": null, "end_unknown": false });
        // Whoever closed the other end of a pipe has read enough.
        let _ = writeln!(stdout(), "{line}");
    }
}

fn failed(failure: &Failure) -> ExitCode {
    if failure.requested { UNKNOWN_END.into() } else { ExitCode::FAILURE }
}

fn receipt_json(receipt: &Receipt) -> Value {
    let (result, reason) = match &receipt.conclusion {
        Conclusion::Posted => ("posted", None),
        Conclusion::Released => ("released", None),
        Conclusion::Declined(reason) => ("declined", Some(reason)),
        Conclusion::Refused(reason) => ("refused", Some(reason)),
        Conclusion::Open => ("open", None),
    };
    let parties: Vec<Value> =
        receipt.parties.iter().map(|party| json!({ "number": party.number, "name": party.name })).collect();
    json!({
        "result": result,
        "transaction": receipt.transaction.to_string(),
        "amount": receipt.amount.map(|amount| amount.minor),
        "currency": receipt.amount.map(|amount| amount.currency.as_str().to_owned()),
        "parties": parties,
        "reason": reason.map(|reason| json!({ "code": reason.code.0, "line": reason.line })),
        "receipt": receipt.line,
    })
}

fn failure_json(failure: &Failure) -> Value {
    json!({
        "result": "error",
        "error": failure.to_string(),
        "transaction": failure.transaction.map(|transaction| transaction.to_string()),
        "end_unknown": failure.requested,
    })
}

/// What came of it, and what the card lets its terminal see of the group.
fn joined_json(name: &str, run: u32, outcome: &Outcome) -> Value {
    let (mut said, more) = match outcome {
        Ok(answers) => (receipt_json(&answers.clone().into()), group_json(answers)),
        Err(failure) => (failure_json(failure), json!({})),
    };
    let own = json!({ "name": name, "run": run });
    if let Some(said) = said.as_object_mut() {
        said.extend([own, more].into_iter().filter_map(|value| value.as_object().cloned()).flatten());
    }
    said
}

fn group_json(answers: &Answers) -> Value {
    let Answers { opened, decided, ended } = answers;
    let peers = opened.peers.iter().map(|peer| json!({ "number": peer.number, "key": hex::encode(peer.key) }));
    json!({
        "number": opened.number,
        "count": opened.count,
        "peers": peers.collect::<Vec<Value>>(),
        "plain_text": {
            "key_exchange": hex::encode(&opened.plain_text),
            "transaction": decided.as_ref().map(|decided| hex::encode(&decided.plain_text)),
            "acknowledgment": ended.as_ref().map(|ended| hex::encode(&ended.plain_text)),
        },
    })
}
