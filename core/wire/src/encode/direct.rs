//! Direct data.

use prost::Message as _;

use crate::frame::{DirectDatagram, DirectFrame, FileEnd};
use crate::schema;
use crate::schema::direct_frame::Kind;

use super::{text_id, text_ids};

/// One frame of a direct connection's stream, without its length.
#[must_use]
pub fn encode_direct(frame: &DirectFrame) -> Vec<u8> {
    let kind = match frame {
        DirectFrame::Hello(sealed) => Kind::Hello(schema::DirectHello { sealed: sealed.0.clone() }),
        DirectFrame::Text(text) => Kind::Text(schema::DirectText {
            id: Some(text_id(text.id)),
            seq: text.seq.0,
            sealed: text.sealed.0.clone(),
        }),
        DirectFrame::TextKept { ids } => Kind::TextKept(schema::DirectTextKept { ids: text_ids(ids) }),
        DirectFrame::TextRead { ids } => Kind::TextRead(schema::DirectTextRead { ids: text_ids(ids) }),
        DirectFrame::FileOffer { id, sealed } => {
            Kind::FileOffer(schema::FileOffer { id: id.0.to_vec(), sealed: sealed.0.clone() })
        }
        DirectFrame::FileWanted { id, from } => Kind::FileWanted(schema::FileWanted { id: id.0.to_vec(), from: *from }),
        DirectFrame::FileChunk(chunk) => Kind::FileChunk(schema::FileChunk {
            id: chunk.id.0.to_vec(),
            offset: chunk.offset,
            sealed: chunk.sealed.0.clone(),
        }),
        DirectFrame::FileOver { id, end } => {
            Kind::FileOver(schema::FileOver { id: id.0.to_vec(), end: file_end(*end).into() })
        }
    };
    schema::DirectFrame { kind: Some(kind) }.encode_to_vec()
}

/// One datagram of a direct connection.
#[must_use]
pub fn encode_datagram(datagram: &DirectDatagram) -> Vec<u8> {
    schema::DirectDatagram { application: datagram.application, sealed: datagram.sealed.0.clone() }.encode_to_vec()
}

const fn file_end(end: FileEnd) -> schema::FileEnd {
    use schema::FileEnd as Wire;
    match end {
        FileEnd::Arrived => Wire::Arrived,
        FileEnd::Refused => Wire::Refused,
        FileEnd::Broken => Wire::Broken,
        FileEnd::GivenUp => Wire::GivenUp,
    }
}
