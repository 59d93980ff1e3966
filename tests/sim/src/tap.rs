//! A world that somebody else directs, such as a scenario: its persons do not react and its carrier does nothing by itself.
//! What a person would see and what the carrier is asked for come out of a tap, in order, and whoever directs answers.

use crate::server::ServerBox;
use crate::world::World;
use tandem_logic::Input;
use tandem_machine::effect::{Event, Refusal, Reply};
use tandem_machine::input::{Command, HostInput};
use tandem_model::{Msisdn, Ticket};

/// Something that came out.
#[derive(Clone, Debug)]
pub enum Tapped {
    /// A phone's app is shown something.
    Shown(usize, Event),
    /// A phone's machine answers a command.
    Answered(usize, Ticket, Result<Reply, Refusal>),
    /// A phone's core dials through the carrier.
    Dials(usize, Ticket, String),
    /// A phone's core sends an SMS.
    Texts {
        /// Which phone.
        phone: usize,
        /// To answer by.
        ticket: Ticket,
        /// To whom.
        to: String,
        /// The words.
        body: String,
    },
    /// The server hands a verification SMS to the SMS network, which answers by [`crate::world::What::SmsOutcome`].
    SmsOrdered {
        /// To answer by.
        message_ref: u64,
        /// To whom.
        to: Msisdn,
        /// The words.
        body: String,
    },
    /// An SMS of [`crate::world::What::Sms`] is due.
    SmsDue {
        /// To whom.
        to: u64,
        /// From whom, as shown.
        from: String,
        /// The words.
        body: String,
    },
    /// The server has kept and answered everything it was asked before [`World::ask_server_to_stop`].
    ServerStopped,
}

/// The tap: shut in a world that lives by itself.
#[derive(Clone, Debug, Default)]
pub struct Tap {
    open: bool,
    drops: Vec<Tapped>,
}

impl World {
    /// Opens the tap: from now on persons and carrier do nothing by themselves.
    pub fn open_tap(&mut self) {
        self.tap.open = true;
    }

    /// What came out since it was last asked for.
    pub fn tapped(&mut self) -> Vec<Tapped> {
        std::mem::take(&mut self.tap.drops)
    }

    /// Lets something out. False when the tap is shut and the world goes on by itself.
    pub(crate) fn drip(&mut self, drop: impl FnOnce() -> Tapped) -> bool {
        if self.tap.open {
            self.tap.drops.push(drop());
        }
        self.tap.open
    }

    /// A person's command; the ticket of its answer, or nothing when the phone is off.
    pub fn ask(&mut self, phone: usize, command: Command) -> Option<Ticket> {
        let boot = self.phones.get(phone).filter(|phone| phone.device.is_some())?.boot;
        self.command(phone, boot, command);
        self.phones.get(phone).map(|phone| Ticket(phone.commands))
    }

    /// What a phone's OS tells its core. False when the phone is off.
    pub fn host(&mut self, phone: usize, input: HostInput) -> bool {
        let Some(boot) = self.phones.get(phone).filter(|phone| phone.device.is_some()).map(|phone| phone.boot) else {
            return false;
        };
        self.phone_input(phone, boot, tandem_machine::Input::Host(input));
        true
    }

    /// Asks the server for an orderly end; [`Tapped::ServerStopped`] says that the process may go.
    pub fn ask_server_to_stop(&mut self) {
        if ServerBox::is_up(&self.server) {
            self.server_input(Input::Shutdown);
        }
    }
}
