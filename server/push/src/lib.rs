//! Waking phones from outside: what sends, and nothing that decides.
//!
//! One trait, [`PushDriver`], with three drivers behind it: [`web_push`] (which is also UnifiedPush), [`fcm`] and [`apns`].
//! One more, [`NetworkActivation`], asks the access network itself: [`t8`] by 3GPP device triggering, [`gateway`] by the
//! small HTTP API of `docs/protocol/push.md` in front of a gateway, GGSN and SGSN.
//!
//! No driver tries again on its own, but for a credential that has run out: whoever asked owns budgets and retries. That a
//! service accepted something never means that the phone is awake; only the phone's return, or its attach, says so.

pub mod activation;
pub mod apns;
pub mod driver;
pub mod fcm;
pub mod gateway;
pub mod guard;
pub mod outgoing;
pub mod t8;
pub mod web_push;

mod answer;
mod jwt;
mod oauth;

pub use activation::{ActivationFailure, NetworkActivation};
pub use activation::{ActivationId, ActivationOutcome, ActivationRefusal, ActivationRequest, ActivationState};
pub use apns::{Apns, ApnsConfig};
pub use driver::{PermanentReason, PushDriver, PushKind, PushMessage, PushOutcome, PushToken, Topic};
pub use fcm::{Fcm, FcmConfig};
pub use gateway::{Gateway, GatewayConfig};
pub use guard::AddressGuard;
pub use outgoing::{ConfigError, Outgoing};
pub use t8::{T8, T8Config};
pub use web_push::{Subscription, WebPush, WebPushConfig};
