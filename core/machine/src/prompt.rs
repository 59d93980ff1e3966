//! The open questions to the user: which there are, what may be answered, and when they are moot.
//!
//! Each child that asks keeps its own [`Prompts`] with what it needs to go on. An id is never used twice within a boot
//! ([`Ctx::prompt_id`]), so an answer to a prompt that is gone can only be stale, never meant for another one.

use crate::ctx::Ctx;
use crate::effect::{Event, Refusal};
use crate::view::{Choice, Prompt, PromptAbout};
use std::collections::BTreeMap;
use tandem_model::PromptId;

/// Questions open at once, per child. More than a user can ever have caused; beyond it asking is refused by name.
pub const PROMPTS_MAX: usize = 32;

/// Open prompts, each with what its asker needs to go on.
#[derive(Debug)]
pub struct Prompts<T> {
    open: BTreeMap<PromptId, (Prompt, T)>,
}

impl<T> Default for Prompts<T> {
    fn default() -> Self {
        Self { open: BTreeMap::new() }
    }
}

impl<T> Prompts<T> {
    /// Asks the user.
    ///
    /// # Errors
    /// [`Refusal::Full`] when [`PROMPTS_MAX`] are open; nothing is asked then.
    pub fn ask(
        &mut self,
        about: PromptAbout,
        choices: Vec<Choice>,
        then: T,
        ctx: &mut Ctx<'_>,
    ) -> Result<PromptId, Refusal> {
        if self.open.len() >= PROMPTS_MAX {
            return Err(Refusal::Full);
        }
        let prompt = Prompt { id: ctx.prompt_id(), about, choices };
        let id = prompt.id;
        ctx.emit(Event::Prompt(prompt.clone()));
        self.open.insert(id, (prompt, then));
        Ok(id)
    }

    /// Whether this prompt is open here.
    #[must_use]
    pub fn is_open(&self, id: PromptId) -> bool {
        self.open.contains_key(&id)
    }

    /// Takes the user's answer; the prompt is gone by it and the app is told so.
    ///
    /// # Errors
    /// [`Refusal::Stale`] when it is not open (any more); [`Refusal::NoSuchChoice`] when it does not offer the choice, and
    /// then it stays open.
    pub fn answer(&mut self, id: PromptId, choice: Choice, ctx: &mut Ctx<'_>) -> Result<T, Refusal> {
        let (prompt, _) = self.open.get(&id).ok_or(Refusal::Stale)?;
        if !prompt.choices.contains(&choice) {
            return Err(Refusal::NoSuchChoice);
        }
        self.close(id, ctx).ok_or(Refusal::Stale)
    }

    /// Nobody waits for the answer any more. Closing twice is fine.
    pub fn close(&mut self, id: PromptId, ctx: &mut Ctx<'_>) -> Option<T> {
        let (_, then) = self.open.remove(&id)?;
        ctx.emit(Event::PromptGone(id));
        Some(then)
    }

    /// Closes every prompt of one asker.
    pub fn close_of(&mut self, of: &T, ctx: &mut Ctx<'_>)
    where
        T: PartialEq,
    {
        let ids: Vec<PromptId> = self.open.iter().filter(|(_, (_, then))| then == of).map(|(id, _)| *id).collect();
        for id in ids {
            self.close(id, ctx);
        }
    }

    /// Every open prompt, oldest first: what an app that lost its events asks for.
    pub fn views(&self) -> impl Iterator<Item = &Prompt> {
        self.open.values().map(|(prompt, _)| prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Bench;
    use crate::effect::Effect;

    fn ask(bench: &mut Bench, prompts: &mut Prompts<u8>, then: u8) -> Result<PromptId, Refusal> {
        prompts.ask(
            PromptAbout::WhichNumber { contact: "anna".into() },
            vec![Choice::Carrier, Choice::Quit],
            then,
            &mut bench.ctx(),
        )
    }

    #[test]
    fn an_answer_is_taken_once_and_the_app_is_told_that_the_prompt_is_gone() {
        let (mut bench, mut prompts) = (Bench::new(1), Prompts::default());
        let id = ask(&mut bench, &mut prompts, 7).unwrap();
        assert!(prompts.is_open(id));
        bench.effects();
        assert_eq!(prompts.answer(id, Choice::Quit, &mut bench.ctx()), Ok(7));
        assert_eq!(bench.effects(), [Effect::Emit(Event::PromptGone(id))]);
        assert_eq!(prompts.answer(id, Choice::Quit, &mut bench.ctx()), Err(Refusal::Stale));
    }

    #[test]
    fn a_choice_that_is_not_offered_is_refused_and_the_prompt_stays() {
        let (mut bench, mut prompts) = (Bench::new(1), Prompts::default());
        let id = ask(&mut bench, &mut prompts, 7).unwrap();
        assert_eq!(prompts.answer(id, Choice::Wait, &mut bench.ctx()), Err(Refusal::NoSuchChoice));
        assert!(prompts.is_open(id));
        assert_eq!(prompts.views().count(), 1);
    }

    #[test]
    fn a_moot_prompt_closes_once_and_its_answer_is_stale() {
        let (mut bench, mut prompts) = (Bench::new(1), Prompts::default());
        let id = ask(&mut bench, &mut prompts, 7).unwrap();
        assert_eq!(prompts.close(id, &mut bench.ctx()), Some(7));
        assert_eq!(prompts.close(id, &mut bench.ctx()), None);
        assert_eq!(prompts.answer(id, Choice::Carrier, &mut bench.ctx()), Err(Refusal::Stale));
    }

    #[test]
    fn beyond_the_cap_asking_is_refused_by_name_and_asks_nothing() {
        let (mut bench, mut prompts) = (Bench::new(1), Prompts::default());
        for then in 0..32 {
            assert!(ask(&mut bench, &mut prompts, then).is_ok());
        }
        bench.effects();
        assert_eq!(ask(&mut bench, &mut prompts, 99), Err(Refusal::Full));
        assert!(bench.effects().is_empty());
    }
}
