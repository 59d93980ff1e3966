//! What is sealed of a text, computed the same way at both ends: what the seal is bound to, and the padded words.

use tandem_model::vault::signed::canonical;
use tandem_model::{Msisdn, SenderSeq, TextBody, TextId};

/// The only layout of the plain bytes so far.
const LAYOUT: u8 = 1;

/// Layout and length in front of the words.
const HEAD: usize = 5;

/// Short texts all look this long to the server.
const PAD_MIN: usize = 256;

/// Above this, padding goes up in steps of this size instead of doubling.
const PAD_STEP: usize = 4_096;

/// What a text's seal is bound to: a server that moves it to another sender, recipient or place breaks it.
pub(crate) fn context(from: Msisdn, to: Msisdn, id: TextId, seq: SenderSeq) -> Vec<u8> {
    canonical(
        "tandem/1/text",
        &[
            &from.as_u64().to_be_bytes(),
            &to.as_u64().to_be_bytes(),
            &id.device_epoch.0.to_be_bytes(),
            &id.counter.to_be_bytes(),
            &seq.0.to_be_bytes(),
        ],
    )
}

/// The words behind their length, padded so that the server learns little from the size.
pub(crate) fn wrap(body: &TextBody) -> Vec<u8> {
    let words = body.as_str().as_bytes();
    let length = u32::try_from(words.len()).unwrap_or(u32::MAX);
    let mut plain = Vec::with_capacity(padded(words.len() + HEAD));
    plain.push(LAYOUT);
    plain.extend_from_slice(&length.to_be_bytes());
    plain.extend_from_slice(words);
    plain.resize(padded(plain.len()), 0);
    plain
}

/// The words again; `None` when the bytes are no text.
pub(crate) fn unwrap(plain: &[u8]) -> Option<TextBody> {
    let (head, rest) = plain.split_at_checked(HEAD)?;
    let [LAYOUT, length @ ..] = head else {
        return None;
    };
    let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
    let words = rest.get(..length)?;
    TextBody::new(std::str::from_utf8(words).ok()?)
}

fn padded(length: usize) -> usize {
    if length <= PAD_STEP { length.next_power_of_two().max(PAD_MIN) } else { length.next_multiple_of(PAD_STEP) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::toy_number;
    use tandem_model::DeviceEpoch;
    use tandem_model::keys::SEALED_BODY_MAX;
    use tandem_model::text::TEXT_BODY_MAX;

    #[test]
    fn words_of_every_length_come_back_and_short_ones_look_alike() {
        for length in [1, 2, 250, 251, 252, 4_091, 4_092, 10_000, TEXT_BODY_MAX] {
            let body = TextBody::new("x".repeat(length)).unwrap();
            let plain = wrap(&body);
            assert_eq!(unwrap(&plain), Some(body));
            assert!(plain.len() < SEALED_BODY_MAX - 200, "room for the seal");
        }
        assert_eq!(wrap(&TextBody::new("a").unwrap()).len(), wrap(&TextBody::new("b".repeat(251)).unwrap()).len());
    }

    #[test]
    fn bytes_that_are_no_text_are_none() {
        let good = wrap(&TextBody::new("hi").unwrap());
        let mut other_layout = good.clone();
        other_layout[0] = 2;
        let mut too_long = good.clone();
        too_long[1] = 0xff;
        let mut not_utf8 = good.clone();
        not_utf8[5] = 0xff;
        for bad in [&[][..], &good[..4], &other_layout, &too_long, &not_utf8] {
            assert_eq!(unwrap(bad), None);
        }
    }

    #[test]
    fn a_seal_is_bound_to_sender_recipient_id_and_place() {
        let id = |epoch, counter| TextId { device_epoch: DeviceEpoch(epoch), counter };
        let (a, b) = (toy_number(1), toy_number(2));
        let contexts = [
            context(a, b, id(1, 1), SenderSeq(1)),
            context(b, a, id(1, 1), SenderSeq(1)),
            context(a, b, id(2, 1), SenderSeq(1)),
            context(a, b, id(1, 2), SenderSeq(1)),
            context(a, b, id(1, 1), SenderSeq(2)),
        ];
        let different: std::collections::BTreeSet<_> = contexts.iter().collect();
        assert_eq!(different.len(), contexts.len());
    }
}
