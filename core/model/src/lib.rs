//! The nouns every room of Tandem shares: numbers, rates, ids, clocks, keys, rows.
//!
//! Nothing here does I/O, reads a clock or draws randomness. Whatever names a person (numbers, IMSIs,
//! tokens, text) redacts itself in `Debug` and has no `Display`, so it cannot reach a log by accident.

pub mod call;
pub mod clock;
pub mod ids;
pub mod keys;
pub mod mark;
pub mod matching;
pub mod msisdn;
pub mod numbering;
pub mod pseudonym;
pub mod random;
pub mod rate;
pub mod redact;
pub mod rows;
pub mod sim;
pub mod text;
pub mod vault;

pub use call::{Bearer, CallEnd, CallId, GateVerdict, Side, WhyNotData};
pub use clock::{Mono, MonoMicros, Now, ServerMillis, ServerOffset, WallMillis};
pub use ids::{DeviceEpoch, Line, NumberEpoch, PromptId, RegistrationId, SenderSeq, TextId, Ticket};
pub use keys::{DeviceKey, ImsiToken, KeyedImsiKey, Nonce, SealedBody, SealingKey, SealingKeyId, Signature, SmsToken};
pub use mark::{Mark, MarkGeneration, MarkState};
pub use msisdn::{Country, Msisdn, NumberError};
pub use numbering::ServiceClass;
pub use pseudonym::{MarkKeyId, MarkPublicKey, MarkToken, OprfElement, OprfFault, OprfProof, Pseudonym, TokenDigest};
pub use random::Random;
pub use rate::{DataRate, DataSize};
pub use redact::Secret;
pub use sim::{Imsi, SimSlot};
pub use text::{TerminalState, TextBody, TextStatus};
pub use vault::{Notary, Vault, VaultError};
