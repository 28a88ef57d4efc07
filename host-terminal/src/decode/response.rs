//! Responses of the card: data, and status words in words (CARD.md).

use apdu_spec::journal::JournalEntry;
use apdu_spec::limits::SHORT_EXPECTED_MAX;
use apdu_spec::provider::ProviderInfo;
use apdu_spec::transaction::{self as wire, FinalAnswer, KeyExchangeAnswer, Outcome, TransactionAnswer};
use apdu_spec::{Command, Instruction, ParseError, Reader, Response, Status, Tag};
use protocol::amount::Amount;
use protocol::message::Kind;
use protocol::types::{Currency, TransactionId};

use super::message::own;
use super::{plain_text, short, unreadable};
use crate::card::Secrets;
use crate::words::printable;

/// The response to `command`, a line each for the status and for what it carries.
#[must_use]
pub fn response(command: &[u8], bytes: &[u8]) -> Vec<String> {
    let Ok(response) = Response::parse(bytes) else { return unreadable("response", bytes) };
    let mut lines = vec![format!("{}: {}", response.status, status(response.status))];
    let mut secrets = Secrets::default();
    secrets.of_command(command);
    if !secrets.of_response(bytes).is_nothing() {
        lines.push(format!("{} bytes, not shown", response.data.len()));
    } else if !response.data.is_empty() {
        let instruction = Command::parse(command).ok().and_then(|command| Instruction::parse(&command).ok());
        lines.extend(data(instruction.as_ref(), response.data));
    }
    lines
}

fn data(instruction: Option<&Instruction<'_>>, data: &[u8]) -> Vec<String> {
    let told = match instruction {
        Some(Instruction::ListProviders(_)) => accounts(data),
        Some(Instruction::GetJournal(_)) => journal(data),
        Some(Instruction::Build(build)) => {
            Ok(Kind::from_byte(build.kind).map_or_else(Vec::new, |kind| own(kind, data)))
        }
        Some(Instruction::Sign(_)) => Ok(vec![format!("signature {}", short(data))]),
        Some(Instruction::Receive(receive)) => received(receive.kind, data),
        Some(_) | None => Ok(vec![format!("data {}", short(data))]),
    };
    told.unwrap_or_else(|_| unreadable("answer to it", data))
}

fn accounts(data: &[u8]) -> Result<Vec<String>, ParseError> {
    let mut input = Reader::new(data);
    let mut lines = Vec::new();
    while !input.is_empty() {
        let info = Reader::all(input.field(Tag::PROVIDER)?, ProviderInfo::parse)?;
        let (number, name, provider) = (info.reference.number(), printable(info.name), short(info.provider));
        lines.push(format!("record {number}: {name:?}, {:?}, provider {provider}", info.instrument));
    }
    Ok(lines)
}

fn journal(data: &[u8]) -> Result<Vec<String>, ParseError> {
    let entries = data.chunks(JournalEntry::LENGTH).map(JournalEntry::parse);
    let line = |entry: JournalEntry| {
        let amount = Amount { minor: entry.amount, currency: Currency(entry.currency) };
        format!("{}: transaction {}, {amount}, {:?}", entry.sequence, TransactionId(entry.transaction), entry.step)
    };
    entries.map(|entry| entry.map(line)).collect()
}

/// What the card hands out of a message: what may be shown.
fn received(kind: u8, data: &[u8]) -> Result<Vec<String>, ParseError> {
    match Kind::from_byte(kind) {
        Some(Kind::KeyExchangeResponse) => {
            let answer = KeyExchangeAnswer::parse(data)?;
            let (id, number, count) = (TransactionId(*answer.transaction), answer.number, answer.count);
            let mut lines = vec![format!("card tells: transaction {id}, member {number} of {count}")];
            lines.extend(answer.refused.map(reason));
            lines.extend(answer.parties.map(party));
            Ok(lines)
        }
        Some(Kind::TransactionResponse) => {
            let answer = TransactionAnswer::parse(data)?;
            let amount = Amount { minor: answer.amount, currency: Currency(answer.currency) };
            let outcome = match answer.outcome {
                Outcome::Approved => "approved".to_owned(),
                Outcome::Declined(why) => reason(why),
                Outcome::Stands(end) => format!("it stands: {end:?}"),
            };
            let mut lines = vec![format!("card tells: {outcome}, {amount}, receipt {:?}", printable(answer.receipt))];
            lines.extend(answer.parties.map(party));
            Ok(lines)
        }
        Some(Kind::FinalNotice) => {
            let answer = FinalAnswer::parse(data)?;
            let (receipt, plain) = (printable(answer.receipt), plain_text(answer.plain_text));
            Ok(vec![format!("card tells: {:?}, receipt {receipt:?}, {plain}", answer.ending)])
        }
        Some(_) | None => Err(ParseError::Invalid),
    }
}

fn reason(reason: wire::Reason<'_>) -> String {
    format!("refused: {:?} (code {})", printable(reason.line), reason.code)
}

fn party(party: wire::Party<'_>) -> String {
    format!("member {} is {:?}, says the provider", party.number, printable(party.name))
}

/// A status word in words.
#[must_use]
pub fn status(status: Status) -> String {
    if let Some(left) = status.tries() {
        return format!("wrong or not verified, {left} {} left", if left == 1 { "try" } else { "tries" });
    }
    if let Some(waiting) = status.waiting() {
        let more = if waiting == SHORT_EXPECTED_MAX { " or more" } else { "" };
        return format!("done, {waiting} bytes{more} wait");
    }
    if let [0x6C, length] = status.to_bytes() {
        return format!("wrong expected length, {length} bytes are there");
    }
    let words = match status {
        Status::OK => "done",
        Status::NOT_FOUND => "done, nothing was found",
        Status::FILE_DEACTIVATED => "done, the file is deactivated",
        Status::FILE_TERMINATED => "done, the file is terminated",
        Status::NOT_AUTHENTICATED => "a signature, a checksum or the keys are wrong",
        Status::MEMORY_FAILURE => "the flash failed",
        Status::WRONG_LENGTH => "wrong length",
        Status::CHANNEL_NOT_SUPPORTED => "channel not open",
        Status::SECURE_MESSAGING_NOT_SUPPORTED => "secure messaging not offered",
        Status::INCOMPATIBLE_FILE => "the file's structure does not fit",
        Status::SECURITY_NOT_SATISFIED => "not permitted, or does not verify",
        Status::PIN_BLOCKED => "PIN blocked",
        Status::REFERENCE_NOT_USABLE => "the PIN has no resetting code",
        Status::CONDITIONS_NOT_SATISFIED => "not at this moment",
        Status::NO_CURRENT_FILE => "no current file",
        Status::WRONG_DATA => "wrong data",
        Status::FUNCTION_NOT_SUPPORTED => "not offered, none free, or above the card's own limit",
        Status::FILE_NOT_FOUND => "no such file or application",
        Status::RECORD_NOT_FOUND => "no such record",
        Status::NOT_ENOUGH_SPACE => "no room",
        Status::WRONG_P1_P2 => "wrong P1 or P2",
        Status::REFERENCE_NOT_FOUND => "no such PIN, key or provider record",
        Status::FILE_EXISTS => "the identifier is taken",
        Status::AID_EXISTS => "the name is taken",
        Status::WRONG_OFFSET => "offset behind the end",
        Status::INSTRUCTION_NOT_SUPPORTED => "no such command here",
        Status::CLASS_NOT_SUPPORTED => "no such class",
        Status::FAILURE => "the card's own failure",
        _ => "unknown",
    };
    words.to_owned()
}
