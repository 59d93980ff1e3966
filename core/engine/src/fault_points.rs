//! Where injected faults strike; nothing at all in a product's build.

#[cfg(not(feature = "faults"))]
mod none {
    use tandem_machine::Input;

    /// Never strikes.
    #[derive(Default)]
    pub(crate) struct FaultPoints {}

    /// There is no such thing.
    #[derive(Clone, Copy)]
    pub(crate) enum StoreStrike {}

    impl FaultPoints {
        pub(crate) fn before_input(&self, _input: &Input) {}
        pub(crate) fn before_timer(&self) {}
        pub(crate) fn before_views(&self) {}
        pub(crate) fn store(&self) -> Option<StoreStrike> {
            None
        }
        pub(crate) fn release(&self) {}
    }
}

#[cfg(feature = "faults")]
mod injected {
    use crate::faults::{FaultAt, Faults, Step, StoreFault};
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;
    use tandem_machine::{Command, Input, LinkInput};

    /// How the store fails.
    pub(crate) type StoreStrike = StoreFault;

    /// Counts steps since the faults were set, and strikes.
    #[derive(Default)]
    pub(crate) struct FaultPoints {
        set: Mutex<(Faults, BTreeMap<Step, u32>)>,
        released: AtomicBool,
    }

    impl FaultPoints {
        pub(crate) fn set(&self, faults: Faults) {
            *self.set.lock().unwrap_or_else(PoisonError::into_inner) = (faults, BTreeMap::new());
        }

        /// Lets a machine that hangs go, so that no thread outlives its engine.
        pub(crate) fn release(&self) {
            self.released.store(true, Ordering::Release);
        }

        pub(crate) fn store(&self) -> Option<StoreStrike> {
            self.set.lock().unwrap_or_else(PoisonError::into_inner).0.store
        }

        pub(crate) fn before_input(&self, input: &Input) {
            self.strike(step_of(input));
        }

        pub(crate) fn before_timer(&self) {
            self.strike(Step::Timer);
        }

        pub(crate) fn before_views(&self) {
            self.strike(Step::Views);
        }

        fn strike(&self, step: Step) {
            let (faults, hit) = {
                let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
                let (faults, counts) = &mut *set;
                let mut count = |step| {
                    let count = counts.entry(step).or_default();
                    *count += 1;
                    *count
                };
                let of_kind = count(step);
                let of_any = if step == Step::Views { 0 } else { count(Step::Any) };
                let hit = move |at: FaultAt| {
                    (at.step == step && at.nth == of_kind) || (at.step == Step::Any && at.nth == of_any)
                };
                (*faults, hit)
            };
            if let Some((at, late)) = faults.late_at
                && hit(at)
            {
                std::thread::sleep(late);
            }
            while faults.hang_at.is_some_and(&hit) && !self.released.load(Ordering::Acquire) {
                std::thread::sleep(Duration::from_millis(5));
            }
            if faults.panic_at.is_some_and(hit) {
                #[expect(clippy::panic, reason = "the fault this file is for")]
                std::panic::panic_any("injected fault");
            }
        }
    }

    fn step_of(input: &Input) -> Step {
        match input {
            Input::Command { command: Command::Dial { .. }, .. } => Step::Dial,
            Input::Command { command: Command::SendText { .. }, .. } => Step::SendText,
            Input::Command { command: Command::Answer { .. }, .. } => Step::Answer,
            Input::Command { .. } => Step::Command,
            Input::Host(_) => Step::Host,
            Input::Link(LinkInput::Opened { .. } | LinkInput::Closed { .. }) => Step::Link,
            Input::Link(LinkInput::Frame { .. }) => Step::Frame,
            Input::Link(LinkInput::Registered { .. }) => Step::Registered,
            Input::Store(_) => Step::Committed,
            Input::Oprf(_) => Step::Blinded,
            Input::Direct(_) | Input::File(_) => Step::Link,
            Input::Media { .. } => Step::Media,
        }
    }
}

#[cfg(feature = "faults")]
pub(crate) use injected::{FaultPoints, StoreStrike};
#[cfg(not(feature = "faults"))]
pub(crate) use none::{FaultPoints, StoreStrike};
