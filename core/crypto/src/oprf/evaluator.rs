//! The key holder's side: blinded numbers evaluated with a proof, and registered numbers evaluated directly.

use super::rng::Rng;
use super::{BlindJob, Suite, input};
use tandem_model::{MarkPublicKey, Msisdn, OprfElement, OprfProof, Pseudonym, Random, Secret};
use voprf::{BlindedElement, Group as _, VoprfServer};

/// Why nothing is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluatorFault {
    /// No elements, or one that is none: the phone does not follow the protocol.
    #[error("what was to be evaluated is no batch of elements")]
    Invalid,
    /// No key comes of the secret, which nobody knows a secret for. Make another one.
    #[error("no key comes of the secret")]
    NoKey,
}

/// A key of the pseudorandom function at work.
pub struct Evaluator(VoprfServer<Suite>);

impl Evaluator {
    /// The key that comes of 32 random bytes (`DeriveKeyPair` of RFC 9497, section 3.2.1, with the info `tandem/1/marks`).
    /// The same bytes give the same key.
    ///
    /// # Errors
    /// [`EvaluatorFault::NoKey`].
    pub fn from_secret(secret: &Secret<[u8; 32]>) -> Result<Evaluator, EvaluatorFault> {
        Evaluator::derived(secret.expose(), b"tandem/1/marks")
    }

    pub(super) fn derived(seed: &[u8; 32], info: &[u8]) -> Result<Evaluator, EvaluatorFault> {
        VoprfServer::new_from_seed(seed, info).map(Evaluator).map_err(|_| EvaluatorFault::NoKey)
    }

    /// What phones verify evaluations by.
    #[must_use]
    pub fn public_key(&self) -> MarkPublicKey {
        MarkPublicKey(Suite::serialize_elem(self.0.get_public_key()).into())
    }

    /// Evaluates a batch, in its order, and proves that it was under this key.
    ///
    /// # Errors
    /// [`EvaluatorFault::Invalid`]; nothing was evaluated.
    pub fn evaluate(
        &self,
        blinded: &[OprfElement],
        random: &mut dyn Random,
    ) -> Result<(Vec<OprfElement>, OprfProof), EvaluatorFault> {
        if blinded.is_empty() {
            return Err(EvaluatorFault::Invalid);
        }
        let elements: Vec<BlindedElement<Suite>> = blinded
            .iter()
            .map(|element| BlindedElement::deserialize(&element.0).map_err(|_| EvaluatorFault::Invalid))
            .collect::<Result<_, _>>()?;
        let done = self.0.batch_blind_evaluate(&mut Rng(random), &elements).map_err(|_| EvaluatorFault::Invalid)?;
        let evaluated = done.messages.iter().map(|element| OprfElement(element.serialize().into())).collect();
        Ok((evaluated, OprfProof(done.proof.serialize().into())))
    }

    /// The pseudonym of a number the key holder is shown openly: a registered one.
    ///
    /// # Errors
    /// [`EvaluatorFault::Invalid`] when the number cannot be hashed, which nobody knows one for.
    pub fn pseudonym(&self, number: Msisdn) -> Result<Pseudonym, EvaluatorFault> {
        Ok(BlindJob::cut(&self.output(&input(number))?))
    }

    pub(super) fn output(&self, input: &[u8]) -> Result<[u8; 64], EvaluatorFault> {
        self.0.evaluate(input).map(Into::into).map_err(|_| EvaluatorFault::Invalid)
    }
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Evaluator(..)")
    }
}
