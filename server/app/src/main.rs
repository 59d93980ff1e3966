//! The `tandem-server` command.

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tandem_server::config::ConfigError;
use tandem_server::keyd::{self, KeydArguments};
use tandem_server::{Config, StartError, logging, preflight};
use tokio::signal::unix::{SignalKind, signal};

/// The companion server of Tandem: registration by SMS, marks, calls, texts, STUN and TURN.
#[derive(Debug, Parser)]
#[command(name = "tandem-server", version)]
struct Arguments {
    /// The configuration, a TOML file; without it, the embedded default, which serves this machine only.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints every key with its default and meaning, and ends.
    #[arg(long)]
    print_config: bool,
    /// Checks the configuration and opens what can be opened, says what is wrong, and ends with 0 or 1.
    #[arg(long)]
    check: bool,
    /// Makes a new server.key beside a database whose key is lost, and ends: open registration attempts end, and IMSI
    /// tokens no longer match.
    #[arg(long, conflicts_with = "check")]
    make_key: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Holds the keys that phones' books are matched by. The server starts one itself unless key_holder.place says otherwise.
    Keyd(KeydArguments),
    /// Fills the database of the configuration with owners, for a benchmark. A server must have run on it once.
    #[command(hide = true)]
    Fill {
        /// How many.
        #[arg(long)]
        owners: u64,
        /// Random tokens that each of them told.
        #[arg(long, default_value_t = 4)]
        tokens: u64,
        /// The first of their numbers.
        #[arg(long, default_value_t = 491_700_000_000)]
        first: u64,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match &arguments.command {
        Some(Command::Keyd(arguments)) => return keyd::main(arguments),
        Some(Command::Fill { owners, tokens, first }) => {
            return match preflight::fill(arguments.config.as_deref(), *owners, *tokens, *first) {
                Ok(()) => print("the database is filled\n"),
                Err(why) => {
                    complain(&why);
                    ExitCode::from(73)
                }
            };
        }
        None => {}
    }
    if arguments.print_config {
        return print(&Config::commented_defaults());
    }
    if arguments.check {
        return check(arguments.config.as_deref());
    }
    let loaded = match &arguments.config {
        Some(path) => Config::load(path),
        None => Config::from_toml("", &|name| std::env::var(name).ok()),
    };
    match loaded {
        Ok(config) if arguments.make_key => match preflight::make_key(&config) {
            Ok(()) => print("server.key is there\n"),
            Err(error) => refuse(&error),
        },
        Ok(config) => serve(config),
        Err(error) => refuse(&StartError::Config(error)),
    }
}

fn check(file: Option<&Path>) -> ExitCode {
    let problems = preflight::check(file);
    if problems.is_empty() {
        return print("the configuration holds\n");
    }
    for problem in &problems {
        complain(problem);
    }
    ExitCode::from(1)
}

fn serve(config: Config) -> ExitCode {
    logging::start(&config.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("tandem-server").build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&StartError::Thread(error)),
    };
    match runtime.block_on(run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

async fn run(config: Config) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Thread)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Thread)?;
    let asked = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tandem_server::run(config, asked).await
}

fn refuse(error: &StartError) -> ExitCode {
    if let StartError::Config(ConfigError(problems)) = error {
        problems.iter().for_each(|problem| complain(&problem.to_string()));
    } else {
        complain(&error.to_string());
    }
    ExitCode::from(error.exit_code())
}

/// To a person, on standard error: log lines may be off or in JSON.
fn complain(text: &str) {
    use std::io::Write as _;
    let _nobody_reads = writeln!(std::io::stderr(), "tandem-server: {text}");
}

fn print(text: &str) -> ExitCode {
    use std::io::Write as _;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(74),
    }
}
