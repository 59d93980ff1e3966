//! Why bytes from outside are refused. Fields are named, contents never.

use crate::roap::RoapFault;

/// Why a frame is refused. It never holds anything of the frame (law 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum WireError {
    /// More bytes, or more of something, than [`crate::limits`] allows.
    #[error("the frame is too large")]
    TooLarge,
    /// Not protobuf, or protobuf of another schema.
    #[error("the frame is malformed")]
    Malformed,
    /// A kind of frame this version does not know, or none.
    #[error("the kind of frame is unknown")]
    UnknownKind,
    /// A value this version does not know and cannot read safely.
    #[error("the value of `{field}` is unknown")]
    UnknownValue {
        /// Its name in the schema.
        field: &'static str,
    },
    /// A required field is absent, empty or zero.
    #[error("`{field}` is missing")]
    Missing {
        /// Its name in the schema.
        field: &'static str,
    },
    /// A field has a value outside its range, or bytes of the wrong length.
    #[error("`{field}` is out of range")]
    OutOfRange {
        /// Its name in the schema.
        field: &'static str,
    },
    /// The ROAP object in a call frame is refused.
    #[error("the ROAP object is refused: {0}")]
    Roap(RoapFault),
}

impl WireError {
    /// Whether a later version may have meant something: such a frame is skipped and counted, and the session goes on.
    /// Everything else is a defect or an attack, and ends the session.
    #[must_use]
    pub const fn may_be_later_version(self) -> bool {
        match self {
            WireError::UnknownKind | WireError::UnknownValue { .. } => true,
            WireError::TooLarge
            | WireError::Malformed
            | WireError::Missing { .. }
            | WireError::OutOfRange { .. }
            | WireError::Roap(_) => false,
        }
    }
}
