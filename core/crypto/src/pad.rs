//! Padding: a sealed body tells the class of its length and not the length.
//!
//! Before sealing, a plain text becomes its length (u32, big endian), itself, and zeros up to the next bucket: 64, 128,
//! 256 and so on to 32768 bytes, and from there every 8192 bytes.

use zeroize::Zeroizing;

const LENGTH: usize = 4;
const SMALLEST: usize = 64;
const LAST_POWER: usize = 32 * 1024;
const STEP: usize = 8 * 1024;

/// Bytes that `plain` bytes take once padded.
#[must_use]
pub const fn padded_len(plain: usize) -> usize {
    let needed = plain.saturating_add(LENGTH);
    if needed <= SMALLEST {
        SMALLEST
    } else if needed <= LAST_POWER {
        needed.next_power_of_two()
    } else {
        needed.div_ceil(STEP).saturating_mul(STEP)
    }
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
        for (plain, padded) in
            [(0, 64), (60, 64), (61, 128), (124, 128), (125, 256), (32_764, 32_768), (32_765, 40_960)]
        {
            assert_eq!(padded_len(plain), padded, "{plain}");
        }
        assert_eq!(padded_len(TEXT_BODY_MAX), 73_728);
    }

    #[test]
    fn the_longest_text_fits_a_sealed_body_with_room_for_an_envelope() {
        assert!(crate::sealed_len(TEXT_BODY_MAX + 1_024) <= SEALED_BODY_MAX);
    }

    #[test]
    fn what_was_not_padded_here_is_refused() {
        assert_eq!(unpad(&[]), None);
        assert_eq!(unpad(&[0, 0, 0]), None);
        assert_eq!(unpad(&[0; 63]), None);
        assert_eq!(unpad(&[0xFF; 64]), None);
        let mut dirty = pad(b"x").to_vec();
        dirty[63] = 1;
        assert_eq!(unpad(&dirty), None);
    }

    proptest! {
        #[test]
        fn padding_comes_off_again(plain in proptest::collection::vec(any::<u8>(), 0..9_000)) {
            prop_assert_eq!(unpad(&pad(&plain)), Some(plain));
        }
    }
}
