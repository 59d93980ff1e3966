//! Owns the socket of a [`Session`]: one task, one connection at a time, every queue bounded.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::BytesMut;
use tandem_model::Mono;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;

use super::config::{SmppConfig, SmppConfigError};
use super::counters::Counters;
use super::frame::{self, Frame, FrameReader};
use super::session::{Effect, Session};
use crate::driver::{SmsDriver, SmsEvent, SmsSubmit, SubmitOutcome, SubmitRefused};

/// Submits on their way to the task.
const ORDERS: usize = 256;

/// Events on their way to the owner, in the channel and before it. Without room, deliveries are put off.
const EVENTS: usize = 256;
const PENDING_EVENTS: usize = 64;

/// PDUs read ahead of the session; the socket is not read while they wait.
const FRAMES: usize = 32;

/// Octets read at once.
const READ_OCTETS: usize = 4 * 1024;

type Answer = oneshot::Sender<Result<SubmitOutcome, SubmitRefused>>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

enum Order {
    Submit(SmsSubmit, Answer),
    ShutDown(oneshot::Sender<()>),
}

#[expect(clippy::large_enum_variant, reason = "moved once and gone; a box would cost an allocation for every PDU")]
enum News {
    Connected(Writer),
    Frame(Frame),
    NotSmpp,
    Lost,
}

/// The SMPP driver: a handle on the task that holds the session.
pub struct SmppDriver {
    orders: mpsc::Sender<Order>,
    events: Mutex<Option<mpsc::Receiver<SmsEvent>>>,
    counters: watch::Receiver<Counters>,
}

impl fmt::Debug for SmppDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmppDriver").field("counters", &*self.counters.borrow()).finish_non_exhaustive()
    }
}

impl SmppDriver {
    /// Starts a session on the current tokio runtime. The seed drives the jitter of its waits.
    pub fn start(config: SmppConfig, seed: u64) -> Result<Arc<Self>, SmppConfigError> {
        config.check()?;
        let (orders, order_queue) = mpsc::channel(ORDERS);
        let (event_sender, events) = mpsc::channel(EVENTS);
        let (counter_sender, counters) = watch::channel(Counters::default());
        let (news_sender, news) = mpsc::channel(FRAMES);
        let start = Instant::now();
        let shell = Shell {
            session: Session::new(config.clone(), seed, Mono::ZERO),
            config,
            start,
            answers: BTreeMap::new(),
            next_ticket: 0,
            generation: 0,
            reader: None,
            writer: None,
            outgoing: BytesMut::new(),
            pending: VecDeque::new(),
            events: event_sender,
            counters: counter_sender,
            news_sender,
            leaving: Vec::new(),
            stopped: false,
        };
        tokio::spawn(shell.run(order_queue, news));
        Ok(Arc::new(Self { orders, events: Mutex::new(Some(events)), counters }))
    }

    /// What the session has counted so far.
    pub fn counters(&self) -> Counters {
        *self.counters.borrow()
    }
}

#[async_trait]
impl SmsDriver for SmppDriver {
    async fn submit(&self, sms: SmsSubmit) -> Result<SubmitOutcome, SubmitRefused> {
        let (answer, outcome) = oneshot::channel();
        self.orders.try_send(Order::Submit(sms, answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SubmitRefused::QueueFull,
            mpsc::error::TrySendError::Closed(_) => SubmitRefused::ShutDown,
        })?;
        // The task answers every order it takes; when it ended first, the order was never taken.
        outcome.await.unwrap_or(Err(SubmitRefused::ShutDown))
    }

    fn take_events(&self) -> Option<mpsc::Receiver<SmsEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn shutdown(&self) {
        let (done, gone) = oneshot::channel();
        if self.orders.send(Order::ShutDown(done)).await.is_ok() {
            // An error means that the task ended first, which is what is waited for.
            let _ended = gone.await;
        }
    }
}

struct Shell {
    session: Session,
    config: SmppConfig,
    start: Instant,
    answers: BTreeMap<u64, Answer>,
    next_ticket: u64,
    /// Counts connections, so that news of an old one is told from news of this one.
    generation: u64,
    reader: Option<JoinHandle<()>>,
    writer: Option<Writer>,
    outgoing: BytesMut,
    pending: VecDeque<SmsEvent>,
    events: mpsc::Sender<SmsEvent>,
    counters: watch::Sender<Counters>,
    news_sender: mpsc::Sender<(u64, News)>,
    leaving: Vec<oneshot::Sender<()>>,
    stopped: bool,
}

impl Shell {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>, mut news: mpsc::Receiver<(u64, News)>) {
        let mut orders_open = true;
        loop {
            self.drain().await;
            self.counters.send_replace(self.session.counters());
            if self.stopped {
                break;
            }
            let wake = self.session.poll_timeout().map_or_else(|| self.start, |at| self.instant(at));
            let events = self.events.clone();
            tokio::select! {
                order = orders.recv(), if orders_open => match order {
                    Some(order) => self.order(order),
                    None => {
                        orders_open = false;
                        self.session.shut_down(self.now());
                    }
                },
                Some((generation, news)) = news.recv() => if generation == self.generation {
                    self.news(news);
                },
                room = events.reserve(), if !self.pending.is_empty() => self.tell(room),
                () = sleep_until(wake) => self.session.handle_timeout(self.now()),
            }
        }
        for event in std::mem::take(&mut self.pending) {
            // The owner may be gone already; then nobody wants to know.
            let _told = self.events.try_send(event);
        }
        for done in std::mem::take(&mut self.leaving) {
            let _heard = done.send(());
        }
    }

    fn now(&self) -> Mono {
        Mono::ZERO.after(self.start.elapsed())
    }

    fn instant(&self, at: Mono) -> Instant {
        self.start + at.since(Mono::ZERO)
    }

    fn order(&mut self, order: Order) {
        let now = self.now();
        match order {
            Order::Submit(sms, answer) => {
                let ticket = self.next_ticket;
                self.next_ticket += 1;
                match self.session.submit(ticket, &sms, now) {
                    Ok(()) => {
                        self.answers.insert(ticket, answer);
                    }
                    Err(refused) => {
                        // Whoever asked has stopped waiting; nothing was queued.
                        let _heard = answer.send(Err(refused));
                    }
                }
            }
            Order::ShutDown(done) => {
                self.leaving.push(done);
                self.session.shut_down(now);
            }
        }
    }

    fn news(&mut self, news: News) {
        let now = self.now();
        match news {
            News::Connected(writer) => {
                self.writer = Some(writer);
                self.session.connected(now);
            }
            News::Frame(frame) => {
                let may_emit = self.events.is_closed() || self.pending.len() < PENDING_EVENTS;
                self.session.frame(frame, may_emit, now);
            }
            News::NotSmpp => self.session.not_smpp(now),
            News::Lost => self.session.connection_lost(now),
        }
    }

    async fn drain(&mut self) {
        loop {
            while let Some(effect) = self.session.poll_effect() {
                match effect {
                    Effect::Connect => self.connect(),
                    Effect::Send(command) => self.outgoing.extend_from_slice(&frame::encode(&command)),
                    Effect::Disconnect => self.disconnect().await,
                    Effect::Outcome(ticket, outcome) => {
                        if let Some(answer) = self.answers.remove(&ticket) {
                            // Dropping a submit's future gives up its answer.
                            let _heard = answer.send(Ok(outcome));
                        }
                    }
                    Effect::Event(event) => self.remember(event),
                    Effect::Stopped => self.stopped = true,
                }
            }
            if self.flush().await {
                return;
            }
            // The session hears of the loss, and what that asks for is drained in the next round.
            self.session.connection_lost(self.now());
        }
    }

    fn connect(&mut self) {
        self.generation += 1;
        self.reader = Some(tokio::spawn(converse(self.config.clone(), self.generation, self.news_sender.clone())));
    }

    async fn disconnect(&mut self) {
        // The last words, such as the answer to an unbind, go out if the peer still listens.
        self.flush().await;
        self.generation += 1;
        if let Some(reader) = self.reader.take() {
            reader.abort();
        }
        if let Some(mut writer) = self.writer.take() {
            // Closing is a courtesy to a peer that may be gone.
            let _closed = timeout(self.config.answer_timeout, writer.shutdown()).await;
        }
        self.outgoing.clear();
    }

    /// Writes what is to be written; false when the connection did not take it.
    async fn flush(&mut self) -> bool {
        if self.outgoing.is_empty() {
            return true;
        }
        let octets = self.outgoing.split();
        let Some(writer) = self.writer.as_mut() else { return true };
        let written = timeout(self.config.answer_timeout, async {
            writer.write_all(&octets).await?;
            writer.flush().await
        });
        matches!(written.await, Ok(Ok(())))
    }

    /// Only the last state of the link matters to an owner that does not keep up.
    fn remember(&mut self, event: SmsEvent) {
        if self.events.is_closed() {
            return;
        }
        if self.pending.len() >= PENDING_EVENTS && is_link_event(&event) {
            self.pending.retain(|waiting| !is_link_event(waiting));
        }
        self.pending.push_back(event);
    }

    fn tell(&mut self, room: Result<mpsc::Permit<'_, SmsEvent>, mpsc::error::SendError<()>>) {
        match room {
            Ok(permit) => {
                if let Some(event) = self.pending.pop_front() {
                    permit.send(event);
                }
            }
            // Nobody listens any more.
            Err(_) => self.pending.clear(),
        }
    }
}

const fn is_link_event(event: &SmsEvent) -> bool {
    match event {
        SmsEvent::LinkUp | SmsEvent::LinkDown { .. } => true,
        SmsEvent::Receipt { .. } | SmsEvent::Incoming { .. } => false,
    }
}

/// One connection, from connecting to its end.
async fn converse(config: SmppConfig, generation: u64, news: mpsc::Sender<(u64, News)>) {
    let last = match open(&config).await {
        Ok((reader, writer)) => {
            if news.send((generation, News::Connected(writer))).await.is_err() {
                return;
            }
            read(reader, generation, &news).await
        }
        Err(error) => {
            tracing::warn!(kind = %error.kind(), "no connection to the SMSC");
            News::Lost
        }
    };
    // The task ended: nobody is left to tell.
    let _told = news.send((generation, last)).await;
}

async fn open(config: &SmppConfig) -> std::io::Result<(Box<dyn AsyncRead + Send + Unpin>, Writer)> {
    let stream = TcpStream::connect(&config.address).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = &config.tls else {
        let (reader, writer) = tokio::io::split(stream);
        return Ok((Box::new(reader), Box::new(writer)));
    };
    let stream = TlsConnector::from(Arc::clone(&tls.client)).connect(tls.server_name.clone(), stream).await?;
    let (reader, writer) = tokio::io::split(stream);
    Ok((Box::new(reader), Box::new(writer)))
}

async fn read(
    mut reader: Box<dyn AsyncRead + Send + Unpin>,
    generation: u64,
    news: &mpsc::Sender<(u64, News)>,
) -> News {
    let mut frames = FrameReader::default();
    let mut octets = vec![0; READ_OCTETS];
    loop {
        match reader.read(&mut octets).await {
            Ok(0) | Err(_) => return News::Lost,
            Ok(count) => frames.extend(octets.get(..count).unwrap_or_default()),
        }
        loop {
            match frames.next_frame() {
                Ok(Some(frame)) => {
                    if news.send((generation, News::Frame(frame))).await.is_err() {
                        return News::Lost;
                    }
                }
                Ok(None) => break,
                Err(frame::NotSmpp) => return News::NotSmpp,
            }
        }
    }
}
