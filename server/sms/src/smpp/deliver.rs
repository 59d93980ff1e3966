//! Reads what a `deliver_sm` says, and remembers what came lately so that a repetition is told from a new text.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use rusmpp::pdus::DeliverSm;
use rusmpp::tlvs::TlvValue;
use rusmpp::values::{DataCoding, GsmFeatures};
use tandem_model::Mono;

use crate::gsm7;

/// Texts remembered at once. One more pushes out the oldest.
const MAX_REMEMBERED: usize = 1_024;

/// The text of a `deliver_sm`, without its user data header; `None` when its alphabet is not one a person's text comes in.
pub(super) fn text(deliver: &DeliverSm) -> Option<String> {
    let payload = deliver.tlvs().iter().find_map(|tlv| match tlv.value() {
        Some(TlvValue::MessagePayload(payload)) => Some(payload.value.as_ref()),
        Some(_) | None => None,
    });
    let octets: &[u8] = payload.unwrap_or_else(|| deliver.short_message().as_ref());
    let octets = without_header(deliver.esm_class.gsm_features, octets)?;
    match u8::from(deliver.data_coding) {
        0x00 => Some(gsm7::decode_unpacked(octets)),
        0x01 | 0x03 => Some(octets.iter().copied().map(char::from).collect()),
        code if code == u8::from(DataCoding::Ucs2) => {
            let units = octets.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(u16::from_be_bytes));
            Some(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
        }
        _ => None,
    }
}

fn without_header(features: GsmFeatures, octets: &[u8]) -> Option<&[u8]> {
    match features {
        GsmFeatures::UdhiIndicator | GsmFeatures::SetUdhiAndReplyPath => {
            let length = usize::from(*octets.first()?);
            octets.get(length.checked_add(1)?..)
        }
        GsmFeatures::NotSelected | GsmFeatures::SetReplyPath | GsmFeatures::Other(_) => Some(octets),
    }
}

/// The texts that came lately.
#[derive(Debug)]
pub(super) struct Lately {
    window: Duration,
    seen: VecDeque<(u64, Mono)>,
}

impl Lately {
    pub(super) const fn new(window: Duration) -> Self {
        Self { window, seen: VecDeque::new() }
    }

    /// Whether the same text came within the window. Either way it is remembered from now on.
    pub(super) fn is_repetition(&mut self, from: &str, to: &str, text: &str, now: Mono) -> bool {
        let mut hasher = DefaultHasher::new();
        (from, to, text).hash(&mut hasher);
        let mark = hasher.finish();
        self.seen.retain(|(_, forget_at)| *forget_at > now);
        let repeated = self.seen.iter().any(|(seen, _)| *seen == mark);
        if !repeated {
            if self.seen.len() >= MAX_REMEMBERED {
                self.seen.pop_front();
            }
            self.seen.push_back((mark, now.after(self.window)));
        }
        repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusmpp::types::OctetString;
    use rusmpp::values::EsmClass;

    fn deliver(esm_class: u8, data_coding: u8, octets: &[u8]) -> DeliverSm {
        DeliverSm::builder()
            .esm_class(EsmClass::from(esm_class))
            .data_coding(DataCoding::from(data_coding))
            .short_message(OctetString::from_slice(octets).unwrap())
            .build()
    }

    #[test]
    fn each_alphabet_is_read_and_others_are_not_guessed() {
        assert_eq!(text(&deliver(0, 0, &[0x00, b'a'])).unwrap(), "@a");
        assert_eq!(text(&deliver(0, 3, &[0xE9])).unwrap(), "é");
        assert_eq!(text(&deliver(0, 8, &[0x59, 0x7D, 0xD8])).unwrap(), "好");
        assert_eq!(text(&deliver(0, 8, &[0xD8, 0x00])).unwrap(), "\u{FFFD}");
        assert_eq!(text(&deliver(0, 4, b"a")), None);
    }

    #[test]
    fn a_user_data_header_is_left_out_and_an_impossible_one_refused() {
        assert_eq!(text(&deliver(0x40, 0, &[5, 0, 3, 1, 2, 1, b'x'])).unwrap(), "x");
        assert_eq!(text(&deliver(0x40, 0, &[9, 0])), None);
        assert_eq!(text(&deliver(0x40, 0, &[])), None);
    }

    #[test]
    fn the_same_text_is_a_repetition_until_the_window_ends() {
        let mut lately = Lately::new(Duration::from_secs(60));
        assert!(!lately.is_repetition("1", "2", "hello", Mono(0)));
        assert!(lately.is_repetition("1", "2", "hello", Mono(59_999)));
        assert!(!lately.is_repetition("1", "2", "hello", Mono(60_000)));
        assert!(!lately.is_repetition("1", "2", "other", Mono(60_000)));
    }
}
