//! Counting of effects. A record counts once for each kind of effect, however often it was written to: a limit is a share
//! of records.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::records::Scope;
use rollcall_engine::model::{EffectCounts, Effects};

/// Writes that had or may have had an effect which nobody approved.
macro_rules! counted {
    ($select:literal, $from:literal, $group:literal) => {
        concat!(
            "SELECT s.uid = ?4 AND s.setting = ?3 AS own, ",
            $select,
            " FROM writes w JOIN settings s ON s.id = w.setting",
            $from,
            " WHERE w.system = ?1 AND w.stream = ?2 AND s.namespace = ?5 AND w.at >= ?6 AND NOT w.approved
             AND w.state IN ('Announced', 'Done', 'Unknown') GROUP BY own, ",
            $group
        )
    };
}

/// What was done to one stream of a system since then, by this setting and by others of its namespace.
pub(super) async fn count(
    connection: &mut SqliteConnection,
    scope: &Scope,
    stream: &str,
    system: &str,
    since: Timestamp,
) -> Result<Effects, sqlx::Error> {
    let kinds = counted!(
        "CASE w.operation WHEN 'Disable' THEN 'Delete' ELSE w.operation END AS kind, count(DISTINCT w.pair) AS number",
        "",
        "kind"
    );
    let changes = counted!("f.value AS field, count(DISTINCT w.pair) AS number", ", json_each(w.changed) f", "field");
    let mut effects = Effects::default();
    for row in rows(connection, kinds, scope, stream, system, since).await? {
        let (counts, number) = (side(&mut effects, &row), row.get("number"));
        match row.get("kind") {
            "Create" => counts.creates = number,
            "Delete" => counts.removals = number,
            "Enable" => counts.enables = number,
            _ => {}
        }
    }
    for row in rows(connection, changes, scope, stream, system, since).await? {
        let (counts, number) = (side(&mut effects, &row), row.get("number"));
        counts.changes.insert(row.get::<&str, _>("field").into(), number);
    }
    effects.others_active = others_active(connection, scope, stream, system).await?;
    Ok(effects)
}

fn side<'a>(effects: &'a mut Effects, row: &SqliteRow) -> &'a mut EffectCounts {
    if row.get("own") { &mut effects.own } else { &mut effects.others }
}

async fn rows(
    connection: &mut SqliteConnection,
    statement: &'static str,
    scope: &Scope,
    stream: &str,
    system: &str,
    since: Timestamp,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    sqlx::query(statement)
        .bind(system)
        .bind(stream)
        .bind(&scope.setting)
        .bind(&scope.setting_uid)
        .bind(&scope.namespace)
        .bind(since.as_millisecond())
        .fetch_all(connection)
        .await
}

/// Links of other settings to rows of the stream that they have claimed, without those whose record is disabled.
async fn others_active(
    connection: &mut SqliteConnection,
    scope: &Scope,
    stream: &str,
    system: &str,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(DISTINCT l.rowid) FROM claims c JOIN settings s ON s.id = c.setting
         JOIN links l ON l.setting = c.setting AND l.stream = c.stream AND l.lookup = c.pair
         WHERE c.stream = ? AND c.system = ? AND s.namespace = ? AND NOT (s.setting = ? AND s.uid = ?)
         AND c.row_lookup IN (l.target, l.lookup) AND l.disabled IS NULL",
    )
    .bind(stream)
    .bind(system)
    .bind(&scope.namespace)
    .bind(&scope.setting)
    .bind(&scope.setting_uid)
    .fetch_one(connection)
    .await
}
