//! The key that protects a store: read from a mounted Secret, or made once beside the file of a local run. It wraps the
//! keys inside the database (see `keyring.rs`), so that changing it re-encrypts a few bytes instead of every record.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};

use crate::records::StoreError;
use rollcall_engine::redacted::Redacted;

/// Bytes of every key (AES-256, HMAC-SHA-256).
pub(super) const KEY_BYTES: usize = 32;

/// A key of 32 random bytes that protects a records store. `Debug` shows its public id only.
#[derive(Clone)]
pub struct MasterKey(Redacted<[u8; KEY_BYTES]>);

impl MasterKey {
    /// Takes 32 random bytes.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Redacted::new(bytes))
    }

    /// A new key.
    pub fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; KEY_BYTES];
        let filled = SystemRandom::new().fill(&mut bytes);
        filled.map_err(|_| StoreError::Unavailable("the system gives no random bytes".into()))?;
        Ok(Self::from_bytes(bytes))
    }

    /// Reads a key file: 32 bytes as base64 or as 64 hexadecimal digits, blanks around them ignored. The file should be
    /// readable by its owner alone (mode 0400 or 0600; 0440 where a Secret is mounted with an `fsGroup`).
    /// Fails with [`StoreError::Invalid`] when it cannot be read or holds something else.
    pub fn from_file(path: &Path) -> Result<Self, StoreError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            refused(path, &format!("cannot be read ({}): check its path and permissions", error.kind()))
        })?;
        let bytes = decode(text.trim());
        let bytes = bytes.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
        bytes.map(Self::from_bytes).ok_or_else(|| {
            refused(path, "must hold 32 bytes as base64 or hexadecimal digits: make one with `openssl rand -base64 32`")
        })
    }

    /// The key of a local store: the file `<database>.key`. It is made, readable by its owner alone, when neither it nor
    /// the database exists; an existing one is never overwritten.
    /// Fails with [`StoreError::Invalid`] when the database exists without its key, or the file cannot be made or read.
    pub fn load_or_create_beside(database: &Path) -> Result<Self, StoreError> {
        let path = key_path(database);
        if path.exists() {
            return Self::from_file(&path);
        }
        if std::fs::metadata(database).is_ok_and(|metadata| metadata.len() > 0) {
            return Err(refused(
                &path,
                "is missing, but its database exists: put the key file back, or choose another file",
            ));
        }
        match create(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(refused(&path, &format!("cannot be created ({}): choose a writable folder", error.kind())));
            }
            Ok(()) => {}
        }
        Self::from_file(&path)
    }

    /// Public name of the key, by which the store tells which one it was made with. Says nothing about its bytes.
    pub fn id(&self) -> String {
        let digest = self.derive(b"rollcall records key id");
        format!("{:016x}", digest[..8].iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte)))
    }

    /// The key that wraps the keys inside the database.
    pub(super) fn wrapping_key(&self) -> [u8; KEY_BYTES] {
        self.derive(b"rollcall records key wrapping")
    }

    /// RFC 5869 with an empty salt: the input is uniformly random.
    fn derive(&self, purpose: &[u8]) -> [u8; KEY_BYTES] {
        let mut derived = [0; KEY_BYTES];
        let source = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(self.0.expose());
        // Fails only for outputs longer than 255 digests.
        let _ = source.expand(&[purpose], hkdf::HKDF_SHA256).and_then(|output| output.fill(&mut derived));
        derived
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("MasterKey").field(&self.id()).finish()
    }
}

fn key_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".key");
    PathBuf::from(name)
}

fn refused(path: &Path, rule: &str) -> StoreError {
    StoreError::Invalid(format!("key file {} {rule}", path.display()))
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() == KEY_BYTES * 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect();
    }
    STANDARD.decode(text).ok()
}

fn create(path: &Path) -> std::io::Result<()> {
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| std::io::Error::other("no random bytes"))?;
    // O_EXCL: a key that somebody else made in the meantime is kept.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(format!("{}\n", STANDARD.encode(bytes)).as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn base64_and_hexadecimal_files_hold_the_same_key() {
        let folder = folder();
        let (base64, hexadecimal) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&base64, format!("{}\n", STANDARD.encode([7; 32]))).unwrap();
        std::fs::write(&hexadecimal, "07".repeat(32)).unwrap();
        assert_eq!(MasterKey::from_file(&base64).unwrap().id(), MasterKey::from_file(&hexadecimal).unwrap().id());
    }

    #[test]
    fn a_key_of_another_length_is_refused_without_showing_it() {
        let folder = folder();
        let path = folder.path().join("short");
        std::fs::write(&path, "c2hvcnQ=").unwrap();
        let message = MasterKey::from_file(&path).unwrap_err().to_string();
        assert!(message.contains("32 bytes") && !message.contains("c2hvcnQ"), "{message}");
    }

    #[test]
    fn a_local_key_is_made_once_and_only_its_owner_can_read_it() {
        let folder = folder();
        let database = folder.path().join("records.db");
        let first = MasterKey::load_or_create_beside(&database).unwrap();
        let mode = std::fs::metadata(key_path(&database)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(MasterKey::load_or_create_beside(&database).unwrap().id(), first.id());
    }

    #[test]
    fn no_new_key_is_made_for_a_database_that_lost_its_own() {
        let folder = folder();
        let database = folder.path().join("records.db");
        std::fs::write(&database, "something").unwrap();
        assert!(matches!(MasterKey::load_or_create_beside(&database), Err(StoreError::Invalid(_))));
        assert!(!key_path(&database).exists());
    }

    #[test]
    fn debug_shows_the_id_only() {
        let key = MasterKey::from_bytes([9; 32]);
        assert_eq!(format!("{key:?}"), format!("MasterKey({:?})", key.id()));
    }
}
