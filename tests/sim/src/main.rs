//! `sim`: runs seeds, prints device-days a minute and every failing seed.

use clap::Parser;
use std::process::ExitCode;
use std::time::Instant;
use tandem_sim::orders::search;
use tandem_sim::run::{Setup, run};
use tandem_sim::tally::Tally;

#[derive(Parser)]
#[command(name = "sim", about = "Phones, server and carrier in virtual time, from a seed")]
struct Args {
    /// Which seeds, such as 0..2000 (the end is left out).
    #[arg(long, value_parser = range, required_unless_present_any = ["orders", "crawler"])]
    seeds: Option<std::ops::Range<u64>>,
    /// Instead, so many random histories of an access network, each heard by the resolver in a random order.
    #[arg(long, conflicts_with = "seeds")]
    orders: Option<u64>,
    /// Instead, accounts that want to know which numbers are registered: 100 of them, for 30 days.
    #[arg(long, conflicts_with_all = ["seeds", "orders"])]
    crawler: bool,
    /// Print every input and effect of each seed.
    #[arg(long)]
    trace: bool,
    /// Ends with one JSON object on the last line.
    #[arg(long)]
    json: bool,
}

fn range(text: &str) -> Result<std::ops::Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("two numbers with .. between them")?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|e| e.to_string());
    Ok(number(from)?..number(to)?)
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(histories) = args.orders {
        return orders(histories, args.json);
    }
    if args.crawler {
        return crawler(args.json);
    }
    let seeds = args.seeds.unwrap_or_default();
    let began = Instant::now();
    let mut tally = Tally::default();
    let (mut days, mut acts, mut inputs, mut failing) = (0.0, 0, 0, Vec::new());
    for seed in seeds.clone() {
        let outcome = run(Setup { trace: args.trace, ..Setup::seed(seed) });
        if let Some(trace) = &outcome.trace {
            print!("{trace}");
        }
        tally.absorb(&Tally::of(&outcome.history));
        days += outcome.device_days;
        acts += outcome.acts;
        inputs += outcome.inputs;
        for violation in &outcome.violations {
            println!("seed {seed}: {}: {}", violation.promise, violation.what);
        }
        if !outcome.violations.is_empty() {
            failing.push(seed);
        }
    }
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let rate = days / minutes;
    println!(
        "{} seeds, {days:.0} device-days, {:.0} acts and {:.0} machine inputs a device-day, {rate:.0} device-days a minute on one core",
        seeds.end.saturating_sub(seeds.start),
        acts as f64 / days,
        inputs as f64 / days,
    );
    for line in tally.lines() {
        println!("{line}");
    }
    println!("failing seeds: {failing:?}");
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "seeds": seeds.end.saturating_sub(seeds.start), "device_days": days, "acts_per_device_day": acts as f64 / days,
                "device_days_per_minute": rate, "made_of": tally.json(), "failing": failing,
            })
        );
    }
    if failing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// 10^6 numbers tried where each must hold the other's, as many as the budgets give where holding is enough.
fn crawler(json: bool) -> ExitCode {
    let (checks, crawls) = match tandem_sim::crawler::checks(100, 30, 10_000) {
        Ok(done) => done,
        Err(why) => {
            println!("the crawl did not come about: {why}");
            return ExitCode::FAILURE;
        }
    };
    for (name, crawled) in ["reciprocal", "registered", "dead limiter"].iter().zip(&crawls) {
        let tandem_sim::crawler::Crawled { probes, evaluated, budget, learned } = crawled;
        println!("{name}: {probes} tried, {evaluated} of {budget} evaluated, {learned} learned");
    }
    let ok = checks.iter().all(|check| check["ok"] == true);
    if json {
        println!("{}", serde_json::json!({ "checks": checks }));
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Half of the histories keep to the simple, the others have gateways that restart and addresses that change.
fn orders(histories: u64, json: bool) -> ExitCode {
    let plain = search(0..histories / 2, false, false);
    let wild = search(histories / 2..histories, true, true);
    let (answers, wrong) = (plain.answers + wild.answers, plain.wrong + wild.wrong + plain.shared + wild.shared);
    let withheld = plain.withheld + wild.withheld;
    println!("{histories} orders, {answers} answers, {withheld} withheld, {wrong} wrong");
    if json {
        let check =
            serde_json::json!({"name": "wrong_bindings", "value": wrong, "op": "==", "target": 0, "ok": wrong == 0});
        println!(
            "{}",
            serde_json::json!({"orders": histories, "answers": answers, "withheld": withheld, "checks": [check]})
        );
    }
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
