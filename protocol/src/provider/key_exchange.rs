//! The provider verifies a key exchange request and gives each member its session.

use alloc::string::String;
use alloc::vec::Vec;

use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::answer::{Answer, item_of, random_salt, sign};
use super::{
    AccountClaim, Group, Member, ProviderKeys, Requests, open_signature, plain_signature, registered, verify_node,
};
use crate::codec::{self, BufferFull};
use crate::crypto::{Crypto, PublicKey, Secret};
use crate::error::{Malformed, Rejected};
use crate::group::{GroupHasher, commitment};
use crate::hpke::{self, ReceiverContext};
use crate::keys::{self, SessionKeys};
use crate::limits;
use crate::member::{cryptogram_1_info, cryptogram_2_info, endorsed};
use crate::message::Kind;
use crate::message::key_exchange::{
    Cryptogram1, Cryptogram2, MemberKeys, Peer, PeerKey, Request, ResponseOuter, Verdict,
};
use crate::message::request::Node;
use crate::seal::{Builder, Scratch, open_with, seal_in_place};
use crate::types::{Digest, GroupId, Number, Options, Parties, Party, TransactionId};

/// A key exchange request of which every signature holds.
pub struct Asked {
    /// The members in the order of their numbers.
    pub members: Vec<AskedMember>,
}

/// What one member asks.
pub struct AskedMember {
    /// What it asks for.
    pub options: Options,
    /// The key that signs for it: registered, or fresh.
    pub verification: PublicKey,
    /// The key that endorsed a fresh one; its signature holds.
    pub endorser: Option<PublicKey>,
    /// Its account, where the response is to be bound to it. The proof is still to be checked.
    pub account: Option<AccountClaim>,
    /// Text that anybody could read.
    pub plain_text: Vec<u8>,
    /// Data for the provider alone.
    pub sensitive: Zeroizing<Vec<u8>>,
    challenge: Secret<32>,
    encryption: PublicKey,
}

/// What one member is told.
pub struct Told<'a> {
    /// Whether it gets a session. One refusal, and nobody does.
    pub verdict: Verdict<'a>,
    /// The verified name of its account's holder, where it proved one: every member is told.
    pub name: Option<String>,
    /// Text that anybody may read.
    pub plain_text: &'a [u8],
    /// Data for the member alone.
    pub sensitive: &'a [u8],
}

/// Verifies every member's part under the keys that it names.
pub fn verify<C: Crypto>(keys: &ProviderKeys<C>, requests: &Requests<'_>) -> Result<Asked, Rejected> {
    if requests.kind() != Kind::KeyExchangeRequest {
        return Err(Malformed::UnexpectedKind(requests.kind().byte()).into());
    }
    let parts: Result<Vec<Request<'_>>, Malformed> =
        requests.nodes().map(|(node, _)| Request::parse(node.own)).collect();
    let parts = parts?;
    if parts.iter().any(|part| part.outer.key != keys.id) {
        return Err(Rejected::UnknownKey);
    }
    let opened: Result<Vec<OpenedPart<C>>, Rejected> = parts.iter().map(|part| OpenedPart::new(keys, part)).collect();
    let opened = opened?;
    check_keys(&opened)?;
    let nodes = requests.nodes().zip(opened);
    let members: Result<Vec<AskedMember>, Rejected> =
        nodes.map(|((node, digest), opened)| opened.verify_signature(node, digest)).collect();
    let members = members?;
    Ok(Asked { members })
}

/// No key twice in a tree: neither verification nor encryption keys.
fn check_keys<C: Crypto>(opened: &[OpenedPart<C>]) -> Result<(), Rejected> {
    let all = opened.iter().flat_map(|opened| [opened.member.verification, opened.member.encryption]);
    let mut all: Vec<PublicKey> = all.collect();
    all.sort_unstable();
    if all.is_sorted_by(|one, next| one < next) { Ok(()) } else { Err(Malformed::Structure.into()) }
}

/// One member's part, its cryptogram open, its signature not yet checked.
struct OpenedPart<C: Crypto> {
    member: AskedMember,
    context: ReceiverContext<C>,
    key_id: crate::types::KeyId,
    endorsement: Option<crate::crypto::Signature>,
}

impl<C: Crypto> OpenedPart<C> {
    fn new(keys: &ProviderKeys<C>, part: &Request<'_>) -> Result<Self, Rejected> {
        let wrong = Rejected::not_verified("cryptogram 1");
        let cryptogram = &part.cryptogram_1;
        let info = cryptogram_1_info::<C>(&keys.descriptor.provider, &keys.id);
        let own_key = &keys.descriptor.encryption;
        let mut context =
            hpke::setup_receiver::<C>(&keys.encryption, own_key, &cryptogram.encapsulated, &[info.as_bytes()])
                .map_err(&wrong)?;
        let mut space = Zeroizing::new(alloc::vec![0; cryptogram.sealed.len()]);
        let plain = open_with(cryptogram.sealed, &mut Scratch::new(&mut space), |plain, tag| {
            context.open(part.outer_bytes, plain, tag)
        })
        .map_err(wrong)?;
        let (inside, proof) = Cryptogram1::parse(plain)?;
        let MemberKeys { verification, encryption } = match (part.outer.keys, inside.hidden_keys) {
            (Some(keys), None) | (None, Some(keys)) => keys,
            (Some(_), Some(_)) | (None, None) => return Err(Malformed::Structure.into()),
        };
        let account = inside.account.zip(proof).map(|(information, (proof, before_proof))| AccountClaim {
            information: information.to_vec().into(),
            said: keys::said_in_key_exchange::<C>(part.outer_bytes, before_proof),
            proof: Secret::from(*proof),
        });
        let member = AskedMember {
            options: part.outer.options,
            verification,
            endorser: inside.endorsement.map(|endorsement| endorsement.registered),
            account,
            plain_text: part.outer.plain_text.to_vec(),
            sensitive: inside.sensitive.to_vec().into(),
            challenge: inside.challenge.clone(),
            encryption,
        };
        let endorsement = inside.endorsement.map(|endorsement| endorsement.signature);
        Ok(Self { member, context, key_id: keys.id, endorsement })
    }

    fn verify_signature(mut self, node: &Node<'_>, digest: &Digest) -> Result<AskedMember, Rejected> {
        let signature = if self.member.options.has(Options::HIDDEN_KEY) {
            open_signature(node.signature, |plain, tag| self.context.open(digest.as_bytes(), plain, tag))?
        } else {
            plain_signature(node.signature)?
        };
        verify_node::<C>(&self.member.verification, digest, &signature)?;
        if let Some((registered, signature)) = self.member.endorser.zip(self.endorsement) {
            let message = endorsed::<C>(&self.member.verification, &self.key_id);
            C::verify(&registered, &message, &signature).map_err(Rejected::not_verified("an endorsement"))?;
        }
        Ok(self.member)
    }
}

/// A key exchange that is answered.
pub struct Opened {
    /// The answer.
    pub answer: Answer,
    /// The identification of the group that the answer is for.
    pub id: GroupId,
    /// The group, when all members were granted.
    pub group: Option<Group>,
}

/// Answers every member.
pub fn answer<C: Crypto>(
    keys: &ProviderKeys<C>,
    requests: &Requests<'_>,
    asked: &Asked,
    told: &[Told<'_>],
    transaction: TransactionId,
    random: &mut impl CryptoRngCore,
) -> Result<Opened, Rejected> {
    if told.len() != asked.members.len() {
        return Err(Rejected::NotForThis("the count of answers"));
    }
    let granted = told.iter().all(|told| matches!(told.verdict, Verdict::Granted));
    let roster = Roster::new::<C>(requests, asked, told, &transaction, random);
    let shared_secret = Secret::random(random);
    let mut items = Vec::with_capacity(told.len());
    let mut members = Vec::with_capacity(told.len());
    for ((number, one), told) in (0..).zip(&asked.members).zip(told) {
        let grant = Grant {
            asked: one,
            told,
            request: requests.digests().get(usize::from(number)).copied().unwrap_or(Digest([0; 32])),
            number,
            transaction,
            session_secret: Secret::random(random),
            challenge: Secret::random(random),
            shared_secret: one.options.has(Options::SHARED_KEY).then(|| shared_secret.clone()),
        };
        let item = grant.item::<C>(keys, &roster, granted, random)?;
        members.push(grant.member::<C>(&roster, &item));
        items.push(item);
    }
    let answer = sign(keys, Kind::KeyExchangeResponse, roster.group, requests, &items, random);
    let Roster { group: id, names, .. } = roster;
    let group = Group { id, transaction, key: keys.id, members, names, response: None };
    Ok(Opened { answer, id, group: granted.then_some(group) })
}

/// What all members' answers have in common.
struct Roster {
    group: GroupId,
    count: Number,
    peers: Vec<Peer>,
    names: Vec<(Number, String)>,
}

impl Roster {
    fn new<C: Crypto>(
        requests: &Requests<'_>,
        asked: &Asked,
        told: &[Told<'_>],
        transaction: &TransactionId,
        random: &mut impl CryptoRngCore,
    ) -> Self {
        let count = requests.tree.count();
        let options = asked.members.first().map_or(Options::none(), |member| member.options);
        let mut hasher = GroupHasher::<C>::new(transaction, &requests.root(), options, count);
        let mut peers = Vec::with_capacity(asked.members.len());
        let members = asked.members.iter().zip(requests.tree.parents()).zip(requests.digests());
        for ((member, parent), request) in members {
            let key = member.peer_key::<C>(random);
            let peer = Peer { parent: *parent, request: *request, key };
            hasher.member(&peer);
            peers.push(peer);
        }
        let named = (0..).zip(told).zip(&asked.members).filter(|(_, asked)| asked.shows_its_name());
        let names = named.filter_map(|((number, told), _)| Some((number, told.name.clone()?)));
        let names = names.take(limits::PEERS_MAX).collect();
        Self { group: hasher.finish(), count, peers, names }
    }

    fn parties(&self) -> Parties<'_> {
        self.names.iter().map(|(number, name)| Party { number: *number, name }).collect()
    }
}

impl AskedMember {
    /// The key that should be registered: the one that signs, or the one that endorsed it.
    #[must_use]
    pub const fn registered(&self) -> &PublicKey {
        registered(&self.verification, self.endorser.as_ref())
    }

    /// How the group's identification commits to this member's key.
    fn peer_key<C: Crypto>(&self, random: &mut impl CryptoRngCore) -> PeerKey {
        if !self.options.has(Options::HIDDEN_KEY) {
            return PeerKey::Open(self.verification);
        }
        let salt = random_salt(random);
        if self.options.has(Options::REVEAL_TO_PEERS) {
            PeerKey::Revealed(self.verification, salt)
        } else {
            PeerKey::Hidden(commitment::<C>(&self.verification, Some(&salt)))
        }
    }

    /// A hidden member's name would link its transactions, so the others are told it only where the member agreed.
    const fn shows_its_name(&self) -> bool {
        !self.options.has(Options::HIDDEN_KEY) || self.options.has(Options::REVEAL_TO_PEERS)
    }
}

/// One member's answer in the making.
struct Grant<'a> {
    asked: &'a AskedMember,
    told: &'a Told<'a>,
    request: Digest,
    number: Number,
    transaction: TransactionId,
    session_secret: Secret<32>,
    challenge: Secret<32>,
    shared_secret: Option<Secret<32>>,
}

impl Grant<'_> {
    fn item<C: Crypto>(
        &self,
        keys: &ProviderKeys<C>,
        roster: &Roster,
        granted: bool,
        random: &mut impl CryptoRngCore,
    ) -> Result<Vec<u8>, Rejected> {
        let options = self.asked.options;
        let outer = ResponseOuter {
            request: self.request,
            group: roster.group,
            number: self.number,
            count: roster.count,
            options,
            transaction: (!options.has(Options::TRANSACTION_INSIDE)).then_some(self.transaction),
            plain_text: self.told.plain_text,
        };
        let info = cryptogram_2_info::<C>(&keys.descriptor.provider, &keys.id);
        let (encapsulated, mut context) = hpke::setup_sender::<C>(&self.asked.encryption, &[info.as_bytes()], random)
            .map_err(Rejected::not_verified("a member's encryption key"))?;
        let mut peers = Vec::new();
        if granted && options.has(Options::PEER_KEYS) {
            roster.peers.iter().for_each(|peer| codec::append(peer, &mut peers));
        }
        let limit = if peers.is_empty() { limits::ITEM_MAX } else { limits::PEER_KEYS_ITEM_MAX };
        let written = item_of(limit, |builder| {
            builder.value(&outer)?;
            let answer = self.answer::<C>(builder.written());
            let inside = self.inside(roster, &peers, &answer);
            let outer_length = builder.length();
            builder.value(&encapsulated)?;
            builder.string(|before, space| {
                let outer = before.get(..outer_length).ok_or(BufferFull)?;
                let mut plain = Builder::new(space);
                plain.value(&inside)?;
                let length = plain.length();
                seal_in_place(space, length, |plain| context.seal(outer, plain))
            })?;
            builder.value(&(!options.has(Options::ANSWER_INSIDE)).then_some(Digest(*answer.as_bytes())))
        });
        Ok(written?)
    }

    fn answer<C: Crypto>(&self, outer: &[u8]) -> Secret<32> {
        let Self { asked, request, session_secret, challenge, .. } = self;
        keys::member_answer::<C>(&asked.challenge, request, outer, session_secret, challenge)
    }

    fn inside<'a>(&'a self, roster: &'a Roster, peers: &'a [u8], answer: &Secret<32>) -> Cryptogram2<'a> {
        let options = self.asked.options;
        Cryptogram2 {
            session_secret: self.session_secret.clone(),
            challenge: self.challenge.clone(),
            verdict: self.told.verdict,
            transaction: options.has(Options::TRANSACTION_INSIDE).then_some(self.transaction),
            answer: options.has(Options::ANSWER_INSIDE).then(|| Digest(*answer.as_bytes())),
            shared_secret: self.shared_secret.clone(),
            parties: roster.parties(),
            peers,
            sensitive: self.told.sensitive,
        }
    }

    fn member<C: Crypto>(&self, roster: &Roster, item: &[u8]) -> Member {
        let session = keys::session_digest::<C>(&self.request, item);
        let shared = self.shared_secret.as_ref().map(|secret| (&roster.group, secret));
        let keys = SessionKeys::derive::<C>(&session, &self.session_secret, &self.asked.challenge, shared, self.number);
        Member {
            verification: self.asked.verification,
            endorser: self.asked.endorser,
            account: self.asked.account.as_ref().map(|account| account.information.clone()),
            parent: roster.peers.get(usize::from(self.number)).and_then(|peer| peer.parent),
            hidden: self.asked.options.has(Options::HIDDEN_KEY),
            session,
            challenge: self.challenge.clone(),
            keys,
        }
    }
}
