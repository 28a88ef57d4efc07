//! The member asks for a session and takes it.

use rand_core::CryptoRngCore;

use super::sign::{Awaiting, SignatureSeal, Unsigned};
use super::{Account, Session, at_most};
use crate::codec::{self, BufferFull};
use crate::crypto::{Crypto, PublicKey, Secret, random_scalar};
use crate::error::{Malformed, Rejected};
use crate::group::GroupHasher;
use crate::hpke;
use crate::keys::{self, SessionKeys};
use crate::label;
use crate::limits;
use crate::message::descriptor::Descriptor;
use crate::message::key_exchange::{
    Cryptogram1, Cryptogram2, Endorsement, MemberKeys, Peer, PeerKey, RequestOuter, Response, Verdict,
};
use crate::message::response::{Single, Verified};
use crate::message::{Header, Kind, SUITE_1};
use crate::seal::{Builder, Scratch, open_with, seal_in_place};
use crate::transcript;
use crate::types::{Digest, KeyId, Number, Options, Parties, ProviderId, TransactionId};

/// What a member brings to a key exchange.
pub struct KeyExchange<'a> {
    /// The provider's keys, their signature checked.
    pub descriptor: &'a Descriptor,
    /// The scalar of the registered signing key.
    pub signing: &'a Secret<32>,
    /// Its verification key.
    pub verification: &'a PublicKey,
    /// Sign with a fresh key instead (claim 29), endorsed by the registered one or not.
    pub fresh_key: FreshKey,
    /// What is asked for.
    pub options: Options,
    /// The account, where the response is to be bound to it and the others are to be given its holder's name.
    pub account: Option<Account<'a>>,
    /// Text that anybody on the way may read.
    pub plain_text: &'a [u8],
    /// Data for the provider alone.
    pub sensitive: &'a [u8],
}

/// Which key signs for this transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreshKey {
    /// The registered key.
    No,
    /// A fresh key that nothing ties to the registered one.
    Unendorsed,
    /// A fresh key that the registered one vouches for, inside cryptogram 1.
    Endorsed,
}

/// What the member remembers until the response comes.
pub struct KeyExchangeSent {
    provider: ProviderId,
    key: KeyId,
    provider_key: PublicKey,
    options: Options,
    challenge: Secret<32>,
    encryption: Secret<32>,
    encryption_public: PublicKey,
    verification: PublicKey,
    signing: Secret<32>,
}

/// The session stands.
pub struct Established {
    pub(super) session: Session,
    pub(super) digest: Digest,
    pub(super) challenge: Secret<32>,
    pub(super) parties: Digest,
}

/// What the response says.
pub struct KeyExchangeView<'a> {
    /// The provider's transaction identification.
    pub transaction: TransactionId,
    /// The member's number.
    pub number: Number,
    /// How many members there are.
    pub count: Number,
    /// Whether there is a session.
    pub verdict: Verdict<'a>,
    /// The verified names of those who proved their accounts.
    pub parties: Parties<'a>,
    /// The other members' keys, checked against the group; none where they were not asked for.
    pub peers: Peers<'a>,
    /// The provider's plain text.
    pub plain_text: &'a [u8],
    /// The provider's sensitive data, for the card alone.
    pub sensitive: &'a [u8],
}

impl KeyExchange<'_> {
    /// Writes what this member says and gives its length.
    pub fn request<C: Crypto>(
        &self,
        random: &mut impl CryptoRngCore,
        out: &mut [u8],
    ) -> Result<(usize, Unsigned<C, KeyExchangeSent>), Rejected> {
        at_most(self.plain_text, limits::PLAIN_TEXT_MAX, "plain text")?;
        at_most(self.sensitive, limits::SENSITIVE_MAX, "sensitive data")?;
        at_most(self.account.map_or(&[], |account| account.information), limits::ACCOUNT_MAX, "account")?;
        if !self.options.is_permitted() {
            return Err(Rejected::NotForThis("the combination of options"));
        }
        let sent = self.fresh_state::<C>(random)?;
        let hidden = self.options.has(Options::HIDDEN_KEY);
        let keys = MemberKeys { verification: sent.verification, encryption: sent.encryption_public };

        let mut builder = Builder::new(out);
        let outer = RequestOuter {
            options: self.options,
            key: sent.key,
            keys: (!hidden).then_some(keys),
            plain_text: self.plain_text,
        };
        builder.value(&outer)?;
        let info = cryptogram_1_info::<C>(&sent.provider, &sent.key);
        let (encapsulated, mut context) =
            hpke::setup_sender::<C>(&self.descriptor.encryption, &[info.as_bytes()], random)
                .map_err(Rejected::not_verified("the provider's encryption key"))?;
        let plain = Cryptogram1 {
            challenge: sent.challenge.clone(),
            hidden_keys: hidden.then_some(keys),
            endorsement: self.endorsement::<C>(&sent, random)?,
            sensitive: self.sensitive,
            account: self.account.map(|account| account.information),
        };
        let outer_length = builder.length();
        builder.value(&encapsulated)?;
        builder.string(|before, space| {
            let outer = before.get(..outer_length).ok_or(BufferFull)?;
            let length = self.write_cryptogram_1::<C>(&plain, outer, space)?;
            seal_in_place(space, length, |plain| context.seal(outer, plain))
        })?;
        let seal = if hidden { SignatureSeal::Cryptogram1(context) } else { SignatureSeal::Open };
        let signing = sent.signing.clone();
        let unsigned = Unsigned::new(Kind::KeyExchangeRequest, builder.written(), signing, seal, sent);
        Ok((builder.length(), unsigned))
    }

    /// Draws what is new in this key exchange.
    fn fresh_state<C: Crypto>(&self, random: &mut impl CryptoRngCore) -> Result<KeyExchangeSent, Rejected> {
        let own_key = Rejected::not_verified("the member's own key");
        let (signing, verification) = match self.fresh_key {
            FreshKey::No => (self.signing.clone(), *self.verification),
            FreshKey::Unendorsed | FreshKey::Endorsed => {
                let scalar = random_scalar::<C>(random);
                let public = C::verification_key(&C::signing_key(&scalar).map_err(&own_key)?);
                (scalar, public)
            }
        };
        let encryption = random_scalar::<C>(random);
        let encryption_public = C::agreement_public_key(&C::agreement_key(&encryption).map_err(&own_key)?);
        Ok(KeyExchangeSent {
            provider: self.descriptor.provider,
            key: self.descriptor.key_id::<C>(),
            provider_key: self.descriptor.verification,
            options: self.options,
            challenge: Secret::random(random),
            encryption,
            encryption_public,
            verification,
            signing,
        })
    }

    /// The registered key's word for the fresh one.
    fn endorsement<C: Crypto>(
        &self,
        sent: &KeyExchangeSent,
        random: &mut impl CryptoRngCore,
    ) -> Result<Option<Endorsement>, Rejected> {
        if self.fresh_key != FreshKey::Endorsed {
            return Ok(None);
        }
        let key = C::signing_key(self.signing).map_err(Rejected::not_verified("the member's own key"))?;
        let message = endorsed::<C>(&sent.verification, &sent.key);
        let signature = C::sign(&key, &message, Secret::<32>::random(random).as_bytes());
        Ok(Some(Endorsement { registered: *self.verification, signature }))
    }

    /// The plain text of cryptogram 1, the account proof last.
    fn write_cryptogram_1<C: Crypto>(
        &self,
        plain: &Cryptogram1<'_>,
        outer: &[u8],
        space: &mut [u8],
    ) -> Result<usize, BufferFull> {
        let mut builder = Builder::new(space);
        builder.value(plain)?;
        if let Some(account) = self.account {
            let said = keys::said_in_key_exchange::<C>(outer, builder.written());
            builder.raw(keys::account_proof::<C>(account.secret, &said).as_bytes())?;
        }
        Ok(builder.length())
    }
}

impl Awaiting<KeyExchangeSent> {
    /// Takes the provider's answer: what it says, and the session where it was granted. `scratch` is where the sealed
    /// field is opened, [`limits::OPENED_MAX`] bytes at most; it holds secrets afterwards, which the caller erases.
    pub fn receive<'a, C: Crypto>(
        &self,
        message: &'a [u8],
        scratch: &'a mut [u8],
    ) -> Result<(KeyExchangeView<'a>, Option<Established>), Rejected> {
        let (verified, response, plain) = self.open::<C>(message, scratch)?;
        self.read::<C>(&verified, &response, plain)
    }

    /// What has to be verified and opened takes much stack, and what is inside as well: one after the other.
    #[inline(never)]
    fn open<'a, C: Crypto>(
        &self,
        message: &'a [u8],
        scratch: &'a mut [u8],
    ) -> Result<(Verified<'a>, Response<'a>, &'a [u8]), Rejected> {
        let sent = &self.next;
        let verified =
            Single::parse(message, Kind::KeyExchangeResponse)?.verify::<C>(&sent.provider_key, &self.request)?;
        let response = Response::parse(verified.item)?;
        self.check_place(&response, &verified)?;
        let plain = sent.open::<C>(&response, scratch)?;
        Ok((verified, response, plain))
    }

    #[inline(never)]
    fn read<'a, C: Crypto>(
        &self,
        verified: &Verified<'a>,
        response: &Response<'a>,
        plain: &'a [u8],
    ) -> Result<(KeyExchangeView<'a>, Option<Established>), Rejected> {
        let inside = Cryptogram2::parse(plain, self.next.options)?;
        self.check_answer::<C>(response, &inside)?;
        let transaction = response.outer.transaction.or(inside.transaction).ok_or(Malformed::Structure)?;
        let peers = Peers::check::<C>(&inside, &transaction, verified, self.next.options)?;

        let header = Header { transaction, group: verified.group, number: verified.number };
        let granted = matches!(inside.verdict, Verdict::Granted);
        let established = granted.then(|| self.establish::<C>(header, verified, &inside));
        let view = KeyExchangeView {
            transaction,
            number: verified.number,
            count: verified.count,
            verdict: inside.verdict,
            parties: inside.parties,
            peers,
            plain_text: response.outer.plain_text,
            sensitive: inside.sensitive,
        };
        Ok((view, established))
    }

    fn check_place(&self, response: &Response<'_>, verified: &Verified<'_>) -> Result<(), Rejected> {
        let outer = &response.outer;
        let same = outer.request == self.request
            && outer.group == verified.group
            && outer.number == verified.number
            && outer.count == verified.count
            && outer.options == self.next.options;
        if same { Ok(()) } else { Err(Rejected::NotForThis("the key exchange response")) }
    }

    fn check_answer<C: Crypto>(&self, response: &Response<'_>, inside: &Cryptogram2<'_>) -> Result<(), Rejected> {
        let expected = keys::member_answer::<C>(
            &self.next.challenge,
            &self.request,
            response.outer_bytes,
            &inside.session_secret,
            &inside.challenge,
        );
        let answer = response.seals.answer.or(inside.answer).ok_or(Malformed::Structure)?;
        if Secret::from(answer.0) == expected {
            Ok(())
        } else {
            Err(Rejected::NotVerified("the answer to the member challenge"))
        }
    }

    fn establish<C: Crypto>(&self, header: Header, verified: &Verified<'_>, inside: &Cryptogram2<'_>) -> Established {
        let digest = keys::session_digest::<C>(&self.request, verified.item);
        let shared = inside.shared_secret.as_ref().map(|secret| (&header.group, secret));
        let keys =
            SessionKeys::derive::<C>(&digest, &inside.session_secret, &self.next.challenge, shared, header.number);
        let session = Session {
            provider: self.next.provider_key,
            header,
            count: verified.count,
            keys,
            signing: self.next.signing.clone(),
            hidden: self.next.options.has(Options::HIDDEN_KEY),
        };
        let parties = parties_digest::<C>(&inside.parties);
        Established { session, digest, challenge: inside.challenge.clone(), parties }
    }
}

impl KeyExchangeSent {
    /// Opens cryptogram 2.
    fn open<'s, C: Crypto>(&self, response: &Response<'_>, scratch: &'s mut [u8]) -> Result<&'s [u8], Rejected> {
        let wrong = Rejected::not_verified("cryptogram 2");
        let key = C::agreement_key(&self.encryption).map_err(&wrong)?;
        let cryptogram = &response.seals.cryptogram_2;
        let info = cryptogram_2_info::<C>(&self.provider, &self.key);
        let mut context =
            hpke::setup_receiver::<C>(&key, &self.encryption_public, &cryptogram.encapsulated, &[info.as_bytes()])
                .map_err(&wrong)?;
        open_with(cryptogram.sealed, &mut Scratch::new(scratch), |plain, tag| {
            context.open(response.outer_bytes, plain, tag)
        })
        .map_err(wrong)
    }
}

/// The keys of a group's members in the order of their numbers, as the provider gives them (claims 48-53).
#[derive(Clone, Copy, Debug, Default)]
pub struct Peers<'a>(&'a [u8]);

impl<'a> Peers<'a> {
    /// Checks that the list is complete and is what the group's identification was computed from.
    fn check<C: Crypto>(
        inside: &Cryptogram2<'a>,
        transaction: &TransactionId,
        verified: &Verified<'_>,
        options: Options,
    ) -> Result<Self, Rejected> {
        let wanted = options.has(Options::PEER_KEYS) && matches!(inside.verdict, Verdict::Granted);
        let mut peers = Self(inside.peers);
        match (wanted, inside.peers) {
            (false, []) => return Ok(peers),
            (false, _) | (true, []) => return Err(Malformed::Structure.into()),
            (true, _) => {}
        }
        if usize::from(verified.count) > limits::PEER_KEYS_MAX {
            return Err(Malformed::TooLarge("count of peers").into());
        }
        let root = peers.next().ok_or(Malformed::Structure)?;
        let mut hasher = GroupHasher::<C>::new(transaction, &root.request, options, verified.count);
        hasher.member(&root);
        let mut count = 1;
        for peer in peers.by_ref() {
            hasher.member(&peer);
            count += 1;
        }
        if count != verified.count || !peers.0.is_empty() {
            return Err(Malformed::Structure.into());
        }
        if hasher.finish() != verified.group {
            return Err(Rejected::NotVerified("the peers' keys"));
        }
        Ok(Self(inside.peers))
    }
}

impl Iterator for Peers<'_> {
    type Item = Peer;

    fn next(&mut self) -> Option<Peer> {
        let (peer, rest) = codec::decode_first(self.0).ok()?;
        self.0 = rest;
        Some(peer)
    }
}

/// HPKE `info` of cryptogram 1.
pub(crate) fn cryptogram_1_info<C: Crypto>(provider: &ProviderId, key: &KeyId) -> Digest {
    transcript::digest::<C>(label::CRYPTOGRAM_1, &[&[SUITE_1], &provider.0, &key.0])
}

/// HPKE `info` of cryptogram 2.
pub(crate) fn cryptogram_2_info<C: Crypto>(provider: &ProviderId, key: &KeyId) -> Digest {
    transcript::digest::<C>(label::CRYPTOGRAM_2, &[&[SUITE_1], &provider.0, &key.0])
}

/// What a registered key signs to endorse a fresh one.
pub(crate) fn endorsed<C: Crypto>(fresh: &PublicKey, key: &KeyId) -> [u8; 32] {
    transcript::digest::<C>(label::ENDORSEMENT, &[&[SUITE_1], &fresh.0, &key.0]).0
}

/// The digest by which later messages' names are compared with those of the key exchange.
pub(super) fn parties_digest<C: Crypto>(parties: &Parties<'_>) -> Digest {
    let mut transcript = transcript::Transcript::<C>::new(label::PARTIES);
    for party in parties {
        transcript.add(&party.number.to_be_bytes());
        transcript.add(party.name.as_bytes());
    }
    transcript.finish()
}

impl PeerKey {
    /// The key, where the peer lets it be known.
    #[must_use]
    pub const fn key(&self) -> Option<&PublicKey> {
        match self {
            Self::Open(key) | Self::Revealed(key, _) => Some(key),
            Self::Hidden(_) => None,
        }
    }
}
