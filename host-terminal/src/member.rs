//! One member's part in a round: it combines the messages below it with its own, and separates the response.

use std::ops::Range;

use protocol::crypto::RustCrypto;
use protocol::error::Malformed;
use protocol::limits::CHILDREN_MAX;
use protocol::message::Kind;
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use protocol::types::{Digest, Number};

use crate::card::{Card, Part};
use crate::error::{Error, Misbehaviour};
use crate::hop::Upstream;
use crate::offer::{self, Envelope};
use crate::words;

/// A member's message, with what it takes to separate the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Combined {
    /// The message for the next hop up.
    pub message: Vec<u8>,
    kind: Kind,
    members: Number,
    branches: Vec<Range<Number>>,
}

/// A response, cut up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Separated {
    /// The member's own number in the group.
    pub number: Number,
    /// For the member's own card.
    pub own: Vec<u8>,
    /// For those whose messages it combined, in the order in which it combined them.
    pub branches: Vec<Vec<u8>>,
}

/// Has the card build `part` and sign it over `children`, the complete messages below. `below` names who sent them.
///
/// # Errors
/// [`Error::Misbehaved`] for children that are none, [`Error::Card`].
pub async fn combine(
    card: &mut Card,
    part: &Part<'_>,
    children: &[&[u8]],
    below: &'static str,
) -> Result<Combined, Error> {
    let kind = part.kind();
    if children.len() > CHILDREN_MAX {
        return Err(Error::misbehaved(below)(Malformed::TooLarge("count of children")));
    }
    let trees = children.iter().map(|message| child(message, kind));
    let trees: Vec<Tree<'_>> = trees.collect::<Result<_, _>>().map_err(Error::misbehaved(below))?;
    let roots: Vec<(Digest, &[u8])> = trees.iter().filter_map(root).collect();

    let own = card.build(part).await?;
    let signature = card.sign(&roots).await?;
    let tree = Tree::combine(kind, &own, &signature, &trees).map_err(Error::misbehaved(below))?;
    Ok(Combined { message: tree.encode(), kind, members: tree.count(), branches: tree.branches() })
}

/// The way up: whom a member sends its messages to.
pub struct Above<'a> {
    /// The connection.
    pub upstream: &'a Upstream,
    /// What it is called in errors.
    pub hop: &'static str,
    /// What the next member must know to tell this one's messages from others'; nothing for a provider.
    pub envelope: Option<Envelope<'a>>,
}

impl<'a> Above<'a> {
    /// A hop that needs to know nothing more.
    #[must_use]
    pub const fn new(upstream: &'a Upstream, hop: &'static str) -> Self {
        Self { upstream, hop, envelope: None }
    }

    /// Sends a message and gives its answer.
    ///
    /// # Errors
    /// [`Error::Hop`].
    pub async fn ask(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let answer = match self.envelope {
            Some(envelope) => self.upstream.ask(&envelope.wrap(message)).await,
            None => self.upstream.ask(message).await,
        };
        answer.map_err(Error::hop(self.hop))
    }
}

impl Combined {
    /// The kind of message.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Sends the message to the next hop up and separates the response.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn ask(&self, above: &Above<'_>) -> Result<Separated, Error> {
        let response = above.ask(&self.message).await?;
        self.separate(&response, above.hop)
    }

    /// Cuts the response to this message up; `above` names who sent it. Signatures are the cards' to verify.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Stopped`], or [`Error::Misbehaved`] for a response to something else.
    pub fn separate(&self, response: &[u8], above: &'static str) -> Result<Separated, Error> {
        check_refusal(response)?;
        let misbehaved = Error::misbehaved::<Misbehaviour>(above);
        let batch = Batch::parse(response).map_err(Error::misbehaved(above))?;
        if Some(batch.kind) != self.kind.answer() {
            let expected = self.kind.answer().map_or("nothing", words::kind);
            return Err(misbehaved(Misbehaviour::Unexpected { got: words::kind(batch.kind), expected }));
        }
        let first = batch.parts.first().map(|part| part.number);
        let number = first.ok_or_else(|| misbehaved(Misbehaviour::OtherMembers))?;
        let numbers = batch.parts.iter().map(|part| part.number);
        if !numbers.eq((number..).take(self.members.into())) {
            return Err(misbehaved(Misbehaviour::OtherMembers));
        }
        let slice = |members: &Range<Number>| batch.slice(number + members.start..number + members.end).encode();
        Ok(Separated { number, own: slice(&(0..1)), branches: self.branches.iter().map(slice).collect() })
    }
}

/// Refusals and stops, which may come in the place of any answer, as errors.
///
/// # Errors
/// [`Error::Refused`], [`Error::Stopped`].
pub(crate) fn check_refusal(answer: &[u8]) -> Result<(), Error> {
    if answer == protocol::message::bare(Kind::Refused) {
        return Err(Error::Refused);
    }
    offer::stopped_line(answer).map_or(Ok(()), |line| Err(Error::Stopped(line)))
}

fn child(message: &[u8], kind: Kind) -> Result<Tree<'_>, Misbehaviour> {
    let tree = Tree::parse(message)?;
    if tree.kind() == kind {
        Ok(tree)
    } else {
        Err(Misbehaviour::Unexpected { got: words::kind(tree.kind()), expected: words::kind(kind) })
    }
}

/// Digest and signature of a tree's root: what its combiner signs.
fn root<'a>(tree: &Tree<'a>) -> Option<(Digest, &'a [u8])> {
    let digest = *tree.digests::<RustCrypto>().first()?;
    Some((digest, tree.nodes().first()?.signature))
}
