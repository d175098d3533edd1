//! Proposals: what waited for an approval, under its digest.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::scoped::ScopedStore;
use crate::records::StoreError;
use rollcall_engine::model::Proposal;

const TABLE: &str = "proposals";

/// Proposals of one setting that are kept; the oldest go first.
const MOST: i64 = 50;

/// Stores a proposal in place of the one that waited before. A used one stays used.
pub(super) async fn store(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    proposal: &Proposal,
) -> Result<(), StoreError> {
    let sealed = store.seal(&name(store, &proposal.digest), proposal)?;
    let now = store.now().as_millisecond();
    let stored = async {
        sqlx::query("UPDATE proposals SET ended = ? WHERE setting = ? AND digest != ? AND ended IS NULL")
            .bind(now)
            .bind(setting)
            .bind(&proposal.digest)
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "INSERT INTO proposals (setting, digest, proposed, sealed) VALUES (?, ?, ?, ?)
             ON CONFLICT (setting, digest) DO UPDATE SET proposed = excluded.proposed, sealed = excluded.sealed,
             ended = CASE WHEN used THEN ended END",
        )
        .bind(setting)
        .bind(&proposal.digest)
        .bind(now)
        .bind(sealed)
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "DELETE FROM proposals WHERE id IN (SELECT id FROM proposals WHERE setting = ? AND digest != ?
             ORDER BY proposed DESC, id DESC LIMIT -1 OFFSET ?)",
        )
        .bind(setting)
        .bind(&proposal.digest)
        .bind(MOST - 1)
        .execute(&mut *connection)
        .await
    };
    stored.await.map(|_| ()).map_err(|error| store.failed(&error))
}

/// The proposal of that digest.
pub(super) async fn find(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    digest: &str,
) -> Result<Option<Proposal>, StoreError> {
    let row = sqlx::query("SELECT used, sealed FROM proposals WHERE setting = ? AND digest = ?")
        .bind(setting)
        .bind(digest)
        .fetch_optional(connection)
        .await
        .map_err(|error| store.failed(&error))?;
    let Some(row) = row else { return Ok(None) };
    let mut proposal: Proposal = store.unseal(&name(store, digest), row.get("sealed"))?;
    proposal.used = row.get("used");
    Ok(Some(proposal))
}

/// Marks a proposal as used; one that is no longer kept needs no mark.
pub(super) async fn mark_used(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    digest: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE proposals SET used = TRUE, ended = ? WHERE setting = ? AND digest = ? AND NOT used")
        .bind(store.now().as_millisecond())
        .bind(setting)
        .bind(digest)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| store.failed(&error))
}

fn name(store: &ScopedStore, digest: &str) -> Vec<u8> {
    store.row_name(TABLE, "", digest, &[])
}
