//! What the first edition left behind, made into what this one expects: both ends of links can be found, and creates
//! that were announced and never settled are in the journal.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::errors::store_error;
use super::journal::SealedWrite;
use super::keyring::Keyring;
use super::links::SealedLink;
use super::sealing::{CHUNK, Sealer};
use super::{journal, links};
use crate::records::{Scope, StoreError};
use rollcall_engine::hexadecimal;
use rollcall_engine::model::{Fields, Operation, Write, WriteState};
use rollcall_engine::names::{RunId, Side, SourceKey, StreamName, SystemId};
use rollcall_engine::redacted::Redacted;

/// The version that begins the second edition.
pub(super) const SECOND_EDITION: i64 = 2;

/// A create that the first edition announced.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Intent {
    stream: StreamName,
    source_key: SourceKey,
    run_id: RunId,
    at: Timestamp,
}

/// Brings the rows of the first edition to the second one.
pub(super) async fn to_second_edition(
    connection: &mut SqliteConnection,
    path: &Path,
    keys: &Keyring,
) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| store_error(path, &error);
    let settings = sqlx::query("SELECT id, namespace, setting, uid FROM settings")
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    for row in &settings {
        let scope = Scope { namespace: row.get("namespace"), setting: row.get("setting"), setting_uid: row.get("uid") };
        let sealer = Sealer { keys, scope: &scope };
        complete_links(connection, path, sealer, row.get("id")).await?;
        convert_intents(connection, path, sealer, row.get("id")).await?;
    }
    sqlx::raw_sql("DROP TABLE intents").execute(connection).await.map_err(failed)?;
    Ok(())
}

async fn complete_links(
    connection: &mut SqliteConnection,
    path: &Path,
    sealer: Sealer<'_>,
    setting: i64,
) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| store_error(path, &error);
    let rows = sqlx::query("SELECT stream, lookup, sealed FROM links WHERE setting = ?")
        .bind(setting)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    for chunk in rows.chunks(CHUNK) {
        let links = chunk.iter().map(|row| SealedLink::new(sealer, &links::opened(sealer, row)?));
        let links = links.collect::<Result<Vec<_>, _>>()?;
        links::insert(connection, setting, &links).await.map_err(failed)?;
    }
    Ok(())
}

async fn convert_intents(
    connection: &mut SqliteConnection,
    path: &Path,
    sealer: Sealer<'_>,
    setting: i64,
) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| store_error(path, &error);
    let rows = sqlx::query("SELECT stream, lookup, sealed FROM intents WHERE setting = ? ORDER BY stream, lookup")
        .bind(setting)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    for row in &rows {
        let lookup: &[u8] = row.get("lookup");
        let name = sealer.row_name("intents", "", row.get("stream"), lookup);
        let intent: Intent = sealer.unseal(&name, row.get("sealed"))?;
        let run = intent.run_id.clone();
        let write = SealedWrite::new(sealer, &run, &as_write(intent, lookup), WriteState::Announced)?;
        journal::upsert(connection, setting, &[write]).await.map_err(failed)?;
    }
    Ok(())
}

/// The first edition wrote to targets only, and did not note which system that was.
fn as_write(intent: Intent, lookup: &[u8]) -> Write {
    Write {
        id: format!("intent:{}", hexadecimal(lookup)),
        stream: intent.stream,
        at: Side::Target,
        system: SystemId::default(),
        source_key: Some(intent.source_key),
        target_id: None,
        operation: Operation::Create,
        before: Redacted::default(),
        active_before: None,
        after: Redacted::new(Fields::new()),
        changed: Vec::new(),
        approved: false,
        state: WriteState::Announced,
        at_time: intent.at,
    }
}
