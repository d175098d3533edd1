//! Scope, leavers, absence: what happens to a record.

use serde_json::json;

use super::{World, link};
use crate::model::{ReadProof, Verdict};
use rollcall_api::v1alpha1::SyncMode;

#[test]
fn a_new_person_is_created_and_one_in_step_is_unchanged() {
    let world = World::new().person("n", json!({})).in_step("a");
    assert_eq!(world.verdict("n"), ("create", "New"));
    assert_eq!(world.verdict("a"), ("unchanged", "Unchanged"));
}

#[test]
fn a_record_out_of_scope_keeps_the_clause_that_was_false() {
    let plan = World::new().person("x", json!({"kind": "X"})).person("h", json!({"status": "HIDDEN"})).plan();
    let people = &plan.streams[1];
    let clauses: Vec<&str> = people.out_of_scope.iter().map(|left_out| left_out.clause.as_str()).collect();
    assert_eq!(clauses, ["source.status != 'HIDDEN'", "source.kind != 'X'"]);
    assert!(people.entries.is_empty());
}

#[test]
fn a_scope_that_cannot_be_evaluated_fails_the_record_and_drops_nobody() {
    let world = World::new().in_step("a").with(|world| world.people["scope"] = json!("int(source.kind) > 1"));
    assert_eq!(world.verdict("a"), ("fail", "ExpressionFailed"));
}

#[test]
fn a_leaver_by_status_is_disabled_once_and_never_created() {
    let left = json!({"status": "LEFT"});
    let world = World::new().person("a", left.clone()).existing("a").link("a").person("n", left);
    assert_eq!(world.verdict("a"), ("disable", "LeaverStatus"));
    assert_eq!(world.verdict("n"), ("skip", "NotInTarget"));
    let again = world.with(|world| world.target[0].active = false);
    assert_eq!(again.verdict("a"), ("unchanged", "Unchanged"));
}

#[test]
fn an_unlinked_leaver_is_found_by_the_match_rules() {
    let world = World::new().person("a", json!({"status": "LEFT"})).existing("a");
    assert_eq!(world.verdict("a"), ("disable", "LeaverStatus"));
    assert!(world.entry("a").new_link);
}

#[test]
fn a_leaving_day_takes_effect_at_the_start_of_the_next_day_in_the_zone() {
    let at = |now: &str| {
        let world = World::new().person("a", json!({"lastDay": "2026-06-15"})).existing("a").link("a");
        world.with(|world| world.now = now.parse().unwrap())
    };
    let before = at("2026-06-15T21:59:59Z");
    assert_eq!(before.verdict("a"), ("unchanged", "Unchanged"));
    assert_eq!(before.plan().next_due, Some("2026-06-15T22:00:00Z".parse().unwrap()));
    let after = at("2026-06-15T22:00:00Z");
    assert_eq!(after.verdict("a"), ("disable", "LeaverLastDay"));
    assert_eq!(after.plan().next_due, None);
}

#[test]
fn the_next_due_time_is_the_earliest_of_those_that_matter() {
    let world = World::new()
        .person("a", json!({"lastDay": "2026-07-31"}))
        .person("b", json!({"lastDay": "2026-06-30"}))
        .person("left-out", json!({"lastDay": "2026-06-20", "kind": "X"}));
    assert_eq!(world.plan().next_due, Some("2026-06-30T22:00:00Z".parse().unwrap()));
}

#[test]
fn a_leaving_day_that_is_no_day_fails_the_record() {
    let world = World::new().person("a", json!({"lastDay": "31/06/2026"})).existing("a").link("a");
    assert_eq!(world.verdict("a"), ("fail", "DateInvalid"));
}

#[test]
fn a_linked_record_out_of_scope_is_disabled_or_kept_as_the_setting_says() {
    let world = World::new().person("a", json!({"kind": "X"})).existing("a").link("a");
    assert_eq!(world.verdict("a"), ("disable", "LeaverOutOfScope"));
    let kept = world.with(|world| world.people["leaver"]["onOutOfScope"] = json!("Keep"));
    assert_eq!(kept.plan().counts().out_of_scope, 1);
    assert_eq!(kept.plan().counts().considered, 0);
}

#[test]
fn a_selected_record_out_of_scope_is_shown_as_not_eligible() {
    let world = World::new().person("a", json!({"kind": "X"})).existing("a").link("a").in_step("b");
    let world = world.with(|world| {
        world.proof = ReadProof::Selected;
        world.source.pop();
    });
    assert_eq!(world.verdict("a"), ("skip", "NotEligible"));
    assert_eq!(world.plan().counts().considered, 1, "a selected read says nothing about others");
}

#[test]
fn absence_from_a_complete_read_disables_and_from_any_other_never_does() {
    let world = World::new().in_step("a").in_step("b").with(|world| {
        world.source.remove(0);
    });
    assert_eq!(world.verdict("a"), ("disable", "LeaverAbsent"));
    for proof in [ReadProof::ReadsDisagree, ReadProof::TotalDisagrees, ReadProof::LimitReached] {
        let partial = world.clone().with(|world| world.proof = proof);
        assert_eq!(partial.verdict("a"), ("skip", "AbsenceUnproven"));
    }
    let kept = world.clone().with(|world| world.people["leaver"]["onAbsence"] = json!("Keep"));
    assert_eq!(kept.verdict("a"), ("skip", "AbsentKept"));
    let gone = world.with(|world| {
        world.target.remove(0);
    });
    assert_eq!(gone.verdict("a"), ("skip", "AlreadyGone"));
}

#[test]
fn an_unreadable_record_fails_and_is_not_absent() {
    let world = World::new().in_step("a").in_step("b").with(|world| {
        world.source.remove(0);
        world.unreadable.push("a".into());
    });
    assert_eq!(world.verdict("a"), ("fail", "SourceUnreadable"));
    assert_eq!(world.plan().counts().read, 2);
}

#[test]
fn a_leaver_is_deleted_only_after_the_grace_period_and_only_when_rollcall_disabled_it() {
    let world = World::new().person("a", json!({"status": "LEFT"})).existing("a").with(|world| {
        world.target[0].active = false;
        world.people["actions"] = json!({"delete": true});
        let mut link = link("people", "a", "t-a");
        link.disabled_at = Some("2026-05-16T12:00:00Z".parse().unwrap());
        world.links.push(link);
    });
    assert_eq!(world.verdict("a"), ("delete", "GracePeriodEnded"));
    let early = world.clone().with(|world| world.links[0].disabled_at = Some("2026-05-16T12:00:01Z".parse().unwrap()));
    assert_eq!(early.verdict("a"), ("unchanged", "Unchanged"));
    let by_hand = world.clone().with(|world| world.links[0].disabled_at = None);
    assert_eq!(by_hand.verdict("a"), ("unchanged", "Unchanged"));
    let off = world.with(|world| world.people["actions"] = json!({}));
    assert_eq!(off.verdict("a"), ("unchanged", "Unchanged"));
}

#[test]
fn a_person_who_returns_is_enabled_again_with_what_has_changed() {
    let world = World::new().in_step("a").with(|world| {
        world.target[0].active = false;
        world.source[0].1["name"] = json!("New");
    });
    let entry = world.entry("a");
    assert_eq!(entry.reason, "Returned");
    let Verdict::Update { changes, enable: true, .. } = entry.verdict else { panic!("{entry:?}") };
    assert_eq!(changes.0.keys().collect::<Vec<_>>(), ["name"]);
}

#[test]
fn mode_create_only_never_touches_what_exists() {
    let world = World::new()
        .person("left", json!({"status": "LEFT"}))
        .existing("left")
        .link("left")
        .person("changed", json!({"name": "New"}))
        .existing("changed")
        .person("sent", json!({}))
        .link("sent")
        .link("absent")
        .person("new", json!({}))
        .with(|world| world.mode = SyncMode::CreateOnly);
    for key in ["left", "changed", "sent", "absent"] {
        assert_eq!(world.verdict(key), ("unchanged", "Exists"), "{key}");
    }
    assert_eq!(world.verdict("new"), ("create", "New"));
}

#[test]
fn an_action_that_is_switched_off_is_skipped_and_named() {
    let off = json!({"create": false, "update": false, "disable": false});
    let world = World::new()
        .person("new", json!({}))
        .person("changed", json!({"name": "New"}))
        .existing("changed")
        .link("changed")
        .person("left", json!({"status": "LEFT"}))
        .existing("left")
        .link("left")
        .with(|world| world.people["actions"] = off);
    for (key, action) in [("new", "create"), ("changed", "update"), ("left", "disable")] {
        assert_eq!(world.verdict(key), ("skip", "ActionDisabled"));
        assert!(world.entry(key).message.contains(&format!("actions.{action} is false")));
    }
}

#[test]
fn a_day_whose_midnight_does_not_exist_begins_when_the_clock_goes_on() {
    // Summer time in Cairo began at the midnight before 24 April 2026: 00:00 became 01:00 (UTC+3).
    let world = World::new().person("a", json!({"lastDay": "2026-04-23"})).with(|world| {
        world.zone = "Africa/Cairo";
        world.now = "2026-04-23T12:00:00Z".parse().unwrap();
    });
    assert_eq!(world.plan().next_due, Some("2026-04-23T22:00:00Z".parse().unwrap()));
}

#[test]
fn a_key_that_is_delivered_twice_fails_rather_than_being_written_twice() {
    let world = World::new().in_step("a").person("a", json!({"name": "Other", "status": "LEFT"}));
    assert_eq!(world.plan().counts().failed, 2);
    assert_eq!(world.plan().counts().considered, 2);
    assert_eq!(world.verdict("a"), ("fail", "SourceUnreadable"));
}
