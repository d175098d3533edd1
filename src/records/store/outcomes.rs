//! Outcomes of records. Only the end a record met is readable in the database; its identifiers and values are sealed,
//! how the pair is known apart from the rest so that a page can be ordered without opening every record.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::scoped::ScopedStore;
use super::sealing::{CHUNK, Place, push_list, push_places};
use crate::records::{Outcome, OutcomeQuery, StoreError, pair};

/// Names of encrypted parts of an outcome.
const KEY: &str = "outcomes.key";
const RECORD: &str = "outcomes.record";

struct SealedOutcome<'a> {
    outcome: &'a Outcome,
    lookup: Vec<u8>,
    sealed_key: Vec<u8>,
    sealed: Vec<u8>,
}

/// Stores outcomes of a run, replacing earlier ones of the same records.
pub(super) async fn store(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    run: &str,
    outcomes: &[Outcome],
) -> Result<(), StoreError> {
    for chunk in outcomes.chunks(CHUNK) {
        let mut rows = Vec::with_capacity(chunk.len());
        for outcome in chunk {
            let pair = outcome.pair();
            let lookup = store.lookup(&pair);
            let name = |part| store.row_name(part, run, &outcome.stream, &lookup);
            let sealed_key = store.seal(&name(KEY), &pair)?;
            let sealed = store.seal(&name(RECORD), outcome)?;
            rows.push(SealedOutcome { outcome, lookup, sealed_key, sealed });
        }
        let failed = |error: sqlx::Error| store.failed(&error);
        forget_earlier_names(store, connection, setting, run, chunk).await.map_err(failed)?;
        upsert(connection, setting, run, &rows).await.map_err(failed)?;
    }
    Ok(())
}

/// A pair without a source key gets one when its record is created in the source: an outcome of an earlier attempt is
/// then found under its target id, and would count twice.
async fn forget_earlier_names(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    run: &str,
    outcomes: &[Outcome],
) -> Result<(), sqlx::Error> {
    let renamed = outcomes.iter().filter(|outcome| outcome.source_key.is_some() && outcome.target_id.is_some());
    let earlier: Vec<Place> = renamed
        .map(|outcome| (outcome.stream.to_string(), store.lookup(&pair(None, outcome.target_id.as_ref()))))
        .collect();
    if earlier.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM outcomes WHERE setting = ");
    query.push_bind(setting).push(" AND run = ").push_bind(run).push(" AND (stream, lookup) IN ");
    push_places(&mut query, &earlier);
    query.build().execute(connection).await.map(|_| ())
}

async fn upsert(
    connection: &mut SqliteConnection,
    setting: i64,
    run: &str,
    rows: &[SealedOutcome<'_>],
) -> Result<(), sqlx::Error> {
    let mut query =
        QueryBuilder::<Sqlite>::new("INSERT INTO outcomes (setting, run, stream, lookup, result, sealed_key, sealed) ");
    query.push_values(rows, |mut values, row| {
        values
            .push_bind(setting)
            .push_bind(run)
            .push_bind(row.outcome.stream.as_str())
            .push_bind(&row.lookup)
            .push_bind(row.outcome.result.as_str())
            .push_bind(&row.sealed_key)
            .push_bind(&row.sealed);
    });
    query.push(
        " ON CONFLICT (setting, run, stream, lookup) DO UPDATE SET result = excluded.result,
          sealed_key = excluded.sealed_key, sealed = excluded.sealed",
    );
    query.build().execute(connection).await.map(|_| ())
}

/// One page of a run's outcomes, ordered by stream and pair.
pub(super) async fn page(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    run: &str,
    query: &OutcomeQuery,
) -> Result<Vec<Outcome>, StoreError> {
    let rows = sqlx::query("SELECT id, stream, lookup, result, sealed_key FROM outcomes WHERE setting = ? AND run = ?")
        .bind(setting)
        .bind(run)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| store.failed(&error))?;
    let ids = page_ids(store, run, &rows, query)?;
    let mut records = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        for row in sealed_records(connection, chunk).await.map_err(|error| store.failed(&error))? {
            let name = store.row_name(RECORD, run, row.get("stream"), row.get("lookup"));
            let outcome: Outcome = store.unseal(&name, row.get("sealed"))?;
            records.insert(row.get::<i64, _>("id"), outcome);
        }
    }
    Ok(ids.iter().filter_map(|id| records.remove(id)).collect())
}

/// Numbers of the rows on the wanted page, in order.
fn page_ids(store: &ScopedStore, run: &str, rows: &[SqliteRow], query: &OutcomeQuery) -> Result<Vec<i64>, StoreError> {
    let results: HashSet<_> = query.results.iter().map(|result| result.as_str()).collect();
    let lookups: HashSet<_> = query.source_keys.iter().map(|key| store.lookup(key)).collect();
    let mut found: Vec<(&str, String, i64)> = Vec::new();
    for row in rows {
        let (stream, lookup): (&str, &[u8]) = (row.get("stream"), row.get("lookup"));
        if !(results.is_empty() || results.contains(row.get::<&str, _>("result"))) {
            continue;
        }
        if !(lookups.is_empty() || lookups.contains(lookup)) {
            continue;
        }
        let key: String = store.unseal(&store.row_name(KEY, run, stream, lookup), row.get("sealed_key"))?;
        found.push((stream, key, row.get("id")));
    }
    found.sort_unstable();
    let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    Ok(found.into_iter().skip(offset).take(limit).map(|(_, _, id)| id).collect())
}

async fn sealed_records(connection: &mut SqliteConnection, ids: &[i64]) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT id, stream, lookup, sealed FROM outcomes WHERE id IN ");
    push_list(&mut query, ids);
    query.build().fetch_all(connection).await
}
