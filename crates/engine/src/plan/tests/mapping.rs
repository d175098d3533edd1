//! Values: maps, defaults, nulls, rules, references, differences.

use serde_json::{Value, json};

use super::World;
use super::rows::{entry, line_at, link, row, set_at, target_row};
use crate::model::{Entry, References};
use crate::names::Side;

/// What would be sent to the target.
#[track_caller]
fn sent(entry: &Entry) -> Value {
    set_at(entry, Side::Target)
}

fn references(entry: &Entry) -> References {
    line_at(entry, Side::Target).map(|line| line.references.clone()).unwrap_or_default()
}

fn key_of(entry: &Entry, field: &str) -> Option<String> {
    references(entry).get(field)?.key.as_ref().map(ToString::to_string)
}

/// A linked person in step but for `extra`, with one more mapping.
fn linked(field: Value, extra: Value) -> World {
    World::new().person("a", extra).existing("a").link("a").field(field)
}

#[test]
fn only_mapped_fields_that_differ_are_sent() {
    let world = World::new().in_step("a").now_has("a", "name", json!("New")).target_has("a", "gender", json!("M"));
    assert_eq!(sent(&world.entry("a")), json!({"name": "New"}));
    assert_eq!(world.entry("a").message, "differs in name");
    assert_eq!(json!(line_at(&world.entry("a"), Side::Target).unwrap().before), json!({"name": "Name a"}));
    let blank = World::new().in_step("a").now_has("a", "name", json!("Name a  "));
    assert_eq!(blank.verdict("a"), ("unchanged", "Unchanged"));
}

#[test]
fn an_empty_value_keeps_or_clears_as_the_mapping_says() {
    let with = |on_null: &str| {
        let field = json!({"to": "gender", "from": "gender", "onNull": on_null});
        linked(field, json!({})).target_has("a", "gender", json!("F"))
    };
    assert_eq!(sent(&with("Keep").entry("a")), json!({}));
    assert_eq!(sent(&with("Clear").entry("a")), json!({"gender": null}));
}

#[test]
fn a_default_is_sent_for_an_empty_value_and_listed() {
    let entry =
        World::new().person("a", json!({})).field(json!({"to": "gender", "from": "gender", "default": "F"})).entry("a");
    assert_eq!(sent(&entry)["gender"], json!("F"));
    assert_eq!(entry.defaulted, ["gender"]);
}

#[test]
fn a_value_map_translates_and_holds_skips_or_passes_what_it_does_not_name() {
    let with = |gender: &str, on_unmapped: &str| {
        let values = json!([{"from": "FEMALE", "to": "F"}, {"from": "NONE", "to": null}]);
        let field = json!({"to": "gender", "from": "gender", "values": values, "onUnmapped": on_unmapped});
        World::new().person("a", json!({"gender": gender})).field(field)
    };
    assert_eq!(sent(&with("FEMALE", "Hold").entry("a"))["gender"], json!("F"));
    assert_eq!(sent(&with("NONE", "Hold").entry("a")).get("gender"), None);
    let held = with("X", "Hold");
    assert_eq!(held.held("a"), Some("ValueUnmapped"));
    assert!(held.plan().unmapped_fields.contains("gender"));
    assert_eq!(held.plan().held.unwrap().create, 1);
    let skipped = with("X", "Skip");
    assert_eq!((skipped.held("a"), sent(&skipped.entry("a")).get("gender")), (None, None));
    assert_eq!(sent(&with("M", "Pass").entry("a"))["gender"], json!("M"));
    assert_eq!(with("X", "Pass").verdict("a"), ("fail", "ValueInvalid"));
}

#[test]
fn a_record_whose_only_change_is_an_unmapped_value_is_held_but_cannot_be_approved() {
    let values = json!([{"from": "FEMALE", "to": "F"}]);
    let world = linked(json!({"to": "gender", "from": "gender", "values": values}), json!({"gender": "X"}));
    assert_eq!(world.held("a"), Some("ValueUnmapped"));
    assert_eq!((world.plan().counts().held, world.plan().counts().unchanged), (1, 0));
    assert_eq!(world.planned().proposal, None, "the value has to be mapped first");
}

#[test]
fn a_field_for_creation_only_is_never_changed_and_cannot_fail_an_existing_record() {
    let field = json!({"to": "gender", "from": "gender", "apply": "OnCreate"});
    assert_eq!(linked(field.clone(), json!({"gender": "F"})).verdict("a"), ("unchanged", "Unchanged"));
    assert_eq!(linked(field.clone(), json!({"gender": "wrong"})).verdict("a"), ("unchanged", "Unchanged"));
    assert_eq!(sent(&World::new().person("a", json!({"gender": "F"})).field(field).entry("a"))["gender"], json!("F"));
}

#[test]
fn values_are_turned_into_the_targets_types_or_fail_with_the_fields_name() {
    let field = json!({"to": "grade", "from": "grade"});
    assert_eq!(sent(&linked(field.clone(), json!({"grade": "7"})).entry("a")), json!({"grade": 7}));
    let wrong = linked(field, json!({"grade": "seven"})).entry("a");
    assert_eq!((wrong.reason, wrong.message.contains("'grade'")), ("ValueInvalid", true));
    assert!(!wrong.message.contains("seven"), "messages hold no values");
    let born = |value: &str, formats: Value| {
        linked(json!({"to": "born", "from": "born"}), json!({"born": value}))
            .with(|world| world.parsing = json!({"dateFormats": formats}))
    };
    assert_eq!(sent(&born("31.12.1990", json!(["DD.MM.YYYY"])).entry("a")), json!({"born": "1990-12-31"}));
    assert_eq!(born("31.12.1990", json!([])).verdict("a"), ("fail", "DateInvalid"));
    assert_eq!(born("01/02/1990", json!(["DD/MM/YYYY", "MM/DD/YYYY"])).verdict("a"), ("fail", "DateAmbiguous"));
}

#[test]
fn a_value_that_breaks_a_rule_fails_its_record_and_no_other() {
    let world = World::new().in_step("a").in_step("b").now_has("a", "name", json!("far too long a name"));
    assert_eq!(world.verdict("a"), ("fail", "ValueInvalid"));
    assert_eq!(world.verdict("b"), ("unchanged", "Unchanged"));
}

#[test]
fn a_required_value_that_is_missing_fails_a_create_but_not_a_record_that_keeps_its_own() {
    assert_eq!(World::new().person("a", json!({"email": null})).verdict("a"), ("fail", "RequiredFieldEmpty"));
    let existing = World::new().person("a", json!({"email": null})).existing("a").link("a");
    assert_eq!(existing.verdict("a"), ("unchanged", "Unchanged"));
}

#[test]
fn an_expression_that_fails_for_a_record_fails_it_by_name() {
    let entry = linked(json!({"to": "grade", "expr": "int(source.grade)"}), json!({"grade": "x"})).entry("a");
    assert_eq!((entry.reason, entry.message.contains("fields[grade].expr")), ("ExpressionFailed", true));
}

#[test]
fn references_are_found_through_links_matches_and_planned_creates() {
    let world = World::new()
        .person("new", json!({"boss": "boss", "centre": "c1"}))
        .in_step("boss")
        .person("second", json!({"boss": "new"}))
        .with(|world| world.centres.source.push(row("c1", json!({"id": "c1"}))));
    let of_new = world.entry("new");
    assert_eq!(key_of(&of_new, "manager").as_deref(), Some("boss"));
    assert_eq!(references(&of_new)["centre"].stream, "costCentres");
    assert_eq!(key_of(&world.entry("second"), "manager").as_deref(), Some("new"));
}

#[test]
fn a_reference_that_is_as_wanted_is_no_change() {
    let world = World::new().in_step("a").in_step("b").now_has("a", "boss", json!("b"));
    let world = world.target_has("a", "manager", json!("t-b"));
    assert_eq!(world.verdict("a"), ("unchanged", "Unchanged"));
    let moved = world.now_has("a", "boss", json!("c")).in_step("c");
    assert_eq!(key_of(&moved.entry("a"), "manager").as_deref(), Some("c"));
}

#[test]
fn a_reference_that_cannot_be_resolved_or_points_at_the_record_itself_is_left_out_and_said() {
    let world = World::new().person("a", json!({"boss": "nobody"})).person("b", json!({"boss": "b"}));
    for key in ["a", "b"] {
        let entry = world.entry(key);
        assert!(references(&entry).is_empty());
        assert_eq!(entry.reason, "New");
        assert!(entry.message.contains("ReferenceUnresolved"), "{}", entry.message);
    }
}

#[test]
fn a_reference_to_a_record_of_a_stream_outside_the_run_resolves_by_its_link() {
    let world = World::new().person("a", json!({"centre": "c9"})).with(|world| {
        world.centres.links.push(link("costCentres", "c9", "t9"));
        world.centres.target.push(row("t9", json!({"name": "c9"})));
    });
    assert_eq!(key_of(&world.entry("a"), "centre").as_deref(), Some("c9"));
}

#[test]
fn an_empty_reference_is_cleared_only_when_the_mapping_says_so() {
    let world = World::new().in_step("a").in_step("b").target_has("a", "manager", json!("t-b"));
    assert_eq!(world.verdict("a"), ("unchanged", "Unchanged"));
    let cleared = world.with(|world| world.people.spec["fields"][3]["onNull"] = json!("Clear"));
    assert_eq!(cleared.verdict("a"), ("update", "Changed"));
    let entry = cleared.entry("a");
    assert!(references(&entry).contains_key("manager") || sent(&entry) == json!({"manager": null}));
    assert_eq!(key_of(&entry, "manager"), None);
}

#[test]
fn a_reference_to_a_record_that_waits_is_left_out_until_it_is_approved() {
    let world = World::new().person("new", json!({})).person("more", json!({})).in_step("a");
    let world = world.with(|world| world.guard.max_creates = Some(1)).now_has("a", "boss", json!("new"));
    assert_eq!(world.verdict("a"), ("unchanged", "Unchanged"));
    assert!(world.entry("a").message.contains("ReferenceUnresolved"));
    let proposal = world.proposal();
    let released = world.releasing(&proposal).plan();
    assert_eq!(entry(&released, "people", "new").held, None);
}

#[test]
fn a_value_that_the_target_keeps_in_another_form_is_sent_twice_and_then_left() {
    let mut world = World::new().in_step("a").now_has("a", "name", json!("Ann"));
    for _ in 0..2 {
        let entry = world.entry("a");
        assert_eq!(sent(&entry), json!({"name": "Ann"}));
        world.people.links[0].agreed = entry.memory.unwrap().agreed;
        world = world.target_has("a", "name", json!("ANN."));
    }
    assert_eq!(world.verdict("a"), ("unchanged", "Unchanged"));
    assert_eq!(world.clone().now_has("a", "name", json!("Bea")).verdict("a"), ("update", "Changed"));
    assert_eq!(world.target_has("a", "name", json!("Eve")).verdict("a"), ("update", "Changed"));
}

#[test]
fn what_is_shown_of_a_person_has_no_field_whose_value_is_wrong() {
    let world = linked(json!({"to": "grade", "from": "grade"}), json!({"grade": "seven", "boss": "b"}));
    let shown = crate::plan::projection(&world.compiled(), "people", &world.people.source[0]);
    let wanted = json!({"externalId": "a", "userName": "a@example.org", "name": "Name a", "manager": "b"});
    assert_eq!(json!(shown), wanted);
    assert!(!format!("{:?}", target_row(&mut world.clone(), "a")).contains("example.org"));
}
