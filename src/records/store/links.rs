//! Links. Both ends are found by keyed hashes; of the rest, only when a record was disabled can be read, because active
//! records are counted. That a target record has one link is seen to here and not by a constraint: files of the first
//! edition may hold several.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::scoped::ScopedStore;
use super::sealing::{CHUNK, Place, Sealer, push_places};
use crate::records::StoreError;
use rollcall_engine::model::Link;
use rollcall_engine::names::{SourceKey, StreamName};

const TABLE: &str = "links";

/// One link to store.
pub(super) struct SealedLink {
    stream: String,
    lookup: Vec<u8>,
    target: Vec<u8>,
    disabled: Option<i64>,
    sealed: Vec<u8>,
}

impl SealedLink {
    /// Hashes and seals a link.
    pub(super) fn new(sealer: Sealer<'_>, link: &Link) -> Result<Self, StoreError> {
        let lookup = sealer.lookup(&link.source_key);
        Ok(Self {
            stream: link.stream.to_string(),
            target: sealer.lookup(&link.target_id),
            disabled: link.disabled_at.map(Timestamp::as_millisecond),
            sealed: sealer.seal(&sealer.row_name(TABLE, "", &link.stream, &lookup), link)?,
            lookup,
        })
    }
}

/// All links of a stream, ordered by source key.
pub(super) async fn all(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    stream: &str,
) -> Result<Vec<Link>, StoreError> {
    let rows = sqlx::query("SELECT stream, lookup, sealed FROM links WHERE setting = ? AND stream = ?")
        .bind(setting)
        .bind(stream)
        .fetch_all(connection)
        .await
        .map_err(|error| store.failed(&error))?;
    let mut links = rows.iter().map(|row| opened(store.sealer(), row)).collect::<Result<Vec<_>, _>>()?;
    links.sort_by(|one, other| one.source_key.cmp(&other.source_key));
    Ok(links)
}

/// Opens a row with the columns `stream`, `lookup` and `sealed`.
pub(super) fn opened(sealer: Sealer<'_>, row: &SqliteRow) -> Result<Link, StoreError> {
    sealer.unseal(&sealer.row_name(TABLE, "", row.get("stream"), row.get("lookup")), row.get("sealed"))
}

/// Stores links in their order, each replacing those with the same end on either side. Returns the pairs whose links
/// are not what they were.
pub(super) async fn store(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    links: &[&Link],
) -> Result<Vec<Place>, StoreError> {
    let mut touched = Vec::new();
    for chunk in links.chunks(CHUNK) {
        let rows = chunk.iter().map(|link| SealedLink::new(store.sealer(), link)).collect::<Result<Vec<_>, _>>()?;
        let failed = |error: sqlx::Error| store.failed(&error);
        let sources: Vec<_> = rows.iter().map(|row| (row.stream.clone(), row.lookup.clone())).collect();
        let targets: Vec<_> = rows.iter().map(|row| (row.stream.clone(), row.target.clone())).collect();
        touched.extend(delete(connection, setting, "lookup", &sources).await.map_err(failed)?);
        touched.extend(delete(connection, setting, "target", &targets).await.map_err(failed)?);
        insert(connection, setting, &last_of_each_end(rows)).await.map_err(failed)?;
        touched.extend(sources);
    }
    Ok(touched)
}

/// Removes links by stream and source key; those that do not exist are passed over. Returns the pairs.
pub(super) async fn drop(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    dropped: &[(StreamName, SourceKey)],
) -> Result<Vec<Place>, StoreError> {
    let pairs: Vec<_> = dropped.iter().map(|(stream, key)| (stream.to_string(), store.lookup(key))).collect();
    for chunk in pairs.chunks(CHUNK) {
        delete(connection, setting, "lookup", chunk).await.map_err(|error| store.failed(&error))?;
    }
    Ok(pairs)
}

/// Of links that share an end within one batch the last one counts.
fn last_of_each_end(rows: Vec<SealedLink>) -> Vec<SealedLink> {
    let (mut sources, mut targets) = (HashSet::new(), HashSet::new());
    let mut last = Vec::with_capacity(rows.len());
    for row in rows.into_iter().rev() {
        let is_new_source = sources.insert((row.stream.clone(), row.lookup.clone()));
        let is_new_target = targets.insert((row.stream.clone(), row.target.clone()));
        if is_new_source && is_new_target {
            last.push(row);
        }
    }
    last
}

async fn delete(
    connection: &mut SqliteConnection,
    setting: i64,
    end: &'static str,
    places: &[Place],
) -> Result<Vec<Place>, sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM links WHERE setting = ");
    query.push_bind(setting).push(" AND (stream, ").push(end).push(") IN ");
    push_places(&mut query, places);
    query.push(" RETURNING stream, lookup");
    let rows = query.build().fetch_all(connection).await?;
    Ok(rows.iter().map(|row| (row.get("stream"), row.get("lookup"))).collect())
}

/// Stores links in place of those of the same pairs.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    setting: i64,
    rows: &[SealedLink],
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT OR REPLACE INTO links (setting, stream, lookup, target, disabled, sealed) ",
    );
    query.push_values(rows, |mut values, row| {
        values
            .push_bind(setting)
            .push_bind(&row.stream)
            .push_bind(&row.lookup)
            .push_bind(&row.target)
            .push_bind(row.disabled)
            .push_bind(&row.sealed);
    });
    query.build().execute(connection).await.map(|_| ())
}
