//! Encryption of rows and keyed hashes for look-ups.
//!
//! The database holds its own random keys, wrapped by the master key: one for hashes, which lives as long as the database
//! (a hash must stay the same to be found again), and one or more for values. When the master key changes, all of them
//! are wrapped anew and a new key for values is added: what is written from then on is out of reach of the old master key.
//!
//! Sealed bytes: format (1 byte), number of the key (4), nonce (12), ciphertext, tag (16). Everything that names the row
//! is authenticated with it, so a row that was moved elsewhere cannot be opened.

use std::collections::BTreeMap;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use super::master_key::{KEY_BYTES, MasterKey};
use crate::records::StoreError;

const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 5;

/// What a key of the database is for.
pub(super) const LOOKUP: &str = "lookup";
pub(super) const DATA: &str = "data";

/// A row of the table `keys`.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(super) struct WrappedKey {
    pub(super) id: u32,
    pub(super) purpose: String,
    pub(super) master: String,
    pub(super) wrapped: Vec<u8>,
}

/// The keys of an open database.
pub(super) struct Keyring {
    lookup: hmac::Key,
    data: BTreeMap<u32, LessSafeKey>,
    current: u32,
    random: SystemRandom,
}

/// Names a row: table first, then everything that identifies it. Length-prefixed, so that parts cannot run together.
pub(super) fn row_name(parts: &[&[u8]]) -> Vec<u8> {
    let mut name = Vec::new();
    for part in parts {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part);
    }
    name
}

impl Keyring {
    /// Encrypts a value for the row of that name.
    pub(super) fn seal(&self, row: &[u8], value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let key = self.data.get(&self.current).ok_or_else(|| unusable("has no key for values"))?;
        seal_with(key, self.current, &self.random, row, value)
    }

    /// Decrypts a value that was sealed for the row of that name.
    pub(super) fn open(&self, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let id = key_id(sealed).ok_or_else(damaged)?;
        open_with(self.data.get(&id).ok_or_else(damaged)?, row, sealed)
    }

    /// Keyed hash of what names a person.
    pub(super) fn hash(&self, parts: &[&[u8]]) -> Vec<u8> {
        hmac::sign(&self.lookup, &row_name(parts)).as_ref().to_vec()
    }
}

/// Opens the database's keys with one of the master keys. Fails with [`StoreError::Invalid`] when none fits.
pub(super) fn unwrap(rows: &[WrappedKey], masters: &[MasterKey]) -> Result<Keyring, StoreError> {
    let (mut lookup, mut data, random) = (None, BTreeMap::new(), SystemRandom::new());
    for row in rows {
        let bytes = unwrap_one(row, masters)?;
        if row.purpose == LOOKUP {
            lookup = Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes));
        } else {
            data.insert(row.id, aead_key(&bytes)?);
        }
    }
    let current = data.keys().next_back().copied().ok_or_else(|| unusable("has no key for values"))?;
    let lookup = lookup.ok_or_else(|| unusable("has no key for look-ups"))?;
    Ok(Keyring { lookup, data, current, random })
}

/// The rows of the table `keys` as they have to be: made for a new database, wrapped anew when the first master key is
/// not the one they are wrapped with. None: they are as they have to be.
pub(super) fn renewed(rows: &[WrappedKey], masters: &[MasterKey]) -> Result<Option<Vec<WrappedKey>>, StoreError> {
    let first = masters.first().ok_or_else(|| StoreError::Invalid("no key was given: name a key file".into()))?;
    let master = first.id();
    if !rows.is_empty() && rows.iter().all(|row| row.master == master) {
        return Ok(None);
    }
    let mut renewed = Vec::new();
    for row in rows {
        renewed.push(wrap(row.id, &row.purpose, &unwrap_one(row, masters)?, first)?);
    }
    if rows.is_empty() {
        renewed.push(wrap(1, LOOKUP, &random_key()?, first)?);
    }
    let next = renewed.iter().map(|row| row.id).max().unwrap_or(0) + 1;
    renewed.push(wrap(next, DATA, &random_key()?, first)?);
    Ok(Some(renewed))
}

fn unwrap_one(row: &WrappedKey, masters: &[MasterKey]) -> Result<Vec<u8>, StoreError> {
    let master = masters.iter().find(|master| master.id() == row.master).ok_or_else(|| {
        let given: Vec<_> = masters.iter().map(MasterKey::id).collect();
        unusable(&format!(
            "is encrypted with key {}, but the key given is {}: give the key file it was made with",
            row.master,
            given.join(", ")
        ))
    })?;
    open_with(&aead_key(&master.wrapping_key())?, &wrapping_name(row.id, &row.purpose), &row.wrapped)
}

fn wrap(id: u32, purpose: &str, bytes: &[u8], master: &MasterKey) -> Result<WrappedKey, StoreError> {
    let key = aead_key(&master.wrapping_key())?;
    let wrapped = seal_with(&key, 0, &SystemRandom::new(), &wrapping_name(id, purpose), bytes)?;
    Ok(WrappedKey { id, purpose: purpose.to_owned(), master: master.id(), wrapped })
}

fn wrapping_name(id: u32, purpose: &str) -> Vec<u8> {
    row_name(&[b"keys", &id.to_be_bytes(), purpose.as_bytes()])
}

fn seal_with(
    key: &LessSafeKey,
    id: u32,
    random: &SystemRandom,
    row: &[u8],
    value: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let mut header = vec![FORMAT];
    header.extend_from_slice(&id.to_be_bytes());
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce).map_err(|_| StoreError::Unavailable("the system gives no random bytes".into()))?;
    let mut body = value.to_vec();
    let aad = Aad::from([&header, row].concat());
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut body)
        .map_err(|_| unusable("got a value that is too large to encrypt"))?;
    Ok([header, nonce.to_vec(), body].concat())
}

fn open_with(key: &LessSafeKey, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let (header, rest) = sealed.split_at_checked(HEADER_BYTES).ok_or_else(damaged)?;
    let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
    if header[0] != FORMAT {
        return Err(damaged());
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
    let mut body = body.to_vec();
    let plain = key.open_in_place(nonce, Aad::from([header, row].concat()), &mut body).map_err(|_| damaged())?;
    Ok(plain.to_vec())
}

fn key_id(sealed: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(sealed.get(1..HEADER_BYTES)?.try_into().ok()?))
}

fn aead_key(bytes: &[u8]) -> Result<LessSafeKey, StoreError> {
    UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new).map_err(|_| damaged())
}

/// New random bytes for a key.
pub(super) fn random_key() -> Result<[u8; KEY_BYTES], StoreError> {
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StoreError::Unavailable("the system gives no random bytes".into()))?;
    Ok(bytes)
}

fn unusable(rule: &str) -> StoreError {
    StoreError::Invalid(format!("the database {rule}"))
}

fn damaged() -> StoreError {
    unusable("holds an encrypted value that was changed or moved: restore it from a backup")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(rows: &[WrappedKey], master: u8) -> Result<Keyring, StoreError> {
        unwrap(rows, &[MasterKey::from_bytes([master; 32])])
    }

    fn new_rows() -> Vec<WrappedKey> {
        renewed(&[], &[MasterKey::from_bytes([1; 32])]).unwrap().unwrap()
    }

    #[test]
    fn a_value_opens_only_in_the_row_it_was_sealed_for() {
        let keys = keyring(&new_rows(), 1).unwrap();
        let (here, there) = (row_name(&[b"links", b"ab", b"c"]), row_name(&[b"links", b"a", b"bc"]));
        let sealed = keys.seal(&here, b"value").unwrap();
        assert_eq!(keys.open(&here, &sealed).unwrap(), b"value");
        assert!(keys.open(&there, &sealed).is_err());
    }

    #[test]
    fn a_changed_or_cut_value_is_refused() {
        let keys = keyring(&new_rows(), 1).unwrap();
        let mut sealed = keys.seal(b"row", b"value").unwrap();
        for length in 0..sealed.len() {
            assert!(keys.open(b"row", &sealed[..length]).is_err());
        }
        *sealed.last_mut().unwrap() ^= 1;
        assert!(keys.open(b"row", &sealed).is_err());
    }

    #[test]
    fn another_master_key_opens_nothing_and_the_message_names_the_right_one() {
        let message = keyring(&new_rows(), 2).err().unwrap().to_string();
        assert!(message.contains(&MasterKey::from_bytes([1; 32]).id()), "{message}");
    }

    #[test]
    fn after_a_rotation_the_new_key_alone_opens_old_values_and_finds_old_hashes() {
        let rows = new_rows();
        let old = keyring(&rows, 1).unwrap();
        let sealed = old.seal(b"row", b"value").unwrap();
        let both = [MasterKey::from_bytes([2; 32]), MasterKey::from_bytes([1; 32])];
        let rotated = renewed(&rows, &both).unwrap().unwrap();
        let new = keyring(&rotated, 2).unwrap();
        assert_eq!(new.open(b"row", &sealed).unwrap(), b"value");
        assert_eq!(new.hash(&[b"key"]), old.hash(&[b"key"]));
        assert_ne!(key_id(&new.seal(b"row", b"value").unwrap()), key_id(&sealed), "new values get a new key");
        assert!(keyring(&rotated, 1).is_err(), "the old master key is of no use any more");
        assert!(renewed(&rotated, &both).unwrap().is_none(), "and nothing is left to do");
    }
}
