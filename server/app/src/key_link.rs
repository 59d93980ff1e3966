//! The one task that speaks to the key holder: it starts it where it is a child, connects, passes questions on and answers back,
//! and begins again, ever more slowly, when it is gone.

use crate::config::key_holder::{KeyHolder, KeyHolderPlace};
use crate::event::Event;
use crate::keyd::{Home, HomeError};
use crate::metrics::Metrics;
use crate::tls;
use rustls::pki_types::ServerName;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tandem_keyd::{Answer, Engine, Limits, Link, LiveKey, Question};
use tandem_logic::{Input, KeyAnswer, KeyQuestion};
use tandem_model::Ticket;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, sleep, timeout};
use tokio_rustls::TlsConnector;
use tracing::{debug, info, warn};

/// Questions that may wait for the task; the next is answered as failed.
pub const QUESTIONS: usize = 1_024;

/// How long it may take to connect, and to say which keys live.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// A child that is asked to end is ended after this.
const END_WAIT: Duration = Duration::from_secs(2);

/// One that lasted this long is started again at once when it ends.
const LASTED: Duration = Duration::from_secs(60);

/// A question of the decisions.
pub type Asked = (Ticket, KeyQuestion);

/// How a key holder comes about.
pub enum Holder {
    /// There is none.
    None,
    /// A process of this program, with arguments.
    Child {
        /// The program.
        program: PathBuf,
        /// What it is told.
        arguments: Vec<String>,
    },
    /// In this process: for tests, and for whoever hosts a server as a library.
    Inside {
        /// Keys and budgets at work.
        engine: Arc<Engine>,
        /// Its directory, where it keeps one.
        _home: Option<Home>,
    },
    /// On another host.
    Remote {
        /// Host and port.
        address: String,
        /// Knows it by its certificate.
        tls: TlsConnector,
    },
}

/// Budgets as configured.
const fn limits(section: &KeyHolder) -> Limits {
    Limits {
        evaluations_a_year: section.evaluations_a_year as u64,
        evaluations_a_day: section.evaluations_a_day as u64,
        checks_a_day: section.checks_a_day as u64,
        all_an_hour: section.all_an_hour as u64,
    }
}

impl Holder {
    /// As configured. `dir` is where a child keeps its files, if it keeps any; without a `program` it runs in this process.
    ///
    /// # Errors
    /// Why it cannot come about.
    pub fn open(section: &KeyHolder, dir: Option<&Path>, program: Option<PathBuf>) -> Result<Holder, HolderError> {
        match (section.place, program) {
            (KeyHolderPlace::Off, _) => Ok(Holder::None),
            (KeyHolderPlace::Remote, _) => {
                Ok(Holder::Remote { address: section.address.clone(), tls: tls::key_holder_connector(section)? })
            }
            (KeyHolderPlace::Child, Some(program)) => Ok(Holder::Child { program, arguments: arguments(section, dir) }),
            (KeyHolderPlace::Child, None) => {
                let home = dir.map(Home::open).transpose()?;
                let engine = match &home {
                    Some(home) => home.start(limits(section), 1)?,
                    None => crate::keyd::in_memory(limits(section), 1)?,
                };
                Ok(Holder::Inside { engine, _home: home })
            }
        }
    }
}

/// Why no key holder comes about.
#[derive(Debug, thiserror::Error)]
pub enum HolderError {
    /// Its files cannot be used.
    #[error("key_holder: {0}")]
    Home(#[from] HomeError),
    /// TLS to a remote one cannot be had.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
}

fn arguments(section: &KeyHolder, dir: Option<&Path>) -> Vec<String> {
    let mut arguments = vec!["keyd".to_owned(), "--stdin".to_owned()];
    match dir {
        Some(dir) => arguments.extend(["--dir".to_owned(), dir.to_string_lossy().into_owned()]),
        None => arguments.push("--memory".to_owned()),
    }
    let numbers = [
        ("--evaluations-a-year", section.evaluations_a_year),
        ("--evaluations-a-day", section.evaluations_a_day),
        ("--checks-a-day", section.checks_a_day),
        ("--all-an-hour", section.all_an_hour),
    ];
    arguments.extend(numbers.iter().flat_map(|(name, number)| [(*name).to_owned(), number.to_string()]));
    arguments
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection, and the child behind it.
struct Connected {
    stream: Box<dyn Stream>,
    child: Option<Child>,
}

/// The task.
pub struct KeyLink {
    holder: Holder,
    retry_least: Duration,
    retry_most: Duration,
    look_interval: Duration,
    events: mpsc::Sender<Event>,
    metrics: Arc<Metrics>,
}

/// How a connection ended.
#[derive(PartialEq, Eq)]
enum End {
    /// Nobody asks any more.
    Stopped,
    /// It broke.
    Lost,
}

impl KeyLink {
    /// Around a way to a key holder.
    #[must_use]
    pub fn new(holder: Holder, section: &KeyHolder, events: mpsc::Sender<Event>, metrics: Arc<Metrics>) -> KeyLink {
        KeyLink {
            holder,
            retry_least: section.retry_least.0,
            retry_most: section.retry_most.0,
            look_interval: section.look_interval.0,
            events,
            metrics,
        }
    }

    /// Runs until nobody can ask any more.
    pub async fn run(self, mut asked: mpsc::Receiver<Asked>) {
        if matches!(self.holder, Holder::None) {
            return self.refuse_until(&mut asked, None).await;
        }
        let mut wait = self.retry_least;
        loop {
            let began = Instant::now();
            match timeout(CONNECT_WAIT, self.connect()).await {
                Ok(Ok(connected)) => {
                    let end = self.converse(connected, &mut asked).await;
                    self.metrics.key_holder_up.set(0.0);
                    if end == End::Stopped {
                        return;
                    }
                    self.tell(Input::KeyHolder { keys: None }).await;
                }
                Ok(Err(why)) => warn!(%why, "the key holder cannot be reached"),
                Err(_) => warn!("the key holder does not answer"),
            }
            if began.elapsed() >= LASTED {
                wait = self.retry_least;
            }
            debug!(wait_ms = wait.as_millis(), "the key holder is tried again");
            self.refuse_until(&mut asked, Some(Instant::now() + wait)).await;
            if asked.is_closed() && asked.is_empty() {
                return;
            }
            wait = wait.saturating_mul(2).min(self.retry_most);
        }
    }

    async fn tell(&self, input: Input) {
        // The shell ends before its tasks do.
        let _shell_left = self.events.send(Event::Logic(input)).await;
    }

    /// Nobody is there to answer.
    async fn refuse_until(&self, asked: &mut mpsc::Receiver<Asked>, end: Option<Instant>) {
        let over = async {
            match end {
                Some(end) => tokio::time::sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        loop {
            tokio::select! {
                question = asked.recv() => match question {
                    Some((ticket, _)) => self.tell(Input::KeyAnswer { ticket, answer: KeyAnswer::Failed }).await,
                    None => return,
                },
                () = &mut over => return,
            }
        }
    }

    async fn connect(&self) -> std::io::Result<Connected> {
        match &self.holder {
            Holder::None => Err(std::io::ErrorKind::NotFound.into()),
            Holder::Child { program, arguments } => {
                let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
                ours.set_nonblocking(true)?;
                let child = Command::new(program)
                    .args(arguments)
                    .stdin(Stdio::from(OwnedFd::from(theirs)))
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .kill_on_drop(true)
                    .spawn()?;
                let stream = tokio::net::UnixStream::from_std(ours)?;
                Ok(Connected { stream: Box::new(stream), child: Some(child) })
            }
            Holder::Inside { engine, _home: _ } => {
                let (ours, theirs) = tokio::io::duplex(1 << 16);
                tokio::spawn(tandem_keyd::serve(theirs, Arc::clone(engine)));
                Ok(Connected { stream: Box::new(ours), child: None })
            }
            Holder::Remote { address, tls } => {
                let stream = tokio::net::TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                // It is known by its certificate itself, whatever that says of names.
                let name = ServerName::try_from("key-holder").map_err(|_| std::io::ErrorKind::InvalidInput)?;
                Ok(Connected { stream: Box::new(tls.connect(name, stream).await?), child: None })
            }
        }
    }

    async fn converse(&self, connected: Connected, asked: &mut mpsc::Receiver<Asked>) -> End {
        let Connected { stream, mut child } = connected;
        let (pushed, mut told) = mpsc::channel(4);
        let mut link = Link::new(stream, pushed);
        if !self.look(&mut link).await {
            let code = ended(child.as_mut()).await;
            warn!(?code, "the key holder says nothing; its own log says why");
            return End::Lost;
        }
        info!("the key holder is there");
        self.metrics.key_holder_up.set(1.0);
        let mut looking = interval_at(Instant::now() + self.look_interval, self.look_interval);
        let end = loop {
            tokio::select! {
                question = asked.recv() => match question {
                    Some((ticket, question)) => self.pass_on(&mut link, ticket, question),
                    None => break End::Stopped,
                },
                keys = told.recv() => match keys {
                    Some(keys) => self.tell(Input::KeyHolder { keys: Some(live(&keys)) }).await,
                    None => break End::Lost,
                },
                _ = looking.tick() => {
                    if !self.look(&mut link).await {
                        break End::Lost;
                    }
                }
            }
        };
        drop(link);
        let code = ended(child.as_mut()).await;
        if end == End::Lost {
            warn!(?code, "the key holder is gone");
        }
        end
    }

    /// Asks which keys live, and tells the decisions.
    async fn look(&self, link: &mut Link) -> bool {
        let Ok(answer) = link.ask(Question::Keys) else { return false };
        let Ok(Ok(Answer::Keys(keys))) = timeout(CONNECT_WAIT, answer).await else { return false };
        self.tell(Input::KeyHolder { keys: Some(live(&keys)) }).await;
        true
    }

    /// Its answer comes as an input, whenever it does.
    fn pass_on(&self, link: &mut Link, ticket: Ticket, question: KeyQuestion) {
        let answer = link.ask(worded(question));
        let events = self.events.clone();
        tokio::spawn(async move {
            let answer = match answer {
                Ok(answer) => answer.await.map_or(KeyAnswer::Failed, heard),
                Err(_) => KeyAnswer::Failed,
            };
            let _shell_left = events.send(Event::Logic(Input::KeyAnswer { ticket, answer })).await;
        });
    }
}

/// Waits for a child whose connection is closed, and ends it when it does not end.
async fn ended(child: Option<&mut Child>) -> Option<i32> {
    let child = child?;
    tokio::select! {
        status = child.wait() => status.ok()?.code(),
        () = sleep(END_WAIT) => {
            let _ended_meanwhile = child.kill().await;
            None
        }
    }
}

fn live(keys: &[LiveKey]) -> Vec<tandem_logic::LiveKey> {
    keys.iter().map(|key| tandem_logic::LiveKey { id: key.id, public: key.public }).collect()
}

fn worded(question: KeyQuestion) -> Question {
    match question {
        KeyQuestion::Evaluate { account, key, blinded } => Question::Evaluate { account, key, blinded },
        KeyQuestion::Check { account, a, b, tokens } => Question::Check { account, a, b, tokens },
        KeyQuestion::OpenTokens { number } => Question::OpenTokens { number },
    }
}

fn heard(answer: Answer) -> KeyAnswer {
    match answer {
        Answer::Evaluated { evaluated, proof } => KeyAnswer::Evaluated { evaluated, proof },
        Answer::Checked(index) => KeyAnswer::Checked(index),
        Answer::OpenTokens(tokens) => KeyAnswer::OpenTokens(tokens),
        Answer::Spent { retry_after } => KeyAnswer::Spent { retry_after },
        Answer::Malformed => KeyAnswer::Malformed,
        Answer::UnknownKey => KeyAnswer::UnknownKey,
        // Not asked for by this side.
        Answer::Keys(_) | Answer::Failed => KeyAnswer::Failed,
    }
}
