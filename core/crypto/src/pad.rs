//! Padding: a sealed body tells the class of its length and not the length.
//!
//! Before sealing, a plain text becomes its length (u32, big endian), itself, and zeros up to the next bucket. Text and zeros
//! together fill 64, 128, 256 and so on to 4096 bytes, and from there a multiple of 4096, so that what already has such a
//! length grows by nothing but the four bytes in front.

use zeroize::Zeroizing;

const LENGTH: usize = 4;
const SMALLEST: usize = 64;
const STEP: usize = 4_096;

/// Bytes that `plain` bytes take once padded.
#[must_use]
pub const fn padded_len(plain: usize) -> usize {
    let bucket = if plain <= SMALLEST {
        SMALLEST
    } else if plain <= STEP {
        plain.next_power_of_two()
    } else {
        plain.div_ceil(STEP).saturating_mul(STEP)
    };
    bucket.saturating_add(LENGTH)
}

pub(crate) fn pad(plain: &[u8]) -> Zeroizing<Vec<u8>> {
    let size = padded_len(plain.len());
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    out.extend_from_slice(&u32::try_from(plain.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(plain);
    out.resize(size, 0);
    out
}

/// The plain text, or `None` when this is not what [`pad`] makes of any.
pub(crate) fn unpad(padded: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = padded.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (plain, zeros) = rest.split_at_checked(length)?;
    let whole = padded.len() == padded_len(length) && zeros.iter().all(|byte| *byte == 0);
    whole.then(|| plain.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tandem_model::keys::SEALED_BODY_MAX;
    use tandem_model::text::TEXT_BODY_MAX;

    #[test]
    fn buckets_end_where_the_format_says() {
        for (plain, bucket) in [(0, 64), (64, 64), (65, 128), (128, 128), (129, 256), (4_096, 4_096), (4_097, 8_192)] {
            assert_eq!(padded_len(plain), bucket + 4, "{plain}");
        }
        assert_eq!(padded_len(TEXT_BODY_MAX), TEXT_BODY_MAX + 4);
    }

    #[test]
    fn the_longest_text_fits_a_sealed_body_with_room_for_an_envelope() {
        assert!(crate::sealed_len(TEXT_BODY_MAX + 1_024) <= SEALED_BODY_MAX);
    }

    #[test]
    fn what_was_not_padded_here_is_refused() {
        assert_eq!(unpad(&[]), None);
        assert_eq!(unpad(&[0, 0, 0]), None);
        assert_eq!(unpad(&[0; 67]), None);
        assert_eq!(unpad(&[0xFF; 68]), None);
        let mut dirty = pad(b"x").to_vec();
        dirty[67] = 1;
        assert_eq!(unpad(&dirty), None);
    }

    proptest! {
        #[test]
        fn padding_comes_off_again(plain in proptest::collection::vec(any::<u8>(), 0..9_000)) {
            prop_assert_eq!(unpad(&pad(&plain)), Some(plain));
        }
    }
}
