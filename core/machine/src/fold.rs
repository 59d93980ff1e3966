//! The mark on an SMS whose words may also come over data, so that the receiving core shows one copy.
//!
//! ` ~` and, in letters and digits: the sender's device epoch (11, base 62), a check (2), the text's counter (1 to 11). That
//! is the text's whole id, so folding is exact and survives a restart of the receiver: the copy that comes second is a row
//! that is already there. Every character is in the GSM 7-bit alphabet, `~` taking two septets: 17 septets for a phone's
//! first texts. The epoch is 64 random bits: who wants to keep a text from being shown would have to guess it.

use tandem_model::{DeviceEpoch, TextBody, TextId};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const EPOCH_LENGTH: usize = 11;
const CHECK_LENGTH: usize = 2;
const START: &str = " ~";

/// The words with their mark. Words too long to carry it go without.
pub(crate) fn tagged(body: &TextBody, id: TextId) -> TextBody {
    let tag = format!(
        "{START}{}{}{}",
        digits(id.device_epoch.0, EPOCH_LENGTH),
        digits(check(id), CHECK_LENGTH),
        digits(id.counter, 1)
    );
    TextBody::new(format!("{}{tag}", body.as_str())).unwrap_or_else(|| body.clone())
}

/// The words without the mark, and whose copy they are; `None` when there is no mark.
pub(crate) fn read(sms: &str) -> Option<(TextBody, TextId)> {
    let (words, tag) = sms.trim_end().rsplit_once(START)?;
    let (epoch, rest) = tag.split_at_checked(EPOCH_LENGTH)?;
    let (said, counter) = rest.split_at_checked(CHECK_LENGTH)?;
    let id = TextId { device_epoch: DeviceEpoch(number(epoch)?), counter: number(counter)? };
    (id.device_epoch.0 != 0 && number(said)? == check(id)).then_some(())?;
    Some((TextBody::new(words)?, id))
}

/// Keeps words that merely look like a mark from being taken for one.
fn check(id: TextId) -> u64 {
    let bytes = id.device_epoch.0.to_be_bytes().into_iter().chain(id.counter.to_be_bytes());
    // FNV-1a, 64 bit.
    let sum = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    sum % (62 * 62)
}

fn digits(mut value: u64, at_least: usize) -> String {
    let mut out = Vec::new();
    while value > 0 || out.len() < at_least {
        let digit = usize::try_from(value % 62).unwrap_or(0);
        out.push(DIGITS.get(digit).copied().map_or('0', char::from));
        value /= 62;
    }
    out.iter().rev().collect()
}

fn number(raw: &str) -> Option<u64> {
    if raw.is_empty() || raw.len() > EPOCH_LENGTH {
        return None;
    }
    raw.bytes().try_fold(0_u64, |value, byte| {
        let digit = DIGITS.iter().position(|known| *known == byte)?;
        value.checked_mul(62)?.checked_add(u64::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(epoch: u64, counter: u64) -> TextId {
        TextId { device_epoch: DeviceEpoch(epoch), counter }
    }

    #[test]
    fn a_mark_is_short() {
        let sms = tagged(&TextBody::new("see you").unwrap(), id(u64::MAX, 61));
        assert_eq!(sms.as_str().len(), "see you".len() + 16);
    }

    #[test]
    fn what_merely_looks_like_a_mark_is_words() {
        for words in ["", "hello", "a ~b", "tilde ~00000000001AA1", "x ~", "x ~é123456789012345"] {
            assert_eq!(read(words), None, "{words}");
        }
        let sms = tagged(&TextBody::new("hi").unwrap(), id(7, 9));
        let broken = format!("{}x", sms.as_str());
        assert_eq!(read(&broken), None, "another counter does not fit the check");
    }

    proptest! {
        #[test]
        fn every_id_comes_back_with_the_words(epoch in 1_u64.., counter: u64, words in "[^\u{0}]{1,40}") {
            let body = TextBody::new(words).unwrap();
            let sms = tagged(&body, id(epoch, counter));
            prop_assert_eq!(read(sms.as_str()), Some((body, id(epoch, counter))));
        }

        #[test]
        fn nothing_an_sms_says_breaks_the_reader(sms in "\\PC{0,60}") {
            let _ = read(&sms);
        }
    }
}
