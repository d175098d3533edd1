//! Records that need others: nothing is written half.

use serde_json::json;

use super::World;
use super::rows::{break_row, entry, link, placement, placements, reviews, row, source_row, word};
use crate::model::Entry;

/// A person with a placement, which has a review.
fn family(world: World) -> World {
    world.with(|world| {
        let mut stream = placements(&json!([]));
        stream.source.push(placement("s1", "a", "W", "2026-01-01"));
        world.children.push(stream);
        let mut stream = reviews();
        let mut review = row("r1", json!({"number": "r1"}));
        review.parent = Some("s1".into());
        stream.source.push(review);
        world.children.push(stream);
    })
}

fn outcomes(world: &World) -> Vec<(String, &'static str)> {
    let plan = world.plan();
    let outcome = |entry: Entry| (word(&entry).to_owned(), entry.reason);
    [("placements", "s1"), ("reviews", "r1")].map(|(stream, key)| outcome(entry(&plan, stream, key))).to_vec()
}

fn both(word: &str, reason: &'static str) -> Vec<(String, &'static str)> {
    vec![(word.to_owned(), reason); 2]
}

#[test]
fn a_record_is_created_after_its_parent_and_names_it() {
    let world = family(World::new().person("a", json!({})));
    assert_eq!(outcomes(&world), both("create", "New"));
    let plan = world.plan();
    let names: Vec<&str> = plan.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["costCentres", "people", "placements", "reviews"]);
    let needs = entry(&plan, "placements", "s1").lines()[0].needs.clone();
    assert_eq!((needs[0].stream.as_str(), needs[0].key.as_deref()), ("people", Some("a")));
}

#[test]
fn what_a_held_or_failed_parent_leaves_behind_is_blocked_down_to_the_last_descendant() {
    let held = family(World::new().person("a", json!({}))).with(|world| world.guard.max_creates = Some(0));
    // The budget counts each stream, so the children are held by it as well until they may pass.
    let proposal = held.proposal();
    let children = held.clone().releasing_part(&proposal, &[], &["placements", "reviews"]);
    assert_eq!(outcomes(&children), both("skip", "BlockedBy"));
    let failed = family(World::new().person("a", json!({"email": null})));
    assert_eq!(outcomes(&failed), both("skip", "BlockedBy"));
    let unreadable = family(World::new().person("a", json!({}))).with(|world| break_row(source_row(world, "a"), &[]));
    assert_eq!(outcomes(&unreadable), both("skip", "BlockedBy"));
    let unknown = family(World::new().person("b", json!({})));
    assert_eq!(outcomes(&unknown), both("skip", "BlockedBy"));
    for plan in [children.plan(), failed.plan(), unreadable.plan(), unknown.plan()] {
        for (stream, key) in [("placements", "s1"), ("reviews", "r1")] {
            let entry = entry(&plan, stream, key);
            assert!(!entry.links && entry.memory.is_none());
        }
    }
}

#[test]
fn a_parent_that_is_linked_or_matched_is_there() {
    assert_eq!(outcomes(&family(World::new().in_step("a"))), both("create", "New"));
    assert_eq!(outcomes(&family(World::new().person("a", json!({})).existing("a"))), both("create", "New"));
}

#[test]
fn a_parent_whose_row_is_gone_and_cannot_be_created_again_is_not_there() {
    let world = family(World::new().person("a", json!({})).link("a"));
    assert_eq!(outcomes(&world), both("create", "New"));
    let world = world.with(|world| world.people.spec["actions"] = json!({"create": false}));
    assert_eq!(outcomes(&world), both("skip", "BlockedBy"));
}

#[test]
fn a_record_that_exists_needs_its_parent_no_more() {
    let world = family(World::new()).with(|world| {
        world.children[0].links.push(link("placements", "s1", "t-s1"));
        world.children[0].target.push(row("t-s1", json!({"number": "s1", "type": "E", "start": "2026-01-01"})));
    });
    assert_eq!(outcomes(&world), [("update".to_owned(), "Changed"), ("create".to_owned(), "New")]);
}
