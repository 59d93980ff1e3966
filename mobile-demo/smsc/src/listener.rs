//! The SMSC as a handle: started once, shared freely, every control a method.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusmpp::pdus::DeliverSm;
use rusmpp::types::{COctetString, OctetString};
use rusmpp::values::{EsmClass, Npi, Ton};
use rusmpp::{Command, CommandStatus, Pdu};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::alphabet;
use crate::connection::{self, ToSession};
use crate::controls::{BindFault, Controls, Delivered, IdStyle, ReceiptPolicy, Submission};

/// Texts handed over and not read yet. With more, delivery waits.
const DELIVERIES: usize = 1_024;

/// Submissions remembered. The oldest is forgotten first.
const SUBMISSIONS: usize = 100_000;

/// Where to listen and who may bind.
#[derive(Debug, Clone)]
pub struct SmscConfig {
    /// Port 0 lets the system choose; see [`Smsc::address`].
    pub listen: SocketAddr,
    /// The account's name.
    pub system_id: String,
    /// The account's password.
    pub password: String,
}

impl Default for SmscConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            system_id: "tandem".to_owned(),
            password: "secret".to_owned(),
        }
    }
}

/// No session is bound that could take the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no session is bound to the mock SMSC")]
pub struct NotBound;

/// A running mock SMSC. It ends when the last handle is dropped.
#[derive(Clone)]
pub struct Smsc {
    shared: Arc<Shared>,
    _listener: Arc<EndWithHandle>,
}

pub(crate) struct Shared {
    pub(crate) config: SmscConfig,
    pub(crate) address: SocketAddr,
    pub(crate) deliveries: mpsc::Sender<Delivered>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
pub(crate) struct Inner {
    pub(crate) controls: Controls,
    pub(crate) submissions: Vec<Submission>,
    pub(crate) last_id: u64,
    pub(crate) last_sequence: u32,
    pub(crate) sessions: BTreeMap<u64, mpsc::Sender<ToSession>>,
    pub(crate) bound: BTreeMap<u64, ()>,
    pub(crate) binds: u64,
    pub(crate) enquiries: u64,
    pub(crate) unbinds: u64,
    pub(crate) delivery_answers: Vec<u32>,
    pub(crate) window: Option<(Instant, u32)>,
}

struct EndWithHandle(JoinHandle<()>);

impl Drop for EndWithHandle {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shared {
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(crate) fn record(&mut self, submission: Submission) {
        if self.submissions.len() >= SUBMISSIONS {
            self.submissions.remove(0);
        }
        self.submissions.push(submission);
    }

    pub(crate) const fn next_sequence(&mut self) -> u32 {
        self.last_sequence = if self.last_sequence >= 0x7FFF_FFFF { 1 } else { self.last_sequence + 1 };
        self.last_sequence
    }

    /// Whether one more submit fits this second.
    pub(crate) fn within_rate(&mut self, now: Instant) -> bool {
        let Some(most) = self.controls.per_second else { return true };
        let (start, count) =
            self.window.filter(|(start, _)| now.duration_since(*start) < Duration::from_secs(1)).unwrap_or((now, 0));
        self.window = Some((start, count.saturating_add(1)));
        count < most
    }
}

impl Smsc {
    /// Listens. Texts that reach their phone come out of the receiver.
    pub async fn start(config: SmscConfig) -> io::Result<(Self, mpsc::Receiver<Delivered>)> {
        let listener = TcpListener::bind(config.listen).await?;
        let (deliveries, delivered) = mpsc::channel(DELIVERIES);
        let shared = Arc::new(Shared { address: listener.local_addr()?, config, deliveries, inner: Mutex::default() });
        let task = tokio::spawn(connection::accept(listener, Arc::clone(&shared)));
        Ok((Self { shared, _listener: Arc::new(EndWithHandle(task)) }, delivered))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    fn set(&self, change: impl FnOnce(&mut Controls)) {
        change(&mut self.shared.inner().controls);
    }

    /// Refuses every bind this way; `None` takes those of the account again.
    pub fn refuse_binds(&self, fault: Option<BindFault>) {
        self.set(|controls| controls.bind_fault = fault);
    }

    /// Answers `enquire_link`, or does not.
    pub fn answer_enquiries(&self, answer: bool) {
        self.set(|controls| controls.answer_enquiries = answer);
    }

    /// Throttles submits beyond this many a second; `None` takes them all.
    pub fn throttle_per_second(&self, most: Option<u32>) {
        self.set(|controls| controls.per_second = most);
    }

    /// Answers the next submits with `ESME_RTHROTTLED`.
    pub fn throttle_next(&self, count: u32) {
        self.set(|controls| controls.throttle_next = count);
    }

    /// Answers the next submits with `ESME_RMSGQFUL`.
    pub fn queue_full_next(&self, count: u32) {
        self.set(|controls| controls.queue_full_next = count);
    }

    /// Refuses texts to this number with `ESME_RINVDSTADR`.
    pub fn refuse_number(&self, digits: &str) {
        self.set(|controls| {
            controls.refused_numbers.insert(digits.to_owned());
        });
    }

    /// Takes the next texts, delivers them, and never answers their submits.
    pub fn withhold_answers(&self, count: u32) {
        self.set(|controls| controls.withhold_answers = count);
    }

    /// Waits this long before each answer to a submit.
    pub fn delay_answers(&self, delay: Duration) {
        self.set(|controls| controls.answer_delay = delay);
    }

    /// Cuts the connection once this many more submits were taken; the last of them is not answered.
    pub fn cut_after_submits(&self, count: u32) {
        self.set(|controls| controls.cut_after_submits = Some(count));
    }

    /// Loses the next texts: accepted, never delivered.
    pub fn lose_next(&self, count: u32) {
        self.set(|controls| controls.lose_next = count);
    }

    /// Delivers the next texts twice.
    pub fn deliver_twice_next(&self, count: u32) {
        self.set(|controls| controls.twice_next = count);
    }

    /// Delivers each text this long after it was accepted.
    pub fn delay_delivery(&self, delay: Duration) {
        self.set(|controls| controls.delivery_delay = delay);
    }

    /// What receipts say.
    pub fn receipts(&self, policy: ReceiptPolicy) {
        self.set(|controls| controls.receipts = policy);
    }

    /// Sends each receipt twice.
    pub fn receipts_twice(&self, twice: bool) {
        self.set(|controls| controls.receipts_twice = twice);
    }

    /// Sends each receipt before the answer to its submit.
    pub fn receipt_before_answer(&self, before: bool) {
        self.set(|controls| controls.receipt_before_answer = before);
    }

    /// Leaves the TLVs out of receipts.
    pub fn receipts_as_text_only(&self, text_only: bool) {
        self.set(|controls| controls.receipts_as_text_only = text_only);
    }

    /// How ids are written.
    pub fn id_style(&self, style: IdStyle) {
        self.set(|controls| controls.id_style = style);
    }

    /// A phone sends a text to the account.
    pub async fn send_from_phone(&self, from: &str, to: &str, text: &str) -> Result<(), NotBound> {
        let deliver = DeliverSm::builder()
            .source_addr_ton(Ton::from(1))
            .source_addr_npi(Npi::from(1))
            .source_addr(COctetString::from_str(from).unwrap_or_default())
            .destination_addr(COctetString::from_str(to).unwrap_or_default())
            .esm_class(EsmClass::from(0))
            .short_message(OctetString::from_vec(alphabet::encode(text)).unwrap_or_default())
            .build();
        self.send_to_bound(Pdu::DeliverSm(deliver)).await
    }

    /// A receipt for any id, known or not. The state is the word of appendix B, such as `DELIVRD`.
    pub async fn send_receipt(&self, id: &str, to: &str, state: &str) -> Result<(), NotBound> {
        self.send_to_bound(Pdu::DeliverSm(connection::receipt(id, "Tandem", to, state, None))).await
    }

    /// Octets as they are, well formed or not.
    pub async fn send_octets(&self, octets: &[u8]) -> Result<(), NotBound> {
        self.to_bound(ToSession::Octets(octets.to_vec())).await
    }

    async fn send_to_bound(&self, pdu: Pdu) -> Result<(), NotBound> {
        let sequence = self.shared.inner().next_sequence();
        self.to_bound(ToSession::Send(Command::new(CommandStatus::EsmeRok, sequence, pdu))).await
    }

    async fn to_bound(&self, message: ToSession) -> Result<(), NotBound> {
        let session = {
            let inner = self.shared.inner();
            let newest = inner.bound.keys().next_back();
            newest.and_then(|id| inner.sessions.get(id)).cloned()
        };
        session.ok_or(NotBound)?.send(message).await.map_err(|_| NotBound)
    }

    /// Cuts every connection without a word.
    pub async fn cut_connections(&self) {
        self.to_all(|| ToSession::Cut).await;
    }

    /// Sends `unbind` on every connection.
    pub async fn unbind_all(&self) {
        self.to_all(|| ToSession::Unbind).await;
    }

    async fn to_all(&self, message: impl Fn() -> ToSession) {
        let sessions: Vec<_> = self.shared.inner().sessions.values().cloned().collect();
        for session in sessions {
            // A session that ended in the meantime needs no telling.
            let _told = session.send(message()).await;
        }
    }

    /// Every submit taken so far, in order.
    pub fn submissions(&self) -> Vec<Submission> {
        self.shared.inner().submissions.clone()
    }

    /// Sessions bound now.
    pub fn bound_sessions(&self) -> usize {
        self.shared.inner().bound.len()
    }

    /// Binds taken so far.
    pub fn binds(&self) -> u64 {
        self.shared.inner().binds
    }

    /// `enquire_link` received so far.
    pub fn enquiries(&self) -> u64 {
        self.shared.inner().enquiries
    }

    /// `unbind` received so far.
    pub fn unbinds(&self) -> u64 {
        self.shared.inner().unbinds
    }

    /// The statuses of every `deliver_sm_resp` received so far.
    pub fn delivery_answers(&self) -> Vec<u32> {
        self.shared.inner().delivery_answers.clone()
    }
}
