//! Values: maps, defaults, nulls, rules, references, differences.

use serde_json::{Value, json};

use super::{World, link, record};
use crate::model::{Entry, References, Verdict};

#[track_caller]
fn changes(entry: &Entry) -> Value {
    match &entry.verdict {
        Verdict::Create { fields, .. } => json!(fields),
        Verdict::Update { changes, .. } => json!(changes),
        Verdict::Unchanged => json!({}),
        other => panic!("{other:?}: {}", entry.message),
    }
}

#[track_caller]
fn references(entry: &Entry) -> References {
    match &entry.verdict {
        Verdict::Create { references, .. } | Verdict::Update { references, .. } => references.clone(),
        _ => References::new(),
    }
}

/// A linked person in step but for `extra`, with one more mapping.
fn linked(field: Value, extra: Value) -> World {
    World::new().person("a", extra).existing("a").link("a").field(field)
}

#[test]
fn only_mapped_fields_that_differ_are_sent() {
    let world = World::new().in_step("a").with(|world| {
        world.source[0].1["name"] = json!("New");
        world.target[0].fields.0.insert("gender".into(), json!("M"));
    });
    assert_eq!(changes(&world.entry("a")), json!({"name": "New"}));
    assert_eq!(world.entry("a").message, "differs in name");
    let blank = World::new().in_step("a").with(|world| world.source[0].1["name"] = json!("Name a  "));
    assert_eq!(blank.verdict("a"), ("unchanged", "Unchanged"));
}

#[test]
fn an_empty_value_keeps_or_clears_as_the_mapping_says() {
    let with = |on_null: &str| {
        let field = json!({"to": "gender", "from": "gender", "onNull": on_null});
        linked(field, json!({})).with(|world| {
            world.target[0].fields.0.insert("gender".into(), json!("F"));
        })
    };
    assert_eq!(changes(&with("Keep").entry("a")), json!({}));
    assert_eq!(changes(&with("Clear").entry("a")), json!({"gender": null}));
}

#[test]
fn a_default_is_sent_for_an_empty_value_and_listed() {
    let entry =
        World::new().person("a", json!({})).field(json!({"to": "gender", "from": "gender", "default": "F"})).entry("a");
    assert_eq!(changes(&entry)["gender"], json!("F"));
    assert_eq!(entry.defaulted, ["gender"]);
}

#[test]
fn a_value_map_translates_and_holds_skips_or_passes_what_it_does_not_name() {
    let with = |gender: &str, on_unmapped: &str| {
        let values = json!([{"from": "FEMALE", "to": "F"}, {"from": "NONE", "to": null}]);
        let field = json!({"to": "gender", "from": "gender", "values": values, "onUnmapped": on_unmapped});
        World::new().person("a", json!({"gender": gender})).field(field)
    };
    assert_eq!(changes(&with("FEMALE", "Hold").entry("a"))["gender"], json!("F"));
    assert_eq!(changes(&with("NONE", "Hold").entry("a")).get("gender"), None);
    let held = with("X", "Hold");
    assert_eq!(held.entry("a").held, Some("ValueUnmapped"));
    assert!(held.plan().unmapped_fields.contains("gender"));
    assert_eq!(held.plan().held.unwrap().create, 1);
    let skipped = with("X", "Skip");
    assert_eq!((skipped.entry("a").held, changes(&skipped.entry("a")).get("gender")), (None, None));
    assert_eq!(changes(&with("M", "Pass").entry("a"))["gender"], json!("M"));
    assert_eq!(with("X", "Pass").verdict("a"), ("fail", "ValueInvalid"));
}

#[test]
fn a_field_for_creation_only_is_never_changed_and_cannot_fail_an_existing_record() {
    let field = json!({"to": "gender", "from": "gender", "apply": "OnCreate"});
    assert_eq!(linked(field.clone(), json!({"gender": "F"})).verdict("a"), ("unchanged", "Unchanged"));
    assert_eq!(linked(field.clone(), json!({"gender": "wrong"})).verdict("a"), ("unchanged", "Unchanged"));
    assert_eq!(
        changes(&World::new().person("a", json!({"gender": "F"})).field(field).entry("a"))["gender"],
        json!("F")
    );
}

#[test]
fn values_are_turned_into_the_targets_types_or_fail_with_the_fields_name() {
    let field = json!({"to": "grade", "from": "grade"});
    assert_eq!(changes(&linked(field.clone(), json!({"grade": "7"})).entry("a")), json!({"grade": 7}));
    let wrong = linked(field, json!({"grade": "seven"})).entry("a");
    assert_eq!((wrong.reason, wrong.message.contains("'grade'")), ("ValueInvalid", true));
    assert!(!wrong.message.contains("seven"), "messages hold no values");
    let born = |value: &str, formats: Value| {
        linked(json!({"to": "born", "from": "born"}), json!({"born": value}))
            .with(|world| world.parsing = json!({"dateFormats": formats}))
    };
    assert_eq!(changes(&born("31.12.1990", json!(["DD.MM.YYYY"])).entry("a")), json!({"born": "1990-12-31"}));
    assert_eq!(born("31.12.1990", json!([])).verdict("a"), ("fail", "DateInvalid"));
    assert_eq!(born("01/02/1990", json!(["DD/MM/YYYY", "MM/DD/YYYY"])).verdict("a"), ("fail", "DateAmbiguous"));
}

#[test]
fn a_value_that_breaks_a_rule_fails_its_record_and_no_other() {
    let world =
        World::new().in_step("a").in_step("b").with(|world| world.source[0].1["name"] = json!("far too long a name"));
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
        .with(|world| world.centres.push("c1".into()));
    let of_new = references(&world.entry("new"));
    assert_eq!(of_new["manager"].source_key.as_deref(), Some("boss"));
    assert_eq!(of_new["centre"].stream, "costCentres");
    assert_eq!(references(&world.entry("second"))["manager"].source_key.as_deref(), Some("new"));
}

#[test]
fn a_reference_that_is_as_wanted_is_no_change() {
    let world = World::new().person("a", json!({"boss": "b"})).existing("a").link("a").in_step("b").with(|world| {
        world.target[0].fields.0.insert("manager".into(), json!("t-b"));
    });
    assert_eq!(world.verdict("a"), ("unchanged", "Unchanged"));
    let moved = world.with(|world| world.source[0].1["boss"] = json!("c")).in_step("c");
    assert_eq!(references(&moved.entry("a"))["manager"].source_key.as_deref(), Some("c"));
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
        world.centre_links.push(link("costCentres", "c9", "t9"));
        world.centre_targets.push(record("t9", &json!({"name": "c9"})));
    });
    assert_eq!(references(&world.entry("a"))["centre"].source_key.as_deref(), Some("c9"));
}

#[test]
fn an_empty_reference_is_cleared_only_when_the_mapping_says_so() {
    let world = World::new().in_step("a").in_step("b").with(|world| {
        world.target[0].fields.0.insert("manager".into(), json!("t-b"));
    });
    assert_eq!(world.verdict("a"), ("unchanged", "Unchanged"));
    let cleared = world.with(|world| world.people["fields"][3]["onNull"] = json!("Clear"));
    assert_eq!(references(&cleared.entry("a"))["manager"].source_key, None);
    assert_eq!(cleared.verdict("a"), ("update", "Changed"));
}
