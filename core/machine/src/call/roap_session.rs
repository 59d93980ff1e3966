//! One side of one ROAP session (draft-jennings-rtcweb-signaling-01): which message may come next, and what it means.
//!
//! Knows nothing of calls, phones or SIP; whoever talks ROAP holds one for each session. Timers are backstops behind the
//! ring's own expiry.
//!
//! ```text
//!  Idle, Stable ──offer()──> OfferSent ──ANSWER moreComing──> OfferSent ──ANSWER / OK──> Stable
//!  Idle, Stable ──OFFER──> OfferReceived ──answer(more)──> OfferReceived ──answer──> WaitOk ──OK──> Stable
//!  OfferSent ──OFFER of the same seq──> the higher tie breaker stands, equal ones both try again (glare)
//!  any ──SHUTDOWN / OK──> Closed        any ──shutdown()──> WaitShutdownOk ──OK or time──> Closed
//! ```

mod hearing;

use std::time::Duration;
use tandem_model::Mono;
use tandem_wire::roap::{Roap, RoapError, RoapType};

/// Until an ANSWER must come while the far side rings.
pub const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// Until an ANSWER must be acknowledged.
pub const OK_WAIT: Duration = Duration::from_secs(32);
/// Until a SHUTDOWN must be acknowledged.
pub const SHUTDOWN_WAIT: Duration = Duration::from_secs(5);
/// Offers made again after equal tie breakers before the exchange fails.
pub const REOFFERS_MAX: u8 = 2;

/// One side.
#[derive(Debug)]
pub struct RoapSession {
    mine: String,
    theirs: Option<String>,
    /// Of the newest OFFER by either side; 0 before the first.
    seq: u32,
    reoffers: u8,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    OfferSent { tie: u32, until: Mono },
    OfferReceived,
    WaitOk { until: Mono },
    Stable,
    WaitShutdownOk { until: Mono },
    Closed,
}

/// What a message means to whoever holds the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Take this offer and answer it.
    Offer {
        /// The peer's description.
        sdp: String,
        /// My own offer is out and lost: roll it back first.
        mine_abandoned: bool,
    },
    /// Take this answer.
    Answer {
        /// The peer's description.
        sdp: String,
        /// Another follows.
        provisional: bool,
        /// To be sent once it is taken; for the final one only.
        ok: Option<Roap>,
    },
    /// My answer was taken: the exchange is done.
    Accepted,
    /// The peer's offer crossed mine and lost: send this and go on waiting.
    PeerLost {
        /// ERROR CONFLICT.
        reply: Roap,
    },
    /// My offer lost: roll it back; the peer's stands and comes, or came.
    MineLost,
    /// Both offers are void: roll mine back and offer again.
    OfferAgain {
        /// ERROR DOUBLECONFLICT, when this side found out first.
        reply: Option<Roap>,
    },
    /// My offer or answer failed.
    Failed(RoapError),
    /// The peer ended the session: send the OK, when there is one.
    Closed {
        /// The acknowledgement of a SHUTDOWN.
        ok: Option<Roap>,
    },
    /// A message that fits nothing here: send this ERROR and change nothing.
    Refused {
        /// The ERROR.
        reply: Roap,
    },
    /// Late or double: nothing.
    Dropped,
}

/// Why a message cannot be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the exchange is in another state")]
pub struct OutOfTurn;

impl RoapSession {
    /// A session before its first message. `id` is this side's for as long as the session lasts; never empty.
    #[must_use]
    pub fn new(id: String) -> RoapSession {
        RoapSession { mine: id, theirs: None, seq: 0, reoffers: 0, state: State::Idle }
    }

    /// Offers. A renegotiation wanted in the middle of an exchange waits until that one is done.
    ///
    /// # Errors
    /// [`OutOfTurn`] in the middle of an exchange and after the end.
    pub fn offer(&mut self, sdp: String, tie_breaker: u32, now: Mono) -> Result<Roap, OutOfTurn> {
        match self.state {
            State::Idle | State::Stable => {}
            State::OfferSent { .. }
            | State::OfferReceived
            | State::WaitOk { .. }
            | State::WaitShutdownOk { .. }
            | State::Closed => return Err(OutOfTurn),
        }
        self.seq = self.seq.saturating_add(1);
        self.state = State::OfferSent { tie: tie_breaker, until: now.after(ANSWER_WAIT) };
        let mut roap = self.message(RoapType::Offer, true);
        roap.sdp = Some(sdp);
        roap.tie_breaker = Some(tie_breaker);
        Ok(roap)
    }

    /// Answers the offer that was heard; `more_coming` for a provisional one.
    ///
    /// # Errors
    /// [`OutOfTurn`] when no offer waits for an answer.
    pub fn answer(&mut self, sdp: String, more_coming: bool, now: Mono) -> Result<Roap, OutOfTurn> {
        let State::OfferReceived = self.state else { return Err(OutOfTurn) };
        if !more_coming {
            self.state = State::WaitOk { until: now.after(OK_WAIT) };
        }
        let mut roap = self.message(RoapType::Answer, false);
        roap.sdp = Some(sdp);
        roap.more_coming = more_coming;
        Ok(roap)
    }

    /// Refuses the offer that was heard.
    ///
    /// # Errors
    /// [`OutOfTurn`] when no offer waits for an answer.
    pub fn refuse(&mut self, why: RoapError) -> Result<Roap, OutOfTurn> {
        let State::OfferReceived = self.state else { return Err(OutOfTurn) };
        self.state = self.at_rest();
        Ok(self.error(why, false))
    }

    /// Ends the session; `None` when it has ended already.
    pub fn shutdown(&mut self, now: Mono) -> Option<Roap> {
        if matches!(self.state, State::Closed | State::WaitShutdownOk { .. }) {
            return None;
        }
        self.seq = self.seq.saturating_add(1);
        self.state = State::WaitShutdownOk { until: now.after(SHUTDOWN_WAIT) };
        Some(self.message(RoapType::Shutdown, true))
    }

    /// Takes a message of the peer.
    pub fn hear(&mut self, roap: &Roap) -> Heard {
        if roap.message_type == RoapType::Shutdown {
            return self.hear_shutdown(roap);
        }
        if matches!(self.state, State::Closed) {
            return Heard::Dropped;
        }
        match roap.message_type {
            RoapType::Offer => self.hear_offer(roap),
            RoapType::Answer => self.hear_answer(roap),
            RoapType::Ok => self.hear_ok(roap),
            RoapType::Error => self.hear_error(roap),
            RoapType::Shutdown => Heard::Dropped,
        }
    }

    /// What ended for lack of an answer; the ERROR in it is to be sent.
    pub fn handle_timeout(&mut self, now: Mono) -> Option<Heard> {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return None;
        }
        match self.state {
            State::OfferSent { .. } => {
                self.state = self.at_rest();
                Some(Heard::Failed(RoapError::Timeout))
            }
            // The peer may have my answer all the same: whoever holds the session decides by its media.
            State::WaitOk { .. } => {
                self.state = State::Stable;
                Some(Heard::Failed(RoapError::Timeout))
            }
            State::WaitShutdownOk { .. } => {
                self.state = State::Closed;
                Some(Heard::Closed { ok: None })
            }
            State::Idle | State::OfferReceived | State::Stable | State::Closed => None,
        }
    }

    /// When it must be looked at again.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        match self.state {
            State::OfferSent { until, .. } | State::WaitOk { until } | State::WaitShutdownOk { until } => Some(until),
            State::Idle | State::OfferReceived | State::Stable | State::Closed => None,
        }
    }

    /// Whether an exchange was completed and nothing is under way.
    #[must_use]
    pub fn is_stable(&self) -> bool {
        matches!(self.state, State::Stable)
    }

    fn at_rest(&self) -> State {
        if self.theirs.is_some() { State::Stable } else { State::Idle }
    }

    fn error(&self, why: RoapError, my_offer: bool) -> Roap {
        let mut roap = self.message(RoapType::Error, my_offer);
        roap.error_type = Some(why);
        roap
    }

    /// A message with the ids in the order that says whose offer it belongs to.
    fn message(&self, message_type: RoapType, my_offer: bool) -> Roap {
        let (offerer, answerer) = if my_offer {
            (self.mine.clone(), self.theirs.clone())
        } else {
            (self.theirs.clone().unwrap_or_default(), Some(self.mine.clone()))
        };
        Roap {
            message_type,
            offerer_session_id: offerer,
            answerer_session_id: answerer,
            seq: self.seq,
            sdp: None,
            tie_breaker: None,
            more_coming: false,
            error_type: None,
        }
    }
}

#[cfg(test)]
mod tests;
