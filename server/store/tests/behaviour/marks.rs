//! Marks as phones get them.

use crate::rig::{Phone, Rig, number, sealing_key, seconds, tokens};
use tandem_logic::{Input, Unseen};
use tandem_model::{Mark, MarkGeneration, MarkState, Msisdn, Ticket};
use tandem_server_store::conformance::bench::{KEY, pair_under};
use tandem_wire::frame::{Marks, TokensSync};
use tandem_wire::{ClientFrame, RefuseReason, ServerFrame};

fn pages(rig: &mut Rig, phone: Phone) -> Vec<Marks> {
    let marks = |frame| match frame {
        ServerFrame::Marks(marks) => Some(marks),
        _ => None,
    };
    rig.take(phone.conn).into_iter().filter_map(marks).collect()
}

fn marked(marks: &[Mark]) -> Vec<Msisdn> {
    marks.iter().filter(|mark| matches!(mark.state, MarkState::Marked { .. })).map(|mark| mark.number).collect()
}

#[test]
fn the_first_to_hold_a_number_learns_of_the_mark_when_the_other_side_follows() {
    let mut rig = Rig::new();
    let (a, b) = (rig.phone(1), rig.phone(2));
    rig.take(a.conn);
    rig.take(b.conn);
    let ticket = rig.contacts(a, &[2], &[]);
    assert_eq!(rig.take(a.conn), vec![ServerFrame::Done { ticket }], "and nothing else");
    let ticket = rig.contacts(b, &[1], &[]);
    let frames = rig.take(b.conn);
    assert_eq!(frames.first(), Some(&ServerFrame::Done { ticket }), "the answer first, and what follows unasked");
    assert!(
        matches!(&frames[1], ServerFrame::Marks(marks) if marks.ticket == Ticket(0) && marked(&marks.marks) == [number(1)])
    );
    let pushed = pages(&mut rig, a);
    assert_eq!((pushed[0].ticket, marked(&pushed[0].marks)), (Ticket(0), vec![number(2)]));
}

#[test]
fn a_phone_that_comes_back_gets_only_what_changed_since_it_was_here() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    rig.send(a.conn, ClientFrame::MarksAsk { ticket: Ticket(5), since: MarkGeneration(0) });
    let known = pages(&mut rig, a)[0].generation;
    rig.send(a.conn, ClientFrame::MarksAsk { ticket: Ticket(6), since: known });
    let nothing = pages(&mut rig, a);
    assert!(nothing[0].marks.is_empty() && nothing[0].ticket == Ticket(6), "a question is always answered");
    rig.contacts(b, &[], &[1]);
    let pushed = pages(&mut rig, a);
    assert_eq!(pushed[0].marks.len(), 1);
    assert_eq!((pushed[0].marks[0].number, &pushed[0].marks[0].state), (number(2), &MarkState::Unmarked));
}

#[test]
fn unregistering_and_a_new_key_are_pushed_to_whoever_sees_the_mark() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    let ticket = rig.ticket();
    rig.send(b.conn, ClientFrame::PublishSealingKey { ticket, key: sealing_key(2, 2) });
    assert!(rig.take(b.conn).contains(&ServerFrame::Done { ticket }));
    let pushed = pages(&mut rig, a);
    assert!(matches!(&pushed[0].marks[0].state, MarkState::Marked { sealing_key: k, .. } if *k == sealing_key(2, 2)));
    rig.pass(seconds(60));
    rig.register(2, 9);
    assert!(matches!(pages(&mut rig, a)[0].marks[0].state, MarkState::Unmarked));
}

#[test]
fn a_sealing_key_that_its_device_did_not_sign_is_refused() {
    let mut rig = Rig::new();
    let a = rig.phone(1);
    rig.take(a.conn);
    let ticket = rig.ticket();
    rig.send(a.conn, ClientFrame::PublishSealingKey { ticket, key: sealing_key(2, 2) });
    let frames = rig.take(a.conn);
    assert!(matches!(frames.as_slice(), [ServerFrame::Refused { reason: RefuseReason::BadSignature, .. }]));
}

#[test]
fn nothing_at_all_is_sent_when_a_stranger_in_the_contacts_registers() {
    let mut rig = Rig::new();
    let a = rig.phone(1);
    rig.contacts(a, &[2], &[]);
    rig.take(a.conn);
    rig.phone(2);
    rig.pass(seconds(60));
    assert_eq!(rig.take(a.conn), vec![]);
}

#[test]
fn many_marks_come_in_pages_and_only_the_last_one_moves_the_generation() {
    let mut rig = Rig::new();
    let config = tandem_logic::config::RegistrationConfig {
        per_source: tandem_logic::config::Allowance { limit: 10_000, window: seconds(60) },
        per_prefix: tandem_logic::config::Allowance { limit: 10_000, window: seconds(60) },
        ..Default::default()
    };
    rig.restart(tandem_logic::Config { registration: config, ..Default::default() });
    let a = rig.phone(1);
    let all: Vec<u64> = (1_000..1_501).collect();
    for page in all.chunks(500) {
        rig.contacts(a, page, &[]);
    }
    for n in &all {
        let seed = u8::try_from(n % 200).unwrap() + 20;
        let epoch = rig.register(*n, seed);
        let phone = rig.connect(*n, seed, epoch);
        rig.contacts(phone, &[1], &[]);
    }
    rig.take(a.conn);
    rig.send(a.conn, ClientFrame::MarksAsk { ticket: Ticket(5), since: MarkGeneration(0) });
    let answer = pages(&mut rig, a);
    assert_eq!(
        answer.iter().map(|page| (page.marks.len(), page.more)).collect::<Vec<_>>(),
        vec![(500, true), (1, false)]
    );
    assert_eq!(answer[0].generation, MarkGeneration(0));
    assert!(answer[1].generation > MarkGeneration(500));
}

#[test]
fn a_full_sync_ends_with_its_last_page() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    let ticket = rig.ticket();
    let first = TokensSync { replace: true, added: vec![pair_under(KEY, 1, 3)], ..tokens(ticket) };
    rig.send(a.conn, ClientFrame::TokensSync(first));
    assert_eq!(rig.take(b.conn), vec![], "not yet");
    let ticket = rig.ticket();
    rig.send(a.conn, ClientFrame::TokensSync(TokensSync { last: true, ..tokens(ticket) }));
    assert!(matches!(pages(&mut rig, b)[0].marks[0].state, MarkState::Unmarked));
}

#[test]
fn a_phone_that_is_known_to_be_away_reads_not_seen_lately_at_once_unless_it_is_connected() {
    let mut rig = Rig::new();
    let (a, b) = rig.friends();
    let away = Input::Unseen { number: number(1), why: Unseen::Detached };
    rig.handle(away.clone());
    assert_eq!(rig.take(b.conn), vec![], "it is here, whatever the access network says");
    rig.handle(Input::SessionClosed { conn: a.conn });
    rig.pass(seconds(60));
    let now = rig.now.server;
    rig.handle(away.clone());
    let pushed = pages(&mut rig, b);
    assert!(matches!(pushed[0].marks[0].state, MarkState::Marked { lease_until, .. } if lease_until == now));
    rig.handle(away);
    assert_eq!(rig.take(b.conn), vec![], "once");
    rig.connect(1, 1, a.epoch);
    rig.pass(seconds(30));
    rig.send(b.conn, ClientFrame::MarksAsk { ticket: Ticket(5), since: MarkGeneration(0) });
    let asked = pages(&mut rig, b);
    assert!(matches!(asked[0].marks[0].state, MarkState::Marked { lease_until, .. } if lease_until > now));
}
