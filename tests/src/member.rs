//! Members without cards: the protocol's member machine driven directly, for measurements and for tests of the
//! provider.

use protocol::crypto::{Crypto, PublicKey, Secret, random_scalar};
use protocol::limits::{CARD_MESSAGE_MAX, OPENED_MAX};
use protocol::member::{
    Account, AcknowledgmentSent, Awaiting, Decided, Established, FreshKey, KeyExchange, KeyExchangeSent,
    TransactionSent, Unsigned,
};
use protocol::message::Kind;
use protocol::message::acknowledgment::Decision;
use protocol::message::descriptor::Descriptor;
use protocol::message::request::{SEALED_SIGNATURE_LENGTH, Tree};
use protocol::message::response::Batch;
use protocol::message::transaction::{Outcome, Terms};
use protocol::types::{Currency, Ending, Number, Options, ReasonCode, Role, TransactionKind};
use rand_core::CryptoRngCore;

/// The currency of the measurements and tests.
pub const EUR: Currency = Currency(*b"EUR");

/// A member and the account it uses.
#[derive(Clone)]
pub struct Member {
    signing: Secret<32>,
    verification: PublicKey,
    /// The account that it names.
    pub account: Vec<u8>,
    /// What it proves it with.
    pub secret: Secret<16>,
    descriptor: Descriptor,
    /// Whether it proves its account in the key exchange, so that the others are given its holder's name.
    pub named: bool,
}

/// What a member says, not signed yet, and its bytes.
type Said<C, Next> = (Vec<u8>, Unsigned<C, Next>);

impl Member {
    /// A member with a new key.
    pub fn new<C: Crypto>(
        descriptor: Descriptor,
        account: &str,
        secret: Secret<16>,
        named: bool,
        random: &mut impl CryptoRngCore,
    ) -> anyhow::Result<Self> {
        let signing = random_scalar::<C>(random);
        let verification = C::verification_key(&C::signing_key(&signing)?);
        Ok(Self { signing, verification, account: account.into(), secret, descriptor, named })
    }

    /// The key to register.
    #[must_use]
    pub const fn verification(&self) -> &PublicKey {
        &self.verification
    }

    fn account(&self) -> Account<'_> {
        Account { information: &self.account, secret: &self.secret }
    }

    fn key_exchange<C: Crypto>(&self, random: &mut impl CryptoRngCore) -> anyhow::Result<Said<C, KeyExchangeSent>> {
        let exchange = KeyExchange {
            descriptor: &self.descriptor,
            signing: &self.signing,
            verification: &self.verification,
            fresh_key: FreshKey::No,
            options: Options::none(),
            account: self.named.then(|| self.account()),
            plain_text: &[],
            sensitive: &[],
        };
        said(|out| exchange.request(random, out))
    }
}

/// Members on their way through a transaction, in the order of their numbers.
pub struct Group<'a> {
    members: &'a [Member],
    terms: Vec<Terms>,
    children: Vec<usize>,
    sensitive: Vec<Vec<u8>>,
}

impl<'a> Group<'a> {
    /// A series of members, each of whom combines the next, and what each of them wants.
    #[must_use]
    pub fn new(members: &'a [Member], terms: Vec<Terms>) -> Self {
        let children = (1..=members.len()).map(|next| usize::from(next < members.len())).collect();
        Self { members, terms, children, sensitive: Vec::new() }
    }

    /// A tree of members, and how many others each of them combines.
    #[must_use]
    pub const fn tree(members: &'a [Member], terms: Vec<Terms>, children: Vec<usize>) -> Self {
        Self { members, terms, children, sensitive: Vec::new() }
    }

    /// The same members, who say this to the provider alone with what they want.
    #[must_use]
    pub fn saying(self, sensitive: &[&[u8]]) -> Self {
        Self { sensitive: sensitive.iter().map(|text| text.to_vec()).collect(), ..self }
    }

    /// A purchase: the first member is the payee and combines the second, the payer.
    #[must_use]
    pub fn purchase(members: &'a [Member; 2], amount: u64) -> Self {
        Self::new(members, vec![terms(Role::PAYEE, amount, &[1]), terms(Role::PAYER, amount, &[0])])
    }

    /// The key exchange request, and what waits for its answer.
    pub fn key_exchange<C: Crypto>(
        &self,
        random: &mut impl CryptoRngCore,
    ) -> anyhow::Result<(Vec<u8>, Vec<Awaiting<KeyExchangeSent>>)> {
        let said: anyhow::Result<Vec<_>> = self.members.iter().map(|member| member.key_exchange::<C>(random)).collect();
        self.combine(Kind::KeyExchangeRequest, said?, random)
    }

    /// The sessions out of the answer.
    pub fn establish<C: Crypto>(
        &self,
        awaiting: &[Awaiting<KeyExchangeSent>],
        answer: &[u8],
    ) -> anyhow::Result<Vec<Established>> {
        each(awaiting, answer, |state, part, scratch| {
            let (view, established) = state.receive::<C>(part, scratch)?;
            established.ok_or_else(|| anyhow::anyhow!("refused: {:?}", view.verdict))
        })
    }

    /// The transaction request.
    pub fn request<C: Crypto>(
        &self,
        established: Vec<Established>,
        random: &mut impl CryptoRngCore,
    ) -> anyhow::Result<(Vec<u8>, Vec<Awaiting<TransactionSent>>)> {
        let wanted = self.members.iter().zip(&self.terms).zip(established).enumerate();
        let said = wanted.map(|(number, ((member, terms), established))| {
            let sensitive = self.sensitive.get(number).map_or(&[][..], Vec::as_slice);
            said(|out| established.request::<C>(terms, member.account(), sensitive, &[], out))
        });
        self.combine(Kind::TransactionRequest, said.collect::<anyhow::Result<_>>()?, random)
    }

    /// The members after an approval.
    pub fn approved<C: Crypto>(
        &self,
        awaiting: &[Awaiting<TransactionSent>],
        answer: &[u8],
    ) -> anyhow::Result<Vec<Decided>> {
        each(awaiting, answer, |state, part, scratch| {
            let (view, decided) = state.receive::<C>(part, scratch)?;
            decided.ok_or_else(|| anyhow::anyhow!("not approved: {:?}", view.display.outcome))
        })
    }

    /// What every member was told.
    pub fn outcomes<C: Crypto>(
        &self,
        awaiting: &[Awaiting<TransactionSent>],
        answer: &[u8],
    ) -> anyhow::Result<Vec<Told>> {
        Ok(self.heard::<C>(awaiting, answer)?.into_iter().map(|heard| heard.told).collect())
    }

    /// All that every member was told.
    pub fn heard<C: Crypto>(
        &self,
        awaiting: &[Awaiting<TransactionSent>],
        answer: &[u8],
    ) -> anyhow::Result<Vec<Heard>> {
        each(awaiting, answer, |state, part, scratch| {
            let (view, _) = state.receive::<C>(part, scratch)?;
            let display = view.display;
            let told = match display.outcome {
                Outcome::Approved => Told::Approved,
                Outcome::Declined(reason) => Told::Declined(reason.code),
                Outcome::Stands(ending) => Told::Stands(ending),
            };
            let all = [format!("{display:?}").as_bytes(), view.private, view.plain_text].concat();
            Ok(Heard { told, receipt: display.receipt.to_owned(), all })
        })
    }

    /// The acknowledgment, in which every member says `decision`.
    pub fn acknowledge<C: Crypto>(
        &self,
        decided: Vec<Decided>,
        decision: Decision,
        random: &mut impl CryptoRngCore,
    ) -> anyhow::Result<(Vec<u8>, Vec<Awaiting<AcknowledgmentSent>>)> {
        let said =
            decided.into_iter().map(|decided| said(|out| decided.acknowledge::<C>(decision, &[], &[], &[], out)));
        self.combine(Kind::Acknowledgment, said.collect::<anyhow::Result<_>>()?, random)
    }

    /// What the final notice tells the members.
    pub fn ending<C: Crypto>(
        &self,
        awaiting: &[Awaiting<AcknowledgmentSent>],
        answer: &[u8],
    ) -> anyhow::Result<Ending> {
        let endings = each(awaiting, answer, |state, part, scratch| Ok(state.receive::<C>(part, scratch)?.ending))?;
        let first = endings.first().copied().ok_or_else(|| anyhow::anyhow!("no members"))?;
        anyhow::ensure!(endings.iter().all(|ending| *ending == first), "the members were told different endings");
        Ok(first)
    }

    /// The whole tree's message: the last member's comes first, and each one takes those of its children.
    fn combine<C: Crypto, Next>(
        &self,
        kind: Kind,
        said: Vec<Said<C, Next>>,
        random: &mut impl CryptoRngCore,
    ) -> anyhow::Result<(Vec<u8>, Vec<Awaiting<Next>>)> {
        let mut subtrees: Vec<Vec<u8>> = Vec::new();
        let mut awaiting = Vec::with_capacity(said.len());
        for ((own, unsigned), children) in said.into_iter().zip(&self.children).rev() {
            let below = subtrees.split_off(subtrees.len().saturating_sub(*children));
            let below: Vec<Tree<'_>> = below.iter().rev().map(|tree| Tree::parse(tree)).collect::<Result<_, _>>()?;
            let mut combining = unsigned.combine(u8::try_from(below.len())?)?;
            for child in &below {
                if let (Some(digest), Some(root)) = (child.digests::<C>().first(), child.nodes().first()) {
                    combining.child(digest, root.signature)?;
                }
            }
            let mut signature = [0; SEALED_SIGNATURE_LENGTH];
            let (length, state) = combining.sign(random, &mut signature)?;
            let signature = signature.get(..length).unwrap_or_default();
            subtrees.push(Tree::combine(kind, &own, signature, &below)?.encode());
            awaiting.push(state);
        }
        awaiting.reverse();
        Ok((subtrees.pop().unwrap_or_default(), awaiting))
    }
}

/// The outcome of a transaction request, without its lines for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It waits for the acknowledgments.
    Approved,
    /// It will not be done.
    Declined(ReasonCode),
    /// How the transaction that was asked about stands.
    Stands(Option<Ending>),
}

/// All that a member is told in response to its transaction request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The outcome.
    pub told: Told,
    /// The receipt.
    pub receipt: String,
    /// Everything in it, for searching.
    pub all: Vec<u8>,
}

/// Terms of a purchase.
#[must_use]
pub fn terms(role: Role, amount: u64, counterparties: &[Number]) -> Terms {
    Terms {
        kind: TransactionKind::PURCHASE,
        role,
        amount,
        currency: EUR,
        counterparties: counterparties.iter().copied().collect(),
        reference: None,
    }
}

fn said<C: Crypto, Next>(
    say: impl FnOnce(&mut [u8]) -> Result<(usize, Unsigned<C, Next>), protocol::error::Rejected>,
) -> anyhow::Result<Said<C, Next>> {
    let mut out = vec![0; CARD_MESSAGE_MAX];
    let (length, unsigned) = say(&mut out)?;
    out.truncate(length);
    Ok((out, unsigned))
}

/// Gives every member its own part of the answer.
fn each<Next, T>(
    awaiting: &[Awaiting<Next>],
    answer: &[u8],
    mut receive: impl FnMut(&Awaiting<Next>, &[u8], &mut [u8]) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let batch = Batch::parse(answer)?;
    let members = (0..).zip(awaiting).map(|(number, state): (Number, _)| {
        let part = batch.slice(number..number + 1).encode();
        receive(state, &part, &mut vec![0; OPENED_MAX])
    });
    members.collect()
}
