//! Which target record a source record is.

use serde_json::json;

use super::{World, link, record};
use crate::model::Verdict;

#[test]
fn the_stored_link_wins_over_every_rule() {
    let world = World::new().person("a", json!({})).existing("a").with(|world| {
        world.target.push(record("other", &json!({"userName": "someone@example.org"})));
        world.links.push(link("people", "a", "other"));
    });
    assert_eq!(world.entry("a").target_id.as_deref(), Some("other"));
}

#[test]
fn the_first_rule_with_a_hit_links_and_case_counts_only_where_the_schema_says_so() {
    let world = World::new().person("a", json!({})).with(|world| {
        world.target.push(record("t", &json!({"userName": "A@Example.org ", "name": "Name a"})));
    });
    let entry = world.entry("a");
    assert_eq!((entry.target_id.as_deref(), entry.new_link), (Some("t"), true));
    let Verdict::Update { changes, .. } = entry.verdict else { panic!("{entry:?}") };
    assert_eq!(changes.0.keys().collect::<Vec<_>>(), ["externalId"], "userName differs in case only");
    let other = World::new().person("a", json!({"email": "z@example.org"})).with(|world| {
        world.target.push(record("t", &json!({"externalId": "A"})));
    });
    assert_eq!(other.verdict("a"), ("create", "New"));
}

#[test]
fn several_hits_are_a_conflict() {
    let world = World::new().person("a", json!({})).existing("a").with(|world| {
        world.target.push(record("t2", &json!({"externalId": "a"})));
    });
    assert_eq!(world.verdict("a"), ("conflict", "SeveralMatches"));
}

#[test]
fn a_target_record_that_is_linked_to_another_key_is_not_taken() {
    let world = World::new().person("a", json!({})).existing("a").person("b", json!({})).with(|world| {
        world.links.push(link("people", "b", "t-a"));
    });
    assert_eq!(world.verdict("a"), ("conflict", "ClaimedByAnother"));
}

#[test]
fn a_target_record_with_another_stronger_identifier_is_not_taken() {
    let world = World::new().person("a", json!({})).with(|world| {
        world.target.push(record("t", &json!({"externalId": "z", "userName": "a@example.org"})));
    });
    assert_eq!(world.verdict("a"), ("conflict", "ClaimedByAnother"));
}

#[test]
fn two_source_records_that_match_one_target_record_are_both_conflicts() {
    let same = json!({"email": "same@example.org"});
    let world = World::new().person("a", same.clone()).person("b", same).with(|world| {
        world.target.push(record("t", &json!({"userName": "same@example.org"})));
    });
    assert_eq!(world.verdict("a"), ("conflict", "MatchedTwice"));
    assert_eq!(world.verdict("b"), ("conflict", "MatchedTwice"));
}

#[test]
fn two_links_to_one_target_record_are_conflicts_and_nobody_is_locked_out() {
    let world = World::new().in_step("a").with(|world| world.links.push(link("people", "old", "t-a")));
    assert_eq!(world.verdict("old"), ("conflict", "ClaimedByAnother"));
    assert_eq!(world.verdict("a"), ("conflict", "ClaimedByAnother"));
}

#[test]
fn an_empty_value_skips_its_rule() {
    let world = World::new().person("a", json!({"id": " "})).with(|world| {
        world.target.push(record("blank", &json!({"externalId": "", "userName": "b@example.org"})));
        world.target.push(record("t", &json!({"userName": "a@example.org", "name": "Name a"})));
    });
    assert_eq!(world.entry("a").target_id.as_deref(), Some("t"));
}

#[test]
fn a_link_to_a_record_that_is_gone_falls_through_to_the_rules_and_then_to_a_create() {
    let gone = World::new().person("a", json!({})).link("a");
    assert_eq!(gone.verdict("a"), ("create", "New"));
    let moved = gone.clone().with(|world| world.target.push(record("t2", &json!({"externalId": "a"}))));
    let entry = moved.entry("a");
    assert_eq!((entry.target_id.as_deref(), entry.new_link), (Some("t2"), true));
    let unknown = gone.with(|world| world.target_complete = false);
    assert_eq!(unknown.verdict("a"), ("fail", "TargetUnknown"));
}

#[test]
fn no_match_in_an_incomplete_target_is_not_absence() {
    let world = World::new().person("a", json!({})).with(|world| world.target_complete = false);
    assert_eq!(world.verdict("a"), ("fail", "TargetUnknown"));
}

#[test]
fn without_a_match_the_setting_decides() {
    let with =
        |choice: &str| World::new().person("a", json!({})).with(|world| world.people["onNoMatch"] = json!(choice));
    assert_eq!(with("Skip").verdict("a"), ("skip", "NoMatchSkipped"));
    let held = with("Hold").entry("a");
    assert_eq!(held.held, Some("NoMatchHeld"));
    assert!(matches!(held.verdict, Verdict::Create { .. }));
}
