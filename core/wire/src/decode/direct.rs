//! Direct data.

use crate::error::WireError;
use crate::frame::{DirectDatagram, DirectFrame, DirectText, FileChunk, FileEnd, FileId};
use crate::guard::Bound;
use crate::limits::{DATAGRAM_MAX, FRAME_MAX, IDS_MAX};
use crate::schema;
use crate::schema::direct_frame::Kind;

use super::{check, parse};

const BOUNDS: [Bound; 2] =
    [Bound { kind: 11, fields: &[1], max: IDS_MAX }, Bound { kind: 12, fields: &[1], max: IDS_MAX }];

/// Reads one frame of a direct connection's stream, without its length.
///
/// # Errors
/// [`WireError`] names what is wrong; see [`WireError::may_be_later_version`] for what to do about it.
pub fn decode_direct(bytes: &[u8]) -> Result<DirectFrame, WireError> {
    let frame: schema::DirectFrame = parse(bytes, FRAME_MAX, &BOUNDS)?;
    Ok(match frame.kind.ok_or(WireError::UnknownKind)? {
        Kind::Hello(hello) => DirectFrame::Hello(check::sealed(hello.sealed)?),
        Kind::Text(text) => DirectFrame::Text(DirectText {
            id: check::text_id(text.id.as_ref())?,
            seq: check::seq(text.seq)?,
            sealed: check::sealed(text.sealed)?,
        }),
        Kind::TextKept(kept) => DirectFrame::TextKept { ids: check::text_ids(&kept.ids)? },
        Kind::TextRead(read) => DirectFrame::TextRead { ids: check::text_ids(&read.ids)? },
        Kind::FileOffer(offer) => {
            DirectFrame::FileOffer { id: file_id(&offer.id)?, sealed: check::sealed(offer.sealed)? }
        }
        Kind::FileWanted(wanted) => DirectFrame::FileWanted { id: file_id(&wanted.id)?, from: wanted.from },
        Kind::FileChunk(chunk) => DirectFrame::FileChunk(FileChunk {
            id: file_id(&chunk.id)?,
            offset: chunk.offset,
            sealed: check::sealed(chunk.sealed)?,
        }),
        Kind::FileOver(over) => DirectFrame::FileOver { id: file_id(&over.id)?, end: file_end(over.end)? },
    })
}

/// Reads one datagram of a direct connection.
///
/// # Errors
/// [`WireError`] names what is wrong.
pub fn decode_datagram(bytes: &[u8]) -> Result<DirectDatagram, WireError> {
    let datagram: schema::DirectDatagram = parse(bytes, DATAGRAM_MAX, &[])?;
    Ok(DirectDatagram {
        application: check::some_time(datagram.application, "application")?,
        sealed: check::sealed(datagram.sealed)?,
    })
}

fn file_id(bytes: &[u8]) -> Result<FileId, WireError> {
    check::array(bytes, "id").map(FileId)
}

fn file_end(value: i32) -> Result<FileEnd, WireError> {
    use schema::FileEnd as Wire;
    match Wire::try_from(value) {
        Ok(Wire::Arrived) => Ok(FileEnd::Arrived),
        Ok(Wire::Refused) => Ok(FileEnd::Refused),
        Ok(Wire::Broken) => Ok(FileEnd::Broken),
        Ok(Wire::GivenUp) => Ok(FileEnd::GivenUp),
        Ok(Wire::Unspecified) => Err(WireError::Missing { field: "end" }),
        Err(_) => Err(WireError::UnknownValue { field: "end" }),
    }
}
