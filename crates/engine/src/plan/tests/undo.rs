//! Rule 8: undo is a plan made from the journal.

use serde_json::{Value, json};

use super::World;
use super::rows::{set_at, target_row, word};
use crate::model::{Entry, Fields, Operation, Write, WriteState};
use crate::names::{FieldName, Side};
use crate::plan::{Planned, UndoInput, undo};

fn fields(values: Value) -> Fields {
    let Value::Object(values) = values else { panic!("an object") };
    values.into_iter().map(|(name, value)| (FieldName::from(name), value)).collect()
}

/// A write to the target that took effect.
fn write(key: &str, operation: Operation, before: Value, after: Value) -> Write {
    Write {
        id: format!("{key}-{operation:?}"),
        stream: "people".into(),
        at: Side::Target,
        system: "system".into(),
        source_key: Some(key.into()),
        target_id: Some(format!("t-{key}").into()),
        operation,
        before: fields(before).into(),
        active_before: Some(operation != Operation::Enable),
        after: fields(after).into(),
        changed: Vec::new(),
        approved: false,
        state: WriteState::Done,
        at_time: "2026-06-15T11:00:00Z".parse().unwrap(),
    }
}

fn renamed(key: &str) -> Write {
    write(key, Operation::Update, json!({"name": "Old"}), json!({"name": format!("Name {key}")}))
}

fn undone(world: &World, writes: &[Write]) -> Planned {
    world.planned_with(|plan| undo(&UndoInput { plan: plan.clone(), writes }))
}

#[track_caller]
fn entry(world: &World, writes: &[Write], key: &str) -> Entry {
    super::rows::entry(&undone(world, writes).plan, "people", key)
}

#[track_caller]
fn verdict(world: &World, writes: &[Write]) -> (&'static str, &'static str) {
    let entry = entry(world, writes, "a");
    (word(&entry), entry.reason)
}

#[test]
fn a_changed_field_gets_back_what_it_had() {
    let world = World::new().in_step("a");
    let writes = [renamed("a")];
    let entry = entry(&world, &writes, "a");
    assert_eq!((word(&entry), entry.reason), ("update", "TakenBack"));
    assert_eq!(set_at(&entry, Side::Target), json!({"name": "Old"}));
    assert_eq!(json!(entry.lines()[0].before), json!({"name": "Name a"}));
}

#[test]
fn a_field_that_was_empty_is_emptied_again() {
    let write = write("a", Operation::Update, json!({"name": null}), json!({"name": "Name a"}));
    assert_eq!(set_at(&entry(&World::new().in_step("a"), &[write], "a"), Side::Target), json!({"name": null}));
}

#[test]
fn a_disabled_person_is_enabled_and_an_enabled_one_disabled() {
    let world = World::new().in_step("a");
    let disabled = world.clone().with(|world| target_row(world, "a").active = false);
    let (off, on) =
        (write("a", Operation::Disable, json!({}), json!({})), write("a", Operation::Enable, json!({}), json!({})));
    assert_eq!(verdict(&disabled, std::slice::from_ref(&off)), ("enable", "TakenBack"));
    assert_eq!(verdict(&world, std::slice::from_ref(&on)), ("disable", "TakenBack"));
    assert_eq!(verdict(&world, &[off]), ("unchanged", "Unchanged"), "somebody has enabled the person since");
    assert_eq!(verdict(&disabled, &[on]), ("unchanged", "Unchanged"));
}

#[test]
fn a_created_record_is_disabled_or_deleted_as_the_setting_allows() {
    let created = [write("a", Operation::Create, json!({}), json!({"name": "Name a"}))];
    let world = World::new().in_step("a");
    assert_eq!(verdict(&world, &created), ("disable", "TakenBack"));
    let inactive = world.clone().with(|world| target_row(world, "a").active = false);
    assert_eq!(verdict(&inactive, &created), ("unchanged", "Unchanged"));
    let deletes = world.clone().with(|world| world.people.spec["actions"] = json!({"delete": true}));
    assert_eq!(verdict(&deletes, &created), ("delete", "TakenBack"));
    let neither = world.with(|world| world.can_disable = false);
    assert_eq!(
        verdict(&neither.with(|world| world.people.spec["leaver"] = json!({})), &created),
        ("conflict", "Irreversible")
    );
}

#[test]
fn what_somebody_has_changed_since_is_left_and_said() {
    let world = World::new().in_step("a").target_has("a", "name", json!("By hand"));
    assert_eq!(verdict(&world, &[renamed("a")]), ("conflict", "UndoConflict"));
    let both = write(
        "a",
        Operation::Update,
        json!({"name": "Old", "userName": "old@example.org"}),
        json!({"name": "Name a", "userName": "A@example.org"}),
    );
    let entry = entry(&world, &[both], "a");
    assert_eq!(set_at(&entry, Side::Target), json!({"userName": "old@example.org"}), "case does not count there");
    assert!(entry.message.contains("name"));
}

#[test]
fn what_is_as_it_was_before_needs_nothing() {
    let world = World::new().in_step("a").target_has("a", "name", json!("Old"));
    assert_eq!(verdict(&world, &[renamed("a")]), ("unchanged", "Unchanged"));
}

#[test]
fn several_writes_of_one_run_are_taken_back_to_where_they_began() {
    let first = write("a", Operation::Update, json!({"name": "Old"}), json!({"name": "Middle"}));
    let second = write("a", Operation::Update, json!({"name": "Middle"}), json!({"name": "Name a"}));
    let world = World::new().in_step("a");
    let entry = entry(&world, &[first, second], "a");
    assert_eq!(set_at(&entry, Side::Target), json!({"name": "Old"}));
    let (off, on) =
        (write("a", Operation::Disable, json!({}), json!({})), write("a", Operation::Enable, json!({}), json!({})));
    assert_eq!(verdict(&world, &[off.clone(), on.clone()]), ("unchanged", "Unchanged"), "off and on again");
    let disabled = world.with(|world| target_row(world, "a").active = false);
    assert_eq!(verdict(&disabled, &[on, off]), ("unchanged", "Unchanged"), "on and off again");
}

#[test]
fn what_cannot_be_taken_back_is_said_first() {
    let world = World::new().in_step("a").in_step("z");
    let writes = [renamed("a"), write("z", Operation::Delete, json!({}), json!({}))];
    let plan = undone(&world, &writes).plan;
    let reasons: Vec<&str> = plan.streams.iter().flat_map(|stream| &stream.entries).map(|entry| entry.reason).collect();
    assert_eq!(reasons, ["Irreversible", "TakenBack"]);
}

#[test]
fn a_record_that_is_gone_or_was_not_read_is_a_conflict() {
    assert_eq!(verdict(&World::new(), &[renamed("a")]), ("conflict", "UndoConflict"));
}

#[test]
fn what_had_no_effect_is_not_taken_back_and_what_may_have_had_one_is() {
    let with = |state| Write { state, ..renamed("a") };
    let world = World::new().in_step("a");
    for state in [WriteState::Announced, WriteState::Failed, WriteState::Undone] {
        assert!(undone(&world, &[with(state)]).plan.streams.iter().all(|stream| stream.entries.is_empty()));
    }
    assert_eq!(verdict(&world, &[with(WriteState::Unknown)]), ("update", "TakenBack"));
}

#[test]
fn what_was_written_to_the_source_is_taken_back_there() {
    let mut write = write("a", Operation::Update, json!({"phone": "1"}), json!({"phone": "2"}));
    write.at = Side::Source;
    let world = World::new()
        .in_step("a")
        .with(|world| world.people.spec["mode"] = json!("Both"))
        .field(json!({"to": "mobile", "from": "phone", "rule": "Pull"}))
        .now_has("a", "phone", json!("2"));
    let both = [write, renamed("a")];
    let entry = entry(&world, &both, "a");
    assert_eq!(set_at(&entry, Side::Source), json!({"phone": "1"}));
    assert_eq!(set_at(&entry, Side::Target), json!({"name": "Old"}));
}

#[test]
fn taking_back_obeys_the_terms_and_the_limits() {
    let world = World::unpublished().in_step("a");
    assert_eq!(entry(&world, &[renamed("a")], "a").held, Some("FirstRun"));
    let created: Vec<Write> =
        ["a", "b", "c"].iter().map(|key| write(key, Operation::Create, json!({}), json!({}))).collect();
    let world = World::new().in_step("a").in_step("b").in_step("c");
    assert_eq!(entry(&world, &created, "a").held, Some("RemovalLimit"));
    let proposal = undone(&world, &created).proposal.unwrap();
    assert_eq!(entry(&world.releasing(&proposal), &created, "a").held, None);
}
