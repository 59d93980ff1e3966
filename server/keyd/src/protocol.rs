//! What server and key holder say to each other: frames of a length, four bytes, and a protobuf message.
//!
//! Several questions are open at once; answers carry the question's id and come in any order. An answer with id zero was not
//! asked for: the keys changed.

use prost::Message;
use std::time::Duration;
use tandem_model::{MarkKeyId, MarkPublicKey, MarkToken, Msisdn, OprfElement, OprfProof};

/// Longest frame, without its length.
pub const FRAME_MAX: usize = 64 * 1024;

/// Elements of one evaluation at most.
pub const ELEMENTS_MAX: usize = 500;

/// Tokens of one check at most.
pub const TOKENS_MAX: usize = 1_000;

/// A key that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveKey {
    /// Its name.
    pub id: MarkKeyId,
    /// What phones verify by.
    pub public: MarkPublicKey,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which keys live.
    Keys,
    /// Evaluates blinded numbers.
    Evaluate {
        /// Whose budget it is.
        account: Msisdn,
        /// With which key.
        key: MarkKeyId,
        /// From 1 to [`ELEMENTS_MAX`].
        blinded: Vec<OprfElement>,
    },
    /// Whether one of the tokens is the pair's.
    Check {
        /// Whose budget it is.
        account: Msisdn,
        /// One number.
        a: Msisdn,
        /// The other.
        b: Msisdn,
        /// From 1 to [`TOKENS_MAX`].
        tokens: Vec<MarkToken>,
    },
    /// The tokens of a registered number.
    OpenTokens {
        /// Which.
        number: Msisdn,
    },
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To `Keys`.
    Keys(Vec<LiveKey>),
    /// To `Evaluate`.
    Evaluated {
        /// In the order of the question.
        evaluated: Vec<OprfElement>,
        /// Of all of them.
        proof: OprfProof,
    },
    /// To `Check`.
    Checked(Option<u32>),
    /// To `OpenTokens`.
    OpenTokens(Vec<(MarkKeyId, MarkToken)>),
    /// The budget is used up.
    Spent {
        /// Worth another try after this.
        retry_after: Duration,
    },
    /// What was sent is no question.
    Malformed,
    /// The key does not live.
    UnknownKey,
    /// It could not be counted, or there is too much to do.
    Failed,
}

/// What is no frame of this protocol: the connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no frame of the key holder's protocol")]
pub struct NoFrame;

#[derive(Clone, PartialEq, Message)]
struct WireQuestion {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(oneof = "QuestionBody", tags = "2, 3, 4, 5")]
    body: Option<QuestionBody>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum QuestionBody {
    #[prost(message, tag = "2")]
    Keys(Nothing),
    #[prost(message, tag = "3")]
    Evaluate(WireEvaluate),
    #[prost(message, tag = "4")]
    Check(WireCheck),
    #[prost(message, tag = "5")]
    OpenTokens(WireNumber),
}

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

#[derive(Clone, PartialEq, Message)]
struct WireEvaluate {
    #[prost(uint64, tag = "1")]
    account: u64,
    #[prost(uint32, tag = "2")]
    key: u32,
    #[prost(bytes = "vec", tag = "3")]
    blinded: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct WireCheck {
    #[prost(uint64, tag = "1")]
    account: u64,
    #[prost(uint64, tag = "2")]
    a: u64,
    #[prost(uint64, tag = "3")]
    b: u64,
    #[prost(bytes = "vec", tag = "4")]
    tokens: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct WireNumber {
    #[prost(uint64, tag = "1")]
    number: u64,
}

#[derive(Clone, PartialEq, Message)]
struct WireAnswer {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(oneof = "AnswerBody", tags = "2, 3, 4, 5, 6, 7")]
    body: Option<AnswerBody>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum AnswerBody {
    #[prost(message, tag = "2")]
    Keys(WireKeys),
    #[prost(message, tag = "3")]
    Evaluated(WireEvaluated),
    #[prost(message, tag = "4")]
    Checked(WireChecked),
    #[prost(message, tag = "5")]
    OpenTokens(WireTokens),
    #[prost(uint64, tag = "6")]
    SpentMillis(u64),
    /// 1 malformed, 2 unknown key, anything else failed.
    #[prost(uint32, tag = "7")]
    Fault(u32),
}

#[derive(Clone, PartialEq, Message)]
struct WireKeys {
    #[prost(message, repeated, tag = "1")]
    keys: Vec<WireKey>,
}

#[derive(Clone, PartialEq, Message)]
struct WireKey {
    #[prost(uint32, tag = "1")]
    id: u32,
    #[prost(bytes = "vec", tag = "2")]
    public: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct WireEvaluated {
    #[prost(bytes = "vec", tag = "1")]
    evaluated: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    proof: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct WireChecked {
    #[prost(uint32, optional, tag = "1")]
    index: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
struct WireTokens {
    #[prost(message, repeated, tag = "1")]
    tokens: Vec<WireToken>,
}

#[derive(Clone, PartialEq, Message)]
struct WireToken {
    #[prost(uint32, tag = "1")]
    key: u32,
    #[prost(bytes = "vec", tag = "2")]
    token: Vec<u8>,
}

fn framed(message: &impl Message) -> Vec<u8> {
    let length = u32::try_from(message.encoded_len()).unwrap_or(u32::MAX);
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend(message.encode_to_vec());
    frame
}

fn split<const N: usize>(bytes: &[u8], most: usize) -> Result<Vec<[u8; N]>, NoFrame> {
    let (whole, rest) = bytes.as_chunks::<N>();
    if rest.is_empty() && !whole.is_empty() && whole.len() <= most { Ok(whole.to_vec()) } else { Err(NoFrame) }
}

fn number(raw: u64) -> Result<Msisdn, NoFrame> {
    Msisdn::try_from(raw).map_err(|_| NoFrame)
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], NoFrame> {
    bytes.try_into().map_err(|_| NoFrame)
}

/// A question as a frame.
#[must_use]
pub fn encode_question(id: u64, question: &Question) -> Vec<u8> {
    let body = match question {
        Question::Keys => QuestionBody::Keys(Nothing {}),
        Question::Evaluate { account, key, blinded } => QuestionBody::Evaluate(WireEvaluate {
            account: account.as_u64(),
            key: key.0,
            blinded: blinded.iter().flat_map(|element| element.0).collect(),
        }),
        Question::Check { account, a, b, tokens } => QuestionBody::Check(WireCheck {
            account: account.as_u64(),
            a: a.as_u64(),
            b: b.as_u64(),
            tokens: tokens.iter().flat_map(|token| token.0).collect(),
        }),
        Question::OpenTokens { number } => QuestionBody::OpenTokens(WireNumber { number: number.as_u64() }),
    };
    framed(&WireQuestion { id, body: Some(body) })
}

/// A question from a frame without its length.
///
/// # Errors
/// [`NoFrame`].
pub fn decode_question(bytes: &[u8]) -> Result<(u64, Question), NoFrame> {
    let WireQuestion { id, body } = WireQuestion::decode(bytes).map_err(|_| NoFrame)?;
    let question = match body.ok_or(NoFrame)? {
        QuestionBody::Keys(Nothing {}) => Question::Keys,
        QuestionBody::Evaluate(WireEvaluate { account, key, blinded }) => Question::Evaluate {
            account: number(account)?,
            key: MarkKeyId(key),
            blinded: split(&blinded, ELEMENTS_MAX)?.into_iter().map(OprfElement).collect(),
        },
        QuestionBody::Check(WireCheck { account, a, b, tokens }) => Question::Check {
            account: number(account)?,
            a: number(a)?,
            b: number(b)?,
            tokens: split(&tokens, TOKENS_MAX)?.into_iter().map(MarkToken).collect(),
        },
        QuestionBody::OpenTokens(WireNumber { number: raw }) => Question::OpenTokens { number: number(raw)? },
    };
    if id == 0 { Err(NoFrame) } else { Ok((id, question)) }
}

/// An answer as a frame.
#[must_use]
pub fn encode_answer(id: u64, answer: &Answer) -> Vec<u8> {
    let body = match answer {
        Answer::Keys(keys) => AnswerBody::Keys(WireKeys {
            keys: keys.iter().map(|key| WireKey { id: key.id.0, public: key.public.0.to_vec() }).collect(),
        }),
        Answer::Evaluated { evaluated, proof } => AnswerBody::Evaluated(WireEvaluated {
            evaluated: evaluated.iter().flat_map(|element| element.0).collect(),
            proof: proof.0.to_vec(),
        }),
        Answer::Checked(index) => AnswerBody::Checked(WireChecked { index: *index }),
        Answer::OpenTokens(tokens) => AnswerBody::OpenTokens(WireTokens {
            tokens: tokens.iter().map(|(key, token)| WireToken { key: key.0, token: token.0.to_vec() }).collect(),
        }),
        Answer::Spent { retry_after } => {
            AnswerBody::SpentMillis(u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX))
        }
        Answer::Malformed => AnswerBody::Fault(1),
        Answer::UnknownKey => AnswerBody::Fault(2),
        Answer::Failed => AnswerBody::Fault(3),
    };
    framed(&WireAnswer { id, body: Some(body) })
}

/// An answer from a frame without its length.
///
/// # Errors
/// [`NoFrame`].
pub fn decode_answer(bytes: &[u8]) -> Result<(u64, Answer), NoFrame> {
    let WireAnswer { id, body } = WireAnswer::decode(bytes).map_err(|_| NoFrame)?;
    let answer = match body.ok_or(NoFrame)? {
        AnswerBody::Keys(WireKeys { keys }) => {
            let key =
                |key: WireKey| Ok(LiveKey { id: MarkKeyId(key.id), public: MarkPublicKey(exactly(&key.public)?) });
            Answer::Keys(keys.into_iter().map(key).collect::<Result<_, NoFrame>>()?)
        }
        AnswerBody::Evaluated(WireEvaluated { evaluated, proof }) => Answer::Evaluated {
            evaluated: split(&evaluated, ELEMENTS_MAX)?.into_iter().map(OprfElement).collect(),
            proof: OprfProof(exactly(&proof)?),
        },
        AnswerBody::Checked(WireChecked { index }) => Answer::Checked(index),
        AnswerBody::OpenTokens(WireTokens { tokens }) => {
            let token = |token: WireToken| Ok((MarkKeyId(token.key), MarkToken(exactly(&token.token)?)));
            Answer::OpenTokens(tokens.into_iter().map(token).collect::<Result<_, NoFrame>>()?)
        }
        AnswerBody::SpentMillis(millis) => Answer::Spent { retry_after: Duration::from_millis(millis) },
        AnswerBody::Fault(1) => Answer::Malformed,
        AnswerBody::Fault(2) => Answer::UnknownKey,
        AnswerBody::Fault(_) => Answer::Failed,
    };
    Ok((id, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u64) -> Msisdn {
        Msisdn::try_from(491_510_000_000 + n).unwrap()
    }

    #[test]
    fn questions_and_answers_come_back_as_they_were() {
        let questions = [
            Question::Keys,
            Question::Evaluate { account: number(1), key: MarkKeyId(7), blinded: vec![OprfElement([3; 32]); 500] },
            Question::Check { account: number(1), a: number(1), b: number(2), tokens: vec![MarkToken([4; 16]); 1_000] },
            Question::OpenTokens { number: number(9) },
        ];
        for question in questions {
            let frame = encode_question(5, &question);
            assert!(frame.len() <= FRAME_MAX + 4);
            assert_eq!(decode_question(&frame[4..]), Ok((5, question)));
        }
        let answers = [
            Answer::Keys(vec![LiveKey { id: MarkKeyId(7), public: MarkPublicKey([1; 32]) }]),
            Answer::Evaluated { evaluated: vec![OprfElement([3; 32]); 500], proof: OprfProof([9; 64]) },
            Answer::Checked(None),
            Answer::Checked(Some(0)),
            Answer::OpenTokens(vec![(MarkKeyId(7), MarkToken([4; 16]))]),
            Answer::Spent { retry_after: Duration::from_millis(17) },
            Answer::Malformed,
            Answer::UnknownKey,
            Answer::Failed,
        ];
        for answer in answers {
            let frame = encode_answer(5, &answer);
            assert!(frame.len() <= FRAME_MAX + 4);
            assert_eq!(decode_answer(&frame[4..]), Ok((5, answer)));
        }
    }

    #[test]
    fn what_is_too_much_or_cut_is_no_frame() {
        let evaluate = |count| {
            let blinded = vec![OprfElement([3; 32]); count];
            encode_question(5, &Question::Evaluate { account: number(1), key: MarkKeyId(7), blinded })
        };
        assert_eq!(decode_question(&evaluate(501)[4..]), Err(NoFrame));
        assert_eq!(decode_question(&evaluate(0)[4..]), Err(NoFrame));
        let whole = evaluate(2);
        for cut in 4..whole.len() {
            assert_eq!(decode_question(&whole[4..cut]), Err(NoFrame), "{cut}");
        }
        assert_eq!(decode_question(&encode_question(0, &Question::Keys)[4..]), Err(NoFrame));
    }
}
