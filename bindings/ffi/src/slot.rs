//! Holds a host's port until the core ends, and not longer.
//!
//! A host's port usually holds the core. Were the core to hold the port after its end, neither would ever be freed: the
//! two heaps cannot see each other's references.

use std::sync::{Arc, PoisonError, RwLock};

/// One port, or none any more.
pub(crate) struct Slot<T: ?Sized>(RwLock<Option<Arc<T>>>);

/// Something that can let go of its port.
pub(crate) trait LetGo: Send + Sync {
    fn let_go(&self);
}

impl<T: ?Sized> Slot<T> {
    pub(crate) const fn new(port: Arc<T>) -> Slot<T> {
        Slot(RwLock::new(Some(port)))
    }

    /// The port, held by nothing while it is called: it may call the core back, or let go of itself.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<T: ?Sized + Send + Sync> LetGo for Slot<T> {
    fn let_go(&self) {
        let port = self.0.write().unwrap_or_else(PoisonError::into_inner).take();
        // Dropped outside the lock: the foreign side runs code of its own when it frees a port.
        drop(port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_was_let_go_is_freed_and_not_called_again() {
        let port: Arc<str> = Arc::from("port");
        let slot = Slot::new(Arc::clone(&port));
        assert_eq!(slot.get().as_deref(), Some("port"));
        slot.let_go();
        slot.let_go();
        assert_eq!(slot.get(), None);
        assert_eq!(Arc::strong_count(&port), 1);
    }
}
