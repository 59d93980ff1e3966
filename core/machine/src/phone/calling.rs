//! A call from the app: which number of a contact, before anything else, except for help.

use super::Phone;
use crate::ctx::{Ctx, World};
use crate::dialing::{Dialed, classify};
use crate::input::{Command, Mode, Target};
use tandem_model::{Line, Msisdn, Secret, Ticket};

impl Phone {
    pub(super) fn dial(&mut self, ticket: Ticket, target: Target, line: Option<Line>, mode: Mode, ctx: &mut Ctx<'_>) {
        let target = match target {
            Target::Contact { contact, numbers } if mode == Mode::Data && !self.has_help(&numbers, line) => {
                let again =
                    |number: Msisdn| Command::Dial { target: Target::Number(Secret::new(number.e164())), line, mode };
                let as_line = line.or_else(|| self.lines.default_line());
                match self.choose(ticket, contact, &numbers, as_line, again, ctx) {
                    Some(digits) => Target::Number(digits),
                    None => return,
                }
            }
            // The carrier's user is asked nothing, and nobody is who needs help.
            target @ (Target::Contact { .. } | Target::Number(_)) => target,
        };
        let result = self.calls.dial(&target, line, mode, &self.lines, ctx);
        ctx.reply(ticket, result);
    }

    fn has_help(&self, numbers: &[Secret<String>], line: Option<Line>) -> bool {
        let line = line.or_else(|| self.lines.default_line());
        let country = line.and_then(|line| self.lines.country(line));
        numbers.iter().any(|raw| classify(raw.expose(), &self.emergency, country) == Dialed::Emergency)
    }
}

#[cfg(test)]
mod tests;
