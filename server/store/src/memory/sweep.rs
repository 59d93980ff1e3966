//! Ends what ran out, a bounded number at a time.

use super::owners::tidy;
use super::state::State;
use crate::budget::micros;
use crate::store::Swept;
use tandem_logic::store_op::Owner;
use tandem_model::{ServerMillis, TerminalState};

impl State {
    pub(crate) fn sweep(
        &mut self,
        at: ServerMillis,
        silent_before: ServerMillis,
        forget_before: ServerMillis,
        limit: u32,
    ) -> Swept {
        let limit = limit as usize;
        let mut swept = Swept::default();
        let due: Vec<_> =
            self.expiring.iter().take_while(|(until, _)| *until <= at).take(limit).map(|(_, key)| *key).collect();
        swept.more |= due.len() == limit;
        for key in due {
            swept.ends.extend(self.end_text(key, TerminalState::Expired, at));
        }
        let silent: Vec<Owner> = self
            .owners
            .iter()
            .filter(|(_, row)| !row.ended && row.lease_until < silent_before)
            .take(limit)
            .map(|(number, row)| Owner { number: *number, epoch: row.epoch })
            .collect();
        swept.more |= silent.len() == limit;
        for owner in silent {
            let aftermath = self.end_owner(at, owner, false);
            swept.aftermath.viewers.extend(aftermath.viewers);
            swept.aftermath.senders.extend(aftermath.senders);
            swept.owners.push(owner);
        }
        swept.more |= self.sweep_tokens(limit, &mut swept.aftermath.viewers);
        tidy(&mut swept.aftermath);
        let over: Vec<_> = self.attempts.iter().filter(|(_, row)| row.expires_at <= at).take(limit).collect();
        let over: Vec<_> = over.into_iter().map(|(id, row)| (*id, (row.number, row.device_key))).collect();
        for (id, pair) in over {
            self.attempts.remove(&id);
            self.attempt_of.remove(&pair);
        }
        let old: Vec<_> = self.ended.iter().take_while(|(end, _)| *end < forget_before).take(limit).copied().collect();
        for (end_at, key) in old {
            self.ended.remove(&(end_at, key));
            let Some(row) = self.texts.remove(&key) else { continue };
            if let Some(end) = row.end {
                self.ends.remove(&(key.0, end.order));
            }
            if let Some(read) = row.read {
                self.reads.remove(&(key.0, read.order));
            }
        }
        let now = micros(at);
        let whole: Vec<_> =
            self.budgets.iter().filter(|(_, whole_at)| **whole_at <= now).take(limit).map(|(key, _)| *key).collect();
        for key in whole {
            self.budgets.remove(&key);
        }
        swept
    }
}
