//! Opening a file of the first edition. `tests/fixtures/released/records-0.1.db` was made by version 0.1.0 with the key
//! of 32 bytes of 1, for setting `people` (`uid-1`) of namespace `hr`:
//!
//! - run `r1` created `a` and `b`, of which `b` was disabled later, and left something held;
//! - run `r2` announced the creates of `c` and `d`, settled the one of `d` as failed, and never ended.

use std::path::{Path, PathBuf};

use super::{MasterKey, SqliteStore};
use crate::records::fixtures::{FixedClock, at, ended, link, run, scope, settled};
use crate::records::{Batch, OutcomeQuery, OutcomeResult, Records, Settled, StoreError};
use rollcall_api::v1alpha1::Held;
use rollcall_engine::model::{Fields, Link, Operation, WriteState};
use rollcall_engine::names::Side;

/// A copy of the released file, in a folder of its own.
fn released() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.db");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/released/records-0.1.db");
    std::fs::copy(file, &path).unwrap();
    (folder, path)
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open_with(path, &[MasterKey::from_bytes([1; 32])], FixedClock::new().clock()).await.unwrap()
}

/// A link as the first edition knew it.
fn first_edition_link(key: &str) -> Link {
    Link { witness: [].into(), ..link("people", key) }
}

#[tokio::test]
async fn links_holds_outcomes_and_history_of_the_first_edition_are_all_there() {
    let (_folder, path) = released();
    for _ in 0..2 {
        let store = open(&path).await;
        let records = store.scoped(scope());
        let disabled = Link { disabled_at: Some(at(5)), ..first_edition_link("b") };
        assert_eq!(records.links(&"people".into()).await.unwrap(), [first_edition_link("a"), disabled]);
        let setting = records.setting().await.unwrap();
        assert_eq!(setting.published_rules.as_deref(), Some("sha256:1"));
        assert_eq!(setting.held, Some(Held { digest: "sha256:2".into(), disable: 3, ..Held::default() }));
        assert_eq!((setting.agreement, setting.seen_manual), (None, false));
        assert!(!setting.key.expose().is_empty());
        let runs = records.runs(10).await.unwrap();
        assert_eq!((&runs[0].run_id, &runs[1]), (&"r2".into(), &ended("r1", 1)));
        let page = OutcomeQuery { limit: 10, ..OutcomeQuery::default() };
        let outcomes = records.outcomes(&"r1".into(), &page).await.unwrap();
        assert_eq!(outcomes.len(), 2);
        assert_eq!((&outcomes[1].source_key, &outcomes[1].target_id), (&Some("b".into()), &Some("target-b".into())));
        assert_eq!(outcomes[1].result, OutcomeResult::Created);
        assert_eq!(outcomes[1].fields.expose().get("name.familyName"), Some(&"Example".into()));
        assert_eq!(outcomes[1].before.expose(), &Fields::new());
        drop(records);
        store.close().await;
    }
}

#[tokio::test]
async fn a_create_that_the_first_edition_left_open_is_in_the_journal_and_can_be_settled() {
    let (_folder, path) = released();
    let store = open(&path).await;
    let records = store.scoped(scope());
    let open = records.open_writes().await.unwrap();
    let [(announced_by, write)] = open.as_slice() else { panic!("one write is open, not {}", open.len()) };
    assert_eq!((announced_by, &write.stream, &write.source_key), (&"r2".into(), &"people".into(), &Some("c".into())));
    assert_eq!((write.operation, write.at, write.state), (Operation::Create, Side::Target, WriteState::Announced));
    assert_eq!((write.at_time, write.before.expose()), (at(1), &Fields::new()));
    store.release_stale_locks().await.unwrap();
    records.begin_run(&run("r3", 1)).await.unwrap();
    let settled = Settled { run: Some("r2".into()), ..settled(write, WriteState::Failed) };
    let batch = Batch { settled: vec![settled], ..Batch::default() };
    records.commit(&"r3".into(), 1, &batch).await.unwrap();
    assert_eq!(records.open_writes().await.unwrap(), []);
}

#[tokio::test]
async fn a_link_of_the_first_edition_gives_way_to_another_one_to_the_same_record() {
    let (_folder, path) = released();
    let store = open(&path).await;
    store.release_stale_locks().await.unwrap();
    let records = store.scoped(scope());
    records.begin_run(&run("r3", 1)).await.unwrap();
    let new = Link { target_id: "target-a".into(), ..link("people", "z") };
    records.commit(&"r3".into(), 1, &Batch { links: vec![new.clone()], ..Batch::default() }).await.unwrap();
    assert_eq!(records.links(&"people".into()).await.unwrap()[1..], [new]);
}

#[tokio::test]
async fn a_file_of_the_first_edition_with_another_key_is_left_as_it_is() {
    let (_folder, path) = released();
    let before = std::fs::read(&path).unwrap();
    let opened =
        SqliteStore::open_with(&path, &[MasterKey::from_bytes([2; 32])], FixedClock::new().clock()).await.err();
    assert!(matches!(opened, Some(StoreError::Invalid(_))));
    assert!(std::fs::read(&path).unwrap() == before);
}
