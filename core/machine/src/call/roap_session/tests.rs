use super::hearing::echo_error;
use super::*;
use proptest::prelude::*;

const NOW: Mono = Mono(1_000);

fn pair() -> (RoapSession, RoapSession) {
    (RoapSession::new("anna".into()), RoapSession::new("bert".into()))
}

fn offer(session: &mut RoapSession, tie: u32) -> Roap {
    session.offer("v=0 offer".into(), tie, NOW).unwrap()
}

fn answer(session: &mut RoapSession, more: bool) -> Roap {
    session.answer("v=0 answer".into(), more, NOW).unwrap()
}

/// Both sides after one whole exchange.
fn stable() -> (RoapSession, RoapSession) {
    let (mut anna, mut bert) = pair();
    bert.hear(&offer(&mut anna, 5));
    let Heard::Answer { ok: Some(ok), .. } = anna.hear(&answer(&mut bert, false)) else {
        panic!("a final answer is acknowledged")
    };
    assert_eq!(bert.hear(&ok), Heard::Accepted);
    (anna, bert)
}

#[test]
fn an_offer_rings_is_answered_and_acknowledged() {
    let (mut anna, mut bert) = pair();
    let first = offer(&mut anna, 5);
    assert_eq!((first.seq, first.answerer_session_id.clone(), first.tie_breaker), (1, None, Some(5)));
    assert_eq!(bert.hear(&first), Heard::Offer { sdp: "v=0 offer".into(), mine_abandoned: false });
    let early = answer(&mut bert, true);
    assert_eq!(anna.hear(&early), Heard::Answer { sdp: "v=0 answer".into(), provisional: true, ok: None });
    let last = answer(&mut bert, false);
    let Heard::Answer { provisional: false, ok: Some(ok), .. } = anna.hear(&last) else { panic!() };
    assert_eq!((ok.offerer_session_id.as_str(), ok.answerer_session_id.as_deref()), ("anna", Some("bert")));
    assert_eq!(bert.hear(&ok), Heard::Accepted);
    assert!(anna.is_stable() && bert.is_stable());
}

#[test]
fn either_side_offers_next_with_the_next_seq() {
    let (mut anna, mut bert) = stable();
    let second = offer(&mut bert, 9);
    assert_eq!((second.seq, second.offerer_session_id.as_str()), (2, "bert"));
    assert!(matches!(anna.hear(&second), Heard::Offer { .. }));
}

#[test]
fn double_and_old_messages_change_nothing() {
    let (mut anna, mut bert) = pair();
    let first = offer(&mut anna, 5);
    bert.hear(&first);
    assert_eq!(bert.hear(&first), Heard::Dropped);
    let last = answer(&mut bert, false);
    let Heard::Answer { ok: Some(ok), .. } = anna.hear(&last) else { panic!() };
    assert_eq!(anna.hear(&last), Heard::Dropped);
    assert_eq!(bert.hear(&first), Heard::Dropped);
    bert.hear(&ok);
    assert_eq!(bert.hear(&ok), Heard::Dropped);
    let second = offer(&mut anna, 5);
    bert.hear(&second);
    assert_eq!(anna.hear(&last), Heard::Dropped, "an answer to the offer before");
}

#[test]
fn ids_that_do_not_match_are_refused() {
    let (mut anna, mut bert) = pair();
    bert.hear(&offer(&mut anna, 5));
    let mut last = answer(&mut bert, false);
    last.offerer_session_id = "eve".into();
    let Heard::Refused { reply } = anna.hear(&last) else { panic!() };
    assert_eq!((reply.error_type, reply.seq), (Some(RoapError::NoMatch), 1));
    last.offerer_session_id = "anna".into();
    last.answerer_session_id = None;
    assert!(matches!(anna.hear(&last), Heard::Refused { .. }));
    last.answerer_session_id = Some("bert".into());
    assert!(matches!(anna.hear(&last), Heard::Answer { .. }), "and nothing was changed by them");
    let mut third = RoapSession::new("eve".into());
    let mut stranger = third.offer("v=0".into(), 7, NOW).unwrap();
    stranger.seq = 9;
    assert!(matches!(anna.hear(&stranger), Heard::Refused { .. }));
}

#[test]
fn an_offer_without_a_description_is_refused() {
    let (mut anna, mut bert) = pair();
    let mut first = offer(&mut anna, 5);
    first.sdp = Some(String::new());
    assert!(matches!(bert.hear(&first), Heard::Refused { .. }));
    first.sdp = Some("v=0".into());
    assert!(matches!(bert.hear(&first), Heard::Offer { .. }));
}

#[test]
fn two_first_offers_are_no_glare_and_refused() {
    let (mut anna, mut bert) = pair();
    offer(&mut anna, 5);
    let crossing = offer(&mut bert, 9);
    let Heard::Refused { reply } = anna.hear(&crossing) else { panic!() };
    assert_eq!(reply.error_type, Some(RoapError::Failed));
}

#[test]
fn in_glare_the_larger_tie_breaker_stands() {
    let (mut anna, mut bert) = stable();
    let (small, large) = (offer(&mut anna, 5), offer(&mut bert, 9));
    let Heard::PeerLost { reply } = bert.hear(&small) else { panic!() };
    assert_eq!((reply.error_type, reply.seq), (Some(RoapError::Conflict), 2));
    assert!(matches!(anna.hear(&large), Heard::Offer { mine_abandoned: true, .. }));
    assert_eq!(anna.hear(&reply), Heard::Dropped, "already given up");
    let last = answer(&mut anna, false);
    let Heard::Answer { ok: Some(ok), .. } = bert.hear(&last) else { panic!() };
    assert_eq!(anna.hear(&ok), Heard::Accepted);
}

#[test]
fn a_conflict_that_comes_before_the_standing_offer_lets_it_through() {
    let (mut anna, mut bert) = stable();
    let (small, large) = (offer(&mut anna, 5), offer(&mut bert, 9));
    let Heard::PeerLost { reply } = bert.hear(&small) else { panic!() };
    assert_eq!(anna.hear(&reply), Heard::MineLost);
    assert!(matches!(anna.hear(&large), Heard::Offer { mine_abandoned: false, .. }));
}

#[test]
fn the_extremes_always_lose_and_always_win() {
    for (mine, theirs, i_keep) in [(1, 0, true), (u32::MAX - 1, u32::MAX, false)] {
        let (mut anna, mut bert) = stable();
        offer(&mut anna, mine);
        let crossing = offer(&mut bert, theirs);
        assert_eq!(matches!(anna.hear(&crossing), Heard::PeerLost { .. }), i_keep);
    }
}

#[test]
fn equal_tie_breakers_are_offered_again_twice_and_then_fail() {
    let (mut anna, mut bert) = stable();
    for round in 0..3 {
        let (a, b) = (offer(&mut anna, 7), offer(&mut bert, 7));
        let (at_anna, at_bert) = (anna.hear(&b), bert.hear(&a));
        if round < 2 {
            assert!(matches!(at_anna, Heard::OfferAgain { reply: Some(_) }));
            assert!(matches!(at_bert, Heard::OfferAgain { reply: Some(_) }));
        } else {
            assert_eq!(at_anna, Heard::Failed(RoapError::DoubleConflict));
        }
    }
}

#[test]
fn a_double_conflict_heard_twice_counts_once() {
    let (mut anna, mut bert) = stable();
    let (_, b) = (offer(&mut anna, 7), offer(&mut bert, 7));
    let Heard::OfferAgain { reply: Some(error) } = anna.hear(&b) else { panic!() };
    assert_eq!(bert.hear(&error), Heard::OfferAgain { reply: None });
    assert_eq!(bert.hear(&error), Heard::Dropped);
}

#[test]
fn errors_end_the_wait_and_old_ones_do_not() {
    let (mut anna, _) = pair();
    let first = offer(&mut anna, 5);
    let mut error = echo_error(&first, RoapError::Refused);
    error.seq = 0;
    assert_eq!(anna.hear(&error), Heard::Dropped);
    error.seq = 1;
    error.offerer_session_id = String::new();
    assert_eq!(anna.hear(&error), Heard::Failed(RoapError::Refused), "an ERROR may lack its ids");
    assert_eq!(anna.hear(&error), Heard::Dropped);
}

#[test]
fn a_higher_offer_replaces_mine_while_i_wait() {
    let (mut anna, mut bert) = stable();
    offer(&mut anna, u32::MAX - 1);
    let mut newer = offer(&mut bert, 1);
    newer.seq = 9;
    assert!(matches!(anna.hear(&newer), Heard::Offer { mine_abandoned: true, .. }));
}

#[test]
fn a_shutdown_is_always_heard_even_crossed_and_after_it_nothing_is() {
    let (mut anna, mut bert) = stable();
    let (a, b) = (anna.shutdown(NOW).unwrap(), bert.shutdown(NOW).unwrap());
    let Heard::Closed { ok: Some(ok) } = anna.hear(&b) else { panic!() };
    assert_eq!((ok.seq, ok.offerer_session_id.as_str()), (2, "bert"));
    assert!(matches!(bert.hear(&a), Heard::Closed { ok: Some(_) }));
    assert_eq!(bert.hear(&ok), Heard::Dropped);
    assert_eq!(anna.shutdown(NOW), None);
    assert_eq!(anna.offer("v=0".into(), 1, NOW), Err(OutOfTurn));
    assert_eq!(anna.hear(&offer(&mut stable().1, 3)), Heard::Dropped);
}

#[test]
fn every_wait_ends_at_its_time_and_not_before() {
    let before = |at: Mono| Mono(at.0 - 1);
    let (mut anna, mut bert) = pair();
    let first = offer(&mut anna, 5);
    let at = NOW.after(ANSWER_WAIT);
    assert_eq!(anna.poll_timeout(), Some(at));
    assert_eq!(anna.handle_timeout(before(at)), None);
    assert_eq!(anna.handle_timeout(at), Some(Heard::Failed(RoapError::Timeout)));
    bert.hear(&first);
    answer(&mut bert, false);
    let at = NOW.after(OK_WAIT);
    assert_eq!(bert.handle_timeout(before(at)), None);
    assert_eq!(bert.handle_timeout(at), Some(Heard::Failed(RoapError::Timeout)));
    bert.shutdown(NOW);
    let at = NOW.after(SHUTDOWN_WAIT);
    assert_eq!(bert.handle_timeout(before(at)), None);
    assert_eq!(bert.handle_timeout(at), Some(Heard::Closed { ok: None }));
    assert_eq!(bert.poll_timeout(), None);
}

#[test]
fn out_of_turn_nothing_is_made() {
    let (mut anna, mut bert) = pair();
    assert_eq!(anna.answer("v=0".into(), false, NOW), Err(OutOfTurn));
    assert_eq!(anna.refuse(RoapError::Refused), Err(OutOfTurn));
    let first = offer(&mut anna, 5);
    assert_eq!(anna.offer("v=0".into(), 5, NOW), Err(OutOfTurn));
    bert.hear(&first);
    let refusal = bert.refuse(RoapError::Refused).unwrap();
    assert_eq!(anna.hear(&refusal), Heard::Failed(RoapError::Refused));
}

fn any_roap() -> impl Strategy<Value = Roap> {
    let kind = prop::sample::select(vec![
        RoapType::Offer,
        RoapType::Answer,
        RoapType::Ok,
        RoapType::Error,
        RoapType::Shutdown,
    ]);
    let id = prop::sample::select(vec!["", "anna", "bert", "eve"]);
    let errors = prop::sample::select(vec![
        RoapError::NoMatch,
        RoapError::Timeout,
        RoapError::Refused,
        RoapError::Conflict,
        RoapError::DoubleConflict,
        RoapError::Failed,
    ]);
    (
        kind,
        id.clone(),
        prop::option::of(id),
        0_u32..5,
        any::<bool>(),
        prop::option::of(0_u32..4),
        prop::option::of(errors),
    )
        .prop_map(|(message_type, offerer, answerer, seq, more_coming, tie_breaker, error_type)| Roap {
            message_type,
            offerer_session_id: offerer.into(),
            answerer_session_id: answerer.map(Into::into),
            seq,
            sdp: (seq % 4 != 3).then(|| "v=0".into()),
            tie_breaker,
            more_coming,
            error_type,
        })
}

proptest! {
    #[test]
    fn whatever_is_said_nothing_panics_a_wait_ends_and_closed_stays_closed(
        script in prop::collection::vec((any_roap(), 0_u8..8), 0..60),
    ) {
        let mut anna = RoapSession::new("anna".into());
        let mut closed = false;
        for (roap, act) in script {
            let heard = anna.hear(&roap);
            if closed && roap.message_type != RoapType::Shutdown {
                prop_assert_eq!(heard, Heard::Dropped);
            }
            match act {
                0 => drop(anna.offer("v=0".into(), 2, NOW)),
                1 => drop(anna.answer("v=0".into(), false, NOW)),
                2 => drop(anna.answer("v=0".into(), true, NOW)),
                3 => drop(anna.refuse(RoapError::Refused)),
                _ => {}
            }
            closed = matches!(anna.state, State::Closed);
        }
        anna.handle_timeout(Mono(u64::MAX));
        prop_assert_eq!(anna.poll_timeout(), None);
    }

    /// Two sides on a link that keeps order, both offering at will with any tie breakers: they always come to rest together.
    #[test]
    fn two_sides_that_offer_at_will_come_to_rest(
        script in prop::collection::vec((any::<bool>(), 1_u32..4, any::<bool>()), 1..30),
    ) {
        let (anna, bert) = stable();
        let mut sides = [anna, bert];
        let mut wires: [std::collections::VecDeque<Roap>; 2] = Default::default();
        for (who, tie, deliver) in script {
            let who = usize::from(who);
            if let Ok(roap) = sides[who].offer("v=0".into(), tie, NOW) {
                wires[1 - who].push_back(roap);
            }
            if deliver {
                step(&mut sides, &mut wires, who);
            }
        }
        for _ in 0..200 {
            step(&mut sides, &mut wires, 0);
            step(&mut sides, &mut wires, 1);
        }
        prop_assert!(wires.iter().all(std::collections::VecDeque::is_empty));
        prop_assert!(sides[0].is_stable() && sides[1].is_stable(), "{:?}", sides);
        prop_assert_eq!(sides[0].seq, sides[1].seq);
    }
}

fn step(sides: &mut [RoapSession; 2], wires: &mut [std::collections::VecDeque<Roap>; 2], who: usize) {
    let Some(roap) = wires[who].pop_front() else { return };
    let mut send = |roap: Option<Roap>| wires[1 - who].extend(roap);
    match sides[who].hear(&roap) {
        Heard::Offer { .. } => send(sides[who].answer("v=0".into(), false, NOW).ok()),
        Heard::Answer { ok, .. } => send(ok),
        Heard::PeerLost { reply } | Heard::Refused { reply } => send(Some(reply)),
        Heard::OfferAgain { reply } => send(reply),
        Heard::Closed { ok } => send(ok),
        Heard::Accepted | Heard::MineLost | Heard::Failed(_) | Heard::Dropped => {}
    }
}
