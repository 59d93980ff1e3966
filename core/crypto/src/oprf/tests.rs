//! The published vectors of RFC 9497, appendix A.1.2, and what a liar tries.

use super::blinder::blind_inputs;
use super::*;
use crate::SeededRandom;
use data_encoding::HEXLOWER;
use tandem_model::{MarkPublicKey, OprfElement, OprfFault, OprfProof, Random, Secret};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
}

/// Gives the scalars of a vector: 64 bytes are drawn for one and reduced, so that 32 of zeros behind it change nothing.
struct Scripted(Vec<[u8; 32]>);

impl Random for Scripted {
    fn fill(&mut self, out: &mut [u8]) {
        assert_eq!(out.len(), 64);
        out.fill(0);
        out[..32].copy_from_slice(&self.0.remove(0));
    }
}

const PUBLIC: &str = "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e";
const BLIND_1: &str = "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706";
const BLIND_2: &str = "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e";
const FIVES: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const OUTPUT_1: &str = concat!(
    "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d",
    "a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c",
);
const OUTPUT_2: &str = concat!(
    "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60",
    "356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6",
);

struct Vector {
    inputs: &'static [&'static str],
    blinds: &'static [&'static str],
    blinded: &'static [&'static str],
    evaluated: &'static [&'static str],
    proof_scalar: &'static str,
    proof: &'static str,
    outputs: &'static [&'static str],
}

const VECTORS: [Vector; 3] = [
    Vector {
        inputs: &["00"],
        blinds: &[BLIND_1],
        blinded: &["863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945"],
        evaluated: &["aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e"],
        proof_scalar: BLIND_2,
        proof: concat!(
            "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd06",
            "6d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d",
        ),
        outputs: &[OUTPUT_1],
    },
    Vector {
        inputs: &[FIVES],
        blinds: &[BLIND_1],
        blinded: &["cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c"],
        evaluated: &["60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468"],
        proof_scalar: BLIND_2,
        proof: concat!(
            "401a0da6264f8cf45bb2f5264bc31e109155600babb3cd4e5af7d181a2c9dc0a",
            "67154fabf031fd936051dec80b0b6ae29c9503493dde7393b722eafdf5a50b02",
        ),
        outputs: &[OUTPUT_2],
    },
    Vector {
        inputs: &["00", FIVES],
        blinds: &[BLIND_1, BLIND_2],
        blinded: &[
            "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
            "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654",
        ],
        evaluated: &[
            "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
            "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a",
        ],
        proof_scalar: "419c4f4f5052c53c45f3da494d2b67b220d02118e0857cdbcf037f9ea84bbe0c",
        proof: concat!(
            "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a",
            "5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08",
        ),
        outputs: &[OUTPUT_1, OUTPUT_2],
    },
];

fn elements(hexes: &[&str]) -> Vec<OprfElement> {
    hexes.iter().map(|text| OprfElement(hex(text))).collect()
}

#[test]
fn a_whole_exchange_gives_the_vectors_of_rfc_9497() {
    let holder = Evaluator::derived(&[0xA3; 32], b"test key").unwrap();
    assert_eq!(holder.public_key(), MarkPublicKey(hex(PUBLIC)));
    for vector in VECTORS {
        let inputs: Vec<Vec<u8>> = vector.inputs.iter().map(|text| HEXLOWER.decode(text.as_bytes()).unwrap()).collect();
        let mut blinds = Scripted(vector.blinds.iter().map(|text| hex(text)).collect());
        let (job, blinded) = blind_inputs(inputs.clone(), &mut blinds).unwrap();
        assert_eq!(blinded, elements(vector.blinded));
        let (evaluated, proof) = holder.evaluate(&blinded, &mut Scripted(vec![hex(vector.proof_scalar)])).unwrap();
        assert_eq!(evaluated, elements(vector.evaluated));
        assert_eq!(proof, OprfProof(hex(vector.proof)));
        let outputs: Vec<[u8; 64]> = vector.outputs.iter().map(|text| hex(text)).collect();
        assert_eq!(job.outputs(&holder.public_key(), &evaluated, &proof), Ok(outputs.clone()));
        for (input, output) in inputs.iter().zip(outputs) {
            assert_eq!(holder.output(input), Ok(output));
        }
    }
}

fn numbers(count: u64) -> Vec<Msisdn> {
    (0..count).map(|n| Msisdn::try_from(4_915_100_000_000 + n).unwrap()).collect()
}

fn holder(byte: u8) -> Evaluator {
    Evaluator::from_secret(&Secret::new([byte; 32])).unwrap()
}

#[test]
fn what_a_phone_takes_from_a_batch_is_what_the_holder_makes_of_each_number() {
    let (holder, mut random) = (holder(1), SeededRandom::from_seed([1; 32]));
    let numbers = numbers(500);
    let (job, blinded) = blind(&numbers, &mut random).unwrap();
    let (evaluated, proof) = holder.evaluate(&blinded, &mut random).unwrap();
    let direct: Vec<_> = numbers.iter().map(|number| holder.pseudonym(*number).unwrap()).collect();
    assert_eq!(job.finish(&holder.public_key(), &evaluated, &proof), Ok(direct));
    assert_eq!(job.len(), 500);
}

#[test]
fn the_same_number_is_blinded_to_other_bytes_every_time() {
    let mut random = SeededRandom::from_seed([1; 32]);
    let (_, one) = blind(&numbers(1), &mut random).unwrap();
    let (_, other) = blind(&numbers(1), &mut random).unwrap();
    assert_ne!(one, other);
}

#[test]
fn pseudonyms_under_two_keys_have_nothing_in_common() {
    let number = numbers(1)[0];
    assert_ne!(holder(1).pseudonym(number), holder(2).pseudonym(number));
    assert_ne!(holder(1).public_key(), holder(2).public_key());
}

#[test]
fn nothing_is_taken_from_an_answer_under_another_key_than_was_said() {
    let (said, other, mut random) = (holder(1), holder(2), SeededRandom::from_seed([1; 32]));
    let (job, blinded) = blind(&numbers(3), &mut random).unwrap();
    let (evaluated, proof) = other.evaluate(&blinded, &mut random).unwrap();
    assert_eq!(job.finish(&said.public_key(), &evaluated, &proof), Err(OprfFault::Unproven));
}

#[test]
fn one_changed_swapped_or_missing_element_spoils_the_whole_answer() {
    let (holder, mut random) = (holder(1), SeededRandom::from_seed([1; 32]));
    let (key, other) = (holder.public_key(), self::holder(2));
    let (job, blinded) = blind(&numbers(3), &mut random).unwrap();
    let (evaluated, proof) = holder.evaluate(&blinded, &mut random).unwrap();
    let (lied, _) = other.evaluate(&blinded, &mut random).unwrap();
    for place in 0..3 {
        let mut answer = evaluated.clone();
        answer[place] = lied[place];
        assert_eq!(job.finish(&key, &answer, &proof), Err(OprfFault::Unproven), "element {place}");
    }
    let swapped = [evaluated[1], evaluated[0], evaluated[2]];
    assert_eq!(job.finish(&key, &swapped, &proof), Err(OprfFault::Unproven));
    assert_eq!(job.finish(&key, &evaluated[..2], &proof), Err(OprfFault::Invalid));
    assert_eq!(job.finish(&key, &[evaluated.clone(), vec![evaluated[0]]].concat(), &proof), Err(OprfFault::Invalid));
    assert!(job.finish(&key, &evaluated, &proof).is_ok());
}

#[test]
fn a_proof_changed_in_any_byte_does_not_verify() {
    let (holder, mut random) = (holder(1), SeededRandom::from_seed([1; 32]));
    let (job, blinded) = blind(&numbers(1), &mut random).unwrap();
    let (evaluated, proof) = holder.evaluate(&blinded, &mut random).unwrap();
    for place in 0..64 {
        let mut bent = proof;
        bent.0[place] ^= 1;
        assert_eq!(job.finish(&holder.public_key(), &evaluated, &bent), Err(OprfFault::Unproven), "byte {place}");
    }
}

#[test]
fn what_is_no_element_is_refused_on_both_sides() {
    let (holder, mut random) = (holder(1), SeededRandom::from_seed([1; 32]));
    let (job, blinded) = blind(&numbers(1), &mut random).unwrap();
    let (evaluated, proof) = holder.evaluate(&blinded, &mut random).unwrap();
    // The identity, and bytes that are no canonical encoding.
    for none in [OprfElement([0; 32]), OprfElement([0xFF; 32])] {
        assert_eq!(holder.evaluate(&[blinded[0], none], &mut random), Err(EvaluatorFault::Invalid));
        assert_eq!(job.finish(&holder.public_key(), &[none], &proof), Err(OprfFault::Invalid));
        assert_eq!(job.finish(&MarkPublicKey(none.0), &evaluated, &proof), Err(OprfFault::Invalid));
    }
    assert_eq!(holder.evaluate(&[], &mut random), Err(EvaluatorFault::Invalid));
    assert_eq!(blind(&[], &mut random).map(|_| ()), Err(OprfFault::Invalid));
}

#[test]
fn neither_a_job_nor_a_key_shows_what_it_holds() {
    let (job, _) = blind(&numbers(2), &mut SeededRandom::from_seed([1; 32])).unwrap();
    assert_eq!(format!("{job:?} {:?}", holder(1)), "BlindJob(2 numbers) Evaluator(..)");
}
