//! Prints what matching costs: `cargo run --release -p tandem-crypto --example oprf_cost`.

#![allow(clippy::unwrap_used, clippy::allow_attributes, reason = "a figure is printed or nothing is")]

use std::time::{Duration, Instant};
use tandem_crypto::SeededRandom;
use tandem_crypto::oprf::{Evaluator, blind, open_token, pair_token};
use tandem_model::{Msisdn, Secret};

const NUMBERS: u64 = 1_000;
const PAGE: usize = 500;
const RUNS: usize = 9;

fn main() {
    let holder = Evaluator::from_secret(&Secret::new([7; 32])).unwrap();
    let key = holder.public_key();
    let numbers: Vec<Msisdn> = (0..NUMBERS).map(|n| Msisdn::try_from(4_915_100_000_000 + n).unwrap()).collect();
    let mut random = SeededRandom::from_seed([1; 32]);
    let mut times: [Vec<Duration>; 5] = Default::default();
    for _ in 0..RUNS {
        let (mut blinding, mut evaluating, mut finishing) = Default::default();
        let mut pseudonyms = Vec::new();
        for page in numbers.chunks(PAGE) {
            let (job, blinded) = timed(&mut blinding, || blind(page, &mut random).unwrap());
            let (evaluated, proof) = timed(&mut evaluating, || holder.evaluate(&blinded, &mut random).unwrap());
            pseudonyms.extend(timed(&mut finishing, || job.finish(&key, &evaluated, &proof).unwrap()));
        }
        let (mut telling, mut checking) = Default::default();
        let mine = holder.pseudonym(Msisdn::try_from(4_915_999_999_999).unwrap()).unwrap();
        timed(&mut telling, || pseudonyms.iter().map(|x| (pair_token(&mine, x), open_token(x))).collect::<Vec<_>>());
        timed(&mut checking, || {
            numbers.iter().map(|number| pair_token(&mine, &holder.pseudonym(*number).unwrap())).collect::<Vec<_>>()
        });
        for (all, time) in times.iter_mut().zip([blinding, evaluating, finishing, telling, checking]) {
            all.push(time);
        }
    }
    for (what, times) in ["blind", "evaluate", "finish", "tokens", "check"].iter().zip(&mut times) {
        times.sort_unstable();
        let ms = |time: &Duration| time.as_secs_f64() * 1e3;
        let (min, median, max) = (times.first(), times.get(RUNS / 2), times.last());
        let [min, median, max] = [min, median, max].map(|time| time.map_or(0.0, ms));
        println!("{what:9} {NUMBERS} numbers: median {median:.1} ms, from {min:.1} to {max:.1}");
    }
}

fn timed<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    *sum += began.elapsed();
    done
}
