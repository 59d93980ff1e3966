//! Handshake and refusals.

use crate::frame::{Goodbye, GoodbyeReason, Hello, RefuseReason, Welcome};
use crate::schema;

pub(super) fn hello(hello: &Hello) -> schema::Hello {
    schema::Hello {
        version: hello.version,
        number: hello.number.as_u64(),
        epoch: hello.epoch.0,
        signature: hello.signature.0.to_vec(),
        marks_since: hello.marks_since.0,
        fresh: hello.fresh,
    }
}

pub(super) const fn welcome(welcome: &Welcome) -> schema::Welcome {
    schema::Welcome {
        now_ms: welcome.now.0,
        lease_until_ms: welcome.lease_until.0,
        marks_interval_ms: welcome.marks_interval_ms,
        keepalive_ms: welcome.keepalive_ms,
        ring_ms: welcome.ring_ms,
    }
}

pub(super) fn goodbye(goodbye: &Goodbye) -> schema::Goodbye {
    use schema::GoodbyeReason as Wire;
    let reason = match goodbye.reason {
        GoodbyeReason::ShuttingDown => Wire::ShuttingDown,
        GoodbyeReason::NotRegistered => Wire::NotRegistered,
        GoodbyeReason::RegisteredElsewhere => Wire::RegisteredElsewhere,
        GoodbyeReason::Displaced => Wire::Displaced,
        GoodbyeReason::Version => Wire::Version,
        GoodbyeReason::Protocol => Wire::Protocol,
        GoodbyeReason::Busy => Wire::Busy,
        GoodbyeReason::TooSlow => Wire::TooSlow,
    };
    schema::Goodbye { reason: reason.into(), retry_after_ms: goodbye.retry_after_ms }
}

pub(super) fn refuse_reason(reason: RefuseReason) -> i32 {
    use schema::RefuseReason as Wire;
    let wire = match reason {
        RefuseReason::Budget => Wire::Budget,
        RefuseReason::Storage => Wire::Storage,
        RefuseReason::NotAvailable => Wire::NotAvailable,
        RefuseReason::RecipientChanged => Wire::RecipientChanged,
        RefuseReason::MailboxFull => Wire::MailboxFull,
        RefuseReason::Invalid => Wire::Invalid,
        RefuseReason::NoSuchCall => Wire::NoSuchCall,
        RefuseReason::ShuttingDown => Wire::ShuttingDown,
        RefuseReason::BadSignature => Wire::BadSignature,
    };
    wire.into()
}
