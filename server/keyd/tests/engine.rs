//! Keys, a ledger in a file and a connection, together.

#![expect(clippy::unwrap_used, reason = "a test's helpers stop it as it stops itself")]

use std::sync::Arc;
use tandem_crypto::SeededRandom;
use tandem_crypto::oprf::{blind, pair_token};
use tandem_keyd::{Answer, Engine, KeyFile, Limits, Link, Question, SqliteLedger, serve};
use tandem_model::{MarkKeyId, Msisdn, ServerMillis};
use tokio::sync::mpsc;

const NOON: ServerMillis = ServerMillis(20_000 * 86_400_000 + 43_200_000);

fn number(n: u64) -> Msisdn {
    Msisdn::try_from(491_510_000_000 + n).unwrap()
}

fn start(dir: &std::path::Path, keys: &KeyFile, limits: Limits) -> Arc<Engine> {
    let ledger = SqliteLedger::open(&dir.join("budgets.db"), true).unwrap();
    let mut seed = 0;
    Engine::start(
        keys.keyring().unwrap(),
        Box::new(ledger),
        limits,
        2,
        || NOON,
        move || {
            seed += 1;
            Box::new(SeededRandom::from_seed([seed; 32]))
        },
    )
    .unwrap()
}

fn connect(engine: &Arc<Engine>) -> (Link, mpsc::Receiver<Vec<tandem_keyd::LiveKey>>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(serve(theirs, Arc::clone(engine)));
    let (pushed, told) = mpsc::channel(4);
    (Link::new(ours, pushed), told)
}

async fn ask(link: &mut Link, question: Question) -> Answer {
    link.ask(question).unwrap().await.unwrap()
}

#[tokio::test]
async fn a_phone_and_the_holder_come_to_the_same_pair_and_budgets_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let keys = KeyFile::make(dir.path(), [1; 32], [2; 32], 500).unwrap();
    let limits = Limits { evaluations_a_day: 5, ..Limits::default() };
    let key = MarkKeyId(500);
    let mut random = SeededRandom::from_seed([9; 32]);
    {
        let engine = start(dir.path(), &keys, limits);
        let (mut link, _told) = connect(&engine);
        let Answer::Keys(live) = ask(&mut link, Question::Keys).await else { panic!("no keys") };
        let (job, blinded) = blind(&[number(1), number(2), number(3)], &mut random).unwrap();
        let asked = Question::Evaluate { account: number(1), key, blinded };
        let Answer::Evaluated { evaluated, proof } = ask(&mut link, asked).await else { panic!("not evaluated") };
        let known = job.finish(&live[0].public, &evaluated, &proof).unwrap();
        let tokens = vec![pair_token(&known[0], &known[2]), pair_token(&known[1], &known[0])];
        let check = Question::Check { account: number(1), a: number(1), b: number(2), tokens };
        assert_eq!(ask(&mut link, check).await, Answer::Checked(Some(1)));
    }
    let engine = start(dir.path(), &keys, limits);
    let (mut link, _told) = connect(&engine);
    let (_, blinded) = blind(&[number(4), number(5), number(6)], &mut random).unwrap();
    let asked = Question::Evaluate { account: number(1), key, blinded };
    assert!(matches!(ask(&mut link, asked).await, Answer::Spent { .. }));
}

#[tokio::test]
async fn many_questions_are_open_at_once_and_other_keys_are_told_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let mut keys = KeyFile::make(dir.path(), [1; 32], [2; 32], 500).unwrap();
    let engine = start(dir.path(), &keys, Limits::default());
    let (mut link, mut told) = connect(&engine);
    let open: Vec<_> = (0..200).map(|n| link.ask(Question::OpenTokens { number: number(n) }).unwrap()).collect();
    for answer in open {
        assert!(matches!(answer.await.unwrap(), Answer::OpenTokens(tokens) if tokens.len() == 1));
    }
    keys.add([3; 32], 500).unwrap();
    engine.set_keyring(keys.keyring().unwrap());
    let live = told.recv().await.unwrap();
    assert_eq!(live.iter().map(|key| key.id.0).collect::<Vec<_>>(), vec![500, 501]);
}

#[tokio::test]
async fn a_file_of_budgets_that_is_taken_away_answers_nothing_and_one_that_is_missing_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let keys = KeyFile::make(dir.path(), [1; 32], [2; 32], 500).unwrap();
    let engine = start(dir.path(), &keys, Limits::default());
    let (mut link, _told) = connect(&engine);
    assert!(matches!(ask(&mut link, Question::OpenTokens { number: number(1) }).await, Answer::OpenTokens(_)));
    std::fs::remove_file(dir.path().join("budgets.db")).unwrap();
    assert_eq!(ask(&mut link, Question::OpenTokens { number: number(1) }).await, Answer::Failed);
    let lost = SqliteLedger::open(&dir.path().join("budgets.db"), false).unwrap_err();
    assert!(lost.to_string().contains("--new-budgets"));
    std::fs::write(dir.path().join("budgets.db"), b"Dear diary, this is no database at all.").unwrap();
    assert!(SqliteLedger::open(&dir.path().join("budgets.db"), true).is_err());
}

#[tokio::test]
async fn what_is_no_frame_ends_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let keys = KeyFile::make(dir.path(), [1; 32], [2; 32], 500).unwrap();
    let engine = start(dir.path(), &keys, Limits::default());
    for junk in [&[0xFF, 0xFF, 0xFF, 0xFF, 1][..], &[0, 0, 0, 2, 9, 9]] {
        let (mut ours, theirs) = tokio::io::duplex(1 << 10);
        let serving = tokio::spawn(serve(theirs, Arc::clone(&engine)));
        tokio::io::AsyncWriteExt::write_all(&mut ours, junk).await.unwrap();
        assert!(serving.await.unwrap().is_err());
    }
}
