//! Fields that flow either way, and streams in which the target leads.

use rollcall_api::v1alpha1::FieldRule::{self, Fill, Pull, Push};
use serde_json::{Value, json};

use super::World;
use super::rows::{set_at, word};
use crate::model::Entry;
use crate::names::Side::{self, Source, Target};
use crate::plan::table::{Change, change};

#[test]
fn the_table_of_rules_is_what_the_documentation_says() {
    let (none, one, two) = (None, Some("1"), Some("2"));
    let set = |side: Side| Change::Set(side);
    let keep = Change::Keep;
    // Both empty; source only; target only; both, and different.
    let table: [(FieldRule, Option<Side>, [Change; 4]); 9] = [
        (Push, None, [keep, set(Target), set(Target), set(Target)]),
        (Push, Some(Source), [keep, set(Target), set(Target), set(Target)]),
        (Push, Some(Target), [keep, set(Target), set(Target), set(Target)]),
        (Pull, None, [keep, set(Source), set(Source), set(Source)]),
        (Pull, Some(Source), [keep, set(Source), set(Source), set(Source)]),
        (Pull, Some(Target), [keep, set(Source), set(Source), set(Source)]),
        (Fill, None, [keep, set(Target), set(Source), keep]),
        (Fill, Some(Source), [keep, set(Target), set(Source), set(Target)]),
        (Fill, Some(Target), [keep, set(Target), set(Source), set(Source)]),
    ];
    for (rule, winner, [both_empty, of_source, of_target, different]) in table {
        assert_eq!(change(rule, winner, none, none), both_empty, "{rule:?} {winner:?}");
        assert_eq!(change(rule, winner, one, none), of_source, "{rule:?} {winner:?}");
        assert_eq!(change(rule, winner, none, one), of_target, "{rule:?} {winner:?}");
        assert_eq!(change(rule, winner, one, two), different, "{rule:?} {winner:?}");
        assert_eq!(change(rule, winner, one, one), keep, "{rule:?} {winner:?}");
    }
}

/// Two-way people with one more field, which the two sides have as given.
fn with(field: Value, of_source: Value, of_target: Value) -> World {
    let (from, to) = (field["from"].as_str().unwrap().to_owned(), field["to"].as_str().unwrap().to_owned());
    World::new()
        .in_step("a")
        .with(|world| world.people.spec["mode"] = json!("Both"))
        .field(field)
        .now_has("a", &from, of_source)
        .target_has("a", &to, of_target)
}

/// What is set on the source and on the target.
fn sets(world: &World) -> (Value, Value) {
    let entry = world.entry("a");
    assert_ne!(word(&entry), "fail", "{}", entry.message);
    (set_at(&entry, Source), set_at(&entry, Target))
}

#[test]
fn each_rule_sets_the_side_that_the_table_names_and_an_empty_value_empties_nothing() {
    let nothing = || (json!({}), json!({}));
    let at_source = |value: &str| (json!({"phone": value}), json!({}));
    let at_target = |value: &str| (json!({}), json!({"mobile": value}));
    let cases = [
        ("Push", None, [at_target("1"), nothing(), at_target("1")]),
        ("Pull", None, [nothing(), at_source("2"), at_source("2")]),
        ("Fill", None, [at_target("1"), at_source("2"), nothing()]),
        ("Fill", Some("Source"), [at_target("1"), at_source("2"), at_target("1")]),
        ("Fill", Some("Target"), [at_target("1"), at_source("2"), at_source("2")]),
    ];
    for (rule, winner, [of_source, of_target, different]) in cases {
        let mut field = json!({"to": "mobile", "from": "phone", "rule": rule});
        if let Some(winner) = winner {
            field["winner"] = json!(winner);
        }
        let sets = |source: Value, target: Value| sets(&with(field.clone(), source, target));
        assert_eq!(sets(json!("1"), Value::Null), of_source, "{rule} {winner:?}: only the source has one");
        assert_eq!(sets(Value::Null, json!("2")), of_target, "{rule} {winner:?}: only the target has one");
        assert_eq!(sets(json!("1"), json!("2")), different, "{rule} {winner:?}: both have one");
        assert_eq!(sets(json!("1"), json!("1")), nothing(), "{rule} {winner:?}: the same");
        assert_eq!(sets(Value::Null, Value::Null), nothing(), "{rule} {winner:?}: neither");
    }
}

#[test]
fn one_pair_has_one_line_for_each_side_and_one_outcome() {
    let world = with(json!({"to": "mobile", "from": "phone", "rule": "Pull"}), json!("1"), json!("2"));
    let world = world.now_has("a", "name", json!("New"));
    assert_eq!(sets(&world), (json!({"phone": "2"}), json!({"name": "New"})));
    let plan = world.plan();
    assert_eq!((plan.counts().updated, plan.counts().considered), (1, 1));
}

#[test]
fn a_value_map_is_read_from_right_to_left_on_the_way_back() {
    let field = |rule: &str| {
        let values = json!([{"from": "FEMALE", "to": "F"}, {"from": "MALE", "to": "M"}]);
        json!({"to": "gender", "from": "gender", "rule": rule, "values": values})
    };
    assert_eq!(sets(&with(field("Pull"), json!("MALE"), json!("F"))), (json!({"gender": "FEMALE"}), json!({})));
    assert_eq!(sets(&with(field("Pull"), json!("FEMALE"), json!("F"))), (json!({}), json!({})));
    assert_eq!(sets(&with(field("Fill"), Value::Null, json!("M"))), (json!({"gender": "MALE"}), json!({})));
    assert_eq!(sets(&with(field("Fill"), json!("MALE"), Value::Null)), (json!({}), json!({"gender": "M"})));
    let unknown = with(field("Pull"), json!("MALE"), json!("X"));
    assert_eq!(unknown.held("a"), Some("ValueUnmapped"));
}

#[test]
fn back_says_what_a_value_that_cannot_be_turned_round_becomes() {
    let back = "target.rank == '3' ? 'Advanced' : 'Standard'";
    let field = json!({"to": "rank", "from": "level", "rule": "Pull", "back": back});
    assert_eq!(sets(&with(field.clone(), Value::Null, json!("3"))), (json!({"level": "Advanced"}), json!({})));
    assert_eq!(sets(&with(field, json!("Advanced"), json!("3"))), (json!({}), json!({})));
}

#[test]
fn a_way_back_that_does_not_lead_to_where_it_began_does_not_echo() {
    let field =
        json!({"to": "rank", "from": "level", "rule": "Fill", "winner": "Target", "back": "lower(target.rank)"});
    assert_eq!(sets(&with(field.clone(), json!("x"), json!("ABC"))), (json!({"level": "abc"}), json!({})));
    assert_eq!(sets(&with(field, json!("abc"), json!("ABC"))), (json!({}), json!({})));
}

#[test]
fn a_default_fills_what_both_sides_lack_and_outweighs_nobodys_value() {
    for winner in ["Source", "Target"] {
        let field = json!({"to": "rank", "from": "level", "rule": "Fill", "winner": winner, "default": "low"});
        assert_eq!(sets(&with(field.clone(), Value::Null, json!("high"))), (json!({"level": "high"}), json!({})));
        assert_eq!(sets(&with(field, Value::Null, Value::Null)), (json!({}), json!({"rank": "low"})));
    }
}

#[test]
fn a_value_that_the_map_leaves_out_is_neither_sent_nor_overwritten() {
    let values = json!([{"from": "FEMALE", "to": "F"}]);
    for winner in ["Source", "Target"] {
        let field = json!({"to": "gender", "from": "gender", "rule": "Fill", "winner": winner, "values": values,
            "onUnmapped": "Skip"});
        assert_eq!(sets(&with(field.clone(), json!("OTHER"), json!("F"))), (json!({}), json!({})), "{winner}");
        assert_eq!(sets(&with(field, json!("FEMALE"), json!("M"))), (json!({}), json!({})), "{winner}");
    }
}

#[test]
fn a_target_that_keeps_a_filled_value_in_another_form_is_left_after_the_second_time() {
    let field = json!({"to": "rank", "from": "level", "rule": "Fill", "winner": "Source"});
    let mut world = with(field, json!("high"), Value::Null);
    for _ in 0..3 {
        let entry = world.entry("a");
        world.people.links[0].agreed = entry.memory.map(|memory| memory.agreed).unwrap_or_default();
        world = world.target_has("a", "rank", json!("HIGH"));
    }
    assert_eq!(sets(&world), (json!({}), json!({})));
}

#[test]
fn a_value_that_flows_back_and_breaks_a_rule_of_the_source_fails_the_record() {
    let field = json!({"to": "rank", "from": "born", "rule": "Pull", "back": "int(target.rank) + 1 > 0 ? 'x' : 'y'"});
    let world = with(field, Value::Null, json!("no number"));
    assert_eq!(world.verdict("a"), ("fail", "ExpressionFailed"));
}

/// A stream in which the target's people are kept in step in the source.
fn pulled() -> World {
    World::new().with(|world| {
        world.people.spec["mode"] = json!("Pull");
        world.people.spec["scope"] = json!("target.state != 'HIDDEN'");
        world.people.spec["leaver"] = json!({"when": "target.state == 'LEFT'"});
    })
}

#[track_caller]
fn of_target(world: &World, id: &str) -> Entry {
    let plan = world.plan();
    let entries = plan.streams.into_iter().filter(|stream| stream.name == "people").flat_map(|stream| stream.entries);
    let mut found = entries.filter(|entry| entry.target_id.as_ref().is_some_and(|target| *target == *id));
    found.next().unwrap_or_else(|| panic!("no entry for {id}"))
}

#[test]
fn in_a_stream_of_mode_pull_the_targets_records_decide_what_happens_in_the_source() {
    let world = pulled()
        .existing("new")
        .in_step("changed")
        .target_has("changed", "name", json!("New"))
        .in_step("left")
        .target_has("left", "state", json!("LEFT"))
        .in_step("absent")
        .with(|world| {
            world.people.target.pop();
        })
        .existing("hidden")
        .target_has("hidden", "state", json!("HIDDEN"));
    let created = of_target(&world, "t-new");
    assert_eq!((word(&created), created.reason), ("create", "New"));
    let wanted = json!({"id": "new", "email": "new@example.org", "name": "Name new"});
    assert_eq!(set_at(&created, Source), wanted);
    assert_eq!(set_at(&of_target(&world, "t-changed"), Source), json!({"name": "New"}));
    assert_eq!(world.verdict("left"), ("disable", "LeaverStatus"));
    assert_eq!(world.verdict("absent"), ("disable", "LeaverAbsent"));
    for entry in world.plan().streams.iter().flat_map(|stream| &stream.entries) {
        assert!(entry.lines().iter().all(|line| line.at == Source), "nothing is written to the target");
    }
    let left_out: Vec<_> = world.plan().streams[1].out_of_scope.iter().map(|left| left.target_id.clone()).collect();
    assert_eq!(left_out, [Some("t-hidden".into())]);
}

#[test]
fn in_a_stream_of_mode_pull_a_match_rule_finds_the_row_of_the_source() {
    let world = pulled().existing("a").person("a", json!({"name": "Old"}));
    let entry = of_target(&world, "t-a");
    assert_eq!((word(&entry), entry.links), ("update", true));
    assert_eq!(entry.source_key, Some("a".into()));
    let twice = world.person("b", json!({"id": "a", "email": null}));
    assert_eq!(word(&of_target(&twice, "t-a")), "conflict");
}
