//! Which number of a contact is meant: the marked one; of several, the one chosen before; else the user is asked once.

use crate::ctx::Ctx;
use crate::effect::Refusal;
use crate::input::Command;
use crate::prompt::Prompts;
use crate::view::{Choice, Prompt, PromptAbout};
use std::collections::BTreeMap;
use tandem_model::rows::{Change, PreferenceRow};
use tandem_model::{Msisdn, PromptId, Secret};

/// Remembered choices at most; the first by name give way.
const PREFERENCES_MAX: usize = 10_000;

/// Longest id of a contact a host may use, in bytes.
pub const CONTACT_ID_MAX: usize = 256;

/// What came of looking at a contact's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// This one.
    Number(Secret<String>),
    /// None is marked and there is none at all.
    Nothing,
    /// Several are marked: the user decides.
    Ask(Vec<Msisdn>),
}

/// The choices and the questions about them.
#[derive(Debug, Default)]
pub(crate) struct Choosing {
    remembered: BTreeMap<String, Msisdn>,
    prompts: Prompts<Pending>,
}

/// A command that waits for the choice.
#[derive(Debug)]
pub(crate) struct Pending {
    contact: String,
    /// What goes on, by the number chosen.
    commands: BTreeMap<Msisdn, Command>,
}

impl Choosing {
    pub(crate) fn restore(&mut self, rows: Vec<PreferenceRow>) {
        self.remembered = rows.into_iter().map(|row| (row.contact, row.number)).collect();
    }

    /// Looks at a contact: `numbers` as it holds them, `marked` those with a mark, in the same order.
    pub(crate) fn look(&self, contact: &str, numbers: &[Secret<String>], marked: &[Msisdn]) -> Chosen {
        match marked {
            [] => numbers.first().map_or(Chosen::Nothing, |first| Chosen::Number(first.clone())),
            [only] => Chosen::Number(Secret::new(only.e164())),
            several => match self.remembered.get(contact) {
                Some(number) if several.contains(number) => Chosen::Number(Secret::new(number.e164())),
                Some(_) | None => Chosen::Ask(several.to_vec()),
            },
        }
    }

    /// Asks the user which of the numbers is meant; its command goes on with the answer.
    pub(crate) fn ask(
        &mut self,
        contact: String,
        commands: Vec<(Msisdn, Command)>,
        ctx: &mut Ctx<'_>,
    ) -> Result<PromptId, Refusal> {
        let mut choices: Vec<Choice> = commands.iter().map(|(number, _)| Choice::Number(*number)).collect();
        choices.push(Choice::Quit);
        let about = PromptAbout::WhichNumber { contact: contact.clone() };
        let commands = commands.into_iter().collect();
        self.prompts.ask(about, choices, Pending { contact, commands }, ctx)
    }

    pub(crate) fn is_open(&self, prompt: PromptId) -> bool {
        self.prompts.is_open(prompt)
    }

    /// The user chose. The choice is remembered and its command goes on. `None` for "quit".
    pub(crate) fn answer(
        &mut self,
        prompt: PromptId,
        choice: Choice,
        ctx: &mut Ctx<'_>,
    ) -> Result<Option<Command>, Refusal> {
        let Pending { contact, mut commands } = self.prompts.answer(prompt, choice, ctx)?;
        match choice {
            Choice::Number(number) => {
                if self.remembered.len() >= PREFERENCES_MAX {
                    self.remembered.pop_first();
                }
                self.remembered.insert(contact.clone(), number);
                ctx.commit(vec![Change::PutPreference(PreferenceRow { contact, number })]);
                Ok(commands.remove(&number))
            }
            Choice::Quit => Ok(None),
            Choice::Carrier | Choice::Wait => Err(Refusal::NoSuchChoice),
        }
    }

    pub(crate) fn views(&self) -> impl Iterator<Item = &Prompt> {
        self.prompts.views()
    }
}
