//! The bodies: each gets a fresh store.

use crate::world::{EUR, HOLD, SESSION, START, World, answer, pay, refund};
use protocol::types::{Currency, Ending, ReasonCode, TransactionKind};
use service_provider::ledger::{AMOUNT_MAX, AccountId, BALANCE_MAX, FUNDING, Transfer};
use service_provider::store::account::{AccountNumber, Funding};
use service_provider::store::instrument::Instrument;
use service_provider::store::limits::RETENTION;
use service_provider::store::transaction::{Decision, Opening, Order, Phase, Request};
use service_provider::store::{Store, StoreError};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

pub(crate) async fn accounts_are_found_by_number_and_key_and_have_no_rival<S: Store>(world: &World<S>) {
    let new = world.new_account(100, 0);
    let (number, key) = (new.number.clone(), new.keys[0]);
    let id = world.store.create_account(new.clone()).await.unwrap();

    let account = world.store.account_by_number(&number).await.unwrap().unwrap();
    assert_eq!((account.id, &account.holder, account.blocked), (id, &new.holder, false));
    assert_eq!((account.instrument, &account.sealed_secret), (new.instrument, &new.sealed_secret));
    assert_eq!(world.store.account_by_key(&key).await.unwrap(), Some(account));
    assert_eq!(world.store.account_by_number(&AccountNumber::new("X1").unwrap()).await.unwrap(), None);

    let mut rival = world.new_account(0, 0);
    rival.number = number;
    assert!(matches!(world.store.create_account(rival).await, Err(StoreError::Exists(_))));
    let mut rival = world.new_account(0, 0);
    rival.keys.push(key);
    assert!(matches!(world.store.create_account(rival.clone()).await, Err(StoreError::Exists(_))));
    assert_eq!(world.store.account_by_number(&rival.number).await.unwrap(), None);

    let other = world.account(0, 0).await;
    assert!(matches!(world.store.register_key(other, key).await, Err(StoreError::Exists(_))));
    let second = world.new_account(0, 0).keys[0];
    world.store.register_key(other, second).await.unwrap();
    world.store.register_key(other, second).await.unwrap();
    assert_eq!(world.store.account_by_key(&second).await.unwrap().unwrap().id, other);
    world.books_balance().await;
}

pub(crate) async fn money_comes_from_the_float_alone<S: Store>(world: &World<S>) {
    let account = world.account(100, 50).await;
    assert_eq!(world.money(account).await, (100, 0, 150));
    let funding = Funding { transaction: world.transaction(START), amount: 11, at: START };
    world.store.fund(account, funding).await.unwrap();
    world.store.fund(account, funding).await.unwrap();
    assert_eq!(world.money(account).await, (111, 0, 161));
    let more = Funding { amount: 12, ..funding };
    assert!(matches!(world.store.fund(account, more).await, Err(StoreError::Exists(_))));
    assert_eq!(world.store.fund(AccountId(999), funding).await, Err(StoreError::UnknownAccount));

    let floats = world.store.balances(None, 10).await.unwrap();
    let float = floats.iter().find(|balance| balance.account.instrument == Instrument::Float).unwrap();
    assert_eq!((float.funds.balance, float.account.number.as_str()), (-111, "FLOAT-EUR"));
    let statement = world.store.statement(account, None, 10).await.unwrap();
    assert_eq!(
        statement.iter().map(|entry| (entry.kind, entry.transfer.amount)).collect::<Vec<_>>(),
        [(FUNDING, 11), (FUNDING, 100)]
    );
    let (_, decision) = world.decide(pay(float.account.id, account, 1), START).await;
    assert_eq!(decision, Decision::Declined(ReasonCode::NOT_SERVED));
    world.books_balance().await;
}

pub(crate) async fn a_float_that_is_used_up_funds_nothing_more<S: Store>(world: &World<S>) {
    let account = world.account(0, 0).await;
    let fundings: Vec<_> = (0..BALANCE_MAX / AMOUNT_MAX)
        .map(|_| Funding { transaction: world.transaction(START), amount: AMOUNT_MAX, at: START })
        .collect();
    let mut tasks = tokio::task::JoinSet::new();
    for funding in fundings.clone() {
        let store = world.store.clone();
        tasks.spawn(async move { store.fund(account, funding).await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    assert_eq!(world.money(account).await, (BALANCE_MAX.cast_signed(), 0, BALANCE_MAX));

    assert_eq!(world.store.fund(account, fundings[0]).await, Ok(()), "the same one again");
    let one_more = Funding { transaction: world.transaction(START), amount: 1, at: START };
    assert!(matches!(world.store.fund(account, one_more).await, Err(StoreError::Invalid(_))));
    let new = world.new_account(1, 0);
    assert!(matches!(world.store.create_account(new.clone()).await, Err(StoreError::Invalid(_))));
    assert_eq!(world.store.account_by_number(&new.number).await, Ok(None));
    assert_eq!(world.store.account_by_key(&new.keys[0]).await, Ok(None));
    world.books_balance().await;
}

pub(crate) async fn a_key_exchange_is_opened_once_and_answered_again<S: Store>(world: &World<S>) {
    let first = world.opening(START);
    let request = Request::KeyExchange(first.nodes[0], first.request);
    assert_eq!(world.store.answer(&request).await.unwrap(), None);
    assert_eq!(world.store.open(first.clone()).await.unwrap(), first.answer.message);

    let mut again = world.opening(START);
    again.nodes.clone_from(&first.nodes);
    // The same nodes in other bytes are not the same request.
    assert_eq!(world.store.open(again.clone()).await, Err(StoreError::AlreadyUsed));
    assert_eq!(world.store.answer(&Request::KeyExchange(first.nodes[0], again.request)).await.unwrap(), None);
    again.request = first.request;
    assert_eq!(world.store.open(again.clone()).await.unwrap(), first.answer.message);
    assert_eq!(world.store.answer(&request).await.unwrap().unwrap(), first.answer.message);
    assert_eq!(world.store.answer(&Request::KeyExchange(first.nodes[1], first.request)).await.unwrap(), None);

    assert_eq!(world.store.group(again.transaction).await.unwrap(), None);
    let group = world.store.group(first.transaction).await.unwrap().unwrap();
    assert_eq!((group.id, group.sessions), (first.group, Some(first.sessions)));
    assert_eq!(group.phase, Phase::Open { until: START.after(SESSION) });
}

pub(crate) async fn a_node_opens_one_request<S: Store>(world: &World<S>) {
    let first = world.opening(START);
    world.store.open(first.clone()).await.unwrap();
    for reused in &first.nodes {
        let mut other = world.opening(START);
        other.nodes[1] = *reused;
        assert_eq!(world.store.open(other.clone()).await, Err(StoreError::AlreadyUsed));
        assert_eq!(world.store.answer(&Request::KeyExchange(other.nodes[0], other.request)).await.unwrap(), None);
        assert_eq!(world.store.group(other.transaction).await.unwrap(), None);
    }
    // A member's node is no request of its own any more either.
    let mut alone = world.opening(START);
    alone.nodes = vec![first.nodes[1]];
    assert_eq!(world.store.open(alone).await, Err(StoreError::AlreadyUsed));
    // What was refused used nothing up.
    let mut fresh = world.opening(START);
    fresh.nodes.truncate(1);
    world.store.open(fresh).await.unwrap();
}

pub(crate) async fn a_refused_key_exchange_has_its_answer_and_no_transaction<S: Store>(world: &World<S>) {
    let mut refused = world.opening(START);
    refused.until = None;
    world.store.open(refused.clone()).await.unwrap();
    let request = Request::KeyExchange(refused.nodes[0], refused.request);
    assert_eq!(world.store.answer(&request).await.unwrap(), Some(refused.answer.message));
    let order = world.authorization(refused.transaction, Order::Record, START);
    assert_eq!(world.store.authorize(order).await, Err(StoreError::OutOfOrder));
    assert_eq!(world.settle(refused.transaction, true, START).await, Err(StoreError::OutOfOrder));
}

pub(crate) async fn a_purchase_holds_then_posts<S: Store>(world: &World<S>) {
    let (payer, payee) = (world.account(100, 0).await, world.account(0, 0).await);
    let sale = world.approved(pay(payer, payee, 60), START).await;
    assert_eq!(world.money(payer).await, (100, 60, 40));
    assert_eq!(world.money(payee).await, (0, 0, 0));
    world.books_balance().await;

    assert_eq!(world.settle(sale, true, START).await, Ok(Ending::Posted));
    assert_eq!(world.money(payer).await, (40, 0, 40));
    assert_eq!(world.money(payee).await, (60, 0, 60));
    let statement = world.store.statement(payee, None, 10).await.unwrap();
    assert_eq!(statement.len(), 1);
    let Transfer { debit, credit, amount, .. } = statement[0].transfer;
    assert_eq!((statement[0].transaction, debit, credit, amount), (sale, payer, payee, 60));
    assert_eq!(world.store.statement(payee, Some(sale), 10).await.unwrap(), []);
    world.books_balance().await;
}

pub(crate) async fn a_rejected_purchase_releases<S: Store>(world: &World<S>) {
    let (payer, payee) = (world.account(100, 0).await, world.account(0, 0).await);
    let sale = world.approved(pay(payer, payee, 100), START).await;
    assert_eq!(world.settle(sale, false, START).await, Ok(Ending::Released));
    assert_eq!(world.money(payer).await, (100, 0, 100));
    assert_eq!(world.store.statement(payee, None, 10).await.unwrap(), []);
    world.books_balance().await;
}

pub(crate) async fn a_late_acknowledgment_releases_before_and_after_the_time_out<S: Store>(world: &World<S>) {
    let (payer, payee) = (world.account(100, 0).await, world.account(0, 0).await);
    let timely = world.approved(pay(payer, payee, 10), START).await;
    let late = world.approved(pay(payer, payee, 20), START).await;
    let later = world.approved(pay(payer, payee, 30), START).await;
    let end = START.after(HOLD);
    assert_eq!(world.store.expire(end.before(SECOND)).await, Ok(0));
    assert_eq!(world.settle(timely, true, end.before(SECOND)).await, Ok(Ending::Posted));
    assert_eq!(world.settle(late, true, end).await, Ok(Ending::Released));
    assert_eq!(world.money(payer).await, (90, 30, 60));
    assert_eq!(world.store.expire(end).await, Ok(1));
    assert_eq!(world.money(payer).await, (90, 0, 90));
    assert_eq!(world.settle(later, true, end.before(SECOND)).await, Ok(Ending::Released));
    assert_eq!(world.money(payer).await, (90, 0, 90));

    let unused = world.open(START).await;
    assert_eq!(world.store.expire(START.after(SESSION)).await, Ok(1));
    let order = world.authorization(unused, pay(payer, payee, 1), START);
    assert_eq!(world.store.authorize(order).await, Err(StoreError::OutOfOrder));
    let slow = world.open(START).await;
    let order = world.authorization(slow, pay(payer, payee, 1), START.after(SESSION));
    assert_eq!(world.store.authorize(order).await, Err(StoreError::OutOfOrder));
    world.books_balance().await;
}

pub(crate) async fn the_same_request_gets_the_same_decision_and_another_none<S: Store>(world: &World<S>) {
    let (payer, payee) = (world.account(100, 0).await, world.account(0, 0).await);
    let sale = world.open(START).await;
    let order = world.authorization(sale, pay(payer, payee, 60), START);
    for _ in 0..3 {
        assert_eq!(world.store.authorize(order.clone()).await, Ok(Decision::Approved));
    }
    assert_eq!(world.money(payer).await, (100, 60, 40));
    let other = world.authorization(sale, pay(payer, payee, 1), START);
    assert_eq!(world.store.authorize(other).await, Err(StoreError::AlreadyUsed));

    let accept = world.settlement(sale, true, START);
    for _ in 0..3 {
        assert_eq!(world.store.settle(accept).await, Ok(Ending::Posted));
    }
    assert_eq!(world.settle(sale, false, START).await, Err(StoreError::AlreadyUsed));
    assert_eq!(world.store.authorize(order).await, Ok(Decision::Approved));
    assert_eq!(world.money(payee).await, (60, 0, 60));

    let (declined, decision) = world.decide(pay(payer, payee, 41), START).await;
    assert_eq!(decision, Decision::Declined(ReasonCode::INSUFFICIENT_FUNDS));
    assert_eq!(world.settle(declined, true, START).await, Ok(Ending::Released));
    assert_eq!(world.settle(declined, true, START).await, Err(StoreError::AlreadyUsed));

    let unopened = world.transaction(START);
    let order = world.authorization(unopened, Order::Record, START);
    assert_eq!(world.store.authorize(order).await, Err(StoreError::UnknownTransaction));
    assert_eq!(world.settle(unopened, true, START).await, Err(StoreError::UnknownTransaction));
    let undecided = world.open(START).await;
    assert_eq!(world.settle(undecided, true, START).await, Err(StoreError::OutOfOrder));
    world.books_balance().await;
}

pub(crate) async fn declines_say_why_and_hold_nothing<S: Store>(world: &World<S>) {
    let (payer, payee) = (world.account(100, 0).await, world.account(0, 0).await);
    let mut licence = world.new_account(0, 0);
    licence.instrument = Instrument::Identity;
    let licence = world.store.create_account(licence).await.unwrap();
    let usd = Currency(*b"USD");
    let dollars = Transfer { debit: payer, credit: payee, amount: 1, currency: usd, refund_of: None };
    let cases = [
        (pay(payer, payee, 101), ReasonCode::INSUFFICIENT_FUNDS),
        (pay(payer, payee, 0), ReasonCode::AMOUNT),
        (pay(payer, payee, AMOUNT_MAX + 1), ReasonCode::AMOUNT),
        (pay(payer, payee, u64::MAX), ReasonCode::AMOUNT),
        (pay(payer, payer, 1), ReasonCode::ACCOUNT),
        (pay(payer, AccountId(99), 1), ReasonCode::ACCOUNT),
        (pay(AccountId(i64::MIN), payee, 1), ReasonCode::ACCOUNT),
        (pay(payer, licence, 1), ReasonCode::NOT_SERVED),
        (Order::Transfer(dollars), ReasonCode::CURRENCY),
        (Order::Decline(ReasonCode::DISAGREEMENT), ReasonCode::DISAGREEMENT),
    ];
    for (order, reason) in cases {
        let (declined, decision) = world.decide(order, START).await;
        assert_eq!(decision, Decision::Declined(reason), "{order:?}");
        let group = world.store.group(declined).await.unwrap().unwrap();
        assert_eq!(group.phase, Phase::Declined(reason));
    }
    assert_eq!(world.money(payer).await, (100, 0, 100));
    world.books_balance().await;
}

pub(crate) async fn holds_count_against_the_limit<S: Store>(world: &World<S>) {
    let (payer, payee) = (world.account(10, 50).await, world.account(0, 0).await);
    let first = world.approved(pay(payer, payee, 60), START).await;
    assert_eq!(world.money(payer).await, (10, 60, 0));
    let (_, decision) = world.decide(pay(payer, payee, 1), START).await;
    assert_eq!(decision, Decision::Declined(ReasonCode::INSUFFICIENT_FUNDS));
    assert_eq!(world.settle(first, true, START).await, Ok(Ending::Posted));
    assert_eq!(world.money(payer).await, (-50, 0, 0));
    world.books_balance().await;
}

pub(crate) async fn refunds_never_exceed_what_they_refund<S: Store>(world: &World<S>) {
    let (payer, payee) = (world.account(100, 0).await, world.account(1000, 0).await);
    let sale = world.approved(pay(payer, payee, 60), START).await;
    let reference = Decision::Declined(ReasonCode::REFERENCE);
    assert_eq!(world.decide(refund(sale, payee, payer, 1), START).await.1, reference, "not posted yet");
    world.settle(sale, true, START).await.unwrap();

    assert_eq!(world.decide(refund(sale, payee, payer, 61), START).await.1, reference);
    assert_eq!(world.decide(refund(sale, payer, payee, 1), START).await.1, reference, "the wrong way");
    let part = world.approved(refund(sale, payee, payer, 40), START).await;
    assert_eq!(world.decide(refund(sale, payee, payer, 21), START).await.1, reference, "40 are held");
    let rest = world.approved(refund(sale, payee, payer, 20), START).await;
    world.settle(part, true, START).await.unwrap();
    world.settle(rest, false, START).await.unwrap();
    assert_eq!(world.decide(refund(sale, payee, payer, 21), START).await.1, reference, "40 are posted");
    let rest = world.approved(refund(sale, payee, payer, 20), START).await;
    world.settle(rest, true, START).await.unwrap();
    assert_eq!(world.decide(refund(sale, payee, payer, 1), START).await.1, reference);
    assert_eq!(world.decide(refund(part, payer, payee, 1), START).await.1, reference, "a refund of a refund");
    assert_eq!(world.money(payer).await, (100, 0, 100));
    assert_eq!(world.money(payee).await, (1000, 0, 1000));
    world.books_balance().await;
}

pub(crate) async fn a_cancellation_releases_what_is_still_held<S: Store>(world: &World<S>) {
    let (payer, payee) = (world.account(100, 0).await, world.account(0, 0).await);
    let stranger = world.account(0, 0).await;
    let sale = world.approved(pay(payer, payee, 60), START).await;
    let (_, decision) = world.decide(Order::Cancellation { of: sale, by: stranger }, START).await;
    assert_eq!(decision, Decision::Declined(ReasonCode::REFERENCE));

    let first = world.approved(Order::Cancellation { of: sale, by: payee }, START).await;
    let second = world.approved(Order::Cancellation { of: sale, by: payer }, START).await;
    assert_eq!(world.money(payer).await, (100, 60, 40));
    assert_eq!(world.settle(first, true, START).await, Ok(Ending::Posted));
    assert_eq!(world.money(payer).await, (100, 0, 100));
    assert_eq!(world.settle(second, true, START).await, Ok(Ending::Released));
    assert_eq!(world.settle(sale, true, START).await, Ok(Ending::Released));
    assert_eq!(world.money(payer).await, (100, 0, 100));

    let posted = world.approved(pay(payer, payee, 5), START).await;
    let too_late = world.approved(Order::Cancellation { of: posted, by: payee }, START).await;
    world.settle(posted, true, START).await.unwrap();
    assert_eq!(world.settle(too_late, true, START).await, Ok(Ending::Released));
    let (_, decision) = world.decide(Order::Cancellation { of: posted, by: payee }, START).await;
    assert_eq!(decision, Decision::Declined(ReasonCode::REFERENCE));
    world.books_balance().await;
}

pub(crate) async fn answers_keep_their_first_bytes<S: Store>(world: &World<S>) {
    let (payer, payee) = (world.account(100, 0).await, world.account(0, 0).await);
    let sale = world.open(START).await;
    let order = world.authorization(sale, pay(payer, payee, 60), START);
    let request = Request::Transaction(sale, order.request);
    assert_eq!(world.store.keep(request, answer(1)).await, Err(StoreError::OutOfOrder));
    world.store.authorize(order.clone()).await.unwrap();
    assert_eq!(world.store.answer(&request).await, Ok(None));
    assert_eq!(world.store.keep(request, answer(1)).await, Ok(vec![1]));
    assert_eq!(world.store.keep(request, answer(2)).await, Ok(vec![1]));
    assert_eq!(world.store.answer(&request).await, Ok(Some(vec![1])));
    let group = world.store.group(sale).await.unwrap().unwrap();
    assert_eq!(group.response, Some(answer(1).root), "what acknowledgments name");
    let other = Request::Transaction(sale, world.digest());
    assert_eq!(world.store.keep(other, answer(3)).await, Err(StoreError::AlreadyUsed));
    assert_eq!(world.store.answer(&other).await, Ok(None));
    assert_eq!(world.store.answer(&Request::Acknowledgment(sale, order.request)).await, Ok(None));
    let unknown = Request::Transaction(world.transaction(START), order.request);
    assert_eq!(world.store.keep(unknown, answer(3)).await, Err(StoreError::UnknownTransaction));
    let opening = Request::KeyExchange(order.request, order.request);
    assert!(matches!(world.store.keep(opening, answer(3)).await, Err(StoreError::Invalid(_))));
}

pub(crate) async fn the_final_notice_ends_the_sessions<S: Store>(world: &World<S>) {
    let (payer, payee) = (world.account(100, 0).await, world.account(0, 0).await);
    let sale = world.approved(pay(payer, payee, 60), START).await;
    let accept = world.settlement(sale, true, START);
    let request = Request::Acknowledgment(sale, accept.request);
    assert_eq!(world.store.keep(request, answer(1)).await, Err(StoreError::OutOfOrder));
    world.store.settle(accept).await.unwrap();
    assert!(world.store.group(sale).await.unwrap().unwrap().sessions.is_some());
    assert_eq!(world.store.keep(request, answer(1)).await, Ok(vec![1]));
    assert_eq!(world.store.keep(request, answer(2)).await, Ok(vec![1]));
    let group = world.store.group(sale).await.unwrap().unwrap();
    assert_eq!((group.sessions, group.phase), (None, Phase::Ended(Ending::Posted)));
}

pub(crate) async fn what_is_old_is_forgotten_and_what_is_posted_is_not<S: Store>(world: &World<S>) {
    let (payer, payee) = (world.account(100, 0).await, world.account(0, 0).await);
    let opening = world.opening(START);
    let (sale, request_digest, nodes) = (opening.transaction, opening.request, opening.nodes.clone());
    world.store.open(opening).await.unwrap();
    let order = world.authorization(sale, pay(payer, payee, 60), START);
    let request = Request::Transaction(sale, order.request);
    world.store.authorize(order).await.unwrap();
    world.store.keep(request, answer(1)).await.unwrap();
    world.settle(sale, true, START).await.unwrap();
    let dropped = world.approved(pay(payer, payee, 1), START).await;

    let end = START.after(RETENTION);
    assert_eq!(world.store.expire(end).await, Ok(1), "the hold that timed out");
    assert_eq!(world.store.answer(&request).await, Ok(Some(vec![1])));
    let young = world.open(end).await;
    assert_eq!(world.store.expire(end.after(SECOND)).await, Ok(2));
    assert_eq!(world.store.expire(end.after(SECOND)).await, Ok(0));
    assert!(world.store.group(young).await.unwrap().is_some());
    assert_eq!(world.store.answer(&request).await, Ok(None));
    assert_eq!(world.store.answer(&Request::KeyExchange(nodes[0], request_digest)).await, Ok(None));
    assert_eq!(world.store.group(sale).await, Ok(None));
    assert_eq!(world.store.outcome(dropped).await, Ok(None));
    let status = world.store.outcome(sale).await.unwrap().unwrap();
    assert_eq!((status.phase, status.participants), (Phase::Ended(Ending::Posted), vec![payer, payee]));

    let mut again = world.opening(end);
    again.nodes = nodes;
    world.store.open(again).await.unwrap();
    // Refunds outlive the memory of the purchase.
    let back = world.approved(refund(sale, payee, payer, 60), end).await;
    assert_eq!(world.settle(back, true, end).await, Ok(Ending::Posted));
    world.books_balance().await;
}

pub(crate) async fn an_outcome_names_who_took_part<S: Store>(world: &World<S>) {
    let (payer, payee, witness) = (world.account(9, 0).await, world.account(0, 0).await, world.account(0, 0).await);
    let sale = world.open(START).await;
    assert_eq!(world.store.outcome(world.transaction(START)).await, Ok(None));
    let status = world.store.outcome(sale).await.unwrap().unwrap();
    assert_eq!((status.phase, status.kind), (Phase::Open { until: START.after(SESSION) }, None));

    let mut order = world.authorization(sale, pay(payer, payee, 9), START);
    order.participants = vec![witness, payee, payer, witness];
    world.store.authorize(order).await.unwrap();
    let status = world.store.outcome(sale).await.unwrap().unwrap();
    assert_eq!(status.phase, Phase::Held { until: START.after(HOLD) });
    assert_eq!(status.kind, Some(TransactionKind::PURCHASE));
    let transfer = Transfer { debit: payer, credit: payee, amount: 9, currency: EUR, refund_of: None };
    assert_eq!((status.transfer, status.participants), (Some(transfer), vec![payer, payee, witness]));

    let statement = world.open(START).await;
    let mut order = world.authorization(statement, Order::Record, START);
    order.participants = vec![witness];
    assert_eq!(world.store.authorize(order).await, Ok(Decision::Approved));
    assert_eq!(world.settle(statement, true, START).await, Ok(Ending::Posted));
    let status = world.store.outcome(statement).await.unwrap().unwrap();
    assert_eq!((status.phase, status.participants), (Phase::Ended(Ending::Posted), vec![witness]));
    world.books_balance().await;
}

pub(crate) async fn a_blocked_account_neither_pays_nor_is_paid<S: Store>(world: &World<S>) {
    let (one, other) = (world.account(100, 0).await, world.account(100, 0).await);
    let held = world.approved(pay(one, other, 5), START).await;
    let number = world.new_account(0, 0).number;
    assert_eq!(world.store.account_by_number(&number).await, Ok(None));
    let balances = world.store.balances(None, 10).await.unwrap();
    let number = &balances.iter().find(|balance| balance.account.id == one).unwrap().account.number;
    for blocked in [false, true] {
        world.store.set_blocked(one, blocked).await.unwrap();
        for _ in 0..2 {
            let account = world.store.account_by_number(number).await.unwrap().unwrap();
            assert_eq!((account.id, account.blocked), (one, blocked));
        }
    }
    let closed = Decision::Declined(ReasonCode::ACCOUNT_CLOSED);
    assert_eq!(world.decide(pay(one, other, 5), START).await.1, closed);
    assert_eq!(world.decide(pay(other, one, 5), START).await.1, closed);
    assert_eq!(world.settle(held, true, START).await, Ok(Ending::Posted));
    world.store.set_blocked(one, false).await.unwrap();
    world.approved(pay(one, other, 5), START).await;
    assert_eq!(world.store.set_blocked(AccountId(77), true).await, Err(StoreError::UnknownAccount));
}

pub(crate) async fn shapes_are_checked<S: Store>(world: &World<S>) {
    let invalid = |result: Result<_, StoreError>| assert!(matches!(result, Err(StoreError::Invalid(_))), "{result:?}");
    let opening = world.opening(START);
    let spoils: [fn(&mut Opening); 7] = [
        |opening| opening.nodes.clear(),
        |opening| opening.nodes[1] = opening.nodes[0],
        |opening| opening.nodes = (0..257).map(crate::world::digest).collect(),
        |opening| opening.sessions = vec![0; service_provider::store::limits::SESSION_MAX + 1],
        |opening| opening.answer.message = vec![0; service_provider::store::limits::ANSWER_MAX + 1],
        |opening| opening.until = Some(START),
        |opening| opening.until = Some(START.after(Duration::from_secs(86_401))),
    ];
    for spoil in spoils {
        let mut spoiled = opening.clone();
        spoil(&mut spoiled);
        invalid(world.store.open(spoiled).await);
    }
    let mut same = world.opening(START);
    same.transaction = opening.transaction;
    world.store.open(opening).await.unwrap();
    assert!(matches!(world.store.open(same).await, Err(StoreError::Exists(_))));

    let sale = world.open(START).await;
    let mut order = world.authorization(sale, Order::Record, START);
    order.until = START;
    assert!(matches!(world.store.authorize(order.clone()).await, Err(StoreError::Invalid(_))));
    order.until = START.after(Duration::from_secs(86_401));
    assert!(matches!(world.store.authorize(order).await, Err(StoreError::Invalid(_))));
    let mut account = world.new_account(0, 0);
    account.holder = "x".repeat(33);
    assert!(matches!(world.store.create_account(account).await, Err(StoreError::Invalid(_))));
    for number in ["", "FLOAT-EUR", "12 34", "\u{e4}", "12345678901234567890123456789012345"] {
        assert!(AccountNumber::new(number).is_err(), "{number}");
    }
}

/// Every payer pays every payee from many tasks at once, each request three times over, while time-outs run: the money
/// moves as often as it was posted, and never beyond what there is.
pub(crate) async fn many_tasks_agree<S: Store>(world: &World<S>) {
    const TASKS: u64 = 48;
    let (payer, payee) = (world.account(TASKS * 10 / 2, 0).await, world.account(0, 0).await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let store = world.store.clone();
        let sale = world.open(START).await;
        let order = world.authorization(sale, pay(payer, payee, 10), START);
        let accept = world.settlement(sale, true, START);
        tasks.spawn(async move {
            let decisions = tokio::join!(
                store.authorize(order.clone()),
                store.authorize(order.clone()),
                store.authorize(order.clone())
            );
            assert_eq!((&decisions.0, &decisions.1), (&decisions.1, &decisions.2));
            let decision = decisions.0.unwrap();
            let (first, _, second) = tokio::join!(store.settle(accept), store.expire(START), store.settle(accept));
            assert_eq!(first, second);
            let request = Request::Acknowledgment(sale, accept.request);
            let (one, two) = tokio::join!(store.keep(request, answer(1)), store.keep(request, answer(2)));
            assert_eq!(one, two);
            (decision, first.unwrap())
        });
    }
    let results = tasks.join_all().await;
    let posted = results.iter().filter(|(_, ending)| *ending == Ending::Posted).count();
    assert_eq!(posted, 24, "half of them fit the money");
    let approved = results.iter().filter(|(decision, _)| *decision == Decision::Approved).count();
    assert_eq!(approved, posted);
    assert_eq!(world.money(payee).await, (240, 0, 240));
    assert_eq!(world.money(payer).await, (0, 0, 0));
    world.books_balance().await;
}
