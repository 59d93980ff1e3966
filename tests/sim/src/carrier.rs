//! The carrier: SMS between everybody, and calls that ring, are answered and end.

use crate::history::Word;
use crate::tap::Tapped;
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
    /// The phone that dialed, the life in which it did, and its order.
    caller: (usize, u64, Ticket),
    callee: Option<usize>,
    talked_on: bool,
}

impl CarrierCall {
    fn is_of(&self, phone: usize) -> bool {
        self.caller.0 == phone || self.callee == Some(phone)
    }
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
        if self.drip(|| Tapped::Dials(phone, ticket, digits.to_owned())) {
            return;
        }
        let busy = |index: usize| self.carrier.calls.values().any(|call| call.is_of(index));
        let ok = !busy(phone);
        let holder = Msisdn::from_e164(digits).ok().and_then(|number| self.holder(number.as_u64()));
        let callee = holder.map(|(index, _)| index).filter(|index| *index != phone && !busy(*index));
        let callee = callee.filter(|index| self.phones.get(*index).is_some_and(|phone| phone.device.is_some()));
        self.later(50, What::Phone(phone, boot, Input::Host(HostInput::CarrierDialed { ticket, ok })));
        if !ok {
            return;
        }
        self.carrier.next += 1;
        let number = self.carrier.next;
        self.carrier.calls.insert(number, CarrierCall { caller: (phone, boot, ticket), callee, talked_on: false });
        for (step, wait) in [(0, 1_500), (1, 5_000), (2, 30_000)] {
            self.later(wait, What::Carrier(number, step));
        }
    }

    pub(crate) fn carrier_step(&mut self, number: u64, step: u8) {
        let Some(call) = self.carrier.calls.get_mut(&number) else { return };
        call.talked_on = step == 1;
        let call = call.clone();
        let state = match step {
            0 => CarrierCallState::Ringing,
            1 => CarrierCallState::Active,
            _ => CarrierCallState::Ended,
        };
        if step > 1 {
            self.carrier.calls.remove(&number);
        }
        let caller = (step > 0).then_some(call.caller.0);
        for phone in caller.into_iter().chain(call.callee) {
            if step > 0 {
                self.tell(phone, Word::CarrierActive { on: call.talked_on });
            }
            self.carrier_tells(phone, &call, state);
        }
    }

    /// Tells the phone's present life of a call. What an earlier one ordered is nobody's order now.
    fn carrier_tells(&mut self, phone: usize, call: &CarrierCall, state: CarrierCallState) {
        let boot = self.phones.get(phone).map_or(0, |phone| phone.boot);
        let (caller, ordered_in, order) = call.caller;
        let ticket = Some(order).filter(|_| caller == phone && ordered_in == boot);
        self.phone_input(phone, boot, Input::Host(HostInput::CarrierCall { ticket, state }));
    }

    /// A phone that starts hears of the call it is in: that is the modem's, and goes on whatever the process does.
    pub(crate) fn carrier_tells_again(&mut self, phone: usize) {
        let call = self.carrier.calls.values().find(|call| call.is_of(phone) && call.talked_on).cloned();
        if let Some(call) = call {
            self.carrier_tells(phone, &call, CarrierCallState::Active);
        }
    }

    pub(crate) fn modem_texts(&mut self, phone: usize, boot: u64, ticket: Ticket, to: &str, body: &str) {
        if self.drip(|| Tapped::Texts { phone, ticket, to: to.to_owned(), body: body.to_owned() }) {
            return;
        }
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
        if self.drip(|| Tapped::SmsDue { to, from: from.clone(), body: body.clone() }) {
            return;
        }
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
