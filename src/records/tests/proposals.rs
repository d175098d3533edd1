//! Proposals and agreements.

use super::subjects;
use crate::records::StoreError;
use crate::records::fixtures::{agreement, ended, proposal, run};
use rollcall_engine::model::Proposal;

#[tokio::test]
async fn a_proposal_is_found_by_its_digest_in_its_setting_only() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        records.propose(&"r1".into(), 1, &proposal("sha256:1")).await.unwrap();
        records.propose(&"r1".into(), 1, &proposal("sha256:2")).await.unwrap();
        let stored = records.proposal("sha256:1").await.unwrap();
        assert_eq!(stored, Some(proposal("sha256:1")), "{}: also after another one came", subject.name);
        assert_eq!(records.proposal("sha256:3").await.unwrap(), None);
        assert_eq!(subject.neighbour.proposal("sha256:1").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_used_proposal_stays_used_when_it_is_proposed_again() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        records.propose(&"r1".into(), 1, &proposal("sha256:1")).await.unwrap();
        for _ in 0..2 {
            records.use_proposal(&"r1".into(), 1, "sha256:1").await.unwrap();
            records.propose(&"r1".into(), 1, &proposal("sha256:1")).await.unwrap();
        }
        let used = Proposal { used: true, ..proposal("sha256:1") };
        assert_eq!(records.proposal("sha256:1").await.unwrap(), Some(used), "{}", subject.name);
        records.use_proposal(&"r1".into(), 1, "sha256:never").await.unwrap();
    }
}

#[tokio::test]
async fn the_fifty_latest_proposals_are_kept() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        for number in 0..51 {
            records.propose(&"r1".into(), 1, &proposal(&format!("sha256:{number}"))).await.unwrap();
        }
        assert_eq!(records.proposal("sha256:0").await.unwrap(), None, "{}", subject.name);
        assert!(records.proposal("sha256:1").await.unwrap().is_some());
        assert!(records.proposal("sha256:50").await.unwrap().is_some());
    }
}

#[tokio::test]
async fn an_agreement_is_in_force_at_once_and_only_the_run_that_holds_the_lock_makes_it() {
    for subject in subjects().await {
        let records = &subject.records;
        records.begin_run(&run("r1", 1)).await.unwrap();
        records.agree(&"r1".into(), 1, &agreement("a")).await.unwrap();
        assert_eq!(records.setting().await.unwrap().agreement, Some(agreement("a")), "{}", subject.name);
        records.end_run(&ended("r1", 1), None).await.unwrap();
        assert_eq!(records.agree(&"r1".into(), 1, &agreement("b")).await, Err(StoreError::LockLost));
        assert_eq!(records.propose(&"r1".into(), 1, &proposal("sha256:1")).await, Err(StoreError::LockLost));
        assert_eq!(records.use_proposal(&"r1".into(), 1, "sha256:1").await, Err(StoreError::LockLost));
        assert_eq!(records.setting().await.unwrap().agreement, Some(agreement("a")));
        assert_eq!(records.proposal("sha256:1").await.unwrap(), None);
    }
}
