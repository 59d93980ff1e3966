//! What the checker finds, and what it lets pass.

use super::*;
use crate::history::Id;

fn history(words: &[(u64, usize, Word)]) -> History {
    let mut history = History::default();
    for (at, phone, word) in words {
        history.add(*at, *phone, word.clone());
    }
    history
}

fn wrote(id: Id) -> Word {
    Word::Wrote { id, to: 7, to_epoch: Some(1), body: format!("body {}", id.1) }
}

fn shown(id: Id, carrier: bool) -> Word {
    Word::ShownText { from: 6, id, body: Some(format!("body {}", id.1)), carrier }
}

fn promises(words: &[(u64, usize, Word)]) -> Vec<&'static str> {
    check(&history(words)).into_iter().map(|violation| violation.promise).collect()
}

#[test]
fn a_text_that_is_sent_shown_once_and_ends_is_fine() {
    let words = [
        (1, 0, wrote((1, 1))),
        (2, 0, Word::ShownAsSent { id: (1, 1) }),
        (3, 1, shown((1, 1), false)),
        (4, 0, Word::ShownEnd { id: (1, 1), end: "delivered" }),
    ];
    assert_eq!(promises(&words), Vec::<&str>::new());
}

#[test]
fn loss_doubling_disorder_and_two_ends_are_found() {
    let delivered = |id| Word::ShownEnd { id, end: "delivered" };
    assert_eq!(promises(&[(1, 0, wrote((1, 1))), (2, 0, Word::ShownAsSent { id: (1, 1) })]), ["P4"]);
    assert_eq!(promises(&[(1, 0, wrote((1, 1))), (2, 0, delivered((1, 1)))]), ["P1"]);
    assert_eq!(
        promises(&[
            (1, 0, wrote((1, 1))),
            (2, 1, shown((1, 1), false)),
            (3, 1, shown((1, 1), true)),
            (4, 0, delivered((1, 1)))
        ]),
        ["P2"]
    );
    assert_eq!(
        promises(&[
            (1, 0, wrote((1, 1))),
            (2, 0, wrote((1, 2))),
            (3, 1, shown((1, 2), false)),
            (4, 1, shown((1, 1), false)),
            (5, 0, delivered((1, 1))),
            (5, 0, delivered((1, 2))),
        ]),
        ["P3"]
    );
    let expired = Word::ShownEnd { id: (1, 1), end: "expired" };
    assert!(
        promises(&[(1, 0, wrote((1, 1))), (2, 1, shown((1, 1), false)), (3, 0, delivered((1, 1))), (4, 0, expired)])
            .contains(&"P4")
    );
}

#[test]
fn a_text_on_the_wrong_phone_is_found() {
    let words = [
        (0, 1, Word::Registered { number: 7, epoch: 1 }),
        (1, 0, wrote((1, 1))),
        (2, 2, Word::Registered { number: 7, epoch: 2 }),
        (3, 2, shown((1, 1), false)),
        (4, 0, Word::ShownEnd { id: (1, 1), end: "delivered" }),
    ];
    assert_eq!(promises(&words), ["P11"]);
}

#[test]
fn sound_on_both_bearers_late_rings_and_emergency_on_data_are_found() {
    let call = [1; 16];
    assert_eq!(
        promises(&[(1, 0, Word::CarrierActive { on: true }), (2, 0, Word::DataSound { call, on: true })]),
        ["P6"]
    );
    let ring = |state, server_ms| Word::Call {
        call,
        peer: 7,
        state,
        outgoing: false,
        held: false,
        server_ms,
        ring_until: Some(1_000),
    };
    assert_eq!(promises(&[(1, 0, ring("ringing", 9_000)), (2, 0, ring("ended", 9_001))]).len(), 2);
    assert_eq!(promises(&[(1, 0, ring("ringing", 900)), (2, 0, ring("ended", 1_001))]), Vec::<&str>::new());
    let dialed = Word::Dialed { digits: "112".into(), emergency: true };
    assert_eq!(promises(&[(1, 0, dialed.clone()), (2, 0, Word::ModemDialed { digits: "112".into() })]).len(), 1);
    assert_eq!(
        promises(&[(1, 0, dialed.clone()), (1, 0, Word::ModemDialed { digits: "112".into() })]),
        Vec::<&str>::new()
    );
    assert_eq!(
        promises(&[
            (1, 0, dialed),
            (1, 0, Word::CallFrameLeft { to: 1 }),
            (1, 0, Word::ModemDialed { digits: "112".into() })
        ]),
        ["N11"]
    );
}

fn call(state: &'static str) -> Word {
    Word::Call { call: [1; 16], peer: 7, state, outgoing: true, held: false, server_ms: 0, ring_until: None }
}

#[test]
fn a_call_that_hangs_or_outlives_the_other_side_is_found() {
    const MINUTE: u64 = 60_000;
    let fine = [(0, 0, call("checking")), (900, 0, call("asking")), (4 * MINUTE, 0, call("ended"))];
    assert_eq!(promises(&fine), Vec::<&str>::new());
    assert_eq!(promises(&[(0, 0, call("checking")), (9_000, 0, call("ended"))]), ["P6"]);
    assert_eq!(promises(&[(0, 0, call("active"))]), ["P6"], "for ever");
    let long = |last| [(0, 0, call("active")), (0, 1, call("active")), (9, 1, Word::Killed), (last, 0, call("ended"))];
    assert_eq!(promises(&long(MINUTE)), Vec::<&str>::new());
    assert_eq!(promises(&long(2 * MINUTE)), ["P6"]);
}

#[test]
fn a_conversation_of_two_entries_and_one_that_stays_open_are_found() {
    let logged = |entry, over| Word::Logged { entry, call: Some([1; 16]), over };
    assert_eq!(promises(&[(1, 0, logged(1, false)), (2, 0, logged(1, true))]), Vec::<&str>::new());
    assert_eq!(promises(&[(1, 0, logged(1, true)), (2, 0, logged(2, true))]), ["N12"]);
    assert_eq!(promises(&[(1, 0, logged(1, false))]), ["N12"]);
    assert_eq!(promises(&[(1, 0, logged(1, false)), (2, 0, Word::LostDatabase)]), Vec::<&str>::new());
}

#[test]
fn too_many_guesses_and_too_many_sms_are_found() {
    let guesses = |answer, times: u64| -> Vec<(u64, usize, Word)> {
        (0..times).map(|at| (at, 9, Word::Guessed { attempt: [3; 16], answer })).collect()
    };
    assert_eq!(promises(&guesses("wrong", 5)), Vec::<&str>::new());
    assert_eq!(promises(&guesses("not looked at", 50)), Vec::<&str>::new());
    assert_eq!(promises(&guesses("wrong", 6)), ["P12"]);
    assert_eq!(promises(&guesses("right", 1)), ["P12"]);
    let sms = |times: u64| -> Vec<_> { (0..times).map(|at| (at, 9, Word::SmsOrdered { to: 7 })).collect() };
    assert_eq!(promises(&sms(40)), Vec::<&str>::new());
    assert_eq!(promises(&sms(41)), ["P13"]);
}

#[test]
fn a_text_nobody_wrote_and_one_that_was_handed_over_and_never_left_are_found() {
    assert_eq!(promises(&[(1, 1, shown((1, 1), false))]), ["P2"]);
    let handed = Word::ShownEnd { id: (1, 1), end: "handed-to-sms" };
    let left = Word::SmsLeft { to: 7, body: "body 1 ~tag".into() };
    assert_eq!(promises(&[(1, 0, wrote((1, 1))), (2, 0, handed.clone())]), ["P1"]);
    assert_eq!(promises(&[(1, 0, wrote((1, 1))), (2, 0, handed), (3, 0, left)]), Vec::<&str>::new());
}

#[test]
fn what_a_lost_database_showed_may_be_shown_again_and_cannot_be_told() {
    let expired = Word::ShownEnd { id: (1, 1), end: "recipient-changed" };
    let words =
        |lost: Word| [(1, 0, wrote((1, 1))), (2, 1, shown((1, 1), false)), (3, 1, lost), (4, 0, expired.clone())];
    assert_eq!(promises(&words(Word::LostDatabase)), Vec::<&str>::new());
    assert_eq!(promises(&words(Word::Started)), ["P4"]);
}

#[test]
fn a_text_taken_back_after_the_server_knew_better_is_found() {
    let id = (1, 1);
    let cancelled = Word::ShownEnd { id, end: "cancelled" };
    let (taken, back) = (Word::TakenAtServer { id }, Word::TakenBackAtServer { id });
    let words = |first: &Word, second: &Word| {
        [wrote(id), shown(id, false), first.clone(), second.clone(), cancelled.clone()].map(|word| (1, 0, word))
    };
    assert_eq!(promises(&words(&taken, &back)), ["P4"]);
    assert_eq!(promises(&words(&back, &taken)), Vec::<&str>::new());
}
