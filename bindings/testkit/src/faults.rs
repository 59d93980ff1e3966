//! Breaking a core on purpose.

use std::sync::Arc;
use tandem::core::Core;
use tandem_engine::faults::{FaultAt, Faults, Step};

/// What to break at the core's next step.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum Break {
    /// The machine panics at the next thing the OS tells.
    PanicAtHost,
    /// The machine panics at the next call that is placed.
    PanicAtDial,
    /// The machine hangs at the next call that is placed.
    HangAtDial,
}

/// Breaks a core on purpose.
#[uniffi::export]
pub fn break_core(core: Arc<Core>, how: Break) {
    let mut faults = Faults::default();
    match how {
        Break::PanicAtHost => faults.panic_at = Some(FaultAt::next(Step::Host)),
        Break::PanicAtDial => faults.panic_at = Some(FaultAt::next(Step::Dial)),
        Break::HangAtDial => faults.hang_at = Some(FaultAt::next(Step::Dial)),
    }
    core.engine().inject(faults);
}
