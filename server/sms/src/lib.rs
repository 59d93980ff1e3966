//! The SMS side of the companion server.
//!
//! One trait, [`SmsDriver`], with two drivers behind it: [`smpp`] speaks SMPP 3.4 to an SMSC, [`http_gateway`] posts to a
//! generic HTTP SMS gateway. [`verification`] writes the text that proves a number and says exactly what it looks like;
//! [`gsm7`] counts it in septets, so that a template of two segments is refused when the server starts.
//!
//! A driver never sends the same submit twice on its own. When an answer is lost the outcome is
//! [`SubmitOutcome::Unknown`], and whoever asked decides: a verification text is idempotent, so sending the same text
//! again under the same reference is safe.

pub mod driver;
pub mod gsm7;
pub mod http_gateway;
pub mod number;
pub mod smpp;
pub mod verification;

mod backoff;

pub use driver::{
    BindRefusal, LinkDownReason, PermanentReason, ReceiptState, SmsDriver, SmsEvent, SmsSubmit, SubmitOutcome,
    SubmitRefused,
};
pub use http_gateway::{HttpGateway, HttpGatewayConfig};
pub use number::{E164Digits, NotE164Digits};
pub use smpp::{SmppConfig, SmppDriver};
