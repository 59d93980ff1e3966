//! `lab`: the demo, scenarios, and the phones and server they are made of.

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use tandem_lab::real::lines::PhoneSpec;

#[derive(Parser)]
#[command(name = "lab", about = "Mock phones, a mock carrier and shaped links around the real core and server")]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Two phones, every flow of dialing and texting over data, on real speech and real sockets.
    Demo {
        /// Ends with one JSON object on the last line.
        #[arg(long)]
        json: bool,
        /// Where the WAVs, the diagram and the events go.
        #[arg(long, default_value = "out/demo")]
        out: PathBuf,
        /// Drops everything on the caller's link once the phones are marked: the demo must then fail.
        #[arg(long)]
        drop_everything: bool,
    },
    /// Plays a scenario.
    Run {
        /// The scenario (TOML).
        file: PathBuf,
        /// Seed of the links and, in virtual time, of everything.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Real processes and sockets, or virtual time.
        #[arg(long, value_enum, default_value_t = Clock::Real)]
        clock: Clock,
        /// Ends with one JSON object on the last line.
        #[arg(long)]
        json: bool,
        /// Where the WAVs, the diagram, JUnit and the events go.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Kills the server and the phones under load, `kill -9`, and counts what was lost, doubled or out of order.
    KillLoop {
        /// How many kills.
        #[arg(long, default_value_t = 50)]
        kills: u32,
        /// Seed of when and whom.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Ends with one JSON object on the last line.
        #[arg(long)]
        json: bool,
        /// Where the databases go.
        #[arg(long, default_value = "out/kill-loop")]
        out: PathBuf,
    },
    /// One mock phone, driven by lines on standard input. Started by the lab itself.
    #[command(hide = true)]
    Phone {
        /// What it is (JSON).
        #[arg(long)]
        spec: String,
    },
    /// The server's key holder. Started by the server itself.
    #[command(hide = true)]
    Keyd(tandem_server::keyd::KeydArguments),
    /// The server, until standard input closes. Started by the lab itself.
    #[command(hide = true)]
    Server {
        /// Its configuration.
        #[arg(long)]
        config: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Clock {
    Virtual,
    Real,
}

fn main() -> ExitCode {
    let result = match Args::parse().what {
        What::Demo { json, out, drop_everything } => tandem_lab::demo::demo(&out, json, drop_everything),
        What::Run { file, seed, clock, json, out } => {
            let clock = match clock {
                Clock::Virtual => tandem_lab::scenario::Clock::Virtual,
                Clock::Real => tandem_lab::scenario::Clock::Real,
            };
            tandem_lab::demo::run_file(&file, seed, clock, json, out)
        }
        What::KillLoop { kills, seed, json, out } => tandem_lab::kill_loop::kill_loop(kills, seed, json, &out),
        What::Phone { spec } => serde_json::from_str::<PhoneSpec>(&spec)
            .map_err(|e| e.to_string())
            .and_then(tandem_lab::real::phone::run)
            .map(|()| true),
        What::Keyd(arguments) => return tandem_server::keyd::main(&arguments),
        What::Server { config } => tandem_lab::real::server::serve(&config).map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::from(2)
        }
    }
}
