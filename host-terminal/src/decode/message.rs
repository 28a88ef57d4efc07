//! Messages between hops (PROTOCOL.md) and what terminals say to each other alone.

use protocol::error::Malformed;
use protocol::message::acknowledgment::Acknowledgment;
use protocol::message::final_notice::FinalNotice;
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use protocol::message::{Header, Kind, SUITE_1, descriptor, key_exchange, transaction};

use super::command::descriptor as descriptor_line;
use super::{options, plain_text, short, unreadable};
use crate::offer::{self, Joined, Offer};
use crate::words::{self, printable};

/// The message that the bytes are: what it is, its members, and what anybody may read of each.
#[must_use]
pub fn message(bytes: &[u8]) -> Vec<String> {
    let Ok(Joined { run, name, message }) = Joined::parse(bytes) else { return bare_message(bytes) };
    let envelope = format!("from member {}, in the topology's transaction {run}:", printable(name));
    [vec![envelope], bare_message(message)].concat()
}

fn bare_message(bytes: &[u8]) -> Vec<String> {
    let name = words::message(bytes);
    let read = match bytes {
        [SUITE_1, offer::OFFER_REQUEST] => Ok(vec![format!("{name}: what is to be paid, and to which provider?")]),
        [SUITE_1, offer::OFFER, ..] => offered(bytes),
        [SUITE_1, offer::STOPPED, ..] => {
            let line = offer::stopped_line(bytes).ok_or(Malformed::Undecodable);
            line.map(|line| vec![format!("{name}: {:?}", printable(&line))])
        }
        [SUITE_1, kind, ..] => {
            Kind::from_byte(*kind).ok_or(Malformed::UnexpectedKind(*kind)).and_then(|kind| of(kind, bytes))
        }
        _ => Err(Malformed::Undecodable),
    };
    read.unwrap_or_else(|_| unreadable(name, bytes))
}

fn of(kind: Kind, bytes: &[u8]) -> Result<Vec<String>, Malformed> {
    let name = words::kind(kind);
    match kind {
        Kind::KeyExchangeRequest | Kind::TransactionRequest | Kind::Acknowledgment => request(bytes),
        Kind::KeyExchangeResponse | Kind::TransactionResponse | Kind::FinalNotice => response(bytes),
        Kind::Refused => Ok(vec![format!("{name}: unsigned, and the same for whatever does not verify")]),
        Kind::DescriptorRequest => Ok(vec![format!("{name}: which keys does the provider use today?")]),
        Kind::Descriptor => Ok(vec![name.to_owned(), descriptor_line(descriptor::parse(bytes)?)]),
    }
}

fn offered(bytes: &[u8]) -> Result<Vec<String>, Malformed> {
    let offer = Offer::parse(bytes)?;
    Ok(vec![format!("offer, in the clear: {} through provider {}", offer.amount(), offer.provider)])
}

fn request(bytes: &[u8]) -> Result<Vec<String>, Malformed> {
    let tree = Tree::parse(bytes)?;
    let mut lines = vec![format!("{}, signed nodes: {}", words::kind(tree.kind()), tree.count())];
    for (number, node) in tree.nodes().iter().enumerate() {
        let (children, signature) = (node.children, short(node.signature));
        lines.push(format!(
            "member {number}: combines {children}, says {} bytes, signature {signature}",
            node.own.len()
        ));
        lines.extend(own(tree.kind(), node.own).into_iter().map(|line| format!("  {line}")));
    }
    Ok(lines)
}

fn response(bytes: &[u8]) -> Result<Vec<String>, Malformed> {
    let batch = Batch::parse(bytes)?;
    let header = &batch.header;
    let (count, signature) = (header.count, short(&header.signature.0));
    let mut lines = vec![
        format!("{}: {} of {count} parts under one signature {signature}", words::kind(batch.kind), batch.parts.len()),
        format!("answers request {} of group {}", short(header.request.as_bytes()), short(header.group.as_bytes())),
    ];
    for part in &batch.parts {
        let salt = short(part.salt.as_bytes());
        lines.push(format!("for member {}: {} bytes, salt {salt}, and its proof", part.number, part.item.len()));
        lines.extend(own(batch.kind, part.item).into_iter().map(|line| format!("  {line}")));
    }
    Ok(lines)
}

/// One member's part of a message: what anybody may read, and how long what is sealed is.
pub(super) fn own(kind: Kind, bytes: &[u8]) -> Vec<String> {
    fields(kind, bytes).unwrap_or_else(|_| unreadable("part of it", bytes))
}

fn fields(kind: Kind, bytes: &[u8]) -> Result<Vec<String>, Malformed> {
    Ok(match kind {
        Kind::KeyExchangeRequest => key_exchange_request(&key_exchange::Request::parse(bytes)?),
        Kind::KeyExchangeResponse => key_exchange_response(&key_exchange::Response::parse(bytes)?),
        Kind::TransactionRequest => {
            let request = transaction::Request::parse(bytes)?;
            let seals =
                [("cryptogram 3", request.cryptogram_3), ("terms", request.terms), ("account", request.private)];
            vec![header(&request.outer.header), plain_text(request.outer.plain_text), sealed(&seals)]
        }
        Kind::TransactionResponse => {
            let response = transaction::Response::parse(bytes)?;
            let seals = [("for display", response.seals.display), ("for the card alone", response.seals.private)];
            vec![header(&response.outer.header), plain_text(response.outer.plain_text), sealed(&seals)]
        }
        Kind::Acknowledgment => {
            let said = Acknowledgment::parse(bytes)?;
            let seals = [("data", said.seals.data), ("sensitive data", said.seals.sensitive)];
            let decision = format!("{:?}, of response {}", said.outer.decision, short(said.outer.root.as_bytes()));
            vec![header(&said.outer.header), decision, plain_text(said.outer.plain_text), sealed(&seals)]
        }
        Kind::FinalNotice => {
            let notice = FinalNotice::parse(bytes)?;
            let ending = format!("{:?}, {}", notice.outer.ending, plain_text(notice.outer.plain_text));
            vec![header(&notice.outer.header), ending, sealed(&[("receipt", notice.seals.receipt)])]
        }
        Kind::Refused | Kind::DescriptorRequest | Kind::Descriptor => {
            return Err(Malformed::UnexpectedKind(kind.byte()));
        }
    })
}

fn key_exchange_request(request: &key_exchange::Request<'_>) -> Vec<String> {
    let outer = &request.outer;
    let keys = outer.keys.map_or_else(
        || "its keys are hidden".to_owned(),
        |keys| {
            format!("verification key {}, encryption key {}", short(&keys.verification.0), short(&keys.encryption.0))
        },
    );
    vec![
        format!(
            "{}, for provider key {}, {}",
            options(outer.options),
            short(outer.key.as_bytes()),
            plain_text(outer.plain_text)
        ),
        keys,
        sealed(&[("cryptogram 1", request.cryptogram_1.sealed)]),
    ]
}

fn key_exchange_response(response: &key_exchange::Response<'_>) -> Vec<String> {
    let outer = &response.outer;
    let transaction = outer.transaction.map_or_else(|| "inside".to_owned(), |transaction| transaction.to_string());
    let answer = response.seals.answer.map_or_else(|| "inside".to_owned(), |answer| short(answer.as_bytes()));
    vec![
        format!("transaction {transaction}, member {} of {}, {}", outer.number, outer.count, options(outer.options)),
        format!("answer to the member's challenge {answer}, {}", plain_text(outer.plain_text)),
        sealed(&[("cryptogram 2", response.seals.cryptogram_2.sealed)]),
    ]
}

fn header(header: &Header) -> String {
    format!("transaction {}, group {}, member {}", header.transaction, short(header.group.as_bytes()), header.number)
}

fn sealed(seals: &[(&str, &[u8])]) -> String {
    let seals: Vec<String> = seals.iter().map(|(name, bytes)| format!("{name} {} bytes", bytes.len())).collect();
    format!("sealed: {}", seals.join(", "))
}
