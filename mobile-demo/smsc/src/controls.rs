//! What a test or the lab can make the SMSC do, and what the SMSC saw.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use rusmpp::CommandStatus;

/// A text that reached its phone.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Digits of the recipient.
    pub to: String,
    /// The sender, digits or letters.
    pub from: String,
    /// What it says.
    pub text: String,
}

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delivered { <number>, <text> }")
    }
}

/// One `submit_sm` the SMSC took.
#[derive(Clone, PartialEq, Eq)]
pub struct Submission {
    /// The id it was given, as a number; how it is written is [`IdStyle`].
    pub id: u64,
    /// Digits of the recipient.
    pub to: String,
    /// The sender, digits or letters.
    pub from: String,
    /// What it says.
    pub text: String,
    /// `data_coding` as it came.
    pub data_coding: u8,
    /// `esm_class` as it came.
    pub esm_class: u8,
    /// `registered_delivery` as it came.
    pub registered_delivery: u8,
    /// `validity_period` as it came.
    pub validity_period: String,
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission")
            .field("id", &self.id)
            .field("data_coding", &self.data_coding)
            .field("esm_class", &self.esm_class)
            .field("registered_delivery", &self.registered_delivery)
            .field("validity_period", &self.validity_period)
            .finish_non_exhaustive()
    }
}

/// How a bind is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindFault {
    /// `ESME_RBINDFAIL`.
    Fail,
    /// `ESME_RINVPASWD`.
    InvalidPassword,
    /// `ESME_RALYBND`.
    AlreadyBound,
    /// No answer at all.
    Silence,
}

impl BindFault {
    pub(crate) const fn status(self) -> Option<CommandStatus> {
        match self {
            Self::Fail => Some(CommandStatus::EsmeRbindfail),
            Self::InvalidPassword => Some(CommandStatus::EsmeRinvpaswd),
            Self::AlreadyBound => Some(CommandStatus::EsmeRalybnd),
            Self::Silence => None,
        }
    }
}

/// How the id of a text is written in the answer and in the receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdStyle {
    /// Decimal in both.
    #[default]
    Same,
    /// Hexadecimal in the answer, decimal in the receipt.
    HexAnswer,
    /// Decimal in the answer, hexadecimal in the receipt.
    HexReceipt,
}

impl IdStyle {
    pub(crate) fn in_answer(self, id: u64) -> String {
        match self {
            Self::Same | Self::HexReceipt => id.to_string(),
            Self::HexAnswer => format!("{id:X}"),
        }
    }

    pub(crate) fn in_receipt(self, id: u64) -> String {
        match self {
            Self::Same | Self::HexAnswer => id.to_string(),
            Self::HexReceipt => format!("{id:x}"),
        }
    }
}

/// What receipts say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReceiptPolicy {
    /// Delivered when the text is delivered, undeliverable when it is lost.
    #[default]
    Truthful,
    /// None is sent.
    Never,
    /// Undeliverable, whatever happened.
    Undeliverable,
}

/// The switches. Counts run down by one each time they strike.
#[derive(Debug)]
pub(crate) struct Controls {
    pub(crate) bind_fault: Option<BindFault>,
    pub(crate) answer_enquiries: bool,
    pub(crate) per_second: Option<u32>,
    pub(crate) throttle_next: u32,
    pub(crate) queue_full_next: u32,
    pub(crate) refused_numbers: BTreeSet<String>,
    pub(crate) withhold_answers: u32,
    pub(crate) cut_after_submits: Option<u32>,
    pub(crate) answer_delay: Duration,
    pub(crate) lose_next: u32,
    pub(crate) twice_next: u32,
    pub(crate) delivery_delay: Duration,
    pub(crate) receipts: ReceiptPolicy,
    pub(crate) receipts_twice: bool,
    pub(crate) receipt_before_answer: bool,
    pub(crate) receipts_as_text_only: bool,
    pub(crate) id_style: IdStyle,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            bind_fault: None,
            answer_enquiries: true,
            per_second: None,
            throttle_next: 0,
            queue_full_next: 0,
            refused_numbers: BTreeSet::new(),
            withhold_answers: 0,
            cut_after_submits: None,
            answer_delay: Duration::ZERO,
            lose_next: 0,
            twice_next: 0,
            delivery_delay: Duration::ZERO,
            receipts: ReceiptPolicy::Truthful,
            receipts_twice: false,
            receipt_before_answer: false,
            receipts_as_text_only: false,
            id_style: IdStyle::Same,
        }
    }
}

/// Takes one from a count; says whether there was one.
pub(crate) const fn strike(count: &mut u32) -> bool {
    let struck = *count > 0;
    *count = count.saturating_sub(1);
    struck
}
