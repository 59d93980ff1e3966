//! Private matching without its mathematics. A blinded number is the number under a mask that its nonce gives away, so that
//! the stand-in of a key holder can evaluate it without the phone's job; what a test can notice is kept: the same number is
//! blinded differently each time, an answer under another key, for other elements or with a bent proof yields nothing.

use super::hash;
use crate::oprf::EvaluatorFault;
use tandem_model::{MarkPublicKey, MarkToken, Msisdn, OprfElement, OprfFault, OprfProof, Pseudonym, Random, Secret};

const NONCE: usize = 24;

/// As [`crate::oprf::pair_token`].
#[must_use]
pub fn pair_token(one: &Pseudonym, other: &Pseudonym) -> MarkToken {
    let (smaller, larger) = if one <= other { (one, other) } else { (other, one) };
    MarkToken::of_pair(hash("pair", &[&smaller.0, &larger.0]))
}

/// As [`crate::oprf::open_token`].
#[must_use]
pub fn open_token(of: &Pseudonym) -> MarkToken {
    MarkToken::of_number(hash("open", &[&of.0]))
}

/// As [`crate::oprf::BlindJob`]. It may be cloned, as a simulation is.
#[derive(Clone, Debug)]
pub struct FakeBlindJob(Vec<OprfElement>);

/// As [`crate::oprf::blind`].
///
/// # Errors
/// [`OprfFault::Invalid`] for no numbers.
pub fn blind(numbers: &[Msisdn], random: &mut dyn Random) -> Result<(FakeBlindJob, Vec<OprfElement>), OprfFault> {
    if numbers.is_empty() {
        return Err(OprfFault::Invalid);
    }
    let blinded: Vec<OprfElement> = numbers
        .iter()
        .map(|number| {
            let mut element = [0; 32];
            let (nonce, masked) = element.split_at_mut(NONCE);
            random.fill(nonce);
            let mask: [u8; 8] = hash("blind", &[nonce]);
            let bytes = number.as_u64().to_be_bytes();
            masked.iter_mut().zip(mask.iter().zip(bytes)).for_each(|(to, (mask, byte))| *to = mask ^ byte);
            OprfElement(element)
        })
        .collect();
    Ok((FakeBlindJob(blinded.clone()), blinded))
}

impl FakeBlindJob {
    /// As [`crate::oprf::BlindJob::finish`].
    ///
    /// # Errors
    /// [`OprfFault::Invalid`] when the answer is not one element a number; [`OprfFault::Unproven`] when the proof is not of
    /// this batch under this key.
    pub fn finish(
        &self,
        key: &MarkPublicKey,
        evaluated: &[OprfElement],
        proof: &OprfProof,
    ) -> Result<Vec<Pseudonym>, OprfFault> {
        if evaluated.len() != self.0.len() {
            return Err(OprfFault::Invalid);
        }
        if prove(key, &self.0, evaluated) != *proof {
            return Err(OprfFault::Unproven);
        }
        Ok(self.0.iter().zip(evaluated).map(|(blinded, evaluated)| Pseudonym(masked(blinded, &evaluated.0))).collect())
    }
}

/// Puts the mask of a blinded element over 32 bytes, or takes it away.
fn masked(blinded: &OprfElement, bytes: &[u8; 32]) -> [u8; 32] {
    let mut out: [u8; 32] = hash("mask", &[&blinded.0]);
    out.iter_mut().zip(bytes).for_each(|(to, byte)| *to ^= byte);
    out
}

fn prove(key: &MarkPublicKey, blinded: &[OprfElement], evaluated: &[OprfElement]) -> OprfProof {
    let parts: Vec<&[u8]> =
        std::iter::once(&key.0).chain(blinded.iter().chain(evaluated).map(|e| &e.0)).map(|b| b.as_slice()).collect();
    OprfProof(hash("proof", &parts))
}

/// As [`crate::oprf::Evaluator`].
#[derive(Clone)]
pub struct FakeEvaluator([u8; 32]);

impl FakeEvaluator {
    /// As [`crate::oprf::Evaluator::from_secret`]; it never fails.
    #[must_use]
    pub const fn from_secret(secret: &Secret<[u8; 32]>) -> FakeEvaluator {
        FakeEvaluator(*secret.expose())
    }

    /// As [`crate::oprf::Evaluator::public_key`].
    #[must_use]
    pub fn public_key(&self) -> MarkPublicKey {
        MarkPublicKey(hash("public", &[&self.0]))
    }

    /// As [`crate::oprf::Evaluator::evaluate`].
    ///
    /// # Errors
    /// [`EvaluatorFault::Invalid`] for no elements, or one that is no blinded number.
    pub fn evaluate(
        &self,
        blinded: &[OprfElement],
        _random: &mut dyn Random,
    ) -> Result<(Vec<OprfElement>, OprfProof), EvaluatorFault> {
        if blinded.is_empty() {
            return Err(EvaluatorFault::Invalid);
        }
        let evaluated: Vec<OprfElement> = blinded
            .iter()
            .map(|element| {
                let number = unblinded(element).ok_or(EvaluatorFault::Invalid)?;
                Ok(OprfElement(masked(element, &self.pseudonym(number)?.0)))
            })
            .collect::<Result<_, _>>()?;
        let proof = prove(&self.public_key(), blinded, &evaluated);
        Ok((evaluated, proof))
    }

    /// As [`crate::oprf::Evaluator::pseudonym`].
    ///
    /// # Errors
    /// Never; the signature is the real one's.
    pub fn pseudonym(&self, number: Msisdn) -> Result<Pseudonym, EvaluatorFault> {
        Ok(Pseudonym(hash("pseudonym", &[&self.0, &number.as_u64().to_be_bytes()])))
    }
}

fn unblinded(element: &OprfElement) -> Option<Msisdn> {
    let (nonce, bytes) = element.0.split_last_chunk::<8>()?;
    let mut mask: [u8; 8] = hash("blind", &[nonce]);
    mask.iter_mut().zip(bytes).for_each(|(to, byte)| *to ^= byte);
    Msisdn::try_from(u64::from_be_bytes(mask)).ok()
}

impl std::fmt::Debug for FakeEvaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeEvaluator(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::random::SplitMix64;

    fn numbers(count: u64) -> Vec<Msisdn> {
        (0..count).map(|n| Msisdn::try_from(4_915_100_000_000 + n).unwrap()).collect()
    }

    fn holder(byte: u8) -> FakeEvaluator {
        FakeEvaluator::from_secret(&Secret::new([byte; 32]))
    }

    #[test]
    fn what_a_phone_takes_from_a_batch_is_what_the_holder_makes_of_each_number() {
        let (holder, mut random) = (holder(1), SplitMix64(1));
        let (job, blinded) = blind(&numbers(500), &mut random).unwrap();
        let (evaluated, proof) = holder.evaluate(&blinded, &mut random).unwrap();
        let direct: Vec<_> = numbers(500).iter().map(|number| holder.pseudonym(*number).unwrap()).collect();
        assert_eq!(job.finish(&holder.public_key(), &evaluated, &proof), Ok(direct));
        assert_ne!(blind(&numbers(500), &mut random).unwrap().1, blinded);
    }

    #[test]
    fn an_answer_under_another_key_or_bent_anywhere_yields_nothing() {
        let (said, mut random) = (holder(1), SplitMix64(1));
        let (job, blinded) = blind(&numbers(3), &mut random).unwrap();
        let (evaluated, proof) = said.evaluate(&blinded, &mut random).unwrap();
        let (lied, lie) = holder(2).evaluate(&blinded, &mut random).unwrap();
        let finish = |evaluated: &[OprfElement], proof| job.finish(&said.public_key(), evaluated, proof);
        assert_eq!(finish(&lied, &lie), Err(OprfFault::Unproven));
        assert_eq!(finish(&[evaluated[0], lied[1], evaluated[2]], &proof), Err(OprfFault::Unproven));
        assert_eq!(finish(&[evaluated[1], evaluated[0], evaluated[2]], &proof), Err(OprfFault::Unproven));
        assert_eq!(finish(&evaluated[..2], &proof), Err(OprfFault::Invalid));
        let mut bent = proof;
        bent.0[63] ^= 1;
        assert_eq!(finish(&evaluated, &bent), Err(OprfFault::Unproven));
    }

    #[test]
    fn what_is_no_blinded_number_is_refused() {
        let mut random = SplitMix64(1);
        assert_eq!(holder(1).evaluate(&[], &mut random), Err(EvaluatorFault::Invalid));
        assert_eq!(holder(1).evaluate(&[OprfElement([0xFF; 32])], &mut random), Err(EvaluatorFault::Invalid));
        assert_eq!(blind(&[], &mut random).map(|_| ()), Err(OprfFault::Invalid));
    }

    #[test]
    fn a_pair_has_one_token_from_both_sides() {
        let (a, b) = (Pseudonym([1; 32]), Pseudonym([2; 32]));
        assert_eq!(pair_token(&a, &b), pair_token(&b, &a));
        assert_ne!(pair_token(&a, &a), open_token(&a));
        assert_ne!(open_token(&a), open_token(&b));
    }
}
