//! The conformance suite on the store in memory.

use tandem_server_store::conformance::Bench;
use tandem_server_store::{MemoryStore, Store};

#[derive(Default)]
struct Memory(MemoryStore);

impl Bench for Memory {
    fn store(&mut self) -> &mut dyn Store {
        &mut self.0
    }

    fn power_cut(&mut self) {
        self.0.crash();
    }
}

tandem_server_store::conformance_suite!(Memory::default());
