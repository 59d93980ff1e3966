//! Where one message ends on a TCP connection (RFC 8656, 3.1 and 12.5).

/// The header of a STUN message.
const STUN_HEADER: usize = 20;

/// The header of ChannelData.
const CHANNEL_HEADER: usize = 4;

/// What comes is neither STUN nor ChannelData. Nothing after it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotTurn;

/// The length of the message these octets begin, padding included; `None` when its header has not all arrived.
pub(crate) fn message_length(octets: &[u8]) -> Result<Option<usize>, NotTurn> {
    let Some(header) = octets.first_chunk::<CHANNEL_HEADER>() else { return Ok(None) };
    let [first, _, high, low] = *header;
    let length = usize::from(u16::from_be_bytes([high, low]));
    match first >> 6 {
        0b00 if length % 4 == 0 => Ok(Some(STUN_HEADER + length)),
        0b01 => Ok(Some(CHANNEL_HEADER + length.next_multiple_of(4))),
        _ => Err(NotTurn),
    }
}

/// Pads a message as a TCP connection wants it: ChannelData ends on a multiple of four octets.
pub(crate) fn pad(mut message: Vec<u8>) -> Vec<u8> {
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_message_ends_where_its_header_says() {
        assert_eq!(message_length(&[0, 1, 0]), Ok(None));
        assert_eq!(message_length(&[0, 1, 0, 8]), Ok(Some(28)));
        assert_eq!(message_length(&[0x40, 0, 0, 5]), Ok(Some(12)));
        assert_eq!(message_length(&[0x40, 0, 0xFF, 0xFF]), Ok(Some(4 + 65_536)));
    }

    #[test]
    fn anything_else_ends_the_connection() {
        assert_eq!(message_length(&[0, 1, 0, 7]), Err(NotTurn));
        assert_eq!(message_length(b"GET "), Ok(Some(4 + 0x5420)));
        assert_eq!(message_length(&[0x80, 0, 0, 0]), Err(NotTurn));
        assert_eq!(message_length(&[0xC0, 0, 0, 0]), Err(NotTurn));
    }

    #[test]
    fn channel_data_is_padded_and_stun_is_as_it_was() {
        assert_eq!(pad(vec![0x40, 0, 0, 1, 9]), [0x40, 0, 0, 1, 9, 0, 0, 0]);
        assert_eq!(pad(vec![0; 20]).len(), 20);
    }
}
