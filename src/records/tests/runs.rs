//! Runs, links, outcomes and what is known about a setting.

use super::{batch, subjects};
use crate::records::fixtures::{agreement, at, ended, link, outcome, run, write};
use crate::records::{LOCK_SECONDS, Outcome, OutcomeQuery, OutcomeResult, SettingEnd, SettingRecord, StoreError};
use rollcall_api::v1alpha1::Held;
use rollcall_engine::model::{Operation, Provenance};

fn page(offset: u64, limit: u64) -> OutcomeQuery {
    OutcomeQuery { offset, limit, ..OutcomeQuery::default() }
}

fn keys(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome.source_key.as_deref().unwrap()).collect()
}

#[tokio::test]
async fn an_unknown_setting_has_no_records() {
    for subject in subjects().await {
        let records = &subject.records;
        let known = SettingRecord { key: records.setting().await.unwrap().key, ..SettingRecord::default() };
        assert_eq!(records.setting().await.unwrap(), known, "{}", subject.name);
        assert!(records.links(&"people".into()).await.unwrap().is_empty());
        assert!(records.open_writes().await.unwrap().is_empty());
        assert!(records.runs(10).await.unwrap().is_empty());
        assert!(records.outcomes(&"r1".into(), &page(0, 10)).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_a_run_stores_is_read_back_as_it_was() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let mut stored = batch(&["b", "a"]);
        stored.links[0].disabled_at = Some(at(5));
        records.commit(&"r1".into(), 1, &stored).await.unwrap();
        let held = Some(Held { digest: "sha256:2".into(), disable: 3, ..Held::default() });
        let end = SettingEnd { agreement: Some(agreement("a")), seen_manual: true, held: held.clone() };
        records.end_run(&ended("r1", 1), Some(&end)).await.unwrap();

        let setting = records.setting().await.unwrap();
        assert_eq!(setting.agreement, Some(agreement("a")), "{}", subject.name);
        assert_eq!((setting.seen_manual, setting.held), (true, held));
        assert_eq!(records.runs(10).await.unwrap(), [ended("r1", 1)]);
        assert_eq!(records.links(&"people".into()).await.unwrap(), [stored.links[1].clone(), stored.links[0].clone()]);
        let outcomes = records.outcomes(&"r1".into(), &page(0, 10)).await.unwrap();
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
            records.commit(&"r1".into(), 1, &batch(&["a", "b"])).await.unwrap();
        }
        assert_eq!(keys(&records.outcomes(&"r1".into(), &page(0, 10)).await.unwrap()), ["a", "b"], "{}", subject.name);
        assert_eq!(records.links(&"people".into()).await.unwrap().len(), 2);
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
        records.commit(&"r1".into(), 1, &batch(&["a", "b"])).await.unwrap();
        let mut second = batch(&["a"]);
        second.outcomes[0].result = OutcomeResult::Failed;
        second.links[0].provenance = Provenance::Manual;
        second.dropped_links = vec![("people".into(), "b".into()), ("people".into(), "never-was".into())];
        records.commit(&"r1".into(), 1, &second).await.unwrap();
        assert_eq!(records.links(&"people".into()).await.unwrap(), second.links, "{}", subject.name);
        let outcomes = records.outcomes(&"r1".into(), &page(0, 10)).await.unwrap();
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
        records.renew(&"r1".into(), 1).await.unwrap();
        subject.clock.advance(LOCK_SECONDS - 1);
        assert!(matches!(records.begin_run(&run("r2", 1)).await, Err(StoreError::Busy { .. })));
        subject.clock.advance(1);
        records.begin_run(&run("r2", 1)).await.unwrap();
        assert_eq!(records.renew(&"r1".into(), 1).await, Err(StoreError::LockLost));
        assert_eq!(records.commit(&"r1".into(), 1, &batch(&["a"])).await, Err(StoreError::LockLost));
        assert_eq!(
            records.announce(&"r1".into(), 1, &[write("a", Operation::Create)], &[]).await,
            Err(StoreError::LockLost)
        );
        assert_eq!(records.end_run(&ended("r1", 1), None).await, Err(StoreError::LockLost));
        assert!(records.links(&"people".into()).await.unwrap().is_empty(), "a run without the lock changes nothing");
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
        assert_eq!(
            records.commit(&"r1".into(), 1, &batch(&["a"])).await,
            Err(StoreError::LockLost),
            "{}",
            subject.name
        );
        assert_eq!(records.begin_run(&run("r1", 1)).await, Err(StoreError::LockLost));
        records.commit(&"r1".into(), 2, &batch(&["a"])).await.unwrap();
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
        assert_eq!(
            records.commit(&"r1".into(), 1, &batch(&["a"])).await,
            Err(StoreError::LockLost),
            "{}",
            subject.name
        );
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_in_the_order_of_stream_and_key() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let mut stored = batch(&["c", "a", "e", "b", "d"]);
        stored.outcomes.push(outcome("absences", "z", OutcomeResult::Failed));
        records.commit(&"r1".into(), 1, &stored).await.unwrap();
        let mut seen = Vec::new();
        for offset in [0, 2, 4] {
            seen.extend(records.outcomes(&"r1".into(), &page(offset, 2)).await.unwrap());
        }
        assert_eq!(keys(&seen), ["z", "a", "b", "c", "d", "e"], "{}", subject.name);
        assert!(records.outcomes(&"r1".into(), &page(6, 2)).await.unwrap().is_empty());
        for limit in [0, 1_001] {
            assert!(matches!(records.outcomes(&"r1".into(), &page(0, limit)).await, Err(StoreError::Invalid(_))));
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
        records.commit(&"r1".into(), 1, &stored).await.unwrap();
        let failed = OutcomeQuery { results: vec![OutcomeResult::Failed], ..page(0, 10) };
        assert_eq!(keys(&records.outcomes(&"r1".into(), &failed).await.unwrap()), ["b"], "{}", subject.name);
        let one = OutcomeQuery { source_keys: vec!["c".into(), "x".into()], ..page(0, 10) };
        assert_eq!(keys(&records.outcomes(&"r1".into(), &one).await.unwrap()), ["c"]);
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
        subject.records.commit(&"r1".into(), 1, &batch(&["a"])).await.unwrap();
        assert!(subject.remade.links(&"people".into()).await.unwrap().is_empty(), "{}", subject.name);
        subject.remade.begin_run(&run("r2", 1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_run_that_leaves_the_setting_alone_keeps_what_is_held_and_agreed() {
    for subject in subjects().await {
        let records = &subject.records;
        let end = SettingEnd { agreement: Some(agreement("a")), seen_manual: true, held: None };
        records.begin_run(&run("r1", 1)).await.unwrap();
        records.end_run(&ended("r1", 1), Some(&end)).await.unwrap();
        let before = records.setting().await.unwrap();
        records.begin_run(&run("r2", 1)).await.unwrap();
        records.end_run(&ended("r2", 1), None).await.unwrap();
        assert_eq!(records.setting().await.unwrap(), before, "{}", subject.name);
        records.begin_run(&run("r3", 1)).await.unwrap();
        records.end_run(&ended("r3", 1), Some(&SettingEnd { agreement: None, ..end })).await.unwrap();
        assert_eq!(records.setting().await.unwrap().agreement, Some(agreement("a")), "None leaves it in force");
    }
}

#[tokio::test]
async fn each_setting_has_a_key_of_its_own_that_never_changes() {
    for subject in subjects().await {
        let key = subject.records.setting().await.unwrap().key;
        assert_eq!(base64::Engine::decode(&base64::prelude::BASE64_STANDARD, key.expose()).unwrap().len(), 32);
        subject.records.begin_run(&run("r1", 1)).await.unwrap();
        subject.records.end_run(&ended("r1", 1), Some(&SettingEnd::default())).await.unwrap();
        assert!(subject.records.setting().await.unwrap().key == key, "{}", subject.name);
        for other in [&subject.remade, &subject.neighbour, &subject.elsewhere] {
            other.begin_run(&run("r1", 1)).await.unwrap();
            assert!(other.setting().await.unwrap().key != key, "{}", subject.name);
        }
    }
}

#[tokio::test]
async fn a_target_record_has_one_link_only() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        records.commit(&"r1".into(), 1, &batch(&["a", "b"])).await.unwrap();
        let mut second = batch(&["c"]);
        second.links[0].target_id = "target-a".into();
        let mut other_stream = link("contracts", "a");
        other_stream.target_id = "target-b".into();
        second.links.push(other_stream.clone());
        records.commit(&"r1".into(), 1, &second).await.unwrap();
        let left = [link("people", "b"), second.links[0].clone()];
        assert_eq!(records.links(&"people".into()).await.unwrap(), left, "{}", subject.name);
        assert_eq!(records.links(&"contracts".into()).await.unwrap(), [other_stream], "another stream's is another");
    }
}

#[tokio::test]
async fn of_two_links_to_one_record_in_a_batch_the_later_one_counts() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let mut links = batch(&["a", "b", "a"]);
        links.links[1].target_id = "target-a".into();
        links.links[2].target_id = "target-2".into();
        records.commit(&"r1".into(), 1, &links).await.unwrap();
        assert_eq!(records.links(&"people".into()).await.unwrap(), [links.links[2].clone(), links.links[1].clone()]);
    }
}

#[tokio::test]
async fn a_pair_that_gets_a_source_key_in_a_later_attempt_has_one_outcome() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let mut first = batch(&["a", "b"]);
        first.links.clear();
        first.outcomes[0].source_key = None;
        records.commit(&"r1".into(), 1, &first).await.unwrap();
        let stored = records.outcomes(&"r1".into(), &page(0, 10)).await.unwrap();
        assert_eq!(stored, first.outcomes, "{}: pairs without a source key come first", subject.name);
        records.commit(&"r1".into(), 1, &batch(&["a"])).await.unwrap();
        assert_eq!(keys(&records.outcomes(&"r1".into(), &page(0, 10)).await.unwrap()), ["a", "b"]);
    }
}

#[tokio::test]
async fn an_expired_lock_that_nobody_took_still_belongs_to_its_run() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        subject.clock.advance(LOCK_SECONDS * 3);
        records.commit(&"r1".into(), 1, &batch(&["a"])).await.unwrap();
        let busy = records.begin_run(&run("r2", 1)).await;
        assert!(matches!(busy, Err(StoreError::Busy { .. })), "{}: a commit renews the lock", subject.name);
    }
}
