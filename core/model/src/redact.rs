//! Values that must never be printed.

use std::fmt;

/// Holds a value whose `Debug` shows only that something is there.
///
/// There is no `Display` and no `Serialize`: a secret leaves only through [`Secret::expose`], which is
/// easy to search for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. The caller promises not to log it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Unwraps the value. The caller promises not to log it.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_secret_shows_nothing_of_it() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "<secret>");
    }
}
