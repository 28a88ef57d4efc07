//! Claims 38 to 44: members combine what they say, and what the provider answers comes back the way it was asked.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use host_terminal::offer::Joined;
use host_terminal::words;
use protocol::message::Kind;
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use symbolon_tests::canary::contains;
use symbolon_tests::claims::show;
use symbolon_tests::group::Event;

use crate::record::{Field, Record, Round, Shape, Transaction, scene};

#[test]
fn claim_38_two_members_exchange_keys() {
    show(38, || each_its_own(Shape::Pair, Round::KeyExchange));
}

#[test]
fn claim_39_two_members_conduct_a_transaction() {
    show(39, || each_its_own(Shape::Pair, Round::Transaction));
}

#[test]
fn claim_40_two_members_acknowledge() {
    show(40, || each_its_own(Shape::Pair, Round::Acknowledgment));
}

#[test]
fn claim_41_a_series_exchanges_keys() {
    show(41, || each_its_own(Shape::Series, Round::KeyExchange));
}

#[test]
fn claim_42_a_series_conducts_a_transaction() {
    show(42, || each_its_own(Shape::Series, Round::Transaction));
}

#[test]
fn claim_43_a_hierarchy_exchanges_keys() {
    show(43, || each_its_own(Shape::Hierarchy, Round::KeyExchange));
}

#[test]
fn claim_44_a_hierarchy_conducts_a_transaction() {
    show(44, || each_its_own(Shape::Hierarchy, Round::Transaction));
}

/// A round in which every member has a session key of its own.
fn each_its_own(shape: Shape, round: Round) -> Result<()> {
    let record = scene(shape, "plain")?;
    let transaction = record.transaction()?;
    check(record, shape, round)?;
    for (number, other) in pairs(transaction) {
        let (session, others) = (transaction.session(number)?, transaction.session(other)?);
        ensure!(!session.same_private(others) && !session.same_group(others), "{number} and {other} share a key");
        for (kind, field) in
            Field::PLACES.into_iter().filter(|(kind, _)| [round.request(), round.response()].contains(kind))
        {
            ensure!(transaction.open(number, number, kind, field)?.is_some(), "{number} does not open its {kind:?}");
            ensure!(transaction.open(other, number, kind, field)?.is_none(), "{other} opens the {kind:?} of {number}");
        }
    }
    Ok(())
}

/// Every member with every other.
pub(crate) fn pairs(transaction: &Transaction) -> impl Iterator<Item = (usize, usize)> {
    let count = transaction.count();
    (0..count)
        .flat_map(move |number| (0..count).filter(move |other| *other != number).map(move |other| (number, other)))
}

/// A round as it travelled: the request of every member has in it those below, each as it said it, and its signature
/// holds over all of them; the answer comes back on the way of the request, every member gets the parts of those on
/// its way and no other, its card its own, and each part verifies alone; routers add nothing.
pub(crate) fn check(record: &Record, shape: Shape, round: Round) -> Result<()> {
    let transaction = record.transaction()?;
    // A hidden key's signature in the key exchange is sealed to the provider, who has verified it.
    if round != Round::KeyExchange || !transaction.sessions.members.iter().any(|member| member.hidden) {
        transaction.check_signatures(round)?;
    }
    transaction.check_answer(round)?;
    ensure!(shape.members().len() == transaction.count(), "{} members", transaction.count());
    for name in shape.members() {
        Member::new(record, name)?.check(round).with_context(|| format!("{name}, {round:?}"))?;
    }
    for name in shape.routers() {
        forwards(record, name, round).with_context(|| format!("{name}, {round:?}"))?;
    }
    Ok(())
}

/// A member on the way.
struct Member<'a> {
    name: &'a str,
    number: usize,
    record: &'a Record,
    transaction: &'a Transaction,
}

impl<'a> Member<'a> {
    fn new(record: &'a Record, name: &'a str) -> Result<Self> {
        Ok(Self { name, number: record.number(name)?, record, transaction: record.transaction()? })
    }

    fn check(&self, round: Round) -> Result<()> {
        let below = self.range(self.number)?;
        let whole = Tree::parse(&self.transaction.round(round).request)?;
        let sent = self.one(round.request(), |event| event.from == self.name && !is_below(&event.to))?;
        let said = Tree::parse(inner(&sent.bytes))?;
        ensure!(said.nodes() == &whole.nodes()[below.clone()], "it sends something else");

        let got = self.one(round.response(), |event| event.to == self.name && !is_below(&event.from))?;
        ensure!(got.from == sent.to, "the answer comes another way");
        ensure!(got.bytes == self.part(round, below)?, "it gets other parts");
        self.check_card(round)?;
        self.check_children(round)
    }

    /// Its card is given its own part alone.
    fn check_card(&self, round: Round) -> Result<()> {
        let own = self.part(round, self.number..self.number + 1)?;
        let card = format!("{}'s card", self.name);
        let command = format!("RECEIVE {}", words::kind(round.response()));
        let given = self.record.seen(self.name)?.iter().filter(|event| event.to == card && event.what == command);
        let given: Vec<&Event> = given.collect();
        // A header and lengths stand around it.
        let fits = |event: &&Event| contains(&event.bytes, &own) && event.bytes.len() <= own.len() + 9;
        ensure!(given.len() == 1 && given.iter().all(fits), "its card is given something else");
        Ok(())
    }

    /// Everyone below whose message it combines gets the parts of its own branch, on the connection on which it asked.
    fn check_children(&self, round: Round) -> Result<()> {
        let asked = self.record.messages(self.name, round.request())?;
        let asked = asked.into_iter().filter(|event| is_below(&event.from));
        let mut children = Vec::new();
        for request in asked {
            let child = self.record.number(Joined::parse(&request.bytes)?.name)?;
            let answer = self.part(round, self.range(child)?)?;
            self.one(round.response(), |event| event.to == request.from && event.bytes == answer)?;
            children.push(child);
        }
        children.sort_unstable();
        let expected = (0..self.transaction.count()).filter(|child| self.is_child(*child));
        ensure!(expected.eq(children), "it hears others");
        Ok(())
    }

    fn is_child(&self, number: usize) -> bool {
        let parent = self.transaction.session(number).ok().and_then(|session| session.parent);
        parent.map(usize::from) == Some(self.number)
    }

    /// The one message of a kind that is so.
    fn one(&self, kind: Kind, is: impl Fn(&Event) -> bool) -> Result<&'a Event> {
        let all = self.record.messages(self.name, kind)?.into_iter().filter(|event| is(event));
        let all: Vec<&Event> = all.collect();
        let [one] = all.as_slice() else { anyhow::bail!("{} such messages, {kind:?}", all.len()) };
        Ok(one)
    }

    /// A member and those below it: one range.
    fn range(&self, number: usize) -> Result<Range<usize>> {
        let below = self.transaction.below(number)?;
        ensure!(below.iter().copied().eq(number..number + below.len()), "numbered otherwise: {below:?}");
        Ok(number..number + below.len())
    }

    /// The answer with the parts of these members alone.
    fn part(&self, round: Round, members: Range<usize>) -> Result<Vec<u8>> {
        let members = u16::try_from(members.start)?..u16::try_from(members.end)?;
        Ok(Batch::parse(&self.transaction.round(round).response)?.slice(members).encode())
    }
}

/// What comes in at a router goes out on the other side as it is, and the answer on the connection of its request.
fn forwards(record: &Record, router: &str, round: Round) -> Result<()> {
    let bytes = |events: &[&Event]| events.iter().map(|event| event.bytes.clone()).collect::<BTreeSet<_>>();
    let (requests, answers) = (record.messages(router, round.request())?, record.messages(router, round.response())?);
    for messages in [&requests, &answers] {
        let (out, came): (Vec<&Event>, Vec<&Event>) = messages.iter().partition(|event| event.from == router);
        ensure!(out.len() == came.len() && bytes(&out) == bytes(&came), "it changes what it forwards");
    }
    ensure!(!requests.is_empty(), "nothing comes by");
    let mut asked: Vec<&str> = requests.iter().map(|event| event.from.as_str()).filter(|from| is_below(from)).collect();
    let mut answered: Vec<&str> = answers.iter().map(|event| event.to.as_str()).filter(|to| is_below(to)).collect();
    asked.sort_unstable();
    answered.sort_unstable();
    ensure!(asked == answered, "asked on {asked:?}, answered on {answered:?}");
    Ok(())
}

/// Whether this is a hop below, which has a connection instead of a name.
fn is_below(place: &str) -> bool {
    place.starts_with("connection")
}

/// A member's message out of what it is wrapped in on the way to the next member.
fn inner(bytes: &[u8]) -> &[u8] {
    Joined::parse(bytes).map_or(bytes, |joined| joined.message)
}
