//! The carrier: SMS between everybody, and calls that ring, are answered and end.

use crate::history::Word;
use crate::world::{What, World};
use std::collections::BTreeMap;
use tandem_machine::input::{CarrierCallState, HostInput, Input};
use tandem_model::{Line, Msisdn, Random, Secret, TextId, Ticket};

/// Carrier calls that are not over.
#[derive(Clone, Debug, Default)]
pub struct Carrier {
    calls: BTreeMap<u64, CarrierCall>,
    next: u64,
}

#[derive(Clone, Debug)]
struct CarrierCall {
    caller: (usize, u64, Ticket),
    callee: Option<(usize, u64)>,
}

impl World {
    /// The phone that holds a number.
    #[must_use]
    pub fn holder(&self, number: u64) -> Option<(usize, Line)> {
        self.phones.iter().enumerate().find_map(|(index, phone)| {
            let slot = phone.numbers.iter().position(|held| held.as_u64() == number)?;
            Some((index, Line(u8::try_from(slot).ok()?)))
        })
    }

    pub(crate) fn modem_dials(&mut self, phone: usize, boot: u64, ticket: Ticket, digits: &str) {
        self.tell(phone, Word::ModemDialed { digits: digits.to_owned() });
        let busy =
            self.carrier.calls.values().any(|call| call.caller.0 == phone || call.callee.is_some_and(|c| c.0 == phone));
        self.later(50, What::Phone(phone, boot, Input::Host(HostInput::CarrierDialed { ticket, ok: !busy })));
        if busy {
            return;
        }
        let holder = Msisdn::from_e164(digits).ok().and_then(|number| self.holder(number.as_u64()));
        let free = |index: usize| {
            !self.carrier.calls.values().any(|call| call.caller.0 == index || call.callee.is_some_and(|c| c.0 == index))
        };
        let callee = holder.map(|(index, _)| index).filter(|index| *index != phone && free(*index));
        let callee = callee.and_then(|index| {
            self.phones.get(index).filter(|phone| phone.device.is_some()).map(|phone| (index, phone.boot))
        });
        self.carrier.next += 1;
        let number = self.carrier.next;
        self.carrier.calls.insert(number, CarrierCall { caller: (phone, boot, ticket), callee });
        for (step, wait) in [(0, 1_500), (1, 5_000), (2, 30_000)] {
            self.later(wait, What::Carrier(number, step));
        }
    }

    pub(crate) fn carrier_step(&mut self, number: u64, step: u8) {
        let Some(call) = self.carrier.calls.get(&number).cloned() else { return };
        let (caller, boot, ticket) = call.caller;
        let at_caller = |state| Input::Host(HostInput::CarrierCall { ticket: Some(ticket), state });
        let at_callee = |state| Input::Host(HostInput::CarrierCall { ticket: None, state });
        let state = match step {
            0 => CarrierCallState::Ringing,
            1 => CarrierCallState::Active,
            _ => CarrierCallState::Ended,
        };
        if step > 0 {
            self.phone_input(caller, boot, at_caller(state));
        }
        if let Some((callee, boot)) = call.callee {
            self.phone_input(callee, boot, at_callee(state));
        }
        if step > 1 {
            self.carrier.calls.remove(&number);
        }
    }

    pub(crate) fn modem_texts(&mut self, phone: usize, boot: u64, ticket: Ticket, to: &str, body: &str) {
        let Ok(number) = Msisdn::from_e164(to) else { return };
        self.tell(phone, Word::SmsLeft { to: number.as_u64(), body: body.to_owned() });
        self.later(300, What::Phone(phone, boot, Input::Host(HostInput::SmsSent { ticket, ok: true })));
        let from = self.phones.get(phone).and_then(|phone| phone.numbers.first()).map(|n| n.e164()).unwrap_or_default();
        // Between people the carrier works: what SMS lose or double is nobody's promise.
        self.later(2_000, What::Sms { to: number.as_u64(), from, body: body.to_owned() });
    }

    /// The network carries a verification SMS, as well as it does.
    pub(crate) fn verification_sms(&mut self, to: Msisdn, body: String) {
        if self.happens(self.faults.sms_lost) {
            return;
        }
        let copies = 1 + u64::from(self.happens(self.faults.sms_doubled));
        for _ in 0..copies {
            let late = if self.happens(self.faults.sms_late) { self.chance.below(300_000) } else { 0 };
            let wait = 1_000 + self.chance.below(4_000) + late;
            self.later(wait, What::Sms { to: to.as_u64(), from: "Tandem".to_owned(), body: body.clone() });
        }
    }

    pub(crate) fn sms_arrives(&mut self, to: u64, from: String, body: String) {
        let Some((phone, line)) = self.holder(to) else { return };
        let boot = self.phones.get(phone).filter(|phone| phone.device.is_some()).map(|phone| phone.boot);
        let Some(boot) = boot else {
            // The network keeps trying until the phone is on.
            return self.later(60_000, What::Sms { to, from, body });
        };
        let (from, body) = (Secret::new(from), Secret::new(body));
        self.phone_input(phone, boot, Input::Host(HostInput::SmsReceived { line, from, body }));
    }

    /// A planted bug: the SMS leaves before the server was asked.
    pub(crate) fn sms_without_asking(&mut self, phone: usize, id: TextId) {
        let row = self.phones.get(phone).and_then(|phone| phone.rows.outgoing().find(|row| row.id == id).cloned());
        if let Some(row) = row {
            let boot = self.phones.get(phone).map_or(0, |phone| phone.boot);
            self.modem_texts(phone, boot, Ticket(u64::MAX), &row.to.e164(), row.body.as_str());
        }
    }
}
