//! The PDUs this side sends, and what the statuses it gets mean.

use std::str::FromStr;
use std::time::Duration;

use rusmpp::pdus::{BindTransceiver, DeliverSmResp, SubmitSm};
use rusmpp::types::{COctetString, EmptyOrFullCOctetString, OctetString};
use rusmpp::values::{DataCoding, EsmClass, InterfaceVersion, Npi, RegisteredDelivery, Ton};
use rusmpp::{Command, CommandStatus, Pdu};

use super::config::SmppConfig;
use crate::driver::{BindRefusal, PermanentReason, SmsSubmit, SubmitRefused};
use crate::gsm7;

/// `registered_delivery`: a receipt for the final outcome, good or bad (SMPP 3.4, 5.2.17).
const FINAL_RECEIPT: u8 = 0x01;

/// No message mode and no type: the SMSC's default (SMPP 3.4, 5.2.12). The codec's own default is another value.
const DEFAULT_ESM_CLASS: u8 = 0x00;

pub(super) fn plain(sequence: u32, pdu: Pdu) -> Command {
    answer(CommandStatus::EsmeRok, sequence, pdu)
}

pub(super) fn answer(status: CommandStatus, sequence: u32, pdu: Pdu) -> Command {
    Command::new(status, sequence, pdu)
}

pub(super) fn deliver_answer(status: CommandStatus, sequence: u32) -> Command {
    answer(status, sequence, Pdu::DeliverSmResp(DeliverSmResp::default()))
}

pub(super) fn bind(config: &SmppConfig, sequence: u32) -> Command {
    let bind = BindTransceiver::builder()
        .system_id(COctetString::from_str(&config.system_id).unwrap_or_default())
        .password(COctetString::from_str(config.password.expose()).unwrap_or_default())
        .system_type(COctetString::from_str(&config.system_type).unwrap_or_default())
        .interface_version(InterfaceVersion::Smpp3_4)
        .build();
    plain(sequence, Pdu::BindTransceiver(bind))
}

/// Checks a text and puts it into a PDU whose sequence number is set when it is sent.
pub(super) fn submit(config: &SmppConfig, sms: &SmsSubmit) -> Result<SubmitSm, SubmitRefused> {
    let octets = gsm7::encode_unpacked(&sms.body).map_err(|_| SubmitRefused::NotGsm7)?;
    if octets.len() > gsm7::SEGMENT_SEPTETS {
        return Err(SubmitRefused::TooLong);
    }
    let (ton, npi, address) = config.sender.parts();
    Ok(SubmitSm::builder()
        .source_addr_ton(Ton::from(ton))
        .source_addr_npi(Npi::from(npi))
        .source_addr(COctetString::from_str(address).unwrap_or_default())
        .dest_addr_ton(Ton::from(1))
        .dest_addr_npi(Npi::from(1))
        .destination_addr(COctetString::from_str(sms.to.as_str()).unwrap_or_default())
        .esm_class(EsmClass::from(DEFAULT_ESM_CLASS))
        .registered_delivery(RegisteredDelivery::from(FINAL_RECEIPT))
        .validity_period(EmptyOrFullCOctetString::from_str(&relative_period(sms.validity)).unwrap_or_default())
        .data_coding(DataCoding::McSpecific)
        .short_message(OctetString::from_vec(octets).map_err(|_| SubmitRefused::TooLong)?)
        .build())
}

/// A period in the relative form `YYMMDDhhmmsstnnR` (SMPP 3.4, 7.1.1.2). Months and years have no fixed length, so a
/// longer period is cut at 99 days.
fn relative_period(period: Duration) -> String {
    let seconds = period.as_secs().min(99 * 86_400 + 86_399);
    let (days, hours, minutes, seconds) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("0000{days:02}{hours:02}{minutes:02}{seconds:02}000R")
}

/// What a refusal of a submit means for the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Too fast: pause and try this text again.
    Throttled,
    /// Not now.
    Temporary,
    /// Never.
    Permanent(PermanentReason),
}

pub(super) fn refusal(status: CommandStatus) -> Refusal {
    use CommandStatus as Status;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a status list of some sixty; what is not named is a refusal for good"
    )]
    match status {
        Status::EsmeRthrottled | Status::EsmeRmsgqful => Refusal::Throttled,
        Status::EsmeRsyserr | Status::EsmeRinvbndsts | Status::EsmeRxTAppn | Status::EsmeRsubmitfail => {
            Refusal::Temporary
        }
        Status::EsmeRinvdstadr | Status::EsmeRinvdstton | Status::EsmeRinvdstnpi => {
            Refusal::Permanent(PermanentReason::InvalidDestination)
        }
        Status::EsmeRinvsrcadr | Status::EsmeRinvsrcton | Status::EsmeRinvsrcnpi => {
            Refusal::Permanent(PermanentReason::InvalidSender)
        }
        Status::EsmeRinvmsglen
        | Status::EsmeRinvcmdlen
        | Status::EsmeRinvcmdid
        | Status::EsmeRinvdcs
        | Status::EsmeRinvexpiry => Refusal::Permanent(PermanentReason::Malformed),
        other => Refusal::Permanent(PermanentReason::Other(u32::from(other))),
    }
}

pub(super) fn bind_refusal(status: CommandStatus) -> BindRefusal {
    use CommandStatus as Status;
    #[expect(clippy::wildcard_enum_match_arm, reason = "a status list of some sixty; every one refuses the bind")]
    match status {
        Status::EsmeRbindfail => BindRefusal::BindFailed,
        Status::EsmeRinvpaswd => BindRefusal::InvalidPassword,
        Status::EsmeRinvsysid => BindRefusal::InvalidSystemId,
        Status::EsmeRalybnd => BindRefusal::AlreadyBound,
        other => BindRefusal::Other(u32::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::E164Digits;

    fn sms(body: &str) -> SmsSubmit {
        SmsSubmit {
            message_ref: 1,
            to: E164Digits::parse("+4915112345678").unwrap(),
            body: body.to_owned(),
            validity: Duration::from_secs(600),
        }
    }

    #[test]
    fn a_submit_says_its_alphabet_asks_for_a_receipt_and_has_the_default_class() {
        let pdu = submit(&SmppConfig::default(), &sms("a@b")).unwrap();
        assert_eq!(pdu.short_message().as_ref(), [b'a', 0, b'b']);
        assert_eq!(u8::from(pdu.data_coding), 0);
        assert_eq!(u8::from(pdu.esm_class), 0);
        assert_eq!(u8::from(pdu.registered_delivery), 1);
        assert_eq!(pdu.destination_addr.as_str(), "4915112345678");
        assert_eq!(pdu.source_addr.as_str(), "Tandem");
        assert_eq!(pdu.validity_period.as_str(), "000000001000000R");
    }

    #[test]
    fn a_text_is_refused_at_the_septet_after_the_segment() {
        let config = SmppConfig::default();
        assert!(submit(&config, &sms(&"a".repeat(160))).is_ok());
        assert_eq!(submit(&config, &sms(&"a".repeat(161))).unwrap_err(), SubmitRefused::TooLong);
        assert_eq!(submit(&config, &sms("好")).unwrap_err(), SubmitRefused::NotGsm7);
    }

    #[test]
    fn a_period_is_written_in_sixteen_characters_whatever_its_length() {
        assert_eq!(relative_period(Duration::from_secs(90_061)), "000001010101000R");
        assert_eq!(relative_period(Duration::MAX), "000099235959000R");
        assert_eq!(relative_period(Duration::ZERO).len(), 16);
    }

    #[test]
    fn statuses_mean_what_the_specification_says() {
        let of = |status: u32| refusal(CommandStatus::from(status));
        assert_eq!(of(0x58), Refusal::Throttled);
        assert_eq!(of(0x14), Refusal::Throttled);
        assert_eq!(of(0x08), Refusal::Temporary);
        assert_eq!(of(0x0B), Refusal::Permanent(PermanentReason::InvalidDestination));
        assert_eq!(of(0x400), Refusal::Permanent(PermanentReason::Other(0x400)));
        let bind = |status: u32| bind_refusal(CommandStatus::from(status));
        assert_eq!(bind(0x0D), BindRefusal::BindFailed);
        assert_eq!(bind(0x0E), BindRefusal::InvalidPassword);
        assert_eq!(bind(0x0F), BindRefusal::InvalidSystemId);
        assert_eq!(bind(0x05), BindRefusal::AlreadyBound);
        assert_eq!(bind(0x77), BindRefusal::Other(0x77));
    }
}
