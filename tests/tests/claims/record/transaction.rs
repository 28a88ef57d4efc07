//! A transaction as it passed the provider's door, with the provider's memory of it.

use anyhow::{Context, Result, bail, ensure};
use protocol::crypto::{Crypto, RustCrypto, Signature};
use protocol::label;
use protocol::message::request::{SIGNATURE_LENGTH, Tree};
use protocol::message::response::{Batch, Part, Single, Verified};
use protocol::message::{Kind, acknowledgment, final_notice, key_exchange, transaction};
use protocol::provider::key_exchange::{Asked, verify};
use protocol::provider::{ProviderKeys, Requests};
use protocol::types::{Digest, TransactionId};
use service_provider::Backend;
use service_provider::keys::files::ProviderFiles;

use super::door::Exchange;
use super::sessions::{Field, Session, Sessions, digest, open};

/// One of a transaction's rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    KeyExchange,
    Transaction,
    Acknowledgment,
}

/// A transaction.
pub(crate) struct Transaction {
    /// What the provider calls it.
    pub(crate) id: TransactionId,
    /// The rounds' requests and responses as the provider got and gave them.
    rounds: [Exchange; 3],
    /// The members, in the order of their numbers.
    pub(crate) sessions: Sessions,
    /// What the provider opened of the key exchange.
    pub(crate) asked: Asked,
    /// The provider's verification key of the day.
    provider: protocol::crypto::PublicKey,
}

impl Transaction {
    /// From what the provider remembers of it, among all that passed.
    pub(super) fn new(remembered: &[u8], exchanges: &[Exchange], provider: &ProviderFiles) -> Result<Self> {
        let sessions = Sessions::parse(remembered)?;
        let rounds = [Kind::KeyExchangeResponse, Kind::TransactionResponse, Kind::FinalNotice];
        let find = |kind| {
            let belongs = |exchange: &&Exchange| {
                Batch::parse(&exchange.response).is_ok_and(|it| it.kind == kind && it.header.group == sessions.group)
            };
            exchanges.iter().find(belongs).cloned().with_context(|| format!("no {kind:?}"))
        };
        let rounds = [find(rounds[0])?, find(rounds[1])?, find(rounds[2])?];
        let keys: &ProviderKeys<Backend> = provider.ring.find(&sessions.key).context("an unknown descriptor")?;
        let asked = verify(keys, &Requests::new::<Backend>(Tree::parse(&rounds[0].request)?)?)?;
        Ok(Self { id: sessions.transaction, rounds, sessions, asked, provider: keys.descriptor().verification })
    }

    /// A round's request and response.
    pub(crate) const fn round(&self, round: Round) -> &Exchange {
        &self.rounds[round as usize]
    }

    /// How many members there are.
    pub(crate) fn count(&self) -> usize {
        self.sessions.members.len()
    }

    /// A member's session.
    pub(crate) fn session(&self, number: usize) -> Result<&Session> {
        self.sessions.member(number)
    }

    /// A round's request.
    pub(crate) fn tree(&self, round: Round) -> Result<Tree<'_>> {
        Ok(Tree::parse(&self.round(round).request)?)
    }

    /// What a member said in a round.
    pub(crate) fn own(&self, round: Round, number: usize) -> Result<&[u8]> {
        let node = self.tree(round)?.nodes().get(number).copied();
        Ok(node.with_context(|| format!("no member {number}"))?.own)
    }

    /// A member's part of a key exchange request.
    pub(crate) fn key_exchange(&self, number: usize) -> Result<key_exchange::Request<'_>> {
        Ok(key_exchange::Request::parse(self.own(Round::KeyExchange, number)?)?)
    }

    /// A member's part of a transaction request.
    pub(crate) fn request(&self, number: usize) -> Result<transaction::Request<'_>> {
        Ok(transaction::Request::parse(self.own(Round::Transaction, number)?)?)
    }

    /// A member's part of an acknowledgment.
    pub(crate) fn acknowledgment(&self, number: usize) -> Result<acknowledgment::Acknowledgment<'_>> {
        Ok(acknowledgment::Acknowledgment::parse(self.own(Round::Acknowledgment, number)?)?)
    }

    /// A round's response.
    pub(crate) fn batch(&self, round: Round) -> Result<Batch<'_>> {
        Ok(Batch::parse(&self.round(round).response)?)
    }

    /// What the provider says to a member in a round.
    pub(crate) fn item(&self, round: Round, number: usize) -> Result<&[u8]> {
        let batch = self.batch(round)?;
        Ok(batch.parts.get(number).with_context(|| format!("no part {number}"))?.item)
    }

    /// The provider's part of the key exchange for a member.
    pub(crate) fn session_given(&self, number: usize) -> Result<key_exchange::Response<'_>> {
        Ok(key_exchange::Response::parse(self.item(Round::KeyExchange, number)?)?)
    }

    /// The provider's part of the transaction response for a member.
    pub(crate) fn decision(&self, number: usize) -> Result<transaction::Response<'_>> {
        Ok(transaction::Response::parse(self.item(Round::Transaction, number)?)?)
    }

    /// The provider's part of the final notice for a member.
    pub(crate) fn notice(&self, number: usize) -> Result<final_notice::FinalNotice<'_>> {
        Ok(final_notice::FinalNotice::parse(self.item(Round::Acknowledgment, number)?)?)
    }

    /// A sealed field of a member's part, and the bytes that it is bound to.
    fn sealed(&self, number: usize, kind: Kind, field: Field) -> Result<(&[u8], &[u8])> {
        Ok(match (kind, field) {
            (Kind::TransactionRequest, field) => {
                let part = self.request(number)?;
                let sealed = match field {
                    Field::Cryptogram3 => part.cryptogram_3,
                    Field::Terms => part.terms,
                    Field::Private | Field::Display | Field::Data | Field::Signature | Field::Receipt => part.private,
                };
                (part.outer_bytes, sealed)
            }
            (Kind::TransactionResponse, field) => {
                let part = self.decision(number)?;
                (part.outer_bytes, if field == Field::Display { part.seals.display } else { part.seals.private })
            }
            (Kind::Acknowledgment, field) => {
                let part = self.acknowledgment(number)?;
                (part.outer_bytes, if field == Field::Data { part.seals.data } else { part.seals.sensitive })
            }
            (Kind::FinalNotice, _) => {
                let part = self.notice(number)?;
                (part.outer_bytes, part.seals.receipt)
            }
            (other, _) => bail!("{other:?} has no such field"),
        })
    }

    /// What the member `reader` reads in a field of the member `number`'s part, by its own session's private keys.
    pub(crate) fn open(&self, reader: usize, number: usize, kind: Kind, field: Field) -> Result<Option<Vec<u8>>> {
        let (outer, sealed) = self.sealed(number, kind, field)?;
        Ok(open(&self.session(reader)?.private(kind, field), outer, sealed))
    }

    /// What the member `reader` reads there by the key that the group shares.
    pub(crate) fn open_shared(
        &self,
        reader: usize,
        number: usize,
        kind: Kind,
        field: Field,
    ) -> Result<Option<Vec<u8>>> {
        let (outer, sealed) = self.sealed(number, kind, field)?;
        let key = self.session(reader)?.group(kind, field, u16::try_from(number)?);
        Ok(key.and_then(|key| open(&key, outer, sealed)))
    }

    /// A field opens beside what everybody may read of its part, and not beside that with a bit turned over.
    pub(crate) fn check_bound(&self, number: usize, kind: Kind, field: Field) -> Result<()> {
        let (outer, sealed) = self.sealed(number, kind, field)?;
        let key = self.session(number)?.private(kind, field);
        let mut changed = outer.to_vec();
        *changed.last_mut().context("no byte")? ^= 1;
        ensure!(
            open(&key, outer, sealed).is_some() && open(&key, &changed, sealed).is_none(),
            "the seal binds nothing"
        );
        Ok(())
    }

    /// Every member's signature in a round holds for what it says and for all that it combines; one bit of any member's
    /// part turned over, and its own and every signature above it hold no more.
    pub(crate) fn check_signatures(&self, round: Round) -> Result<()> {
        let request = &self.round(round).request;
        ensure!(self.broken(round, &Tree::parse(request)?)?.is_empty(), "a signature does not hold");
        for number in 0..self.count() {
            let own = self.own(round, number)?;
            let start = own.as_ptr() as usize - request.as_ptr() as usize;
            let mut changed = request.clone();
            // The last byte is in a seal: the part still parses.
            *changed.get_mut(start + own.len() - 1).context("no byte")? ^= 1;
            let broken = self.broken(round, &Tree::parse(&changed)?)?;
            ensure!(broken == self.way_up(number)?, "a change at {number} breaks the signatures of {broken:?}");
        }
        Ok(())
    }

    /// A member and all that combine it, in the order of their numbers.
    pub(crate) fn way_up(&self, number: usize) -> Result<Vec<usize>> {
        let mut way = vec![number];
        let mut member = self.session(number)?;
        while let Some(parent) = member.parent {
            way.insert(0, parent.into());
            member = self.session(parent.into())?;
        }
        Ok(way)
    }

    /// The members at and below one.
    pub(crate) fn below(&self, number: usize) -> Result<Vec<usize>> {
        let mut below = Vec::new();
        for member in 0..self.count() {
            if self.way_up(member)?.contains(&number) {
                below.push(member);
            }
        }
        Ok(below)
    }

    /// The members whose signatures do not hold in a request.
    fn broken(&self, round: Round, tree: &Tree<'_>) -> Result<Vec<usize>> {
        let digests = tree.digests::<RustCrypto>();
        let mut broken = Vec::new();
        for (number, (node, digest)) in tree.nodes().iter().zip(&digests).enumerate() {
            let session = self.session(number)?;
            let holds = match self.signature(round, session, node.signature, digest)? {
                Some(signature) => RustCrypto::verify(&session.verification, &signed(digest), &signature).is_ok(),
                None => false,
            };
            if !holds {
                broken.push(number);
            }
        }
        Ok(broken)
    }

    /// A signature, opened where it is sealed; `None` where it does not open. Those of hidden keys in a key exchange
    /// are sealed in cryptogram 1's context, which the provider has opened.
    fn signature(
        &self,
        round: Round,
        session: &Session,
        travelled: &[u8],
        digest: &Digest,
    ) -> Result<Option<Signature>> {
        if !session.hidden {
            return Ok(Some(Signature(<[u8; SIGNATURE_LENGTH]>::try_from(travelled)?)));
        }
        ensure!(round != Round::KeyExchange, "the signature is sealed to the provider");
        let key = session.private(round.request(), Field::Signature);
        let plain = open(&key, digest.as_bytes(), travelled);
        Ok(plain.and_then(|plain| Some(Signature(plain.try_into().ok()?))))
    }

    /// The provider's one signature holds for each member's part alone, and not for it with a bit turned over, nor for
    /// another member's request.
    pub(crate) fn check_answer(&self, round: Round) -> Result<()> {
        let batch = self.batch(round)?;
        let digests = self.tree(round)?.digests::<RustCrypto>();
        ensure!(batch.parts.len() == self.count(), "{} parts", batch.parts.len());
        for (part, request) in batch.parts.iter().zip(&digests) {
            let mut item = part.item.to_vec();
            *item.last_mut().context("no byte")? ^= 1;
            let alone = |part: Part<'_>| Batch { parts: vec![part], ..batch.clone() }.encode();
            let (changed, part) = (alone(Part { item: &item, ..part.clone() }), alone(part.clone()));
            let verified = self.verify(round, &part, request)?;
            ensure!(usize::from(verified.count) == self.count(), "of {} members", verified.count);
            ensure!(self.verify(round, &changed, request).is_err(), "a changed part verifies");
            let others = digests.iter().filter(|other| *other != request);
            ensure!(
                others.clone().all(|other| self.verify(round, &part, other).is_err()),
                "it is another's answer too"
            );
        }
        Ok(())
    }

    fn verify<'a>(&self, round: Round, part: &'a [u8], request: &Digest) -> Result<Verified<'a>> {
        Ok(Single::parse(part, round.response())?.verify::<RustCrypto>(&self.provider, request)?)
    }
}

impl Round {
    pub(crate) const ALL: [Self; 3] = [Self::KeyExchange, Self::Transaction, Self::Acknowledgment];

    pub(crate) const fn request(self) -> Kind {
        match self {
            Self::KeyExchange => Kind::KeyExchangeRequest,
            Self::Transaction => Kind::TransactionRequest,
            Self::Acknowledgment => Kind::Acknowledgment,
        }
    }

    pub(crate) const fn response(self) -> Kind {
        match self {
            Self::KeyExchange => Kind::KeyExchangeResponse,
            Self::Transaction => Kind::TransactionResponse,
            Self::Acknowledgment => Kind::FinalNotice,
        }
    }
}

/// What a member signs (PROTOCOL.md, 5.3).
pub(crate) fn signed(node: &Digest) -> [u8; 32] {
    digest(label::NODE_SIGNATURE, &[node.as_bytes()]).0
}
