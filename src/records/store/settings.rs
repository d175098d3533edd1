//! Settings as a whole: their key, the agreement in force, what waits for an approval.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::keyring::random_key;
use super::runs::{from_json, to_json};
use super::scoped::ScopedStore;
use crate::records::{Scope, SettingEnd, SettingRecord, StoreError};
use rollcall_engine::model::Agreement;
use rollcall_engine::names::{StreamName, SystemId};
use rollcall_engine::redacted::Redacted;

const TABLE: &str = "settings";

/// Number of a setting's row, if it has one.
pub(super) async fn id(connection: &mut SqliteConnection, scope: &Scope) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM settings WHERE namespace = ? AND setting = ? AND uid = ?")
        .bind(&scope.namespace)
        .bind(&scope.setting)
        .bind(&scope.setting_uid)
        .fetch_optional(connection)
        .await
}

/// Number of a setting's row. It is made when there is none, and gets its key when it has none.
pub(super) async fn ensure(store: &ScopedStore, connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let failed = |error: sqlx::Error| store.failed(&error);
    let scope = &store.scope;
    sqlx::query("INSERT INTO settings (namespace, setting, uid) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
        .bind(&scope.namespace)
        .bind(&scope.setting)
        .bind(&scope.setting_uid)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    let (id, has_key): (i64, bool) =
        sqlx::query_as("SELECT id, sealed IS NOT NULL FROM settings WHERE namespace = ? AND setting = ? AND uid = ?")
            .bind(&scope.namespace)
            .bind(&scope.setting)
            .bind(&scope.setting_uid)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
    if !has_key {
        let sealed = store.seal(&key_name(store), &STANDARD.encode(random_key()?))?;
        sqlx::query("UPDATE settings SET sealed = ? WHERE id = ?")
            .bind(sealed)
            .bind(id)
            .execute(connection)
            .await
            .map_err(failed)?;
    }
    Ok(id)
}

/// What is known about a setting as a whole; the key is empty where it has none yet.
pub(super) async fn record(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
) -> Result<SettingRecord, StoreError> {
    let failed = |error: sqlx::Error| store.failed(&error);
    let row = sqlx::query("SELECT sealed, agreement, seen_manual, held, published_rules FROM settings WHERE id = ?")
        .bind(setting)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let key = match row.get::<Option<&[u8]>, _>("sealed") {
        Some(sealed) => store.unseal(&key_name(store), sealed)?,
        None => Redacted::default(),
    };
    let (agreement, held): (Option<&str>, Option<&str>) = (row.get("agreement"), row.get("held"));
    Ok(SettingRecord {
        key,
        agreement: agreement.map(from_json).transpose().map_err(failed)?,
        seen_manual: row.get("seen_manual"),
        held: held.map(from_json).transpose().map_err(failed)?,
        claimed: claimed(connection, setting).await.map_err(failed)?,
        published_rules: row.get("published_rules"),
    })
}

/// The systems whose rows the links of each stream have claimed.
async fn claimed(
    connection: &mut SqliteConnection,
    setting: i64,
) -> Result<BTreeMap<StreamName, Vec<SystemId>>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT DISTINCT c.stream, c.system FROM claims c
         JOIN links l ON l.setting = c.setting AND l.stream = c.stream AND l.lookup = c.pair
         WHERE c.setting = ? AND c.row_lookup IN (l.target, l.lookup) ORDER BY c.stream, c.system",
    )
    .bind(setting)
    .fetch_all(connection)
    .await?;
    let mut claimed = BTreeMap::<StreamName, Vec<SystemId>>::new();
    for row in &rows {
        claimed.entry(row.get::<&str, _>("stream").into()).or_default().push(row.get::<&str, _>("system").into());
    }
    Ok(claimed)
}

/// Stores what a run leaves behind about the setting.
pub(super) async fn store_end(
    connection: &mut SqliteConnection,
    setting: i64,
    end: &SettingEnd,
) -> Result<(), sqlx::Error> {
    if let Some(agreement) = &end.agreement {
        store_agreement(connection, setting, agreement).await?;
    }
    sqlx::query("UPDATE settings SET seen_manual = ?, held = ? WHERE id = ?")
        .bind(end.seen_manual)
        .bind(end.held.as_ref().map(to_json).transpose()?)
        .bind(setting)
        .execute(connection)
        .await
        .map(|_| ())
}

/// Puts an agreement in force.
pub(super) async fn store_agreement(
    connection: &mut SqliteConnection,
    setting: i64,
    agreement: &Agreement,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE settings SET agreement = ? WHERE id = ?")
        .bind(to_json(agreement)?)
        .bind(setting)
        .execute(connection)
        .await
        .map(|_| ())
}

fn key_name(store: &ScopedStore) -> Vec<u8> {
    store.row_name(TABLE, "", "", &[])
}
