//! What [`Records`] promises, told once and checked against every implementation: the embedded store, and the client of
//! a service in the same process.

use super::fixtures::{FixedClock, at, ended, intent, link, outcome, run, scope};
use super::service::testing::TestService;
use super::store::SqliteStore;
use super::{Batch, LOCK_SECONDS, OutcomeQuery, OutcomeResult, Records, Scope, SettingRecord, StoreError};
use rollcall_api::v1alpha1::Held;
use rollcall_engine::model::Provenance;

/// One implementation with the clock of its store.
struct Subject {
    name: &'static str,
    clock: FixedClock,
    records: Box<dyn Records>,
    other_setting: Box<dyn Records>,
    _service: Option<TestService>,
}

async fn subjects() -> [Subject; 2] {
    let other = Scope { setting_uid: "uid-2".into(), ..scope() };
    let clock = FixedClock::new();
    let store = SqliteStore::in_memory_with(clock.clock()).await.unwrap();
    let embedded = Subject {
        name: "embedded",
        clock,
        records: Box::new(store.scoped(scope())),
        other_setting: Box::new(store.scoped(other.clone())),
        _service: None,
    };
    let service = TestService::start().await;
    let remote = Subject {
        name: "remote",
        clock: service.clock.clone(),
        records: Box::new(service.client(service.pod_token("pod-a"), scope())),
        other_setting: Box::new(service.client(service.pod_token("pod-other"), other)),
        _service: Some(service),
    };
    [embedded, remote]
}

fn batch(keys: &[&str]) -> Batch {
    Batch {
        outcomes: keys.iter().map(|key| outcome("people", key, OutcomeResult::Created)).collect(),
        links: keys.iter().map(|key| link("people", key)).collect(),
        dropped_links: Vec::new(),
    }
}

fn page(offset: u64, limit: u64) -> OutcomeQuery {
    OutcomeQuery { offset, limit, ..OutcomeQuery::default() }
}

fn keys(outcomes: &[super::Outcome]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome.source_key.as_str()).collect()
}

#[tokio::test]
async fn an_unknown_setting_has_no_records() {
    for subject in subjects().await {
        let records = &subject.records;
        assert_eq!(records.setting().await.unwrap(), SettingRecord::default(), "{}", subject.name);
        assert!(records.links("people").await.unwrap().is_empty());
        assert!(records.open_intents().await.unwrap().is_empty());
        assert!(records.runs(10).await.unwrap().is_empty());
        assert!(records.outcomes("r1", &page(0, 10)).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_a_run_stores_is_read_back_as_it_was() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let mut stored = batch(&["b", "a"]);
        stored.links[0].disabled_at = Some(at(5));
        records.commit("r1", 1, &stored).await.unwrap();
        let setting = SettingRecord {
            published_rules: Some("sha256:1".into()),
            held: Some(Held { digest: "sha256:2".into(), disable: 3, ..Held::default() }),
        };
        records.end_run(&ended("r1", 1), Some(&setting)).await.unwrap();

        assert_eq!(records.setting().await.unwrap(), setting, "{}", subject.name);
        assert_eq!(records.runs(10).await.unwrap(), [ended("r1", 1)]);
        assert_eq!(records.links("people").await.unwrap(), [stored.links[1].clone(), stored.links[0].clone()]);
        let outcomes = records.outcomes("r1", &page(0, 10)).await.unwrap();
        assert_eq!(outcomes, [stored.outcomes[1].clone(), stored.outcomes[0].clone()]);
    }
}

#[tokio::test]
async fn the_same_batch_twice_leaves_the_same_state() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        for _ in 0..2 {
            records.begin_run(&run("r1", 1)).await.unwrap();
            records.commit("r1", 1, &batch(&["a", "b"])).await.unwrap();
        }
        assert_eq!(keys(&records.outcomes("r1", &page(0, 10)).await.unwrap()), ["a", "b"], "{}", subject.name);
        assert_eq!(records.links("people").await.unwrap().len(), 2);
        for _ in 0..2 {
            records.end_run(&ended("r1", 1), None).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_later_outcome_and_link_replace_earlier_ones_and_dropped_links_are_gone() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        records.commit("r1", 1, &batch(&["a", "b"])).await.unwrap();
        let mut second = batch(&["a"]);
        second.outcomes[0].result = OutcomeResult::Failed;
        second.links[0].provenance = Provenance::Manual;
        second.dropped_links = vec![("people".into(), "b".into()), ("people".into(), "never-was".into())];
        records.commit("r1", 1, &second).await.unwrap();
        assert_eq!(records.links("people").await.unwrap(), second.links, "{}", subject.name);
        let outcomes = records.outcomes("r1", &page(0, 10)).await.unwrap();
        assert_eq!(outcomes[0].result, OutcomeResult::Failed);
        assert_eq!(keys(&outcomes), ["a", "b"]);
    }
}

#[tokio::test]
async fn another_run_is_told_who_is_at_work_until_the_lock_expires() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let busy = StoreError::Busy { job: "job-r1".into(), until: at(LOCK_SECONDS) };
        assert_eq!(records.begin_run(&run("r2", 1)).await, Err(busy), "{}", subject.name);
        subject.clock.advance(LOCK_SECONDS - 1);
        records.renew("r1", 1).await.unwrap();
        subject.clock.advance(LOCK_SECONDS - 1);
        assert!(matches!(records.begin_run(&run("r2", 1)).await, Err(StoreError::Busy { .. })));
        subject.clock.advance(1);
        records.begin_run(&run("r2", 1)).await.unwrap();
        assert_eq!(records.renew("r1", 1).await, Err(StoreError::LockLost));
        assert_eq!(records.commit("r1", 1, &batch(&["a"])).await, Err(StoreError::LockLost));
        assert_eq!(records.announce("r1", 1, &[intent("people", "a", "r1")]).await, Err(StoreError::LockLost));
        assert_eq!(records.end_run(&ended("r1", 1), None).await, Err(StoreError::LockLost));
        assert!(records.links("people").await.unwrap().is_empty(), "a run without the lock changes nothing");
    }
}

#[tokio::test]
async fn a_later_attempt_takes_over_and_the_earlier_one_must_stop() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let mut second = run("r1", 2);
        second.started_at = at(30);
        records.begin_run(&second).await.unwrap();
        assert_eq!(records.commit("r1", 1, &batch(&["a"])).await, Err(StoreError::LockLost), "{}", subject.name);
        assert_eq!(records.begin_run(&run("r1", 1)).await, Err(StoreError::LockLost));
        records.commit("r1", 2, &batch(&["a"])).await.unwrap();
        let runs = records.runs(10).await.unwrap();
        assert_eq!((runs[0].attempt, runs[0].started_at), (2, at(0)), "the run began with its first attempt");
    }
}

#[tokio::test]
async fn an_ended_run_frees_the_lock_for_the_next_one() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        records.end_run(&ended("r1", 1), None).await.unwrap();
        records.begin_run(&run("r2", 1)).await.unwrap();
        assert_eq!(records.commit("r1", 1, &batch(&["a"])).await, Err(StoreError::LockLost), "{}", subject.name);
    }
}

#[tokio::test]
async fn a_crash_between_announcing_and_committing_leaves_the_open_intents() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let announced = ["c", "a", "b"].map(|key| intent("people", key, "r1"));
        records.announce("r1", 1, &announced).await.unwrap();
        records.commit("r1", 1, &batch(&["b"])).await.unwrap();
        records.begin_run(&run("r1", 2)).await.unwrap();
        let open = [announced[1].clone(), announced[0].clone()];
        assert_eq!(records.open_intents().await.unwrap(), open, "{}", subject.name);
        records.commit("r1", 2, &batch(&["a", "c"])).await.unwrap();
        assert!(records.open_intents().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_in_the_order_of_stream_and_key() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let mut stored = batch(&["c", "a", "e", "b", "d"]);
        stored.outcomes.push(outcome("absences", "z", OutcomeResult::Failed));
        records.commit("r1", 1, &stored).await.unwrap();
        let mut seen = Vec::new();
        for offset in [0, 2, 4] {
            seen.extend(records.outcomes("r1", &page(offset, 2)).await.unwrap());
        }
        assert_eq!(keys(&seen), ["z", "a", "b", "c", "d", "e"], "{}", subject.name);
        assert!(records.outcomes("r1", &page(6, 2)).await.unwrap().is_empty());
        for limit in [0, 1_001] {
            assert!(matches!(records.outcomes("r1", &page(0, limit)).await, Err(StoreError::Invalid(_))));
        }
    }
}

#[tokio::test]
async fn outcomes_can_be_asked_for_by_end_and_by_record() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let mut stored = batch(&["a", "b", "c"]);
        stored.outcomes[1].result = OutcomeResult::Failed;
        records.commit("r1", 1, &stored).await.unwrap();
        let failed = OutcomeQuery { results: vec![OutcomeResult::Failed], ..page(0, 10) };
        assert_eq!(keys(&records.outcomes("r1", &failed).await.unwrap()), ["b"], "{}", subject.name);
        let one = OutcomeQuery { source_keys: vec!["c".into(), "x".into()], ..page(0, 10) };
        assert_eq!(keys(&records.outcomes("r1", &one).await.unwrap()), ["c"]);
    }
}

#[tokio::test]
async fn the_newest_runs_come_first() {
    for subject in subjects().await {
        let records = &subject.records;
        for (id, start) in [("r1", 10), ("r2", 30), ("r3", 20)] {
            let mut begun = run(id, 1);
            begun.started_at = at(start);
            records.begin_run(&begun).await.unwrap();
            records.end_run(&ended(id, 1), None).await.unwrap();
        }
        let runs = records.runs(2).await.unwrap();
        assert_eq!(runs.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>(), ["r2", "r3"], "{}", subject.name);
    }
}

#[tokio::test]
async fn a_setting_made_again_under_the_same_name_starts_afresh() {
    for subject in subjects().await {
        subject.records.begin_run(&run("r1", 1)).await.unwrap();
        subject.records.commit("r1", 1, &batch(&["a"])).await.unwrap();
        assert!(subject.other_setting.links("people").await.unwrap().is_empty(), "{}", subject.name);
        subject.other_setting.begin_run(&run("r2", 1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_run_that_leaves_the_setting_alone_keeps_what_is_held() {
    for subject in subjects().await {
        let records = &subject.records;
        let setting = SettingRecord { published_rules: Some("sha256:1".into()), held: None };
        records.begin_run(&run("r1", 1)).await.unwrap();
        records.end_run(&ended("r1", 1), Some(&setting)).await.unwrap();
        records.begin_run(&run("r2", 1)).await.unwrap();
        records.end_run(&ended("r2", 1), None).await.unwrap();
        assert_eq!(records.setting().await.unwrap(), setting, "{}", subject.name);
    }
}

#[tokio::test]
async fn an_expired_lock_that_nobody_took_still_belongs_to_its_run() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        subject.clock.advance(LOCK_SECONDS * 3);
        records.commit("r1", 1, &batch(&["a"])).await.unwrap();
        let busy = records.begin_run(&run("r2", 1)).await;
        assert!(matches!(busy, Err(StoreError::Busy { .. })), "{}: a commit renews the lock", subject.name);
    }
}
