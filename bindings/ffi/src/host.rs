//! What the OS tells: what happened to the phone, and the answers to what it was asked.

use crate::core::Core;
use crate::errors::{HostError, TandemError};
use tandem_engine::{Changed, ContactsPage, HostInput, NotifyError, input};
use tandem_model::{Line, Secret, Ticket};

#[uniffi::export]
impl Core {
    /// Tells what happened to the phone. Returns at once. `Full` means that it was not taken: tell it again.
    pub fn notify(&self, event: HostEvent) -> Result<(), TandemError> {
        match event {
            HostEvent::SimsChanged => self.engine.look_again(Changed::Sims)?,
            HostEvent::NetworkChanged => self.engine.look_again(Changed::Network)?,
            HostEvent::ContactsChanged => self.engine.look_again(Changed::Contacts)?,
            HostEvent::EmergencyNumbers { numbers } => self.engine.notify(HostInput::EmergencyNumbers(numbers))?,
            HostEvent::SmsReceived { line, sender, body } => {
                let (from, body) = (Secret::new(sender), Secret::new(body));
                self.engine.notify(HostInput::SmsReceived { line, from, body })?;
            }
            HostEvent::CarrierCall { ticket, state } => {
                self.engine.notify(HostInput::CarrierCall { ticket, state })?;
            }
            HostEvent::Woken => self.engine.notify(HostInput::Woken)?,
        }
        Ok(())
    }

    /// Answers what a port was asked under a ticket. Returns at once. An answer nobody waits for (late, double, made up, to a
    /// core that has stopped) is dropped and is no error: a port that answers from within must not fail by it. `Full` means
    /// that it was not taken: answer again.
    pub fn host_reply(&self, ticket: Ticket, reply: HostReply) -> Result<(), TandemError> {
        let taken = match reply {
            HostReply::SmsSent { ok } => self.engine.notify(HostInput::SmsSent { ticket, ok }),
            HostReply::CarrierDialed { ok } => self.engine.notify(HostInput::CarrierDialed { ticket, ok }),
            HostReply::ContactsPage { numbers, next } => {
                let numbers = numbers.into_iter().map(Secret::new).collect();
                self.engine.contacts_page(ticket, Ok(ContactsPage { numbers, next }))
            }
            HostReply::NoContacts { why } => self.engine.contacts_page(ticket, Err(why.into())),
        };
        match taken {
            Ok(()) | Err(NotifyError::Stopped) => Ok(()),
            Err(NotifyError::Full) => Err(TandemError::Full),
        }
    }
}

/// Something that happened to the phone.
#[derive(Clone, uniffi::Enum)]
pub enum HostEvent {
    /// A SIM came, went or changed, or its number became known: `SimPort.slots` is asked again.
    SimsChanged,
    /// The network path changed: `NetworkPort.snapshot` is asked again.
    NetworkChanged,
    /// The phone book changed: it is read again.
    ContactsChanged,
    /// The OS's list of emergency numbers, for where the phone is now, in place of the one before. They never enter the data
    /// path, nor do those that are built in. The first 1,024 are heard.
    EmergencyNumbers {
        /// As dialed.
        numbers: Vec<String>,
    },
    /// An SMS came.
    SmsReceived {
        /// To which SIM.
        line: Line,
        /// From whom, as the network shows it (may be letters).
        sender: String,
        /// The words.
        body: String,
    },
    /// What a carrier call does, whoever placed it.
    CarrierCall {
        /// The ticket under which the core had it dialed; absent for all others.
        ticket: Option<Ticket>,
        /// What it does.
        state: CarrierCallState,
    },
    /// A push or the OS says that something waits at the server.
    Woken,
}

pub use input::CarrierCallState;

/// What a carrier call does.
#[uniffi::remote(Enum)]
pub enum CarrierCallState {
    /// Rings here.
    Ringing,
    /// Both can talk.
    Active,
    /// Over.
    Ended,
}

/// The answer to what a port was asked.
#[derive(Clone, uniffi::Enum)]
pub enum HostReply {
    /// To `SmsPort.send`: what became of the SMS.
    SmsSent {
        /// False when the carrier or the OS refused it.
        ok: bool,
    },
    /// To `TelephonyPort.dial`: whether the OS took the call.
    CarrierDialed {
        /// False when the OS refused it.
        ok: bool,
    },
    /// To `ContactsPort.request_page`.
    ContactsPage {
        /// Raw numbers, as the contacts hold them.
        numbers: Vec<String>,
        /// Where the next page begins; absent after the last.
        next: Option<String>,
    },
    /// To `ContactsPort.request_page`: there is no page.
    NoContacts {
        /// Why. `Unsupported` ends the asking, anything else is asked again later.
        why: HostError,
    },
}
