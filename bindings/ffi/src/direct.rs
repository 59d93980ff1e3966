//! Data that goes straight to another phone.

use crate::core::Core;
use crate::errors::TandemError;
use tandem_engine::files;
use tandem_engine::{Command, Reply};
use tandem_model::{Line, Msisdn, Secret};

#[uniffi::export]
impl Core {
    /// Lets a number learn where this phone is, so that its texts and datagrams come straight here, or no longer. Off for
    /// everybody until it is said; the server keeps it, and it ends with either side's registration. `line` absent: the first
    /// registered SIM. Throws `NotRegistered`, `NoSuchLine`, `Offline`, `Full`.
    pub async fn set_consent(&self, number: Msisdn, allow: bool, line: Option<Line>) -> Result<(), TandemError> {
        self.done(Command::SetConsent { number, line, allow }).await
    }

    /// Sends a file of up to 64 MiB straight to a number; `name` is what its receiver is told, 1 to 255 bytes. Gives the transfer's
    /// id; how it goes on comes as `Event::File`. There is no store for files: one whose receiver cannot be reached directly waits
    /// for as long as this process lives, 10 minutes at most. Throws `NotReachable` for who is no marked contact or where direct
    /// data is off, `BadBody` for the name, `Full`, `NotRegistered`, `NoSuchLine`.
    pub async fn send_file(
        &self,
        to: Msisdn,
        path: String,
        name: String,
        line: Option<Line>,
    ) -> Result<String, TandemError> {
        let command = Command::SendFile { to, line, path: Secret::new(path), name };
        match self.engine_command(command).await? {
            Reply::File(id) => Ok(hex(&id.0)),
            Reply::Done | Reply::Call(_) | Reply::CarrierDialed | Reply::Text(_) | Reply::Asking(_) => {
                Err(TandemError::NoAnswer)
            }
        }
    }

    /// Sends a datagram of an application straight to a number, 1 to 1,000 bytes: it may be lost, and comes once or not at
    /// all. `application` from 1. Throws `NotReachable` while no direct connection stands (one is looked for), `BadBody`,
    /// `NotRegistered`, `NoSuchLine`.
    pub async fn send_datagram(
        &self,
        to: Msisdn,
        application: u32,
        body: Vec<u8>,
        line: Option<Line>,
    ) -> Result<(), TandemError> {
        self.done(Command::SendDatagram { to, line, application, body: Secret::new(body) }).await
    }
}

/// How far a file of mine is.
#[derive(Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum FileState {
    /// There is no direct way to its receiver yet.
    Waiting,
    /// On its way.
    Sending {
        /// Bytes that are durable there.
        sent: u64,
        /// Of so many.
        size: u64,
    },
    /// Whole and durable there.
    Arrived,
    /// It will not be sent.
    Failed {
        /// Why.
        why: FileFailure,
    },
}

pub use files::FileFailure;

/// Why a file of mine is not sent.
#[uniffi::remote(Enum)]
pub enum FileFailure {
    /// It cannot be read, is empty or too long, or changed on its way: choose another.
    Unreadable,
    /// Its receiver could not be reached directly in time: try again later.
    NoWay,
    /// Its receiver does not take it.
    Refused,
    /// What came there was not what was offered: send it again.
    Broken,
}

impl From<files::FileState> for FileState {
    fn from(from: files::FileState) -> FileState {
        match from {
            files::FileState::Waiting => FileState::Waiting,
            files::FileState::Sending { sent, size } => FileState::Sending { sent, size },
            files::FileState::Arrived => FileState::Arrived,
            files::FileState::Failed(why) => FileState::Failed { why },
        }
    }
}

/// A transfer's id as apps see it.
pub(crate) fn hex(id: &[u8; 16]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
