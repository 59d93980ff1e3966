//! Who may see this phone's mark.

use crate::core::Core;
use crate::errors::TandemError;
use tandem_engine::Command;
use tandem_model::{Line, Msisdn, Secret};

#[uniffi::export]
impl Core {
    /// Blocks a number as typed or as a contact holds it: its owner never sees this phone's mark. Returns when that is durable; the
    /// server learns it when there is a connection. Twice is fine. Throws `BadNumber`, `Full`, `StoreFailed`.
    pub async fn block(&self, number: String) -> Result<(), TandemError> {
        self.done(Command::Block { number: Secret::new(number) }).await
    }

    /// Blocks a number no more. Throws `BadNumber`, `StoreFailed`.
    pub async fn unblock(&self, number: String) -> Result<(), TandemError> {
        self.done(Command::Unblock { number: Secret::new(number) }).await
    }

    /// Every blocked number, in order. Returns at once.
    pub fn blocked(&self) -> Vec<Msisdn> {
        self.engine.views().blocked
    }

    /// Lets whoever has a line's number see its mark (`true`), or only those whose number this phone has too (`false`, as it is at
    /// first). The server keeps it. Throws `NoSuchLine`, `NotRegistered`, `Busy`, and `Offline` where the server cannot be asked now.
    pub async fn set_open_mark(&self, line: Line, open: bool) -> Result<(), TandemError> {
        self.done(Command::SetOpenMark { line, open }).await
    }

    /// Whether whoever has a line's number may see its mark, as its server last said; absent before it did. Returns at once.
    pub fn open_mark(&self, line: Line) -> Option<bool> {
        self.engine.views().open_marks.get(&line).copied()
    }
}
