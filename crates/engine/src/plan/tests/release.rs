//! Digests, and what an approval releases.

use serde_json::json;

use super::{PlanOutcome, Published, World};
use crate::model::Plan;
use rollcall_api::v1alpha1::{Action, Release};

fn first_run() -> World {
    let world = World::new().person("new", json!({})).person("changed", json!({"name": "New"})).existing("changed");
    let world = world.person("same", json!({})).existing("same");
    world.with(|world| world.published = Published::FirstRun)
}

fn approve(world: World, digest: &str, actions: &[Action]) -> World {
    let release = Release { digest: digest.into(), actions: actions.to_vec(), streams: Vec::new() };
    world.with(|world| world.release = Some(release))
}

fn held_digest(plan: &Plan) -> String {
    plan.held.as_ref().unwrap().digest.clone()
}

#[test]
fn the_approved_digest_releases_what_it_covers_and_its_links() {
    let digest = held_digest(&first_run().plan());
    let world = approve(first_run(), &digest, &[]);
    let plan = world.plan();
    assert_eq!((plan.held.clone(), plan.counts().created, plan.counts().updated), (None, 1, 1));
    assert!(world.entry("same").new_link && world.entry("changed").new_link);
}

#[test]
fn a_partial_approval_leaves_the_rest_held_under_a_digest_of_its_own() {
    let digest = held_digest(&first_run().plan());
    let plan = approve(first_run(), &digest, &[Action::Create]).plan();
    assert_eq!((plan.counts().created, plan.counts().held), (1, 1));
    assert_ne!(held_digest(&plan), digest);
}

#[test]
fn an_approval_of_another_stream_releases_nothing() {
    let digest = held_digest(&first_run().plan());
    let world = approve(first_run(), &digest, &[]);
    let world = world.with(|world| world.release.as_mut().unwrap().streams = vec!["costCentres".into()]);
    assert_eq!(held_digest(&world.plan()), digest);
    assert!(!world.entry("same").new_link);
}

#[test]
fn a_plan_that_has_changed_is_not_released() {
    let digest = held_digest(&first_run().plan());
    let world = approve(first_run().person("more", json!({})), &digest, &[]);
    let PlanOutcome::PlanChanged(held) = world.outcome() else { panic!("it must not be released") };
    assert_eq!((held.create, held.digest == digest), (2, false));
}

#[test]
fn a_release_of_nothing_says_so() {
    let world = approve(World::new().in_step("a"), &format!("sha256:{}", "0".repeat(64)), &[]);
    assert!(matches!(world.outcome(), PlanOutcome::NothingHeld(_)));
}

#[test]
fn an_approval_cannot_send_a_record_without_a_required_value() {
    let world = || {
        let world = World::new().person("a", json!({"email": "odd"}));
        world.with(|world| {
            world.people["fields"][1] =
                json!({"to": "userName", "from": "email", "values": [{"from": "x", "to": "y"}]});
        })
    };
    let digest = held_digest(&world().plan());
    assert_eq!(approve(world(), &digest, &[]).entry("a").held, Some("ValueUnmapped"));
}

#[test]
fn the_digest_follows_what_would_be_written_and_nothing_else() {
    let digest = |world: World| world.plan().digest;
    let plain = digest(World::new().person("a", json!({})));
    assert!(plain.starts_with("sha256:") && plain.len() == 71);
    assert_eq!(plain, digest(World::new().person("a", json!({})).in_step("z")), "unchanged records do not count");
    assert_ne!(plain, digest(World::new().person("a", json!({"name": "B"}))));
    assert_ne!(plain, digest(World::new().person("b", json!({}))));
}

#[test]
fn a_reference_to_a_record_that_waits_is_left_out_until_it_is_approved() {
    let world = World::new().person("new", json!({})).person("more", json!({})).in_step("a");
    let world = world.with(|world| {
        world.guard.max_creates = Some(1);
        world.source[2].1["boss"] = json!("new");
    });
    assert_eq!(world.verdict("a"), ("unchanged", "Unchanged"));
    assert!(world.entry("a").message.contains("ReferenceUnresolved"));
    let digest = held_digest(&world.plan());
    assert_eq!(approve(world, &digest, &[]).verdict("a"), ("update", "Changed"));
}
