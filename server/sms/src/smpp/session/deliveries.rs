//! What the SMSC delivers: receipts and texts from phones.

use rusmpp::CommandStatus;
use rusmpp::pdus::DeliverSm;
use tandem_model::Mono;

use super::{Effect, Session};
use crate::driver::SmsEvent;
use crate::number::E164Digits;
use crate::smpp::receipt_book::{Parties, Reading};
use crate::smpp::{deliver, pdu, receipt};

impl Session {
    pub(super) fn deliver(&mut self, sequence: u32, deliver: &DeliverSm, may_emit: bool, now: Mono) {
        if !may_emit {
            self.counters.deferred_deliveries += 1;
            self.effects.push_back(Effect::Send(pdu::deliver_answer(CommandStatus::EsmeRxTAppn, sequence)));
            return;
        }
        let text = deliver::text(deliver);
        if receipt::is_receipt(deliver) {
            self.receipt(deliver, &text.unwrap_or_default(), now);
        } else {
            self.incoming(deliver, text, now);
        }
        self.effects.push_back(Effect::Send(pdu::deliver_answer(CommandStatus::EsmeRok, sequence)));
    }

    pub(super) fn receipt(&mut self, deliver: &DeliverSm, text: &str, now: Mono) {
        let Some(receipt) = receipt::read(deliver, text) else {
            self.counters.unreadable_receipts += 1;
            return;
        };
        let parties = Parties::new(deliver.source_addr.as_str(), deliver.destination_addr.as_str());
        let reading = self.book.receipt(receipt, parties, now);
        self.tell(reading);
    }

    pub(super) fn tell(&mut self, reading: Reading) {
        match reading {
            Reading::News { message_ref, state } => {
                self.effects.push_back(Effect::Event(SmsEvent::Receipt { message_ref, state }));
            }
            Reading::Repeated => self.counters.repeated_receipts += 1,
            Reading::Early => {}
        }
    }

    pub(super) fn incoming(&mut self, deliver: &DeliverSm, text: Option<String>, now: Mono) {
        let to = deliver.destination_addr.as_str();
        let (Ok(from), Some(text)) = (E164Digits::parse(deliver.source_addr.as_str()), text) else {
            self.counters.unreadable_incoming += 1;
            return;
        };
        if self.lately.is_repetition(from.as_str(), to, &text, now) {
            self.counters.repeated_incoming += 1;
            return;
        }
        self.effects.push_back(Effect::Event(SmsEvent::Incoming { from, to: to.to_owned(), text }));
    }

    /// Refused for good, so that the SMSC does not bring it again for days.
    pub(super) fn refuse_delivery(&mut self, sequence: u32) {
        self.effects.push_back(Effect::Send(pdu::deliver_answer(CommandStatus::EsmeRxPAppn, sequence)));
    }
}
