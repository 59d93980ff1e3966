//! What is asked and answered before there is a session.

use tandem_model::{
    DeviceKey, ImsiToken, KeyedImsiKey, Msisdn, NumberEpoch, RegistrationId, SealingKey, ServerMillis, Signature,
    SmsToken,
};

/// Registration, from phone to server over HTTPS (`POST /v1/register`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterRequest {
    /// Asks for the verification SMS.
    Start {
        /// The number to prove.
        number: Msisdn,
        /// The registration's key.
        device_key: DeviceKey,
        /// Over [`tandem_model::vault::signed::register_start`] by that key.
        signature: Signature,
        /// How this phone recognises the SMS.
        platform: SmsPlatform,
    },
    /// Proves the number.
    Confirm {
        /// From the start's reply.
        id: RegistrationId,
        /// What the SMS carried.
        proof: ConfirmProof,
        /// Keyed token of the IMSI, where the OS gives it.
        imsi: Option<ImsiToken>,
        /// First sealing key, signed by the device key.
        sealing_key: SealingKey,
        /// Over [`tandem_model::vault::signed::register_confirm`].
        signature: Signature,
    },
    /// Ends whatever this key opened or registered of a number, for a phone that never heard what became of its proof. Again is
    /// fine.
    Withdraw {
        /// The number.
        number: Msisdn,
        /// The registration's key.
        device_key: DeviceKey,
        /// Over [`tandem_model::vault::signed::register_withdraw`] by that key.
        signature: Signature,
    },
}

/// How a phone recognises its verification SMS: each platform wants its own last line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmsPlatform {
    /// The dialer reads SMS itself: no last line.
    Dialer,
    /// Android's SMS Retriever: the 11-character hash of the app.
    Android {
        /// Exactly 11 characters of base64.
        app_hash: String,
    },
    /// Apple's domain-bound code: `@domain #code`.
    Apple {
        /// The domain, at most 64 bytes.
        domain: String,
    },
}

/// What proves a number.
#[derive(Clone, PartialEq, Eq)]
pub enum ConfirmProof {
    /// The token read from the SMS.
    Token(SmsToken),
    /// The eight digits a person typed.
    Code(String),
}

impl std::fmt::Debug for ConfirmProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConfirmProof::Token(_) => f.write_str("Token(..)"),
            ConfirmProof::Code(_) => f.write_str("Code(..)"),
        }
    }
}

/// Registration, from server to phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterReply {
    /// The SMS is on its way. The same for numbers registered elsewhere and not: nobody can list users (P7).
    Started {
        /// Names the attempt.
        id: RegistrationId,
        /// The attempt ends then.
        expires_at: ServerMillis,
        /// The server's time, for showing how long is left.
        now: ServerMillis,
        /// Another SMS may be asked for after this many milliseconds.
        resend_after_ms: u32,
        /// Key for the IMSI token.
        imsi_key: KeyedImsiKey,
    },
    /// Registered.
    Confirmed {
        /// The number's new epoch, or the present one when the same key proved it again.
        epoch: NumberEpoch,
        /// The lease's end.
        lease_until: ServerMillis,
        /// The server's time.
        now: ServerMillis,
    },
    /// Nothing of this key is registered for the number, nor can be by what was asked before.
    Withdrawn,
    /// Refused.
    Refused {
        /// Why.
        reason: RegisterRefusal,
        /// Try again no sooner than this many milliseconds from now; zero when trying again is useless.
        retry_after_ms: u32,
    },
}

/// Why a registration is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegisterRefusal {
    /// Too many attempts for this number: wait as told.
    NumberBudget,
    /// Too many attempts for numbers like this one: wait as told.
    PrefixBudget,
    /// Too many attempts from this source: wait as told.
    SourceBudget,
    /// The SMS cannot be sent now: wait as told.
    SmsUnavailable,
    /// The number cannot receive SMS, says the carrier: check the number.
    NumberUnreachable,
    /// The operator does not serve this number.
    NumberNotServed,
    /// Wrong code or token; tries are left.
    WrongProof {
        /// How many.
        tries_left: u32,
    },
    /// Tries are used up: start again.
    TriesUsedUp,
    /// The attempt is over or was never made: start again.
    Expired,
    /// The signature does not verify.
    BadSignature,
    /// The server cannot store now: wait as told.
    Storage,
    /// The request is malformed.
    Invalid,
}
