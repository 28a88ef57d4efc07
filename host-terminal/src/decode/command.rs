//! Commands of the card (CARD.md).

use apdu_spec::instruction::{
    Pair, PutKey, RecordRange, RecordSelector, Selector, SetStatus, StoreData, VerifyPart, Wire,
};
use apdu_spec::transaction::{AcknowledgmentInput, Children, KeyExchangeInput, TransactionInput};
use apdu_spec::{Class, Command, Instruction};
use protocol::amount::Amount;
use protocol::message::Kind;
use protocol::message::descriptor::Descriptor;
use protocol::types::{Currency, Options};

use super::{message, options, plain_text, short, unreadable};
use crate::card::Secrets;
use crate::words;

/// The command that the bytes are, a line each for what it is and for what it carries.
#[must_use]
pub fn command(bytes: &[u8]) -> Vec<String> {
    // Words never have a PIN or a key in them, not even of what was mistyped.
    let bytes = &*Secrets::default().of_command(bytes).veil(bytes);
    let Ok(command) = Command::parse(bytes) else { return unreadable("command", bytes) };
    match (Class::parse(command.header.class), command.header.instruction) {
        // What was left out forms none.
        (Some(Class { proprietary: true, .. }), StoreData::INSTRUCTION) => return vec!["STORE DATA: not shown".into()],
        (Some(Class { proprietary: true, .. }), PutKey::INSTRUCTION) => return vec!["PUT KEY: not shown".into()],
        _ => {}
    }
    let Ok(instruction) = Instruction::parse(&command) else { return unreadable("command of this card", bytes) };
    describe(&instruction)
}

fn describe(instruction: &Instruction<'_>) -> Vec<String> {
    let one = |line: String| vec![line];
    match instruction {
        Instruction::Verify(verify) => one(match verify.part {
            VerifyPart::Compare(_) => format!("VERIFY: PIN {}, which is not shown", verify.reference.number()),
            VerifyPart::Ask => format!("VERIFY: is PIN {} verified?", verify.reference.number()),
            VerifyPart::Forget => format!("VERIFY: forget that PIN {} was verified", verify.reference.number()),
        }),
        Instruction::Select(select) => one(format!("SELECT: {}", selected(select.selector))),
        Instruction::GetResponse(get) => one(format!("GET RESPONSE: {} bytes more", get.length)),
        Instruction::ListProviders(_) => one("LIST PROVIDERS".to_owned()),
        Instruction::ChooseProvider(choose) => one(format!("CHOOSE PROVIDER: record {}", choose.provider.number())),
        Instruction::LoadDescriptor(load) => vec!["LOAD DESCRIPTOR".to_owned(), descriptor(load.descriptor)],
        Instruction::Build(build) => with_kind("BUILD", build.kind, |kind| vec![input(kind, build.input)]),
        Instruction::Sign(sign) => signed(sign.count, sign.children),
        Instruction::Receive(receive) => with_kind("RECEIVE", receive.kind, |_| message(receive.message)),
        Instruction::GetJournal(get) => one(format!("GET JOURNAL: {} entries at most", get.count)),
        Instruction::Delete(_) => one("DELETE".to_owned()),
        Instruction::GetStatus(_) => one("GET STATUS".to_owned()),
        Instruction::SetStatus(SetStatus::Card(state)) => one(format!("SET STATUS: {state:?}")),
        Instruction::SetStatus(SetStatus::Domain { lock, .. }) => {
            one(format!("SET STATUS: {} a security domain", if *lock { "lock" } else { "unlock" }))
        }
        Instruction::GetCardData(get) => one(format!("GET DATA: {:04X}", get.object.0)),
        Instruction::GenerateKeyPair(pair) => {
            let what = if pair.generate { "make the key" } else { "tell the public key" };
            let whose = match pair.pair {
                Pair::Provider(provider) => format!("of record {}", provider.number()),
                Pair::Key(_, key) => format!("of key {:02X}", key.number()),
            };
            one(format!("GENERATE ASYMMETRIC KEY PAIR: {what} {whose}"))
        }
        Instruction::ManageSecurityEnvironment(_) => one("MANAGE SECURITY ENVIRONMENT".to_owned()),
        Instruction::InternalAuthenticate(_) => one("INTERNAL AUTHENTICATE".to_owned()),
        Instruction::Authenticate(it) if it.challenge.is_some() => one("MUTUAL AUTHENTICATE".to_owned()),
        Instruction::Authenticate(_) => one("EXTERNAL AUTHENTICATE, with a key of the key store".to_owned()),
        Instruction::PerformSecurityOperation(_) => one("PERFORM SECURITY OPERATION: not shown".to_owned()),
        Instruction::ReadBinary(read) => one(format!("READ BINARY: {} bytes from {}", read.length, read.offset)),
        Instruction::UpdateBinary(update) => {
            one(format!("UPDATE BINARY: {} bytes from {}", update.data.len(), update.offset))
        }
        Instruction::WriteBinary(write) => {
            one(format!("WRITE BINARY: {} bytes from {}", write.data.len(), write.offset))
        }
        Instruction::EraseBinary(erase) => one(format!("ERASE BINARY: from {}", erase.offset)),
        Instruction::SearchBinary(search) => {
            one(format!("SEARCH BINARY: {} bytes from {} on", search.string.len(), search.offset))
        }
        Instruction::ReadRecord(read) => one(format!("READ RECORD: {}", range(read.records))),
        Instruction::UpdateRecord(update) => one(format!("UPDATE RECORD: {}", record(update.record))),
        Instruction::UpdateRecordPart(update) => {
            one(format!("UPDATE RECORD: number {}, bytes from {}", update.number, update.offset))
        }
        Instruction::WriteRecord(write) => one(format!("WRITE RECORD: {}", record(write.record))),
        Instruction::EraseRecord(erase) => one(format!("ERASE RECORD: number {}", erase.number)),
        Instruction::SearchRecord(search) => one(format!("SEARCH RECORD: {} bytes", search.string.len())),
        Instruction::AppendRecord(_) => one("APPEND RECORD".to_owned()),
        Instruction::CreateFile(create) => one(format!("CREATE FILE: {:04X}", create.parameters.id.0)),
        Instruction::DeleteFile(_) => one("DELETE FILE".to_owned()),
        Instruction::ActivateFile(_) => one("ACTIVATE FILE".to_owned()),
        Instruction::DeactivateFile(_) => one("DEACTIVATE FILE".to_owned()),
        Instruction::TerminateFile(_) => one("TERMINATE EF".to_owned()),
        Instruction::TerminateDirectory(_) => one("TERMINATE DF".to_owned()),
        Instruction::TerminateCardUsage(_) => one("TERMINATE CARD USAGE".to_owned()),
        Instruction::ManageChannel(_) => one("MANAGE CHANNEL".to_owned()),
        Instruction::GetChallenge(get) => one(format!("GET CHALLENGE: {} bytes", get.length)),
        Instruction::ChangeReferenceData(_) => one("CHANGE REFERENCE DATA: not shown".to_owned()),
        Instruction::ResetRetryCounter(_) => one("RESET RETRY COUNTER: not shown".to_owned()),
        Instruction::ChangeCondition(change) => one(format!("CHANGE CONDITION: record {}", change.provider.number())),
        Instruction::GetData(_) => one("GET DATA".to_owned()),
        Instruction::PutData(_) => one("PUT DATA".to_owned()),
        Instruction::StoreData(_) => one("STORE DATA: not shown".to_owned()),
        Instruction::InitializeUpdate(_) => one("INITIALIZE UPDATE".to_owned()),
        Instruction::ExternalAuthenticate(_) => one("EXTERNAL AUTHENTICATE".to_owned()),
        Instruction::PutKey(_) => one("PUT KEY: not shown".to_owned()),
    }
}

fn record(selector: RecordSelector) -> String {
    match selector {
        RecordSelector::Number(0) => "the current one".to_owned(),
        RecordSelector::Number(number) => format!("number {number}"),
        RecordSelector::Identifier(0, position) => format!("the {position:?} one"),
        RecordSelector::Identifier(identifier, position) => format!("the {position:?} one with {identifier:02X}"),
    }
}

fn range(records: RecordRange) -> String {
    match records {
        RecordRange::One(selector) => record(selector),
        RecordRange::ToLast(number) => format!("number {number} to the last"),
        RecordRange::FromLast(number) => format!("the last to number {number}"),
    }
}

fn selected(selector: Selector<'_>) -> String {
    match selector {
        Selector::Name(name, _) => format!("the application {}", hex::encode_upper(name)),
        Selector::MasterFile => "the master file".to_owned(),
        Selector::Parent => "the parent".to_owned(),
        Selector::File(id) | Selector::ChildDirectory(id) | Selector::ElementaryFile(id) => {
            format!("file {:04X}", id.0)
        }
        Selector::PathFromMasterFile(_) | Selector::PathFromCurrent(_) => "a path".to_owned(),
    }
}

fn with_kind(name: &str, kind: u8, more: impl FnOnce(Kind) -> Vec<String>) -> Vec<String> {
    let Some(kind) = Kind::from_byte(kind) else { return vec![format!("{name}: unknown kind {kind:02X}")] };
    let mut lines = vec![format!("{name}: {}", words::kind(kind))];
    lines.extend(more(kind));
    lines
}

pub(super) fn descriptor(signed: &[u8]) -> String {
    match Descriptor::read_unverified(signed) {
        Ok(descriptor) => format!(
            "version {} of provider {}, in force from {} to {} (seconds since 1970), encryption key {}",
            descriptor.version,
            descriptor.provider,
            descriptor.not_before,
            descriptor.not_after,
            short(&descriptor.encryption.0)
        ),
        Err(_) => format!("no descriptor: {}", short(signed)),
    }
}

/// What a terminal supplies for a message.
fn input(kind: Kind, bytes: &[u8]) -> String {
    let unknown = || format!("no input for it: {}", short(bytes));
    match kind {
        Kind::KeyExchangeRequest => KeyExchangeInput::parse(bytes).map_or_else(
            |_| unknown(),
            |input| {
                let proof = if input.prove_account { "prove the account" } else { "without proof of the account" };
                let options = options(Options::from_bits(input.options).unwrap_or_else(Options::none));
                format!("terminal supplies: {proof}, {options}, {}", plain_text(input.plain_text))
            },
        ),
        Kind::TransactionRequest => TransactionInput::parse(bytes).map_or_else(
            |_| unknown(),
            |input| {
                let amount = Amount { minor: input.amount, currency: Currency(input.currency) };
                let with: Vec<String> = input.counterparties.map(|number| number.to_string()).collect();
                let (kind, role, with) = (input.kind, input.role, with.join(", "));
                format!("terminal supplies: kind {kind}, role {role}, {amount}, with member {with}")
            },
        ),
        Kind::Acknowledgment => AcknowledgmentInput::parse(bytes)
            .map_or_else(|_| unknown(), |input| format!("terminal supplies: {:?}", input.decision)),
        Kind::KeyExchangeResponse
        | Kind::TransactionResponse
        | Kind::FinalNotice
        | Kind::Refused
        | Kind::DescriptorRequest
        | Kind::Descriptor => unknown(),
    }
}

fn signed(count: u8, children: &[u8]) -> Vec<String> {
    let mut lines = vec![format!("SIGN: what was built, over {count} children")];
    match Children::parse(children) {
        Ok(children) => lines.extend(
            children
                .map(|child| format!("child: digest {}, signature {}", short(child.digest), short(child.signature))),
        ),
        Err(_) => lines.extend(unreadable("children", children)),
    }
    lines
}
