//! What the embedded store promises beyond [`Records`](crate::records::Records): files refused untouched, nothing
//! readable on disk, retention, rotation of keys.

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::*;
use crate::records::fixtures::{
    FixedClock, at, ended, link, outcome, proposal, row_claim, run, scope, settled, value_claim, write,
};
use crate::records::{Batch, OutcomeQuery, OutcomeResult, Records, SettingRecord, StoreError};
use rollcall_engine::model::{Fields, Operation, Write, WriteState};
use rollcall_engine::redacted::Redacted;

const CANARIES: [&str; 3] = ["Canary-Person", "canary@example.com", "canary-key-4711"];

fn key(byte: u8) -> MasterKey {
    MasterKey::from_bytes([byte; 32])
}

async fn open(path: &Path, master: u8) -> Result<SqliteStore, StoreError> {
    SqliteStore::open_with(path, &[key(master)], FixedClock::new().clock()).await
}

fn batch(keys: &[&str]) -> Batch {
    Batch {
        outcomes: keys.iter().map(|key| outcome("people", key, OutcomeResult::Created)).collect(),
        links: keys.iter().map(|key| link("people", key)).collect(),
        ..Batch::default()
    }
}

fn page() -> OutcomeQuery {
    OutcomeQuery { limit: 1_000, ..OutcomeQuery::default() }
}

/// A closed store in a folder of its own, made with key 1.
async fn closed_store() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.db");
    let store = open(&path, 1).await.unwrap();
    let records = store.scoped(scope());
    records.begin_run(&run("r1", 1)).await.unwrap();
    records.commit(&"r1".into(), 1, &batch(&["a"])).await.unwrap();
    drop(records);
    store.close().await;
    (folder, path)
}

async fn execute(path: &Path, statement: &'static str) {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// Opening fails with a message that holds `rule`, and every file in the folder is as before.
async fn refused_untouched(path: &Path, master: u8, rule: &str) {
    let files = |folder: &Path| {
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|file| (std::fs::read(&file).unwrap(), file)).collect::<Vec<_>>()
    };
    let before = files(path.parent().unwrap());
    let message = open(path, master).await.err().unwrap().to_string();
    assert!(message.contains(rule) && message.contains("records.db"), "{message}");
    assert!(before == files(path.parent().unwrap()), "a file was changed");
}

#[tokio::test]
async fn a_newer_version_is_refused_untouched() {
    let (_folder, path) = closed_store().await;
    execute(&path, "PRAGMA user_version = 99").await;
    refused_untouched(&path, 1, "version 99").await;
}

#[tokio::test]
async fn another_key_is_refused_untouched() {
    let (_folder, path) = closed_store().await;
    refused_untouched(&path, 2, &key(1).id()).await;
}

#[tokio::test]
async fn a_file_that_is_no_database_or_another_programs_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.db");
    std::fs::write(&path, "name,salary\n").unwrap();
    refused_untouched(&path, 1, "is not a database").await;
    std::fs::remove_file(&path).unwrap();
    execute_new(&path).await;
    refused_untouched(&path, 1, "another program").await;
}

async fn execute_new(path: &Path) {
    let mut connection = SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql("CREATE TABLE notes (text TEXT)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let (_folder, path) = closed_store().await;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[16..].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(open(&path, 1).await.err(), Some(StoreError::Invalid(_))));
}

#[tokio::test]
async fn a_missing_folder_is_refused_with_the_path() {
    let message = open(Path::new("/nonexistent/records.db"), 1).await.err().unwrap().to_string();
    assert!(message.contains("/nonexistent/records.db"), "{message}");
}

#[tokio::test]
async fn a_second_process_is_refused_while_the_first_has_the_file_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.db");
    let held = lock_for_this_process(&path, Duration::ZERO).await.unwrap();
    let message = lock_for_this_process(&path, Duration::ZERO).await.err().unwrap().to_string();
    assert!(message.contains("another process"), "{message}");
    drop(held);
    lock_for_this_process(&path, Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_the_whole_commit_and_keeps_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("records.db"), 1).await.unwrap();
    let records = store.scoped(scope());
    records.begin_run(&run("r1", 1)).await.unwrap();
    records.commit(&"r1".into(), 1, &batch(&["a"])).await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1").execute(&store.inner.writer).await.unwrap();
    let many: Vec<_> = (0..2_000).map(|number| format!("key-{number}")).collect();
    let error = records
        .commit(&"r1".into(), 1, &batch(&many.iter().map(String::as_str).collect::<Vec<_>>()))
        .await
        .unwrap_err();
    assert!(matches!(&error, StoreError::Invalid(rule) if rule.contains("no space left")), "{error}");
    assert_eq!(records.links(&"people".into()).await.unwrap(), [link("people", "a")]);
}

#[tokio::test]
async fn a_read_only_database_says_so() {
    let (_folder, path) = closed_store().await;
    let store = open(&path, 1).await.unwrap();
    let error = sqlx::query("DELETE FROM links").execute(&store.inner.reader).await.unwrap_err();
    assert!(matches!(store.failed(&error), StoreError::Invalid(rule) if rule.contains("read-only")));
}

#[tokio::test]
async fn nothing_that_names_a_person_can_be_read_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("records.db"), 1).await.unwrap();
    let records = store.scoped(scope());
    records.begin_run(&run("r1", 1)).await.unwrap();
    let values: Fields =
        [("name".into(), CANARIES[0].into()), ("email".into(), CANARIES[1].into())].into_iter().collect();
    let secret = || Redacted::new(values.clone());
    let announced = Write { before: secret(), after: secret(), ..write(CANARIES[2], Operation::Update) };
    let claims = [row_claim(CANARIES[2], CANARIES[2]), value_claim(CANARIES[2], CANARIES[1])];
    records.announce(&"r1".into(), 1, std::slice::from_ref(&announced), &claims).await.unwrap();
    let mut batch = batch(&[CANARIES[2]]);
    (batch.outcomes[0].fields, batch.outcomes[0].before) = (secret(), secret());
    records.commit(&"r1".into(), 1, &batch).await.unwrap();
    let stored = records.outcomes(&"r1".into(), &page()).await.unwrap();
    assert_eq!(stored[0].before.expose().get("name"), Some(&CANARIES[0].into()));
    assert_eq!(records.writes(&"r1".into(), 0, 1).await.unwrap(), [announced]);
    let setting_key = records.setting().await.unwrap().key;

    let mut stream_found = false;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        stream_found |= bytes.windows(6).any(|window| window == b"people");
        for canary in CANARIES.into_iter().chain([setting_key.expose().as_str()]) {
            let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} can be read");
        }
    }
    assert!(stream_found, "what is not encrypted, the name of the stream, is found in the same way");
}

#[tokio::test]
async fn a_row_moved_to_another_record_is_not_opened() {
    let (_folder, path) = closed_store().await;
    execute(&path, "UPDATE links SET stream = 'managers'").await;
    let store = open(&path, 1).await.unwrap();
    assert!(matches!(store.scoped(scope()).links(&"managers".into()).await, Err(StoreError::Invalid(_))));
}

#[tokio::test]
async fn everything_is_there_after_a_rotation_and_the_old_key_is_of_no_use() {
    let (_folder, path) = closed_store().await;
    let store = SqliteStore::open_with(&path, &[key(2), key(1)], FixedClock::new().clock()).await.unwrap();
    let records = store.scoped(scope());
    records.commit(&"r1".into(), 1, &batch(&["a", "b"])).await.unwrap();
    assert_eq!(records.links(&"people".into()).await.unwrap().len(), 2, "a's link was found and replaced");
    drop(records);
    store.close().await;
    assert!(open(&path, 1).await.is_err());
    let store = open(&path, 2).await.unwrap();
    assert_eq!(store.scoped(scope()).outcomes(&"r1".into(), &page()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn retention_forgets_records_then_runs_but_never_links() {
    let store = SqliteStore::in_memory_with(FixedClock::new().clock()).await.unwrap();
    let records = store.scoped(scope());
    records.begin_run(&run("r1", 1)).await.unwrap();
    records.commit(&"r1".into(), 1, &batch(&["a", "b"])).await.unwrap();
    records.end_run(&ended("r1", 1), None).await.unwrap();
    let day = 86_400;
    let retention = Retention::default();
    assert_eq!(store.prune(at(30 * day), retention).await.unwrap(), Pruned::default());
    assert_eq!(store.prune(at(30 * day + 1), retention).await.unwrap(), Pruned { outcomes: 2, ..Pruned::default() });
    assert_eq!(records.runs(10).await.unwrap().len(), 1);
    assert_eq!(store.prune(at(400 * day + 1), retention).await.unwrap(), Pruned { runs: 1, ..Pruned::default() });
    assert_eq!(records.links(&"people".into()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn retention_forgets_settled_writes_and_ended_proposals_but_never_what_is_open() {
    let clock = FixedClock::new();
    let store = SqliteStore::in_memory_with(clock.clock()).await.unwrap();
    let records = store.scoped(scope());
    records.begin_run(&run("r1", 1)).await.unwrap();
    let writes = ["a", "b"].map(|key| write(key, Operation::Disable));
    records.announce(&"r1".into(), 1, &writes, &[]).await.unwrap();
    let settled = vec![settled(&writes[0], WriteState::Done)];
    records.commit(&"r1".into(), 1, &Batch { settled, ..Batch::default() }).await.unwrap();
    for digest in ["replaced", "used", "waiting"] {
        records.propose(&"r1".into(), 1, &proposal(digest)).await.unwrap();
        if digest == "used" {
            records.use_proposal(&"r1".into(), 1, digest).await.unwrap();
        }
    }
    let (day, week) = (86_400, Retention { record_days: 7, ..Retention::default() });
    let removals = async || {
        let effects = records.effects(&writes[0].stream, &writes[0].system, at(0)).await;
        effects.unwrap().own.removals
    };
    assert_eq!(store.prune(at(7 * day), week).await.unwrap(), Pruned::default());
    let ended = Pruned { proposals: 2, ..Pruned::default() };
    assert_eq!(store.prune(at(7 * day + 3), week).await.unwrap(), ended);
    assert_eq!(
        records.writes(&"r1".into(), 0, 9).await.unwrap(),
        writes[1..],
        "the values of what is settled go first"
    );
    assert_eq!(removals().await, 2, "the guard still counts it");
    let counted = Pruned { writes: 1, ..Pruned::default() };
    assert_eq!(store.prune(at(30 * day + 3), week).await.unwrap(), counted);
    assert_eq!(removals().await, 1);
    store.prune(at(4_000 * day), week).await.unwrap();
    assert_eq!(records.open_writes().await.unwrap().len(), 1);
    assert!(records.proposal("waiting").await.unwrap().is_some());
}

#[tokio::test]
async fn a_killed_local_run_does_not_hold_up_the_next_one_and_its_claims_are_free() {
    let (_folder, path) = closed_store().await;
    let store = open(&path, 1).await.unwrap();
    let records = store.scoped(scope());
    records.announce(&"r1".into(), 1, &[], &[value_claim("x", "one@example.com")]).await.unwrap();
    assert!(matches!(records.begin_run(&run("r2", 1)).await, Err(StoreError::Busy { .. })));
    store.release_stale_locks().await.unwrap();
    let other = store.scoped(Scope { setting: "staff".into(), setting_uid: "uid-3".into(), ..scope() });
    other.begin_run(&run("r1", 1)).await.unwrap();
    let refused = other.announce(&"r1".into(), 1, &[], &[value_claim("y", "one@example.com")]).await;
    assert_eq!(refused.unwrap(), []);
    records.begin_run(&run("r2", 1)).await.unwrap();
}

#[tokio::test]
async fn a_reader_gets_no_key_and_leaves_no_trace() {
    let store = SqliteStore::in_memory_with(FixedClock::new().clock()).await.unwrap();
    let records = store.scoped(scope());
    assert_eq!(records.setting_without_key().await.unwrap(), SettingRecord::default());
    let count = "SELECT count(*) FROM settings";
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&store.inner.reader).await.unwrap(), 0);
    assert!(!records.setting().await.unwrap().key.expose().is_empty());
    assert!(records.setting_without_key().await.unwrap().key.expose().is_empty());
}

#[tokio::test]
async fn three_thousand_writes_with_claims_are_announced_settled_and_counted_in_little_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("records.db"), 1).await.unwrap();
    let records = store.scoped(scope());
    records.begin_run(&run("r1", 1)).await.unwrap();
    let keys: Vec<_> = (0..3_000).map(|number| format!("key-{number:05}")).collect();
    let writes: Vec<_> = keys.iter().map(|key| write(key, Operation::Update)).collect();
    let claims: Vec<_> = keys.iter().map(|key| row_claim(key, &format!("target-{key}"))).collect();
    let started = std::time::Instant::now();
    assert_eq!(records.announce(&"r1".into(), 1, &writes, &claims).await.unwrap(), []);
    let mut all = batch(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    all.settled = writes.iter().map(|write| settled(write, WriteState::Done)).collect();
    all.claims = claims;
    assert_eq!(records.commit(&"r1".into(), 1, &all).await.unwrap(), []);
    let effects = records.effects(&writes[0].stream, &writes[0].system, at(0)).await.unwrap();
    let rows: Vec<_> = keys.iter().map(|key| key.as_str().into()).collect();
    assert!(records.claimed_by_others(&writes[0].stream, &writes[0].system, &rows).await.unwrap().is_empty());
    let took = started.elapsed();
    assert_eq!(effects.own.changes["name.familyName"], 3_000);
    assert!(took < Duration::from_secs(10), "took {took:?}");
}

#[tokio::test]
async fn two_thousand_outcomes_are_stored_in_less_than_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("records.db"), 1).await.unwrap();
    let records = store.scoped(scope());
    records.begin_run(&run("r1", 1)).await.unwrap();
    let many: Vec<_> = (0..2_000).map(|number| format!("key-{number:05}")).collect();
    let batch = batch(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let started = std::time::Instant::now();
    records.commit(&"r1".into(), 1, &batch).await.unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "took {took:?}");
    let last = OutcomeQuery { offset: 1_000, limit: 1_000, ..OutcomeQuery::default() };
    assert_eq!(records.outcomes(&"r1".into(), &last).await.unwrap()[999].source_key, Some("key-01999".into()));
}
