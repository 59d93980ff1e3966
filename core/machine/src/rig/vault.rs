//! A vault without cryptography that still notices wrong keys and contexts.

use crate::bench::{toy_key, toy_open, toy_pair, toy_signature};
use tandem_model::vault::{KeyHandle, signed};
use tandem_model::{
    DeviceKey, Imsi, ImsiToken, KeyedImsiKey, MarkToken, Pseudonym, SealedBody, SealingKey, SealingKeyId, Signature,
    Vault, VaultError,
};

/// Keys by handle; a sealed body is the context and the words side by side.
pub struct RigVault {
    pub next: u64,
}

/// The sealing key of toy phone `n`, properly signed.
pub fn rig_sealing_key(handle: u64, id: u32) -> SealingKey {
    let mut public = [0; 32];
    public[..8].copy_from_slice(&handle.to_be_bytes());
    public[8..12].copy_from_slice(&id.to_be_bytes());
    let id = SealingKeyId(id);
    let signature = toy_signature(&toy_key(handle), &signed::sealing_key(id, &public));
    SealingKey { id, public, signature }
}

/// What [`RigVault`] opens with key `handle`.
pub fn rig_seal(handle: u64, context: &[u8], plain: &[u8]) -> SealedBody {
    let mut out = handle.to_be_bytes().to_vec();
    out.extend_from_slice(&u32::try_from(context.len()).unwrap().to_be_bytes());
    out.extend_from_slice(context);
    out.extend_from_slice(plain);
    SealedBody(out)
}

impl Vault for RigVault {
    fn create(&mut self) -> Result<(KeyHandle, DeviceKey), VaultError> {
        self.next += 1;
        Ok((KeyHandle(self.next), toy_key(self.next)))
    }
    fn device_key(&self, key: KeyHandle) -> Result<DeviceKey, VaultError> {
        Ok(toy_key(key.0))
    }
    fn forget(&mut self, _key: KeyHandle) {}
    fn sign(&self, key: KeyHandle, message: &[u8]) -> Result<Signature, VaultError> {
        Ok(toy_signature(&toy_key(key.0), message))
    }
    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
        toy_signature(by, message) == *signature
    }
    fn rotate_sealing(&mut self, key: KeyHandle, id: SealingKeyId) -> Result<SealingKey, VaultError> {
        Ok(rig_sealing_key(key.0, id.0))
    }
    fn seal(&mut self, to: &SealingKey, context: &[u8], plain: &[u8]) -> Result<SealedBody, VaultError> {
        let handle = u64::from_be_bytes(to.public[..8].try_into().unwrap());
        Ok(rig_seal(handle, context, plain))
    }
    fn open(&self, key: KeyHandle, context: &[u8], sealed: &SealedBody) -> Result<Vec<u8>, VaultError> {
        let head = rig_seal(key.0, context, &[]).0;
        sealed.0.strip_prefix(head.as_slice()).map(<[u8]>::to_vec).ok_or(VaultError::DoesNotOpen)
    }
    fn imsi_token(&self, _key: &KeyedImsiKey, imsi: &Imsi) -> ImsiToken {
        let mut token = [0; 32];
        token[..imsi.digits().len()].copy_from_slice(imsi.digits().as_bytes());
        ImsiToken(token)
    }
    fn pair_token(&self, one: &Pseudonym, other: &Pseudonym) -> MarkToken {
        toy_pair(one, other)
    }
    fn open_token(&self, of: &Pseudonym) -> MarkToken {
        toy_open(of)
    }
}
