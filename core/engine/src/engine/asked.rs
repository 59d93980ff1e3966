//! What an app asks for, on its way to the machine; and what becomes of it when there is none.

use super::Engine;
use crate::dials::{Dial, Wish};
use crate::errors::{CommandError, NotifyError};
use crate::pending::{Answer, Begun};
use crate::runner::HostWord;
use crate::shared::Life;
use std::sync::atomic::Ordering;
use tandem_machine::Command;
use tandem_machine::input::Target;
use tandem_machine::view::{Choice, Fault, PromptAbout};
use tandem_model::{PromptId, Secret};
use tokio::sync::{mpsc, oneshot};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unsaid {
    Full,
    Stopped,
}

impl Engine {
    /// Queues a command, or says why not.
    pub(super) fn begin(&self, command: Command) -> Result<oneshot::Receiver<Answer>, CommandError> {
        if let Command::HangUp { call } = &command {
            self.shared.pending.hung_up(*call);
        }
        let wish = self.wish(&command);
        let give_up_at = self.clock.now().mono.after(self.answer_within);
        let (ticket, answered) = match self.shared.pending.begin(wish.clone(), give_up_at) {
            Begun::New(ticket, answered) => (ticket, answered),
            Begun::Joined(answered) => return Ok(answered),
            Begun::Refused => return self.past_the_machine(&wish),
        };
        match self.say(HostWord::Command { ticket, command }) {
            Ok(()) => {}
            // The runner is gone and nobody has said so yet: a panic is told of a moment after it.
            Err(Unsaid::Stopped) => self.shared.break_down(Fault::Panic),
            Err(Unsaid::Full) => self.shared.act_past(self.shared.pending.unsaid(ticket)),
        }
        Ok(answered)
    }

    /// What is left when there is no machine, or it has too much to do: a person who calls is not told to try again.
    fn past_the_machine(&self, wish: &Wish) -> Result<oneshot::Receiver<Answer>, CommandError> {
        match self.shared.life() {
            Life::Running if *wish == Wish::None => Err(CommandError::Full),
            Life::Running | Life::Broken => {
                let (asker, answered) = oneshot::channel();
                self.shared.act_past(self.shared.pending.past(wish, asker));
                Ok(answered)
            }
            Life::Ended => Err(CommandError::Stopped),
        }
    }

    /// What carrier call a command would be, if any.
    fn wish(&self, command: &Command) -> Wish {
        match command {
            Command::Dial { target, line, mode } => {
                let digits = match target {
                    Target::Number(digits) => Some(digits),
                    Target::Contact { numbers, .. } => numbers.first(),
                };
                let dial = digits.map(|digits| Dial { line: *line, digits: digits.clone() });
                dial.map_or(Wish::None, |dial| Wish::Call(dial, *mode))
            }
            Command::Answer { prompt, choice } => {
                let dial = match choice {
                    Choice::Carrier => self.asked_to_call(*prompt),
                    Choice::Number(number) => self.shared.pending.chosen_to_call(*prompt, number.e164()),
                    Choice::Quit | Choice::Wait => None,
                };
                dial.map_or(Wish::None, |dial| Wish::Choice(*prompt, dial))
            }
            Command::Register { .. }
            | Command::ConfirmRegistration { .. }
            | Command::EnterCode { .. }
            | Command::ResendSms { .. }
            | Command::CancelRegistration { .. }
            | Command::Unregister { .. }
            | Command::Block { .. }
            | Command::Unblock { .. }
            | Command::SetOpenMark { .. }
            | Command::SyncMarks
            | Command::Settings(_)
            | Command::Accept { .. }
            | Command::Refuse { .. }
            | Command::HangUp { .. }
            | Command::Hold { .. }
            | Command::SendText { .. }
            | Command::TextToSms { .. }
            | Command::CancelText { .. }
            | Command::SetConsent { .. }
            | Command::SendFile { .. }
            | Command::SendDatagram { .. }
            | Command::MarkRead { .. } => Wish::None,
        }
    }

    /// The carrier call an open question about a call offers.
    fn asked_to_call(&self, prompt: PromptId) -> Option<Dial> {
        let views = self.shared.views();
        let asked = views.prompts.iter().find(|open| open.id == prompt).map(|open| &open.about);
        let Some(PromptAbout::Call { call, to, .. }) = asked else {
            return None;
        };
        let line = views.calls.iter().find(|view| view.call == *call).map(|view| view.line);
        Some(Dial { line, digits: Secret::new(to.e164()) })
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
