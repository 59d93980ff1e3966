//! What each message of the peer means, by the state it is heard in.

use super::{Heard, REOFFERS_MAX, RoapSession, State};
use tandem_wire::roap::{Roap, RoapError, RoapType};

impl RoapSession {
    pub(super) fn hear_offer(&mut self, roap: &Roap) -> Heard {
        let known = self.theirs.as_ref().is_none_or(|theirs| *theirs == roap.offerer_session_id);
        let for_me = roap.answerer_session_id.as_ref().is_none_or(|id| *id == self.mine);
        if roap.offerer_session_id.is_empty() || !known || !for_me {
            return self.refused(roap, RoapError::NoMatch);
        }
        let Some(sdp) = sdp_of(roap) else { return self.refused(roap, RoapError::Failed) };
        match self.state {
            State::Idle | State::Stable | State::OfferReceived | State::WaitOk { .. } => {
                // Equal is a duplicate, lower is old. A higher one in mid-exchange replaces what it stood for.
                if roap.seq <= self.seq {
                    return Heard::Dropped;
                }
                self.take_offer(roap, sdp, false)
            }
            // Two first offers are two sessions, not glare within one.
            State::OfferSent { .. } if self.theirs.is_none() => self.refused(roap, RoapError::Failed),
            State::OfferSent { tie, .. } => match roap.seq.cmp(&self.seq) {
                std::cmp::Ordering::Less => Heard::Dropped,
                std::cmp::Ordering::Greater => self.take_offer(roap, sdp, true),
                std::cmp::Ordering::Equal => self.glare(roap, sdp, tie),
            },
            State::WaitShutdownOk { .. } | State::Closed => Heard::Dropped,
        }
    }

    fn glare(&mut self, roap: &Roap, sdp: String, mine: u32) -> Heard {
        match roap.tie_breaker.unwrap_or(0) {
            0 => Heard::PeerLost { reply: echo_error(roap, RoapError::Conflict) },
            u32::MAX => self.take_offer(roap, sdp, true),
            theirs if theirs > mine => self.take_offer(roap, sdp, true),
            theirs if theirs < mine => Heard::PeerLost { reply: echo_error(roap, RoapError::Conflict) },
            _ => self.offer_again(Some(echo_error(roap, RoapError::DoubleConflict))),
        }
    }

    pub(super) fn hear_answer(&mut self, roap: &Roap) -> Heard {
        if roap.seq < self.seq {
            return Heard::Dropped;
        }
        if roap.offerer_session_id != self.mine || roap.seq > self.seq {
            return self.refused(roap, RoapError::NoMatch);
        }
        match self.state {
            State::OfferSent { .. } => {}
            State::Idle
            | State::OfferReceived
            | State::WaitOk { .. }
            | State::Stable
            | State::WaitShutdownOk { .. }
            | State::Closed => return Heard::Dropped,
        }
        let Some(answerer) = roap.answerer_session_id.clone().filter(|id| !id.is_empty()) else {
            return self.refused(roap, RoapError::NoMatch);
        };
        if self.theirs.as_ref().is_some_and(|theirs| *theirs != answerer) {
            return self.refused(roap, RoapError::NoMatch);
        }
        let Some(sdp) = sdp_of(roap) else { return self.refused(roap, RoapError::Failed) };
        self.theirs = Some(answerer);
        if roap.more_coming {
            return Heard::Answer { sdp, provisional: true, ok: None };
        }
        self.state = State::Stable;
        self.reoffers = 0;
        let ok = self.message(RoapType::Ok, true);
        Heard::Answer { sdp, provisional: false, ok: Some(ok) }
    }

    pub(super) fn hear_ok(&mut self, roap: &Roap) -> Heard {
        if roap.seq != self.seq {
            return Heard::Dropped;
        }
        match self.state {
            State::WaitOk { .. } => {
                if self.theirs.as_ref() != Some(&roap.offerer_session_id)
                    || roap.answerer_session_id.as_ref() != Some(&self.mine)
                {
                    return self.refused(roap, RoapError::NoMatch);
                }
                self.state = State::Stable;
                Heard::Accepted
            }
            State::WaitShutdownOk { .. } => {
                self.state = State::Closed;
                Heard::Closed { ok: None }
            }
            State::Idle | State::OfferSent { .. } | State::OfferReceived | State::Stable | State::Closed => {
                Heard::Dropped
            }
        }
    }

    pub(super) fn hear_error(&mut self, roap: &Roap) -> Heard {
        // Only an ERROR may come without ids; an old one is about something that is over.
        let about_me = roap.offerer_session_id.is_empty()
            || roap.offerer_session_id == self.mine
            || self.theirs.as_ref() == Some(&roap.offerer_session_id);
        if roap.seq != self.seq || !about_me {
            return Heard::Dropped;
        }
        let error = roap.error_type.unwrap_or(RoapError::Failed);
        match (&self.state, error) {
            (State::OfferSent { .. }, RoapError::Conflict) => {
                self.state = self.at_rest();
                // The standing offer has this very seq and is still to be taken.
                self.seq = self.seq.saturating_sub(1);
                Heard::MineLost
            }
            (State::OfferSent { .. }, RoapError::DoubleConflict) => self.offer_again(None),
            (
                State::OfferSent { .. } | State::WaitOk { .. },
                RoapError::NoMatch
                | RoapError::Timeout
                | RoapError::Refused
                | RoapError::Failed
                | RoapError::Conflict
                | RoapError::DoubleConflict,
            ) => {
                self.state = self.at_rest();
                Heard::Failed(error)
            }
            (State::WaitShutdownOk { .. }, _) => {
                self.state = State::Closed;
                Heard::Closed { ok: None }
            }
            (State::Idle | State::OfferReceived | State::Stable | State::Closed, _) => Heard::Dropped,
        }
    }

    pub(super) fn hear_shutdown(&mut self, roap: &Roap) -> Heard {
        self.state = State::Closed;
        let mut ok = self.message(RoapType::Ok, false);
        ok.offerer_session_id.clone_from(&roap.offerer_session_id);
        ok.answerer_session_id = Some(self.mine.clone());
        ok.seq = roap.seq;
        Heard::Closed { ok: Some(ok) }
    }

    fn take_offer(&mut self, roap: &Roap, sdp: String, mine_abandoned: bool) -> Heard {
        self.theirs = Some(roap.offerer_session_id.clone());
        self.seq = roap.seq;
        self.state = State::OfferReceived;
        Heard::Offer { sdp, mine_abandoned }
    }

    fn offer_again(&mut self, reply: Option<Roap>) -> Heard {
        self.state = self.at_rest();
        if self.reoffers >= REOFFERS_MAX {
            return Heard::Failed(RoapError::DoubleConflict);
        }
        self.reoffers += 1;
        Heard::OfferAgain { reply }
    }

    fn refused(&self, roap: &Roap, why: RoapError) -> Heard {
        Heard::Refused { reply: echo_error(roap, why) }
    }
}

/// An ERROR echoes the ids and the seq of what it is about.
pub(super) fn echo_error(about: &Roap, why: RoapError) -> Roap {
    Roap {
        message_type: RoapType::Error,
        offerer_session_id: about.offerer_session_id.clone(),
        answerer_session_id: about.answerer_session_id.clone(),
        seq: about.seq,
        sdp: None,
        tie_breaker: None,
        more_coming: false,
        error_type: Some(why),
    }
}

fn sdp_of(roap: &Roap) -> Option<String> {
    roap.sdp.clone().filter(|sdp| !sdp.is_empty())
}
