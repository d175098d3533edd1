//! Encrypted rows found by a keyed hash of the source's identifier: links and intents. Also what outcomes share with
//! them: naming, sealing and opening of rows.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::keyring::row_name;
use super::scoped::ScopedStore;
use crate::records::{Intent, Outcome, StoreError};
use rollcall_engine::model::Link;

/// Rows per statement: few statements for thousands of records, well below `SQLite`'s 32766 parameters.
pub(super) const CHUNK: usize = 250;

impl ScopedStore {
    /// Keyed hash of an identifier of the source; differs from setting to setting.
    pub(super) fn lookup(&self, source_key: &str) -> Vec<u8> {
        let scope = &self.scope;
        let parts = [&scope.namespace, &scope.setting, &scope.setting_uid].map(String::as_bytes);
        self.store.inner.keys.hash(&[parts[0], parts[1], parts[2], source_key.as_bytes()])
    }

    /// Name of a row for encryption. `run` is empty where the row belongs to no run.
    pub(super) fn row_name(&self, table: &str, run: &str, stream: &str, lookup: &[u8]) -> Vec<u8> {
        let scope = &self.scope;
        let parts = [table, &scope.namespace, &scope.setting, &scope.setting_uid, run, stream].map(str::as_bytes);
        row_name(&[&parts[..], &[lookup]].concat())
    }

    pub(super) fn seal<T: Serialize>(&self, row: &[u8], value: &T) -> Result<Vec<u8>, StoreError> {
        let json =
            serde_json::to_vec(value).map_err(|_| StoreError::Invalid("a value cannot be written as JSON".into()))?;
        self.store.inner.keys.seal(row, &json)
    }

    pub(super) fn unseal<T: DeserializeOwned>(&self, row: &[u8], sealed: &[u8]) -> Result<T, StoreError> {
        let json = self.store.inner.keys.open(row, sealed)?;
        // serde_json's message may quote the value, so it is not passed on.
        serde_json::from_slice(&json).map_err(|_| {
            StoreError::Invalid(format!("{} holds a row that cannot be read", self.store.inner.path.display()))
        })
    }
}

/// One encrypted row to store.
struct SealedRow {
    stream: String,
    lookup: Vec<u8>,
    sealed: Vec<u8>,
}

/// All links of a stream, ordered by source key.
pub(super) async fn links(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    stream: &str,
) -> Result<Vec<Link>, StoreError> {
    let rows = sqlx::query("SELECT lookup, sealed FROM links WHERE setting = ? AND stream = ?")
        .bind(setting)
        .bind(stream)
        .fetch_all(connection)
        .await
        .map_err(|error| store.failed(&error))?;
    let mut links = Vec::with_capacity(rows.len());
    for row in &rows {
        let link: Link = store.unseal(&store.row_name("links", "", stream, row.get("lookup")), row.get("sealed"))?;
        links.push(link);
    }
    links.sort_by(|one, other| one.source_key.cmp(&other.source_key));
    Ok(links)
}

/// Stores links, replacing those of the same records.
pub(super) async fn store_links(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    links: &[Link],
) -> Result<(), StoreError> {
    let start = "INSERT INTO links (setting, stream, lookup, sealed) ";
    for chunk in links.chunks(CHUNK) {
        let mut rows = Vec::with_capacity(chunk.len());
        for link in chunk {
            rows.push(sealed_row(store, "links", &link.stream, &link.source_key, link)?);
        }
        upsert(connection, setting, start, &rows).await.map_err(|error| store.failed(&error))?;
    }
    Ok(())
}

/// Removes links by stream and source key; those that do not exist are passed over.
pub(super) async fn drop_links(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    dropped: &[(String, String)],
) -> Result<(), StoreError> {
    for chunk in dropped.chunks(CHUNK) {
        let keys: Vec<_> = chunk.iter().map(|(stream, key)| (stream.as_str(), store.lookup(key))).collect();
        delete(connection, setting, "DELETE FROM links WHERE setting = ", &keys)
            .await
            .map_err(|error| store.failed(&error))?;
    }
    Ok(())
}

/// Intents of the setting, ordered by stream and source key.
pub(super) async fn intents(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
) -> Result<Vec<Intent>, StoreError> {
    let rows = sqlx::query("SELECT stream, lookup, sealed FROM intents WHERE setting = ?")
        .bind(setting)
        .fetch_all(connection)
        .await
        .map_err(|error| store.failed(&error))?;
    let mut intents = Vec::with_capacity(rows.len());
    for row in &rows {
        let name = store.row_name("intents", "", row.get("stream"), row.get("lookup"));
        let intent: Intent = store.unseal(&name, row.get("sealed"))?;
        intents.push(intent);
    }
    intents.sort_by(|one, other| (&one.stream, &one.source_key).cmp(&(&other.stream, &other.source_key)));
    Ok(intents)
}

/// Stores intents, replacing those of the same records.
pub(super) async fn store_intents(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    intents: &[Intent],
) -> Result<(), StoreError> {
    let start = "INSERT INTO intents (setting, stream, lookup, sealed) ";
    for chunk in intents.chunks(CHUNK) {
        let mut rows = Vec::with_capacity(chunk.len());
        for intent in chunk {
            rows.push(sealed_row(store, "intents", &intent.stream, &intent.source_key, intent)?);
        }
        upsert(connection, setting, start, &rows).await.map_err(|error| store.failed(&error))?;
    }
    Ok(())
}

/// Removes the intents of records whose outcome is known now.
pub(super) async fn settle_intents(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    outcomes: &[Outcome],
) -> Result<(), StoreError> {
    for chunk in outcomes.chunks(CHUNK) {
        let keys: Vec<_> =
            chunk.iter().map(|outcome| (outcome.stream.as_str(), store.lookup(&outcome.source_key))).collect();
        delete(connection, setting, "DELETE FROM intents WHERE setting = ", &keys)
            .await
            .map_err(|error| store.failed(&error))?;
    }
    Ok(())
}

fn sealed_row<T: Serialize>(
    store: &ScopedStore,
    table: &str,
    stream: &str,
    source_key: &str,
    value: &T,
) -> Result<SealedRow, StoreError> {
    let lookup = store.lookup(source_key);
    let sealed = store.seal(&store.row_name(table, "", stream, &lookup), value)?;
    Ok(SealedRow { stream: stream.to_owned(), lookup, sealed })
}

async fn upsert(
    connection: &mut SqliteConnection,
    setting: i64,
    start: &str,
    rows: &[SealedRow],
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new(start);
    query.push_values(rows, |mut values, row| {
        values.push_bind(setting).push_bind(&row.stream).push_bind(&row.lookup).push_bind(&row.sealed);
    });
    query.push(" ON CONFLICT (setting, stream, lookup) DO UPDATE SET sealed = excluded.sealed");
    query.build().execute(connection).await.map(|_| ())
}

async fn delete(
    connection: &mut SqliteConnection,
    setting: i64,
    start: &str,
    keys: &[(&str, Vec<u8>)],
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new(start);
    query.push_bind(setting).push(" AND (stream, lookup) IN (");
    query.push_values(keys, |mut values, (stream, lookup)| {
        values.push_bind(*stream).push_bind(lookup);
    });
    query.push(")");
    query.build().execute(connection).await.map(|_| ())
}
