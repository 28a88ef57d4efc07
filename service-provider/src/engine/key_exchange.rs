//! Key exchange: who are they, and may they begin?

use protocol::error::Rejected;
use protocol::limits;
use protocol::message::Kind;
use protocol::message::key_exchange::Verdict;
use protocol::provider::key_exchange::{Asked, AskedMember, Opened, Told, answer, verify};
use protocol::provider::{Group, message_digest};
use protocol::types::{Options, ReasonCode, TransactionId};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::reason::reason;
use super::{Engine, Heard, Refusal, Words, parse};
use crate::Backend;
use crate::id;
use crate::store::Store;
use crate::store::account::Account;
use crate::store::transaction::{Opening, Request};
use crate::time::Timestamp;

impl<S: Store> Engine<S> {
    pub(super) async fn key_exchange(
        &self,
        message: &[u8],
        now: Timestamp,
        random: &mut (impl CryptoRngCore + Send),
    ) -> Result<Vec<u8>, Refusal> {
        let requests = parse(message)?;
        let key = requests.key()?;
        self.keys.find(&key).ok_or(Rejected::UnknownKey)?;
        let digest = message_digest::<Backend>(message);
        if let Some(kept) = self.store.answer(&Request::KeyExchange(requests.root(), digest)).await? {
            return Ok(kept);
        }
        // A kept answer outlives its descriptor; a new one is made under a valid descriptor only.
        let keys = self.keys.find_valid(&key, now).ok_or(Rejected::UnknownKey)?;
        let asked = verify(keys, &requests)?;
        let standings = self.standings(&asked).await?;
        if standings.iter().all(is_stranger) {
            return Err(Rejected::NotVerified("anybody's registration").into());
        }
        let transaction = id::draw(now, random);
        let words = self.words_to_granted(&asked, &standings, transaction);
        let told = tell(&standings, &words);
        let Opened { answer, id, group } = answer(keys, &requests, &asked, &told, transaction, random)?;
        if standings.iter().any(is_stranger) {
            // Nothing is kept: strangers must not fill the store, nor use up a node that they have seen of a member's.
            return Ok(answer.message);
        }
        let opening = Opening {
            transaction,
            group: id,
            request: digest,
            nodes: requests.digests().to_vec(),
            sessions: self.sealed(group.as_ref(), random)?,
            until: group.is_some().then(|| now.after(self.policy.session)),
            answer,
        };
        Ok(self.store.open(opening).await?)
    }

    /// The sessions of a group as the store keeps them; nothing where there are none.
    fn sealed(&self, group: Option<&Group>, random: &mut impl CryptoRngCore) -> Result<Vec<u8>, Refusal> {
        let Some(group) = group else { return Ok(Vec::new()) };
        let plain = Zeroizing::new(group.to_bytes());
        self.storage_keys.sessions.seal(&group.transaction.0, &plain, random).map_err(|_| Refusal::SessionsGone)
    }

    /// What the members are told beside their sessions, where they get any.
    fn words_to_granted(&self, asked: &Asked, standings: &[Standing], transaction: TransactionId) -> Vec<Words> {
        if standings.iter().any(Result::is_err) {
            return vec![Words::default(); standings.len()];
        }
        let kind = Kind::KeyExchangeRequest;
        let members = (0..).zip(&asked.members);
        let words = members.map(|(number, AskedMember { plain_text, sensitive, .. })| {
            self.operator.answer(&Heard { kind, transaction, number, plain_text, data: &[], sensitive })
        });
        words.collect()
    }

    async fn standings(&self, asked: &Asked) -> Result<Vec<Standing>, Refusal> {
        let mut standings = Vec::with_capacity(asked.members.len());
        for member in &asked.members {
            standings.push(self.standing(asked, member).await?);
        }
        Ok(standings)
    }

    /// Whether a member may begin, and under which verified name.
    async fn standing(&self, asked: &Asked, member: &AskedMember) -> Result<Standing, Refusal> {
        let registered = self.store.account_by_key(member.registered()).await?;
        if self.policy.registered_keys_only && registered.is_none() {
            return Ok(Err(ReasonCode::UNKNOWN_MEMBER));
        }
        if let Some(code) = options_refused(asked, member) {
            return Ok(Err(code));
        }
        let Some(claim) = &member.account else { return Ok(Ok(None)) };
        let proved = self.proved(registered, claim).await?;
        let name = |account: Account| account.instrument.names_holder().then_some(account.holder);
        Ok(proved.map(name).ok_or(ReasonCode::ACCOUNT))
    }
}

/// A member's verified name where it proved an account that gives it, or why it is refused.
type Standing = Result<Option<String>, ReasonCode>;

fn is_stranger(standing: &Standing) -> bool {
    *standing == Err(ReasonCode::UNKNOWN_MEMBER)
}

/// Options that mean nothing, that not all agree on, or that ask for more than a group of this size gets.
fn options_refused(asked: &Asked, member: &AskedMember) -> Option<ReasonCode> {
    let shared = |member: &AskedMember| member.options.has(Options::SHARED_KEY);
    let disagree = asked.members.iter().any(|other| shared(other) != shared(member));
    let too_many_peers = member.options.has(Options::PEER_KEYS) && asked.members.len() > limits::PEER_KEYS_MAX;
    (!member.options.is_permitted() || disagree || too_many_peers).then_some(ReasonCode::OPTIONS)
}

/// One refusal, and nobody gets a session: the others are told that somebody did not agree.
fn tell<'a>(standings: &[Standing], words: &'a [Words]) -> Vec<Told<'a>> {
    let any_refused = standings.iter().any(Result::is_err);
    let told = standings.iter().zip(words).map(|(standing, words)| {
        let (verdict, name) = match standing {
            Err(code) => (Verdict::Refused(reason(*code)), None),
            Ok(_) if any_refused => (Verdict::Refused(reason(ReasonCode::DISAGREEMENT)), None),
            Ok(name) => (Verdict::Granted, name.clone()),
        };
        Told { verdict, name, plain_text: words.plain_text(), sensitive: words.sensitive() }
    });
    told.collect()
}
