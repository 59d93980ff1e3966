//! Counts repeated fields before anything is allocated for them.
//!
//! In protobuf two bytes can stand for an element that takes a hundred in memory. This walk over the raw bytes keeps what
//! parsing allocates in proportion to what was received.

use crate::error::WireError;

/// A cap on repeated fields of one kind of frame; the fields count together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// The frame kind's field number.
    pub kind: u64,
    /// The repeated fields of that kind.
    pub fields: &'static [u64],
    /// Elements allowed.
    pub max: usize,
}

/// Walks a frame and checks every bound.
pub(crate) fn check(frame: &[u8], bounds: &[Bound]) -> Result<(), WireError> {
    for bound in bounds {
        let mut count = 0_usize;
        for field in Fields(frame) {
            let field = field?;
            if let (true, Some(body)) = (field.number == bound.kind, field.body) {
                for inner in Fields(body) {
                    count += usize::from(bound.fields.contains(&inner?.number));
                }
            }
        }
        if count > bound.max {
            return Err(WireError::TooLarge);
        }
    }
    Ok(())
}

struct Field<'a> {
    number: u64,
    /// Of a length-delimited field.
    body: Option<&'a [u8]>,
}

struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(WireError::Malformed))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<Field<'a>> {
        let tag = self.varint()?;
        let body = match tag & 7 {
            0 => self.varint().map(|_| None)?,
            1 => self.take(8).map(|_| None)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Some(self.take(length)?)
            }
            5 => self.take(4).map(|_| None)?,
            // Groups are no part of proto3.
            _ => return None,
        };
        Some(Field { number: tag >> 3, body })
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for place in 0..10_u32 {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(first & 0x7F).checked_shl(7 * place).unwrap_or(0);
            if first & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound = Bound { kind: 1, fields: &[2, 3], max: 2 };

    fn frame(body: &[u8]) -> Vec<u8> {
        let mut out = vec![1 << 3 | 2, u8::try_from(body.len()).unwrap()];
        out.extend_from_slice(body);
        out
    }

    #[test]
    fn elements_are_counted_up_to_the_bound_and_refused_after_it() {
        assert_eq!(check(&frame(&[0x12, 0, 0x1A, 0]), &[BOUND]), Ok(()));
        assert_eq!(check(&frame(&[0x12, 0, 0x1A, 0, 0x12, 0]), &[BOUND]), Err(WireError::TooLarge));
    }

    #[test]
    fn the_same_kind_given_twice_counts_together() {
        let twice = [frame(&[0x12, 0]), frame(&[0x12, 0, 0x12, 0])].concat();
        assert_eq!(check(&twice, &[BOUND]), Err(WireError::TooLarge));
    }

    #[test]
    fn a_length_past_the_end_and_a_varint_without_end_are_malformed() {
        assert_eq!(check(&[0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], &[BOUND]), Err(WireError::Malformed));
        assert_eq!(check(&[0x80; 11], &[BOUND]), Err(WireError::Malformed));
        assert_eq!(check(&[0x0B], &[BOUND]), Err(WireError::Malformed));
    }
}
