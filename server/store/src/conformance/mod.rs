//! What every store must do, as sentences. One suite, run on each store by [`crate::conformance_suite`].
//!
//! A [`Bench`] holds a store and can take its power away. The cases speak to the store only as the server does: in
//! groups, by [`crate::serve_batch`].

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a case that fails stops here, as a test does"
)]

pub mod attached;
pub mod bench;
pub mod consents;
pub mod links;
pub mod matching;
pub mod opens;
pub mod owners;
pub mod reads;
pub mod sweep;
pub mod texts;

pub use bench::Bench;

/// Makes one test of each case, on a bench made new for each by `$make`.
#[macro_export]
macro_rules! conformance_suite {
    ($make:expr) => {
        $crate::conformance_cases! { $make;
            owners: {
                an_attempt_is_open_until_it_expires,
                asking_again_keeps_the_attempt_and_its_tries,
                another_sms_waits_its_time,
                budgets_count_all_or_none_and_name_the_spent_one,
                what_an_sms_cost_is_given_back_once_and_only_for_that_sms,
                tries_are_counted_and_survive_a_power_cut,
                a_proof_after_the_tries_are_used_up_does_not_count,
                an_attempt_is_used_once_and_confirms_the_same_again,
                the_same_key_keeps_its_epoch,
                another_key_begins_the_next_epoch_and_the_old_one_is_known_as_replaced,
                an_ended_owner_is_unknown_and_its_epoch_is_never_given_again,
                a_withdrawn_key_owns_nothing_and_what_is_still_on_its_way_finds_no_attempt,
                ending_with_an_old_epoch_is_fenced,
                leases_only_move_forward_and_only_for_the_present_owner,
                an_older_sealing_key_changes_nothing,
                what_was_not_committed_is_gone_after_a_power_cut,
            }
            matching: {
                a_mark_shows_only_if_each_holds_the_other,
                a_stranger_who_registers_changes_nothing_that_can_be_seen,
                removing_a_contact_takes_both_marks_away,
                only_what_changed_after_a_generation_is_told,
                a_new_owner_sees_nothing_of_the_old_one_and_is_not_seen,
                a_renewed_lease_and_a_new_key_are_told_with_the_next_asking,
                a_full_sync_forgets_what_it_does_not_name,
                a_full_sync_of_several_pages_forgets_nothing_on_the_way,
                more_contacts_than_allowed_are_refused_and_change_nothing,
                new_numbers_are_budgeted_and_known_ones_are_free,
                the_gate_admits_whom_the_mark_shows_to_and_counts_strangers_alike,
                a_session_of_an_old_owner_is_fenced_everywhere,
            }
            links: {
                a_link_waits_for_the_key_holder_through_a_power_cut,
                a_forged_pair_ends_and_is_counted,
                holders_of_one_number_are_no_pair,
                a_late_verdict_says_nothing_of_a_link_that_changed,
                what_is_held_is_told_in_sums_for_each_key,
                tokens_under_a_key_that_does_not_live_are_refused,
                a_key_with_another_public_half_is_refused,
                a_retired_key_is_forgotten_piece_by_piece_and_another_keeps_the_mark,
                a_blocked_pair_shows_to_neither_until_it_is_told_again,
                what_an_owner_that_ended_told_links_nobody_and_is_forgotten,
                a_lease_ends_when_its_phone_is_known_to_be_away,
            }
            opens: {
                an_opened_mark_shows_to_whoever_holds_the_number,
                with_the_registered_policy_holding_the_number_is_enough,
                the_policy_can_change_between_two_starts,
                a_blocked_number_does_not_see_an_opened_mark,
                holders_of_an_opened_number_are_linked_a_few_at_a_time,
            }
            consents: {
                whom_an_owner_lets_learns_where_it_is_and_nobody_else,
                without_consents_any_owner_will_do_and_nobody_else,
                a_consent_ends_with_the_epoch_of_either_side,
                a_number_nobody_holds_is_let_nothing,
                consents_are_bounded_and_survive_a_power_cut,
                lookups_are_budgeted_whatever_the_answer,
            }
            texts: {
                a_text_is_stored_once_whatever_is_asked,
                a_text_for_a_stranger_or_another_owner_is_refused,
                texts_wait_in_the_order_they_came,
                a_reading_stops_at_its_limit_and_at_its_bytes,
                a_text_is_not_stored_when_the_one_before_it_was_not,
                a_full_mailbox_refuses_and_has_room_again_once_something_is_taken,
                a_senders_budget_refuses_and_stores_nothing,
                taking_ends_a_text_once_and_only_for_its_recipient,
                a_swap_wins_against_waiting_and_loses_against_delivered,
                a_swap_of_a_text_never_seen_leaves_its_end_for_when_it_comes,
                swapping_twice_gives_the_first_end,
                ends_are_owed_until_taken_and_only_to_the_owner_who_sent,
                texts_for_an_old_owner_end_as_changed_and_are_never_given_to_the_new_one,
                stored_texts_and_their_ends_survive_a_power_cut,
                one_failing_operation_of_a_group_takes_no_other_with_it,
            }
            reads: {
                only_delivered_texts_can_be_read_and_only_once,
                reads_are_owed_until_taken,
                somebody_else_cannot_read_a_text,
            }
            sweep: {
                a_text_expires_at_its_time_and_not_before,
                a_sweep_takes_no_more_than_its_limit_and_says_that_there_is_more,
                ended_texts_are_remembered_until_their_time_and_forgotten_after,
                a_silent_owner_ends,
                budgets_that_are_whole_again_are_forgotten_without_harm,
            }
            attached: {
                sessions_are_given_back_as_they_were_kept_after_a_power_cut,
                a_session_that_is_kept_again_takes_the_place_of_what_it_was,
                forgotten_sessions_and_restarts_are_gone,
                pages_go_on_behind_the_last_of_the_page_before,
                sessions_that_were_not_committed_are_gone_after_a_power_cut,
            }
        }
    };
}

/// See [`conformance_suite`].
#[macro_export]
macro_rules! conformance_cases {
    ($make:expr; $($group:ident: { $($case:ident,)* })*) => {
        $(mod $group {
            use super::*;
            $(#[test]
            fn $case() {
                let mut bench = $make;
                $crate::conformance::$group::$case(&mut bench);
            })*
        })*
    };
}
