//! The OS's key store.

use std::sync::{Arc, Mutex, PoisonError};
use tandem_model::vault::{KeyHandle, VaultError};
use tandem_model::{
    DeviceKey, Imsi, ImsiToken, KeyedImsiKey, MarkToken, Pseudonym, SealedBody, SealingKey, SealingKeyId, Signature,
    Vault,
};

/// The vault outlives the process: it stands for the OS's key store.
#[derive(Clone)]
pub(super) struct SharedVault(pub(super) Arc<Mutex<Box<dyn Vault>>>);

impl SharedVault {
    fn with<T>(&self, work: impl FnOnce(&mut dyn Vault) -> T) -> T {
        work(self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut())
    }
}

impl Vault for SharedVault {
    fn create(&mut self) -> Result<(KeyHandle, DeviceKey), VaultError> {
        self.with(|vault| vault.create())
    }
    fn device_key(&self, key: KeyHandle) -> Result<DeviceKey, VaultError> {
        self.with(|vault| vault.device_key(key))
    }
    fn forget(&mut self, key: KeyHandle) {
        self.with(|vault| vault.forget(key));
    }
    fn sign(&self, key: KeyHandle, message: &[u8]) -> Result<Signature, VaultError> {
        self.with(|vault| vault.sign(key, message))
    }
    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
        self.with(|vault| vault.verify(by, message, signature))
    }
    fn rotate_sealing(&mut self, key: KeyHandle, id: SealingKeyId) -> Result<SealingKey, VaultError> {
        self.with(|vault| vault.rotate_sealing(key, id))
    }
    fn seal(&mut self, to: &SealingKey, context: &[u8], plain: &[u8]) -> Result<SealedBody, VaultError> {
        self.with(|vault| vault.seal(to, context, plain))
    }
    fn open(&self, key: KeyHandle, context: &[u8], sealed: &SealedBody) -> Result<Vec<u8>, VaultError> {
        self.with(|vault| vault.open(key, context, sealed))
    }
    fn imsi_token(&self, key: &KeyedImsiKey, imsi: &Imsi) -> ImsiToken {
        self.with(|vault| vault.imsi_token(key, imsi))
    }
    fn pair_token(&self, one: &Pseudonym, other: &Pseudonym) -> MarkToken {
        self.with(|vault| vault.pair_token(one, other))
    }
    fn open_token(&self, of: &Pseudonym) -> MarkToken {
        self.with(|vault| vault.open_token(of))
    }
}
