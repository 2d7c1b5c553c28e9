//! What every store of an authorization server has to do, whatever it keeps its records in.
//!
//! [`oauth_store_tests!`](crate::oauth_store_tests) makes a test of each rule:
//!
//! ```ignore
//! farport_testkit::oauth_store_tests!(async || (MemoryStore::default(), ()));
//! ```
//!
//! What is said to happen at once is asked for by 100 callers at the same time, many times over.

#![expect(clippy::panic, reason = "a suite fails as tests do")]

pub mod lists;
pub mod races;
pub mod records;
pub mod rotation;
mod samples;

pub use samples::{CODE, NOW, access, client, code, digest, grant, refresh, tokens};

use std::fmt::Debug;

/// Makes a test of each rule, for the stores that the closure makes: `async || (store, guard)`. The
/// guard is kept for as long as the store is used.
///
/// The store that is made must be empty. The calling crate needs `tokio` with its macros and its
/// runtime of many threads.
#[macro_export]
macro_rules! oauth_store_tests {
    ($make:expr) => {
        $crate::oauth_store_tests!(@each records, $make,
            a_client_comes_back_as_it_was,
            a_client_s_time_is_only_made_longer,
            registered_clients_are_bounded,
            clients_with_a_grant_are_not_displaced,
            a_transaction_is_looked_at_or_taken,
            the_oldest_transaction_gives_way,
            a_flood_of_one_share_takes_nothing_of_another,
            a_sign_in_lasts_until_it_is_forgotten,
            consent_is_found_by_all_of_its_key,
            revoking_a_grant_revokes_all_its_tokens,
            an_access_token_is_revoked_alone,
            an_api_token_is_known_by_its_digest_and_revoked_by_its_name,
            properties_are_replaced_in_turn,
            a_name_can_be_used_again_when_its_time_is_over,
        );
        $crate::oauth_store_tests!(@each lists, $make,
            grants_are_listed_newest_first,
            what_has_expired_is_purged,
            a_used_code_is_known_for_as_long_as_its_grant,
            a_great_many_are_purged,
        );
        $crate::oauth_store_tests!(@each rotation, $make,
            a_code_is_good_once,
            the_present_token_gives_way_to_its_successor,
            a_client_recovers_from_a_lost_response,
            concurrent_refreshes_share_a_family,
            a_token_left_behind_ends_its_family,
            one_that_is_superseded_by_a_retry_is_left_behind,
            a_client_without_refresh_tokens_has_no_family,
            a_replaced_token_is_refused_once_its_successor_s_response_is_used,
            a_replaced_token_is_refused_after_its_grace_period,
            each_replaced_token_has_a_grace_period,
            a_grant_keeps_its_deadline,
            an_access_token_names_what_it_replaced,
        );
        $crate::oauth_store_tests!(@each races, $make,
            of_many_who_redeem_a_code_one_does,
            of_many_who_rotate_a_token_one_does,
            of_many_who_retry_a_lost_response_one_is_served,
            of_many_who_take_a_transaction_one_does,
            of_many_who_use_a_name_one_does,
            of_many_who_replace_properties_one_does,
            of_many_who_revoke_a_grant_one_does,
            of_many_who_revoke_an_api_token_one_does,
            no_flood_exceeds_the_bound,
        );
    };
    (@each $part:ident, $make:expr, $($rule:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let (store, _guard) = ($make)().await;
                $crate::oauth_store::$part::$rule(async move || store).await;
            }
        )+
    };
}

#[track_caller]
fn said<T, E: Debug>(answer: Result<T, E>) -> T {
    match answer {
        Ok(value) => value,
        Err(error) => panic!("the store failed: {error:?}"),
    }
}
