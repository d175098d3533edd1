//! Claims to rows, and to values that identify rows, over all settings of a namespace. What is claimed is found by a hash
//! keyed with a key of the store, so that the same row has the same hash in every setting.
//!
//! A claim holds while there is a link to the row, or while the run that made it holds its setting's lock. One that does
//! not hold is taken by whoever claims next; nobody has to clear it away.
//!
//! A value whose record is there by now is free for whoever reads after that, and then finds the record. Runs that are at
//! work at that moment may have read before: for them the claim goes on. They stand in the column `run`, as a JSON list.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::journal::SettledPair;
use super::scoped::ScopedStore;
use super::sealing::{CHUNK, Place, push_list, push_places};
use crate::records::{Refused, StoreError};
use rollcall_engine::model::{Claim, Claimed};
use rollcall_engine::names::RowId;

/// That the claim `c` is to a row which a link of its pair has at one of its ends.
const IS_LINKED: &str = "EXISTS (SELECT 1 FROM links l WHERE l.setting = c.setting AND l.stream = c.stream
    AND l.lookup = c.pair AND c.row_lookup IN (l.target, l.lookup))";

/// That the claim `c` to a value is kept for runs that may have read before its record was there.
const IS_KEPT: &str = "c.row_lookup IS NULL AND json_valid(c.run)";

/// Runs of other settings of a setting's namespace that hold their lock, as a JSON list.
const OTHERS_AT_WORK: &str = "SELECT json_group_array(o.lock_run) FROM settings o, settings s
    WHERE s.id = ? AND o.id != s.id AND o.namespace = s.namespace AND o.lock_run IS NOT NULL AND o.lock_until > ?";

/// One claim to make.
struct HashedClaim {
    lookup: Vec<u8>,
    system: String,
    stream: String,
    pair: Vec<u8>,
    row_lookup: Option<Vec<u8>>,
}

/// Who holds a claim.
struct Holder {
    setting: i64,
    name: String,
    pair: Vec<u8>,
}

/// Makes claims for a run. Where somebody else holds one, it is refused, and nothing is claimed for its pair.
pub(super) async fn make(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    run: &str,
    claims: &[Claim],
) -> Result<Vec<Refused>, StoreError> {
    let failed = |error: sqlx::Error| store.failed(&error);
    let hashed: Vec<HashedClaim> = claims.iter().map(|claim| hashed(store, claim)).collect();
    let lookups: Vec<Vec<u8>> = hashed.iter().map(|claim| claim.lookup.clone()).collect();
    let mut holders = holders(store, connection, &lookups, run).await.map_err(failed)?;
    let (mut refused, mut refused_pairs) = (Vec::new(), HashSet::new());
    for (claim, hashed) in claims.iter().zip(&hashed) {
        let holder = holders.entry(hashed.lookup.clone()).or_insert_with(|| Holder {
            setting,
            name: store.scope.setting.clone(),
            pair: hashed.pair.clone(),
        });
        if holder.setting != setting || holder.pair != hashed.pair {
            refused.push(Refused { claim: claim.clone(), holder: holder.name.clone() });
            refused_pairs.insert((&hashed.stream, &hashed.pair));
        }
    }
    let made: Vec<_> = hashed.iter().filter(|claim| !refused_pairs.contains(&(&claim.stream, &claim.pair))).collect();
    for chunk in made.chunks(CHUNK) {
        upsert(connection, setting, run, chunk).await.map_err(failed)?;
    }
    Ok(refused)
}

/// Which of these rows another setting of the namespace has claimed, in the order given.
pub(super) async fn of_others(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    stream: &str,
    system: &str,
    rows: &[RowId],
) -> Result<Vec<RowId>, StoreError> {
    let failed = |error: sqlx::Error| store.failed(&error);
    let setting = super::settings::id(connection, &store.scope).await.map_err(failed)?;
    let lookups: Vec<_> = rows.iter().map(|row| lookup(store, stream, system, &["row", row])).collect();
    let holders = holders(store, connection, &lookups, "").await.map_err(failed)?;
    let is_others = |lookup: &Vec<u8>| holders.get(lookup).is_some_and(|holder| Some(holder.setting) != setting);
    Ok(rows.iter().zip(&lookups).filter(|(_, lookup)| is_others(lookup)).map(|(row, _)| row.clone()).collect())
}

/// Releases all claims of pairs.
pub(super) async fn release(
    connection: &mut SqliteConnection,
    setting: i64,
    pairs: &[Place],
) -> Result<(), sqlx::Error> {
    delete(connection, setting, pairs, "").await
}

/// Releases the claims of pairs to rows that their links do not have.
pub(super) async fn release_unlinked(
    connection: &mut SqliteConnection,
    setting: i64,
    pairs: &[Place],
) -> Result<(), sqlx::Error> {
    let condition = format!(" AND c.row_lookup IS NOT NULL AND NOT {IS_LINKED}");
    delete(connection, setting, pairs, &condition).await
}

/// Ends the claims to values of pairs whose writes the run has settled, but for runs of other settings that are at work
/// now. What else was claimed for a pair that was known by its target id goes over to the pair as it is known now.
pub(super) async fn settle(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    pairs: &[SettledPair],
) -> Result<(), sqlx::Error> {
    let own = pairs.iter().filter(|settled| settled.is_own);
    let places: Vec<Place> = own.map(|settled| (settled.stream.clone(), settled.pair.clone())).collect();
    let others: String = sqlx::query_scalar(OTHERS_AT_WORK)
        .bind(setting)
        .bind(store.now().as_millisecond())
        .fetch_one(&mut *connection)
        .await?;
    if others == "[]" {
        delete(connection, setting, &places, " AND c.row_lookup IS NULL").await?;
    } else {
        keep(connection, setting, &places, &others).await?;
    }
    for settled in pairs.iter().filter(|settled| settled.pair != settled.now) {
        sqlx::query("UPDATE claims SET pair = ? WHERE setting = ? AND stream = ? AND pair = ?")
            .bind(&settled.now)
            .bind(setting)
            .bind(&settled.stream)
            .bind(&settled.pair)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// When a run begins: clears away what earlier runs of the setting claimed and did not link, and releases what earlier
/// settings of the same name claimed, unless a run of theirs is at work.
pub(super) async fn clear(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    setting: i64,
    run: &str,
) -> Result<(), sqlx::Error> {
    let unlinked = format!(
        "DELETE FROM claims AS c WHERE c.setting = ?1 AND c.run != ?2 AND NOT {IS_LINKED} AND NOT ({IS_KEPT}
         AND EXISTS (SELECT 1 FROM json_each(c.run) k JOIN settings o ON o.lock_run = k.value AND o.lock_until > ?3))"
    );
    sqlx::query(sqlx::AssertSqlSafe(unlinked))
        .bind(setting)
        .bind(run)
        .bind(store.now().as_millisecond())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "DELETE FROM claims WHERE setting IN (SELECT id FROM settings WHERE namespace = ? AND setting = ? AND id < ?
         AND NOT (lock_run IS NOT NULL AND lock_until > ?))",
    )
    .bind(&store.scope.namespace)
    .bind(&store.scope.setting)
    .bind(setting)
    .bind(store.now().as_millisecond())
    .execute(connection)
    .await
    .map(|_| ())
}

fn hashed(store: &ScopedStore, claim: &Claim) -> HashedClaim {
    let (parts, row): (&[&str], _) = match &claim.what {
        Claimed::Row(row) => (&["row", row], Some(row)),
        Claimed::Value { field, value } => (&["value", field, value.expose()], None),
    };
    HashedClaim {
        lookup: lookup(store, &claim.stream, &claim.system, parts),
        system: claim.system.to_string(),
        stream: claim.stream.to_string(),
        pair: store.lookup(&claim.pair),
        row_lookup: row.map(|row| store.lookup(row)),
    }
}

fn lookup(store: &ScopedStore, stream: &str, system: &str, what: &[&str]) -> Vec<u8> {
    let start = ["claims", &store.scope.namespace, system, stream];
    let parts: Vec<&[u8]> = start.iter().chain(what).map(|part| part.as_bytes()).collect();
    store.sealer().keys.hash(&parts)
}

/// Those claims that hold against a run, with their holders.
async fn holders(
    store: &ScopedStore,
    connection: &mut SqliteConnection,
    lookups: &[Vec<u8>],
    run: &str,
) -> Result<HashMap<Vec<u8>, Holder>, sqlx::Error> {
    let mut holders = HashMap::new();
    for chunk in lookups.chunks(CHUNK) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT c.lookup, c.setting, c.pair, s.setting AS name FROM claims c JOIN settings s ON s.id = c.setting
             WHERE c.lookup IN ",
        );
        push_list(&mut query, chunk);
        query.push(" AND (").push(IS_LINKED).push(" OR (s.lock_run = c.run AND s.lock_until > ");
        query.push_bind(store.now().as_millisecond()).push(") OR (").push(IS_KEPT);
        query.push(" AND EXISTS (SELECT 1 FROM json_each(c.run) WHERE value = ").push_bind(run).push(")))");
        for row in query.build().fetch_all(&mut *connection).await? {
            let holder = Holder { setting: row.get("setting"), name: row.get("name"), pair: row.get("pair") };
            holders.insert(row.get("lookup"), holder);
        }
    }
    Ok(holders)
}

async fn upsert(
    connection: &mut SqliteConnection,
    setting: i64,
    run: &str,
    claims: &[&HashedClaim],
) -> Result<(), sqlx::Error> {
    let mut query =
        QueryBuilder::<Sqlite>::new("INSERT INTO claims (lookup, setting, system, stream, pair, row_lookup, run) ");
    query.push_values(claims, |mut values, claim| {
        values
            .push_bind(&claim.lookup)
            .push_bind(setting)
            .push_bind(&claim.system)
            .push_bind(&claim.stream)
            .push_bind(&claim.pair)
            .push_bind(&claim.row_lookup)
            .push_bind(run);
    });
    query.push(
        " ON CONFLICT (lookup) DO UPDATE SET setting = excluded.setting, pair = excluded.pair,
          row_lookup = excluded.row_lookup, run = excluded.run",
    );
    query.build().execute(connection).await.map(|_| ())
}

/// Keeps the claims of pairs to values for some runs.
async fn keep(connection: &mut SqliteConnection, setting: i64, pairs: &[Place], runs: &str) -> Result<(), sqlx::Error> {
    for chunk in pairs.chunks(CHUNK) {
        let mut query = QueryBuilder::<Sqlite>::new("UPDATE claims AS c SET run = ");
        query.push_bind(runs).push(" WHERE c.row_lookup IS NULL AND c.setting = ").push_bind(setting);
        query.push(" AND (c.stream, c.pair) IN ");
        push_places(&mut query, chunk);
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

async fn delete(
    connection: &mut SqliteConnection,
    setting: i64,
    pairs: &[Place],
    condition: &str,
) -> Result<(), sqlx::Error> {
    for chunk in pairs.chunks(CHUNK) {
        let mut query = QueryBuilder::<Sqlite>::new("DELETE FROM claims AS c WHERE c.setting = ");
        query.push_bind(setting).push(" AND (c.stream, c.pair) IN ");
        push_places(&mut query, chunk);
        query.push(condition);
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}
