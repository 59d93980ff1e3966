//! What `docs/protocol` says of signatures and sealing, as vectors for clients in other languages.

#![expect(clippy::unwrap_used, reason = "a helper of tests stops at the first surprise")]

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use tandem_crypto::oprf::{Evaluator, open_token, pair_token};
use tandem_crypto::{DeviceVault, SeededRandom};
use tandem_model::vault::KeyHandle;
use tandem_model::vault::signed::{self, RegisterProof};
use tandem_model::{
    CallId, Imsi, ImsiToken, KeyedImsiKey, Msisdn, Nonce, NumberEpoch, RegistrationId, SealingKeyId, Secret, SmsToken,
    Vault,
};

fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

/// Every signed message under one key, with the parts a client puts together.
fn signatures(vault: &DeviceVault, key: KeyHandle) -> Vec<Value> {
    let alice = Msisdn::from_e164("+4915123456789").unwrap();
    let bob = Msisdn::from_e164("+15551230001").unwrap();
    let public = vault.device_key(key).unwrap();
    let (id, token, imsi) = (RegistrationId([0x1D; 16]), SmsToken([0x70; 16]), ImsiToken([0x13; 32]));
    let fingerprint = format!("sha-256 {}", vec!["AB"; 32].join(":"));
    let parts = |list: &[Value]| Value::Array(list.to_vec());
    let number = |number: Msisdn| json!({ "u64": number.as_u64() });
    let bytes = |bytes: &[u8]| json!({ "hex": hex(bytes) });
    let text = |text: &str| json!({ "text": text });
    [
        (
            "tandem/1/session",
            parts(&[bytes(&[0xC4; 32]), number(alice), json!({ "u64": 2 })]),
            signed::session(&Nonce([0xC4; 32]), alice, NumberEpoch(2)),
        ),
        (
            "tandem/1/sealing-key",
            parts(&[json!({ "u32": 3 }), bytes(&[0x5E; 32])]),
            signed::sealing_key(SealingKeyId(3), &[0x5E; 32]),
        ),
        ("tandem/1/register-start", parts(&[number(alice), bytes(&public.0)]), signed::register_start(alice, &public)),
        (
            "tandem/1/register-confirm",
            parts(&[bytes(&id.0), text("token"), bytes(&token.0), bytes(&imsi.0)]),
            signed::register_confirm(id, RegisterProof::Token(&token), Some(&imsi)),
        ),
        (
            "tandem/1/register-confirm",
            parts(&[bytes(&id.0), text("code"), text("00345678"), text("")]),
            signed::register_confirm(id, RegisterProof::Code("00345678"), None),
        ),
        (
            "tandem/1/register-withdraw",
            parts(&[number(alice), bytes(&public.0)]),
            signed::register_withdraw(alice, &public),
        ),
        (
            "tandem/1/unregister",
            parts(&[number(alice), json!({ "u64": 2 }), bytes(&public.0)]),
            signed::unregister(alice, NumberEpoch(2), &public),
        ),
        (
            "tandem/1/fingerprint",
            parts(&[bytes(&[0xC1; 16]), number(alice), number(bob), text(&fingerprint)]),
            signed::fingerprint(CallId([0xC1; 16]), alice, bob, &fingerprint),
        ),
    ]
    .into_iter()
    .map(|(domain, parts, message)| {
        let signature = vault.sign(key, &message).unwrap();
        json!({ "domain": domain, "parts": parts, "message": hex(&message), "signature": hex(signature.0) })
    })
    .collect()
}

/// Bodies of several lengths, with the private key that opens them, taken from the saved vault.
fn sealed_bodies(vault: &mut DeviceVault, key: KeyHandle) -> Value {
    let sealing = vault.rotate_sealing(key, SealingKeyId(3)).unwrap();
    let blob = vault.save().into_inner();
    // Magic, version, count, handle, seed, count and id stand before the one private key.
    let private = blob.get(57..89).unwrap();
    let bodies: Vec<Value> = [0, 1, 64, 65, 4_097]
        .into_iter()
        .map(|length| {
            let plain = vec![b'x'; length];
            let sealed = vault.seal(&sealing, b"context", &plain).unwrap();
            json!({ "plain": hex(plain), "sealed": hex(sealed.0) })
        })
        .collect();
    json!({ "id": 3, "private": hex(private), "public": hex(sealing.public), "context": hex(b"context"), "bodies": bodies })
}

/// Numbers, their pseudonyms under a key, and tokens.
fn matching() -> Value {
    let holder = Evaluator::from_secret(&Secret::new([0x5E; 32])).unwrap();
    let numbers = ["+4915123456789", "+15551230001"].map(|e164| Msisdn::from_e164(e164).unwrap());
    let [alice, bob] = numbers.map(|number| holder.pseudonym(number).unwrap());
    json!({
        "seed": hex([0x5E; 32]),
        "public": hex(holder.public_key().0),
        "pseudonyms": [
            { "number": numbers[0].as_u64(), "pseudonym": hex(alice.0), "open": hex(open_token(&alice).0) },
            { "number": numbers[1].as_u64(), "pseudonym": hex(bob.0), "open": hex(open_token(&bob).0) },
        ],
        "pair": hex(pair_token(&alice, &bob).0),
    })
}

/// `TANDEM_UPDATE_VECTORS=1` writes the file, for when there is more to say.
#[test]
fn the_vectors_for_other_clients_are_the_committed_ones() {
    let mut vault = DeviceVault::new(SeededRandom::from_seed([7; 32]));
    let (key, public) = vault.create().unwrap();
    let imsi_key = KeyedImsiKey(Secret::new([0x1A; 32]));
    let token = vault.imsi_token(&imsi_key, &Imsi::parse("001010123456789").unwrap());
    let fresh = json!({
        "device_key": hex(public.0),
        "signatures": signatures(&vault, key),
        "sealing": sealed_bodies(&mut vault, key),
        "matching": matching(),
        "imsi": { "key": hex([0x1A; 32]), "imsi": "001010123456789", "token": hex(token.0) },
    });
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/crypto_v1.json");
    if std::env::var_os("TANDEM_UPDATE_VECTORS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&fresh).unwrap() + "\n").unwrap();
    }
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert!(fresh == committed, "the vectors are old: run this test with TANDEM_UPDATE_VECTORS=1");
}
