//! The journal of writes.

use super::{batch, subjects};
use crate::records::fixtures::{ended, run, settled, write};
use crate::records::{Batch, Records, Settled, StoreError};
use rollcall_engine::model::{Operation, Write, WriteState};

/// State of each write of run `r1`, in the order of announcement.
async fn states(records: &dyn Records) -> Vec<(String, WriteState)> {
    let writes = records.writes(&"r1".into(), 0, 100).await.unwrap();
    writes.into_iter().map(|write| (write.id, write.state)).collect()
}

async fn settle(records: &dyn Records, settled: Vec<Settled>) {
    let batch = Batch { settled, ..Batch::default() };
    assert_eq!(records.commit(&"r1".into(), 1, &batch).await.unwrap(), []);
}

#[tokio::test]
async fn a_crash_between_announcing_and_settling_leaves_the_open_writes_as_they_were_announced() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let announced = [write("c", Operation::Create), write("a", Operation::Update), write("b", Operation::Disable)];
        assert_eq!(records.announce(&"r1".into(), 1, &announced, &[]).await.unwrap(), [], "{}", subject.name);
        settle(&**records, vec![settled(&announced[1], WriteState::Done)]).await;
        records.end_run(&ended("r1", 1), None).await.unwrap();
        records.begin_run(&run("r2", 1)).await.unwrap();
        let open = [("r1".into(), announced[0].clone()), ("r1".into(), announced[2].clone())];
        assert_eq!(records.open_writes().await.unwrap(), open);
        assert_eq!(subject.neighbour.open_writes().await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_later_run_settles_what_an_earlier_one_left_open() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let create = write("a", Operation::Create);
        records.announce(&"r1".into(), 1, std::slice::from_ref(&create), &[]).await.unwrap();
        records.end_run(&ended("r1", 1), None).await.unwrap();
        records.begin_run(&run("r2", 1)).await.unwrap();
        let found = Settled {
            run: Some("r1".into()),
            target_id: Some("target-a".into()),
            ..settled(&create, WriteState::Done)
        };
        let batch = Batch { settled: vec![found], ..Batch::default() };
        records.commit(&"r2".into(), 1, &batch).await.unwrap();
        assert_eq!(records.open_writes().await.unwrap(), [], "{}", subject.name);
        let stored = records.writes(&"r1".into(), 0, 10).await.unwrap();
        let done = Write { state: WriteState::Done, target_id: Some("target-a".into()), ..create };
        assert_eq!(stored, [done], "a create learns the identifier that the system gave");
    }
}

#[tokio::test]
async fn announcing_again_replaces_what_did_not_take_effect_and_leaves_what_did() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let first = ["a", "b", "c", "d"].map(|key| write(key, Operation::Update));
        records.announce(&"r1".into(), 1, &first, &[]).await.unwrap();
        let ends = [WriteState::Done, WriteState::Failed, WriteState::Unknown];
        let ends = first.iter().zip(ends).map(|(write, state)| settled(write, state)).collect();
        settle(&**records, ends).await;
        let mut again = first.clone();
        for write in &mut again {
            write.changed = vec!["email".into()];
        }
        records.begin_run(&run("r1", 2)).await.unwrap();
        records.announce(&"r1".into(), 2, &again, &[]).await.unwrap();
        let mut expected = again;
        expected[0] = Write { state: WriteState::Done, ..first[0].clone() };
        assert_eq!(records.writes(&"r1".into(), 0, 10).await.unwrap(), expected, "{}", subject.name);
    }
}

#[tokio::test]
async fn a_write_that_was_taken_back_is_undone_and_cannot_be_announced_again() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let writes = [write("a", Operation::Update), write("b", Operation::Update)];
        records.announce(&"r1".into(), 1, &writes, &[]).await.unwrap();
        let done = writes.iter().map(|write| settled(write, WriteState::Done)).collect();
        settle(&**records, done).await;
        let undone = vec![("r1".into(), writes[1].id.clone()), ("r1".into(), "never-was".into())];
        let taken_back = Batch { undone, ..Batch::default() };
        records.end_run(&ended("r1", 1), None).await.unwrap();
        records.begin_run(&run("r2", 1)).await.unwrap();
        records.commit(&"r2".into(), 1, &taken_back).await.unwrap();
        records.end_run(&ended("r2", 1), None).await.unwrap();
        records.begin_run(&run("r1", 2)).await.unwrap();
        records.announce(&"r1".into(), 2, &writes, &[]).await.unwrap();
        let expected = [("a-Update".into(), WriteState::Done), ("b-Update".into(), WriteState::Undone)];
        assert_eq!(states(&**records).await, expected, "{}", subject.name);
    }
}

#[tokio::test]
async fn the_journal_of_a_run_is_read_in_pages_in_the_order_of_announcement() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        for keys in [&["c", "a"][..], &["b", "a", "d"]] {
            let writes: Vec<_> = keys.iter().map(|key| write(key, Operation::Update)).collect();
            records.announce(&"r1".into(), 1, &writes, &[]).await.unwrap();
        }
        let mut seen = Vec::new();
        for offset in [0, 2, 4] {
            seen.extend(records.writes(&"r1".into(), offset, 2).await.unwrap());
        }
        let ids: Vec<_> = seen.iter().map(|write| write.id.as_str()).collect();
        assert_eq!(ids, ["c-Update", "a-Update", "b-Update", "d-Update"], "{}", subject.name);
        assert_eq!(records.writes(&"r2".into(), 0, 10).await.unwrap(), []);
        for limit in [0, 1_001] {
            assert!(matches!(records.writes(&"r1".into(), 0, limit).await, Err(StoreError::Invalid(_))));
        }
    }
}

#[tokio::test]
async fn what_was_never_announced_cannot_be_settled() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        let mut settling = batch(&["a"]);
        settling.settled = vec![settled(&write("a", Operation::Create), WriteState::Done)];
        records.commit(&"r1".into(), 1, &settling).await.unwrap();
        assert_eq!(states(&**records).await, [], "{}", subject.name);
        assert_eq!(records.links(&"people".into()).await.unwrap().len(), 1);
    }
}
