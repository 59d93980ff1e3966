//! What an app asks for, on its way to the machine; and what becomes of it when there is none.

use super::Engine;
use crate::errors::{CommandError, NotifyError};
use crate::pending::{Answer, Dial, Wish};
use crate::runner::HostWord;
use crate::shared::Life;
use std::sync::atomic::Ordering;
use tandem_machine::Command;
use tandem_machine::input::Target;
use tandem_machine::view::{Choice, Fault, PromptAbout};
use tandem_model::Secret;
use tokio::sync::{mpsc, oneshot};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unsaid {
    Full,
    Stopped,
}

impl Engine {
    /// Queues a command, or says why not.
    pub(super) fn begin(&self, command: Command) -> Result<oneshot::Receiver<Answer>, CommandError> {
        let wish = self.wish(&command);
        if self.shared.is_over() {
            return self.past_the_machine(wish);
        }
        let give_up_at = self.clock.now().mono.after(self.answer_within);
        let Some((ticket, answered)) = self.shared.pending.begin(wish.clone(), give_up_at) else {
            return self.too_many(wish);
        };
        let said = self.say(HostWord::Command { ticket, command });
        if said == Err(Unsaid::Stopped) {
            // The runner is gone and nobody has said so yet: a panic is told of a moment after it.
            self.shared.break_down(Fault::Panic);
        }
        // The machine may have gone between the two: then whoever swept up did not see this command.
        if said.is_ok() && !self.shared.is_over() {
            return Ok(answered);
        }
        match self.shared.pending.take(ticket) {
            Some(waiting) if said == Err(Unsaid::Full) => self.too_many(waiting.wish),
            Some(waiting) => self.past_the_machine(waiting.wish),
            None => Ok(answered),
        }
    }

    /// What is left when the machine has too much to do: a person who calls is not told to try again.
    fn too_many(&self, wish: Wish) -> Result<oneshot::Receiver<Answer>, CommandError> {
        let Wish::Call(dial) = wish else {
            return Err(CommandError::Full);
        };
        let (answer, answered) = oneshot::channel();
        self.shared.rescue(dial, Some(answer));
        Ok(answered)
    }

    /// What is left when there is no machine.
    fn past_the_machine(&self, wish: Wish) -> Result<oneshot::Receiver<Answer>, CommandError> {
        match self.shared.life() {
            Life::Broken => {
                let (answer, answered) = oneshot::channel();
                self.shared.serve(wish, answer);
                Ok(answered)
            }
            Life::Ended | Life::Running => Err(CommandError::Stopped),
        }
    }

    /// What carrier call a command would be, if any.
    fn wish(&self, command: &Command) -> Wish {
        if let Command::Dial { target, line, .. } = command {
            let digits = match target {
                Target::Number(digits) => Some(digits),
                Target::Contact { numbers, .. } => numbers.first(),
            };
            return digits.map_or(Wish::None, |digits| Wish::Call(Dial { line: *line, digits: digits.clone() }));
        }
        if let Command::Answer { prompt, choice: Choice::Carrier } = command {
            let views = self.shared.views();
            let asked = views.prompts.iter().find(|open| open.id == *prompt).map(|open| &open.about);
            if let Some(PromptAbout::Call { call, to, .. }) = asked {
                let line = views.calls.iter().find(|view| view.call == *call).map(|view| view.line);
                return Wish::Carrier(*prompt, Dial { line, digits: Secret::new(to.e164()) });
            }
        }
        Wish::None
    }

    pub(super) fn tell(&self, word: HostWord) -> Result<(), NotifyError> {
        if self.shared.is_over() {
            return Err(NotifyError::Stopped);
        }
        self.say(word).map_err(|error| match error {
            Unsaid::Full => NotifyError::Full,
            Unsaid::Stopped => NotifyError::Stopped,
        })
    }

    fn say(&self, word: HostWord) -> Result<(), Unsaid> {
        let outstanding = &self.shared.progress.outstanding;
        outstanding.fetch_add(1, Ordering::AcqRel);
        match self.host_words.try_send(word) {
            Ok(()) => {
                self.shared.guard.watch();
                Ok(())
            }
            Err(error) => {
                outstanding.fetch_sub(1, Ordering::AcqRel);
                Err(match error {
                    mpsc::error::TrySendError::Full(_) => Unsaid::Full,
                    mpsc::error::TrySendError::Closed(_) => Unsaid::Stopped,
                })
            }
        }
    }
}
