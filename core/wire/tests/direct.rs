//! Frames of direct connections: what is written is read, and what is none is refused by name.

use proptest::prelude::*;
use tandem_model::{DeviceEpoch, SealedBody, SenderSeq, TextId};
use tandem_wire::frame::{DirectDatagram, DirectFrame, DirectText, FileChunk, FileEnd, FileId};
use tandem_wire::limits::{DATAGRAM_MAX, FRAME_MAX, IDS_MAX};
use tandem_wire::{WireError, decode_datagram, decode_direct, encode_datagram, encode_direct};

fn id(counter: u64) -> TextId {
    TextId { device_epoch: DeviceEpoch(9), counter }
}

fn sealed(length: usize) -> SealedBody {
    SealedBody(vec![7; length])
}

fn one_of_each() -> Vec<DirectFrame> {
    let file = FileId([3; 16]);
    let ends = [FileEnd::Arrived, FileEnd::Refused, FileEnd::Broken, FileEnd::GivenUp];
    let mut frames = vec![
        DirectFrame::Hello(sealed(160)),
        DirectFrame::Text(DirectText { id: id(1), seq: SenderSeq(1), sealed: sealed(80 * 1024) }),
        DirectFrame::TextKept { ids: (1..=IDS_MAX as u64).map(id).collect() },
        DirectFrame::TextRead { ids: vec![id(1), id(u64::MAX)] },
        DirectFrame::FileOffer { id: file, sealed: sealed(300) },
        DirectFrame::FileWanted { id: file, from: 0 },
        DirectFrame::FileWanted { id: file, from: u64::MAX },
        DirectFrame::FileChunk(FileChunk { id: file, offset: 32_768, sealed: sealed(33_000) }),
    ];
    frames.extend(ends.map(|end| DirectFrame::FileOver { id: file, end }));
    frames
}

#[test]
fn every_frame_comes_back_as_it_was() {
    for frame in one_of_each() {
        let bytes = encode_direct(&frame);
        assert!(bytes.len() <= FRAME_MAX);
        assert_eq!(decode_direct(&bytes), Ok(frame));
    }
    let datagram = DirectDatagram { application: 1, sealed: sealed(1_000) };
    assert_eq!(decode_datagram(&encode_datagram(&datagram)), Ok(datagram));
}

#[test]
fn what_is_too_long_or_too_many_or_nobodys_is_refused_by_name() {
    assert_eq!(decode_direct(&vec![0; FRAME_MAX + 1]), Err(WireError::TooLarge));
    let many = DirectFrame::TextKept { ids: (1..=IDS_MAX as u64 + 1).map(id).collect() };
    assert_eq!(decode_direct(&encode_direct(&many)), Err(WireError::TooLarge));
    let long = DirectDatagram { application: 1, sealed: sealed(DATAGRAM_MAX) };
    assert_eq!(decode_datagram(&encode_datagram(&long)), Err(WireError::TooLarge));
    let nobodys = DirectDatagram { application: 0, sealed: sealed(1) };
    assert_eq!(decode_datagram(&encode_datagram(&nobodys)), Err(WireError::Missing { field: "application" }));
    let empty = DirectFrame::Hello(sealed(0));
    assert_eq!(decode_direct(&encode_direct(&empty)), Err(WireError::Missing { field: "sealed" }));
    assert_eq!(decode_direct(&[]), Err(WireError::UnknownKind));
}

proptest! {
    #[test]
    fn no_bytes_do_more_than_be_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        if let Ok(frame) = decode_direct(&bytes) {
            prop_assert_eq!(decode_direct(&encode_direct(&frame)), Ok(frame));
        }
        let _refused = decode_datagram(&bytes);
    }
}
