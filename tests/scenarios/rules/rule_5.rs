//! Rule 5: an agreement is a fact, written by an approval alone.

use rollcall::runner::{Finished, RunInput};
use rollcall_api::contract::ExitCode;
use rollcall_api::v1alpha1::{Action, JobType, PublishPolicy, Release, SyncMode};
use rollcall_emulators::{Fault, FaultKind, TravelPerkEmulator, TravelPerkOptions};
use serde_json::json;

use super::help::{PERSONS, account, free, join, people_of};
use crate::support::{World, assert_done, go, people};

/// A world whose first plan waits for an approval.
async fn manual(count: u64) -> World {
    let mut world = World::with(people(count)).await;
    world.spec.publish = PublishPolicy::Manual;
    world
}

/// A world whose first plan was approved and carried out.
async fn published(count: u64) -> World {
    let mut world = manual(count).await;
    let held = world.run().await.result.held.expect("a proposal");
    assert_done(&world.release(&held.digest).await, 201);
    world.reset();
    assert_done(&world.run().await, 204);
    world.reset();
    world
}

/// Runs; nothing may be written, and it must say that something waits.
async fn is_held(world: &mut World) -> Finished {
    let finished = world.run().await;
    assert_eq!(world.writes(), [], "{:?}", finished.result);
    assert_eq!(finished.exit, ExitCode::Held, "{:?}", finished.result);
    assert!(finished.result.held.is_some(), "{:?}", finished.result);
    finished
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_read_that_finds_nobody_publishes_nothing() {
    let mut world = manual(40).await;
    world.personio.fail(Fault::new(FaultKind::EmptyList));
    world.spec.streams.retain(|stream| stream.name == "people");
    let empty = is_held(&mut world).await;
    assert!(!empty.result.published);
    assert_eq!(empty.result.reason, "AgreementPending");
    world.reset();

    let second = is_held(&mut world).await;

    assert_eq!(world.outcome(&free(&world)[0].to_string()).await.reason, "FirstRun");
    assert!(!second.result.published);
}

#[tokio::test(flavor = "multi_thread")]
async fn approving_an_empty_first_run_publishes_what_was_agreed() {
    let mut world = manual(40).await;
    world.personio.fail(Fault::new(FaultKind::EmptyList));
    let empty = is_held(&mut world).await;

    let released = world.release(&empty.result.held.unwrap().digest).await;

    assert_eq!(released.exit, ExitCode::Done, "{:?}", released.result);
    assert!(released.result.published);
    world.reset();
    assert_done(&world.run().await, 201);
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_budget_does_not_stand_in_for_the_first_approval() {
    let mut world = manual(40).await;
    world.spec.guard.max_creates = Some(5);
    is_held(&mut world).await;
    let second = is_held(&mut world).await;
    assert!(!second.result.published);
    assert_eq!(world.outcome(&free(&world)[0].to_string()).await.reason, "FirstRun");

    assert_done(&world.release(&second.result.held.unwrap().digest).await, 201);
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_limit_does_not_stand_in_for_the_first_approval() {
    let mut world = manual(40).await;
    {
        let source = world.personio.state();
        world.travelperk.state().adopt(&source.people, 40);
    }
    for id in free(&world).into_iter().take(6) {
        world.personio.state().people.leave(id, None);
    }
    world.reset();
    is_held(&mut world).await;
    let second = is_held(&mut world).await;
    assert!(!second.result.published);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_some_actions_only_agrees_to_nothing_else() {
    let mut world = manual(40).await;
    {
        let source = world.personio.state();
        world.travelperk.state().adopt(&source.people, 10);
    }
    world.reset();
    let held = is_held(&mut world).await.result.held.unwrap();
    let release = Release { digest: held.digest.clone(), actions: vec![Action::Create], ..Release::default() };
    let input = RunInput { release: Some(release), ..world.next(JobType::Release) };

    let released = go(&input).await;

    assert_eq!((released.result.counts.created, released.result.counts.updated), (held.create, 0));
    assert!(!released.result.published, "{:?}", released.result);
    world.reset();
    is_held(&mut world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wider_scope_admits_nobody_until_it_is_approved() {
    let mut world = published(40).await;
    let joiner = join(&world);
    people_of(&mut world.spec).scope = None;

    let held = is_held(&mut world).await.result.held.unwrap();

    assert_eq!(world.outcome(&joiner.to_string()).await.reason, "RulesChanged");
    assert_done(&world.release(&held.digest).await, 201);
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mapping_behind_a_match_field_is_a_rule() {
    let mut world = published(40).await;
    join(&world);
    let fields = &mut people_of(&mut world.spec).fields;
    let field = fields.iter_mut().find(|field| field.to == "externalId").unwrap();
    (field.from, field.expr) = (None, Some("\"x\" + string(source.id)".into()));

    is_held(&mut world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_mapping_holds_what_it_would_change_and_nothing_else() {
    let mut world = published(40).await;
    let joiner = join(&world);
    let leaver = free(&world)[0];
    world.personio.state().people.leave(leaver, None);
    let fields = &mut people_of(&mut world.spec).fields;
    let field = fields.iter_mut().find(|field| field.to == "title").unwrap();
    (field.from, field.expr) = (None, Some("source.employment.position.upperAscii()".into()));
    let before = account(&world, free(&world)[0]);

    let finished = world.run().await;

    assert_eq!(finished.exit, ExitCode::Held, "{:?}", finished.result);
    assert_eq!((finished.result.counts.created, finished.result.counts.updated), (0, 0), "{:?}", finished.result);
    assert!(!account(&world, leaver).active(), "a leaver's line has no title in it");
    assert_eq!(account(&world, free(&world)[0]), before);
    assert_eq!(world.outcome(&joiner.to_string()).await.reason, "MappingChanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_rule_an_action_and_a_mode_are_rules() {
    let mut world = published(40).await;
    let leaver = free(&world)[0];
    world.personio.state().people.leave(leaver, None);
    people_of(&mut world.spec).leaver.when = Some("source.status != \"ACTIVE\"".into());
    is_held(&mut world).await;

    let mut world = published(40).await;
    join(&world);
    people_of(&mut world.spec).actions.delete = true;
    is_held(&mut world).await;

    let mut world = published(40).await;
    join(&world);
    world.spec.mode = SyncMode::CreateOnly;
    is_held(&mut world).await;
}

/// A changed system is held under either policy.
async fn a_changed_system_is_held(policy: PublishPolicy) {
    let mut world = World::with(people(40)).await;
    if policy == PublishPolicy::Manual {
        world = published(40).await;
    } else {
        assert_done(&world.run().await, 201);
        world.reset();
    }
    // Another address: an empty system behind the same name.
    let other = TravelPerkEmulator::start(TravelPerkOptions::default()).await;
    let before = std::mem::replace(&mut world.travelperk, other);
    let held = is_held(&mut world).await;
    assert!(held.result.counts.held > 0, "{:?}", held.result);
    assert_eq!(world.writes(), []);
    world.travelperk = before;
    world.reset();
    join(&world);

    // Another definition.
    let mut input = world.next(JobType::Sync);
    input.systems.terms[1][0] = json!(["definition", {"name": "something else"}]);
    let finished = go(&input).await;

    assert_eq!(world.writes(), [], "{:?}", finished.result);
    assert_eq!(finished.exit, ExitCode::Held, "{:?}", finished.result);
    let joiner = world.personio.state().people.iter().next_back().unwrap().id;
    assert_eq!(world.outcome(&joiner.to_string()).await.reason, "SystemChanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_endpoint_or_definition_holds_everything() {
    a_changed_system_is_held(PublishPolicy::Manual).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_endpoint_or_definition_holds_everything_also_when_the_setting_publishes_itself() {
    a_changed_system_is_held(PublishPolicy::Automatic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loosened_guard_counts_once_it_is_approved() {
    let mut world = published(40).await;
    (world.spec.guard.max_removals, world.spec.guard.max_removal_percent) = (1000, 100);
    for id in free(&world).into_iter().take(8) {
        world.personio.state().people.leave(id, None);
    }

    let held = is_held(&mut world).await.result.held.unwrap();

    assert_eq!(held.disable, 8);
    let reason =
        world.outcomes().await.into_iter().find(|outcome| outcome.result == rollcall::records::OutcomeResult::Held);
    assert_eq!(reason.unwrap().reason, "RemovalLimit");
    assert_done(&world.release(&held.digest).await, 200);
    for id in free(&world).into_iter().take(8) {
        world.personio.state().people.leave(id, None);
    }
    assert_done(&world.run().await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stricter_guard_counts_at_once() {
    let mut world = published(60).await;
    world.spec.guard.max_removals = 0;
    let leaver = free(&world)[0];
    world.personio.state().people.leave(leaver, None);

    is_held(&mut world).await;

    assert!(account(&world, leaver).active());
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_to_automatic_publishes_nothing_by_itself() {
    let mut world = manual(40).await;
    is_held(&mut world).await;
    world.spec.publish = PublishPolicy::Automatic;

    let again = is_held(&mut world).await;

    assert!(!again.result.published);

    let mut world = published(40).await;
    world.spec.publish = PublishPolicy::Automatic;
    join(&world);
    people_of(&mut world.spec).scope = None;
    is_held(&mut world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_read_that_breaks_off_publishes_nothing() {
    let mut world = manual(40).await;
    world.personio.fail(Fault::status(500).on("GET", PERSONS));

    let finished = world.run().await;

    assert!(!finished.result.published, "{:?}", finished.result);
    world.reset();
    is_held(&mut world).await;
}
