//! It runs.

use super::arguments::KeydArguments;
use super::home::{self, Home, HomeError};
use crate::tls;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tandem_keyd::{Engine, serve};
use tandem_server_store::private;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

/// What was done is logged this often, where something was.
const COUNTS_INTERVAL: Duration = Duration::from_secs(60);

/// Its log, in its directory.
const LOG: &str = "keyd.log";

/// The command. Says what is wrong on standard error, and in its own log.
#[must_use]
pub fn main(arguments: &KeydArguments) -> ExitCode {
    match begin(arguments) {
        Ok(Some(said)) => say(&said),
        Ok(None) => ExitCode::SUCCESS,
        Err(why) => {
            error!(%why, "the key holder does not run");
            complain(&why)
        }
    }
}

fn say(text: &str) -> ExitCode {
    use std::io::Write as _;
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(74),
    }
}

fn complain(why: &str) -> ExitCode {
    use std::io::Write as _;
    let _nobody_reads = writeln!(std::io::stderr(), "tandem-server keyd: {why}");
    ExitCode::from(73)
}

fn begin(arguments: &KeydArguments) -> Result<Option<String>, String> {
    if let Some(dir) = &arguments.dir
        && let Some(said) = maintain(arguments, dir).map_err(|error| error.to_string())?
    {
        return Ok(Some(said));
    }
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let (home, engine) = match &arguments.dir {
        Some(dir) => {
            let home = Home::open(dir).map_err(|error| error.to_string())?;
            log_to(&dir.join(LOG));
            let engine = home.start(arguments.limits(), workers).map_err(|error| error.to_string())?;
            (Some(home), engine)
        }
        None => (None, home::in_memory(arguments.limits(), workers).map_err(|error| error.to_string())?),
    };
    info!(keys = engine.keys().borrow().len(), workers, "the key holder is up");
    let outcome = runtime.block_on(run(arguments, home.as_ref(), engine));
    info!("the key holder ends");
    outcome.map(|()| None)
}

/// What is done at once and ends.
fn maintain(arguments: &KeydArguments, dir: &Path) -> Result<Option<String>, HomeError> {
    if arguments.new_key {
        return home::add_key(dir).map(|id| Some(format!("key {id} is there")));
    }
    if let Some(id) = arguments.retire {
        let mut keys = home::keys_in(dir)?;
        keys.retire(id)?;
        keys.write(dir)?;
        return Ok(Some(format!("key {id} is retired")));
    }
    if arguments.new_budgets {
        return Home::open(dir)?.new_budgets().map(|()| Some("the budgets begin anew".to_owned()));
    }
    Ok(None)
}

/// Counts and turns of its life, a JSON object a line; never a number, a token or a key.
fn log_to(path: &Path) {
    let Ok(file) = private::options().append(true).open(path) else { return };
    let builder = tracing_subscriber::fmt().json().with_writer(std::sync::Mutex::new(file));
    let _already_started = builder.with_max_level(tracing::Level::INFO).try_init();
}

async fn run(arguments: &KeydArguments, home: Option<&Home>, engine: Arc<Engine>) -> Result<(), String> {
    let listening = listen(arguments, Arc::clone(&engine));
    let plain = |error: std::io::Error| error.to_string();
    let mut terminate = signal(SignalKind::terminate()).map_err(plain)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(plain)?;
    let mut reload = signal(SignalKind::hangup()).map_err(plain)?;
    let mut tick = interval(COUNTS_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = [0; 5];
    tokio::pin!(listening);
    loop {
        tokio::select! {
            ended = &mut listening => {
                log_counts(&engine, &mut told);
                return ended;
            }
            // A child's terminal sends this to both; it ends with its parent.
            _ = interrupt.recv(), if !arguments.stdin => break,
            _ = terminate.recv() => break,
            _ = reload.recv() => reload_keys(home, &engine),
            _ = tick.tick() => log_counts(&engine, &mut told),
        }
    }
    log_counts(&engine, &mut told);
    Ok(())
}

fn reload_keys(home: Option<&Home>, engine: &Engine) {
    let Some(home) = home else { return };
    match home.keys().and_then(|keys| Ok(keys.keyring()?)) {
        Ok(keyring) => {
            info!(keys = keyring.live().len(), "the keys were read again");
            engine.set_keyring(keyring);
        }
        Err(why) => warn!(%why, "the keys cannot be read again; those that lived go on living"),
    }
}

fn log_counts(engine: &Engine, told: &mut [u64; 5]) {
    let counts = engine.counts();
    let now = [&counts.evaluated, &counts.checked, &counts.opened, &counts.spent, &counts.failed]
        .map(|counter| counter.load(Ordering::Relaxed));
    if now != *told {
        let [evaluated, checked, opened, spent, failed] = now;
        info!(evaluated, checked, opened, spent, failed, "since the start");
        *told = now;
    }
}

async fn listen(arguments: &KeydArguments, engine: Arc<Engine>) -> Result<(), String> {
    let plain = |error: std::io::Error| error.to_string();
    if arguments.stdin {
        let inherited = std::io::stdin().as_fd().try_clone_to_owned().map_err(plain)?;
        let stream = std::os::unix::net::UnixStream::from(inherited);
        stream.set_nonblocking(true).map_err(plain)?;
        let stream = UnixStream::from_std(stream).map_err(plain)?;
        // However the connection ends: without it there is nobody to answer.
        let _ended = serve(stream, engine).await;
        return Ok(());
    }
    if let Some(path) = &arguments.socket {
        return listen_unix(path, engine).await.map_err(plain);
    }
    let Some(address) = arguments.listen else {
        return Err("one of --stdin, --socket and --listen is needed".to_owned());
    };
    let acceptor = tls::keyd_acceptor(arguments).map_err(|error| error.to_string())?;
    let listener = TcpListener::bind(address).await.map_err(plain)?;
    info!(address = ?listener.local_addr().ok(), "under TLS");
    loop {
        let (stream, _) = listener.accept().await.map_err(plain)?;
        let (acceptor, engine) = (acceptor.clone(), Arc::clone(&engine));
        tokio::spawn(async move {
            match tokio::time::timeout(Duration::from_secs(10), acceptor.accept(stream)).await {
                Ok(Ok(stream)) => drop(serve(stream, engine).await),
                Ok(Err(_)) | Err(_) => warn!("somebody without a certificate that is known was sent away"),
            }
        });
    }
}

async fn listen_unix(path: &Path, engine: Arc<Engine>) -> std::io::Result<()> {
    // The lock of the directory says that nobody answers on what is left of it.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    let _unchangeable = private::narrow(path);
    loop {
        let (stream, _) = listener.accept().await?;
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { drop(serve(stream, engine).await) });
    }
}
