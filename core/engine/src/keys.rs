//! The phone's keys between the machine, which uses them, and the host's key store, which keeps them.

use crate::ports::{HostError, KeyStore};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tandem_crypto::{DeviceVault, SeededRandom};
use tandem_model::vault::KeyHandle;
use tandem_model::{
    DeviceKey, Imsi, ImsiToken, KeyedImsiKey, MarkToken, Pseudonym, SealedBody, SealingKey, SealingKeyId, Secret,
    Signature, Vault, VaultError,
};
use tracing::{error, warn};

/// The one secret that is kept: all keys as one blob.
pub(crate) const SECRET_NAME: &str = "tandem.keys.1";

/// The keys, shared between the machine and the shell that saves them.
#[derive(Clone)]
pub(crate) struct KeyRing(Arc<Mutex<Ring>>);

struct Ring {
    state: State,
    /// Changed since they were last handed out for saving.
    unsaved: bool,
}

enum State {
    /// The key store did not open yet; the seed waits for it.
    Locked(Option<Box<SeededRandom>>),
    Open(Box<DeviceVault>),
}

impl KeyRing {
    /// Reads the keys. Without a key store they begin empty and live as long as the engine.
    pub(crate) fn load(store: Option<&dyn KeyStore>, random: SeededRandom) -> KeyRing {
        let ring = KeyRing(Arc::new(Mutex::new(Ring { state: State::Locked(Some(Box::new(random))), unsaved: false })));
        ring.unlock(store.map_or(Ok(None), |store| store.get(SECRET_NAME)));
        ring
    }

    /// Takes in what the key store answered; true when the keys are there now.
    pub(crate) fn unlock(&self, answer: Result<Option<Vec<u8>>, HostError>) -> bool {
        let blob = match answer {
            Ok(blob) => blob,
            Err(HostError::Locked | HostError::Failed) => return false,
            Err(HostError::Unsupported) => None,
        };
        let mut ring = self.lock();
        let State::Locked(random) = &mut ring.state else {
            return true;
        };
        let Some(mut random) = random.take() else {
            return false;
        };
        let spare = random.fork();
        let vault = match blob.map(Secret::new) {
            None => DeviceVault::new(*random),
            Some(blob) => DeviceVault::load(&blob, *random).unwrap_or_else(|_| {
                // The registrations find their keys gone and the person is told to register again.
                error!("the kept keys cannot be read");
                DeviceVault::new(spare)
            }),
        };
        ring.state = State::Open(Box::new(vault));
        true
    }

    pub(crate) fn is_locked(&self) -> bool {
        matches!(self.lock().state, State::Locked(_))
    }

    /// The blob to keep, when something changed since the last time.
    pub(crate) fn take_unsaved(&self) -> Option<Secret<Vec<u8>>> {
        let mut ring = self.lock();
        if !std::mem::take(&mut ring.unsaved) {
            return None;
        }
        match &ring.state {
            State::Open(vault) => Some(vault.save()),
            State::Locked(_) => None,
        }
    }

    /// They could not be kept: try again with the next change.
    pub(crate) fn still_unsaved(&self) {
        warn!("the key store did not keep the keys");
        self.lock().unsaved = true;
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, act: impl FnOnce(&DeviceVault) -> Result<T, VaultError>) -> Result<T, VaultError> {
        match &self.lock().state {
            State::Open(vault) => act(vault),
            State::Locked(_) => Err(VaultError::Locked),
        }
    }

    fn change<T>(&self, act: impl FnOnce(&mut DeviceVault) -> Result<T, VaultError>) -> Result<T, VaultError> {
        let mut ring = self.lock();
        let State::Open(vault) = &mut ring.state else {
            return Err(VaultError::Locked);
        };
        let done = act(vault)?;
        ring.unsaved = true;
        Ok(done)
    }
}

impl Vault for KeyRing {
    fn create(&mut self) -> Result<(KeyHandle, DeviceKey), VaultError> {
        self.change(Vault::create)
    }

    fn device_key(&self, key: KeyHandle) -> Result<DeviceKey, VaultError> {
        self.read(|vault| vault.device_key(key))
    }

    fn forget(&mut self, key: KeyHandle) {
        // A locked vault keeps a key nobody refers to any more, which harms nobody.
        let _locked = self.change(|vault| {
            vault.forget(key);
            Ok(())
        });
    }

    fn sign(&self, key: KeyHandle, message: &[u8]) -> Result<Signature, VaultError> {
        self.read(|vault| vault.sign(key, message))
    }

    fn verify(&self, by: &DeviceKey, message: &[u8], signature: &Signature) -> bool {
        self.read(|vault| Ok(vault.verify(by, message, signature))).unwrap_or(false)
    }

    fn rotate_sealing(&mut self, key: KeyHandle, id: SealingKeyId) -> Result<SealingKey, VaultError> {
        self.change(|vault| vault.rotate_sealing(key, id))
    }

    fn seal(&mut self, to: &SealingKey, context: &[u8], plain: &[u8]) -> Result<SealedBody, VaultError> {
        match &mut self.lock().state {
            State::Open(vault) => vault.seal(to, context, plain),
            State::Locked(_) => Err(VaultError::Locked),
        }
    }

    fn open(&self, key: KeyHandle, context: &[u8], sealed: &SealedBody) -> Result<Vec<u8>, VaultError> {
        self.read(|vault| vault.open(key, context, sealed))
    }

    fn imsi_token(&self, key: &KeyedImsiKey, imsi: &Imsi) -> ImsiToken {
        // Needs no key of the vault; a locked one is no reason to answer differently.
        match &self.lock().state {
            State::Open(vault) => vault.imsi_token(key, imsi),
            State::Locked(_) => DeviceVault::new(SeededRandom::from_seed([0; 32])).imsi_token(key, imsi),
        }
    }

    fn pair_token(&self, one: &Pseudonym, other: &Pseudonym) -> MarkToken {
        tandem_crypto::oprf::pair_token(one, other)
    }

    fn open_token(&self, of: &Pseudonym) -> MarkToken {
        tandem_crypto::oprf::open_token(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Default)]
    struct Kept(Mutex<BTreeMap<String, Vec<u8>>>, Mutex<Option<HostError>>);

    impl KeyStore for Kept {
        fn get(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
            match *self.1.lock().unwrap() {
                Some(error) => Err(error),
                None => Ok(self.0.lock().unwrap().get(name).cloned()),
            }
        }
        fn put(&self, name: &str, secret: &[u8]) -> Result<(), HostError> {
            self.0.lock().unwrap().insert(name.to_owned(), secret.to_vec());
            Ok(())
        }
    }

    fn random(seed: u8) -> SeededRandom {
        SeededRandom::from_seed([seed; 32])
    }

    #[test]
    fn a_key_that_was_saved_signs_after_a_restart() {
        let store = Kept::default();
        let mut ring = KeyRing::load(Some(&store), random(1));
        assert!(ring.take_unsaved().is_none());
        let (handle, public) = ring.create().unwrap();
        let blob = ring.take_unsaved().unwrap();
        assert!(ring.take_unsaved().is_none(), "once");
        store.put(SECRET_NAME, blob.expose()).unwrap();
        let again = KeyRing::load(Some(&store), random(2));
        assert_eq!(again.device_key(handle), Ok(public));
    }

    #[test]
    fn a_locked_store_is_no_lost_key() {
        let store = Kept::default();
        let mut ring = KeyRing::load(Some(&store), random(1));
        let (handle, public) = ring.create().unwrap();
        store.put(SECRET_NAME, ring.take_unsaved().unwrap().expose()).unwrap();
        *store.1.lock().unwrap() = Some(HostError::Locked);
        let mut locked = KeyRing::load(Some(&store), random(2));
        assert!(locked.is_locked());
        assert_eq!(locked.sign(handle, b"x"), Err(VaultError::Locked));
        assert_eq!(locked.create().map(|_| ()), Err(VaultError::Locked));
        *store.1.lock().unwrap() = None;
        assert!(locked.unlock(store.get(SECRET_NAME)));
        assert_eq!(locked.device_key(handle), Ok(public));
    }

    #[test]
    fn keys_that_cannot_be_read_are_gone_and_new_ones_can_be_made() {
        let store = Kept::default();
        store.put(SECRET_NAME, b"garbage").unwrap();
        let mut ring = KeyRing::load(Some(&store), random(1));
        assert_eq!(ring.device_key(KeyHandle(1)), Err(VaultError::KeyGone));
        assert!(ring.create().is_ok());
    }
}
