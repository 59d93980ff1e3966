//! A server that speaks wire v1 from a script, on real sockets of the loopback.

use futures_util::{SinkExt as _, StreamExt as _};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tandem_crypto::SeededRandom;
use tandem_crypto::oprf::Evaluator;
use tandem_engine::ByteStream;
use tandem_model::{
    KeyedImsiKey, MarkGeneration, MarkKeyId, Nonce, NumberEpoch, RegistrationId, Secret, ServerMillis, SmsToken,
    Ticket, TokenDigest,
};
use tandem_wire::frame::{Evaluated, MarkKey, MarkKeys, Marks, TokensSync, Welcome};
use tandem_wire::{
    ClientFrame, RegisterReply, RegisterRequest, ServerFrame, decode_client, decode_register_request,
    encode_register_reply, encode_server,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

/// What the verification SMS carries.
pub const TOKEN: SmsToken = SmsToken([7; 16]);

/// What happened at the server.
#[derive(Debug)]
pub enum Seen {
    Registration(RegisterRequest),
    Frame(ClientFrame),
    Opened,
    Closed,
    /// A TLS handshake failed.
    NoTls,
}

/// What the server does beside its script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mood {
    /// Changes to cut every session.
    pub cut: u32,
    /// Sends this many frames of garbage after the welcome.
    pub garbage: u32,
    /// Sends this many frames of a kind that only a later version knows after the welcome.
    pub unknown: u32,
    /// Accepts connections and says nothing.
    pub silent: bool,
    /// Lists a key for matching contacts and answers what is asked of it.
    pub matches: bool,
    /// Asks phones to be heard this often; zero for once a minute.
    pub keepalive_ms: u32,
}

pub struct Server {
    session: SocketAddr,
    register: SocketAddr,
    mood: watch::Sender<Mood>,
    pub seen: mpsc::Receiver<Seen>,
    /// Its certificate, where it speaks TLS.
    pub root: Option<Vec<u8>>,
    _runtime: tokio::runtime::Runtime,
}

struct Script {
    seen: Mutex<mpsc::Sender<Seen>>,
    mood: watch::Receiver<Mood>,
    tls: Option<TlsAcceptor>,
}

impl Server {
    pub fn start() -> Server {
        Server::start_with(None)
    }

    /// With a certificate of its own for 127.0.0.1.
    pub fn start_tls() -> Server {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let root = made.cert.der().to_vec();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Server::start_with(Some((TlsAcceptor::from(Arc::new(config)), root)))
    }

    fn start_with(tls: Option<(TlsAcceptor, Vec<u8>)>) -> Server {
        let (tls, root) = tls.unzip();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (saw, seen) = mpsc::channel();
        let (mood, moods) = watch::channel(Mood::default());
        let script = Arc::new(Script { seen: Mutex::new(saw), mood: moods, tls });
        let (sessions, registrations) = runtime.block_on(async {
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap())
        });
        let (session, register) = (sessions.local_addr().unwrap(), registrations.local_addr().unwrap());
        runtime.spawn(serve_sessions(sessions, Arc::clone(&script)));
        runtime.spawn(serve_registrations(registrations, script));
        Server { session, register, mood, seen, root, _runtime: runtime }
    }

    pub fn session_address(&self) -> String {
        format!("{}://{}", if self.root.is_some() { "wss" } else { "ws" }, self.session)
    }

    pub fn register_address(&self) -> String {
        format!("{}://{}/v1/register", if self.root.is_some() { "https" } else { "http" }, self.register)
    }

    pub fn change(&self, change: impl FnOnce(&mut Mood)) {
        self.mood.send_modify(change);
    }

    /// The first thing seen that `wanted` makes something of.
    pub fn until<T>(&self, wanted: impl Fn(&Seen) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(&super::next(&self.seen)) {
                return found;
            }
        }
    }
}

impl Script {
    /// Puts TLS under a connection, where this server speaks it.
    async fn secure(&self, stream: TcpStream) -> Option<Box<dyn ByteStream>> {
        let Some(tls) = &self.tls else {
            return Some(Box::new(stream));
        };
        match tls.accept(stream).await {
            Ok(stream) => Some(Box::new(stream)),
            Err(_) => {
                self.saw(Seen::NoTls);
                None
            }
        }
    }

    fn saw(&self, seen: Seen) {
        // The test may be over already.
        let _over = self.seen.lock().unwrap().send(seen);
    }
}

fn now() -> ServerMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    ServerMillis(i64::try_from(since.as_millis()).unwrap())
}

async fn serve_sessions(listener: TcpListener, script: Arc<Script>) {
    while let Ok((stream, _)) = listener.accept().await {
        let script = Arc::clone(&script);
        tokio::spawn(async move {
            session(stream, &script).await;
            script.saw(Seen::Closed);
        });
    }
}

async fn session(stream: TcpStream, script: &Script) {
    let mut mood = script.mood.clone();
    let cut = mood.borrow_and_update().cut;
    if mood.borrow().silent {
        tokio::time::sleep(Duration::from_secs(60)).await;
        return;
    }
    let Some(stream) = script.secure(stream).await else {
        return;
    };
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    script.saw(Seen::Opened);
    let challenge = ServerFrame::Challenge { nonce: Nonce([9; 32]), version_min: 1, version_max: 1 };
    if socket.send(Message::Binary(encode_server(&challenge).into())).await.is_err() {
        return;
    }
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            changed = mood.changed() => {
                if changed.is_err() || mood.borrow().cut != cut {
                    return;
                }
                continue;
            }
        };
        let Some(Ok(message)) = message else {
            return;
        };
        let Message::Binary(bytes) = message else {
            continue;
        };
        let frame = decode_client(&bytes).unwrap();
        let answer = answer(&frame, &script.mood.borrow());
        let greeted = matches!(frame, ClientFrame::Hello(_));
        script.saw(Seen::Frame(frame));
        if let Some(answer) = answer
            && socket.send(Message::Binary(encode_server(&answer).into())).await.is_err()
        {
            return;
        }
        if greeted && script.mood.borrow().matches {
            let list = MarkKeys { keys: vec![mark_key()], wants_open: false, open: false };
            let _closed = socket.send(Message::Binary(encode_server(&ServerFrame::MarkKeys(list)).into())).await;
        }
        if greeted {
            let garbage = script.mood.borrow().garbage;
            for _ in 0..garbage {
                let _closed = socket.send(Message::Binary(vec![0xFF; 40].into())).await;
            }
            let unknown = script.mood.borrow().unknown;
            for _ in 0..unknown {
                // Field 200 with one byte.
                let _closed = socket.send(Message::Binary(vec![0xC2, 0x0C, 1, 0].into())).await;
            }
        }
    }
}

/// The holder of the one key.
pub fn key_holder() -> Evaluator {
    Evaluator::from_secret(&Secret::new([7; 32])).unwrap()
}

fn mark_key() -> MarkKey {
    MarkKey { id: MarkKeyId(1), public: key_holder().public_key(), count: 0, digest: TokenDigest::default() }
}

fn answer(frame: &ClientFrame, mood: &Mood) -> Option<ServerFrame> {
    let marks = |ticket| {
        ServerFrame::Marks(Marks {
            ticket,
            generation: MarkGeneration(1),
            marks: vec![],
            more: false,
            lease_until: ServerMillis(now().0 + 86_400_000),
        })
    };
    match frame {
        ClientFrame::Hello(_) => Some(ServerFrame::Welcome(Welcome {
            now: now(),
            lease_until: ServerMillis(now().0 + 86_400_000),
            marks_interval_ms: 3_600_000,
            keepalive_ms: if mood.keepalive_ms == 0 { 60_000 } else { mood.keepalive_ms },
            ring_ms: 45_000,
        })),
        ClientFrame::TimeAsk { ticket } => Some(ServerFrame::Time { ticket: *ticket, now: now() }),
        ClientFrame::MarksAsk { ticket, .. } => Some(marks(*ticket)),
        ClientFrame::Evaluate(ask) => {
            let mut random = SeededRandom::from_seed([3; 32]);
            let (evaluated, proof) = key_holder().evaluate(&ask.blinded, &mut random).unwrap();
            Some(ServerFrame::Evaluated(Evaluated { ticket: ask.ticket, key: ask.key, evaluated, proof }))
        }
        ClientFrame::TokensSync(TokensSync { ticket, .. }) | ClientFrame::OpenMark { ticket, .. } => {
            Some(ServerFrame::Done { ticket: *ticket })
        }
        ClientFrame::PublishSealingKey { ticket, .. }
        | ClientFrame::Unregister { ticket, .. }
        | ClientFrame::ReadReceipt { ticket, .. } => Some(ServerFrame::Done { ticket: *ticket }),
        ClientFrame::SendText(text) => {
            Some(ServerFrame::TextStored { ticket: text.ticket, id: text.id, stored_at: now() })
        }
        _ => None,
    }
}

async fn serve_registrations(listener: TcpListener, script: Arc<Script>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(registrations(stream, Arc::clone(&script)));
    }
}

/// The little of HTTP/1.1 a POST needs.
async fn registrations(stream: TcpStream, script: Arc<Script>) {
    let Some(mut stream) = script.secure(stream).await else {
        return;
    };
    let mut read = Vec::new();
    loop {
        let Some(body) = take_request(&mut read) else {
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk).await {
                Ok(length @ 1..) => read.extend_from_slice(&chunk[..length]),
                _ => return,
            }
            continue;
        };
        let request = decode_register_request(&body).unwrap();
        let reply = match &request {
            RegisterRequest::Start { .. } => RegisterReply::Started {
                id: RegistrationId([3; 16]),
                expires_at: ServerMillis(now().0 + 600_000),
                now: now(),
                resend_after_ms: 30_000,
                imsi_key: KeyedImsiKey(Secret::new([1; 32])),
            },
            RegisterRequest::Confirm { .. } => RegisterReply::Confirmed {
                epoch: NumberEpoch(1),
                lease_until: ServerMillis(now().0 + 86_400_000),
                now: now(),
            },
            RegisterRequest::Withdraw { .. } => RegisterReply::Withdrawn,
        };
        script.saw(Seen::Registration(request));
        let body = encode_register_reply(&reply);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
            return;
        }
    }
}

/// Takes a whole request off the front, and gives its body.
fn take_request(read: &mut Vec<u8>) -> Option<Vec<u8>> {
    let head_end = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(read[..head_end].to_vec()).unwrap().to_lowercase();
    assert!(head.starts_with("post /v1/register "));
    assert!(head.contains("content-type: application/octet-stream"));
    let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    if read.len() < head_end + length {
        return None;
    }
    let rest = read.split_off(head_end + length);
    let body = read.split_off(head_end);
    *read = rest;
    Some(body)
}

/// For tickets in tests.
pub const NOBODY: Ticket = Ticket(0);
