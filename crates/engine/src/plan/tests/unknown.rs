//! Rules 1 and 3: unknown is never absent, and what is missing does not outweigh what is there.

use serde_json::json;

use super::World;
use super::rows::{break_row, placement, placements, row, source_row, target_row};
use crate::model::ReadProof;

const INCOMPLETE: [ReadProof; 6] = [
    ReadProof::ByPosition,
    ReadProof::ReadsDisagree,
    ReadProof::TotalDisagrees,
    ReadProof::CursorDidNotAdvance,
    ReadProof::LimitReached,
    ReadProof::Failed,
];

#[test]
fn a_target_row_of_which_nothing_could_be_read_may_be_anybody_so_nobody_is_created() {
    let world = World::new().person("new", json!({})).in_step("b").with(|world| {
        let mut broken = row("t", json!({}));
        break_row(&mut broken, &[]);
        world.people.target.push(broken);
    });
    assert_eq!(world.verdict("new"), ("fail", "TargetUnknown"));
    assert_eq!(world.verdict("b"), ("unchanged", "Unchanged"), "linked people go on");
}

#[test]
fn a_target_row_whose_match_field_could_not_be_read_may_be_anybody() {
    for field in ["externalId", "userName"] {
        let world = World::new().person("new", json!({})).existing("other");
        let world = world.with(|world| break_row(target_row(world, "other"), &[field]));
        assert_eq!(world.verdict("new"), ("fail", "TargetUnknown"), "{field}");
    }
    let other_field = World::new().person("new", json!({})).existing("other");
    let other_field = other_field.with(|world| break_row(target_row(world, "other"), &["name"]));
    assert_eq!(other_field.verdict("new"), ("create", "New"), "it has another externalId and userName");
}

#[test]
fn a_matched_or_linked_row_that_could_not_be_read_whole_is_left_alone() {
    let linked = World::new().in_step("a").now_has("a", "name", json!("New"));
    let linked = linked.with(|world| break_row(target_row(world, "a"), &["name"]));
    assert_eq!(linked.verdict("a"), ("fail", "TargetUnreadable"));
    let matched = World::new().person("a", json!({})).existing("a");
    let matched = matched.with(|world| break_row(target_row(world, "a"), &["name"]));
    assert_eq!(matched.verdict("a"), ("fail", "TargetUnreadable"));
    assert!(!matched.entry("a").links);
}

#[test]
fn nobody_is_created_from_an_incomplete_list_unless_every_rule_was_answered() {
    for proof in INCOMPLETE.into_iter().chain([ReadProof::Selected]) {
        let world = World::new().person("new", json!({})).with(|world| world.people.target_proof = proof);
        assert_eq!(world.verdict("new"), ("fail", "TargetUnknown"), "{proof:?}");
        let answered = world.with(|world| world.people.looked_up = ["new".to_owned()].into());
        assert_eq!(answered.verdict("new"), ("create", "New"), "{proof:?}");
    }
}

#[test]
fn a_weaker_rule_decides_nothing_while_a_stronger_one_may_find_another_row() {
    let by_email = |world: World| {
        world.person("a", json!({})).with(|world| {
            world.people.target.push(row("t", json!({"userName": "a@example.org"})));
        })
    };
    assert_eq!(by_email(World::new()).verdict("a"), ("update", "Changed"));
    let partial = by_email(World::new()).with(|world| world.people.target_proof = ReadProof::ByPosition);
    assert_eq!(partial.verdict("a"), ("fail", "TargetUnknown"));
    assert_eq!(partial.clone().now_has("a", "status", json!("LEFT")).verdict("a"), ("fail", "TargetUnknown"));
    let answered = partial.with(|world| world.people.looked_up = ["a".to_owned()].into());
    assert_eq!(answered.verdict("a"), ("update", "Changed"));
    let unreadable = by_email(World::new().existing("other"));
    let unreadable = unreadable.with(|world| break_row(target_row(world, "other"), &["externalId"]));
    assert_eq!(unreadable.verdict("a"), ("fail", "TargetUnknown"));
    let first = World::new().person("a", json!({})).existing("a");
    let first = first.with(|world| world.people.target_proof = ReadProof::ByPosition);
    assert_eq!(first.verdict("a"), ("unchanged", "Unchanged"), "the strongest rule needs no other");
}

#[test]
fn an_answer_about_one_person_says_nothing_about_another() {
    let world = World::new().person("a", json!({})).person("b", json!({})).with(|world| {
        world.people.target_proof = ReadProof::Selected;
        world.people.looked_up = ["a".to_owned()].into();
    });
    assert_eq!(world.verdict("b"), ("fail", "TargetUnknown"));
}

#[test]
fn every_rule_that_has_a_value_is_asked_and_no_other() {
    let world = World::new().person("a", json!({})).person("b", json!({"id": null})).in_step("c").with(|world| {
        world.people.target_proof = ReadProof::Selected;
    });
    let setting = world.compiled();
    let questions = world.planned_with(|plan| {
        crate::plan::questions::open(setting.stream("people").unwrap(), &plan.streams["people"], plan)
    });
    let asked = |key: &str| questions.iter().find(|question| question.record == *key).unwrap();
    let fields = |key: &str| asked(key).lookups.iter().map(|(field, _)| field.to_string()).collect::<Vec<_>>();
    assert_eq!((fields("a"), asked("a").needs_list), (vec!["externalId".into(), "userName".into()], false));
    assert_eq!(fields("b"), ["userName"]);
    assert_eq!(questions.len(), 2, "a linked person is not searched for");
}

#[test]
fn a_rule_that_a_server_cannot_be_asked_by_needs_the_list() {
    let world = World::new().person("a", json!({})).with(|world| {
        world.people.spec["match"] = json!([{"field": "externalId"}, {"field": "userName", "normalize": "Case"}]);
        world.people.target_proof = ReadProof::Selected;
    });
    let setting = world.compiled();
    let questions = world.planned_with(|plan| {
        crate::plan::questions::open(setting.stream("people").unwrap(), &plan.streams["people"], plan)
    });
    assert!(questions[0].needs_list);
    let fields = [("externalId".into(), json!("a")), ("userName".into(), json!("a@example.org"))].into_iter().collect();
    let (lookups, is_complete) = crate::plan::match_values_of(&setting, "people", &fields);
    assert_eq!((lookups, is_complete), (vec![("externalId".into(), "a".into())], false));
}

#[test]
fn linked_rows_that_a_list_left_out_are_asked_for_one_by_one() {
    let world = World::new().in_step("a").person("b", json!({})).link("b");
    let setting = world.compiled();
    let inputs = world.inputs(&setting);
    assert_eq!(crate::plan::questions::unlisted(setting.stream("people").unwrap(), &inputs["people"]), ["t-b"]);
    assert_eq!(world.clone().verdict("b"), ("create", "New"), "the target says that it is gone");
    let silent = world.with(|world| world.people.unanswered = ["t-b".to_owned()].into());
    assert_eq!(silent.verdict("b"), ("fail", "TargetUnknown"));
}

#[test]
fn absence_from_a_complete_read_disables_and_from_any_other_never_does() {
    let world = World::new().in_step("a").in_step("b").with(|world| {
        world.people.source.remove(0);
    });
    assert_eq!(world.verdict("a"), ("disable", "LeaverAbsent"));
    for proof in INCOMPLETE {
        let partial = world.clone().with(|world| world.people.source_proof = proof);
        assert_eq!(partial.verdict("a"), ("skip", "AbsenceUnproven"), "{proof:?}");
    }
    let kept = world.clone().with(|world| world.people.spec["leaver"]["onAbsence"] = json!("Keep"));
    assert_eq!(kept.verdict("a"), ("skip", "AbsentKept"));
}

#[test]
fn where_the_source_can_be_asked_its_own_not_found_is_needed_for_each_person() {
    let world = World::new().in_step("a").in_step("b").in_step("c").with(|world| {
        world.people.source.retain(|row| row.id == *"c");
        world.people.asks_by_id = true;
        world.people.silent_about = ["b".to_owned()].into();
    });
    assert_eq!(world.verdict("a"), ("disable", "LeaverAbsent"));
    assert_eq!(world.verdict("b"), ("skip", "AbsenceUnproven"));
    let setting = world.compiled();
    let asked = world.planned_with(|plan| {
        crate::plan::questions::absent(setting.stream("people").unwrap(), &plan.streams["people"], plan)
    });
    assert_eq!(asked, ["a", "b"]);
}

#[test]
fn an_absent_person_whose_row_could_not_be_read_whole_is_still_disabled() {
    let world = World::new().in_step("a").in_step("b").with(|world| {
        world.people.source.remove(0);
        break_row(target_row(world, "a"), &["name"]);
    });
    assert_eq!(world.verdict("a"), ("disable", "LeaverAbsent"));
}

#[test]
fn a_leaver_by_status_is_disabled_although_another_field_could_not_be_read() {
    let left = World::new().in_step("a").now_has("a", "status", json!("LEFT"));
    let world = left.clone().with(|world| break_row(source_row(world, "a"), &["email", "name"]));
    assert_eq!(world.verdict("a"), ("disable", "LeaverStatus"));
    let on_both_sides = world.with(|world| break_row(target_row(world, "a"), &["name"]));
    assert_eq!(on_both_sides.verdict("a"), ("disable", "LeaverStatus"));
    let without_status = left.with(|world| break_row(source_row(world, "a"), &["status"]));
    assert_eq!(without_status.verdict("a"), ("fail", "SourceUnreadable"));
}

#[test]
fn a_status_that_could_not_be_read_makes_nobody_a_leaver() {
    let world = World::new().in_step("a").with(|world| {
        world.people.spec["leaver"]["when"] = json!("source.status != 'ACTIVE'");
        break_row(source_row(world, "a"), &["status"]);
    });
    assert_eq!(world.verdict("a"), ("fail", "SourceUnreadable"));
}

#[test]
fn an_unreadable_person_is_neither_created_nor_changed() {
    let world = World::new().in_step("a").now_has("a", "name", json!("New")).person("new", json!({}));
    let world = world.with(|world| {
        break_row(source_row(world, "a"), &["email"]);
        break_row(source_row(world, "new"), &["lastDay"]);
    });
    for key in ["a", "new"] {
        assert_eq!(world.verdict(key), ("fail", "SourceUnreadable"), "{key}");
    }
}

#[test]
fn a_leaver_is_not_searched_for_by_an_expression_over_a_field_that_could_not_be_read() {
    // Without the name the expression gives the address of somebody else.
    let world = World::new().person("a", json!({"id": null, "status": "LEFT"})).existing("other").with(|world| {
        world.people.spec["fields"][1] =
            json!({"to": "userName", "expr": "(source.name == null ? 'other' : source.name) + '@example.org'"});
        break_row(source_row(world, "a"), &["name"]);
    });
    assert_eq!(world.verdict("a"), ("fail", "SourceUnreadable"));
}

#[test]
fn a_source_row_that_could_not_be_read_may_be_anybody_in_a_stream_of_mode_pull() {
    let world = World::new().existing("new").with(|world| {
        world.people.spec["mode"] = json!("Pull");
        world.people.spec["scope"] = json!("target.name != 'X'");
        world.people.spec["leaver"] = json!({});
    });
    let plan = world.plan();
    assert_eq!(plan.counts().created, 1);
    let unknown = world.person("other", json!({})).with(|world| break_row(source_row(world, "other"), &["email"]));
    let plan = unknown.plan();
    assert_eq!((plan.counts().created, plan.counts().failed), (0, 1));
}

fn with_placements(change: impl FnOnce(&mut super::world::Stream)) -> World {
    let mut stream = placements(&json!([{"when": "source.type == 'W'", "latest": "start"}, {"latest": "start"}]));
    stream.source.push(placement("s1", "a", "W", "2026-01-01"));
    stream.source.push(placement("s2", "a", "W", "2026-02-01"));
    stream.source.push(placement("s3", "a", "E", "2026-03-01"));
    change(&mut stream);
    World::new().in_step("a").with(|world| world.children.push(stream))
}

#[test]
fn of_several_records_of_one_parent_the_first_rule_with_a_hit_chooses_the_latest() {
    let plan = with_placements(|_| ()).plan();
    let stream = plan.streams.iter().find(|stream| stream.name == "placements").unwrap();
    let chosen: Vec<&str> = stream.entries.iter().map(|entry| entry.source_key.as_ref().unwrap().as_str()).collect();
    assert_eq!(chosen, ["s2"]);
    assert!(stream.out_of_scope.iter().all(|left_out| left_out.clause.starts_with("pick")));
    let fallback = with_placements(|stream| {
        stream.source.remove(1);
        stream.source.remove(0);
    });
    assert_eq!(super::rows::entry(&fallback.plan(), "placements", "s3").reason, "New");
}

#[test]
fn where_one_record_of_a_parent_could_not_be_read_nobody_chooses_among_the_others() {
    let with = |parent: Option<&str>| {
        with_placements(|stream| {
            break_row(&mut stream.source[1], &["start"]);
            stream.source[1].parent = parent.map(Into::into);
        })
    };
    for parent in [Some("a"), None] {
        let plan = with(parent).plan();
        for key in ["s1", "s2", "s3"] {
            assert_eq!(super::rows::entry(&plan, "placements", key).reason, "SourceUnreadable", "{key} {parent:?}");
        }
    }
    let elsewhere = with(Some("b")).plan();
    assert_eq!(super::rows::entry(&elsewhere, "placements", "s1").reason, "New");
}
