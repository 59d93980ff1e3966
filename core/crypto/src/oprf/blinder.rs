//! The phone's side: numbers blinded in a batch, and pseudonyms taken from what comes back.

use super::rng::Rng;
use super::{Suite, input};
use tandem_model::{MarkPublicKey, Msisdn, OprfElement, OprfFault, OprfProof, Pseudonym, Random};
use voprf::{EvaluationElement, Group as _, Proof, VoprfClient};

/// What a phone keeps of a batch until its evaluation comes: the numbers and what they were blinded with. Dropped, it is
/// erased, and what was sent can never be read again.
pub struct BlindJob {
    inputs: Vec<Vec<u8>>,
    clients: Vec<VoprfClient<Suite>>,
}

/// Blinds numbers, each with a random factor of its own: nobody can tell from the elements which numbers they are, or
/// whether two batches are of the same ones.
///
/// # Errors
/// [`OprfFault::Invalid`] for no numbers, or when a number cannot be hashed, which nobody knows one for.
pub fn blind(numbers: &[Msisdn], random: &mut dyn Random) -> Result<(BlindJob, Vec<OprfElement>), OprfFault> {
    blind_inputs(numbers.iter().copied().map(input).collect(), random)
}

pub(super) fn blind_inputs(
    inputs: Vec<Vec<u8>>,
    random: &mut dyn Random,
) -> Result<(BlindJob, Vec<OprfElement>), OprfFault> {
    if inputs.is_empty() {
        return Err(OprfFault::Invalid);
    }
    let mut rng = Rng(random);
    let mut clients = Vec::with_capacity(inputs.len());
    let mut blinded = Vec::with_capacity(inputs.len());
    for input in &inputs {
        let blind = VoprfClient::<Suite>::blind(input, &mut rng).map_err(|_| OprfFault::Invalid)?;
        clients.push(blind.state);
        blinded.push(OprfElement(blind.message.serialize().into()));
    }
    Ok((BlindJob { inputs, clients }, blinded))
}

impl BlindJob {
    /// Numbers in the batch.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.clients.len()
    }

    /// Never true: a batch of none is not made.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Takes the pseudonyms of the batch's numbers, in their order, from its evaluation, having verified that every one was
    /// evaluated under `key`.
    ///
    /// # Errors
    /// [`OprfFault::Invalid`] when the answer is not one element a number, or an element or the key is none;
    /// [`OprfFault::Unproven`] when the proof does not verify. Either way nothing of the answer may be used.
    pub fn finish(
        &self,
        key: &MarkPublicKey,
        evaluated: &[OprfElement],
        proof: &OprfProof,
    ) -> Result<Vec<Pseudonym>, OprfFault> {
        Ok(self.outputs(key, evaluated, proof)?.iter().map(Self::cut).collect())
    }

    /// The whole outputs, as RFC 9497 has them.
    pub(super) fn outputs(
        &self,
        key: &MarkPublicKey,
        evaluated: &[OprfElement],
        proof: &OprfProof,
    ) -> Result<Vec<[u8; 64]>, OprfFault> {
        if evaluated.len() != self.clients.len() {
            return Err(OprfFault::Invalid);
        }
        let key = Suite::deserialize_elem(&key.0).map_err(|_| OprfFault::Invalid)?;
        let proof = Proof::<Suite>::deserialize(&proof.0).map_err(|_| OprfFault::Unproven)?;
        let elements: Vec<EvaluationElement<Suite>> = evaluated
            .iter()
            .map(|element| EvaluationElement::deserialize(&element.0).map_err(|_| OprfFault::Invalid))
            .collect::<Result<_, _>>()?;
        VoprfClient::batch_finalize(&self.inputs, &self.clients, &elements, &proof, key)
            .map_err(|_| OprfFault::Unproven)?
            .map(|output| output.map(Into::into).map_err(|_| OprfFault::Invalid))
            .collect()
    }

    pub(super) fn cut(output: &[u8; 64]) -> Pseudonym {
        let mut pseudonym = [0; 32];
        pseudonym.iter_mut().zip(output).for_each(|(to, from)| *to = *from);
        Pseudonym(pseudonym)
    }
}

impl std::fmt::Debug for BlindJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlindJob({} numbers)", self.clients.len())
    }
}
