//! The one thread that blinds numbers and takes pseudonyms out of evaluations: a tenth of a millisecond a number and more is
//! too long for the machine's thread.

use crate::latch::Running;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tandem_crypto::SeededRandom;
use tandem_crypto::oprf::{self, BlindJob};
use tandem_machine::OprfInput;
use tandem_model::{MarkPublicKey, Msisdn, OprfElement, OprfFault, OprfProof, Ticket};
use tracing::warn;

/// Orders that may wait; the machine has two pages under way.
const ORDERS_MAX: usize = 16;

/// Batches whose blinding is kept; the oldest makes room.
const JOBS_MAX: usize = 8;

/// What the thread is asked.
pub(crate) enum Order {
    Blind { ticket: Ticket, numbers: Vec<Msisdn> },
    Finish { ticket: Ticket, job: Ticket, key: MarkPublicKey, evaluated: Vec<OprfElement>, proof: OprfProof },
    Forget { job: Ticket },
}

impl Order {
    /// What the machine is answered when the order cannot be taken.
    pub(crate) fn refused(&self) -> Option<OprfInput> {
        match self {
            Order::Blind { ticket, .. } => {
                Some(OprfInput::Blinded { ticket: *ticket, blinded: Err(OprfFault::Forgotten) })
            }
            Order::Finish { ticket, .. } => {
                Some(OprfInput::Finished { ticket: *ticket, outcome: Err(OprfFault::Forgotten) })
            }
            Order::Forget { .. } => None,
        }
    }
}

/// The queue of the thread; closing it ends the thread.
pub(crate) fn queue() -> (SyncSender<Order>, Receiver<Order>) {
    sync_channel(ORDERS_MAX)
}

/// Runs the thread. What numbers were blinded with is in its memory and nowhere else.
pub(crate) fn run(mut random: SeededRandom, orders: &Receiver<Order>, answer: impl Fn(OprfInput), running: Running) {
    let mut jobs: BTreeMap<Ticket, BlindJob> = BTreeMap::new();
    while let Ok(order) = orders.recv() {
        match order {
            Order::Blind { ticket, numbers } => {
                let blinded = oprf::blind(&numbers, &mut random).map(|(job, blinded)| {
                    jobs.insert(ticket, job);
                    blinded
                });
                while jobs.len() > JOBS_MAX {
                    jobs.pop_first();
                }
                answer(OprfInput::Blinded { ticket, blinded });
            }
            Order::Finish { ticket, job, key, evaluated, proof } => {
                let outcome =
                    jobs.remove(&job).ok_or(OprfFault::Forgotten).and_then(|job| job.finish(&key, &evaluated, &proof));
                if outcome == Err(OprfFault::Unproven) {
                    warn!("the server evaluated numbers and did not prove it; nothing of it is used");
                }
                answer(OprfInput::Finished { ticket, outcome });
            }
            Order::Forget { job } => drop(jobs.remove(&job)),
        }
    }
    drop(running);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latch::Latch;
    use std::sync::Mutex;
    use tandem_crypto::oprf::Evaluator;
    use tandem_model::{Pseudonym, Secret};

    fn answers(orders: Vec<Order>) -> Vec<OprfInput> {
        let (queue, ordered) = queue();
        orders.into_iter().for_each(|order| queue.send(order).unwrap());
        drop(queue);
        let answers = Mutex::new(Vec::new());
        let random = SeededRandom::from_seed([1; 32]);
        run(random, &ordered, |answer| answers.lock().unwrap().push(answer), Latch::default().enter());
        answers.into_inner().unwrap()
    }

    fn numbers() -> Vec<Msisdn> {
        (0..3_u64).map(|n| Msisdn::try_from(4_915_100_000_000 + n).unwrap()).collect()
    }

    fn blind(ticket: u64) -> Order {
        Order::Blind { ticket: Ticket(ticket), numbers: numbers() }
    }

    /// The evaluation of what the thread blinds first from its seed.
    fn finish(job: u64) -> (Order, Vec<Pseudonym>) {
        let holder = Evaluator::from_secret(&Secret::new([7; 32])).unwrap();
        let [OprfInput::Blinded { blinded: Ok(blinded), .. }] = &answers(vec![blind(1)])[..] else { panic!("blinded") };
        let (evaluated, proof) = holder.evaluate(blinded, &mut SeededRandom::from_seed([2; 32])).unwrap();
        let pseudonyms = numbers().into_iter().map(|number| holder.pseudonym(number).unwrap()).collect();
        let key = holder.public_key();
        (Order::Finish { ticket: Ticket(2), job: Ticket(job), key, evaluated, proof }, pseudonyms)
    }

    #[test]
    fn numbers_go_out_blinded_and_come_back_as_pseudonyms() {
        let (finish, pseudonyms) = finish(1);
        let told = answers(vec![blind(1), finish]);
        assert_eq!(told[1], OprfInput::Finished { ticket: Ticket(2), outcome: Ok(pseudonyms) });
    }

    #[test]
    fn a_blinding_that_was_forgotten_or_used_or_never_was_yields_nothing() {
        let nothing = OprfInput::Finished { ticket: Ticket(2), outcome: Err(OprfFault::Forgotten) };
        let told = answers(vec![blind(1), Order::Forget { job: Ticket(1) }, finish(1).0]);
        assert_eq!(told[1], nothing);
        assert_eq!(answers(vec![blind(1), finish(1).0, finish(1).0])[2], nothing);
        assert_eq!(answers(vec![finish(1).0]), [nothing]);
    }

    #[test]
    fn the_oldest_blinding_makes_room() {
        let mut orders: Vec<Order> = (1..=9).map(blind).collect();
        orders.push(finish(1).0);
        let told = answers(orders);
        assert_eq!(told[9], OprfInput::Finished { ticket: Ticket(2), outcome: Err(OprfFault::Forgotten) });
    }
}
