//! The mock carrier's SMSC, in SMPP for the server; what it delivers goes on over the switch.

use super::process::Incoming;
use crate::scenario::Verb;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tandem_smsc::{Smsc, SmscConfig};
use tokio::runtime::Runtime;

/// The carrier of one scenario.
pub struct Carrier {
    runtime: Runtime,
    smsc: Smsc,
}

impl Carrier {
    /// Starts the SMSC; what it delivers arrives on `incoming`.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(incoming: Sender<Incoming>) -> Result<Carrier, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        let config = SmscConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            system_id: "tandem".to_owned(),
            password: "pw".to_owned(),
        };
        let (smsc, mut delivered) = runtime.block_on(Smsc::start(config)).map_err(|e| e.to_string())?;
        runtime.spawn(async move {
            while let Some(sms) = delivered.recv().await {
                let (to, from, body) = (format!("+{}", sms.to.trim_start_matches('+')), sms.from, sms.text);
                if incoming.send(Incoming::Sms { to, from, body }).is_err() {
                    return;
                }
            }
        });
        Ok(Carrier { runtime, smsc })
    }

    /// Where the server binds.
    #[must_use]
    pub fn smsc_address(&self) -> SocketAddr {
        self.smsc.address()
    }

    /// Turns the SMSC's knobs.
    pub fn smsc(&mut self, verb: &Verb) {
        let Verb::Smsc { lose, double, delay_ms, throttle, misroute_to: _ } = verb else { return };
        self.smsc.lose_next(*lose);
        self.smsc.deliver_twice_next(*double);
        self.smsc.delay_delivery(Duration::from_millis(*delay_ms));
        self.smsc.throttle_next(*throttle);
    }

    /// Ends the SMSC.
    pub fn stop(self) {
        self.runtime.shutdown_timeout(Duration::from_millis(200));
    }
}
