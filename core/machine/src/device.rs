//! The root: one phone. Feeds each input to the machine it belongs to and hands out what they order.

use crate::config::Config;
use crate::ctx::{Ctx, Out, World};
use crate::effect::Effect;
use crate::input::Input;
use crate::phone::Phone;
use crate::view::{CallView, MarkView, Prompt, RegistrationView};
use tandem_model::rows::{MetaRow, Restored, SettingsRow};
use tandem_model::{Country, DeviceEpoch, Line, Mono, Msisdn, Now, Random, Vault};

/// One phone's decisions (law 1): feed one input, drain the effects to `None`, then the next.
pub struct Device {
    config: Config,
    vault: Box<dyn Vault>,
    random: Box<dyn Random>,
    out: Out,
    phone: Phone,
}

impl Device {
    /// Starts from what the store holds. A new database gets its device epoch from the seed here.
    #[must_use]
    pub fn new(
        config: Config,
        restored: Restored,
        vault: Box<dyn Vault>,
        mut random: Box<dyn Random>,
        now: Now,
    ) -> Self {
        let fresh = restored.meta.is_none();
        let meta = restored.meta.unwrap_or_else(|| MetaRow {
            // Zero is the epoch of SMS that carry no id of their own.
            device_epoch: DeviceEpoch(random.next_u64().max(1)),
            next_text: 1,
            next_log: 1,
        });
        let mut device =
            Self { config, vault, random, out: Out::new(meta), phone: Phone::new(restored.settings, fresh) };
        device.with(now, |phone, ctx| phone.restore(restored, ctx));
        device
    }

    /// Feeds one input.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.with(now, |phone, ctx| phone.handle(input, ctx));
    }

    /// Acts on every deadline that has come. Early is fine and does nothing.
    pub fn handle_timeout(&mut self, now: Now) {
        self.with(now, Phone::handle_timeout);
    }

    /// When [`Device::handle_timeout`] is due, and what for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Mono, &'static str)> {
        self.phone.poll_timeout(&self.config)
    }

    /// The next order, oldest first.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.out.pop()
    }

    /// Every line's registration.
    #[must_use]
    pub fn registrations(&self) -> Vec<RegistrationView> {
        self.phone.lines.iter().map(|unit| unit.registration.view()).collect()
    }

    /// The user's settings.
    #[must_use]
    pub const fn settings(&self) -> SettingsRow {
        self.phone.lines.settings
    }

    /// The country a line's numbers are read in; `None` without its SIM.
    #[must_use]
    pub fn country(&self, line: Line) -> Option<Country> {
        self.phone.lines.country(line)
    }

    /// Every call that is not over.
    #[must_use]
    pub fn calls(&self) -> Vec<CallView> {
        self.phone.call_views()
    }

    /// Every mark that is shown.
    #[must_use]
    pub fn marks(&self) -> Vec<MarkView> {
        self.phone.lines.mark_views()
    }

    /// Every blocked number, in order.
    #[must_use]
    pub fn blocked(&self) -> Vec<Msisdn> {
        self.phone.lines.blocked()
    }

    /// Whether whoever has a line's number may see its mark, as the server last said; `None` before it did.
    #[must_use]
    pub fn open_mark(&self, line: Line) -> Option<bool> {
        self.phone.lines.iter().find(|unit| unit.line == line)?.open_mark.known()
    }

    /// Evaluations of numbers whose proof did not verify, since boot: a server that does not use the key it shows.
    #[must_use]
    pub const fn unproven_evaluations(&self) -> u64 {
        self.phone.lines.unproven()
    }

    /// Every open prompt, oldest first.
    #[must_use]
    pub fn prompts(&self) -> Vec<Prompt> {
        self.phone.prompt_views()
    }

    /// Whether a line's session stands.
    #[must_use]
    pub fn online(&self, line: Line) -> bool {
        self.phone.lines.session(line).is_some()
    }

    /// Results that came for tickets nobody waited for any more, since boot (law 3).
    #[must_use]
    pub fn late_results(&self) -> u64 {
        self.phone.late
    }

    /// Whether this is the connection attempt a line is on.
    #[cfg(test)]
    pub(crate) fn has_link(&self, line: Line, link: crate::input::LinkId) -> bool {
        self.phone.lines.iter().any(|unit| unit.line == line && unit.session.is_on(link))
    }

    fn with(&mut self, now: Now, act: impl FnOnce(&mut Phone, &mut Ctx<'_>)) {
        let mut ctx =
            Ctx { now, config: &self.config, vault: &mut *self.vault, random: &mut *self.random, out: &mut self.out };
        act(&mut self.phone, &mut ctx);
    }
}

#[cfg(test)]
mod tests;
