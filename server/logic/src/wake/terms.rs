//! What goes into the wake machine and what comes out.

use super::judging::{Relation, Standing, What};
use super::learned::DeviceKind;
use std::time::Duration;
use tandem_model::{Mono, Msisdn, Ticket};

/// Names one stored thing that waits for a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WakeId(pub u64);

/// Names a push token in the store. The token itself never comes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub u64);

/// A way to reach a phone, in the order they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// Web Push, FCM or APNs.
    Push,
    /// The network gives the phone a data context.
    Activation,
    /// A binary SMS to a port. Where the network can be asked, only after that failed.
    SmsWake,
    /// The caller's phone dials through the carrier, whose ring wakes the callee.
    CarrierRing,
    /// An SMS that a person reads. It wakes nobody and ends nothing.
    HintSms,
}

/// How a number can be woken, as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Means {
    /// What is known of its device.
    pub kind: DeviceKind,
    /// Its push tokens; more than [`WakeConfig::tokens_max`] are not tried.
    pub tokens: Vec<TokenId>,
    /// A network can be asked about it.
    pub activation: bool,
    /// It listens for binary SMS.
    pub sms_wake: bool,
    /// The caller agreed to ring through the carrier.
    pub carrier_ring: bool,
    /// It may be sent an SMS to read.
    pub hint: bool,
}

/// What a rung's driver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RungOutcome {
    /// Taken. The phone may still be asleep for ever.
    Accepted,
    /// The token is no more.
    Gone,
    /// Nothing was sent, and nothing may be for this long.
    Throttled(Duration),
    /// The driver's other side is away.
    Temporary,
    /// It will be refused again.
    Permanent,
    /// The network says that the activation failed.
    NotActivated(ActivationFault),
}

/// Why the network gives no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActivationFault {
    /// Off, or where no network is.
    NotReachable,
    /// The subscriber is not known or may not have one.
    Refused,
    /// Nothing was heard within the budget.
    Silent,
    /// The network's side fails or has no room.
    Network,
}

/// What happens to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The store holds something for a number. Never fed for anything that is not stored.
    Stored {
        /// Which thing.
        id: WakeId,
        /// For whom.
        to: Msisdn,
        /// A call or a text.
        what: What,
        /// Whom it is from, as the recipient sees it.
        from: Relation,
        /// When it is of no more use; a ring's expiry.
        until: Mono,
        /// Whether the phone is there.
        standing: Standing,
        /// How it can be woken.
        means: Means,
    },
    /// What was ordered under a ticket came to something.
    Outcome {
        /// Of the effect.
        ticket: Ticket,
        /// What its driver says.
        outcome: RungOutcome,
    },
    /// The access network reports that the number has a context.
    Attached {
        /// Whose.
        number: Msisdn,
    },
    /// The phone acknowledged a datagram.
    Acknowledged {
        /// Whose.
        number: Msisdn,
    },
    /// The phone has a session again.
    Returned {
        /// Whose.
        number: Msisdn,
        /// What brought it back, where the phone can say.
        by: Option<Rung>,
    },
    /// The phone says that it rings.
    Rings {
        /// For which call.
        id: WakeId,
    },
    /// A thing is no longer stored: taken, cancelled, ended.
    Ended {
        /// Which.
        id: WakeId,
    },
}

/// What the owner is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The phone is there: bring it what waits.
    Deliver {
        /// Whose.
        number: Msisdn,
    },
    /// Order a rung's driver.
    Send {
        /// The outcome comes back under it.
        ticket: Ticket,
        /// Whose.
        number: Msisdn,
        /// Which driver.
        rung: Rung,
        /// The token to push to.
        token: Option<TokenId>,
        /// A call or a text, which services treat differently.
        what: What,
        /// How long the driver's other side may keep it.
        keep: Duration,
    },
    /// Send a sealed datagram to the address the network reported.
    Datagram {
        /// Whose.
        number: Msisdn,
    },
    /// Take back what was ordered, where that is possible. Its outcome is not awaited any more.
    Withdraw {
        /// Of the order.
        ticket: Ticket,
        /// Which driver.
        rung: Rung,
    },
    /// Forget a token: its service says that it is no more.
    ForgetToken {
        /// Whose.
        number: Msisdn,
        /// Which.
        token: TokenId,
    },
    /// Tell the sender. Strangers are told nothing (P8), so there is none for what came from them.
    Tell {
        /// About which thing.
        id: WakeId,
        /// How it stands.
        view: View,
    },
    /// A thing waits without waking anybody. It stays stored.
    Held {
        /// Which.
        id: WakeId,
        /// Why.
        why: Held,
    },
}

/// How it stands, as a caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The phone is being woken.
    Waking,
    /// It rings.
    Ringing,
    /// It was not reached. What is stored stays stored.
    Unreachable(Unreachable),
}

/// Why a phone was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unreachable {
    /// There is nothing to wake it by.
    NoMeans,
    /// Everything was tried, and nothing came back in time.
    NoAnswer,
    /// The network could not give it a context, and nothing else brought it back.
    NotActivated(ActivationFault),
}

/// Why nobody is woken for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Others have woken the phone often enough.
    Budget,
    /// Too many phones are being woken.
    Full,
}

/// How long each rung may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budgets {
    /// A push.
    pub push: Duration,
    /// An activation.
    pub activation: Duration,
    /// From an attach to the phone's answer to the datagram.
    pub datagram: Duration,
    /// An SMS wake.
    pub sms_wake: Duration,
    /// A carrier ring.
    pub carrier_ring: Duration,
    /// All of them together.
    pub all: Duration,
}

/// How often a number may be woken, by all senders together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowances {
    /// Wakes for strangers within the window.
    pub strangers: usize,
    /// Wakes for contacts' texts within the window. Contacts' calls have no limit here.
    pub contact_texts: usize,
    /// SMS wakes within the window, where no contact's call waits: each costs money.
    pub sms_wakes: usize,
    /// Hints within the window.
    pub hints: usize,
    /// The window, which slides.
    pub window: Duration,
}

/// Every limit of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeConfig {
    /// For calls.
    pub call: Budgets,
    /// For texts.
    pub text: Budgets,
    /// How often a number may be woken.
    pub allow: Allowances,
    /// A wait learned is never shorter.
    pub wait_min: Duration,
    /// Numbers being woken at once.
    pub ladders_max: usize,
    /// Things one ladder remembers.
    pub things_max: usize,
    /// Tokens of one number tried at once.
    pub tokens_max: usize,
    /// Numbers whose wakes are counted.
    pub counted_max: usize,
    /// Numbers that were not reached and are looked after when they attach.
    pub missed_max: usize,
    /// Kinds of device that are learned about.
    pub learned_max: usize,
}

impl Default for WakeConfig {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            // Every rung has its time within the ten seconds, also when nothing is known of any.
            call: Budgets {
                push: s(3),
                activation: s(3),
                datagram: s(2),
                sms_wake: s(3),
                carrier_ring: s(4),
                all: s(10),
            },
            text: Budgets {
                push: s(60),
                activation: s(60),
                datagram: s(10),
                sms_wake: s(120),
                carrier_ring: s(0),
                all: s(600),
            },
            allow: Allowances { strangers: 6, contact_texts: 60, sms_wakes: 12, hints: 1, window: s(3_600) },
            wait_min: Duration::from_millis(300),
            ladders_max: 10_000,
            things_max: 16,
            tokens_max: 4,
            counted_max: 100_000,
            missed_max: 100_000,
            learned_max: 4_096,
        }
    }
}
