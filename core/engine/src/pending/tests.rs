use super::*;
use tandem_machine::input::Mode;
use tandem_model::Secret;
use tokio::sync::oneshot::Receiver;

const CALL: CallId = CallId([1; 16]);

fn dial() -> Dial {
    Dial { line: None, digits: Secret::new("0151".to_owned()) }
}

fn call() -> Wish {
    Wish::Call(dial(), Mode::Data)
}

fn choice() -> Wish {
    Wish::Choice(PromptId(7), dial())
}

fn new(pending: &Pending, wish: Wish) -> (Ticket, Receiver<Answer>) {
    match pending.begin(wish, Mono(10)) {
        Begun::New(ticket, answered) => (ticket, answered),
        Begun::Joined(_) => panic!("joined another"),
        Begun::Refused => panic!("refused"),
    }
}

fn joined(pending: &Pending, wish: Wish) -> Receiver<Answer> {
    match pending.begin(wish, Mono(10)) {
        Begun::Joined(answered) => answered,
        Begun::New(..) => panic!("a wish of its own"),
        Begun::Refused => panic!("refused"),
    }
}

/// Dials past the machine as told; the host takes every call, or none.
fn act(pending: &Pending, past: Past, ok: bool) -> usize {
    past.told.send();
    let dialed = past.dials.len();
    for (id, _) in past.dials {
        pending.dialed(id, ok).send();
    }
    dialed
}

fn break_down(pending: &Pending) -> usize {
    let (past, _) = pending.break_down();
    act(pending, past, true)
}

#[test]
fn an_answer_goes_to_its_command_once() {
    let pending = Pending::default();
    let (ticket, mut answered) = new(&pending, Wish::None);
    let _late = pending.answer(Ticket(99), Ok(Reply::Done));
    let _late = pending.answer(ticket, Ok(Reply::Done));
    let _late = pending.answer(ticket, Err(Refusal::Stale));
    assert_eq!(answered.try_recv().unwrap(), Ok(Reply::Done));
}

#[test]
fn a_command_gives_up_at_its_deadline_and_not_before() {
    let pending = Pending::default();
    let (_, mut answered) = new(&pending, Wish::None);
    assert_eq!(pending.next_give_up(), Some(Mono(10)));
    assert_eq!(act(&pending, pending.expire(Mono(9)), true), 0);
    assert!(answered.try_recv().is_err());
    assert_eq!(act(&pending, pending.expire(Mono(10)), true), 0);
    assert_eq!(answered.try_recv().unwrap(), Err(CommandError::NoAnswer));
    assert_eq!(pending.next_give_up(), None);
}

#[test]
fn a_call_that_waited_too_long_is_dialed_past_the_machine_which_does_not_take_it_in_any_more() {
    let pending = Pending::default();
    let (ticket, mut answered) = new(&pending, call());
    assert_eq!(act(&pending, pending.expire(Mono(9)), true), 0);
    assert_eq!(act(&pending, pending.expire(Mono(10)), true), 1);
    assert_eq!(answered.try_recv().unwrap(), Ok(Reply::CarrierDialed));
    assert_eq!(pending.hand_over(Some(ticket), None, dial()), None, "nor dial, were it at it already");
    assert!(!pending.is_wanted(ticket));
    assert!(pending.is_wanted(ticket), "remembered no longer than it takes to come by");
}

#[test]
fn a_call_is_undecided_until_it_is_decided_whether_or_not_its_host_still_waits() {
    let undecided = |still: bool| {
        let pending = Pending::default();
        let (ticket, answered) = new(&pending, call());
        drop(answered);
        let _late = pending.answer(ticket, Ok(Reply::Call(CALL)));
        pending.keep(|call| still && call == CALL, |_| false);
        let (past, to_carrier) = pending.break_down();
        (act(&pending, past, true), to_carrier.contains(&CALL))
    };
    assert_eq!(undecided(true), (1, true));
    assert_eq!(undecided(false), (0, false));
}

#[test]
fn too_many_commands_are_refused_and_none_is_forgotten() {
    let pending = Pending::default();
    let waiting: Vec<_> = (0..COMMANDS_MAX).map(|_| new(&pending, Wish::None).1).collect();
    assert!(matches!(pending.begin(Wish::None, Mono(1)), Begun::Refused));
    assert!(matches!(pending.begin(call(), Mono(1)), Begun::Refused));
    pending.end().send();
    for mut answered in waiting {
        assert_eq!(answered.try_recv().unwrap(), Err(CommandError::Stopped));
    }
    assert!(matches!(pending.begin(Wish::None, Mono(1)), Begun::Refused), "nobody is there to answer");
}

#[test]
fn two_taps_on_one_call_are_one_command_and_one_answer() {
    let pending = Pending::default();
    let (ticket, mut first) = new(&pending, call());
    let mut second = joined(&pending, call());
    let _late = pending.answer(ticket, Ok(Reply::Call(CALL)));
    assert_eq!(first.try_recv().unwrap(), Ok(Reply::Call(CALL)));
    assert_eq!(second.try_recv().unwrap(), Ok(Reply::Call(CALL)));
    // The first is answered: whoever asks now asks anew.
    drop(new(&pending, call()));
}

#[test]
fn another_sim_other_digits_or_another_way_is_another_wish() {
    let pending = Pending::default();
    let _first = new(&pending, call());
    let other_line = Dial { line: Some(tandem_model::Line(1)), ..dial() };
    let other_digits = Dial { digits: Secret::new("0152".to_owned()), ..dial() };
    let _others = [
        new(&pending, Wish::Call(other_line, Mode::Data)),
        new(&pending, Wish::Call(other_digits, Mode::Data)),
        new(&pending, Wish::Call(dial(), Mode::Carrier)),
    ];
    assert_eq!(break_down(&pending), 3, "of which two are the same call without a machine");
}

#[test]
fn two_taps_while_the_machine_goes_are_dialed_once_and_both_are_answered() {
    let pending = Pending::default();
    let (_, mut first) = new(&pending, call());
    let mut second = joined(&pending, call());
    let (past, _) = pending.break_down();
    past.told.send();
    let [(id, _)] = past.dials[..] else { panic!("once") };
    // A third one comes while the carrier is being dialed, a fourth when it was.
    let (asker, mut third) = oneshot::channel();
    assert_eq!(act(&pending, pending.past(&call(), asker), true), 0);
    pending.dialed(id, true).send();
    for answered in [&mut first, &mut second, &mut third] {
        assert_eq!(answered.try_recv().unwrap(), Ok(Reply::CarrierDialed));
    }
    let (asker, _fourth) = oneshot::channel();
    assert_eq!(act(&pending, pending.past(&call(), asker), true), 1, "a wish of its own");
}

#[test]
fn a_wish_the_machine_has_served_is_not_dialed_again_whenever_it_breaks() {
    for taken_before in [true, false] {
        let pending = Pending::default();
        let (ticket, mut answered) = new(&pending, call());
        let id = pending.hand_over(Some(ticket), None, dial()).unwrap();
        if taken_before {
            pending.dialed(id, true).send();
        }
        assert!(answered.try_recv().is_err(), "the machine has the word");
        assert_eq!(break_down(&pending), 0);
        if !taken_before {
            assert!(answered.try_recv().is_err(), "not before the host took it");
            pending.dialed(id, true).send();
        }
        assert_eq!(answered.try_recv().unwrap(), Ok(Reply::CarrierDialed));
    }
}

#[test]
fn a_call_the_host_did_not_take_serves_nobody() {
    // Refused before the machine broke: dialed past it.
    let pending = Pending::default();
    let (ticket, mut answered) = new(&pending, call());
    let id = pending.hand_over(Some(ticket), None, dial()).unwrap();
    pending.dialed(id, false).send();
    assert_eq!(break_down(&pending), 1);
    assert_eq!(answered.try_recv().unwrap(), Ok(Reply::CarrierDialed));
    // Refused after it: the host dials by itself.
    let pending = Pending::default();
    let (ticket, mut answered) = new(&pending, call());
    let id = pending.hand_over(Some(ticket), None, dial()).unwrap();
    assert_eq!(break_down(&pending), 0);
    pending.dialed(id, false).send();
    assert_eq!(answered.try_recv().unwrap(), Err(CommandError::Stopped));
}

#[test]
fn an_undecided_call_that_went_to_the_carrier_is_not_dialed_again() {
    let pending = Pending::default();
    let (ticket, _answered) = new(&pending, call());
    let _late = pending.answer(ticket, Ok(Reply::Call(CALL)));
    pending.keep(|_| true, |_| true);
    let id = pending.hand_over(None, Some(CALL), dial()).unwrap();
    let (past, to_carrier) = pending.break_down();
    assert_eq!(act(&pending, past, true), 0);
    assert!(to_carrier.contains(&CALL), "and it is shown as one that went there");
    pending.dialed(id, true).send();
}

#[test]
fn an_undecided_call_and_another_tap_on_it_are_dialed_once() {
    let pending = Pending::default();
    let (ticket, _answered) = new(&pending, call());
    let _late = pending.answer(ticket, Ok(Reply::Call(CALL)));
    let (_, mut again) = new(&pending, call());
    assert_eq!(break_down(&pending), 1);
    assert_eq!(again.try_recv().unwrap(), Ok(Reply::CarrierDialed));
}

#[test]
fn after_it_was_given_up_a_machine_dials_nothing() {
    let pending = Pending::default();
    let (ticket, _answered) = new(&pending, call());
    assert_eq!(break_down(&pending), 1);
    assert_eq!(pending.hand_over(Some(ticket), None, dial()), None);
    assert_eq!(pending.hand_over(None, Some(CALL), dial()), None);
}

#[test]
fn a_host_that_dials_past_the_machine_serves_whoever_waits_for_the_same_at_it() {
    let pending = Pending::default();
    let (ticket, mut waiting) = new(&pending, call());
    let (asker, mut past) = oneshot::channel();
    assert_eq!(act(&pending, pending.past(&Wish::Call(dial(), Mode::Carrier), asker), true), 1);
    assert_eq!(past.try_recv().unwrap(), Ok(Reply::CarrierDialed));
    assert_eq!(waiting.try_recv().unwrap(), Ok(Reply::CarrierDialed));
    assert!(!pending.is_wanted(ticket));
}

#[test]
fn a_question_is_dialed_once_however_often_it_is_answered_and_again_when_that_failed() {
    let pending = Pending::default();
    let (_, mut first) = new(&pending, choice());
    let mut second = joined(&pending, choice());
    let (past, _) = pending.break_down();
    assert_eq!(act(&pending, past, false), 1);
    for answered in [&mut first, &mut second] {
        assert_eq!(answered.try_recv().unwrap(), Err(CommandError::Stopped));
    }
    for dials in [1, 0, 0] {
        let (asker, mut answered) = oneshot::channel();
        assert_eq!(act(&pending, pending.past(&choice(), asker), true), dials);
        assert_eq!(answered.try_recv().unwrap(), Ok(Reply::CarrierDialed));
    }
}

#[test]
fn a_question_the_machine_dialed_for_is_answered_although_it_broke_before_it_could_close_it() {
    let pending = Pending::default();
    let (ticket, mut answered) = new(&pending, choice());
    let id = pending.hand_over(Some(ticket), Some(CALL), dial()).unwrap();
    pending.dialed(id, true).send();
    assert_eq!(break_down(&pending), 0);
    assert_eq!(answered.try_recv().unwrap(), Ok(Reply::CarrierDialed));
    let (asker, mut again) = oneshot::channel();
    assert_eq!(act(&pending, pending.past(&choice(), asker), true), 0);
    assert_eq!(again.try_recv().unwrap(), Ok(Reply::CarrierDialed));
}

#[test]
fn which_number_to_call_leads_to_a_call_for_as_long_as_the_question_is_open() {
    let pending = Pending::default();
    let (ticket, _answered) = new(&pending, call());
    let _late = pending.answer(ticket, Ok(Reply::Asking(PromptId(7))));
    pending.keep(|_| true, |prompt| prompt == PromptId(7));
    assert_eq!(pending.chosen_to_call(PromptId(7), "0151".to_owned()), Some(dial()));
    assert_eq!(pending.chosen_to_call(PromptId(8), "0151".to_owned()), None, "a text's question, say");
    pending.keep(|_| true, |_| false);
    assert_eq!(pending.chosen_to_call(PromptId(7), "0151".to_owned()), None);
}

#[test]
fn a_command_there_was_no_room_for_is_refused_and_a_call_is_dialed() {
    let pending = Pending::default();
    let (ticket, mut answered) = new(&pending, Wish::None);
    assert_eq!(act(&pending, pending.unsaid(ticket), true), 0);
    assert_eq!(answered.try_recv().unwrap(), Err(CommandError::Full));
    let (ticket, mut answered) = new(&pending, call());
    assert_eq!(act(&pending, pending.unsaid(ticket), true), 1);
    assert_eq!(answered.try_recv().unwrap(), Ok(Reply::CarrierDialed));
}

#[test]
fn a_call_that_was_hung_up_is_not_dialed_when_the_machine_goes() {
    let pending = Pending::default();
    let (ticket, _answered) = new(&pending, call());
    let _late = pending.answer(ticket, Ok(Reply::Call(CALL)));
    pending.hung_up(CallId([2; 16]));
    pending.hung_up(CALL);
    assert_eq!(break_down(&pending), 0);
}

#[test]
fn a_call_that_is_decided_on_is_not_dialed_again_when_the_host_dialed_the_same_past_the_machine() {
    for other in [false, true] {
        let pending = Pending::default();
        let (ticket, _answered) = new(&pending, call());
        let _late = pending.answer(ticket, Ok(Reply::Call(CALL)));
        let digits = Secret::new(if other { "0152" } else { "0151" }.to_owned());
        let past = Wish::Call(Dial { line: None, digits }, Mode::Carrier);
        let (asker, _dialed) = oneshot::channel();
        assert_eq!(act(&pending, pending.past(&past, asker), true), 1);
        assert_eq!(break_down(&pending), usize::from(other), "another number: {other}");
    }
}

#[test]
fn what_the_machine_began_in_the_step_in_which_it_was_overtaken_is_taken_back() {
    for (began, unwanted) in [
        (Ok(Reply::Call(CALL)), Some(Unwanted::Call(CALL))),
        (Ok(Reply::Asking(PromptId(7))), Some(Unwanted::Question(PromptId(7)))),
        (Ok(Reply::CarrierDialed), None),
        (Err(Refusal::Stale), None),
    ] {
        let pending = Pending::default();
        let (ticket, mut answered) = new(&pending, call());
        assert!(pending.is_wanted(ticket), "the step begins");
        let (asker, mut overtaken) = oneshot::channel();
        assert_eq!(act(&pending, pending.past(&Wish::Call(dial(), Mode::Carrier), asker), true), 1);
        assert_eq!(answered.try_recv().unwrap(), Ok(Reply::CarrierDialed));
        assert_eq!(overtaken.try_recv().unwrap(), Ok(Reply::CarrierDialed));
        assert_eq!(pending.answer(ticket, began), unwanted);
        assert_eq!(pending.answer(ticket, Ok(Reply::Call(CALL))), None, "once");
        assert_eq!(break_down(&pending), 0, "nothing is left to be dialed");
    }
}

#[test]
fn an_answer_in_time_is_wanted() {
    let pending = Pending::default();
    let (ticket, _answered) = new(&pending, call());
    assert_eq!(pending.answer(ticket, Ok(Reply::Call(CALL))), None);
}
