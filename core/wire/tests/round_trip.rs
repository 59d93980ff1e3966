//! Whatever is encoded is decoded to the same again.

mod common;

use common::{samples_server, strategies};
use proptest::prelude::*;
use tandem_wire::limits::FRAME_MAX;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_message_comes_back_as_it_was(message in strategies::message()) {
        let bytes = message.encode();
        prop_assert!(bytes.len() <= FRAME_MAX);
        prop_assert_eq!(message.root().decode(&bytes), Ok(message));
    }
}

#[test]
fn every_sample_comes_back_as_it_was() {
    for (name, message, _) in samples_server::all() {
        assert_eq!(message.root().decode(&message.encode()), Ok(message), "{name}");
    }
}
