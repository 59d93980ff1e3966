//! What a delivery receipt says: the TLVs first, its text second (SMPP 3.4, 5.3.2.12, 5.3.2.35 and appendix B).

use rusmpp::pdus::DeliverSm;
use rusmpp::tlvs::TlvValue;
use rusmpp::values::{MessageState, MessageType};

use crate::driver::ReceiptState;

/// The longest id an SMSC may give, by the width of the field.
const MAX_ID_CHARACTERS: usize = 64;

/// A receipt as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The SMSC's id of the text, as this receipt writes it.
    pub smsc_id: String,
    /// How far the text got.
    pub state: ReceiptState,
}

/// Whether a `deliver_sm` is a receipt or an intermediate notification and not a text from a phone.
pub fn is_receipt(deliver: &DeliverSm) -> bool {
    match deliver.esm_class.message_type {
        MessageType::ShortMessageContainsMCDeliveryReceipt
        | MessageType::ShortMessageContainsIntermediateDeliveryNotification => true,
        // Some SMSCs set no type and send the TLV.
        MessageType::Default | MessageType::Other(_) => {
            deliver.tlvs().iter().any(|tlv| matches!(tlv.value(), Some(TlvValue::ReceiptedMessageId(_))))
        }
    }
}

/// Reads a receipt; `None` when neither the TLVs nor the text give an id and a state.
pub fn read(deliver: &DeliverSm, text: &str) -> Option<Receipt> {
    let (mut id, mut state) = (None, None);
    for tlv in deliver.tlvs() {
        if let Some(TlvValue::ReceiptedMessageId(receipted)) = tlv.value() {
            id = Some(receipted.as_str().to_owned());
        } else if let Some(TlvValue::MessageState(told)) = tlv.value() {
            state = state_of_tlv(*told);
        }
    }
    let id = id.filter(|id| !id.is_empty()).or_else(|| field(text, "id:"));
    let state = state.or_else(|| field(text, "stat:").and_then(|word| state_of_word(&word)));
    let smsc_id = id.filter(|id| !id.is_empty() && id.len() <= MAX_ID_CHARACTERS)?;
    Some(Receipt { smsc_id, state: state? })
}

/// The word after `key`, which stands at the start or after white space, before the copy of the message that ends a receipt.
fn field(text: &str, key: &str) -> Option<String> {
    text.split_ascii_whitespace()
        .take_while(|word| !word.to_ascii_lowercase().starts_with("text:"))
        .find_map(|word| {
            word.get(..key.len()).filter(|start| start.eq_ignore_ascii_case(key)).and(word.get(key.len()..))
        })
        .map(str::to_owned)
}

const fn state_of_tlv(state: MessageState) -> Option<ReceiptState> {
    match state {
        MessageState::Scheduled | MessageState::Enroute => Some(ReceiptState::Enroute),
        MessageState::Delivered => Some(ReceiptState::Delivered),
        MessageState::Expired => Some(ReceiptState::Expired),
        MessageState::Deleted => Some(ReceiptState::Deleted),
        MessageState::Undeliverable | MessageState::Skipped => Some(ReceiptState::Undeliverable),
        MessageState::Accepted => Some(ReceiptState::Accepted),
        MessageState::Unknown => Some(ReceiptState::Unknown),
        MessageState::Rejected => Some(ReceiptState::Rejected),
        MessageState::Other(_) => None,
    }
}

fn state_of_word(word: &str) -> Option<ReceiptState> {
    let word = word.to_ascii_uppercase();
    let states = [
        ("DELIV", ReceiptState::Delivered),
        ("EXPIR", ReceiptState::Expired),
        ("DELET", ReceiptState::Deleted),
        ("UNDEL", ReceiptState::Undeliverable),
        ("ACCEP", ReceiptState::Accepted),
        ("UNKNO", ReceiptState::Unknown),
        ("REJEC", ReceiptState::Rejected),
        ("ENROU", ReceiptState::Enroute),
        ("SCHED", ReceiptState::Enroute),
        ("SKIPP", ReceiptState::Undeliverable),
    ];
    states.iter().find(|(start, _)| word.starts_with(start)).map(|(_, state)| *state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusmpp::tlvs::MessageDeliveryRequestTlvValue as RequestTlv;
    use rusmpp::types::COctetString;
    use rusmpp::values::EsmClass;
    use std::str::FromStr;

    fn deliver(esm_class: u8, tlvs: Vec<RequestTlv>) -> DeliverSm {
        DeliverSm::builder().esm_class(EsmClass::from(esm_class)).tlvs(tlvs).build()
    }

    fn receipt(id: &str, state: ReceiptState) -> Receipt {
        Receipt { smsc_id: id.to_owned(), state }
    }

    fn id_tlv(id: &str) -> RequestTlv {
        RequestTlv::ReceiptedMessageId(COctetString::from_str(id).unwrap())
    }

    #[test]
    fn the_text_of_the_appendix_is_read() {
        let text = "id:0123456789 sub:001 dlvrd:001 submit date:2401021504 done date:2401021505 stat:DELIVRD err:000 text:id:9 stat:X";
        assert_eq!(read(&deliver(4, vec![]), text), Some(receipt("0123456789", ReceiptState::Delivered)));
    }

    #[test]
    fn the_tlvs_win_over_the_text_and_each_may_stand_in_for_the_other() {
        let state = RequestTlv::MessageState(MessageState::Expired);
        let text = "ID:text-id STAT:DELIVRD";
        assert_eq!(
            read(&deliver(4, vec![id_tlv("tlv-id"), state.clone()]), text),
            Some(receipt("tlv-id", ReceiptState::Expired))
        );
        assert_eq!(read(&deliver(4, vec![id_tlv("tlv-id")]), text), Some(receipt("tlv-id", ReceiptState::Delivered)));
        assert_eq!(read(&deliver(4, vec![state]), text), Some(receipt("text-id", ReceiptState::Expired)));
    }

    #[test]
    fn each_state_has_its_word() {
        for (word, state) in [
            ("DELIVRD", ReceiptState::Delivered),
            ("EXPIRED", ReceiptState::Expired),
            ("DELETED", ReceiptState::Deleted),
            ("UNDELIV", ReceiptState::Undeliverable),
            ("ACCEPTD", ReceiptState::Accepted),
            ("UNKNOWN", ReceiptState::Unknown),
            ("REJECTD", ReceiptState::Rejected),
            ("enroute", ReceiptState::Enroute),
        ] {
            assert_eq!(read(&deliver(4, vec![]), &format!("id:7 stat:{word}")), Some(receipt("7", state)), "{word}");
        }
    }

    #[test]
    fn a_receipt_without_id_or_state_is_not_guessed() {
        for text in [
            "",
            "stat:DELIVRD",
            "id:7",
            "id: stat:DELIVRD",
            "id:7 stat:",
            "id:7 stat:WHATEVER",
            "text:id:7 stat:DELIVRD",
            "ï¿½:",
        ] {
            assert_eq!(read(&deliver(4, vec![]), text), None, "{text}");
        }
        let long = format!("id:{} stat:DELIVRD", "7".repeat(65));
        assert_eq!(read(&deliver(4, vec![]), &long), None);
    }

    #[test]
    fn a_receipt_is_told_from_a_text() {
        assert!(is_receipt(&deliver(0x04, vec![])));
        assert!(is_receipt(&deliver(0x20, vec![])));
        assert!(is_receipt(&deliver(0x00, vec![id_tlv("7")])));
        assert!(!is_receipt(&deliver(0x00, vec![])));
        assert!(!is_receipt(&deliver(0x40, vec![])));
    }
}
