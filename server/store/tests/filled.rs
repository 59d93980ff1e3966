//! A filled database answers as an empty one does. `FILLED_OWNERS=10000000 cargo test --release -p tandem-server-store --test
//! filled -- --nocapture` says what a page of tokens takes on it.

#![expect(clippy::panic, reason = "a test's helpers stop it as it stops itself")]

use std::time::Instant;
use tandem_logic::matching::SyncTokens;
use tandem_model::random::SplitMix64;
use tandem_model::{MarkToken, Msisdn, Random as _};
use tandem_server_store::conformance::bench::{self, Bench, START, days, later, register, set_keys, tell, tokens};
use tandem_server_store::sqlite::Filler;
use tandem_server_store::{SqliteConfig, SqliteStore, Store};

struct File(SqliteStore);

impl Bench for File {
    fn store(&mut self) -> &mut dyn Store {
        &mut self.0
    }

    fn power_cut(&mut self) {
        panic!("not in these tests");
    }
}

#[expect(clippy::disallowed_methods, reason = "what is printed is a time, and nothing is judged by it")]
#[test]
fn a_page_of_tokens_is_taken_among_many_owners() {
    let owners = std::env::var("FILLED_OWNERS").map_or(2_000, |count| count.parse().unwrap());
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let config = SqliteConfig::new(dir.path().join("server.db"));
    set_keys(&mut File(SqliteStore::open(&config).unwrap()), &[bench::KEY.0]);
    let began = Instant::now();
    let first = Msisdn::try_from(491_700_000_000_u64).unwrap();
    let filler = Filler { owners, tokens_each: 4, first, lease_until: later(days(30)) };
    SqliteStore::fill(&config, &filler).unwrap();
    println!("{owners} owners filled in {:.1} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    let mut file = File(SqliteStore::open(&config).unwrap());
    println!("opened in {:.1} s", began.elapsed().as_secs_f64());
    let (a, b) = (register(&mut file, START, 1, 1), register(&mut file, START, 2, 2));
    let mut random = SplitMix64(7);
    for round in 0..10 {
        let mut page: Vec<MarkToken> = (0..1_000)
            .map(|_| {
                let mut token = [0; 16];
                random.fill(&mut token);
                MarkToken::of_pair(token)
            })
            .collect();
        page.sort_unstable();
        let began = Instant::now();
        let outcome = tell(&mut file, SyncTokens { contacts_max: 100_000, added: page, ..tokens(a, &[], &[]) });
        println!("page {round}: {:.1} ms, {outcome:?}", began.elapsed().as_secs_f64() * 1e3);
    }
    let began = Instant::now();
    bench::sync(&mut file, SyncTokens { contacts_max: 100_000, ..tokens(a, &[2], &[]) });
    println!("an edit: {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    assert_eq!(bench::sync(&mut file, tokens(b, &[1], &[])), vec![a.number, b.number]);
}
