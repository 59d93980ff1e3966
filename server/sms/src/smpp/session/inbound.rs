//! What each PDU from the SMSC means.

use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use tandem_model::Mono;

use super::{Effect, Session, State};
use crate::driver::{BindRefusal, LinkDownReason, PermanentReason, SmsEvent, SubmitOutcome};
use crate::smpp::frame::Header;
use crate::smpp::pdu::{self, Refusal};

impl Session {
    pub(super) fn command(&mut self, command: &Command, may_emit: bool, now: Mono) {
        let sequence = command.sequence_number();
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "some thirty commands of which an ESME expects these; the rest are refused"
        )]
        match command.id() {
            CommandId::BindTransceiverResp => self.bind_answer(sequence, command.status(), now),
            CommandId::SubmitSmResp => {
                let id = match command.pdu() {
                    Some(Pdu::SubmitSmResp(answer)) => answer.message_id().as_str().to_owned(),
                    Some(_) | None => String::new(),
                };
                self.submit_answer(sequence, command.status(), id, now);
            }
            CommandId::DeliverSm => match command.pdu() {
                Some(Pdu::DeliverSm(deliver)) => self.deliver(sequence, deliver, may_emit, now),
                Some(_) | None => self.refuse_delivery(sequence),
            },
            CommandId::EnquireLink => self.effects.push_back(Effect::Send(pdu::plain(sequence, Pdu::EnquireLinkResp))),
            CommandId::EnquireLinkResp => self.enquiry_answer(sequence),
            CommandId::Unbind => self.peer_unbinds(sequence, now),
            CommandId::UnbindResp => {
                if let State::Unbinding { .. } = self.state {
                    self.stop();
                } else {
                    self.counters.stray_answers += 1;
                }
            }
            CommandId::GenericNack => self.nacked(sequence, command.status(), now),
            // Told for information; there is no answer to it.
            CommandId::AlertNotification => {}
            other if u32::from(other) & 0x8000_0000 != 0 => self.counters.stray_answers += 1,
            _ => {
                self.counters.unexpected_requests += 1;
                self.effects.push_back(Effect::Send(pdu::answer(
                    CommandStatus::EsmeRinvcmdid,
                    sequence,
                    Pdu::GenericNack,
                )));
            }
        }
    }

    pub(super) fn undecodable(&mut self, header: Header, now: Mono) {
        self.counters.undecodable_pdus += 1;
        let status = CommandStatus::from(header.status);
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the commands whose header alone says enough; the rest are refused"
        )]
        match CommandId::from(header.id) {
            // The status is what counts; only the SMSC's id of the text is lost.
            CommandId::SubmitSmResp => self.submit_answer(header.sequence, status, String::new(), now),
            CommandId::BindTransceiverResp => self.bind_answer(header.sequence, status, now),
            CommandId::EnquireLinkResp => self.enquiry_answer(header.sequence),
            CommandId::GenericNack => self.nacked(header.sequence, status, now),
            CommandId::DeliverSm => self.refuse_delivery(header.sequence),
            _ if header.is_response() => self.counters.stray_answers += 1,
            _ => {
                let nack = pdu::answer(CommandStatus::EsmeRinvcmdlen, header.sequence, Pdu::GenericNack);
                self.effects.push_back(Effect::Send(nack));
            }
        }
    }

    pub(super) fn bind_answer(&mut self, sequence: u32, status: CommandStatus, now: Mono) {
        let State::Binding { sequence: asked, .. } = self.state else {
            self.counters.stray_answers += 1;
            return;
        };
        if sequence != asked {
            self.counters.stray_answers += 1;
        } else if status == CommandStatus::EsmeRok {
            self.state = State::Bound;
            self.enquiry = None;
            self.reconnect.reset();
            self.link_told_up = true;
            self.effects.push_back(Effect::Event(SmsEvent::LinkUp));
        } else {
            self.refused_bind(status, now);
        }
    }

    /// A refused bind is a person's mistake more often than not: trying again fast would lock the account.
    pub(super) fn refused_bind(&mut self, status: CommandStatus, now: Mono) {
        self.counters.refused_binds += 1;
        let refusal = pdu::bind_refusal(status);
        if refusal != BindRefusal::AlreadyBound {
            self.reconnect.give_up_hope();
        }
        self.link_down(LinkDownReason::BindRefused(refusal), now);
    }

    pub(super) fn nacked(&mut self, sequence: u32, status: CommandStatus, now: Mono) {
        self.counters.generic_nacks += 1;
        if let Some(sent) = self.jobs.sent.remove(&sequence) {
            match pdu::refusal(status) {
                Refusal::Throttled => self.throttled(sent.job, now),
                Refusal::Temporary => self.outcome(&sent.job, SubmitOutcome::Temporary),
                Refusal::Permanent(_) => {
                    self.outcome(&sent.job, SubmitOutcome::Permanent { reason: PermanentReason::Malformed });
                }
            }
        } else if let State::Binding { sequence: asked, .. } = self.state
            && asked == sequence
        {
            self.refused_bind(status, now);
        } else {
            // An SMSC that does not know enquire_link has still shown that it is there.
            self.enquiry_answer(sequence);
        }
    }

    pub(super) fn enquiry_answer(&mut self, sequence: u32) {
        match self.enquiry {
            Some((asked, _)) if asked == sequence => self.enquiry = None,
            Some(_) | None => self.counters.stray_answers += 1,
        }
    }

    pub(super) fn peer_unbinds(&mut self, sequence: u32, now: Mono) {
        self.effects.push_back(Effect::Send(pdu::plain(sequence, Pdu::UnbindResp)));
        match self.state {
            State::Binding { .. } | State::Bound => self.link_down(LinkDownReason::PeerUnbound, now),
            State::Draining { .. } | State::Unbinding { .. } => self.stop(),
            State::Waiting { .. } | State::Connecting { .. } | State::Stopped => {}
        }
    }
}
