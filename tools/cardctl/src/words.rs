//! What things on a card are called.

use apdu_spec::file::{FileDescriptor, FileState};
use apdu_spec::journal::Step;
use apdu_spec::provider::Instrument;
use apdu_spec::{FileId, LifeCycle};

pub(crate) const fn life_cycle(state: LifeCycle) -> &'static str {
    match state {
        LifeCycle::OpReady => "OP_READY",
        LifeCycle::Initialized => "INITIALIZED",
        LifeCycle::Secured => "SECURED",
        LifeCycle::CardLocked => "CARD_LOCKED",
        LifeCycle::Terminated => "TERMINATED",
    }
}

pub(crate) const fn instrument(instrument: Instrument) -> &'static str {
    match instrument {
        Instrument::Credit => "credit",
        Instrument::Debit => "debit",
        Instrument::Cheque => "cheque-book",
        Instrument::StoredValue => "stored-value",
        Instrument::Loyalty => "loyalty",
        Instrument::Identity => "identity",
        Instrument::Access => "access-pass",
    }
}

pub(crate) const fn step(step: Step) -> &'static str {
    match step {
        Step::Requested => "requested",
        Step::Approved => "approved",
        Step::Declined => "declined",
        Step::Accepted => "accepted",
        Step::Rejected => "rejected",
        Step::Posted => "posted",
        Step::Released => "released",
    }
}

pub(crate) const fn file_state(state: FileState) -> &'static str {
    match state {
        FileState::Creation => "creation",
        FileState::Initialization => "initialisation",
        FileState::Activated => "activated",
        FileState::Deactivated => "deactivated",
        FileState::Terminated => "terminated",
    }
}

/// The kind of a file, as profiles have it.
pub(crate) const fn kind(descriptor: FileDescriptor) -> &'static str {
    match descriptor {
        FileDescriptor::Directory => "directory",
        FileDescriptor::Transparent { .. } => "transparent",
        FileDescriptor::LinearFixed(_) => "fixed records",
        FileDescriptor::LinearVariable(_) => "records",
        FileDescriptor::Cyclic(_) => "cyclic",
        FileDescriptor::DataObjects { .. } => "data objects",
    }
}

/// What a file that `cardctl` makes is for.
pub(crate) fn file(path: &[FileId]) -> Option<&'static str> {
    let ids: Vec<u16> = path.iter().map(|id| id.0).collect();
    Some(match ids.as_slice() {
        [] => "master file",
        [0x2F00] => "EF.DIR",
        [0x2F01] => "EF.ATR/INFO",
        [0x5F00] => "cardholder information",
        [0x5015] => "PKCS #15",
        [0x5016] => "Signatures",
        [0x5015 | 0x5016, 0x5031] => "EF.OD",
        [0x5015 | 0x5016, 0x5032] => "EF.CIAInfo",
        [0x5015 | 0x5016, 0x4401] => "EF.PrKD",
        [0x5015 | 0x5016, 0x4402] => "EF.PuKD",
        [0x5015 | 0x5016, 0x4404] => "EF.AOD",
        [0x5015 | 0x5016, 0x4521..=0x453E] => "public key",
        _ => return None,
    })
}

/// Hexadecimal, in groups of two bytes.
pub(crate) fn spaced(bytes: &[u8]) -> String {
    bytes.chunks(2).map(hex::encode_upper).collect::<Vec<_>>().join(" ")
}

/// Text where it is some, else hexadecimal; `None` for no bytes.
pub(crate) fn bytes(bytes: &[u8], most: usize) -> String {
    let shown = bytes.get(..most).unwrap_or(bytes);
    let more = if shown.len() < bytes.len() { "…" } else { "" };
    match std::str::from_utf8(shown) {
        Ok(text) if !text.is_empty() && text.chars().all(|character| !character.is_control()) => {
            format!("{text:?}{more}")
        }
        _ => format!("{}{more}", hex::encode_upper(shown)),
    }
}
