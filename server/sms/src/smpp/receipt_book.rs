//! Which of our texts a receipt is about.
//!
//! An SMSC names a text twice, in `submit_sm_resp` and in the receipt, and the two need not look alike: leading zeros come and
//! go, and some write hexadecimal in one place and decimal in the other. So `10` in a receipt may be the text answered as `10`
//! or the one answered as `A`. The numbers in the receipt decide between the two; a likeness in another base counts only when
//! they agree.

use std::collections::VecDeque;
use std::time::Duration;

use tandem_model::Mono;

use super::receipt::Receipt;
use crate::driver::ReceiptState;
use crate::number::E164Digits;

/// Receipts that came before the answer they belong to. One more pushes out the oldest.
const MAX_EARLY: usize = 256;

/// How long an early receipt waits for its answer.
const EARLY_WAIT: Duration = Duration::from_secs(60);

/// The texts that may still get a receipt.
#[derive(Debug)]
pub struct ReceiptBook {
    capacity: usize,
    texts: VecDeque<Text>,
    early: VecDeque<Early>,
}

#[derive(Debug)]
struct Text {
    smsc_id: String,
    to: E164Digits,
    message_ref: u64,
    told: Option<ReceiptState>,
}

#[derive(Debug)]
struct Early {
    receipt: Receipt,
    parties: Parties,
    forget_at: Mono,
}

/// The two addresses of a receipt. Which of them is our recipient depends on the SMSC.
#[derive(Clone, PartialEq, Eq)]
pub struct Parties {
    source: String,
    destination: String,
}

impl Parties {
    /// Both addresses as the receipt wrote them.
    pub fn new(source: &str, destination: &str) -> Self {
        let digits = |address: &str| address.trim_start_matches('+').to_owned();
        Self { source: digits(source), destination: digits(destination) }
    }

    fn include(&self, number: &E164Digits) -> bool {
        self.source == number.as_str() || self.destination == number.as_str()
    }
}

impl std::fmt::Debug for Parties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parties(..)")
    }
}

/// What a receipt means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It tells something new about a text.
    News {
        /// Our reference.
        message_ref: u64,
        /// How far it got.
        state: ReceiptState,
    },
    /// It repeats what is known, or comes after the end.
    Repeated,
    /// No text is known by it yet; it is kept in case its answer is late.
    Early,
}

impl ReceiptBook {
    /// An empty book that remembers this many texts.
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, texts: VecDeque::new(), early: VecDeque::new() }
    }

    /// The SMSC took a text. Gives back what receipts that came earlier already said about it.
    pub fn accepted(&mut self, message_ref: u64, smsc_id: &str, to: &E164Digits) -> Vec<Reading> {
        if smsc_id.is_empty() {
            return Vec::new();
        }
        if self.texts.len() >= self.capacity {
            self.texts.pop_front();
        }
        self.texts.push_back(Text { smsc_id: smsc_id.to_owned(), to: to.clone(), message_ref, told: None });
        let waiting = std::mem::take(&mut self.early);
        let mut readings = Vec::new();
        for early in waiting {
            match self.match_text(&early.receipt, &early.parties) {
                Some(reading) => readings.push(reading),
                None => self.early.push_back(early),
            }
        }
        readings
    }

    /// A receipt came.
    pub fn receipt(&mut self, receipt: Receipt, parties: Parties, now: Mono) -> Reading {
        if let Some(reading) = self.match_text(&receipt, &parties) {
            return reading;
        }
        if self.early.len() >= MAX_EARLY {
            self.early.pop_front();
        }
        self.early.push_back(Early { receipt, parties, forget_at: now.after(EARLY_WAIT) });
        Reading::Early
    }

    /// When the oldest early receipt is given up.
    pub fn next_timeout(&self) -> Option<Mono> {
        self.early.front().map(|early| early.forget_at)
    }

    /// Gives up early receipts whose time is over, and says how many.
    pub fn forget(&mut self, now: Mono) -> u64 {
        let mut forgotten = 0;
        while self.early.front().is_some_and(|early| early.forget_at <= now) {
            self.early.pop_front();
            forgotten += 1;
        }
        forgotten
    }

    fn match_text(&mut self, receipt: &Receipt, parties: &Parties) -> Option<Reading> {
        let ranked = self.texts.iter_mut().filter_map(|text| {
            let rank = likeness(text, receipt, parties);
            (rank > 0).then_some((rank, text))
        });
        // The last of equals wins: an SMSC that starts its ids over means the newest text.
        let (_, text) = ranked.max_by_key(|(rank, _)| *rank)?;
        let news = text.told.is_none_or(|told| !told.is_final() && told != receipt.state);
        if !news {
            return Some(Reading::Repeated);
        }
        text.told = Some(receipt.state);
        Some(Reading::News { message_ref: text.message_ref, state: receipt.state })
    }
}

/// Zero when the receipt is not about the text; more is surer.
fn likeness(text: &Text, receipt: &Receipt, parties: &Parties) -> u8 {
    let (answered, told) = (plain(&text.smsc_id), plain(&receipt.smsc_id));
    let same = answered.eq_ignore_ascii_case(told);
    match (same, parties.include(&text.to)) {
        (true, true) => 3,
        (false, true) if same_in_another_base(answered, told) => 2,
        (true, false) => 1,
        (false, _) => 0,
    }
}

fn plain(id: &str) -> &str {
    let id = id.trim();
    let bare = id.trim_start_matches('0');
    if bare.is_empty() { id } else { bare }
}

fn same_in_another_base(one: &str, other: &str) -> bool {
    let hexadecimal = |id: &str| u128::from_str_radix(id, 16).ok();
    let decimal = |id: &str| id.parse::<u128>().ok();
    let alike = |left: Option<u128>, right: Option<u128>| left.is_some() && left == right;
    alike(hexadecimal(one), decimal(other)) || alike(decimal(one), hexadecimal(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReceiptState::{Delivered, Enroute, Expired};

    const NOW: Mono = Mono(1_000);

    fn number(digits: &str) -> E164Digits {
        E164Digits::parse(digits).unwrap()
    }

    fn receipt(id: &str, state: ReceiptState) -> Receipt {
        Receipt { smsc_id: id.to_owned(), state }
    }

    fn from(digits: &str) -> Parties {
        Parties::new(digits, "Tandem")
    }

    fn news(message_ref: u64, state: ReceiptState) -> Reading {
        Reading::News { message_ref, state }
    }

    #[test]
    fn a_state_is_told_once_and_nothing_follows_a_final_one() {
        let mut book = ReceiptBook::new(10);
        book.accepted(1, "77", &number("491"));
        assert_eq!(book.receipt(receipt("77", Enroute), from("491"), NOW), news(1, Enroute));
        assert_eq!(book.receipt(receipt("77", Enroute), from("491"), NOW), Reading::Repeated);
        assert_eq!(book.receipt(receipt("77", Delivered), from("491"), NOW), news(1, Delivered));
        for late in [Delivered, Enroute, Expired] {
            assert_eq!(book.receipt(receipt("77", late), from("491"), NOW), Reading::Repeated);
        }
    }

    #[test]
    fn a_receipt_before_its_answer_is_matched_when_the_answer_comes() {
        let mut book = ReceiptBook::new(10);
        assert_eq!(book.receipt(receipt("77", Delivered), from("491"), NOW), Reading::Early);
        assert_eq!(book.accepted(1, "77", &number("491")), [news(1, Delivered)]);
        assert_eq!(book.receipt(receipt("77", Delivered), from("491"), NOW), Reading::Repeated);
    }

    #[test]
    fn an_early_receipt_is_given_up_exactly_at_the_end_of_its_wait() {
        let mut book = ReceiptBook::new(10);
        book.receipt(receipt("77", Delivered), from("491"), NOW);
        let end = book.next_timeout().unwrap();
        assert_eq!(end, NOW.after(EARLY_WAIT));
        assert_eq!(book.forget(Mono(end.0 - 1)), 0);
        assert_eq!(book.forget(end), 1);
        assert_eq!(book.accepted(1, "77", &number("491")), []);
    }

    #[test]
    fn hexadecimal_in_the_answer_and_decimal_in_the_receipt_are_the_same_text() {
        let mut book = ReceiptBook::new(10);
        book.accepted(1, "1A2B", &number("491"));
        assert_eq!(book.receipt(receipt("6699", Delivered), from("+491"), NOW), news(1, Delivered));
        book.accepted(2, "6700", &number("492"));
        assert_eq!(book.receipt(receipt("1a2c", Delivered), from("492"), NOW), news(2, Delivered));
        book.accepted(3, "0000000042", &number("493"));
        assert_eq!(book.receipt(receipt("42", Delivered), from("493"), NOW), news(3, Delivered));
    }

    #[test]
    fn when_two_texts_could_be_meant_the_numbers_decide() {
        let mut book = ReceiptBook::new(10);
        book.accepted(1, "10", &number("491"));
        book.accepted(2, "A", &number("492"));
        assert_eq!(book.receipt(receipt("10", Delivered), from("492"), NOW), news(2, Delivered));
        assert_eq!(book.receipt(receipt("16", Delivered), from("491"), NOW), news(1, Delivered));
    }

    #[test]
    fn a_likeness_in_another_base_alone_is_not_enough() {
        let mut book = ReceiptBook::new(10);
        book.accepted(1, "A", &number("491"));
        assert_eq!(book.receipt(receipt("10", Delivered), from("555"), NOW), Reading::Early);
    }

    #[test]
    fn ids_that_start_over_mean_the_newest_text() {
        let mut book = ReceiptBook::new(10);
        book.accepted(1, "1", &number("491"));
        book.accepted(2, "1", &number("491"));
        assert_eq!(book.receipt(receipt("1", Delivered), from("491"), NOW), news(2, Delivered));
    }

    #[test]
    fn the_book_and_the_early_receipts_are_bounded() {
        let mut book = ReceiptBook::new(2);
        for reference in 1..=3 {
            book.accepted(reference, &format!("id-{reference}"), &number("491"));
        }
        assert_eq!(book.receipt(receipt("id-1", Delivered), from("491"), NOW), Reading::Early);
        assert_eq!(book.receipt(receipt("id-2", Delivered), from("491"), NOW), news(2, Delivered));
        for index in 0..=MAX_EARLY {
            book.receipt(receipt(&format!("stranger-{index}"), Delivered), from("491"), NOW);
        }
        assert_eq!(book.early.len(), MAX_EARLY);
    }
}
