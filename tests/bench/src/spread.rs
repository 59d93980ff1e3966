//! A figure over several rounds.

use serde::Serialize;

/// Its middle and its ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Half the rounds are at most this.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of a figure's rounds; not a number when there was none.
    #[must_use]
    pub fn of(rounds: &[f64]) -> Spread {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
        let half = sorted.len() / 2;
        let median =
            if sorted.len().is_multiple_of(2) && half > 0 { (at(half - 1) + at(half)) / 2.0 } else { at(half) };
        Spread { median, min: at(0), max: sorted.last().copied().unwrap_or(f64::NAN) }
    }

    /// Of one figure over another of the same round.
    #[must_use]
    pub fn of_ratios(ours: &[f64], theirs: &[f64]) -> Spread {
        Spread::of(&ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        assert_eq!(Spread::of(&[4.0, 1.0, 3.0]), Spread { median: 3.0, min: 1.0, max: 4.0 });
        assert_eq!(Spread::of(&[4.0, 1.0]).median, 2.5);
        assert!(Spread::of(&[]).median.is_nan());
        assert_eq!(Spread::of_ratios(&[4.0, 9.0], &[2.0, 3.0]), Spread { median: 2.5, min: 2.0, max: 3.0 });
    }
}
