//! What the embedded store promises beyond [`Records`](crate::records::Records): files refused untouched, nothing
//! readable on disk, retention, rotation of keys.

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::*;
use crate::records::fixtures::{FixedClock, at, ended, intent, link, outcome, run, scope};
use crate::records::{Batch, OutcomeQuery, OutcomeResult, Records};

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
        dropped_links: Vec::new(),
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
    records.commit("r1", 1, &batch(&["a"])).await.unwrap();
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
    records.commit("r1", 1, &batch(&["a"])).await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1").execute(&store.inner.writer).await.unwrap();
    let many: Vec<_> = (0..2_000).map(|number| format!("key-{number}")).collect();
    let error =
        records.commit("r1", 1, &batch(&many.iter().map(String::as_str).collect::<Vec<_>>())).await.unwrap_err();
    assert!(matches!(&error, StoreError::Invalid(rule) if rule.contains("no space left")), "{error}");
    assert_eq!(records.links("people").await.unwrap(), [link("people", "a")]);
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
    records.announce("r1", 1, &[intent("people", CANARIES[2], "r1"), intent("people", "x", "r1")]).await.unwrap();
    let mut batch = batch(&[CANARIES[2]]);
    let outcome = &mut batch.outcomes[0];
    outcome.fields.expose_mut().0.insert("name".into(), CANARIES[0].into());
    outcome.fields.expose_mut().0.insert("email".into(), CANARIES[1].into());
    records.commit("r1", 1, &batch).await.unwrap();
    let stored = records.outcomes("r1", &page()).await.unwrap();
    assert_eq!(stored[0].fields.expose().0["name"], CANARIES[0]);

    let mut stream_found = false;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        stream_found |= bytes.windows(6).any(|window| window == b"people");
        for canary in CANARIES {
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
    assert!(matches!(store.scoped(scope()).links("managers").await, Err(StoreError::Invalid(_))));
}

#[tokio::test]
async fn everything_is_there_after_a_rotation_and_the_old_key_is_of_no_use() {
    let (_folder, path) = closed_store().await;
    let store = SqliteStore::open_with(&path, &[key(2), key(1)], FixedClock::new().clock()).await.unwrap();
    let records = store.scoped(scope());
    records.commit("r1", 1, &batch(&["a", "b"])).await.unwrap();
    assert_eq!(records.links("people").await.unwrap().len(), 2, "a's link was found and replaced");
    drop(records);
    store.close().await;
    assert!(open(&path, 1).await.is_err());
    let store = open(&path, 2).await.unwrap();
    assert_eq!(store.scoped(scope()).outcomes("r1", &page()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn retention_forgets_records_then_runs_but_never_links() {
    let store = SqliteStore::in_memory_with(FixedClock::new().clock()).await.unwrap();
    let records = store.scoped(scope());
    records.begin_run(&run("r1", 1)).await.unwrap();
    records.commit("r1", 1, &batch(&["a", "b"])).await.unwrap();
    records.end_run(&ended("r1", 1), None).await.unwrap();
    let day = 86_400;
    let retention = Retention::default();
    assert_eq!(store.prune(at(30 * day), retention).await.unwrap(), Pruned::default());
    assert_eq!(store.prune(at(30 * day + 1), retention).await.unwrap(), Pruned { outcomes: 2, runs: 0 });
    assert_eq!(records.runs(10).await.unwrap().len(), 1);
    assert_eq!(store.prune(at(400 * day + 1), retention).await.unwrap(), Pruned { outcomes: 0, runs: 1 });
    assert_eq!(records.links("people").await.unwrap().len(), 2);
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
    records.commit("r1", 1, &batch).await.unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "took {took:?}");
    let last = OutcomeQuery { offset: 1_000, limit: 1_000, ..OutcomeQuery::default() };
    assert_eq!(records.outcomes("r1", &last).await.unwrap()[999].source_key, "key-01999");
}
