//! Data that goes straight to another phone.

use crate::core::Core;
use crate::errors::TandemError;
use tandem_engine::Command;
use tandem_model::{Line, Msisdn, Secret};

#[uniffi::export]
impl Core {
    /// Lets a number learn where this phone is, so that its texts and datagrams come straight here, or no longer. Off for
    /// everybody until it is said; the server keeps it, and it ends with either side's registration. `line` absent: the first
    /// registered SIM. Throws `NotRegistered`, `NoSuchLine`, `Offline`, `Full`.
    pub async fn set_consent(&self, number: Msisdn, allow: bool, line: Option<Line>) -> Result<(), TandemError> {
        self.done(Command::SetConsent { number, line, allow }).await
    }

    /// Sends a datagram of an application straight to a number, 1 to 1,000 bytes: it may be lost, and comes once or not at
    /// all. `application` from 1. Throws `NotReachable` while no direct connection stands (one is looked for), `BadBody`,
    /// `NotRegistered`, `NoSuchLine`.
    pub async fn send_datagram(
        &self,
        to: Msisdn,
        application: u32,
        body: Vec<u8>,
        line: Option<Line>,
    ) -> Result<(), TandemError> {
        self.done(Command::SendDatagram { to, line, application, body: Secret::new(body) }).await
    }
}
