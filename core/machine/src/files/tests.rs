//! A phone and its files, with the other phone and the disk played by hand.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks one kind out of many")]

use super::{CHUNK, FileFailure, FileFrom, FileInput, FileOrder, FileState, chunk_context, offer_context};
use crate::bench::toy_number;
use crate::config::Config;
use crate::direct::{DirectConn, DirectInput, DirectOrder, KEYING};
use crate::effect::{Effect, Event, Refusal, Reply};
use crate::input::{Command, Input};
use crate::rig::{LINE, Rig, RigVault, events, registered_store, reply_to, rig_seal, sim};
use tandem_model::vault::KeyHandle;
use tandem_model::{Secret, Vault};
use tandem_wire::frame::{DirectFrame, FileChunk, FileEnd, FileId};

const CONN: DirectConn = DirectConn(1);
const SIZE: u64 = 100_000;

/// Phone 1, to whom phone 2 has connected.
fn connected() -> Rig {
    let mut rig = alone();
    rig.feed(Input::Direct(DirectInput::Came { conn: CONN, keying: [7; KEYING] }));
    let frame = DirectFrame::Hello(crate::direct::greeting_of_phone_2(&[7; KEYING]));
    rig.feed(Input::Direct(DirectInput::Frame { conn: CONN, frame }));
    rig
}

fn alone() -> Rig {
    let config = Config { direct: true, ..Config::default() };
    let mut rig = Rig::boot_with(config, registered_store(&[2]), 8).0;
    rig.sims(vec![sim(LINE, Some(toy_number(1)), "262011234567890")]);
    rig.connect();
    rig.feed(Input::Direct(DirectInput::Listening { port: Some(4_433) }));
    rig
}

fn disk(effects: &[Effect]) -> Vec<FileOrder> {
    let file = |effect: &Effect| if let Effect::File(order) = effect { Some(order.clone()) } else { None };
    effects.iter().filter_map(file).collect()
}

fn said(effects: &[Effect]) -> Vec<DirectFrame> {
    let said = |effect: &Effect| match effect {
        Effect::Direct(DirectOrder::Send { frame, .. }) => Some(frame.clone()),
        _ => None,
    };
    effects.iter().filter_map(said).collect()
}

fn states(effects: &[Effect]) -> Vec<FileState> {
    let state = |event| if let Event::File(view) = event { Some(view.state) } else { None };
    events(effects).into_iter().filter_map(state).collect()
}

fn hears(rig: &mut Rig, frame: DirectFrame) -> Vec<Effect> {
    rig.feed(Input::Direct(DirectInput::Frame { conn: CONN, frame }))
}

fn send(rig: &mut Rig) -> (FileId, Vec<Effect>) {
    let (path, name) = (Secret::new("/photos/1".to_owned()), "photo.jpg".to_owned());
    let (ticket, effects) = rig.command(Command::SendFile { to: toy_number(2), line: None, path, name });
    let Some(Ok(Reply::File(id))) = reply_to(ticket, &effects) else { panic!("{effects:?}") };
    (id, effects)
}

fn measured(rig: &mut Rig, id: FileId) -> Vec<Effect> {
    rig.feed(Input::File(FileInput::Measured { id, found: Some((SIZE, [9; 32])) }))
}

/// Reads everything that was ordered and gives what was sent.
fn reads(rig: &mut Rig, effects: &[Effect]) -> Vec<FileChunk> {
    let mut chunks = Vec::new();
    for order in disk(effects) {
        let FileOrder::Read { id, offset, length, .. } = order else { continue };
        let bytes = Some(Secret::new(vec![1; length as usize]));
        for frame in said(&rig.feed(Input::File(FileInput::Read { id, offset, bytes }))) {
            if let DirectFrame::FileChunk(chunk) = frame {
                chunks.push(chunk);
            }
        }
    }
    chunks
}

#[test]
fn a_file_is_offered_sent_from_where_it_is_wanted_and_over_when_its_receiver_says_so() {
    let mut rig = connected();
    let (id, effects) = send(&mut rig);
    assert!(matches!(&disk(&effects)[..], [FileOrder::Measure { .. }]));
    let effects = measured(&mut rig, id);
    let [DirectFrame::FileOffer { id: offered, sealed }] = &said(&effects)[..] else { panic!("{effects:?}") };
    assert_eq!(*offered, id);
    let context = offer_context(toy_number(1), toy_number(2), id);
    let plain = RigVault { next: 0 }.open(KeyHandle(2), &context, sealed).unwrap();
    assert_eq!((&plain[..8], &plain[40..]), (&SIZE.to_be_bytes()[..], &b"photo.jpg"[..]));
    let effects = hears(&mut rig, DirectFrame::FileWanted { id, from: 40_000 });
    assert_eq!(states(&effects), vec![FileState::Sending { sent: 40_000, size: SIZE }]);
    let chunks = reads(&mut rig, &effects);
    assert_eq!(chunks.iter().map(|chunk| chunk.offset).collect::<Vec<_>>(), vec![40_000, 40_000 + CHUNK as u64]);
    let effects = hears(&mut rig, DirectFrame::FileOver { id, end: FileEnd::Arrived });
    assert_eq!(states(&effects), vec![FileState::Arrived]);
    assert!(states(&hears(&mut rig, DirectFrame::FileOver { id, end: FileEnd::Arrived })).is_empty(), "once");
}

#[test]
fn a_break_offers_it_again_under_its_id_once_there_is_a_way() {
    let mut rig = connected();
    let (id, _) = send(&mut rig);
    measured(&mut rig, id);
    hears(&mut rig, DirectFrame::FileWanted { id, from: 0 });
    let effects = rig.feed(Input::Direct(DirectInput::Closed { conn: CONN }));
    assert_eq!(states(&effects), vec![FileState::Waiting]);
    let conn = DirectConn(3);
    rig.feed(Input::Direct(DirectInput::Came { conn, keying: [7; KEYING] }));
    let frame = DirectFrame::Hello(crate::direct::greeting_of_phone_2(&[7; KEYING]));
    let effects = rig.feed(Input::Direct(DirectInput::Frame { conn, frame }));
    assert!(said(&effects).iter().any(|frame| matches!(frame, DirectFrame::FileOffer { id: same, .. } if *same == id)));
}

#[test]
fn what_finds_no_way_in_its_time_fails_by_name() {
    let mut rig = alone();
    let (id, _) = send(&mut rig);
    measured(&mut rig, id);
    assert!(!states(&rig.pass_online(599_000)).contains(&FileState::Failed(FileFailure::NoWay)));
    assert!(states(&rig.pass_online(1_100)).contains(&FileState::Failed(FileFailure::NoWay)));
}

#[test]
fn what_cannot_be_read_is_refused_or_whom_nobody_sees() {
    let mut rig = connected();
    let (id, _) = send(&mut rig);
    let effects = rig.feed(Input::File(FileInput::Measured { id, found: None }));
    assert_eq!(states(&effects), vec![FileState::Failed(FileFailure::Unreadable)]);
    let (path, name) = (Secret::new("/photos/1".to_owned()), "photo.jpg".to_owned());
    let (ticket, effects) = rig.command(Command::SendFile { to: toy_number(5), line: None, path, name });
    assert_eq!(reply_to(ticket, &effects), Some(Err(Refusal::NotReachable)));
}

fn offered(rig: &mut Rig, id: FileId, size: u64) -> Vec<Effect> {
    let mut plain = size.to_be_bytes().to_vec();
    plain.extend_from_slice(&[9; 32]);
    plain.extend_from_slice(b"../photo.jpg");
    let sealed = rig_seal(1, &offer_context(toy_number(2), toy_number(1), id), &plain);
    hears(rig, DirectFrame::FileOffer { id, sealed })
}

fn chunk(id: FileId, offset: u64, length: usize) -> DirectFrame {
    let sealed = rig_seal(1, &chunk_context(toy_number(2), toy_number(1), id, offset), &vec![1; length]);
    DirectFrame::FileChunk(FileChunk { id, offset, sealed })
}

const ID: FileId = FileId([3; 16]);

fn from() -> FileFrom {
    FileFrom { line: LINE, number: toy_number(2), id: ID }
}

#[test]
fn a_file_is_taken_in_order_told_once_and_over_as_often_as_it_is_offered() {
    let mut rig = connected();
    let effects = offered(&mut rig, ID, SIZE);
    assert!(matches!(&disk(&effects)[..], [FileOrder::Begin { size: SIZE, .. }]));
    let effects = rig.feed(Input::File(FileInput::Begun { from: from(), held: Some(10) }));
    assert_eq!(said(&effects), vec![DirectFrame::FileWanted { id: ID, from: 10 }], "on from what is held");
    assert!(disk(&hears(&mut rig, chunk(ID, 0, 10))).is_empty(), "not what is next");
    assert_eq!(disk(&hears(&mut rig, chunk(ID, 10, 100))).len(), 1);
    assert!(disk(&hears(&mut rig, chunk(ID, 10, 100))).is_empty(), "once");
    assert!(disk(&hears(&mut rig, chunk(ID, 110, SIZE as usize))).is_empty(), "longer than was offered");
    let effects = rig.feed(Input::File(FileInput::Written { from: from(), held: 110 }));
    assert_eq!(said(&effects), vec![DirectFrame::FileWanted { id: ID, from: 110 }]);
    let path = Secret::new("/files/1".to_owned());
    let effects = rig.feed(Input::File(FileInput::Arrived { from: from(), path: path.clone(), fresh: true }));
    assert_eq!(said(&effects), vec![DirectFrame::FileOver { id: ID, end: FileEnd::Arrived }]);
    assert!(matches!(&events(&effects)[..], [Event::FileArrived(file)] if file.size == SIZE));
    offered(&mut rig, ID, SIZE);
    let effects = rig.feed(Input::File(FileInput::Arrived { from: from(), path, fresh: false }));
    assert_eq!(said(&effects), vec![DirectFrame::FileOver { id: ID, end: FileEnd::Arrived }]);
    assert!(events(&effects).is_empty(), "the app knows it");
}

#[test]
fn what_is_too_long_or_too_many_is_refused() {
    let mut rig = connected();
    let refused = vec![DirectFrame::FileOver { id: ID, end: FileEnd::Refused }];
    assert_eq!(said(&offered(&mut rig, ID, 64 * 1024 * 1024 + 1)), refused);
    for n in 10..18 {
        assert!(said(&offered(&mut rig, FileId([n; 16]), SIZE)).is_empty());
    }
    assert_eq!(said(&offered(&mut rig, ID, SIZE)), refused, "one too many");
}

#[test]
fn a_lost_connection_lets_go_of_what_came_on_it() {
    let mut rig = connected();
    offered(&mut rig, ID, SIZE);
    let effects = rig.feed(Input::Direct(DirectInput::Closed { conn: CONN }));
    assert_eq!(disk(&effects), vec![FileOrder::LetGo { from: from() }]);
    let before = rig.device.late_results();
    rig.feed(Input::File(FileInput::Written { from: from(), held: 5 }));
    assert_eq!(rig.device.late_results(), before + 1, "nobody waits for it");
}
