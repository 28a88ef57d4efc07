//! The provider verifies a transaction request and answers with its decision.

use alloc::vec::Vec;

use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::answer::{Answer, item, sign};
use super::{AccountClaim, Group, Member, ProviderKeys, Requests};
use crate::codec::BufferFull;
use crate::crypto::{Crypto, Secret};
use crate::error::{Malformed, Rejected};
use crate::keys::{self, Field};
use crate::message::request::Node;
use crate::message::transaction::{Display, Outcome, Private, Request, ResponseOuter, Terms};
use crate::message::{Header, Kind};
use crate::seal::{self, Builder, Scratch};
use crate::types::{Currency, Digest};

/// What one member wants done. Its signature, its seals and its answer to the provider challenge hold.
pub struct Wanted {
    /// What.
    pub terms: Terms,
    /// The account it is to be done with. The proof is still to be checked.
    pub account: AccountClaim,
    /// Text that anybody could read.
    pub plain_text: Vec<u8>,
    /// Data for the provider alone.
    pub sensitive: Zeroizing<Vec<u8>>,
}

/// What one member is told.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// The decision.
    pub outcome: Outcome<'a>,
    /// The amount, in minor units.
    pub amount: u64,
    /// The currency.
    pub currency: Currency,
    /// A line for the receipt.
    pub receipt: &'a str,
    /// Data for the card alone.
    pub private: &'a [u8],
    /// Text that anybody may read.
    pub plain_text: &'a [u8],
}

/// Verifies every member's part; gives them in the order of the members' numbers.
pub fn verify<C: Crypto>(group: &Group, requests: &Requests<'_>) -> Result<Vec<Wanted>, Rejected> {
    if requests.kind() != Kind::TransactionRequest {
        return Err(Malformed::UnexpectedKind(requests.kind().byte()).into());
    }
    let members = group.match_nodes(requests)?;
    members.map(|(number, member, node, digest)| member.wanted::<C>(&group.header(number), node, digest)).collect()
}

impl Member {
    fn wanted<C: Crypto>(&self, header: &Header, node: &Node<'_>, digest: &Digest) -> Result<Wanted, Rejected> {
        let kind = Kind::TransactionRequest;
        let part = Request::parse(node.own)?;
        if part.outer.header != *header {
            return Err(Rejected::NotForThis("a member's transaction request"));
        }
        self.verify_signature::<C>(kind, node, digest)?;

        let mut space = Zeroizing::new(alloc::vec![0; node.own.len()]);
        let mut scratch = Scratch::new(&mut space);
        let wrong = Rejected::not_verified("a sealed field of a transaction request");
        let mut open =
            |key: Secret<16>, sealed| seal::open::<C>(&key, part.outer_bytes, sealed, &mut scratch).map_err(&wrong);
        let answer = open(self.keys.private::<C>(kind, Field::Cryptogram3), part.cryptogram_3)?;
        let terms = open(self.keys.group::<C>(kind, Field::Terms), part.terms)?;
        let private = open(self.keys.private::<C>(kind, Field::Private), part.private)?;

        let expected = keys::provider_answer::<C>(&self.challenge, &self.session);
        let answer: [u8; 32] = answer.try_into().map_err(|_| Malformed::Undecodable)?;
        if Secret::from(answer) != expected {
            return Err(Rejected::NotVerified("the answer to the provider challenge"));
        }
        let (inside, before_proof, proof) = Private::parse(private)?;
        let said = keys::said_in_transaction::<C>(&self.session, part.before_private, terms, before_proof);
        Ok(Wanted {
            terms: Terms::parse(terms)?,
            account: AccountClaim { information: inside.account.to_vec().into(), said, proof: Secret::from(*proof) },
            plain_text: part.outer.plain_text.to_vec(),
            sensitive: inside.sensitive.to_vec().into(),
        })
    }
}

/// Answers every member; the group remembers the answer's root, which the acknowledgments must name.
pub fn answer<C: Crypto>(
    keys: &ProviderKeys<C>,
    group: &mut Group,
    requests: &Requests<'_>,
    told: &[Told<'_>],
    random: &mut impl CryptoRngCore,
) -> Result<Answer, Rejected> {
    let members = group.match_nodes(requests)?.zip(told);
    let items: Result<Vec<Vec<u8>>, BufferFull> = members
        .map(|((number, member, _, digest), told)| member.told::<C>(group, group.header(number), *digest, told))
        .collect();
    let items = items?;
    if items.len() != group.members.len() {
        return Err(Rejected::NotForThis("the count of answers"));
    }
    let answer = sign(keys, Kind::TransactionResponse, group.id, requests, &items, random);
    group.response = Some(answer.root);
    Ok(answer)
}

impl Member {
    fn told<C: Crypto>(
        &self,
        group: &Group,
        header: Header,
        request: Digest,
        told: &Told<'_>,
    ) -> Result<Vec<u8>, BufferFull> {
        let kind = Kind::TransactionResponse;
        let display = Display {
            outcome: told.outcome,
            amount: told.amount,
            currency: told.currency,
            parties: group.parties(),
            receipt: told.receipt,
        };
        item(|builder| {
            builder.value(&ResponseOuter { header, request, plain_text: told.plain_text })?;
            let outer = builder.length();
            builder.sealed::<C>(&self.keys.group::<C>(kind, Field::Display), outer, |_, space| {
                let mut plain = Builder::new(space);
                plain.value(&display)?;
                Ok(plain.length())
            })?;
            builder.sealed::<C>(&self.keys.private::<C>(kind, Field::Private), outer, |_, space| {
                let mut plain = Builder::new(space);
                plain.raw(told.private)?;
                Ok(plain.length())
            })
        })
    }
}
