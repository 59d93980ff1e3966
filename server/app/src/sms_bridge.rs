//! Between the decisions and the SMS driver: writes the text, hands it over, and tells what became of it.

use crate::config::Config;
use crate::event::Event;
use crate::metrics::Metrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tandem_logic::{Input, SmsOutcome, VerificationSms};
use tandem_model::{Msisdn, Secret};
use tandem_sms::verification::{HumanCode, TemplateKind, Templates};
use tandem_sms::{
    E164Digits, PermanentReason, ReceiptState, SmsDriver, SmsEvent, SmsSubmit, SubmitOutcome, SubmitRefused,
};
use tandem_wire::frame::SmsPlatform;
use tokio::sync::{Semaphore, mpsc};
use tracing::{info, warn};

/// What a registration is told to wait when no text can be sent now.
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(30);

/// The same when the network would refuse the same text again, until somebody changes the configuration.
const REFUSED_WAIT: Duration = Duration::from_secs(300);

/// The way to the driver, if there is one.
#[derive(Clone)]
pub struct SmsBridge {
    driver: Option<Arc<dyn SmsDriver>>,
    templates: Arc<Templates>,
    served_prefixes: Arc<[String]>,
    under_way: Arc<Semaphore>,
    link_up: Arc<AtomicBool>,
    events: mpsc::Sender<Event>,
    metrics: Arc<Metrics>,
}

impl SmsBridge {
    /// Around a driver, whose events it takes.
    #[must_use]
    pub fn new(
        driver: Option<Arc<dyn SmsDriver>>,
        templates: Templates,
        config: &Config,
        events: mpsc::Sender<Event>,
        metrics: Arc<Metrics>,
    ) -> SmsBridge {
        let bridge = SmsBridge {
            templates: Arc::new(templates),
            served_prefixes: config.sms.served_prefixes.clone().into(),
            under_way: Arc::new(Semaphore::new(usize::try_from(config.sms.submits_max).unwrap_or(usize::MAX))),
            link_up: Arc::new(AtomicBool::new(false)),
            driver,
            events,
            metrics,
        };
        let driver_events = bridge.driver.as_ref().map(|driver| driver.take_events());
        match driver_events {
            Some(Some(driver_events)) => {
                tokio::spawn(bridge.clone().listen(driver_events));
            }
            // A driver without events has no link that could be down.
            Some(None) => bridge.set_link(true),
            None => {}
        }
        bridge
    }

    /// Whether texts can be sent; `None` without a driver.
    #[must_use]
    pub fn link(&self) -> Option<bool> {
        self.driver.as_ref().map(|_| self.link_up.load(Ordering::Acquire))
    }

    /// Hands a text over; what becomes of it comes as an event. An input at once when it cannot even be tried.
    pub fn send(&self, sms: VerificationSms) -> Option<Input> {
        let message_ref = sms.message_ref;
        let refused = |outcome| Some(Input::SmsOutcome { message_ref, outcome });
        let Some(driver) = self.driver.clone() else {
            return refused(SmsOutcome::Unavailable { retry_after: UNAVAILABLE_WAIT });
        };
        let number = sms.to.e164();
        if !self.serves(&number) {
            return refused(SmsOutcome::NotServed);
        }
        let (Ok(to), Some(body)) = (E164Digits::parse(&number), self.write(&sms)) else {
            return refused(SmsOutcome::Unreachable);
        };
        let Ok(slot) = Arc::clone(&self.under_way).try_acquire_owned() else {
            self.metrics.sms_busy.increment(1);
            return refused(SmsOutcome::Unavailable { retry_after: UNAVAILABLE_WAIT });
        };
        let events = self.events.clone();
        tokio::spawn(async move {
            let submit = SmsSubmit { message_ref, to, body, validity: sms.validity };
            let outcome = outcome_of(driver.submit(submit).await);
            drop(slot);
            let _stopping = events.send(Event::Logic(Input::SmsOutcome { message_ref, outcome })).await;
        });
        None
    }

    fn serves(&self, number: &str) -> bool {
        let digits = number.trim_start_matches('+');
        self.served_prefixes.is_empty() || self.served_prefixes.iter().any(|prefix| digits.starts_with(prefix.as_str()))
    }

    /// The text. App hash and domain are the operator's, never the request's: who asks for somebody else's number must not
    /// choose which app or site the code is read by.
    fn write(&self, sms: &VerificationSms) -> Option<String> {
        let kind = match sms.platform {
            SmsPlatform::Dialer => TemplateKind::Generic,
            SmsPlatform::Android { .. } => TemplateKind::Android,
            SmsPlatform::Apple { .. } => TemplateKind::Apple,
        };
        let code = HumanCode::from_random(sms.code.expose().parse().ok()?);
        (code.digits() == *sms.code.expose()).then(|| self.templates.render(kind, code, &sms.token))
    }

    async fn listen(self, mut driver_events: mpsc::Receiver<SmsEvent>) {
        while let Some(event) = driver_events.recv().await {
            let input = match event {
                SmsEvent::LinkUp => {
                    info!("the SMS link is up");
                    self.set_link(true);
                    continue;
                }
                SmsEvent::LinkDown { reason } => {
                    warn!(?reason, "the SMS link is down");
                    self.set_link(false);
                    continue;
                }
                SmsEvent::Receipt { state, .. } if !state.is_final() => continue,
                SmsEvent::Receipt { message_ref, state } => {
                    Input::SmsReceipt { message_ref, delivered: state == ReceiptState::Delivered }
                }
                SmsEvent::Incoming { from, to: _, text } => {
                    let Ok(from) = Msisdn::from_e164(&format!("+{}", from.as_str())) else { continue };
                    Input::SmsIncoming { from, text: Secret::new(text) }
                }
            };
            if self.events.send(Event::Logic(input)).await.is_err() {
                return;
            }
        }
    }

    fn set_link(&self, up: bool) {
        self.link_up.store(up, Ordering::Release);
        self.metrics.sms_link.set(if up { 1.0 } else { 0.0 });
    }
}

fn outcome_of(submitted: Result<SubmitOutcome, SubmitRefused>) -> SmsOutcome {
    match submitted {
        Ok(SubmitOutcome::Accepted { smsc_id: _ }) => SmsOutcome::Accepted,
        Ok(SubmitOutcome::Throttled { retry_after }) => SmsOutcome::Unavailable { retry_after },
        Ok(SubmitOutcome::Permanent { reason: PermanentReason::InvalidDestination }) => {
            info!("the SMS network says that a number cannot be reached");
            SmsOutcome::Unreachable
        }
        // The network's quarrel is with us, not with the number: the operator must look, the person may try later.
        Ok(SubmitOutcome::Permanent {
            reason: reason @ (PermanentReason::InvalidSender | PermanentReason::Malformed | PermanentReason::Other(_)),
        }) => {
            warn!(?reason, "the SMS network refuses verification texts");
            SmsOutcome::Unavailable { retry_after: REFUSED_WAIT }
        }
        Ok(SubmitOutcome::Temporary) | Err(SubmitRefused::QueueFull | SubmitRefused::ShutDown) => {
            SmsOutcome::Unavailable { retry_after: UNAVAILABLE_WAIT }
        }
        // The templates are checked when the server starts, so these two are defects of it.
        Err(refused @ (SubmitRefused::NotGsm7 | SubmitRefused::TooLong)) => {
            tracing::error!(%refused, "a verification text cannot be sent");
            SmsOutcome::Unavailable { retry_after: UNAVAILABLE_WAIT }
        }
        Ok(SubmitOutcome::Unknown) => SmsOutcome::Unknown,
    }
}
