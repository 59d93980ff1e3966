//! What the desk needs of a key, so that the simulation can bring a stand-in.

use tandem_crypto::oprf::{Evaluator, EvaluatorFault};
use tandem_model::{MarkPublicKey, MarkToken, Msisdn, OprfElement, OprfProof, Pseudonym, Random};

/// A key at work.
pub trait Oprf: Send + Sync {
    /// What phones verify by.
    fn public(&self) -> MarkPublicKey;

    /// Evaluates a batch, with proof.
    ///
    /// # Errors
    /// [`EvaluatorFault::Invalid`] for what is no batch.
    fn evaluate(
        &self,
        blinded: &[OprfElement],
        random: &mut dyn Random,
    ) -> Result<(Vec<OprfElement>, OprfProof), EvaluatorFault>;

    /// The pseudonym of a registered number.
    ///
    /// # Errors
    /// [`EvaluatorFault::Invalid`].
    fn pseudonym(&self, number: Msisdn) -> Result<Pseudonym, EvaluatorFault>;

    /// The token of two pseudonyms.
    fn pair(&self, a: &Pseudonym, b: &Pseudonym) -> MarkToken;

    /// The token of one pseudonym.
    fn own(&self, of: &Pseudonym) -> MarkToken;
}

macro_rules! at_work {
    ($evaluator:ty, $tokens:path) => {
        impl Oprf for $evaluator {
            fn public(&self) -> MarkPublicKey {
                self.public_key()
            }

            fn evaluate(
                &self,
                blinded: &[OprfElement],
                random: &mut dyn Random,
            ) -> Result<(Vec<OprfElement>, OprfProof), EvaluatorFault> {
                <$evaluator>::evaluate(self, blinded, random)
            }

            fn pseudonym(&self, number: Msisdn) -> Result<Pseudonym, EvaluatorFault> {
                <$evaluator>::pseudonym(self, number)
            }

            fn pair(&self, a: &Pseudonym, b: &Pseudonym) -> MarkToken {
                use $tokens as tokens;
                tokens::pair_token(a, b)
            }

            fn own(&self, of: &Pseudonym) -> MarkToken {
                use $tokens as tokens;
                tokens::open_token(of)
            }
        }
    };
}

at_work!(Evaluator, tandem_crypto::oprf);
at_work!(tandem_crypto::fake::FakeEvaluator, tandem_crypto::fake);
