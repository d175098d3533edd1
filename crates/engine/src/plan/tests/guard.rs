//! Limits, and what is held before the rules are approved.

use serde_json::json;

use super::super::guard::removal_limit;
use super::{Published, World};
use rollcall_api::v1alpha1::Guard;

/// `count` linked people in step, of whom the first `leavers` have left.
fn staff(count: usize, leavers: usize) -> World {
    (0..count).fold(World::new(), |world, number| {
        let status = if number < leavers { "LEFT" } else { "ACTIVE" };
        let key = format!("p{number:03}");
        world.person(&key, json!({"status": status})).existing(&key).link(&key)
    })
}

#[test]
fn the_removal_limit_follows_the_lower_of_number_and_percentage() {
    let guard = Guard::default();
    let limits = [0, 19, 20, 59, 60, 100, 500, 5000].map(|linked| removal_limit(&guard, linked));
    assert_eq!(limits, [2, 2, 2, 2, 3, 5, 25, 25]);
    assert_eq!(removal_limit(&Guard { max_removals: 0, ..Guard::default() }, 100), 0);
    assert_eq!(removal_limit(&Guard { max_removal_percent: 0, ..Guard::default() }, 10), 0);
    assert_eq!(removal_limit(&Guard { max_removals: 1, ..Guard::default() }, 10), 1);
}

#[test]
fn beyond_the_limit_all_removals_are_held_and_joiners_go_on() {
    let within = staff(10, 2).plan();
    assert_eq!((within.counts().disabled, within.held), (2, None));
    let beyond = staff(10, 3).person("new", json!({})).plan();
    assert_eq!((beyond.counts().held, beyond.counts().created, beyond.counts().disabled), (3, 1, 0));
    assert_eq!(beyond.held.unwrap().disable, 3);
    assert!(
        beyond.streams[1].entries.iter().filter(|entry| entry.held.is_some()).all(|e| e.held == Some("RemovalLimit"))
    );
}

#[test]
fn too_small_a_population_holds_every_removal() {
    let world = staff(10, 1).with(|world| world.guard.minimum_population = 11);
    assert_eq!(world.entry("p000").held, Some("PopulationTooSmall"));
    assert_eq!(staff(10, 1).entry("p000").held, None);
    let empty = staff(2, 0).with(|world| world.source.clear());
    assert_eq!(empty.entry("p000").held, Some("PopulationTooSmall"), "an empty directory removes nobody");
}

#[test]
fn more_creates_than_the_budget_are_all_held() {
    let world = World::new().person("a", json!({})).person("b", json!({})).in_step("c");
    let held = world.clone().with(|world| world.guard.max_creates = Some(1));
    assert_eq!(held.entry("a").held, Some("CreateBudget"));
    assert_eq!(held.plan().held.unwrap().create, 2);
    assert_eq!(world.with(|world| world.guard.max_creates = Some(2)).plan().held, None);
}

#[test]
fn before_an_approval_everything_is_held_and_no_link_is_stored() {
    for (published, reason) in [(Published::FirstRun, "FirstRun"), (Published::RulesChanged, "RulesChanged")] {
        let world = World::new().person("new", json!({})).person("same", json!({})).existing("same");
        let world = world.with(|world| world.published = published);
        assert_eq!(world.entry("new").held, Some(reason));
        assert!(!world.entry("same").new_link);
        assert_eq!(world.plan().counts().held, 1);
    }
}
