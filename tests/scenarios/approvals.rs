//! Publishing: with `publish: Manual` the first plan waits for somebody to approve it.

use rollcall_api::contract::ExitCode;
use rollcall_api::v1alpha1::PublishPolicy;

use crate::support::{World, assert_done, people};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_proposes_and_the_approval_applies_it() {
    let mut world = World::with(people(60)).await;
    world.spec.publish = PublishPolicy::Manual;

    let proposed = world.run().await;

    assert_eq!((proposed.exit, proposed.result.code), (ExitCode::Held, 204), "{:?}", proposed.result);
    assert!(!proposed.result.published);
    assert_eq!(world.writes(), []);
    let held = proposed.result.held.unwrap();
    assert_eq!(held.total(), proposed.result.counts.held);

    let released = world.release(&held.digest).await;

    assert_done(&released, 201);
    assert!(released.result.published);
    world.assert_in_step();
    world.reset();
    assert_done(&world.run().await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_scope_is_proposed_again() {
    let mut world = World::with(people(60)).await;
    world.spec.publish = PublishPolicy::Manual;
    let held = world.run().await.result.held.unwrap();
    assert_done(&world.release(&held.digest).await, 201);
    let people = world.spec.streams.iter_mut().find(|stream| stream.name == "people").unwrap();
    people.scope = Some("source.email != null && source.employment.type == \"INTERNAL\"".into());
    world.reset();

    let proposed = world.run().await;

    assert_eq!(proposed.exit, ExitCode::Held, "{:?}", proposed.result);
    assert_eq!(world.writes(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_with_nothing_held_writes_nothing() {
    let mut world = World::with(people(30)).await;
    assert_done(&world.run().await, 201);
    world.reset();

    let released = world.release(&format!("sha256:{}", "0".repeat(64))).await;

    assert_eq!((released.result.reason.as_str(), released.result.code), ("NothingHeld", 204));
    assert_eq!(world.writes(), []);
}
