//! Naming, hashing, sealing and opening the rows of one setting: what all tables with personal data share.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{QueryBuilder, Sqlite};

use super::keyring::{Keyring, row_name};
use super::scoped::ScopedStore;
use crate::records::{Scope, StoreError};

/// Rows per statement: few statements for thousands of records, well below `SQLite`'s 32766 parameters.
pub(super) const CHUNK: usize = 250;

/// Hashes and seals the rows of one setting.
#[derive(Clone, Copy)]
pub(super) struct Sealer<'a> {
    pub(super) keys: &'a Keyring,
    pub(super) scope: &'a Scope,
}

impl Sealer<'_> {
    /// Keyed hash of what identifies a record, a pair or a write; differs from setting to setting.
    pub(super) fn lookup(self, identifier: &str) -> Vec<u8> {
        let scope = self.scope;
        let parts = [&scope.namespace, &scope.setting, &scope.setting_uid].map(String::as_bytes);
        self.keys.hash(&[parts[0], parts[1], parts[2], identifier.as_bytes()])
    }

    /// Name of a row for encryption. `run` is empty where the row belongs to no run.
    pub(super) fn row_name(self, table: &str, run: &str, stream: &str, lookup: &[u8]) -> Vec<u8> {
        let scope = self.scope;
        let parts = [table, &scope.namespace, &scope.setting, &scope.setting_uid, run, stream].map(str::as_bytes);
        row_name(&[&parts[..], &[lookup]].concat())
    }

    /// Encrypts a value for the row of that name.
    pub(super) fn seal<T: Serialize>(self, row: &[u8], value: &T) -> Result<Vec<u8>, StoreError> {
        let json =
            serde_json::to_vec(value).map_err(|_| StoreError::Invalid("a value cannot be written as JSON".into()))?;
        self.keys.seal(row, &json)
    }

    /// Decrypts a value that was sealed for the row of that name.
    pub(super) fn unseal<T: DeserializeOwned>(self, row: &[u8], sealed: &[u8]) -> Result<T, StoreError> {
        let json = self.keys.open(row, sealed)?;
        // serde_json's message may quote the value, so it is not passed on.
        serde_json::from_slice(&json).map_err(|_| {
            StoreError::Invalid("the database holds a row that cannot be read: restore it from a backup".into())
        })
    }
}

impl ScopedStore {
    pub(super) fn sealer(&self) -> Sealer<'_> {
        Sealer { keys: &self.store.inner.keys, scope: &self.scope }
    }

    /// See [`Sealer::lookup`].
    pub(super) fn lookup(&self, identifier: &str) -> Vec<u8> {
        self.sealer().lookup(identifier)
    }

    /// See [`Sealer::row_name`].
    pub(super) fn row_name(&self, table: &str, run: &str, stream: &str, lookup: &[u8]) -> Vec<u8> {
        self.sealer().row_name(table, run, stream, lookup)
    }

    /// See [`Sealer::seal`].
    pub(super) fn seal<T: Serialize>(&self, row: &[u8], value: &T) -> Result<Vec<u8>, StoreError> {
        self.sealer().seal(row, value)
    }

    /// See [`Sealer::unseal`].
    pub(super) fn unseal<T: DeserializeOwned>(&self, row: &[u8], sealed: &[u8]) -> Result<T, StoreError> {
        self.sealer().unseal(row, sealed)
    }
}

/// A stream and the keyed hash of one of its pairs, or of anything else that is unique in a stream.
pub(super) type Place = (String, Vec<u8>);

/// Appends places as a list of rows, for the right side of `IN`. There must be at least one.
pub(super) fn push_places(query: &mut QueryBuilder<Sqlite>, places: &[Place]) {
    query.push("(");
    query.push_values(places, |mut values, (stream, lookup)| {
        values.push_bind(stream.clone()).push_bind(lookup.clone());
    });
    query.push(")");
}

/// Appends values as a list, for the right side of `IN`. There must be at least one.
pub(super) fn push_list<'a, T>(query: &mut QueryBuilder<Sqlite>, values: impl IntoIterator<Item = &'a T>)
where
    T: 'a + Clone + Send + sqlx::Type<Sqlite> + for<'q> sqlx::Encode<'q, Sqlite> + 'static,
{
    query.push("(");
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value.clone());
    }
    query.push(")");
}
