//! Network-initiated activation: asking the access network itself to give a phone a data context.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tandem_model::Msisdn;

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivationRequest {
    /// Whose context.
    pub number: Msisdn,
    /// How long the network may keep trying. Whole seconds, at least one.
    pub validity: Duration,
    /// Whether somebody waits, as for a call.
    pub urgent: bool,
}

/// The network's name for a request under way. It says where the number can be looked up, so it is not printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivationId(pub(crate) String);

impl fmt::Debug for ActivationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ActivationId(<secret>)")
    }
}

/// What became of asking. That a request was taken never means that the phone has a context; its attach says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActivationOutcome {
    /// The network tries.
    Accepted {
        /// By which it can be asked, and by which it reports.
        id: ActivationId,
    },
    /// The network does not know the subscriber.
    UnknownSubscriber,
    /// Too much, too fast.
    Throttled {
        /// No request before this wait has passed.
        retry_after: Duration,
    },
    /// The network's side is away, or did not say how far the request got.
    Temporary,
    /// The same request will be refused again.
    Permanent(ActivationRefusal),
}

/// Why a request is refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActivationRefusal {
    /// The network does not understand it.
    Malformed,
    /// The operator's account is refused. Somebody has to look at the configuration.
    Credentials,
    /// The network's side is at an address that must not be reached, or names one as its own.
    EndpointRefused,
    /// The network answered with a redirect, which is never followed.
    Redirected,
    /// Any other refusal, by its HTTP status.
    Other(u16),
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActivationState {
    /// The network still tries.
    Underway,
    /// The network says that it worked. The phone's attach is still awaited.
    Succeeded,
    /// It will not work.
    Failed(ActivationFailure),
    /// The network does not say, in words this side knows.
    Unknown,
}

/// Why a phone has no context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActivationFailure {
    /// Off, or where no network is.
    NotReachable,
    /// The subscriber may not have one.
    Refused,
    /// The network has no room.
    Congested,
    /// The validity ended first.
    Expired,
    /// Taken back, or replaced by another request.
    Withdrawn,
    /// The network gives no reason.
    Unspecified,
}

/// A way to ask the network.
#[async_trait]
pub trait NetworkActivation: Send + Sync {
    /// Asks for a context.
    async fn activate(&self, request: &ActivationRequest) -> ActivationOutcome;

    /// Asks how far a request has come, for networks whose reports do not arrive. `None`: nobody could say.
    async fn state(&self, id: &ActivationId) -> Option<ActivationState>;

    /// Takes a request back. Whether the network took it back is not awaited by anybody, so nothing is said.
    async fn withdraw(&self, id: &ActivationId);
}
