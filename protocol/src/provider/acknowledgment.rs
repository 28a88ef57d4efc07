//! The provider verifies an acknowledgment and answers with the final notice.

use alloc::vec::Vec;

use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::answer::{Answer, item, sign};
use super::{Group, Member, ProviderKeys, Requests};
use crate::codec::BufferFull;
use crate::crypto::Crypto;
use crate::error::{Malformed, Rejected};
use crate::keys::Field;
use crate::limits;
use crate::message::acknowledgment::{Acknowledgment, Decision};
use crate::message::final_notice::Outer;
use crate::message::request::Node;
use crate::message::{Header, Kind, at_most};
use crate::seal::{self, Builder, Scratch};
use crate::types::{Digest, Ending};

/// One member's word on the response. Its signature and seals hold, and it names the response that was given.
pub struct Acknowledged {
    /// Accept or reject.
    pub decision: Decision,
    /// Text that anybody could read.
    pub plain_text: Vec<u8>,
    /// Data for the group or the provider.
    pub data: Zeroizing<Vec<u8>>,
    /// Data for the provider alone.
    pub sensitive: Zeroizing<Vec<u8>>,
}

/// What one member is told.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// How it ended: the same for all.
    pub ending: Ending,
    /// A line for the receipt.
    pub receipt: &'a str,
    /// Text that anybody may read.
    pub plain_text: &'a [u8],
}

/// Verifies every member's part; gives them in the order of the members' numbers.
pub fn verify<C: Crypto>(group: &Group, requests: &Requests<'_>) -> Result<Vec<Acknowledged>, Rejected> {
    if requests.kind() != Kind::Acknowledgment {
        return Err(Malformed::UnexpectedKind(requests.kind().byte()).into());
    }
    let response = group.response.ok_or(Rejected::NotForThis("an acknowledgment of no response"))?;
    let members = group.match_nodes(requests)?;
    members
        .map(|(number, member, node, digest)| member.acknowledged::<C>(&group.header(number), &response, node, digest))
        .collect()
}

impl Member {
    fn acknowledged<C: Crypto>(
        &self,
        header: &Header,
        response: &Digest,
        node: &Node<'_>,
        digest: &Digest,
    ) -> Result<Acknowledged, Rejected> {
        let kind = Kind::Acknowledgment;
        let part = Acknowledgment::parse(node.own)?;
        if part.outer.header != *header || part.outer.root != *response {
            return Err(Rejected::NotForThis("a member's acknowledgment"));
        }
        self.verify_signature::<C>(kind, node, digest)?;
        let mut space = Zeroizing::new(alloc::vec![0; node.own.len()]);
        let mut scratch = Scratch::new(&mut space);
        let mut open = |key, sealed| {
            seal::open::<C>(&key, part.outer_bytes, sealed, &mut scratch)
                .map_err(Rejected::not_verified("a sealed field of an acknowledgment"))
        };
        let data = open(self.keys.group::<C>(kind, Field::Data), part.seals.data)?;
        let sensitive = open(self.keys.private::<C>(kind, Field::Private), part.seals.sensitive)?;
        at_most(data, limits::SENSITIVE_MAX, "acknowledgment data")?;
        at_most(sensitive, limits::SENSITIVE_MAX, "sensitive data")?;
        Ok(Acknowledged {
            decision: part.outer.decision,
            plain_text: part.outer.plain_text.to_vec(),
            data: data.to_vec().into(),
            sensitive: sensitive.to_vec().into(),
        })
    }
}

/// Answers every member: the final notice.
pub fn answer<C: Crypto>(
    keys: &ProviderKeys<C>,
    group: &Group,
    requests: &Requests<'_>,
    told: &[Told<'_>],
    random: &mut impl CryptoRngCore,
) -> Result<Answer, Rejected> {
    let members = group.match_nodes(requests)?.zip(told);
    let items: Result<Vec<Vec<u8>>, BufferFull> = members
        .map(|((number, member, _, digest), told)| member.notice::<C>(group.header(number), *digest, told))
        .collect();
    let items = items?;
    if items.len() != group.members.len() {
        return Err(Rejected::NotForThis("the count of answers"));
    }
    Ok(sign(keys, Kind::FinalNotice, group.id, requests, &items, random))
}

impl Member {
    fn notice<C: Crypto>(&self, header: Header, request: Digest, told: &Told<'_>) -> Result<Vec<u8>, BufferFull> {
        let outer = Outer { header, request, ending: told.ending, plain_text: told.plain_text };
        item(|builder| {
            builder.value(&outer)?;
            let outer = builder.length();
            builder.sealed::<C>(&self.keys.private::<C>(Kind::FinalNotice, Field::Receipt), outer, |_, space| {
                let mut plain = Builder::new(space);
                plain.raw(told.receipt.as_bytes())?;
                Ok(plain.length())
            })
        })
    }
}
