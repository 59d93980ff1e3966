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
