//! Scope, leavers, absence, requests: what happens to a record.

use serde_json::json;

use super::World;
use super::rows::{break_row, line_at, set_at, source_row, target_row};
use crate::model::{Operation, ReadProof};
use crate::names::Side;
use rollcall_api::v1alpha1::{Action, SyncMode};

const DAY_29_BEFORE: &str = "2026-05-16T12:00:01Z";
const DAY_30_BEFORE: &str = "2026-05-16T12:00:00Z";

fn disabled(world: World, key: &str, since: Option<&str>) -> World {
    world.with(|world| {
        target_row(world, key).active = false;
        let id = format!("t-{key}");
        let link = world.people.links.iter_mut().find(|link| link.target_id == *id).unwrap();
        link.disabled_at = since.map(|since| since.parse().unwrap());
    })
}

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
    let world = World::new().in_step("a").with(|world| world.people.spec["scope"] = json!("int(source.kind) > 1"));
    assert_eq!(world.verdict("a"), ("fail", "ExpressionFailed"));
}

#[test]
fn a_leaver_by_status_is_disabled_once_and_never_created() {
    let left = json!({"status": "LEFT"});
    let world = World::new().person("a", left.clone()).existing("a").link("a").person("n", left);
    assert_eq!(world.verdict("a"), ("disable", "LeaverStatus"));
    assert_eq!(line_at(&world.entry("a"), Side::Target).unwrap().active_before, Some(true));
    assert_eq!(world.verdict("n"), ("skip", "NotInTarget"));
    let again = world.with(|world| target_row(world, "a").active = false);
    assert_eq!(again.verdict("a"), ("unchanged", "Unchanged"));
}

#[test]
fn a_suspension_after_somebody_enabled_what_rollcall_had_disabled_stands() {
    let world = disabled(World::new().in_step("a"), "a", Some(DAY_29_BEFORE));
    assert_eq!(world.verdict("a"), ("enable", "Returned"));
    let enabled = world.with(|world| target_row(world, "a").active = true);
    assert_eq!(enabled.verdict("a"), ("unchanged", "Unchanged"));
    let suspended = enabled.remembered().with(|world| target_row(world, "a").active = false);
    assert_eq!(suspended.verdict("a"), ("unchanged", "SuspendedInTarget"));
}

#[test]
fn an_unlinked_leaver_is_found_by_the_match_rules() {
    let world = World::new().person("a", json!({"status": "LEFT"})).existing("a");
    assert_eq!(world.verdict("a"), ("disable", "LeaverStatus"));
    assert!(world.entry("a").links);
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
fn a_day_whose_midnight_does_not_exist_begins_when_the_clock_goes_on() {
    // Summer time in Cairo began at the midnight before 24 April 2026: 00:00 became 01:00 (UTC+3).
    let world = World::new().person("a", json!({"lastDay": "2026-04-23"})).with(|world| {
        world.zone = "Africa/Cairo";
        world.now = "2026-04-23T12:00:00Z".parse().unwrap();
    });
    assert_eq!(world.plan().next_due, Some("2026-04-23T22:00:00Z".parse().unwrap()));
}

#[test]
fn a_leaving_day_that_is_no_day_fails_the_record_and_does_not_outweigh_a_status() {
    let world = World::new().person("a", json!({"lastDay": "31/06/2026"})).existing("a").link("a");
    assert_eq!(world.verdict("a"), ("fail", "DateInvalid"));
    assert_eq!(world.now_has("a", "status", json!("LEFT")).verdict("a"), ("disable", "LeaverStatus"));
}

#[test]
fn a_status_that_cannot_be_evaluated_does_not_outweigh_a_leaving_day() {
    let world = World::new().in_step("a").with(|world| {
        world.people.spec["leaver"]["when"] = json!("int(source.status) > 1");
    });
    assert_eq!(world.verdict("a"), ("fail", "ExpressionFailed"));
    assert_eq!(world.now_has("a", "lastDay", json!("2026-06-14")).verdict("a"), ("disable", "LeaverLastDay"));
}

#[test]
fn a_linked_record_out_of_scope_is_disabled_or_kept_as_the_setting_says() {
    let world = World::new().person("a", json!({"kind": "X"})).existing("a").link("a");
    assert_eq!(world.verdict("a"), ("disable", "LeaverOutOfScope"));
    let kept = world.with(|world| world.people.spec["leaver"]["onOutOfScope"] = json!("Keep"));
    assert_eq!(kept.plan().counts().out_of_scope, 1);
    assert_eq!(kept.plan().counts().considered, 0);
}

#[test]
fn a_selected_record_out_of_scope_is_shown_as_not_eligible() {
    let world = World::new().person("a", json!({"kind": "X"})).existing("a").link("a").in_step("b");
    let world = world.with(|world| {
        world.people.source_proof = ReadProof::Selected;
        world.people.source.pop();
    });
    assert_eq!(world.verdict("a"), ("skip", "NotEligible"));
    assert_eq!(world.plan().counts().considered, 1, "a selected read says nothing about others");
}

#[test]
fn a_key_that_was_asked_for_and_is_not_there_has_an_outcome() {
    let world = World::new().in_step("a").with(|world| {
        world.people.source_proof = ReadProof::Selected;
        world.people.requested = vec!["a".into(), "nobody".into()];
    });
    assert_eq!(world.verdict("nobody"), ("fail", "NotInSource"));
    assert_eq!(world.verdict("a"), ("unchanged", "Unchanged"));
    assert_eq!(world.plan().counts().considered, 2);
}

#[test]
fn a_run_for_some_kinds_of_write_leaves_the_others_to_the_next() {
    let world = World::new()
        .person("new", json!({}))
        .in_step("changed")
        .now_has("changed", "name", json!("Changed"))
        .in_step("left")
        .now_has("left", "status", json!("LEFT"));
    let only = |actions: &[Action]| world.clone().with(|world| world.actions = actions.to_vec());
    let creates = only(&[Action::Create]);
    assert_eq!(creates.verdict("new"), ("create", "New"));
    for key in ["changed", "left"] {
        assert_eq!(creates.verdict(key), ("skip", "ActionNotSelected"), "{key}");
        assert_eq!(creates.entry(key).memory, None, "what was not done is not remembered as done");
    }
    let leavers = only(&[Action::Disable, Action::Delete]);
    assert_eq!(leavers.verdict("left"), ("disable", "LeaverStatus"));
    assert_eq!(leavers.plan().counts().skipped, 2);
}

#[test]
fn an_unreadable_record_fails_and_is_not_absent() {
    let world = World::new().in_step("a").in_step("b").with(|world| break_row(source_row(world, "a"), &[]));
    assert_eq!(world.verdict("a"), ("fail", "SourceUnreadable"));
    assert_eq!(world.plan().counts().read, 2);
}

#[test]
fn a_leaver_is_deleted_only_after_the_grace_period_and_only_when_rollcall_disabled_it() {
    let with = |since| {
        let world = World::new().in_step("a").now_has("a", "status", json!("LEFT"));
        disabled(world, "a", since).with(|world| world.people.spec["actions"] = json!({"delete": true}))
    };
    assert_eq!(with(Some(DAY_30_BEFORE)).verdict("a"), ("delete", "GracePeriodEnded"));
    assert_eq!(with(Some(DAY_29_BEFORE)).verdict("a"), ("unchanged", "Unchanged"));
    assert_eq!(with(None).verdict("a"), ("unchanged", "Unchanged"), "disabled by somebody else");
    let off = with(Some(DAY_30_BEFORE)).with(|world| world.people.spec["actions"] = json!({}));
    assert_eq!(off.verdict("a"), ("unchanged", "Unchanged"));
}

#[test]
fn a_system_that_cannot_disable_deletes_at_once_where_the_setting_allows_it() {
    let world = World::new().in_step("a").now_has("a", "status", json!("LEFT")).with(|world| {
        world.can_disable = false;
        world.people.spec["actions"] = json!({"delete": true});
        world.people.spec["leaver"]["deleteAfterDays"] = json!(0);
    });
    assert_eq!(world.verdict("a"), ("delete", "LeaverStatus"));
    let off = world.with(|world| world.people.spec["actions"] = json!({"disable": false}));
    assert_eq!(off.verdict("a"), ("skip", "ActionDisabled"));
}

#[test]
fn a_person_who_returns_is_enabled_again_with_what_has_changed() {
    let world = disabled(World::new().in_step("a"), "a", Some(DAY_30_BEFORE)).now_has("a", "name", json!("New"));
    assert_eq!(world.verdict("a"), ("enable", "Returned"));
    assert_eq!(set_at(&world.entry("a"), Side::Target), json!({"name": "New"}));
    assert_eq!(world.entry("a").action(), Some(Action::Update));
}

#[test]
fn an_administrators_suspension_is_not_undone_but_fields_are_kept_in_step() {
    let world = disabled(World::new().in_step("a"), "a", None);
    assert_eq!(world.verdict("a"), ("unchanged", "SuspendedInTarget"));
    let changed = world.now_has("a", "name", json!("New"));
    assert_eq!(changed.verdict("a"), ("update", "Changed"));
    assert_eq!(line_at(&changed.entry("a"), Side::Target).unwrap().operation, Operation::Update);
}

#[test]
fn mode_create_only_never_touches_what_exists() {
    let world = World::new()
        .in_step("left")
        .now_has("left", "status", json!("LEFT"))
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
fn mode_create_only_says_so_when_a_link_is_disputed() {
    let world = World::new().in_step("a").with(|world| {
        world.mode = SyncMode::CreateOnly;
        world.people.claimed = ["t-a".to_owned()].into();
    });
    assert_eq!(world.verdict("a"), ("conflict", "ClaimedBySetting"));
}

#[test]
fn a_stream_that_only_matches_links_and_writes_nothing() {
    let world = World::new()
        .person("new", json!({}))
        .person("found", json!({"name": "New"}))
        .existing("found")
        .in_step("left")
        .now_has("left", "status", json!("LEFT"))
        .existing("absent")
        .link("absent")
        .with(|world| world.people.spec["mode"] = json!("MatchOnly"));
    assert_eq!(world.verdict("new"), ("skip", "NoMatchSkipped"));
    for key in ["found", "left", "absent"] {
        assert_eq!(world.verdict(key), ("unchanged", "Unchanged"), "{key}");
    }
    assert!(world.entry("found").links);
}

#[test]
fn an_action_that_is_switched_off_is_skipped_and_named() {
    let off = json!({"create": false, "update": false, "disable": false});
    let world = World::new()
        .person("new", json!({}))
        .in_step("changed")
        .now_has("changed", "name", json!("New"))
        .in_step("left")
        .now_has("left", "status", json!("LEFT"))
        .with(|world| world.people.spec["actions"] = off);
    for (key, action) in [("new", "create"), ("changed", "update"), ("left", "disable")] {
        assert_eq!(world.verdict(key), ("skip", "ActionDisabled"));
        assert!(world.entry(key).message.contains(&format!("actions.{action} is false")));
    }
}

#[test]
fn a_key_that_is_delivered_twice_fails_rather_than_being_written_twice() {
    let world = World::new().in_step("a").person("a", json!({"name": "Other", "status": "LEFT"}));
    assert_eq!(world.verdict("a"), ("fail", "SourceUnreadable"));
    assert_eq!(world.plan().counts().updated + world.plan().counts().disabled, 0);
}

#[test]
fn a_link_whose_rows_are_both_gone_is_dropped() {
    let world = World::new().in_step("b").link("a");
    assert_eq!(world.verdict("a"), ("skip", "AlreadyGone"));
    assert!(world.entry("a").drops_link);
    let unanswered = world.with(|world| world.people.unanswered = ["t-a".to_owned()].into());
    assert_eq!(unanswered.verdict("a"), ("fail", "TargetUnknown"));
    assert!(!unanswered.entry("a").drops_link);
}

#[test]
fn a_record_that_a_run_of_type_undo_left_waits_until_somebody_approves_it() {
    let undone = |world: World| world.with(|world| world.people.links[0].undone = Some("run".into()));
    let changed = undone(World::new().in_step("a").now_has("a", "name", json!("New")));
    assert_eq!(changed.held("a"), Some("Undone"));
    let gone = undone(World::new().in_step("a").in_step("b")).with(|world| {
        world.people.source.remove(0);
    });
    assert_eq!((gone.verdict("a").0, gone.held("a")), ("disable", Some("Undone")));
    let proposal = changed.proposal();
    assert_eq!(changed.releasing(&proposal).held("a"), None);
}
