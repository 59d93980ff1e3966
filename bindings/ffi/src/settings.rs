//! The user's settings.

use crate::core::Core;
use crate::errors::TandemError;
use tandem_engine::Command;
use tandem_model::rows::{SettingsRow, StandingChoice};

#[uniffi::export]
impl Core {
    /// Sets the user's settings, durably; `state()` has those that hold. Throws `StoreFailed`.
    pub async fn set_settings(&self, settings: UserSettings) -> Result<(), TandemError> {
        let row = SettingsRow { standing_choice: settings.standing_choice, read_receipts: settings.read_receipts };
        self.done(Command::Settings(row)).await
    }
}

/// The user's settings.
#[derive(Clone, Copy, uniffi::Record)]
pub struct UserSettings {
    /// What to do when data will not do, instead of asking.
    pub standing_choice: StandingChoice,
    /// Send read receipts.
    pub read_receipts: bool,
}

impl From<SettingsRow> for UserSettings {
    fn from(row: SettingsRow) -> UserSettings {
        UserSettings { standing_choice: row.standing_choice, read_receipts: row.read_receipts }
    }
}

/// A standing answer to the carrier-or-quit prompt.
#[uniffi::remote(Enum)]
pub enum StandingChoice {
    /// Ask each time.
    Ask,
    /// Dial or text through the carrier without asking.
    Carrier,
}
