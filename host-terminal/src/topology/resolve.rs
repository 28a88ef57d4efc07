//! From what is written to a topology that holds together.

use std::path::Path;
use std::time::Duration;

use apdu_spec::transaction::{Decision, FreshKey};
use protocol::amount::Amount;
use protocol::limits::{PEERS_MAX, PLAIN_TEXT_MAX, SENSITIVE_MAX};
use protocol::types::{Currency, Number, Options, Role, TransactionId, TransactionKind};

use super::ways::{Ways, check_address};
use super::written::{self, NameOrNumber, Text};
use super::{
    AT_ONCE_MAX, CARDS_MAX, Member, Mistake, Next, PATIENCE_MAX, Router, Script, TIMES_MAX, Texts, Topology,
    Transaction,
};
use crate::reader::Place;
use crate::words;

pub(super) fn topology(written: written::Topology, folder: &Path) -> Result<Topology, Mistake> {
    let ways = Ways::find(&written)?;
    check_address("the topology", "provider", &written.provider)?;
    within("the topology", "patience", written.patience, PATIENCE_MAX)?;
    let names: Vec<&str> = ways.order.iter().filter_map(|place| written.members.get(*place)).map(name).collect();
    let members = (0..).zip(&ways.order).filter_map(|(number, place)| {
        let (written, next) = (written.members.get(*place)?, ways.members.get(*place)?);
        Some(member(written, number, next.clone(), &ways.parents, &names, folder))
    });
    let members: Vec<Member> = members.collect::<Result<_, _>>()?;
    let routers = written.routers.into_iter().zip(ways.routers);
    let routers = routers.map(|(router, next)| Router { name: router.name, listen: router.listen, next });
    Ok(Topology {
        transaction: transaction(&written.transaction)?,
        patience: Duration::from_secs(written.patience),
        routers: routers.collect(),
        members,
    })
}

fn name(member: &written::Member) -> &str {
    &member.name
}

fn transaction(written: &written::Transaction) -> Result<Transaction, Mistake> {
    let who = "[transaction]";
    let currency = Currency::parse(&written.currency)
        .ok_or_else(|| Mistake::value(who, "currency", &written.currency, "is not three capital letters"))?;
    let amount = Amount::parse(&written.amount, currency)
        .ok_or_else(|| Mistake::value(who, "amount", &written.amount, "is no amount in the currency"))?;
    within(who, "times", written.times.into(), TIMES_MAX.into())?;
    within(who, "at_once", written.at_once.into(), AT_ONCE_MAX.into())?;
    Ok(Transaction {
        kind: TransactionKind(number_of(who, "kind", &written.kind, words::KINDS)?),
        amount,
        reference: written.reference.as_deref().map(reference).transpose()?,
        times: written.times,
        at_once: written.at_once,
    })
}

fn reference(text: &str) -> Result<TransactionId, Mistake> {
    let mut id = [0; 16];
    hex::decode_to_slice(text, &mut id)
        .map_err(|_| Mistake::value("[transaction]", "reference", text, "is not 32 hexadecimal digits"))?;
    Ok(TransactionId(id))
}

fn member(
    written: &written::Member,
    number: Number,
    next: Next,
    parents: &[Option<Number>],
    names: &[&str],
    folder: &Path,
) -> Result<Member, Mistake> {
    let children = (0..).zip(parents).filter(|(_, parent)| **parent == Some(number)).map(|(child, _)| child);
    Ok(Member {
        name: written.name.clone(),
        number,
        listen: written.listen.clone(),
        next,
        parent: parents.get(usize::from(number)).copied().flatten(),
        children: children.collect(),
        cards: cards(written, folder)?,
        pin_file: written.pin_file.as_ref().map(|path| folder.join(path)),
        account: written.account.clone(),
        script: script(written, names)?,
    })
}

/// Where its cards are; images are relative to the topology's folder.
fn cards(written: &written::Member, folder: &Path) -> Result<Vec<Place>, Mistake> {
    let who = &written.name;
    let all: Vec<&String> = written.card.iter().chain(&written.cards).collect();
    if all.is_empty() {
        return Err(Mistake::value(who, "card", "", "is missing: it takes tcp://HOST:PORT, pcsc:NAME or image:FILE"));
    }
    Mistake::at_most(who, "cards", all.len(), CARDS_MAX)?;
    let place = |card: &&String| match card.parse() {
        Ok(Place::Image(file)) => Ok(Place::Image(folder.join(file))),
        Ok(place) => Ok(place),
        Err(_) => Err(Mistake::value(who, "card", card, "is not tcp://HOST:PORT, pcsc:NAME or image:FILE")),
    };
    all.iter().map(place).collect()
}

fn script(written: &written::Member, names: &[&str]) -> Result<Script, Mistake> {
    let who = &written.name;
    Ok(Script {
        options: options(who, &written.options)?,
        fresh_key: match written.fresh_key {
            written::FreshKey::No => FreshKey::No,
            written::FreshKey::Unendorsed => FreshKey::Unendorsed,
            written::FreshKey::Endorsed => FreshKey::Endorsed,
        },
        prove_account: written.prove_account,
        role: Role(number_of(who, "role", &written.role, words::ROLES)?),
        counterparties: counterparties(who, &written.counterparties, names)?,
        decision: match written.decision {
            written::Decision::Accept => Decision::Accept,
            written::Decision::Reject => Decision::Reject,
        },
        plain_text: texts(who, "plain_text", &written.plain_text, PLAIN_TEXT_MAX)?,
        sensitive: texts(who, "sensitive", &written.sensitive, SENSITIVE_MAX)?,
        data: text(who, "data", &written.data, SENSITIVE_MAX)?,
    })
}

fn options(who: &str, written: &[String]) -> Result<Options, Mistake> {
    written.iter().try_fold(Options::none(), |options, text| {
        let known = words::OPTIONS.iter().find(|(_, name)| name == text);
        let (option, _) = known.ok_or_else(|| {
            let names: Vec<&str> = words::OPTIONS.iter().map(|(_, name)| *name).collect();
            Mistake::value(who, "options", text, format!("is none of {}", names.join(", ")))
        })?;
        Ok(options.with(*option))
    })
}

/// Numbers of members by their names, in the ascending order that the protocol asks for.
fn counterparties(who: &str, written: &[String], names: &[&str]) -> Result<Vec<Number>, Mistake> {
    Mistake::at_most(who, "counterparties", written.len(), PEERS_MAX)?;
    let number = |name: &String| {
        let known = (0..).zip(names).find(|(_, known)| *known == name).map(|(number, _)| number);
        known.ok_or_else(|| Mistake::value(who, "counterparties", name, "is the name of no member"))
    };
    let mut numbers: Vec<Number> = written.iter().map(number).collect::<Result<_, _>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn texts(who: &str, key: &'static str, written: &written::Texts, most: usize) -> Result<Texts, Mistake> {
    Ok(Texts {
        key_exchange: text(who, key, &written.key_exchange, most)?,
        transaction: text(who, key, &written.transaction, most)?,
        acknowledgment: text(who, key, &written.acknowledgment, most)?,
    })
}

fn text(who: &str, key: &'static str, written: &Text, most: usize) -> Result<Vec<u8>, Mistake> {
    let bytes = match written {
        Text::Text(text) => text.as_bytes().to_vec(),
        Text::Bytes { hex } => {
            hex::decode(hex).map_err(|_| Mistake::value(who, key, hex, "is not hexadecimal digits, two a byte"))?
        }
    };
    let of = match key {
        "plain_text" => "bytes of plain text in one message",
        _ => "bytes of data for one field",
    };
    Mistake::at_most(who, of, bytes.len(), most)?;
    Ok(bytes)
}

fn number_of(
    who: &str,
    key: &'static str,
    written: &NameOrNumber,
    known: &[(u8, &'static str)],
) -> Result<u8, Mistake> {
    let text = match written {
        NameOrNumber::Number(number) => return Ok(*number),
        NameOrNumber::Name(text) => text,
    };
    let number = known.iter().find(|(_, name)| name == text).map(|(number, _)| *number);
    number.ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(_, name)| *name).collect();
        Mistake::value(who, key, text, format!("is none of {}, and no number", names.join(", ")))
    })
}

fn within(who: &str, key: &'static str, value: u64, most: u64) -> Result<(), Mistake> {
    let is_within = (1..=most).contains(&value);
    if is_within { Ok(()) } else { Err(Mistake::value(who, key, value, format!("is not from 1 to {most}"))) }
}
