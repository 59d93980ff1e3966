//! Private matching of contacts at work (RFC 9497 in its VOPRF mode, ristretto255-SHA512).
//!
//! A phone blinds numbers ([`blind`]), the holder of a key evaluates them without seeing any ([`Evaluator`]), and the phone
//! verifies that all were evaluated under the one public key before it takes pseudonyms from them ([`BlindJob::finish`]).
//! [`pair_token`] and [`open_token`] make of pseudonyms what a server is shown.

mod blinder;
mod evaluator;
mod rng;
mod tokens;

pub use blinder::{BlindJob, blind};
pub use evaluator::{Evaluator, EvaluatorFault};
pub use tokens::{open_token, pair_token};

use tandem_model::Msisdn;
use tandem_model::vault::signed::canonical;
use voprf::Ristretto255;

type Suite = Ristretto255;

/// What is evaluated for a number.
fn input(number: Msisdn) -> Vec<u8> {
    canonical("tandem/1/number", &[&number.as_u64().to_be_bytes()])
}

#[cfg(test)]
mod tests;
