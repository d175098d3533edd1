//! The journal: every write, from its announcement on. Readable are the columns that guards count by; everything else is
//! sealed. Of a row that is only kept to be counted, the sealed part is gone.

use std::collections::HashMap;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::runs::to_json;
use super::scoped::ScopedStore;
use super::sealing::{CHUNK, Place, Sealer, push_places};
use crate::records::{Batch, Settled, StoreError, pair};
use rollcall_engine::model::{Operation, Write, WriteState};
use rollcall_engine::names::RunId;

const TABLE: &str = "writes";

/// One write to store.
pub(super) struct SealedWrite {
    run: String,
    lookup: Vec<u8>,
    stream: String,
    system: String,
    pair: Vec<u8>,
    operation: &'static str,
    state: &'static str,
    approved: bool,
    at: i64,
    changed: String,
    sealed: Vec<u8>,
}

impl SealedWrite {
    /// Hashes and seals a write of a run.
    pub(super) fn new(sealer: Sealer<'_>, run: &str, write: &Write, state: WriteState) -> Result<Self, StoreError> {
        let lookup = sealer.lookup(&write.id);
        Ok(Self {
            run: run.to_owned(),
            stream: write.stream.to_string(),
            system: write.system.to_string(),
            pair: sealer.lookup(&pair_of(write)),
            operation: operation_word(write.operation),
            state: state_word(state),
            approved: write.approved,
            at: write.at_time.as_millisecond(),
            changed: to_json(&write.changed)
                .map_err(|_| StoreError::Invalid("names of fields cannot be written as JSON".into()))?,
            sealed: sealer.seal(&sealer.row_name(TABLE, run, &write.stream, &lookup), write)?,
            lookup,
        })
    }
}

/// A pair whose write is settled.
pub(super) struct SettledPair {
    pub(super) stream: String,
    /// As it was known when the write was announced.
    pub(super) pair: Vec<u8>,
    /// As it is known now.
    pub(super) now: Vec<u8>,
    /// The run that settles the write has announced it.
    pub(super) is_own: bool,
}

/// Stores announced writes of a run, replacing earlier announcements of the same writes unless they took effect.
pub(super) async fn announce(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    run: &str,
    writes: &[&Write],
) -> Result<(), StoreError> {
    for chunk in writes.chunks(CHUNK) {
        let failed = |error: sqlx::Error| store.failed(&error);
        let places: Vec<Place> = chunk.iter().map(|write| (run.to_owned(), store.lookup(&write.id))).collect();
        let stored = stored(connection, setting, &places).await.map_err(failed)?;
        let mut rows = Vec::with_capacity(chunk.len());
        for (write, (_, lookup)) in chunk.iter().zip(&places) {
            let took_effect = [WriteState::Done, WriteState::Undone].map(state_word);
            let is_kept = stored.iter().any(|row| {
                row.get::<&[u8], _>("lookup") == lookup && took_effect.contains(&row.get::<&str, _>("state"))
            });
            if !is_kept {
                rows.push(SealedWrite::new(store.sealer(), run, write, WriteState::Announced)?);
            }
        }
        upsert(connection, setting, &rows).await.map_err(failed)?;
    }
    Ok(())
}

/// Notes what came of writes of this run and of earlier ones. Those that were never announced are passed over.
pub(super) async fn settle(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    run: &RunId,
    batch: &Batch,
) -> Result<Vec<SettledPair>, StoreError> {
    let taken_back = batch.undone.iter().map(|(run, id)| Settled {
        run: Some(run.clone()),
        id: id.clone(),
        state: WriteState::Undone,
        target_id: None,
        source_key: None,
    });
    let settled: Vec<Settled> = batch.settled.iter().cloned().chain(taken_back).collect();
    let mut pairs = Vec::with_capacity(settled.len());
    for chunk in settled.chunks(CHUNK) {
        let by_place: HashMap<Place, &Settled> = chunk
            .iter()
            .map(|settled| {
                let run = settled.run.as_ref().unwrap_or(run);
                ((run.to_string(), store.lookup(&settled.id)), settled)
            })
            .collect();
        let places: Vec<Place> = by_place.keys().cloned().collect();
        let failed = |error: sqlx::Error| store.failed(&error);
        let mut rows = Vec::with_capacity(chunk.len());
        for row in stored(connection, setting, &places).await.map_err(failed)? {
            let place = (row.get("run"), row.get("lookup"));
            let (Some(settled), Some(write)) = (by_place.get(&place), opened(store, &row)?) else { continue };
            let new = SealedWrite::new(store.sealer(), &place.0, &with_end(write, settled), settled.state)?;
            pairs.push(SettledPair {
                stream: new.stream.clone(),
                pair: row.get("pair"),
                now: new.pair.clone(),
                is_own: *place.0 == **run,
            });
            rows.push(new);
        }
        upsert(connection, setting, &rows).await.map_err(failed)?;
    }
    Ok(pairs)
}

/// Writes that were announced and never settled, with their runs.
pub(super) async fn open(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
) -> Result<Vec<(RunId, Write)>, StoreError> {
    let rows = sqlx::query(
        "SELECT run, stream, lookup, state, sealed FROM writes WHERE setting = ? AND state = 'Announced' ORDER BY id",
    )
    .bind(setting)
    .fetch_all(connection)
    .await
    .map_err(|error| store.failed(&error))?;
    let writes = rows.iter().map(|row| Ok(opened(store, row)?.map(|write| (row.get::<&str, _>("run").into(), write))));
    writes.filter_map(Result::transpose).collect()
}

/// One page of a run's journal, in the order of announcement.
pub(super) async fn page(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    run: &str,
    (offset, limit): (u64, u64),
) -> Result<Vec<Write>, StoreError> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let rows = sqlx::query(
        "SELECT run, stream, lookup, state, sealed FROM writes
         WHERE setting = ? AND run = ? AND sealed IS NOT NULL ORDER BY id LIMIT ? OFFSET ?",
    )
    .bind(setting)
    .bind(run)
    .bind(number(limit))
    .bind(number(offset))
    .fetch_all(connection)
    .await
    .map_err(|error| store.failed(&error))?;
    rows.iter().filter_map(|row| opened(store, row).transpose()).collect()
}

/// How the pair of a write is known.
pub(super) fn pair_of(write: &Write) -> String {
    pair(write.source_key.as_ref(), write.target_id.as_ref())
}

fn with_end(mut write: Write, settled: &Settled) -> Write {
    write.state = settled.state;
    write.target_id = settled.target_id.clone().or(write.target_id);
    write.source_key = settled.source_key.clone().or(write.source_key);
    write
}

/// The rows of these writes, each named by its run and its own hash.
async fn stored(
    connection: &mut SqliteConnection,
    setting: i64,
    places: &[Place],
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let start = "SELECT run, lookup, stream, pair, state, sealed FROM writes WHERE setting = ";
    let mut query = QueryBuilder::<Sqlite>::new(start);
    query.push_bind(setting).push(" AND (run, lookup) IN ");
    push_places(&mut query, places);
    query.build().fetch_all(connection).await
}

/// Opens a row; None: it is only kept to be counted. What the row says about its state is what counts.
fn opened(store: &ScopedStore, row: &SqliteRow) -> Result<Option<Write>, StoreError> {
    let Some(sealed) = row.get::<Option<&[u8]>, _>("sealed") else { return Ok(None) };
    let name = store.row_name(TABLE, row.get("run"), row.get("stream"), row.get("lookup"));
    let mut write: Write = store.unseal(&name, sealed)?;
    write.state = state_of(row.get("state")).ok_or_else(|| {
        StoreError::Invalid("the database holds a write in a state that this version does not know".into())
    })?;
    Ok(Some(write))
}

/// Stores writes, replacing what was stored of them. Their place in the order stays.
pub(super) async fn upsert(
    connection: &mut SqliteConnection,
    setting: i64,
    rows: &[SealedWrite],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO writes (setting, run, lookup, stream, system, pair, operation, state, approved, at, changed, sealed) ",
    );
    query.push_values(rows, |mut values, row| {
        values
            .push_bind(setting)
            .push_bind(&row.run)
            .push_bind(&row.lookup)
            .push_bind(&row.stream)
            .push_bind(&row.system)
            .push_bind(&row.pair)
            .push_bind(row.operation)
            .push_bind(row.state)
            .push_bind(row.approved)
            .push_bind(row.at)
            .push_bind(&row.changed)
            .push_bind(&row.sealed);
    });
    query.push(
        " ON CONFLICT (setting, run, lookup) DO UPDATE SET stream = excluded.stream, system = excluded.system,
          pair = excluded.pair, operation = excluded.operation, state = excluded.state, approved = excluded.approved,
          at = excluded.at, changed = excluded.changed, sealed = excluded.sealed",
    );
    query.build().execute(connection).await.map(|_| ())
}

/// The word under which a state is stored.
pub(super) const fn state_word(state: WriteState) -> &'static str {
    match state {
        WriteState::Announced => "Announced",
        WriteState::Done => "Done",
        WriteState::Unknown => "Unknown",
        WriteState::Failed => "Failed",
        WriteState::Undone => "Undone",
    }
}

fn state_of(word: &str) -> Option<WriteState> {
    use WriteState::{Announced, Done, Failed, Undone, Unknown};
    [Announced, Done, Unknown, Failed, Undone].into_iter().find(|state| state_word(*state) == word)
}

/// The word under which an operation is stored.
pub(super) const fn operation_word(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "Create",
        Operation::Update => "Update",
        Operation::Enable => "Enable",
        Operation::Disable => "Disable",
        Operation::Delete => "Delete",
    }
}
