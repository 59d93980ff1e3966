//! The person at each phone: answers what is asked, sooner or later, or not at all.

use crate::world::{What, World};
use tandem_machine::effect::Event;
use tandem_machine::input::Command;
use tandem_machine::view::{CallState, Choice, RegistrationState};
use tandem_model::Random;

impl World {
    pub(crate) fn react(&mut self, phone: usize, boot: u64, event: &Event) {
        match event {
            Event::Registration(view) => self.react_to_registration(phone, boot, view.line, view.state),
            Event::Prompt(prompt) => {
                let picked = self.chance.below(prompt.choices.len().max(1) as u64 + 1);
                let choice = usize::try_from(picked).ok().and_then(|picked| prompt.choices.get(picked)).copied();
                let choice = choice.unwrap_or(Choice::Quit);
                let wait = 500 + self.chance.below(30_000);
                self.does(phone, boot, wait, Command::Answer { prompt: prompt.id, choice });
            }
            Event::Call(view) => {
                let call = view.call;
                match view.state {
                    CallState::Ringing if !view.outgoing => {
                        let wait = self.chance.below(50_000);
                        let command = match self.chance.below(5) {
                            0 => Command::Refuse { call },
                            1 => return,
                            _ => Command::Accept { call },
                        };
                        self.does(phone, boot, wait, command);
                    }
                    CallState::Active | CallState::Connecting if self.chance.below(4) == 0 => {
                        let wait = self.chance.below(120_000);
                        let on = self.chance.below(2) == 0;
                        self.does(phone, boot, wait / 2, Command::Hold { call, on });
                        self.does(phone, boot, wait, Command::HangUp { call });
                    }
                    CallState::Active => {
                        let wait = self.chance.below(300_000);
                        self.does(phone, boot, wait, Command::HangUp { call });
                    }
                    CallState::Calling | CallState::Ringing if self.chance.below(6) == 0 => {
                        let wait = self.chance.below(20_000);
                        self.does(phone, boot, wait, Command::HangUp { call });
                    }
                    CallState::Checking
                    | CallState::Asking
                    | CallState::Calling
                    | CallState::Ringing
                    | CallState::Connecting
                    | CallState::Reconnecting
                    | CallState::Carrier
                    | CallState::Ended(_) => {}
                }
            }
            Event::TextArrived(text) => {
                let wait = self.chance.below(600_000);
                self.does(phone, boot, wait, Command::MarkRead { from: text.from, ids: vec![text.id] });
            }
            Event::Online { .. }
            | Event::Marks(_)
            | Event::PromptGone(_)
            | Event::Text(_)
            | Event::File(_)
            | Event::FileArrived(_)
            | Event::DatagramArrived { .. }
            | Event::Log(_)
            | Event::Notice(_) => {}
        }
    }

    fn react_to_registration(&mut self, phone: usize, boot: u64, line: tandem_model::Line, state: RegistrationState) {
        match state {
            RegistrationState::AwaitingUserConfirm => {
                let wait = 1_000 + self.chance.below(20_000);
                self.does(phone, boot, wait, Command::ConfirmRegistration { line });
            }
            RegistrationState::Failed(_) | RegistrationState::Unregistered => {
                let wait = 60_000 + self.chance.below(1_200_000);
                self.does(phone, boot, wait, Command::Register { line, typed: None });
            }
            RegistrationState::NumberNeeded
            | RegistrationState::Asking
            | RegistrationState::AwaitingSms { .. }
            | RegistrationState::Confirming
            | RegistrationState::Registered
            | RegistrationState::Unregistering => {}
        }
    }

    pub(crate) fn does(&mut self, phone: usize, boot: u64, wait_ms: u64, command: Command) {
        self.acts += 1;
        self.later(wait_ms, What::Command(phone, boot, command));
    }
}
