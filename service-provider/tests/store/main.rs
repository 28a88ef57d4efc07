//! What every store must do, whatever it is made of.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a panic is a test's verdict")]

mod coherence;
mod instruments;
mod model;
mod robust;
mod suite;
mod world;

/// One test a body of [`suite`] and [`instruments`], for one kind of store.
macro_rules! stores {
    ($($store:ident: $new:expr;)*) => {$(
        mod $store {
            stores!(@bodies suite, $new;
                accounts_are_found_by_number_and_key_and_have_no_rival,
                money_comes_from_the_float_alone,
                a_float_that_is_used_up_funds_nothing_more,
                a_key_exchange_is_opened_once_and_answered_again,
                a_node_opens_one_request,
                a_refused_key_exchange_has_its_answer_and_no_transaction,
                a_purchase_holds_then_posts,
                a_rejected_purchase_releases,
                a_late_acknowledgment_releases_before_and_after_the_time_out,
                the_same_request_gets_the_same_decision_and_another_none,
                declines_say_why_and_hold_nothing,
                holds_count_against_the_limit,
                refunds_never_exceed_what_they_refund,
                a_cancellation_releases_what_is_still_held,
                answers_keep_their_first_bytes,
                the_final_notice_ends_the_sessions,
                what_is_old_is_forgotten_and_what_is_posted_is_not,
                an_outcome_names_who_took_part,
                a_blocked_account_neither_pays_nor_is_paid,
                shapes_are_checked,
                many_tasks_agree,
            );
            stores!(@bodies instruments, $new;
                stored_value_is_prepaid_and_has_a_ceiling,
                a_cheque_book_has_so_many_cheques_of_so_much,
                points_and_money_do_not_mix,
                an_identity_has_attributes_and_no_money,
                accounts_are_as_their_instruments_have_it,
            );
        }
    )*};
    (@bodies $bodies:ident, $new:expr; $($body:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $body() {
            let (store, _keep) = $new;
            crate::$bodies::$body(&crate::world::World::new(store)).await;
        }
    )*};
}

stores! {
    memory: (service_provider::store::memory::MemoryStore::new(), ());
    sqlite: crate::world::sqlite();
}
