//! A phone that says exactly what a test tells it to.

use super::{http, within};
use futures_util::{SinkExt as _, StreamExt as _};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use tandem_crypto::oprf::{BlindJob, blind, open_token, pair_token};
use tandem_crypto::{DeviceVault, SeededRandom};
use tandem_model::vault::KeyHandle;
use tandem_model::vault::signed::{self, RegisterProof};
use tandem_model::{
    DeviceEpoch, DeviceKey, ImsiToken, MarkGeneration, MarkKeyId, MarkState, MarkToken, Msisdn, NumberEpoch,
    RegistrationId, SealedBody, SealingKeyId, SenderSeq, TextId, Ticket, Vault as _,
};
use tandem_wire::frame::{
    ConfirmProof, Evaluate, Evaluated, Goodbye, Hello, MarkKey, MarkKeys, SendText, SmsPlatform, TokensSync,
};
use tandem_wire::{ClientFrame, RegisterReply, RegisterRequest, ServerFrame};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// What no log line may carry: the bytes of a text's body and of an IMSI's token begin with this.
pub const MARK: &[u8; 6] = b"marked";

pub const BODY: &str = "content-type: application/octet-stream\r\n";

/// Anything a WebSocket can run over.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

pub struct Phone {
    pub number: Msisdn,
    pub epoch: NumberEpoch,
    vault: DeviceVault,
    handle: KeyHandle,
    key: DeviceKey,
}

impl Phone {
    /// A phone with a key of its own; `seed` tells it from others.
    pub fn new(number: &str, seed: u8) -> Phone {
        let mut vault = DeviceVault::new(SeededRandom::from_seed([seed; 32]));
        let (handle, key) = vault.create().unwrap();
        Phone { number: Msisdn::from_e164(number).unwrap(), epoch: NumberEpoch(0), vault, handle, key }
    }

    pub fn start_request(&self) -> RegisterRequest {
        let message = signed::register_start(self.number, &self.key);
        RegisterRequest::Start {
            number: self.number,
            device_key: self.key,
            signature: self.vault.sign(self.handle, &message).unwrap(),
            platform: SmsPlatform::Dialer,
        }
    }

    pub fn confirm_request(&mut self, id: RegistrationId, proof: ConfirmProof) -> RegisterRequest {
        let imsi = ImsiToken(*b"marked-token-of-an-imsi-32-bytes");
        let message = match &proof {
            ConfirmProof::Token(token) => signed::register_confirm(id, RegisterProof::Token(token), Some(&imsi)),
            ConfirmProof::Code(code) => signed::register_confirm(id, RegisterProof::Code(code), Some(&imsi)),
        };
        let sealing_key = self.vault.rotate_sealing(self.handle, SealingKeyId(1)).unwrap();
        let signature = self.vault.sign(self.handle, &message).unwrap();
        RegisterRequest::Confirm { id, proof, imsi: Some(imsi), sealing_key, signature }
    }

    /// Registers as a person would: asks, reads the text, confirms.
    pub async fn register(&mut self, server: SocketAddr, sms: &super::sms::FakeSms) {
        let id = match ask(server, &self.start_request()).await {
            RegisterReply::Started { id, .. } => id,
            other => panic!("not started: {other:?}"),
        };
        let text = sms.text_for(&self.number.e164()).await;
        let found = tandem_wire::sms::parse(&text).expect("the text carries a token");
        let request = self.confirm_request(id, ConfirmProof::Token(found.token));
        match ask(server, &request).await {
            RegisterReply::Confirmed { epoch, .. } => self.epoch = epoch,
            other => panic!("not confirmed: {other:?}"),
        }
    }

    pub fn hello(&self, nonce: &tandem_model::Nonce) -> Hello {
        let message = signed::session(nonce, self.number, self.epoch);
        Hello {
            version: 1,
            number: self.number,
            epoch: self.epoch,
            signature: self.vault.sign(self.handle, &message).unwrap(),
            marks_since: MarkGeneration::default(),
            fresh: false,
        }
    }

    /// A session that stands.
    pub async fn connect(&self, server: SocketAddr) -> Session {
        let mut session = Session::open(server).await;
        let nonce = session.challenge().await;
        session.send(&ClientFrame::Hello(self.hello(&nonce))).await;
        session.wait_for(|frame| matches!(frame, ServerFrame::Welcome(_)).then_some(())).await;
        session.own = Some(self.number);
        session
    }

    pub fn text_to(&self, other: &Phone, counter: u64) -> ClientFrame {
        ClientFrame::SendText(SendText {
            ticket: Ticket(counter),
            id: TextId { device_epoch: DeviceEpoch(7), counter },
            to: other.number,
            to_epoch: other.epoch,
            seq: SenderSeq(counter),
            sealed: SealedBody(MARK.iter().copied().chain([1; 58]).collect()),
        })
    }
}

/// One registration request and its reply.
pub async fn ask(server: SocketAddr, request: &RegisterRequest) -> RegisterReply {
    let body = tandem_wire::encode_register_request(request);
    let reply = http::post(server, "/v1/register", BODY, &body).await;
    tandem_wire::decode_register_reply(&reply.body).expect("a reply")
}

pub struct Session {
    socket: WebSocketStream<Box<dyn Transport>>,
    own: Option<Msisdn>,
    /// The keys it was told of last.
    pub keys: Option<MarkKeys>,
    /// The marks it sees.
    pub marked: BTreeSet<Msisdn>,
    next_ticket: u64,
}

impl Session {
    pub async fn open(server: SocketAddr) -> Session {
        let stream = TcpStream::connect(server).await.expect("a server");
        Session::over(Box::new(stream), "/v1/session").await
    }

    pub async fn over(stream: Box<dyn Transport>, path: &str) -> Session {
        let url = format!("ws://test{path}");
        let upgraded = tokio_tungstenite::client_async(url, stream);
        let (socket, _) = within("the upgrade", upgraded).await.expect("an upgrade");
        Session { socket, own: None, keys: None, marked: BTreeSet::new(), next_ticket: 1_000 }
    }

    pub async fn send(&mut self, frame: &ClientFrame) {
        self.send_raw(Message::Binary(tandem_wire::encode_client(frame).into())).await;
    }

    pub async fn send_raw(&mut self, message: Message) {
        self.try_send_raw(message).await.expect("sent");
    }

    pub async fn try_send_raw(&mut self, message: Message) -> Result<(), tokio_tungstenite::tungstenite::Error> {
        within("room to send", self.socket.send(message)).await
    }

    /// The next frame; `None` when the connection has ended.
    pub async fn next(&mut self) -> Option<ServerFrame> {
        loop {
            match within("a frame", self.socket.next()).await? {
                Ok(Message::Binary(bytes)) => {
                    let frame = tandem_wire::decode_server(&bytes).expect("a frame");
                    self.note(&frame);
                    return Some(frame);
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The first frame that fits, skipping others.
    pub async fn wait_for<T>(&mut self, fits: impl Fn(&ServerFrame) -> Option<T>) -> T {
        loop {
            let frame = self.next().await.expect("the session goes on");
            if let Some(found) = fits(&frame) {
                return found;
            }
        }
    }

    pub async fn challenge(&mut self) -> tandem_model::Nonce {
        self.wait_for(|frame| match frame {
            ServerFrame::Challenge { nonce, .. } => Some(*nonce),
            _ => None,
        })
        .await
    }

    pub async fn goodbye(&mut self) -> Goodbye {
        self.wait_for(|frame| match frame {
            ServerFrame::Goodbye(goodbye) => Some(*goodbye),
            _ => None,
        })
        .await
    }

    fn note(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::MarkKeys(keys) => self.keys = Some(keys.clone()),
            ServerFrame::Marks(marks) => {
                for mark in &marks.marks {
                    match mark.state {
                        MarkState::Marked { .. } => self.marked.insert(mark.number),
                        MarkState::Unmarked => self.marked.remove(&mark.number),
                    };
                }
            }
            _ => {}
        }
    }

    pub fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// Waits until it is told of so many keys; gives the newest.
    pub async fn until_keys(&mut self, count: usize) -> MarkKey {
        while self.keys.as_ref().is_none_or(|keys| keys.keys.len() != count) {
            self.next().await.expect("the session goes on");
        }
        *self.keys.as_ref().expect("keys").keys.last().expect("a key")
    }

    /// Waits until it sees a mark.
    pub async fn until_marked(&mut self, number: Msisdn) {
        while !self.marked.contains(&number) {
            self.next().await.expect("the session goes on");
        }
    }

    /// Asks for an evaluation of its own number and others; the answer, whichever it is.
    pub async fn evaluate(&mut self, key: MarkKeyId, numbers: &[Msisdn]) -> (BlindJob, ServerFrame) {
        let ticket = self.ticket();
        let mut random = SeededRandom::from_seed([u8::try_from(ticket.0 % 251).expect("small"); 32]);
        let (job, blinded) = blind(numbers, &mut random).expect("numbers");
        self.send(&ClientFrame::Evaluate(Evaluate { ticket, key, blinded })).await;
        let answer = self.answer_to(ticket).await;
        (job, answer)
    }

    /// The answer to a ticket.
    pub async fn answer_to(&mut self, asked: Ticket) -> ServerFrame {
        self.wait_for(|frame| match frame {
            ServerFrame::Evaluated(Evaluated { ticket, .. })
            | ServerFrame::Refused { ticket, .. }
            | ServerFrame::Done { ticket }
                if *ticket == asked =>
            {
                Some(frame.clone())
            }
            _ => None,
        })
        .await
    }

    /// Tokens of pairs with others, and of their numbers, under a key: made as a phone makes them.
    pub async fn tokens(&mut self, key: MarkKey, others: &[Msisdn]) -> (Vec<MarkToken>, Vec<MarkToken>) {
        let mut numbers = vec![self.own.expect("a session that stands")];
        numbers.extend(others);
        let (job, answer) = self.evaluate(key.id, &numbers).await;
        let ServerFrame::Evaluated(Evaluated { evaluated, proof, .. }) = answer else { panic!("refused: {answer:?}") };
        let known = job.finish(&key.public, &evaluated, &proof).expect("proven");
        let pairs = known[1..].iter().map(|other| pair_token(&known[0], other)).collect();
        (pairs, known[1..].iter().map(open_token).collect())
    }

    /// Tells these tokens, and waits for the answer.
    pub async fn tell(&mut self, key: MarkKeyId, added: Vec<MarkToken>) -> ServerFrame {
        let ticket = self.ticket();
        let sync = TokensSync {
            ticket,
            key,
            replace: false,
            last: true,
            added,
            removed: Vec::new(),
            blocked: Vec::new(),
            unblocked: Vec::new(),
        };
        self.send(&ClientFrame::TokensSync(sync)).await;
        self.answer_to(ticket).await
    }

    /// Tells its contacts under every key that lives.
    pub async fn add_contacts(&mut self, added: Vec<Msisdn>) {
        while self.keys.is_none() {
            self.next().await.expect("the session goes on");
        }
        for key in self.keys.clone().expect("keys").keys {
            let (pairs, _) = self.tokens(key, &added).await;
            let answer = self.tell(key.id, pairs).await;
            assert!(matches!(answer, ServerFrame::Done { .. }), "{answer:?}");
        }
    }

    pub async fn is_over(&mut self) -> bool {
        self.next().await.is_none()
    }
}
