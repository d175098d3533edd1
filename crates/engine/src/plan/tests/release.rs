//! Digests, and what an approval releases.

use serde_json::json;

use super::World;
use super::rows::row;
use crate::model::Plan;
use rollcall_api::v1alpha1::Action;

fn first_run() -> World {
    let world = World::unpublished().person("new", json!({})).person("changed", json!({"name": "New"}));
    world.existing("changed").person("same", json!({})).existing("same")
}

fn held_digest(plan: &Plan) -> String {
    plan.held.as_ref().unwrap().digest.clone()
}

#[test]
fn an_approval_releases_the_lines_that_it_covers_and_their_links() {
    let proposal = first_run().proposal();
    let world = first_run().releasing(&proposal);
    let plan = world.plan();
    assert_eq!((plan.counts().created, plan.counts().updated, plan.counts().held), (1, 1, 0));
    assert!(world.entry("new").links && world.entry("changed").links);
    assert!(world.entry("new").approved && world.entry("changed").approved);
}

#[test]
fn a_partial_approval_leaves_the_rest_held_under_a_digest_of_its_own() {
    let proposal = first_run().proposal();
    let plan = first_run().releasing_part(&proposal, &[Action::Create], &[]).plan();
    assert_eq!((plan.counts().created, plan.counts().held), (1, 1));
    assert_ne!(held_digest(&plan), proposal.digest);
}

#[test]
fn only_an_approval_of_everything_covers_the_terms() {
    let proposal = first_run().proposal();
    let whole = |actions: &[Action], streams: &[&str]| {
        first_run().releasing_part(&proposal, actions, streams).approved.unwrap().is_whole()
    };
    assert!(whole(&[], &[]));
    assert!(!whole(&[Action::Create], &[]) && !whole(&[], &["people"]));
}

#[test]
fn an_approval_of_another_stream_releases_nothing() {
    let proposal = first_run().proposal();
    let world = first_run().releasing_part(&proposal, &[], &["costCentres"]);
    assert_eq!(held_digest(&world.plan()), proposal.digest);
    assert!(!world.entry("same").links);
}

#[test]
fn a_line_that_has_changed_stays_held_under_a_new_digest_and_the_others_go() {
    let proposal = first_run().proposal();
    let world = first_run().now_has("changed", "name", json!("Other")).releasing(&proposal);
    assert_eq!((world.held("changed"), world.held("new")), (Some("FirstRun"), None));
    let next = world.proposal();
    assert_eq!(next.lines.len(), 1);
    assert!(!proposal.lines.contains(&next.lines[0]));
}

#[test]
fn a_new_hold_that_has_nothing_to_do_with_it_voids_nothing() {
    let proposal = first_run().proposal();
    let world = first_run().person("more", json!({})).releasing(&proposal);
    assert_eq!((world.held("more"), world.held("new"), world.held("changed")), (Some("FirstRun"), None, None));
    assert_eq!(world.proposal().lines.len(), 1);
}

#[test]
fn a_line_that_rests_on_another_row_is_another_line() {
    let proposal = first_run().proposal();
    let world = first_run().with(|world| {
        world.people.target[0] = row("t-other", json!({"externalId": "changed", "userName": "changed@example.org"}));
    });
    assert_eq!(world.releasing(&proposal).held("changed"), Some("FirstRun"));
}

#[test]
fn a_release_writes_nothing_that_was_not_proposed() {
    let world = World::new().in_step("left").now_has("left", "status", json!("LEFT")).in_step("free");
    let world = world.with(|world| world.guard.max_removals = 0);
    let proposal = world.proposal();
    let later = world.now_has("free", "name", json!("New")).person("new", json!({})).releasing(&proposal);
    assert_eq!(later.verdict("left"), ("disable", "LeaverStatus"));
    for key in ["free", "new"] {
        assert_eq!(later.verdict(key), ("skip", "LeftForSync"), "{key}: the next run does it");
        assert!(!later.entry(key).links && later.entry(key).memory.is_none());
    }
}

#[test]
fn what_was_carried_out_is_not_written_again_by_the_same_approval() {
    let proposal = first_run().proposal();
    let done = World::new().in_step("new").in_step("changed").now_has("changed", "name", json!("New"));
    let done = done.target_has("changed", "name", json!("New")).in_step("same").releasing(&proposal);
    assert_eq!(done.plan().counts().unchanged, 3);
    assert_eq!(done.planned().proposal, None);
}

#[test]
fn an_approval_cannot_send_a_record_without_a_required_value() {
    let world = || {
        World::new().person("a", json!({"email": "odd"})).with(|world| {
            world.people.spec["fields"][1] =
                json!({"to": "userName", "from": "email", "values": [{"from": "x", "to": "y"}]});
            world.guard.max_creates = Some(0);
        })
    };
    assert_eq!(world().planned().proposal, None);
    let other = world().person("b", json!({"email": "x"}));
    assert_eq!(other.clone().releasing(&other.proposal()).held("a"), Some("ValueUnmapped"));
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
fn the_proposals_digest_stands_for_the_terms_as_well() {
    let proposal = first_run().proposal();
    let looser = first_run().with(|world| world.guard.max_removals = 1000).proposal();
    assert_eq!(proposal.lines, looser.lines);
    assert_ne!(proposal.digest, looser.digest);
}

#[test]
fn terms_that_wait_are_proposed_also_without_a_line() {
    let world = World::unpublished().in_step("a");
    let proposal = world.proposal();
    assert_eq!((proposal.lines.len(), world.plan().held.unwrap().total()), (0, 0));
    assert!(world.clone().releasing(&proposal).approved.unwrap().is_whole());
    assert_eq!(world.agreed().planned().proposal, None, "once agreed, nothing waits");
}
