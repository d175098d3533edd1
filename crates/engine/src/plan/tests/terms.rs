//! Rule 5: an agreement is a fact, written by an approval alone.

use serde_json::json;

use super::World;
use super::rows::{placement, placements};
use super::world::InForce;
use crate::model::Agreement;

/// Something about a world that is not as it was agreed.
type Change = fn(&mut World);

/// A new person, one that has changed, one that has left, and one that is found by a match rule.
fn busy() -> World {
    World::new()
        .person("new", json!({}))
        .in_step("changed")
        .now_has("changed", "name", json!("New"))
        .in_step("moved")
        .in_step("boss")
        .now_has("moved", "boss", json!("boss"))
        .in_step("left")
        .now_has("left", "status", json!("LEFT"))
        .person("found", json!({}))
        .existing("found")
        .agreed()
}

const BUSY: [&str; 4] = ["new", "changed", "moved", "left"];

fn held(world: &World) -> Vec<Option<&'static str>> {
    BUSY.map(|key| world.held(key)).to_vec()
}

fn pending(world: &World) -> bool {
    world.terms().pending
}

#[test]
fn before_an_approval_everything_is_held_and_nothing_is_linked_or_remembered() {
    let world = busy().with(|world| world.in_force = InForce::Nothing);
    assert_eq!(held(&world), [Some("FirstRun"); 4]);
    for key in ["found", "boss"] {
        assert!(!world.entry(key).links && world.entry(key).memory.is_none(), "{key}");
    }
    assert!(busy().entry("found").links && busy().entry("boss").memory.is_some());
}

#[test]
fn a_first_run_that_finds_nothing_to_do_agrees_to_nothing() {
    let world = World::unpublished().in_step("a");
    assert_eq!((pending(&world), world.terms().settles_as), (true, None));
    assert!(world.planned().proposal.is_some());
    let empty = World::unpublished();
    assert!(pending(&empty) && empty.planned().proposal.is_some());
    assert_eq!(empty.person("joiner", json!({})).held("joiner"), Some("FirstRun"));
}

#[test]
fn a_create_budget_or_a_removal_limit_does_not_hide_the_first_run() {
    let world = busy().with(|world| {
        world.in_force = InForce::Nothing;
        world.guard.max_creates = Some(0);
        world.guard.max_removals = 0;
    });
    assert_eq!(held(&world), [Some("FirstRun"); 4]);
    assert_eq!(world.proposal().lines.len(), 4, "what is approved is everything that would be written");
}

#[test]
fn what_concerns_whom_and_how_holds_every_line_of_the_stream_until_it_is_agreed() {
    let changes: [(&str, Change); 9] = [
        ("scope", |world| world.people.spec["scope"] = json!("source.kind != 'X'")),
        ("match", |world| world.people.spec["match"] = json!([{"field": "userName"}])),
        ("normalize", |world| world.people.spec["match"][0]["normalize"] = json!("Case")),
        ("a mapping behind a match field", |world| world.people.spec["fields"][1]["default"] = json!("x@example.org")),
        ("leaver", |world| world.people.spec["leaver"]["onAbsence"] = json!("Keep")),
        ("grace period", |world| world.people.spec["leaver"]["deleteAfterDays"] = json!(3)),
        ("actions", |world| world.people.spec["actions"] = json!({"delete": true})),
        ("direction", |world| world.people.spec["mode"] = json!("Both")),
        ("onNoMatch", |world| world.people.spec["onNoMatch"] = json!("Hold")),
    ];
    for (what, change) in changes {
        let world = busy().with(change);
        assert_eq!(held(&world), [Some("RulesChanged"); 4], "{what}");
        assert!(!world.entry("found").links, "{what}: what an unapproved rule matched is not stored");
        assert!(pending(&world) && world.terms().settles_as.is_none(), "{what}");
    }
}

#[test]
fn a_change_of_one_stream_holds_no_line_of_another() {
    let world = busy().with(|world| world.centres.spec["onNoMatch"] = json!("Skip"));
    assert_eq!(held(&world), [None; 4]);
    assert!(pending(&world));
}

#[test]
fn a_stream_that_is_new_in_the_setting_waits_and_the_others_go_on() {
    let world = busy().with(|world| {
        let mut stream = placements(&json!([]));
        stream.source.push(placement("s1", "boss", "W", "2026-01-01"));
        world.children.push(stream);
    });
    assert_eq!(held(&world), [None; 4]);
    assert_eq!(super::rows::entry(&world.plan(), "placements", "s1").held, Some("RulesChanged"));
}

#[test]
fn what_concerns_all_streams_or_the_systems_holds_everything() {
    let changes: [(&str, &str, Change); 4] = [
        ("mode", "RulesChanged", |world| world.in_force = InForce::This(Box::new(create_only()))),
        ("time zone", "RulesChanged", |world| world.zone = "Etc/UTC"),
        ("date formats", "RulesChanged", |world| world.parsing = json!({"dateFormats": ["DD/MM/YYYY"]})),
        ("an endpoint, a parameter or a definition", "SystemChanged", |world| world.systems = json!("others")),
    ];
    for (what, reason, change) in changes {
        let world = busy().with(change);
        assert_eq!(held(&world), [Some(reason); 4], "{what}");
        assert!(pending(&world) && !world.entry("found").links, "{what}");
    }
}

fn create_only() -> Agreement {
    busy().with(|world| world.mode = rollcall_api::v1alpha1::SyncMode::CreateOnly).agreement()
}

#[test]
fn a_changed_mapping_holds_the_lines_that_touch_its_field_and_no_others() {
    let name = busy().with(|world| world.people.spec["fields"][2]["onNull"] = json!("Clear"));
    let changed = Some("MappingChanged");
    assert_eq!(held(&name), [changed, changed, None, None]);
    assert!(pending(&name) && name.entry("found").links);
    let manager = busy().with(|world| world.people.spec["fields"][3]["onNull"] = json!("Clear"));
    assert_eq!(held(&manager), [None, None, changed, None], "a reference is a field like any other");
    let added = busy().now_has("changed", "gender", json!("F")).field(json!({"to": "gender", "from": "gender"}));
    assert_eq!(held(&added), [None, changed, None, None]);
}

/// Two-way people whose titles come from the target.
fn pulling(back: &str) -> World {
    World::new()
        .in_step("a")
        .in_step("b")
        .with(|world| world.people.spec["mode"] = json!("Both"))
        .field(json!({"to": "mobile", "from": "phone", "rule": "Pull", "back": back}))
        .target_has("a", "mobile", json!("123"))
}

#[test]
fn a_changed_mapping_holds_what_it_would_write_back_to_the_source() {
    let world = pulling("target.mobile").agreed();
    assert_eq!(world.held("a"), None);
    let changed = pulling("'0' + target.mobile").with(|other| other.in_force = world.in_force.clone());
    assert_eq!(changed.verdict("a"), ("update", "Changed"));
    assert_eq!(changed.held("a"), Some("MappingChanged"));
}

#[test]
fn fields_of_the_two_sides_that_share_a_name_are_not_taken_for_each_other() {
    // The source's field `state` of no mapping, and the target's of one that flows the other way.
    let with = |on_null: &str| {
        World::new()
            .in_step("a")
            .with(|world| world.people.spec["mode"] = json!("Both"))
            .field(json!({"to": "rank", "from": "grade", "rule": "Pull"}))
            .field(json!({"to": "grade", "from": "level", "onNull": on_null}))
            .target_has("a", "rank", json!("high"))
    };
    let world = with("Clear").with(|world| world.in_force = with("Keep").agreed().in_force);
    assert_eq!(world.held("a"), None, "only the source's grade is written, by a mapping that is agreed");
}

#[test]
fn a_loosened_limit_waits_and_the_agreed_one_holds() {
    let loosen: [(&str, Change); 6] = [
        ("removals", |world| world.guard.max_removals += 1),
        ("percent", |world| world.guard.max_removal_percent += 1),
        ("creates", |world| world.guard.max_creates = None),
        ("changes", |world| world.guard.max_field_change_percent += 1),
        ("population", |world| world.guard.minimum_population -= 1),
        ("window", |world| world.guard.window_hours -= 1),
    ];
    let agreed = || {
        let world = World::new().with(|world| world.guard.max_creates = Some(1)).agreed();
        world.person("a", json!({})).person("b", json!({}))
    };
    for (what, change) in loosen {
        let world = agreed().with(change);
        assert!(pending(&world), "{what}");
        assert_eq!(world.terms().guard, agreed().guard, "{what}");
        assert_eq!(world.terms().settles_as, None, "{what}");
    }
    let unlimited = agreed().with(|world| world.guard.max_creates = None);
    assert_eq!(unlimited.held("a"), Some("CreateBudget"));
}

#[test]
fn a_tightened_limit_counts_at_once_and_needs_nobody() {
    let world = busy().with(|world| world.guard.max_removals = 0);
    assert!(!pending(&world));
    assert_eq!(world.held("left"), Some("RemovalLimit"));
    let settled = world.terms().settles_as.unwrap();
    assert_eq!(settled, world.agreement());
}

#[test]
fn one_limit_looser_and_another_tighter_keep_the_stricter_of_both() {
    let world = busy().with(|world| {
        world.guard.max_removals = 0;
        world.guard.max_removal_percent = 100;
    });
    assert!(pending(&world));
    assert_eq!((world.terms().guard.max_removals, world.terms().guard.max_removal_percent), (0, 5));
    assert_eq!(world.terms().settles_as.unwrap().guard.0.max_removal_percent, 5);
}

#[test]
fn publishing_by_itself_has_to_be_agreed_once_a_manual_run_was_seen() {
    let never = busy().with(|world| {
        world.in_force = InForce::Nothing;
        world.publish = "Automatic";
        world.saw_manual = true;
    });
    assert_eq!(held(&never), [Some("FirstRun"); 4]);
    assert!(pending(&never) && never.terms().settles_as.is_none());
    let agreed = busy().with(|world| world.publish = "Automatic");
    assert!(pending(&agreed), "Manual was agreed");
    assert_eq!((held(&agreed), agreed.terms().settles_as), (vec![None; 4], None));
    let changed = agreed.with(|world| world.people.spec["scope"] = json!("source.kind != 'X'"));
    assert_eq!(held(&changed), [Some("RulesChanged"); 4]);
}

/// A setting that publishes itself and has done so.
fn automatic() -> World {
    busy().with(|world| world.publish = "Automatic").agreed()
}

#[test]
fn a_setting_that_publishes_itself_from_the_start_needs_nobody_for_rules_and_mappings() {
    let first = automatic().with(|world| world.in_force = InForce::Nothing);
    assert_eq!((held(&first), pending(&first)), (vec![None; 4], false));
    assert_eq!(first.terms().settles_as, Some(first.agreement()));
    let changed = automatic().with(|world| world.people.spec["scope"] = json!("source.kind != 'X'"));
    assert_eq!((held(&changed), pending(&changed)), (vec![None; 4], false));
    assert_eq!(changed.terms().settles_as, Some(changed.agreement()));
}

#[test]
fn a_changed_system_waits_also_where_a_setting_publishes_itself() {
    let world = automatic().with(|world| world.systems = json!("others"));
    assert_eq!(held(&world), [Some("SystemChanged"); 4]);
    assert!(pending(&world) && world.terms().settles_as.is_none());
}

#[test]
fn a_setting_that_no_longer_publishes_itself_is_manual_at_once() {
    let world = automatic().with(|world| world.publish = "Manual");
    assert!(!pending(&world));
    assert!(!world.terms().settles_as.unwrap().automatic);
    let changed = world.with(|world| world.people.spec["scope"] = json!("source.kind != 'X'"));
    assert_eq!(held(&changed), [Some("RulesChanged"); 4]);
    let settled = changed.terms().settles_as.unwrap();
    assert!(!settled.automatic);
    assert_ne!(settled.streams, changed.agreement().streams, "the scope is not agreed by it");
}

#[test]
fn the_strongest_reason_is_shown() {
    let world = busy().with(|world| {
        world.systems = json!("others");
        world.people.spec["scope"] = json!("source.kind != 'X'");
        world.guard.max_removals = 0;
    });
    assert_eq!(held(&world), [Some("SystemChanged"); 4]);
}

#[test]
fn without_a_change_nothing_waits_whatever_the_rows_say() {
    assert_eq!((held(&busy()), pending(&busy())), (vec![None; 4], false));
    assert_eq!(busy().terms().settles_as, None);
}
