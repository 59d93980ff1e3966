//! An SMS network that keeps every text for the test to read.

use std::sync::Mutex;
use tandem_sms::{SmsDriver, SmsEvent, SmsSubmit, SubmitOutcome, SubmitRefused};
use tokio::sync::{Notify, mpsc};

#[derive(Default)]
pub struct FakeSms {
    sent: Mutex<Vec<SmsSubmit>>,
    arrived: Notify,
    outcome: Mutex<Option<SubmitOutcome>>,
    events: Mutex<Option<mpsc::Receiver<SmsEvent>>>,
    shut_down: Mutex<bool>,
}

impl FakeSms {
    /// What becomes of every text from now on.
    pub fn answer_with(&self, outcome: SubmitOutcome) {
        *self.outcome.lock().unwrap() = Some(outcome);
    }

    /// A sender of link and receipt events.
    pub fn with_events() -> (FakeSms, mpsc::Sender<SmsEvent>) {
        let (sender, receiver) = mpsc::channel(8);
        let fake = FakeSms { events: Mutex::new(Some(receiver)), ..FakeSms::default() };
        (fake, sender)
    }

    pub fn sent_to(&self, number: &str) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        sent.iter().filter(|sms| number.ends_with(sms.to.as_str())).map(|sms| sms.body.clone()).collect()
    }

    /// The newest text to a number, once there is one.
    pub async fn text_for(&self, number: &str) -> String {
        super::within("a verification text", async {
            loop {
                let arrived = self.arrived.notified();
                if let Some(text) = self.sent_to(number).pop() {
                    return text;
                }
                arrived.await;
            }
        })
        .await
    }

    pub fn was_shut_down(&self) -> bool {
        *self.shut_down.lock().unwrap()
    }
}

#[async_trait::async_trait]
impl SmsDriver for FakeSms {
    async fn submit(&self, sms: SmsSubmit) -> Result<SubmitOutcome, SubmitRefused> {
        self.sent.lock().unwrap().push(sms);
        self.arrived.notify_waiters();
        let outcome = self.outcome.lock().unwrap().clone();
        Ok(outcome.unwrap_or(SubmitOutcome::Accepted { smsc_id: "1".to_owned() }))
    }

    fn take_events(&self) -> Option<mpsc::Receiver<SmsEvent>> {
        self.events.lock().unwrap().take()
    }

    async fn shutdown(&self) {
        *self.shut_down.lock().unwrap() = true;
    }
}
