//! Calls and callbacks of the product's shapes that do nothing: what crossing the border costs by itself.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, OnceLock};
use std::thread;
use tandem::core::Core;
use tandem::errors::TandemError;
use tandem::events::NumberedEvent;
use tandem::host::HostEvent;
use tandem_engine::view::ArrivedText;
use tandem_model::{Bearer, DeviceEpoch, Line, Msisdn, TextBody, TextId, WallMillis};
use tokio::sync::oneshot;

/// Does nothing with what `Core.notify` takes, and answers as it does.
#[uniffi::export]
pub fn empty_notify(_core: Arc<Core>, _event: HostEvent) -> Result<(), TandemError> {
    Ok(())
}

/// Does nothing, as a future that is ready at once.
#[uniffi::export]
#[expect(clippy::unused_async, reason = "it is to be async and empty")]
pub async fn empty_await() -> Result<(), TandemError> {
    Ok(())
}

/// One thread that tells, as the core's do.
fn teller() -> &'static Sender<Box<dyn FnOnce() + Send>> {
    static TELLER: OnceLock<Sender<Box<dyn FnOnce() + Send>>> = OnceLock::new();
    TELLER.get_or_init(|| {
        let (to, from) = mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let tell = move || from.into_iter().for_each(|word| word());
        // Detached: it waits for words as long as the process lives. Without it nothing is ever told, which whoever waits sees.
        drop(thread::Builder::new().name("testkit-tell".to_owned()).spawn(tell));
        to
    })
}

/// Does nothing, as a future that another thread makes ready: what waiting for a word costs by itself.
#[uniffi::export]
pub async fn empty_wake() {
    let (wake, woken) = oneshot::channel();
    // Whoever no longer waits dropped its future.
    drop(teller().send(Box::new(move || {
        let _gone = wake.send(());
    })));
    drop(woken.await);
}

/// Lets a core tell its app of a text that never came, from another thread.
#[uniffi::export]
pub fn push_event_soon(core: Arc<Core>) {
    drop(teller().send(Box::new(move || core.engine().tell_app(arrived(0)))));
}

/// Why a callback failed; none of these ever does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Error)]
pub enum CallbackError {
    /// The other language threw.
    Failed,
}

impl std::fmt::Display for CallbackError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the callback failed")
    }
}

impl std::error::Error for CallbackError {}

impl From<uniffi::UnexpectedUniFFICallbackError> for CallbackError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> CallbackError {
        CallbackError::Failed
    }
}

/// A callback that does nothing: what telling a host something costs by itself.
#[uniffi::export(foreign)]
pub trait EmptyCallback: Send + Sync {
    /// Nothing.
    fn tell(&self, event: NumberedEvent) -> Result<(), CallbackError>;
}

/// Calls an empty callback so many times, each with an event like those of [`push_events`]. Gives how often it failed.
#[uniffi::export]
pub fn call_back(callback: Arc<dyn EmptyCallback>, times: u32) -> u32 {
    let told = (0..times).map(|number| NumberedEvent::from((u64::from(number), arrived(number))));
    told.filter(|event| callback.tell(event.clone()).is_err()).map(|_| 1).sum()
}

/// Lets a core tell its app of so many texts that never came.
#[uniffi::export]
pub fn push_events(core: Arc<Core>, times: u32) {
    for number in 0..times {
        core.engine().tell_app(arrived(number));
    }
}

fn arrived(number: u32) -> tandem_engine::Event {
    let sender = Msisdn::from_e164("+4915112345678");
    #[expect(clippy::expect_used, reason = "a number of the test kit's own")]
    let from = sender.expect("a number");
    tandem_engine::Event::TextArrived(ArrivedText {
        line: Line(0),
        from,
        id: TextId { device_epoch: DeviceEpoch(7), counter: u64::from(number) + 1 },
        body: TextBody::new("on my way, ten minutes, start without me".to_owned()),
        gap_before: 0,
        bearer: Bearer::Data,
        sent_at: WallMillis(1_700_000_000_000),
    })
}
