//! One claim: a row, or a value that identifies one, belongs to one pair over all settings of a namespace.

use super::{batch, subjects};
use crate::records::fixtures::{SYSTEM, ended, link, row_claim, run, settled, value_claim, write};
use crate::records::{Batch, LOCK_SECONDS, Records, Refused, pair};
use rollcall_engine::model::{Claim, Operation, Write, WriteState};
use rollcall_engine::names::RowId;

async fn begin(records: &dyn Records) {
    records.begin_run(&run("r1", 1)).await.unwrap();
}

/// Makes claims in run `r1`, without writes.
async fn claim(records: &dyn Records, claims: &[Claim]) -> Vec<Refused> {
    records.announce(&"r1".into(), 1, &[], claims).await.unwrap()
}

async fn commit(records: &dyn Records, batch: Batch) -> Vec<Refused> {
    records.commit(&"r1".into(), 1, &batch).await.unwrap()
}

fn refused(claim: Claim, holder: &str) -> Refused {
    Refused { claim, holder: holder.into() }
}

/// The link of a record, with the claim to its row.
fn linked(key: &str) -> Batch {
    Batch { claims: vec![row_claim(key, &format!("target-{key}"))], ..batch(&[key]) }
}

#[tokio::test]
async fn a_row_that_another_setting_has_is_refused_with_its_name_and_its_link_is_not_stored() {
    for subject in subjects().await {
        for records in [&subject.records, &subject.neighbour, &subject.elsewhere] {
            begin(&**records).await;
        }
        assert_eq!(commit(&*subject.neighbour, linked("a")).await, []);
        let mut two = batch(&["a", "b"]);
        two.claims = vec![row_claim("a", "target-a"), row_claim("b", "target-b")];
        let expected = [refused(row_claim("a", "target-a"), "staff")];
        assert_eq!(commit(&*subject.records, two).await, expected, "{}", subject.name);
        assert_eq!(subject.records.links(&"people".into()).await.unwrap(), [link("people", "b")]);
        assert_eq!(commit(&*subject.elsewhere, linked("a")).await, [], "another namespace is another world");
    }
}

#[tokio::test]
async fn two_pairs_of_one_setting_cannot_have_one_row() {
    for subject in subjects().await {
        let records = &*subject.records;
        begin(records).await;
        let claims = [row_claim("a", "x"), row_claim("b", "x")];
        let second = refused(row_claim("b", "x"), "people");
        assert_eq!(claim(records, &claims).await, std::slice::from_ref(&second), "{}: in one call", subject.name);
        assert_eq!(claim(records, &claims[1..]).await, [second], "and in two");
        assert_eq!(claim(records, &claims[..1]).await, [], "the same pair may claim again");
    }
}

#[tokio::test]
async fn a_write_whose_pair_has_a_refused_claim_is_not_announced_and_nothing_is_claimed_for_it() {
    for subject in subjects().await {
        let records = &*subject.records;
        begin(records).await;
        begin(&*subject.neighbour).await;
        claim(&*subject.neighbour, &[value_claim("x", "one@example.com")]).await;
        let writes = [write("a", Operation::Create), write("b", Operation::Create)];
        let claims =
            [row_claim("a", "row-1"), value_claim("a", "one@example.com"), value_claim("b", "two@example.com")];
        let answer = records.announce(&"r1".into(), 1, &writes, &claims).await.unwrap();
        assert_eq!(answer, [refused(claims[1].clone(), "staff")], "{}", subject.name);
        assert_eq!(records.open_writes().await.unwrap(), [("r1".into(), writes[1].clone())]);
        assert_eq!(claim(&*subject.neighbour, &[row_claim("y", "row-1")]).await, []);
    }
}

#[tokio::test]
async fn of_two_announcements_at_once_exactly_one_wins() {
    for subject in subjects().await {
        begin(&*subject.records).await;
        begin(&*subject.neighbour).await;
        let claims = [value_claim("a", "one@example.com")];
        let (one, other) = tokio::join!(claim(&*subject.records, &claims), claim(&*subject.neighbour, &claims));
        assert_eq!(one.len() + other.len(), 1, "{}", subject.name);
    }
}

#[tokio::test]
async fn a_dropped_link_releases_the_row() {
    for subject in subjects().await {
        begin(&*subject.records).await;
        begin(&*subject.neighbour).await;
        commit(&*subject.records, linked("a")).await;
        let dropped = Batch { dropped_links: vec![("people".into(), "a".into())], ..Batch::default() };
        commit(&*subject.records, dropped).await;
        assert_eq!(claim(&*subject.neighbour, &[row_claim("z", "target-a")]).await, [], "{}", subject.name);
    }
}

#[tokio::test]
async fn a_link_that_moves_to_another_row_releases_the_first_one_and_keeps_the_second() {
    for subject in subjects().await {
        begin(&*subject.records).await;
        begin(&*subject.neighbour).await;
        commit(&*subject.records, linked("a")).await;
        let mut moved = batch(&["a"]);
        moved.links[0].target_id = "row-2".into();
        moved.claims = vec![row_claim("a", "row-2")];
        commit(&*subject.records, moved).await;
        let rows = [row_claim("y", "target-a"), row_claim("z", "row-2")];
        let answer = claim(&*subject.neighbour, &rows).await;
        assert_eq!(answer, [refused(rows[1].clone(), "people")], "{}", subject.name);
    }
}

#[tokio::test]
async fn a_person_whose_key_changed_takes_the_row_over_in_one_batch() {
    for subject in subjects().await {
        let records = &*subject.records;
        begin(records).await;
        commit(records, linked("a")).await;
        let mut taken = batch(&["b"]);
        taken.links[0].target_id = "target-a".into();
        taken.claims = vec![row_claim("b", "target-a")];
        let second = refused(row_claim("b", "target-a"), "people");
        assert_eq!(commit(records, taken.clone()).await, [second], "{}: while a has it", subject.name);
        taken.dropped_links = vec![("people".into(), "a".into())];
        for _ in 0..2 {
            assert_eq!(commit(records, taken.clone()).await, []);
        }
        assert_eq!(records.links(&"people".into()).await.unwrap(), taken.links);
    }
}

#[tokio::test]
async fn a_row_claim_outlives_the_run_with_its_link_and_not_without() {
    for subject in subjects().await {
        begin(&*subject.records).await;
        begin(&*subject.neighbour).await;
        commit(&*subject.records, linked("a")).await;
        claim(&*subject.records, &[row_claim("b", "target-b")]).await;
        subject.records.end_run(&ended("r1", 1), None).await.unwrap();
        let rows = [row_claim("y", "target-a"), row_claim("z", "target-b")];
        let answer = claim(&*subject.neighbour, &rows).await;
        assert_eq!(answer, [refused(rows[0].clone(), "people")], "{}", subject.name);
    }
}

#[tokio::test]
async fn a_claim_to_a_value_ends_when_the_write_is_settled_but_for_runs_that_were_at_work_then() {
    for subject in subjects().await {
        let records = &*subject.records;
        begin(records).await;
        begin(&*subject.neighbour).await;
        let (create, claims) = (write("a", Operation::Create), [value_claim("a", "one@example.com")]);
        records.announce(&"r1".into(), 1, std::slice::from_ref(&create), &claims).await.unwrap();
        assert_eq!(claim(&*subject.neighbour, &claims).await.len(), 1, "{}", subject.name);
        commit(records, Batch { settled: vec![settled(&create, WriteState::Done)], ..linked("a") }).await;
        // The neighbour's run was at work and may have looked before the record was there; its next one will find it.
        assert_eq!(claim(&*subject.neighbour, &claims).await.len(), 1, "{}", subject.name);
        subject.neighbour.end_run(&ended("r1", 1), None).await.unwrap();
        subject.neighbour.begin_run(&run("r2", 1)).await.unwrap();
        assert_eq!(subject.neighbour.announce(&"r2".into(), 1, &[], &claims).await.unwrap(), []);
    }
}

#[tokio::test]
async fn what_a_run_claimed_and_did_not_link_is_free_when_its_lock_expires_or_it_ends() {
    for subject in subjects().await {
        let claims = [value_claim("a", "one@example.com"), row_claim("b", "row-1")];
        begin(&*subject.records).await;
        claim(&*subject.records, &claims).await;
        subject.clock.advance(LOCK_SECONDS - 1);
        begin(&*subject.neighbour).await;
        assert_eq!(claim(&*subject.neighbour, &claims).await.len(), 2, "{}", subject.name);
        subject.clock.advance(1);
        assert_eq!(claim(&*subject.neighbour, &claims).await, [], "expired");
        subject.neighbour.end_run(&ended("r1", 1), None).await.unwrap();
        assert_eq!(claim(&*subject.records, &claims).await, [], "ended");
    }
}

#[tokio::test]
async fn the_next_attempt_of_a_run_has_what_the_one_before_claimed() {
    for subject in subjects().await {
        let records = &*subject.records;
        begin(records).await;
        begin(&*subject.neighbour).await;
        let claims = [value_claim("a", "one@example.com")];
        claim(records, &claims).await;
        records.begin_run(&run("r1", 2)).await.unwrap();
        assert_eq!(claim(&*subject.neighbour, &claims).await.len(), 1, "{}", subject.name);
        assert_eq!(records.announce(&"r1".into(), 2, &[], &claims).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_pair_keeps_its_row_when_it_gets_a_source_key() {
    for subject in subjects().await {
        let records = &*subject.records;
        begin(records).await;
        let create = Write { source_key: None, target_id: Some("target-a".into()), ..write("a", Operation::Create) };
        let nameless = pair(None, Some(&"target-a".into()));
        let claims = [row_claim(&nameless, "target-a")];
        assert_eq!(records.announce(&"r1".into(), 1, std::slice::from_ref(&create), &claims).await.unwrap(), []);
        let mut done = settled(&create, WriteState::Done);
        done.source_key = Some("a".into());
        assert_eq!(commit(records, Batch { settled: vec![done], ..linked("a") }).await, [], "{}", subject.name);
        assert_eq!(records.links(&"people".into()).await.unwrap(), [link("people", "a")]);
        records.end_run(&ended("r1", 1), None).await.unwrap();
        begin(&*subject.neighbour).await;
        assert_eq!(claim(&*subject.neighbour, &[row_claim("z", "target-a")]).await.len(), 1);
    }
}

#[tokio::test]
async fn a_setting_made_again_releases_what_the_deleted_one_had_claimed() {
    for subject in subjects().await {
        begin(&*subject.records).await;
        commit(&*subject.records, linked("a")).await;
        begin(&*subject.remade).await;
        let at_work = claim(&*subject.remade, &[row_claim("a", "target-a")]).await;
        assert_eq!(at_work.len(), 1, "{}: while a run of the deleted one is at work", subject.name);
        subject.records.end_run(&ended("r1", 1), None).await.unwrap();
        subject.remade.end_run(&ended("r1", 1), None).await.unwrap();
        subject.remade.begin_run(&run("r2", 1)).await.unwrap();
        let taken = subject.remade.commit(&"r2".into(), 1, &linked("a")).await.unwrap();
        assert_eq!(taken, []);
        assert_eq!(subject.records.links(&"people".into()).await.unwrap().len(), 1, "its links stay");
        assert_eq!(subject.records.runs(10).await.unwrap().len(), 1, "and its history");
    }
}

#[tokio::test]
async fn a_deleted_setting_that_comes_back_takes_nothing_from_its_successor() {
    for subject in subjects().await {
        begin(&*subject.records).await;
        subject.records.end_run(&ended("r1", 1), None).await.unwrap();
        begin(&*subject.remade).await;
        commit(&*subject.remade, linked("a")).await;
        subject.remade.end_run(&ended("r1", 1), None).await.unwrap();
        subject.records.begin_run(&run("r2", 1)).await.unwrap();
        let answer = subject.records.commit(&"r2".into(), 1, &linked("a")).await.unwrap();
        assert_eq!(answer.len(), 1, "{}", subject.name);
    }
}

#[tokio::test]
async fn rows_of_others_are_told_in_the_order_they_were_asked_for() {
    for subject in subjects().await {
        begin(&*subject.records).await;
        begin(&*subject.neighbour).await;
        let mut others = batch(&["a", "b"]);
        others.claims = vec![row_claim("a", "target-a"), row_claim("b", "target-b")];
        commit(&*subject.neighbour, others).await;
        commit(&*subject.records, linked("c")).await;
        let rows = ["target-b", "target-c", "target-d", "target-a"].map(RowId::from);
        let (stream, system) = ("people".into(), SYSTEM.into());
        let claimed = subject.records.claimed_by_others(&stream, &system, &rows).await.unwrap();
        assert_eq!(claimed, [rows[0].clone(), rows[3].clone()], "{}", subject.name);
        let elsewhere = subject.elsewhere.claimed_by_others(&stream, &system, &rows).await.unwrap();
        assert!(elsewhere.is_empty());
        let other_stream = subject.records.claimed_by_others(&"contracts".into(), &system, &rows).await.unwrap();
        assert!(other_stream.is_empty());
    }
}

#[tokio::test]
async fn a_setting_knows_the_systems_whose_rows_its_links_have_claimed() {
    for subject in subjects().await {
        let records = &*subject.records;
        begin(records).await;
        assert!(records.setting().await.unwrap().claimed.is_empty(), "{}", subject.name);
        claim(records, &[value_claim("b", "one@example.com"), row_claim("c", "row-1")]).await;
        let source_side = Claim { system: "system-2".into(), ..row_claim("a", "a") };
        let mut both = linked("a");
        both.claims.push(source_side);
        commit(records, both).await;
        let expected = [("people".into(), vec![SYSTEM.into(), "system-2".into()])].into();
        assert_eq!(records.setting().await.unwrap().claimed, expected);
    }
}
