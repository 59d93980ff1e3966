//! One carrier call as far as the OS tells of it.

use std::time::Duration;
use tandem_model::{Mono, Ticket};

use crate::input::CarrierCallState;

/// The OS must say within this that it took a call to dial, else it is assumed to have done so.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// A call of which the OS tells nothing more after it took it is not followed any longer.
const TOLD_WITHIN: Duration = Duration::from_secs(180);

/// A carrier call.
#[derive(Debug)]
pub(crate) struct CarrierLeg {
    /// The order it was dialed by; `None` for one the machine did not order.
    pub(crate) ticket: Option<Ticket>,
    state: LegState,
}

#[derive(Clone, Copy, Debug)]
enum LegState {
    Ordered { until: Mono },
    Taken { until: Mono },
    Active,
    Over,
}

/// What a word about it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegTurn {
    Nothing,
    /// Both can talk on it.
    Active,
    /// It is over, or nothing is known of it any more.
    Over,
    /// The OS could not place it.
    Failed,
}

impl CarrierLeg {
    pub(crate) fn ordered(ticket: Ticket, now: Mono) -> CarrierLeg {
        CarrierLeg { ticket: Some(ticket), state: LegState::Ordered { until: now.after(TAKEN_WITHIN) } }
    }

    /// A call the peer placed and that is already going on.
    pub(crate) fn adopted() -> CarrierLeg {
        CarrierLeg { ticket: None, state: LegState::Active }
    }

    pub(crate) fn is_active(&self) -> bool {
        matches!(self.state, LegState::Active)
    }

    /// The OS took the order, or could not.
    pub(crate) fn dialed(&mut self, ok: bool, now: Mono) -> LegTurn {
        match (self.state, ok) {
            (LegState::Ordered { .. }, true) => {
                self.state = LegState::Taken { until: now.after(TOLD_WITHIN) };
                LegTurn::Nothing
            }
            (LegState::Ordered { .. }, false) => {
                self.state = LegState::Over;
                LegTurn::Failed
            }
            (LegState::Taken { .. } | LegState::Active | LegState::Over, _) => LegTurn::Nothing,
        }
    }

    /// What the call does.
    pub(crate) fn told(&mut self, told: CarrierCallState, now: Mono) -> LegTurn {
        match (self.state, told) {
            (LegState::Over, _) => LegTurn::Nothing,
            (_, CarrierCallState::Ended) => {
                self.state = LegState::Over;
                LegTurn::Over
            }
            (LegState::Ordered { .. } | LegState::Taken { .. }, CarrierCallState::Ringing) => {
                self.state = LegState::Taken { until: now.after(TOLD_WITHIN) };
                LegTurn::Nothing
            }
            (LegState::Ordered { .. } | LegState::Taken { .. }, CarrierCallState::Active) => {
                self.state = LegState::Active;
                LegTurn::Active
            }
            (LegState::Active, CarrierCallState::Ringing | CarrierCallState::Active) => LegTurn::Nothing,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Mono) -> LegTurn {
        match self.state {
            LegState::Ordered { until } if until <= now => {
                self.state = LegState::Taken { until: now.after(TOLD_WITHIN) };
                LegTurn::Nothing
            }
            LegState::Taken { until } if until <= now => {
                self.state = LegState::Over;
                LegTurn::Over
            }
            LegState::Ordered { .. } | LegState::Taken { .. } | LegState::Active | LegState::Over => LegTurn::Nothing,
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Mono> {
        match self.state {
            LegState::Ordered { until } | LegState::Taken { until } => Some(until),
            LegState::Active | LegState::Over => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Mono = Mono(1_000);

    #[test]
    fn a_call_is_taken_rings_is_talked_on_and_ends_once() {
        let mut leg = CarrierLeg::ordered(Ticket(1), NOW);
        assert_eq!(leg.dialed(true, NOW), LegTurn::Nothing);
        assert_eq!(leg.told(CarrierCallState::Ringing, NOW), LegTurn::Nothing);
        assert_eq!(leg.told(CarrierCallState::Active, NOW), LegTurn::Active);
        assert_eq!(leg.told(CarrierCallState::Active, NOW), LegTurn::Nothing);
        assert_eq!(leg.poll_timeout(), None, "a call may last for hours");
        assert_eq!(leg.told(CarrierCallState::Ended, NOW), LegTurn::Over);
        assert_eq!(leg.told(CarrierCallState::Ended, NOW), LegTurn::Nothing);
        assert_eq!(leg.dialed(false, NOW), LegTurn::Nothing, "late");
    }

    #[test]
    fn an_os_that_says_nothing_is_waited_for_no_longer_than_is_said() {
        let mut leg = CarrierLeg::ordered(Ticket(1), NOW);
        let taken = NOW.after(TAKEN_WITHIN);
        assert_eq!(leg.handle_timeout(Mono(taken.0 - 1)), LegTurn::Nothing);
        assert_eq!(leg.poll_timeout(), Some(taken));
        assert_eq!(leg.handle_timeout(taken), LegTurn::Nothing);
        let told = taken.after(TOLD_WITHIN);
        assert_eq!(leg.poll_timeout(), Some(told));
        assert_eq!(leg.handle_timeout(Mono(told.0 - 1)), LegTurn::Nothing);
        assert_eq!(leg.handle_timeout(told), LegTurn::Over);
        assert_eq!(leg.poll_timeout(), None);
    }

    #[test]
    fn an_os_that_cannot_dial_says_so() {
        let mut leg = CarrierLeg::ordered(Ticket(1), NOW);
        assert_eq!(leg.dialed(false, NOW), LegTurn::Failed);
        assert_eq!(leg.told(CarrierCallState::Active, NOW), LegTurn::Nothing);
    }
}
