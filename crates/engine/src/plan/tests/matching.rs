//! Which row of the other side a record is, and that a row belongs to one pair only.

use serde_json::{Value, json};

use super::World;
use super::rows::{link, row, set_at};
use crate::model::ReadProof;
use crate::names::Side;
use rollcall_api::v1alpha1::SyncMode;

fn partial(world: World) -> World {
    world.with(|world| world.people.target_proof = ReadProof::TotalDisagrees)
}

fn target_id(world: &World, key: &str) -> Option<String> {
    world.entry(key).target_id.map(|id| id.to_string())
}

#[test]
fn the_stored_link_wins_over_every_rule() {
    let world = World::new().person("a", json!({})).existing("a").with(|world| {
        world.people.target.push(row("other", json!({"userName": "someone@example.org"})));
        world.people.links.push(link("people", "a", "other"));
    });
    assert_eq!(target_id(&world, "a").as_deref(), Some("other"));
}

#[test]
fn the_first_rule_with_a_hit_links_and_case_counts_only_where_the_schema_says_so() {
    let world = World::new().person("a", json!({})).with(|world| {
        world.people.target.push(row("t", json!({"userName": "A@Example.org ", "name": "Name a"})));
    });
    let entry = world.entry("a");
    assert_eq!((target_id(&world, "a").as_deref(), entry.links), (Some("t"), true));
    assert_eq!(set_at(&entry, Side::Target), json!({"externalId": "a"}), "userName differs in case only");
    let other = World::new().person("a", json!({"email": "z@example.org"})).with(|world| {
        world.people.target.push(row("t", json!({"externalId": "A"})));
    });
    assert_eq!(other.verdict("a"), ("create", "New"));
}

#[test]
fn several_hits_are_a_conflict() {
    let world = World::new().person("a", json!({})).existing("a").with(|world| {
        world.people.target.push(row("t2", json!({"externalId": "a"})));
    });
    assert_eq!(world.verdict("a"), ("conflict", "SeveralMatches"));
}

#[test]
fn a_row_that_is_linked_to_a_present_record_is_not_taken() {
    let world = World::new().person("a", json!({})).existing("a").person("b", json!({})).with(|world| {
        world.people.links.push(link("people", "b", "t-a"));
    });
    assert_eq!(world.verdict("a"), ("conflict", "ClaimedByAnother"));
}

#[test]
fn a_row_that_is_linked_to_a_record_that_could_not_be_read_is_not_taken() {
    let world = World::new().person("a", json!({})).existing("a").with(|world| {
        world.people.links.push(link("people", "b", "t-a"));
        world.people.source_proof = ReadProof::Failed;
    });
    assert_eq!(world.verdict("a"), ("fail", "TargetUnknown"));
}

#[test]
fn a_row_with_another_stronger_identifier_is_not_taken() {
    let world = World::new().person("a", json!({})).with(|world| {
        world.people.target.push(row("t", json!({"externalId": "z", "userName": "a@example.org"})));
    });
    assert_eq!(world.verdict("a"), ("conflict", "ClaimedByAnother"));
}

#[test]
fn two_new_people_with_one_email_are_both_conflicts_whether_or_not_the_target_has_it() {
    let same = json!({"email": "same@example.org"});
    for mode in [SyncMode::Mirror, SyncMode::CreateOnly] {
        let world = World::new().person("a", same.clone()).person("b", same.clone()).with(|world| world.mode = mode);
        let taken = world.clone().with(|world| {
            world.people.target.push(row("t", json!({"userName": "same@example.org"})));
        });
        for key in ["a", "b"] {
            assert_eq!(world.verdict(key), ("conflict", "SharedIdentifier"), "{mode:?}");
            assert_eq!(taken.entry(key).lines(), [], "{mode:?}");
            assert!(!taken.entry(key).links, "{mode:?}");
        }
        assert_eq!(taken.plan().counts().conflicts, 2);
    }
}

#[test]
fn of_a_linked_and_a_new_person_with_one_email_only_the_linked_one_goes_on() {
    for mode in [SyncMode::Mirror, SyncMode::CreateOnly] {
        let world = World::new().in_step("old").person("new", json!({"email": "old@example.org"}));
        let world = world.now_has("old", "name", json!("Changed")).with(|world| world.mode = mode);
        assert_eq!(world.verdict("new").0, "conflict", "{mode:?}");
        let goes_on = if mode == SyncMode::Mirror { ("update", "Changed") } else { ("unchanged", "Exists") };
        assert_eq!(world.verdict("old"), goes_on);
    }
}

#[test]
fn somebody_who_takes_over_the_email_of_a_present_person_waits_and_the_other_one_goes_on() {
    let world = World::new().in_step("a").in_step("b").now_has("a", "email", json!("B@example.org"));
    assert_eq!(world.verdict("a"), ("conflict", "SharedIdentifier"));
    assert_eq!(world.verdict("b"), ("unchanged", "Unchanged"));
}

#[test]
fn a_row_that_belongs_to_another_setting_is_neither_matched_nor_changed_nor_removed() {
    let world = World::new()
        .person("new", json!({}))
        .existing("new")
        .in_step("linked")
        .now_has("linked", "name", json!("Changed"))
        .in_step("left")
        .now_has("left", "status", json!("LEFT"))
        .existing("gone")
        .link("gone")
        .with(|world| world.people.claimed = ["new", "linked", "left", "gone"].map(|key| format!("t-{key}")).into());
    for key in ["new", "linked", "left", "gone"] {
        assert_eq!(world.verdict(key), ("conflict", "ClaimedBySetting"), "{key}");
    }
}

#[test]
fn two_records_that_find_one_row_by_different_rules_are_both_conflicts() {
    let world = World::new().person("a", json!({"email": "other@example.org"})).person("b", json!({"id": null}));
    let world = world.with(|world| {
        world.people.target.push(row("t", json!({"externalId": "a", "userName": "b@example.org"})));
    });
    for key in ["a", "b"] {
        assert_eq!(world.verdict(key), ("conflict", "MatchedTwice"), "{key}");
    }
}

#[test]
fn two_links_to_one_row_are_conflicts_and_nobody_is_locked_out() {
    let world = World::new().in_step("a").with(|world| world.people.links.push(link("people", "old", "t-a")));
    assert_eq!(world.verdict("old"), ("conflict", "ClaimedByAnother"));
    assert_eq!(world.verdict("a"), ("conflict", "ClaimedByAnother"));
}

#[test]
fn an_empty_value_skips_its_rule() {
    let world = World::new().person("a", json!({"id": " "})).with(|world| {
        world.people.target.push(row("blank", json!({"externalId": "", "userName": "b@example.org"})));
        world.people.target.push(row("t", json!({"userName": "a@example.org", "name": "Name a"})));
    });
    assert_eq!(target_id(&world, "a").as_deref(), Some("t"));
}

#[test]
fn a_default_identifies_nobody() {
    let world = World::new().person("a", json!({"email": null})).with(|world| {
        world.people.spec["fields"][1]["default"] = json!("office@example.org");
        world.people.target.push(row("t", json!({"userName": "office@example.org"})));
    });
    assert_eq!(world.verdict("a"), ("create", "New"));
}

#[test]
fn a_link_to_a_record_that_is_gone_falls_through_to_the_rules_and_then_to_a_create() {
    let gone = World::new().person("a", json!({})).link("a");
    assert_eq!(gone.verdict("a"), ("create", "New"));
    let moved = gone.clone().with(|world| world.people.target.push(row("t2", json!({"externalId": "a"}))));
    assert_eq!((target_id(&moved, "a").as_deref(), moved.entry("a").links), (Some("t2"), true));
    let unanswered = gone.clone().with(|world| world.people.unanswered = ["t-a".to_owned()].into());
    assert_eq!(unanswered.verdict("a"), ("fail", "TargetUnknown"));
    assert_eq!(partial(gone).verdict("a"), ("fail", "TargetUnknown"));
}

#[test]
fn without_a_match_the_setting_decides() {
    let with =
        |choice: &str| World::new().person("a", json!({})).with(|world| world.people.spec["onNoMatch"] = json!(choice));
    assert_eq!(with("Skip").verdict("a"), ("skip", "NoMatchSkipped"));
    let held = with("Hold");
    assert_eq!((held.verdict("a").0, held.held("a")), ("create", Some("NoMatchHeld")));
}

/// A person and a row of the target that agree by one rule alone.
fn by_rule(rule: &Value, of_person: Value, of_row: Value) -> World {
    World::new()
        .person("a", of_person)
        .field(json!({"to": "mobile", "from": "phone"}))
        .field(json!({"to": "born", "from": "born"}))
        .with(|world| {
            world.people.spec["match"] = json!([rule]);
            world.people.target.push(row("t", of_row));
        })
}

#[test]
fn values_are_compared_as_the_rule_normalises_them() {
    let cases = [
        ("Digits", "+44 (20) 7946-0018", "442079460018", true),
        ("Digits", "+44 20 7946 0018", "442079460019", false),
        ("Alphanumeric", "qq 12 34 56 c", "QQ123456C", true),
        ("Alphanumeric", "qq 12 34 56 c", "QQ123456D", false),
        ("Case", "ABC-1", "abc-1", true),
        ("Case", "ABC-1", "abc1", false),
    ];
    for (normalize, one, other, agrees) in cases {
        let rule = json!({"field": "mobile", "normalize": normalize});
        let world = by_rule(&rule, json!({"phone": one}), json!({"mobile": other}));
        let found = if agrees { Some("t") } else { None };
        assert_eq!(target_id(&world, "a").as_deref(), found, "{normalize} {one} {other}");
    }
}

#[test]
fn nothing_that_is_left_of_a_value_matches_nobody() {
    let rule = json!({"field": "mobile", "normalize": "Digits"});
    let world = by_rule(&rule, json!({"phone": "none"}), json!({"mobile": "unknown"}));
    assert_eq!(world.verdict("a"), ("create", "New"));
}

#[test]
fn several_fields_must_agree_together() {
    let rule = json!({"fields": ["name", "born"]});
    let person = json!({"born": "1990-01-02"});
    let with = |of_row| by_rule(&rule, person.clone(), of_row);
    assert_eq!(target_id(&with(json!({"name": "Name a", "born": "1990-01-02"})), "a").as_deref(), Some("t"));
    assert_eq!(with(json!({"name": "Name a", "born": "1990-01-03"})).verdict("a"), ("create", "New"));
    assert_eq!(with(json!({"name": "Name a"})).verdict("a"), ("create", "New"));
    let without = by_rule(&rule, json!({}), json!({"name": "Name a"}));
    assert_eq!(without.verdict("a"), ("create", "New"), "a record without one of the values is not looked for");
}
