//! The provider behind its engine's one door: the same bytes again, changed bytes, members that disagree or disappear.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

use std::sync::Arc;
use std::time::Duration;

use protocol::crypto::{AwsLc, Crypto, Secret, random_scalar};
use protocol::limits::CARD_MESSAGE_MAX;
use protocol::member::{FreshKey, KeyExchange};
use protocol::message::acknowledgment::Decision;
use protocol::message::descriptor::{self, Descriptor};
use protocol::message::key_exchange::Verdict;
use protocol::message::request::{SIGNATURE_LENGTH, Tree};
use protocol::message::response::Batch;
use protocol::message::transaction::Terms;
use protocol::message::{Kind, bare};
use protocol::provider::{Requests, message_digest};
use protocol::types::{Currency, Ending, Options, Reason, ReasonCode, Role, TransactionId, TransactionKind};
use rand::SeedableRng;
use rand::rngs::StdRng;
use service_provider::engine::{Policy, Refusal};
use service_provider::server::{FRAME_TIME_MAX, IDLE_MAX, serve};
use service_provider::store::Store;
use service_provider::store::memory::MemoryStore;
use service_provider::store::transaction::Request;
use service_provider::time::Timestamp;
use symbolon_tests::member::{Group, Member, Told, terms};
use symbolon_tests::world::{OPENING, World};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const AMOUNT: u64 = 1250;
const BEFORE: [i64; 2] = [0, 1_000_000_000];
const AFTER: [i64; 2] = [1250, 1_000_000_000 - 1250];

struct Provider {
    world: World<MemoryStore>,
    random: StdRng,
    now: Timestamp,
}

/// The requests and answers of one purchase, in their order.
struct Purchase {
    transaction: TransactionId,
    requests: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
    ending: Ending,
}

impl Provider {
    async fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let world = World::new(|_| Ok(MemoryStore::new()), &mut random).await.unwrap();
        Self { world, random, now: Timestamp::now() }
    }

    async fn answer(&mut self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.world.engine.answer(message, self.now, &mut self.random).await
    }

    async fn balances(&self) -> [i64; 2] {
        self.world.balances().await.unwrap()
    }

    async fn holds(&self) -> u64 {
        self.world.engine.store().verify().await.unwrap().holds
    }

    /// A whole purchase, `before` each of whose requests something else may happen; the acknowledgment comes `late`.
    async fn purchase(
        &mut self,
        decision: Decision,
        late: Duration,
        mut before: impl AsyncFnMut(&mut Self, &[u8]),
    ) -> Purchase {
        let members = Arc::clone(&self.world.members);
        let group = Group::purchase(&members, AMOUNT);
        let (first, awaiting) = group.key_exchange::<AwsLc>(&mut self.random).unwrap();
        before(self, &first).await;
        let established = self.answer(&first).await.unwrap();
        let sessions = group.establish::<AwsLc>(&awaiting, &established).unwrap();
        let transaction = *sessions[0].transaction();
        let (second, awaiting) = group.request::<AwsLc>(sessions, &mut self.random).unwrap();
        before(self, &second).await;
        let approved = self.answer(&second).await.unwrap();
        let decided = group.approved::<AwsLc>(&awaiting, &approved).unwrap();
        let (third, awaiting) = group.acknowledge::<AwsLc>(decided, decision, &mut self.random).unwrap();
        self.now = self.now.after(late);
        before(self, &third).await;
        let notice = self.answer(&third).await.unwrap();
        let ending = group.ending::<AwsLc>(&awaiting, &notice).unwrap();
        Purchase {
            transaction,
            requests: vec![first, second, third],
            answers: vec![established, approved, notice],
            ending,
        }
    }

    async fn good_purchase(&mut self) -> Purchase {
        self.purchase(Decision::Accept, Duration::ZERO, async |_, _| {}).await
    }

    /// What these members are told when they ask for this.
    async fn told(&mut self, members: &[Member], terms: Vec<Terms>) -> Vec<Told> {
        let group = Group::new(members, terms);
        let (request, awaiting) = group.key_exchange::<AwsLc>(&mut self.random).unwrap();
        let answer = self.answer(&request).await.unwrap();
        let established = group.establish::<AwsLc>(&awaiting, &answer).unwrap();
        let (request, awaiting) = group.request::<AwsLc>(established, &mut self.random).unwrap();
        let answer = self.answer(&request).await.unwrap();
        group.outcomes::<AwsLc>(&awaiting, &answer).unwrap()
    }

    async fn inquire(&mut self, member: usize, transaction: TransactionId) -> Told {
        let members = Arc::clone(&self.world.members);
        let terms =
            Terms { kind: TransactionKind::INQUIRY, reference: Some(transaction), ..terms(Role::INQUIRER, 0, &[]) };
        self.told(&members[member..=member], vec![terms]).await[0]
    }
}

#[tokio::test]
async fn a_purchase_moves_the_money_once() {
    let mut provider = Provider::new(1).await;
    assert_eq!(provider.balances().await, BEFORE);
    let purchase = provider.good_purchase().await;
    assert_eq!(purchase.ending, Ending::Posted);
    assert_eq!(provider.balances().await, AFTER);
    for (request, answer) in purchase.requests.iter().zip(&purchase.answers) {
        assert_eq!(provider.answer(request).await.unwrap(), *answer, "the same bytes get the same answer");
    }
    assert_eq!(provider.balances().await, AFTER);
    for member in [0, 1] {
        assert_eq!(provider.inquire(member, purchase.transaction).await, Told::Stands(Some(Ending::Posted)));
    }
    assert_eq!(provider.inquire(0, TransactionId([9; 16])).await, Told::Declined(ReasonCode::REFERENCE));
}

#[tokio::test]
async fn no_request_with_a_flipped_bit_is_answered_or_changes_anything() {
    let mut provider = Provider::new(2).await;
    let mut flips = 0;
    let refuse_all = async |provider: &mut Provider, request: &[u8]| {
        let (balances, holds) = (provider.balances().await, provider.holds().await);
        let mut changed = request.to_vec();
        for bit in 0..request.len() * 8 {
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(provider.answer(&changed).await.is_err(), "byte {} bit {}", bit / 8, bit % 8);
            changed[bit / 8] ^= 1 << (bit % 8);
            flips += 1;
        }
        assert_eq!((provider.balances().await, provider.holds().await), (balances, holds));
    };
    let purchase = provider.purchase(Decision::Accept, Duration::ZERO, refuse_all).await;
    assert_eq!(purchase.ending, Ending::Posted, "the untouched requests still work");
    // Also afterwards: no changed request gets an answer that was kept.
    for request in &purchase.requests {
        for position in 0..request.len() {
            let mut changed = request.clone();
            changed[position] ^= 0x10;
            assert!(provider.answer(&changed).await.is_err(), "byte {position}");
            flips += 1;
        }
    }
    assert_eq!(provider.balances().await, AFTER);
    println!("{flips} changed requests refused");
}

#[tokio::test]
async fn a_member_that_rejects_or_comes_late_gets_its_money_back() {
    let mut provider = Provider::new(3).await;
    let rejected = provider.purchase(Decision::Reject, Duration::ZERO, async |_, _| {}).await;
    assert_eq!(rejected.ending, Ending::Released);
    let late = provider.purchase(Decision::Accept, Policy::default().hold, async |_, _| {}).await;
    assert_eq!(late.ending, Ending::Released);
    assert_eq!((provider.balances().await, provider.holds().await), (BEFORE, 0));
    assert_eq!(provider.inquire(1, late.transaction).await, Told::Stands(Some(Ending::Released)));
}

#[tokio::test]
async fn whoever_disappears_after_a_message_leaves_the_money_where_it_was_or_settled() {
    let mut provider = Provider::new(4).await;
    let members = Arc::clone(&provider.world.members);
    let group = Group::purchase(&members, AMOUNT);
    let mut paid = 0;
    for last in 0..4 {
        let (request, awaiting) = group.key_exchange::<AwsLc>(&mut provider.random).unwrap();
        if last > 0 {
            let answer = provider.answer(&request).await.unwrap();
            let established = group.establish::<AwsLc>(&awaiting, &answer).unwrap();
            let (request, awaiting) = group.request::<AwsLc>(established, &mut provider.random).unwrap();
            if last > 1 {
                let answer = provider.answer(&request).await.unwrap();
                let decided = group.approved::<AwsLc>(&awaiting, &answer).unwrap();
                assert_eq!(provider.holds().await, 1);
                let (request, _) = group.acknowledge::<AwsLc>(decided, Decision::Accept, &mut provider.random).unwrap();
                if last > 2 {
                    provider.answer(&request).await.unwrap();
                    paid += 1250;
                }
            }
        }
        provider.now = provider.now.after(Policy::default().hold + Policy::default().session);
        provider.world.engine.expire(provider.now).await.unwrap();
        assert_eq!(provider.holds().await, 0);
        assert_eq!(provider.balances().await, [paid, 1_000_000_000 - paid], "gone after message {last}");
        provider.good_purchase().await;
        paid += 1250;
    }
}

#[tokio::test]
async fn members_who_do_not_agree_or_cannot_pay_are_declined_and_nothing_is_held() {
    let mut provider = Provider::new(5).await;
    let members = Arc::clone(&provider.world.members);
    let payee = |amount| terms(Role::PAYEE, amount, &[1]);
    let payer = |amount| terms(Role::PAYER, amount, &[0]);
    let with = |terms: Terms, change: fn(&mut Terms)| {
        let mut changed = terms;
        change(&mut changed);
        changed
    };
    let cases: Vec<(&str, Vec<Terms>, ReasonCode)> = vec![
        ("more than there is", vec![payee(OPENING + 1), payer(OPENING + 1)], ReasonCode::INSUFFICIENT_FUNDS),
        ("another amount", vec![payee(2), payer(1)], ReasonCode::DISAGREEMENT),
        ("nothing", vec![payee(0), payer(0)], ReasonCode::AMOUNT),
        ("two payers", vec![terms(Role::PAYER, 1, &[1]), payer(1)], ReasonCode::DISAGREEMENT),
        ("two payees", vec![payee(1), terms(Role::PAYEE, 1, &[0])], ReasonCode::DISAGREEMENT),
        ("names nobody", vec![payee(1), terms(Role::PAYER, 1, &[])], ReasonCode::DISAGREEMENT),
        ("names itself", vec![payee(1), terms(Role::PAYER, 1, &[1])], ReasonCode::DISAGREEMENT),
        ("the unnamed is paid", vec![terms(Role::PAYER, 1, &[1]), terms(Role::PAYEE, 1, &[0])], ReasonCode::ACCOUNT),
        (
            "another currency",
            vec![payee(1), with(payer(1), |terms| terms.currency = Currency(*b"USD"))],
            ReasonCode::DISAGREEMENT,
        ),
        (
            "a currency that neither has",
            [payee(1), payer(1)].map(|terms| with(terms, |terms| terms.currency = Currency(*b"USD"))).to_vec(),
            ReasonCode::CURRENCY,
        ),
        (
            "another kind",
            vec![payee(1), with(payer(1), |terms| terms.kind = TransactionKind::REFUND)],
            ReasonCode::DISAGREEMENT,
        ),
        (
            "a kind that nobody knows",
            [payee(1), payer(1)].map(|terms| with(terms, |terms| terms.kind = TransactionKind(99))).to_vec(),
            ReasonCode::NOT_SERVED,
        ),
        (
            "a refund of nothing",
            [payee(1), payer(1)].map(|terms| with(terms, |terms| terms.kind = TransactionKind::REFUND)).to_vec(),
            ReasonCode::REFERENCE,
        ),
        ("a role that nobody knows", vec![terms(Role(77), 1, &[1]), payer(1)], ReasonCode::DISAGREEMENT),
    ];
    for (case, terms, reason) in cases {
        assert_eq!(provider.told(&*members, terms).await, [Told::Declined(reason); 2], "{case}");
        assert_eq!((provider.balances().await, provider.holds().await), (BEFORE, 0), "{case}");
    }
    provider.good_purchase().await;
}

#[tokio::test]
async fn an_account_is_its_owners_alone() {
    let mut provider = Provider::new(6).await;
    let ask = vec![terms(Role::PAYEE, 1, &[1]), terms(Role::PAYER, 1, &[0])];
    let payee = &provider.world.members[0];
    let (account, secret) = (payee.account.clone(), payee.secret.clone());
    // The payer names the payee's account; then it also knows its secret, but its key is registered for another.
    for (account, secret) in [(account.clone(), None), (account, Some(secret)), (b"NOBODY1".to_vec(), None)] {
        let payer = &mut Arc::get_mut(&mut provider.world.members).unwrap()[1];
        payer.account = account;
        payer.secret = secret.unwrap_or(Secret::from([0; 16]));
        let members = Arc::clone(&provider.world.members);
        assert_eq!(provider.told(&*members, ask.clone()).await, [Told::Declined(ReasonCode::ACCOUNT); 2]);
        assert_eq!((provider.balances().await, provider.holds().await), (BEFORE, 0));
    }
}

/// Strangers get no signed answer of their own, and nothing of theirs is kept. Beside a member they are told, but use
/// up nothing of the member's.
#[tokio::test]
async fn strangers_leave_no_trace() {
    let mut provider = Provider::new(7).await;
    let members = Arc::clone(&provider.world.members);
    let own = Group::new(&members[1..], vec![terms(Role::PAYER, AMOUNT, &[])]);
    let (leaf, awaiting) = own.key_exchange::<AwsLc>(&mut provider.random).unwrap();

    let alone = provider.stranger(&[]).await;
    assert!(matches!(provider.answer(&alone).await, Err(Refusal::Rejected(_))));
    let above = provider.stranger(&[Tree::parse(&leaf).unwrap()]).await;
    let refused = Batch::parse(&provider.answer(&above).await.unwrap()).unwrap().slice(1..2).encode();
    let mut scratch = vec![0; CARD_MESSAGE_MAX];
    let (view, session) = awaiting[0].receive::<AwsLc>(&refused, &mut scratch).unwrap();
    assert!(matches!(view.verdict, Verdict::Refused(Reason { code: ReasonCode::DISAGREEMENT, .. })));
    assert!(session.is_none());
    for message in [&alone, &above] {
        let root = Requests::new::<AwsLc>(Tree::parse(message).unwrap()).unwrap().root();
        let request = Request::KeyExchange(root, message_digest::<AwsLc>(message));
        assert_eq!(provider.world.engine.store().answer(&request).await.unwrap(), None);
    }

    let granted = provider.answer(&leaf).await.unwrap();
    assert_eq!(own.establish::<AwsLc>(&awaiting, &granted).unwrap().len(), 1);
}

impl Provider {
    /// The key exchange request of somebody with a key that is registered nowhere, above these.
    async fn stranger(&mut self, children: &[Tree<'_>]) -> Vec<u8> {
        let descriptor = self.answer(&bare(Kind::DescriptorRequest)).await.unwrap();
        let descriptor = Descriptor::read_unverified(descriptor::parse(&descriptor).unwrap()).unwrap();
        let signing = random_scalar::<AwsLc>(&mut self.random);
        let exchange = KeyExchange {
            descriptor: &descriptor,
            signing: &signing,
            verification: &AwsLc::verification_key(&AwsLc::signing_key(&signing).unwrap()),
            fresh_key: FreshKey::No,
            options: Options::none(),
            account: None,
            plain_text: &[],
            sensitive: &[],
        };
        let mut own = vec![0; CARD_MESSAGE_MAX];
        let (length, unsigned) = exchange.request::<AwsLc>(&mut self.random, &mut own).unwrap();
        let mut combining = unsigned.combine(u8::try_from(children.len()).unwrap()).unwrap();
        for child in children {
            combining.child(&child.digests::<AwsLc>()[0], child.nodes()[0].signature).unwrap();
        }
        let mut signature = [0; SIGNATURE_LENGTH];
        combining.sign(&mut self.random, &mut signature).unwrap();
        Tree::combine(Kind::KeyExchangeRequest, &own[..length], &signature, children).unwrap().encode()
    }
}

/// Whoever connects and says nothing gives its place back soon; whoever has spoken may be silent longer.
#[tokio::test(start_paused = true)]
async fn a_silent_stranger_gives_its_place_back() {
    let provider = Provider::new(77).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(Arc::clone(&provider.world.engine), listener, std::future::pending()));
    let mut silent = TcpStream::connect(address).await.unwrap();
    let began = Instant::now();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0, "closed");
    let patience = began.elapsed();
    assert!(patience >= FRAME_TIME_MAX && patience < IDLE_MAX, "{patience:?}");
    serving.abort();
}
