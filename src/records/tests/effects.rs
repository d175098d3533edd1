//! Counting of effects over settings.

use super::{batch, subjects};
use crate::records::fixtures::{SYSTEM, at, row_claim, run, settled, write};
use crate::records::{Batch, Records};
use rollcall_engine::model::{EffectCounts, Effects, Operation, Write, WriteState};

async fn announce(records: &dyn Records, writes: &[Write]) {
    records.begin_run(&run("r1", 1)).await.unwrap();
    records.announce(&"r1".into(), 1, writes, &[]).await.unwrap();
}

async fn effects(records: &dyn Records, since: i64) -> Effects {
    records.effects(&"people".into(), &SYSTEM.into(), at(since)).await.unwrap()
}

#[tokio::test]
async fn each_kind_of_effect_is_counted_for_this_setting_and_for_the_others_of_the_namespace() {
    for subject in subjects().await {
        let own = [
            write("a", Operation::Create),
            write("b", Operation::Disable),
            write("c", Operation::Delete),
            write("d", Operation::Enable),
        ];
        announce(&*subject.records, &own).await;
        announce(&*subject.neighbour, &[write("a", Operation::Update), write("e", Operation::Disable)]).await;
        announce(&*subject.elsewhere, &[write("a", Operation::Delete)]).await;
        let changes = |count| [("name.familyName".into(), count)].into();
        let expected = Effects {
            own: EffectCounts { creates: 1, removals: 2, enables: 1, changes: changes(3) },
            others: EffectCounts { removals: 1, changes: changes(2), ..EffectCounts::default() },
            others_active: 0,
        };
        assert_eq!(effects(&*subject.records, 0).await, expected, "{}", subject.name);
        let mirrored = Effects { own: expected.others, others: expected.own, others_active: 0 };
        assert_eq!(effects(&*subject.neighbour, 0).await, mirrored);
    }
}

#[tokio::test]
async fn a_setting_made_again_does_not_forget_what_was_done_before() {
    for subject in subjects().await {
        announce(&*subject.records, &[write("a", Operation::Disable)]).await;
        assert_eq!(effects(&*subject.remade, 0).await.others.removals, 1, "{}", subject.name);
    }
}

#[tokio::test]
async fn only_what_may_have_had_an_effect_that_nobody_approved_counts() {
    for subject in subjects().await {
        let records = &*subject.records;
        let mut writes = ["a", "b", "c", "d", "e", "f"].map(|key| write(key, Operation::Disable));
        writes[5].approved = true;
        announce(records, &writes).await;
        let ends = [WriteState::Done, WriteState::Unknown, WriteState::Failed, WriteState::Done];
        let settled = writes.iter().zip(ends).map(|(write, state)| settled(write, state)).collect();
        let undone = vec![("r1".into(), writes[3].id.clone())];
        records.commit(&"r1".into(), 1, &Batch { settled, undone, ..Batch::default() }).await.unwrap();
        assert_eq!(effects(records, 0).await.own.removals, 3, "{}: a is done, b unknown, e open", subject.name);
    }
}

#[tokio::test]
async fn effects_of_other_streams_and_systems_and_before_the_window_do_not_count() {
    for subject in subjects().await {
        let records = &*subject.records;
        let writes = [
            write("a", Operation::Disable),
            Write { at_time: at(1), ..write("b", Operation::Disable) },
            Write { stream: "contracts".into(), ..write("c", Operation::Disable) },
            Write { system: "system-2".into(), ..write("d", Operation::Disable) },
        ];
        announce(records, &writes).await;
        assert_eq!(effects(records, 2).await.own.removals, 1, "{}", subject.name);
        assert_eq!(effects(records, 1).await.own.removals, 2);
        assert_eq!(effects(records, 3).await, Effects::default());
    }
}

#[tokio::test]
async fn a_record_counts_once_for_each_kind_however_often_it_was_written_to() {
    for subject in subjects().await {
        let records = &*subject.records;
        announce(records, &[write("a", Operation::Disable), write("b", Operation::Update)]).await;
        records.end_run(&crate::records::fixtures::ended("r1", 1), None).await.unwrap();
        records.begin_run(&run("r2", 1)).await.unwrap();
        let again = [write("a", Operation::Disable), write("b", Operation::Update), write("b", Operation::Enable)];
        records.announce(&"r2".into(), 1, &again, &[]).await.unwrap();
        let own = effects(records, 0).await.own;
        assert_eq!((own.removals, own.enables, own.changes["name.familyName"]), (1, 1, 2), "{}", subject.name);
    }
}

#[tokio::test]
async fn active_links_of_others_are_counted_where_they_have_claims() {
    for subject in subjects().await {
        let mut others = batch(&["a", "b", "c"]);
        others.links[1].disabled_at = Some(at(3));
        others.claims = vec![row_claim("a", "target-a"), row_claim("b", "target-b")];
        for records in [&subject.neighbour, &subject.elsewhere] {
            records.begin_run(&run("r1", 1)).await.unwrap();
            assert_eq!(records.commit(&"r1".into(), 1, &others).await.unwrap(), []);
        }
        assert_eq!(effects(&*subject.records, 0).await.others_active, 1, "{}", subject.name);
        assert_eq!(effects(&*subject.neighbour, 0).await.others_active, 0, "its own are not others'");
        others.links[1].disabled_at = None;
        subject.neighbour.commit(&"r1".into(), 1, &others).await.unwrap();
        assert_eq!(effects(&*subject.records, 0).await.others_active, 2);
    }
}
