//! The ladder in virtual time: every rung, every deadline before, at and after, and what must never happen.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;
use tandem_model::random::SplitMix64;
use tandem_model::{Mono, Msisdn, Random, Ticket};

const KIND: DeviceKind = DeviceKind { model: 1, os: 14, operator: 26_201 };

fn number(last: u64) -> Msisdn {
    Msisdn::from_e164(&format!("+4915112{:06}", 300_000 + last)).unwrap()
}

fn bob() -> Msisdn {
    number(1)
}

fn means() -> Means {
    Means { kind: KIND, tokens: vec![TokenId(7)], activation: true, sms_wake: true, carrier_ring: true, hint: true }
}

fn nothing() -> Means {
    Means { kind: KIND, tokens: vec![], activation: false, sms_wake: false, carrier_ring: false, hint: false }
}

fn call(id: u64, means: Means) -> Input {
    Input::Stored {
        id: WakeId(id),
        to: bob(),
        what: What::Call,
        from: Relation::Contact,
        until: Mono(3_600_000_000),
        standing: Standing::Offline,
        means,
    }
}

/// The same, changed.
fn but(input: Input, change: impl FnOnce(&mut What, &mut Relation, &mut Mono, &mut Standing)) -> Input {
    match input {
        Input::Stored { id, to, mut what, mut from, mut until, mut standing, means } => {
            change(&mut what, &mut from, &mut until, &mut standing);
            Input::Stored { id, to, what, from, until, standing, means }
        }
        other => other,
    }
}

fn text(id: u64, from: Relation, means: Means) -> Input {
    but(call(id, means), |what, relation, _, _| {
        *what = What::Text;
        *relation = from;
    })
}

/// A machine and its clock.
struct Bench {
    wake: Wake,
    now: u64,
}

impl Bench {
    fn new() -> Bench {
        Bench { wake: Wake::new(WakeConfig::default()), now: 0 }
    }

    fn drain(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.wake.poll_effect()).collect()
    }

    fn feed(&mut self, input: Input) -> Vec<Effect> {
        self.wake.handle(input, Mono(self.now));
        self.drain()
    }

    /// Runs every deadline up to and with `at`.
    fn until(&mut self, at: u64) -> Vec<Effect> {
        let mut seen = Vec::new();
        while let Some(due) = self.wake.poll_timeout().filter(|due| due.0 <= at) {
            self.now = self.now.max(due.0);
            self.wake.handle_timeout(Mono(self.now));
            seen.extend(self.drain());
        }
        self.now = at;
        seen
    }

    fn outcome(&mut self, ticket: Ticket, outcome: RungOutcome) -> Vec<Effect> {
        self.feed(Input::Outcome { ticket, outcome })
    }
}

fn rungs(effects: &[Effect]) -> Vec<Rung> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Send { rung, .. } = effect { Some(*rung) } else { None })
        .collect()
}

fn ticket(effects: &[Effect], wanted: Rung) -> Ticket {
    effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Send { ticket, rung, .. } if *rung == wanted => Some(*ticket),
            _ => None,
        })
        .unwrap()
}

fn views(effects: &[Effect]) -> Vec<View> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Tell { view, .. } = effect { Some(*view) } else { None })
        .collect()
}

fn delivers(effects: &[Effect]) -> bool {
    effects.contains(&Effect::Deliver { number: bob() })
}

#[test]
fn a_phone_that_is_there_is_brought_what_waits_and_nothing_wakes_it() {
    let mut bench = Bench::new();
    let seen = bench.feed(but(call(1, means()), |_, _, _, standing| *standing = Standing::Online));
    assert_eq!(seen, [Effect::Deliver { number: bob() }]);
    assert_eq!(bench.wake.poll_timeout(), None);
}

#[test]
fn a_call_is_pushed_at_once_and_each_rung_begins_before_the_budget_of_the_one_before_ends() {
    let mut bench = Bench::new();
    let seen = bench.feed(call(1, means()));
    assert_eq!((rungs(&seen), views(&seen)), (vec![Rung::Push], vec![View::Waking]));
    assert_eq!(rungs(&bench.until(1_499)), []);
    assert_eq!(rungs(&bench.until(1_500)), [Rung::Activation], "half of the push's three seconds");
    assert_eq!(rungs(&bench.until(4_499)), [], "no SMS while the network tries");
    assert_eq!(rungs(&bench.until(4_500)), [Rung::SmsWake]);
    assert_eq!(rungs(&bench.until(5_999)), []);
    assert_eq!(rungs(&bench.until(6_000)), [Rung::CarrierRing]);
    assert_eq!(views(&bench.until(9_999)), []);
    let end = bench.until(10_000);
    assert_eq!(views(&end), [View::Unreachable(Unreachable::NotActivated(ActivationFault::Silent))]);
    assert_eq!(rungs(&end), [Rung::HintSms]);
    assert_eq!(bench.wake.poll_timeout(), None);
}

#[test]
fn the_first_return_takes_back_everything_else_and_late_outcomes_do_nothing() {
    let mut bench = Bench::new();
    let first = bench.feed(call(1, means()));
    let second = bench.until(2_000);
    bench.now = 2_800;
    let seen = bench.feed(Input::Returned { number: bob(), by: Some(Rung::Push) });
    assert!(delivers(&seen));
    for (ticket, rung) in
        [(ticket(&first, Rung::Push), Rung::Push), (ticket(&second, Rung::Activation), Rung::Activation)]
    {
        assert!(seen.contains(&Effect::Withdraw { ticket, rung }));
    }
    let late = bench.outcome(ticket(&second, Rung::Activation), RungOutcome::NotActivated(ActivationFault::Refused));
    assert_eq!(late, []);
    assert_eq!(bench.feed(Input::Returned { number: bob(), by: None }), []);
    assert_eq!(bench.until(100_000), []);
}

#[test]
fn accepted_is_never_awake() {
    let mut bench = Bench::new();
    let seen = bench.feed(call(1, Means { tokens: vec![TokenId(7)], ..nothing() }));
    assert_eq!(bench.outcome(ticket(&seen, Rung::Push), RungOutcome::Accepted), []);
    assert_eq!(views(&bench.until(2_999)), []);
    assert_eq!(views(&bench.until(3_000)), [View::Unreachable(Unreachable::NoAnswer)]);
}

#[test]
fn a_token_that_is_gone_is_forgotten_and_the_next_rung_begins_at_once_however_late_it_is_said() {
    let mut bench = Bench::new();
    let seen = bench.feed(call(1, means()));
    let gone = bench.outcome(ticket(&seen, Rung::Push), RungOutcome::Gone);
    assert!(gone.contains(&Effect::ForgetToken { number: bob(), token: TokenId(7) }));
    assert_eq!(rungs(&gone), [Rung::Activation]);

    let mut bench = Bench::new();
    let seen = bench.feed(call(1, means()));
    bench.feed(Input::Returned { number: bob(), by: None });
    let late = bench.outcome(ticket(&seen, Rung::Push), RungOutcome::Gone);
    assert_eq!(late, [Effect::ForgetToken { number: bob(), token: TokenId(7) }]);
    assert_eq!(bench.outcome(ticket(&seen, Rung::Push), RungOutcome::Gone), [], "once");
}

#[test]
fn every_refusal_passes_on_to_the_next_rung_and_only_a_gone_token_is_forgotten() {
    for outcome in [RungOutcome::Throttled(Duration::from_secs(9)), RungOutcome::Temporary, RungOutcome::Permanent] {
        let mut bench = Bench::new();
        let seen = bench.feed(call(1, means()));
        let next = bench.outcome(ticket(&seen, Rung::Push), outcome);
        assert_eq!(rungs(&next), [Rung::Activation], "{outcome:?}");
        assert_eq!(next.len(), 1, "{outcome:?}");
    }
}

#[test]
fn all_tokens_are_tried_and_one_that_stands_keeps_the_rung() {
    let mut bench = Bench::new();
    let seen = bench.feed(call(1, Means { tokens: (0..9).map(TokenId).collect(), ..means() }));
    assert_eq!(rungs(&seen), [Rung::Push; 4], "bounded");
    let tickets: Vec<Ticket> =
        seen.iter().filter_map(|e| if let Effect::Send { ticket, .. } = e { Some(*ticket) } else { None }).collect();
    for ticket in &tickets[..3] {
        assert_eq!(rungs(&bench.outcome(*ticket, RungOutcome::Permanent)), []);
    }
    assert_eq!(rungs(&bench.outcome(tickets[3], RungOutcome::Permanent)), [Rung::Activation]);
}

#[test]
fn a_failed_activation_is_a_path_of_its_own() {
    let mut bench = Bench::new();
    let seen = bench.feed(text(1, Relation::Contact, Means { activation: true, hint: true, ..nothing() }));
    let fault = RungOutcome::NotActivated(ActivationFault::NotReachable);
    let failed = bench.outcome(ticket(&seen, Rung::Activation), fault);
    assert_eq!(views(&failed), [View::Unreachable(Unreachable::NotActivated(ActivationFault::NotReachable))]);
    assert_eq!(rungs(&failed), [Rung::HintSms]);
    bench.now = 1_000_000;
    assert_eq!(bench.feed(Input::Attached { number: bob() }), [Effect::Datagram { number: bob() }], "tried again");
    bench.feed(Input::Returned { number: bob(), by: None });
    assert_eq!(bench.feed(Input::Attached { number: bob() }), [], "nothing is owed any more");
}

#[test]
fn an_attach_gets_a_datagram_and_its_acknowledgement_ends_the_ladder() {
    let mut bench = Bench::new();
    let seen = bench.feed(call(1, Means { tokens: vec![], ..means() }));
    assert_eq!(rungs(&seen), [Rung::Activation]);
    bench.until(1_000);
    assert_eq!(bench.feed(Input::Attached { number: bob() }), [Effect::Datagram { number: bob() }]);
    let late = bench.outcome(ticket(&seen, Rung::Activation), RungOutcome::NotActivated(ActivationFault::NotReachable));
    assert_eq!(late, [], "an attach proves it, whatever the network's side says");
    bench.now = 2_999;
    assert!(delivers(&bench.feed(Input::Acknowledged { number: bob() })));
}

#[test]
fn an_attach_whose_datagram_nobody_answers_goes_on_to_the_sms_when_its_time_is_over() {
    let mut bench = Bench::new();
    bench.feed(call(1, Means { tokens: vec![], ..means() }));
    bench.until(1_000);
    bench.feed(Input::Attached { number: bob() });
    assert_eq!(rungs(&bench.until(2_999)), []);
    assert_eq!(rungs(&bench.until(3_000)), [Rung::SmsWake]);
}

#[test]
fn a_phone_the_network_knows_an_address_of_gets_a_datagram_before_any_rung() {
    let mut bench = Bench::new();
    let seen = bench.feed(but(call(1, means()), |_, _, _, standing| *standing = Standing::Attached));
    assert!(seen.contains(&Effect::Datagram { number: bob() }));
    assert_eq!(rungs(&seen), []);
    assert_eq!(rungs(&bench.until(999)), []);
    assert_eq!(rungs(&bench.until(1_000)), [Rung::Push]);
}

#[test]
fn without_a_network_to_ask_the_sms_follows_the_push() {
    let mut bench = Bench::new();
    bench.feed(call(1, Means { activation: false, ..means() }));
    assert_eq!(rungs(&bench.until(2_000)), [Rung::SmsWake]);
}

#[test]
fn a_number_nothing_wakes_is_unreachable_at_once_and_says_so() {
    let mut bench = Bench::new();
    let seen = bench.feed(call(1, nothing()));
    assert_eq!(views(&seen), [View::Waking, View::Unreachable(Unreachable::NoMeans)]);
}

#[test]
fn the_expiry_of_a_call_ends_it_and_of_its_wake_only_when_nothing_else_waits() {
    let mut bench = Bench::new();
    bench.feed(but(call(1, means()), |_, _, until, _| *until = Mono(1_400)));
    bench.feed(call(2, means()));
    assert_eq!(views(&bench.until(1_399)), []);
    assert_eq!(views(&bench.until(1_400)), [View::Unreachable(Unreachable::NoAnswer)]);
    assert_eq!(rungs(&bench.until(2_000)), [Rung::Activation], "the other still waits");
    let seen = bench.feed(Input::Ended { id: WakeId(2) });
    assert!(seen.iter().all(|effect| matches!(effect, Effect::Withdraw { .. })), "{seen:?}");
    assert_eq!(bench.until(60_000), []);
    let over = bench.feed(but(call(3, means()), |_, _, until, _| *until = Mono(60_000)));
    assert_eq!(over, [Effect::Tell { id: WakeId(3), view: View::Unreachable(Unreachable::NoAnswer) }]);
}

#[test]
fn what_is_stored_twice_wakes_once_and_a_second_thing_joins_the_first() {
    let mut bench = Bench::new();
    bench.feed(call(1, means()));
    assert_eq!(bench.feed(call(1, means())), []);
    assert_eq!(bench.feed(call(2, means())), [Effect::Tell { id: WakeId(2), view: View::Waking }]);
    assert_eq!(bench.wake.underway(), 1);
}

#[test]
fn a_call_does_not_wait_at_a_texts_pace() {
    let mut bench = Bench::new();
    let slow = bench.feed(text(1, Relation::Contact, means()));
    bench.until(10_000);
    let seen = bench.feed(call(2, means()));
    assert!(seen.contains(&Effect::Withdraw { ticket: ticket(&slow, Rung::Push), rung: Rung::Push }));
    assert_eq!(rungs(&seen), [Rung::Push]);
    assert_eq!(rungs(&bench.until(12_000)), [Rung::Activation]);
}

#[test]
fn a_ringing_phone_is_told_to_the_caller_and_has_returned() {
    let mut bench = Bench::new();
    bench.feed(call(1, means()));
    let seen = bench.feed(Input::Rings { id: WakeId(1) });
    assert_eq!(views(&seen), [View::Ringing]);
    assert!(delivers(&seen));
    assert_eq!(bench.feed(Input::Rings { id: WakeId(1) }), []);
}

#[test]
fn strangers_are_told_nothing_and_the_seventh_in_an_hour_wakes_nobody() {
    let mut bench = Bench::new();
    for id in 0..6 {
        let seen = bench.feed(text(id, Relation::Stranger, means()));
        assert_eq!((rungs(&seen), views(&seen)), (vec![Rung::Push], vec![]));
        bench.feed(Input::Returned { number: bob(), by: None });
        bench.now += 1_000;
    }
    let held = |id| [Effect::Held { id: WakeId(id), why: Held::Budget }];
    assert_eq!(bench.feed(text(6, Relation::Stranger, means())), held(6));
    assert_eq!(rungs(&bench.feed(call(100, means()))), [Rung::Push], "a contact's call has room");
    bench.feed(Input::Returned { number: bob(), by: None });
    bench.now = 3_599_999;
    assert_eq!(bench.feed(text(7, Relation::Stranger, means())), held(7));
    bench.now = 3_600_000;
    assert_eq!(rungs(&bench.feed(text(8, Relation::Stranger, means()))), [Rung::Push]);
}

#[test]
fn a_stranger_has_no_hint_sent_and_a_contact_one_in_an_hour() {
    let mut bench = Bench::new();
    let only_hint = Means { hint: true, ..nothing() };
    assert_eq!(rungs(&bench.feed(text(1, Relation::Stranger, only_hint.clone()))), []);
    assert_eq!(rungs(&bench.feed(text(2, Relation::Contact, only_hint.clone()))), [Rung::HintSms]);
    assert_eq!(rungs(&bench.feed(text(3, Relation::Contact, only_hint))), []);
}

#[test]
fn a_rung_learned_to_be_fast_is_waited_for_that_long_and_no_longer() {
    let mut bench = Bench::new();
    for id in 0..8 {
        bench.feed(call(id, means()));
        bench.now += 800;
        bench.feed(Input::Returned { number: bob(), by: Some(Rung::Push) });
    }
    let past = bench.wake.past(KIND, Rung::Push).unwrap();
    assert_eq!(past, Past { success_permille: 1_000, p95: Some(Duration::from_millis(800)) });
    let at = bench.now;
    bench.feed(call(100, means()));
    assert_eq!(rungs(&bench.until(at + 799)), []);
    assert_eq!(rungs(&bench.until(at + 800)), [Rung::Activation]);
}

#[test]
fn a_full_machine_holds_texts_back_and_makes_room_for_a_contacts_call() {
    let config = WakeConfig { ladders_max: 2, ..WakeConfig::default() };
    let mut bench = Bench { wake: Wake::new(config), now: 0 };
    let to = |input: Input, who| match input {
        Input::Stored { id, what, from, until, standing, means, .. } => {
            Input::Stored { id, to: number(who), what, from, until, standing, means }
        }
        other => other,
    };
    bench.feed(to(text(1, Relation::Contact, means()), 1));
    bench.feed(to(call(2, means()), 2));
    let held = |id| Effect::Held { id: WakeId(id), why: Held::Full };
    assert_eq!(bench.feed(to(text(3, Relation::Contact, means()), 3)), [held(3)]);
    let seen = bench.feed(to(call(4, means()), 4));
    assert!(seen.contains(&held(1)), "the text gave way");
    assert_eq!(rungs(&seen), [Rung::Push]);
    assert_eq!(bench.feed(to(call(5, means()), 5)), [held(5)], "calls of contacts give way to none");
    assert_eq!(bench.wake.underway(), 2);
}

/// A phone that one rung alone brings back.
fn comes_back_by(surviving: Rung) -> (Vec<Effect>, u64) {
    let mut bench = Bench::new();
    let mut seen = bench.feed(call(1, means()));
    loop {
        if rungs(&seen).contains(&surviving) {
            let at = bench.now + 800;
            seen.extend(bench.until(at));
            if surviving == Rung::Activation {
                seen.extend(bench.feed(Input::Attached { number: bob() }));
                seen.extend(bench.feed(Input::Acknowledged { number: bob() }));
            }
            seen.extend(bench.feed(Input::Returned { number: bob(), by: Some(surviving) }));
            return (seen, at);
        }
        let Some(due) = bench.wake.poll_timeout() else { return (seen, bench.now) };
        seen.extend(bench.until(due.0));
    }
}

#[test]
fn phones_with_one_surviving_rung_each_come_back_once_and_one_without_is_named_unreachable() {
    for (surviving, at) in
        [(Rung::Push, 800), (Rung::Activation, 2_300), (Rung::SmsWake, 5_300), (Rung::CarrierRing, 6_800)]
    {
        let (seen, back_at) = comes_back_by(surviving);
        let delivered = seen.iter().filter(|effect| matches!(effect, Effect::Deliver { .. })).count();
        assert_eq!((delivered, back_at), (1, at), "{surviving:?}");
        assert_eq!(views(&seen), [View::Waking], "{surviving:?}");
    }
    let (seen, at) = comes_back_by_nothing();
    let why = View::Unreachable(Unreachable::NotActivated(ActivationFault::Silent));
    assert_eq!((views(&seen), at), (vec![View::Waking, why], 10_000));
}

fn comes_back_by_nothing() -> (Vec<Effect>, u64) {
    let mut bench = Bench::new();
    let mut seen = bench.feed(call(1, means()));
    seen.extend(bench.until(9_999));
    assert_eq!(views(&seen), [View::Waking]);
    seen.extend(bench.until(10_000));
    (seen, bench.now)
}

#[test]
fn sms_wakes_without_a_contacts_call_are_capped_and_with_one_they_are_not() {
    let mut bench = Bench::new();
    let by_sms = || Means { sms_wake: true, ..nothing() };
    for id in 0..12 {
        assert_eq!(rungs(&bench.feed(text(id, Relation::Contact, by_sms()))), [Rung::SmsWake]);
        bench.feed(Input::Returned { number: bob(), by: None });
    }
    assert_eq!(rungs(&bench.feed(text(50, Relation::Contact, by_sms()))), []);
    assert_eq!(rungs(&bench.feed(call(51, by_sms()))), [Rung::SmsWake]);
}

/// 1,000 senders for 24 simulated hours against one phone, which comes back 1.2 s after a push. One contact among them calls.
#[test]
fn a_thousand_senders_wake_a_phone_six_times_an_hour_and_a_contacts_call_gets_through() {
    const HOUR: u64 = 3_600_000;
    let mut bench = Bench::new();
    let mut random = SplitMix64(5);
    let (mut id, mut wakes, mut contact_calls, mut returns_at) = (0, Vec::new(), 0, None);
    let mut next_call = HOUR / 3;
    while bench.now < 24 * HOUR {
        // On average one thing a second, which is a text or a call of any of them.
        bench.until(bench.now + random.below(2_000));
        if returns_at.is_some_and(|at| at <= bench.now) {
            returns_at = None;
            bench.feed(Input::Returned { number: bob(), by: Some(Rung::Push) });
        }
        id += 1;
        let from_contact = bench.now >= next_call;
        let input = if from_contact {
            next_call += HOUR / 3;
            call(id, means())
        } else {
            let is_call = random.below(2) == 0;
            but(text(id, Relation::Stranger, means()), |what, _, _, _| {
                *what = if is_call { What::Call } else { What::Text }
            })
        };
        let asleep = bench.wake.underway() == 0;
        let seen = bench.feed(input);
        let pushed = rungs(&seen).contains(&Rung::Push);
        if from_contact {
            contact_calls += 1;
            assert!(pushed || !asleep, "a contact's call wakes, or joins a wake under way");
            let asked_at = bench.now;
            bench.until(asked_at + 1_200);
            let woken = bench.feed(Input::Returned { number: bob(), by: Some(Rung::Push) });
            assert!(delivers(&woken) && bench.now - asked_at <= 5_000);
            returns_at = None;
        } else if pushed {
            wakes.push(bench.now);
            returns_at = Some(bench.now + 1_200);
        }
    }
    let wakes_over_cap = wakes.windows(7).filter(|seven| seven[6] - seven[0] < HOUR).count();
    assert_eq!(wakes_over_cap, 0);
    assert!(id > 50_000 && contact_calls >= 70, "{id} things, {contact_calls} calls");
    assert!((140..=144 + 6).contains(&wakes.len()), "{} wakes", wakes.len());
}

/// A step of a random history.
#[derive(Clone, Debug)]
enum Move {
    Stored { id: u64, to: u64, call: bool, contact: bool, standing: u8, means: u8, life: u64 },
    Outcome { back: u64, outcome: u8 },
    Attached(u64),
    Acknowledged(u64),
    Returned(u64),
    Rings(u64),
    Ended(u64),
    Pass(u64),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => (0..40_u64, 0..4_u64, any::<bool>(), any::<bool>(), 0..3_u8, any::<u8>(), 0..60_000_u64).prop_map(
            |(id, to, call, contact, standing, means, life)| Move::Stored { id, to, call, contact, standing, means, life }
        ),
        4 => (0..6_u64, 0..6_u8).prop_map(|(back, outcome)| Move::Outcome { back, outcome }),
        1 => (0..4_u64).prop_map(Move::Attached),
        1 => (0..4_u64).prop_map(Move::Acknowledged),
        1 => (0..4_u64).prop_map(Move::Returned),
        1 => (0..40_u64).prop_map(Move::Rings),
        1 => (0..40_u64).prop_map(Move::Ended),
        4 => (0..9_000_u64).prop_map(Move::Pass),
    ]
}

fn input_of(step: &Move, now: u64, last_ticket: u64) -> Option<Input> {
    let bit = |means: u8, at: u8| means >> at & 1 == 1;
    Some(match *step {
        Move::Stored { id, to, call, contact, standing, means, life } => Input::Stored {
            id: WakeId(id),
            to: number(to),
            what: if call { What::Call } else { What::Text },
            from: if contact { Relation::Contact } else { Relation::Stranger },
            until: Mono(now + life),
            standing: [Standing::Online, Standing::Attached, Standing::Offline][usize::from(standing)],
            means: Means {
                kind: KIND,
                tokens: (0..u64::from(means & 3)).map(TokenId).collect(),
                activation: bit(means, 2),
                sms_wake: bit(means, 3),
                carrier_ring: bit(means, 4),
                hint: bit(means, 5),
            },
        },
        Move::Outcome { back, outcome } => Input::Outcome {
            ticket: Ticket(last_ticket.saturating_sub(back)),
            outcome: [
                RungOutcome::Accepted,
                RungOutcome::Gone,
                RungOutcome::Throttled(Duration::from_secs(1)),
                RungOutcome::Temporary,
                RungOutcome::Permanent,
                RungOutcome::NotActivated(ActivationFault::Network),
            ][usize::from(outcome)],
        },
        Move::Attached(who) => Input::Attached { number: number(who) },
        Move::Acknowledged(who) => Input::Acknowledged { number: number(who) },
        Move::Returned(who) => Input::Returned { number: number(who), by: None },
        Move::Rings(id) => Input::Rings { id: WakeId(id) },
        Move::Ended(id) => Input::Ended { id: WakeId(id) },
        Move::Pass(_) => return None,
    })
}

/// What is on order, checked with every effect.
#[derive(Default)]
struct Orders {
    open: BTreeMap<Ticket, (Msisdn, Rung)>,
    last: u64,
}

impl Orders {
    fn saw(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Send { ticket, number, rung, .. } => {
                    assert!(ticket.0 > self.last, "no ticket twice");
                    self.last = ticket.0;
                    let network_tries = self.open.values().any(|open| *open == (*number, Rung::Activation));
                    assert!(!(*rung == Rung::SmsWake && network_tries), "an SMS while the network tries");
                    if *rung != Rung::HintSms {
                        self.open.insert(*ticket, (*number, *rung));
                    }
                }
                Effect::Withdraw { ticket, .. } => {
                    self.open.remove(ticket);
                }
                Effect::Deliver { number } => {
                    assert!(self.open.values().all(|(of, _)| of != number), "awake, and still being woken");
                }
                Effect::Datagram { .. } | Effect::ForgetToken { .. } | Effect::Tell { .. } | Effect::Held { .. } => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_happens_every_ladder_ends_and_nothing_is_left_on_order(steps in prop::collection::vec(moves(), 1..120)) {
        let mut bench = Bench::new();
        let mut orders = Orders::default();
        for step in &steps {
            let now = bench.now;
            let seen = match (step, input_of(step, now, orders.last)) {
                (_, Some(input)) => bench.feed(input),
                (Move::Pass(ms), None) => bench.until(now + ms),
                (_, None) => unreachable!(),
            };
            if let Move::Outcome { back, outcome } = step && *outcome != 0 {
                orders.open.remove(&Ticket(orders.last.saturating_sub(*back)));
            }
            orders.saw(&seen);
            prop_assert!(bench.wake.poll_timeout().is_none_or(|at| at.0 > bench.now), "nothing due is left undone");
        }
        let end = bench.now + 700_000;
        let seen = bench.until(end);
        orders.saw(&seen);
        prop_assert_eq!(bench.wake.underway(), 0);
        prop_assert_eq!(bench.wake.poll_timeout(), None);
        prop_assert!(orders.open.is_empty(), "left on order: {:?}", orders.open.values());
        bench.wake.assert_empty();
    }

    #[test]
    fn the_same_history_gives_the_same_effects(steps in prop::collection::vec(moves(), 1..60)) {
        let run = || {
            let mut bench = Bench::new();
            let mut seen = Vec::new();
            for step in &steps {
                let now = bench.now;
                seen.extend(match (step, input_of(step, now, 3)) {
                    (_, Some(input)) => bench.feed(input),
                    (Move::Pass(ms), None) => bench.until(now + ms),
                    (_, None) => unreachable!(),
                });
            }
            seen
        };
        prop_assert_eq!(run(), run());
    }
}
