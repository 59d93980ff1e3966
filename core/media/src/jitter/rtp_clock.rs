//! The clock of a stream.

/// RTP's 32-bit clock as one that does not wrap (RFC 3550 appendix A.1 does the same to sequence numbers).
#[derive(Debug, Default)]
pub(super) struct TimestampUnwrap {
    last: Option<i64>,
}

impl TimestampUnwrap {
    pub(super) fn extend(&mut self, timestamp: u32) -> i64 {
        let extended = match self.last {
            None => i64::from(timestamp),
            Some(last) => last + i64::from(timestamp.wrapping_sub(last as u32).cast_signed()),
        };
        self.last = Some(extended);
        extended
    }
}
