//! Rule 7: limits count effects, not runs, and not what somebody approved.

use serde_json::{Value, json};

use super::World;
use super::rows::target_row;
use crate::model::EffectCounts;
use crate::plan::guard::removal_limit;
use rollcall_api::v1alpha1::Guard;

/// So many people in step, of whom the first `leavers` have left.
fn staff(count: usize, leavers: usize) -> World {
    (0..leavers).fold(World::new().staff(count), |world, number| {
        world.now_has(&format!("p{number:03}"), "status", json!("LEFT"))
    })
}

fn removals(count: i64) -> EffectCounts {
    EffectCounts { removals: count, ..EffectCounts::default() }
}

fn counts(world: &World) -> (i64, i64) {
    (world.plan().counts().disabled, world.plan().counts().held)
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
    let world = staff(10, 3).person("new", json!({}));
    let beyond = world.plan();
    assert_eq!((beyond.counts().held, beyond.counts().created, beyond.counts().disabled), (3, 1, 0));
    assert_eq!(beyond.held.unwrap().disable, 3);
    for key in ["p000", "p001", "p002"] {
        assert_eq!(world.held(key), Some("RemovalLimit"));
    }
}

#[test]
fn what_was_done_in_earlier_runs_of_the_window_counts() {
    let after = |done: i64| staff(100, 3).with(|world| world.people.effects.own = removals(done));
    assert_eq!(counts(&after(2)), (3, 0));
    assert_eq!(counts(&after(3)), (0, 3));
}

#[test]
fn twelve_runs_of_ten_removals_do_not_pass_a_limit_of_twenty_five() {
    let mut world = World::new().staff(600);
    let mut removed = 0;
    for run in 0..12 {
        for number in run * 10..run * 10 + 10 {
            world = world.now_has(&format!("p{number:03}"), "status", json!("LEFT"));
        }
        let now = world.now;
        for entry in world.plan().streams[1].entries.iter().filter(|entry| entry.is_write()) {
            let key = entry.source_key.clone().unwrap();
            target_row(&mut world, &key).active = false;
            world.people.links.iter_mut().find(|link| link.source_key == key).unwrap().disabled_at = Some(now);
            removed += 1;
        }
        world.people.effects.own = removals(removed);
    }
    assert_eq!(removed, 20);
}

#[test]
fn removals_that_are_split_over_settings_count_together() {
    let with = |others: i64, active: i64| {
        staff(30, 2).with(|world| {
            world.people.effects.others = removals(others);
            world.people.effects.others_active = active;
        })
    };
    assert_eq!(counts(&with(2, 30)), (0, 2), "2 of 30 here and 2 of 30 there are more than 3 of 60");
    assert_eq!(counts(&with(1, 30)), (2, 0));
    assert_eq!(counts(&with(2, 100)), (2, 0));
}

#[test]
fn many_people_of_other_settings_do_not_enlarge_the_limit_of_this_one() {
    let world = staff(30, 3).with(|world| world.people.effects.others_active = 10_000);
    assert_eq!(counts(&world), (0, 3));
}

#[test]
fn what_this_setting_did_counts_against_its_own_people_however_many_others_have() {
    let after = |done: i64| {
        staff(100, 3).with(|world| {
            world.people.effects.own = removals(done);
            world.people.effects.others_active = 10_000;
        })
    };
    assert_eq!(counts(&after(2)), (3, 0));
    assert_eq!(counts(&after(3)), (0, 3));
}

#[test]
fn links_that_were_disabled_long_ago_do_not_enlarge_the_limit() {
    let world = |disabled: usize| {
        staff(100, 4).with(|world| {
            for number in 100 - disabled..100 {
                let key = format!("p{number:03}");
                target_row(world, &key).active = false;
                let link = world.people.links.iter_mut().find(|link| link.source_key == *key).unwrap();
                link.disabled_at = Some("2020-01-01T00:00:00Z".parse().unwrap());
                world.people.source.retain(|row| row.id != *key);
            }
        })
    };
    assert_eq!(counts(&world(20)), (4, 0));
    assert_eq!(counts(&world(21)), (0, 4));
}

#[test]
fn enabling_again_has_the_same_limit() {
    let world = |returning: usize, done: i64| {
        World::new().staff(100).with(|world| {
            for number in 0..returning {
                let key = format!("p{number:03}");
                target_row(world, &key).active = false;
                world.people.links[number].disabled_at = Some("2026-06-01T00:00:00Z".parse().unwrap());
            }
            world.people.effects.own.enables = done;
        })
    };
    assert_eq!(world(4, 0).plan().counts().updated, 4);
    assert_eq!(world(4, 1).held("p000"), Some("EnableLimit"));
    assert_eq!(world(5, 0).held("p000"), Some("EnableLimit"), "5 % of 95");
}

#[test]
fn one_field_that_changes_for_many_is_held_and_other_records_go_on() {
    let changed = |count: usize| {
        (0..count)
            .fold(World::new().staff(20), |world, number| world.now_has(&format!("p{number:03}"), "name", json!("New")))
    };
    assert_eq!(changed(4).plan().counts().updated, 4);
    let beyond = changed(5).now_has("p019", "boss", json!("p018"));
    assert_eq!((beyond.held("p004"), beyond.held("p019")), (Some("FieldChangeLimit"), None));
    assert!(beyond.entry("p004").message.contains("'name'"));
    let earlier = changed(4).with(|world| world.people.effects.own.changes = [("name".into(), 1)].into());
    assert_eq!(earlier.held("p000"), Some("FieldChangeLimit"));
    let elsewhere = changed(4).with(|world| world.people.effects.others.changes = [("name".into(), 1)].into());
    assert_eq!(elsewhere.held("p000"), Some("FieldChangeLimit"));
}

#[test]
fn emptying_one_field_for_many_is_held_and_filling_it_is_not() {
    let field = json!({"to": "gender", "from": "gender", "onNull": "Clear"});
    let world = |of_source: Value, of_target: Value| {
        (0..5).fold(World::new().staff(20).field(field.clone()), |world, number| {
            let key = format!("p{number:03}");
            world.now_has(&key, "gender", of_source.clone()).target_has(&key, "gender", of_target.clone())
        })
    };
    assert_eq!(world(Value::Null, json!("F")).held("p000"), Some("FieldChangeLimit"));
    assert_eq!(world(json!("F"), Value::Null).held("p000"), None);
}

#[test]
fn too_small_a_population_holds_every_removal() {
    let world = staff(10, 1).with(|world| world.guard.minimum_population = 11);
    assert_eq!(world.held("p000"), Some("PopulationTooSmall"));
    assert_eq!(staff(10, 1).held("p000"), None);
    let empty = staff(2, 0).with(|world| world.people.source.clear());
    assert_eq!(empty.held("p000"), Some("PopulationTooSmall"), "an empty directory removes nobody");
}

#[test]
fn more_creates_than_the_budget_are_all_held() {
    let world = World::new().person("a", json!({})).person("b", json!({})).in_step("c");
    let budget = |most: i32| world.clone().with(|world| world.guard.max_creates = Some(most));
    assert_eq!(budget(1).held("a"), Some("CreateBudget"));
    assert_eq!(budget(1).plan().held.unwrap().create, 2);
    assert_eq!(budget(2).plan().held, None);
    let later = |count: fn(&mut World, i64)| budget(2).with(|world| count(world, 1)).held("a");
    assert_eq!(later(|world, done| world.people.effects.own.creates = done), Some("CreateBudget"));
    assert_eq!(later(|world, done| world.people.effects.others.creates = done), Some("CreateBudget"));
}

#[test]
fn approved_lines_pass_the_limits_and_do_not_use_them_up() {
    let world = staff(100, 6);
    let proposal = world.proposal();
    assert_eq!(proposal.lines.len(), 6);
    let more = world.now_has("p050", "status", json!("LEFT"));
    let released = more.clone().releasing(&proposal);
    assert_eq!(released.held("p000"), None);
    assert!(released.entry("p000").approved);
    assert_eq!(counts(&more), (0, 7), "without the approval all of them wait");
}
