//! One connection to the SMSC, from accept to close.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rusmpp::pdus::{BindTransceiver, BindTransceiverResp, DeliverSm, SubmitSm, SubmitSmResp};
use rusmpp::tlvs::MessageDeliveryRequestTlvValue as DeliveryTlv;
use rusmpp::tokio_codec::CommandCodec;
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{EsmClass, MessageState};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::codec::{Decoder, Encoder};

use crate::alphabet;
use crate::controls::{Delivered, ReceiptPolicy, Submission, strike};
use crate::listener::Shared;

/// Messages on their way into one session.
const TO_SESSION: usize = 1_024;

/// `esm_class` of a delivery receipt.
const RECEIPT_CLASS: u8 = 0x04;

/// What the rest of the SMSC tells a session.
#[expect(clippy::large_enum_variant, reason = "moved once and gone; a box would cost an allocation for every PDU")]
pub(crate) enum ToSession {
    Send(Command),
    Octets(Vec<u8>),
    Unbind,
    Cut,
}

/// Whether a connection goes on.
#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    Close,
}

pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut next_id = 0_u64;
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = tasks.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else { continue };
        next_id += 1;
        tasks.spawn(Connection::run(next_id, stream, Arc::clone(&shared)));
    }
}

struct Connection {
    id: u64,
    stream: TcpStream,
    shared: Arc<Shared>,
    /// Its own way in, for what is sent after a delay.
    inbox: mpsc::Sender<ToSession>,
    bound: bool,
}

impl Connection {
    async fn run(id: u64, stream: TcpStream, shared: Arc<Shared>) {
        let (inbox, mut messages) = mpsc::channel(TO_SESSION);
        shared.inner().sessions.insert(id, inbox.clone());
        let mut connection = Self { id, stream, shared, inbox, bound: false };
        let mut codec = CommandCodec::new();
        let mut buffer = BytesMut::with_capacity(4 * 1024);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(command)) => {
                    if connection.command(&command).await == Then::Close {
                        break;
                    }
                    continue;
                }
                Ok(None) => {}
                Err(_) => break,
            }
            let then = tokio::select! {
                read = connection.stream.read_buf(&mut buffer) => if matches!(read, Ok(1..)) { Then::GoOn } else { Then::Close },
                Some(message) = messages.recv() => connection.message(message).await,
            };
            if then == Then::Close {
                break;
            }
        }
        let mut inner = connection.shared.inner();
        inner.sessions.remove(&id);
        inner.bound.remove(&id);
    }

    async fn message(&mut self, message: ToSession) -> Then {
        match message {
            ToSession::Send(command) => self.send(&command).await,
            ToSession::Octets(octets) => self.write(&octets).await,
            ToSession::Unbind => {
                let sequence = self.shared.inner().next_sequence();
                self.send(&Command::new(CommandStatus::EsmeRok, sequence, Pdu::Unbind)).await
            }
            ToSession::Cut => Then::Close,
        }
    }

    async fn send(&mut self, command: &Command) -> Then {
        let mut octets = BytesMut::new();
        if CommandCodec::new().encode(command, &mut octets).is_err() {
            return Then::Close;
        }
        self.write(&octets).await
    }

    async fn write(&mut self, octets: &[u8]) -> Then {
        if self.stream.write_all(octets).await.is_ok() { Then::GoOn } else { Then::Close }
    }

    async fn answer(&mut self, status: CommandStatus, sequence: u32, pdu: Pdu) -> Then {
        self.send(&Command::new(status, sequence, pdu)).await
    }

    async fn command(&mut self, command: &Command) -> Then {
        let sequence = command.sequence_number();
        // Some thirty commands there are; what a mock does not know it refuses.
        match (command.id(), command.pdu()) {
            (CommandId::BindTransceiver, Some(Pdu::BindTransceiver(bind))) => self.bind(sequence, bind).await,
            (CommandId::SubmitSm, Some(Pdu::SubmitSm(submit))) => self.submit(sequence, submit).await,
            (CommandId::EnquireLink, _) => self.enquire(sequence).await,
            (CommandId::Unbind, _) => {
                self.shared.inner().unbinds += 1;
                self.answer(CommandStatus::EsmeRok, sequence, Pdu::UnbindResp).await;
                Then::Close
            }
            (CommandId::UnbindResp, _) => Then::Close,
            (CommandId::DeliverSmResp, _) => {
                self.shared.inner().delivery_answers.push(u32::from(command.status()));
                Then::GoOn
            }
            (CommandId::EnquireLinkResp | CommandId::GenericNack, _) => Then::GoOn,
            _ => self.answer(CommandStatus::EsmeRinvcmdid, sequence, Pdu::GenericNack).await,
        }
    }

    async fn bind(&mut self, sequence: u32, bind: &BindTransceiver) -> Then {
        let fault = self.shared.inner().controls.bind_fault;
        let known = bind.system_id.as_str() == self.shared.config.system_id;
        let proven = bind.password.as_str() == self.shared.config.password;
        let status = match fault.map(|fault| fault.status()) {
            Some(None) => return Then::GoOn,
            Some(Some(status)) => status,
            None if self.bound => CommandStatus::EsmeRalybnd,
            None if !known => CommandStatus::EsmeRinvsysid,
            None if !proven => CommandStatus::EsmeRinvpaswd,
            None => CommandStatus::EsmeRok,
        };
        if status == CommandStatus::EsmeRok {
            self.bound = true;
            let mut inner = self.shared.inner();
            inner.bound.insert(self.id, ());
            inner.binds += 1;
        }
        let system_id = COctetString::from_str("mock-smsc").unwrap_or_default();
        let body = BindTransceiverResp::builder().system_id(system_id).build();
        self.answer(status, sequence, Pdu::BindTransceiverResp(body)).await
    }

    async fn enquire(&mut self, sequence: u32) -> Then {
        let answer = {
            let mut inner = self.shared.inner();
            inner.enquiries += 1;
            inner.controls.answer_enquiries
        };
        if answer { self.answer(CommandStatus::EsmeRok, sequence, Pdu::EnquireLinkResp).await } else { Then::GoOn }
    }

    async fn submit(&mut self, sequence: u32, submit: &SubmitSm) -> Then {
        let (verdict, answer_delay) = {
            let mut inner = self.shared.inner();
            let inner = &mut *inner;
            let refusal = if !self.bound {
                Some(CommandStatus::EsmeRinvbndsts)
            } else if strike(&mut inner.controls.throttle_next) || !inner.within_rate(Instant::now()) {
                Some(CommandStatus::EsmeRthrottled)
            } else if strike(&mut inner.controls.queue_full_next) {
                Some(CommandStatus::EsmeRmsgqful)
            } else if inner.controls.refused_numbers.contains(submit.destination_addr.as_str()) {
                Some(CommandStatus::EsmeRinvdstadr)
            } else {
                None
            };
            let verdict = match refusal {
                Some(status) => Err(status),
                None => Ok(Taken::decide(inner, submit)),
            };
            (verdict, inner.controls.answer_delay)
        };
        match verdict {
            Err(status) => self.answer(status, sequence, Pdu::SubmitSmResp(SubmitSmResp::default())).await,
            Ok(taken) => self.taken(sequence, taken, answer_delay).await,
        }
    }

    async fn taken(&mut self, sequence: u32, taken: Taken, answer_delay: Duration) -> Then {
        if taken.cut {
            tokio::spawn(taken.deliver(Arc::clone(&self.shared), None));
            return Then::Close;
        }
        let message_id = COctetString::from_str(&taken.answer_id).unwrap_or_default();
        let answer = SubmitSmResp::builder().message_id(message_id).build();
        let answer = Command::new(CommandStatus::EsmeRok, sequence, Pdu::SubmitSmResp(answer));
        let answered = !taken.withhold;
        if taken.receipt_first {
            let receipts = taken.receipts(&self.shared);
            for receipt in receipts {
                if self.send(&receipt).await == Then::Close {
                    return Then::Close;
                }
            }
        }
        if answered && answer_delay.is_zero() && self.send(&answer).await == Then::Close {
            return Then::Close;
        }
        if answered && !answer_delay.is_zero() {
            let inbox = self.inbox.clone();
            tokio::spawn(async move {
                sleep(answer_delay).await;
                // The connection may have ended in the meantime.
                let _sent = inbox.send(ToSession::Send(answer)).await;
            });
        }
        let receipts_to = (!taken.receipt_first).then(|| self.inbox.clone());
        tokio::spawn(taken.deliver(Arc::clone(&self.shared), receipts_to));
        Then::GoOn
    }
}

/// What becomes of one text, decided when it is taken.
struct Taken {
    delivered: Delivered,
    answer_id: String,
    receipt_id: String,
    copies: u32,
    delay: Duration,
    withhold: bool,
    cut: bool,
    receipt_state: Option<&'static str>,
    receipt_copies: u32,
    receipt_first: bool,
    text_only: bool,
}

impl Taken {
    fn decide(inner: &mut crate::listener::Inner, submit: &SubmitSm) -> Self {
        inner.last_id += 1;
        let id = inner.last_id;
        let delivered = Delivered {
            to: submit.destination_addr.as_str().to_owned(),
            from: submit.source_addr.as_str().to_owned(),
            text: alphabet::decode(submit.short_message().as_ref()),
        };
        let registered_delivery = u8::from(submit.registered_delivery);
        inner.record(Submission {
            id,
            to: delivered.to.clone(),
            from: delivered.from.clone(),
            text: delivered.text.clone(),
            data_coding: u8::from(submit.data_coding),
            esm_class: u8::from(submit.esm_class),
            registered_delivery,
            validity_period: submit.validity_period.as_str().to_owned(),
        });
        let controls = &mut inner.controls;
        let lost = strike(&mut controls.lose_next);
        let twice = strike(&mut controls.twice_next);
        let truth = if lost { "UNDELIV" } else { "DELIVRD" };
        let state = match controls.receipts {
            ReceiptPolicy::Never => None,
            ReceiptPolicy::Truthful => Some(truth),
            ReceiptPolicy::Undeliverable => Some("UNDELIV"),
        };
        let cut = match controls.cut_after_submits.as_mut() {
            Some(left) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            None => false,
        };
        if cut {
            controls.cut_after_submits = None;
        }
        Self {
            delivered,
            answer_id: controls.id_style.in_answer(id),
            receipt_id: controls.id_style.in_receipt(id),
            copies: if lost { 0 } else { 1 + u32::from(twice) },
            delay: controls.delivery_delay,
            withhold: strike(&mut controls.withhold_answers),
            cut,
            receipt_state: state.filter(|_| registered_delivery & 1 == 1),
            receipt_copies: 1 + u32::from(controls.receipts_twice),
            receipt_first: controls.receipt_before_answer,
            text_only: controls.receipts_as_text_only,
        }
    }

    fn receipts(&self, shared: &Shared) -> Vec<Command> {
        let Some(state) = self.receipt_state else { return Vec::new() };
        let tlv = (!self.text_only)
            .then(|| if state == "DELIVRD" { MessageState::Delivered } else { MessageState::Undeliverable });
        let pdu = receipt(&self.receipt_id, &self.delivered.from, &self.delivered.to, state, tlv);
        let with_sequence = |_| {
            let sequence = shared.inner().next_sequence();
            Command::new(CommandStatus::EsmeRok, sequence, Pdu::DeliverSm(pdu.clone()))
        };
        (0..self.receipt_copies).map(with_sequence).collect()
    }

    async fn deliver(self, shared: Arc<Shared>, receipts_to: Option<mpsc::Sender<ToSession>>) {
        if !self.delay.is_zero() {
            sleep(self.delay).await;
        }
        for _ in 0..self.copies {
            // A lab that does not listen loses its texts, as a phone that is off would.
            let _handed_over = shared.deliveries.send(self.delivered.clone()).await;
        }
        let Some(inbox) = receipts_to else { return };
        for receipt in self.receipts(&shared) {
            // The connection may have ended in the meantime.
            let _sent = inbox.send(ToSession::Send(receipt)).await;
        }
    }
}

/// A receipt by appendix B, from the phone's number to the account's sender.
pub(crate) fn receipt(id: &str, account: &str, phone: &str, state: &str, tlv: Option<MessageState>) -> DeliverSm {
    let text =
        format!("id:{id} sub:001 dlvrd:001 submit date:2501010000 done date:2501010001 stat:{state} err:000 text:");
    let mut builder = DeliverSm::builder()
        .source_addr(COctetString::from_str(phone).unwrap_or_default())
        .destination_addr(COctetString::from_str(account).unwrap_or_default())
        .esm_class(EsmClass::from(RECEIPT_CLASS))
        .short_message(OctetString::from_vec(alphabet::encode(&text)).unwrap_or_default());
    if let Some(state) = tlv {
        builder = builder
            .push_tlv(DeliveryTlv::ReceiptedMessageId(COctetString::from_str(id).unwrap_or_default()))
            .push_tlv(DeliveryTlv::MessageState(state));
    }
    builder.build()
}
