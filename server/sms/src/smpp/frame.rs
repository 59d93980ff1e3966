//! Cuts the byte stream into PDUs.
//!
//! Each PDU is cut out by its length before it is decoded. A PDU that cannot be decoded therefore loses only itself, and its
//! header still says how to answer it.

use bytes::{Buf, BytesMut};
use rusmpp::Command;
use rusmpp::tokio_codec::CommandCodec;
use tokio_util::codec::{Decoder, Encoder};

/// Length of the header: length, id, status, sequence number (SMPP 3.4, 3.2).
const HEADER_OCTETS: usize = 16;

/// The longest PDU taken. The longest a sensible SMSC sends is a `deliver_sm` with a small `message_payload`.
pub const MAX_PDU_OCTETS: usize = 16 * 1024;

/// The header of a PDU without its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// `command_id`.
    pub id: u32,
    /// `command_status`.
    pub status: u32,
    /// `sequence_number`.
    pub sequence: u32,
}

impl Header {
    /// Whether this answers something (bit 31 of the id).
    pub const fn is_response(self) -> bool {
        self.id & 0x8000_0000 != 0
    }
}

/// One PDU off the wire.
#[expect(clippy::large_enum_variant, reason = "moved once and gone; a box would cost an allocation for every PDU")]
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// Decoded.
    Pdu(Command),
    /// The body makes no sense; the header does.
    Undecodable(Header),
}

/// The stream is not SMPP: a length under the header's or over [`MAX_PDU_OCTETS`]. Nothing after it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the length of a PDU is impossible")]
pub struct NotSmpp;

/// Collects octets and gives PDUs.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: BytesMut,
}

impl FrameReader {
    /// Adds what was read. Call [`FrameReader::next_frame`] until it gives `None` before adding more, so that the buffer
    /// stays under one PDU and one read.
    pub fn extend(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// The next whole PDU, `None` when it has not all arrived.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, NotSmpp> {
        let mut peek = self.buffer.as_ref();
        if peek.len() < HEADER_OCTETS {
            return Ok(None);
        }
        let length = usize::try_from(peek.get_u32()).map_err(|_| NotSmpp)?;
        if !(HEADER_OCTETS..=MAX_PDU_OCTETS).contains(&length) {
            return Err(NotSmpp);
        }
        let header = Header { id: peek.get_u32(), status: peek.get_u32(), sequence: peek.get_u32() };
        if self.buffer.len() < length {
            return Ok(None);
        }
        let mut pdu = self.buffer.split_to(length);
        let decoded = CommandCodec::new().with_max_length(MAX_PDU_OCTETS).decode(&mut pdu);
        Ok(Some(match decoded {
            Ok(Some(command)) => Frame::Pdu(command),
            Ok(None) | Err(_) => Frame::Undecodable(header),
        }))
    }
}

/// The octets of a PDU.
pub fn encode(command: &Command) -> BytesMut {
    let mut octets = BytesMut::new();
    // Writing into memory cannot fail; the error type is the codec's for I/O.
    let written = CommandCodec::new().encode(command, &mut octets);
    debug_assert!(written.is_ok());
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusmpp::{CommandStatus, Pdu};

    fn enquire(sequence: u32) -> BytesMut {
        encode(&Command::new(CommandStatus::EsmeRok, sequence, Pdu::EnquireLink))
    }

    fn sequence_of(frame: &Frame) -> u32 {
        match frame {
            Frame::Pdu(command) => command.sequence_number(),
            Frame::Undecodable(header) => header.sequence,
        }
    }

    #[test]
    fn a_pdu_comes_out_only_when_its_last_octet_is_there() {
        let mut reader = FrameReader::default();
        let octets = enquire(7);
        reader.extend(&octets[..15]);
        assert!(reader.next_frame().unwrap().is_none());
        reader.extend(&octets[15..]);
        assert_eq!(sequence_of(&reader.next_frame().unwrap().unwrap()), 7);
        assert!(reader.next_frame().unwrap().is_none());
    }

    #[test]
    fn a_body_that_makes_no_sense_does_not_take_the_next_pdu_with_it() {
        let mut reader = FrameReader::default();
        // deliver_sm whose body is one octet without its terminator.
        let mut broken = vec![0, 0, 0, 17, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9];
        broken.push(b'x');
        reader.extend(&broken);
        reader.extend(&enquire(10));
        let first = reader.next_frame().unwrap().unwrap();
        assert!(matches!(first, Frame::Undecodable(Header { id: 5, status: 0, sequence: 9 })));
        assert_eq!(sequence_of(&reader.next_frame().unwrap().unwrap()), 10);
    }

    #[test]
    fn an_impossible_length_ends_the_stream() {
        for (length, possible) in
            [(15_u32, false), (16, true), (16 * 1024, true), (16 * 1024 + 1, false), (u32::MAX, false)]
        {
            let mut reader = FrameReader::default();
            reader.extend(&length.to_be_bytes());
            reader.extend(&[0; 12]);
            assert_eq!(reader.next_frame().is_ok(), possible, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_stream_of_octets_makes_it_panic(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..40)) {
            let mut reader = FrameReader::default();
            'stream: for chunk in &chunks {
                reader.extend(chunk);
                loop {
                    match reader.next_frame() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(NotSmpp) => break 'stream,
                    }
                }
            }
        }

        #[test]
        fn no_body_behind_a_true_header_makes_it_panic(id in prop_oneof![Just(4_u32), Just(5), Just(9), Just(0x103), Just(0x8000_0004), Just(0x8000_0009), any::<u32>()], body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut reader = FrameReader::default();
            let length = u32::try_from(16 + body.len()).unwrap();
            for word in [length, id, 0, 1] {
                reader.extend(&word.to_be_bytes());
            }
            reader.extend(&body);
            prop_assert!(reader.next_frame().unwrap().is_some());
            prop_assert!(reader.next_frame().unwrap().is_none());
        }
    }
}
