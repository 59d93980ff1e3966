//! The person holding a phone: what they have before their eyes, and what a verb makes them ask of the core.

use crate::names::Names;
use crate::scenario::{Reach, Verb};
use crate::words::choice_word;
use std::collections::BTreeMap;
use tandem_machine::effect::Event;
use tandem_machine::input::{Command, Mode, Target};
use tandem_machine::view::{CallState, Prompt};
use tandem_model::rows::{SettingsRow, StandingChoice};
use tandem_model::{CallId, Line, Msisdn, Secret, TextId};

/// A person.
#[derive(Debug, Default)]
pub struct Person {
    prompts: Vec<Prompt>,
    ringing: Option<CallId>,
    call: Option<CallId>,
    last_text: Option<TextId>,
    unread: BTreeMap<Msisdn, Vec<TextId>>,
}

impl Person {
    /// The call they are in, in whatever state.
    ///
    /// # Errors
    /// When there is none.
    pub fn call(&self) -> Result<CallId, String> {
        self.call.ok_or_else(|| "there is no call".to_owned())
    }

    /// They wrote a text.
    pub fn wrote(&mut self, id: TextId) {
        self.last_text = Some(id);
    }

    /// What a verb makes them ask.
    ///
    /// # Errors
    /// Why it makes no sense now.
    pub fn command(&self, verb: Verb, names: &Names) -> Result<Command, String> {
        let target = |to: &str| Target::Number(Secret::new(names.number(to)));
        let ringing = || self.ringing.ok_or("nothing rings");
        let text = || self.last_text.ok_or("there is no text");
        Ok(match verb {
            Verb::Register { line, typed } => Command::Register { line: Line(line), typed: typed.map(Secret::new) },
            Verb::Confirm { line } => Command::ConfirmRegistration { line: Line(line) },
            Verb::EnterCode { line, code } => Command::EnterCode { line: Line(line), code: Secret::new(code) },
            Verb::ResendSms { line } => Command::ResendSms { line: Line(line) },
            Verb::CancelRegistration { line } => Command::CancelRegistration { line: Line(line) },
            Verb::Unregister { line } => Command::Unregister { line: Line(line) },
            Verb::SyncMarks {} => Command::SyncMarks,
            Verb::Call { to, over, line } => {
                Command::Dial { target: target(&to), line: line.map(Line), mode: mode(over) }
            }
            Verb::Accept {} => Command::Accept { call: ringing()? },
            Verb::Refuse {} => Command::Refuse { call: ringing()? },
            Verb::HangUp {} => Command::HangUp { call: self.call()? },
            Verb::Hold { on } => Command::Hold { call: self.call()?, on },
            Verb::Text { to, body, over, line } => Command::SendText {
                target: target(&to),
                line: line.map(Line),
                body: Secret::new(body),
                mode: mode(over),
            },
            Verb::Choose { choice } => {
                let prompt = self.prompts.last().ok_or("there is no prompt")?;
                let chosen = prompt.choices.iter().find(|offered| choice_word(**offered) == choice);
                Command::Answer { prompt: prompt.id, choice: *chosen.ok_or("the prompt has no such choice")? }
            }
            Verb::TextToSms {} => Command::TextToSms { id: text()? },
            Verb::CancelText {} => Command::CancelText { id: text()? },
            Verb::ReadAll { from } => {
                let from = Msisdn::from_e164(&names.number(&from)).map_err(|e| e.to_string())?;
                Command::MarkRead { from, ids: self.unread.get(&from).cloned().unwrap_or_default() }
            }
            Verb::Standing { choice } => Command::Settings(SettingsRow {
                standing_choice: if choice == "carrier" { StandingChoice::Carrier } else { StandingChoice::Ask },
                read_receipts: true,
            }),
            other => return Err(format!("a phone cannot do \"{}\"", other.word())),
        })
    }

    /// The app shows them something.
    pub fn sees(&mut self, event: &Event) {
        match event {
            Event::Prompt(prompt) => self.prompts.push(prompt.clone()),
            Event::PromptGone(id) => self.prompts.retain(|prompt| prompt.id != *id),
            Event::Call(view) => match view.state {
                CallState::Ended(_) => {
                    self.ringing = self.ringing.filter(|call| *call != view.call);
                    self.call = self.call.filter(|call| *call != view.call);
                }
                CallState::Ringing if !view.outgoing => {
                    self.ringing = Some(view.call);
                    self.call = Some(view.call);
                }
                CallState::Checking
                | CallState::Asking
                | CallState::Calling
                | CallState::Ringing
                | CallState::Connecting
                | CallState::Active
                | CallState::Reconnecting
                | CallState::Carrier => self.call = Some(view.call),
            },
            Event::TextArrived(text) => self.unread.entry(text.from).or_default().push(text.id),
            Event::Registration(_)
            | Event::Online { .. }
            | Event::Marks(_)
            | Event::Text(_)
            | Event::File(_)
            | Event::FileArrived(_)
            | Event::DatagramArrived { .. }
            | Event::Log(_)
            | Event::Notice(_) => {}
        }
    }
}

fn mode(over: Reach) -> Mode {
    match over {
        Reach::Data => Mode::Data,
        Reach::Carrier => Mode::Carrier,
    }
}
