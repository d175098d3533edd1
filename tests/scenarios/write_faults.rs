//! Faults while writing: each person is created exactly once.

use crate::support::{World, assert_done, people};
use rollcall_emulators::{Fault, FaultKind, RetryAfter};

const USERS: &str = "/api/v2/scim/Users";

/// Runs until the end is clean, with a fault in the first run; each active person must have exactly one account.
async fn each_is_created_once(fault: Fault) {
    let mut world = World::with(people(60)).await;
    world.travelperk.fail(fault);

    let first = world.run().await;
    world.reset();
    world.run().await;
    world.reset();
    let last = world.run().await;

    assert_done(&last, 204);
    world.assert_in_step();
    let accounts = world.travelperk.state().accounts().count();
    assert_eq!(accounts, world.active_people().len(), "after {:?}", first.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_connection_breaks_after_the_create_took_effect() {
    each_is_created_once(Fault::new(FaultKind::CommitThenReset).on("POST", USERS).every(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_server_error_follows_a_create_that_took_effect() {
    each_is_created_once(Fault::new(FaultKind::CommitThenStatus { code: 500 }).on("POST", USERS).every(4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_connection_breaks_before_the_create() {
    each_is_created_once(Fault::new(FaultKind::Reset).on("POST", USERS).every(6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_answer_to_a_create_is_truncated() {
    each_is_created_once(Fault::new(FaultKind::TruncateBody).on("POST", USERS).every(7)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_somebody_else_creates_the_account_first() {
    each_is_created_once(Fault::new(FaultKind::CreateRace { external_id: None }).on("POST", USERS).nth(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_target_asks_for_patience() {
    each_is_created_once(Fault::status_retry(429, RetryAfter::Seconds(1)).on("POST", USERS).nth(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_target_is_busy_and_does_not_say_how_long() {
    each_is_created_once(Fault::status(429).on("POST", USERS).times(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_belongs_to_another_is_a_conflict_and_is_not_touched() {
    let mut world = World::with(people(30)).await;
    let race = FaultKind::CreateRace { external_id: Some("somebody-else".into()) };
    world.travelperk.fail(Fault::new(race).on("POST", USERS).nth(1));

    let finished = world.run().await;

    assert_eq!(finished.result.counts.conflicts, 1, "{:?}", finished.result);
    let others =
        world.travelperk.state().accounts().filter(|account| account.external_id() == Some("somebody-else")).count();
    assert_eq!(others, 1, "still theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_the_target_refuses_fails_its_record_alone() {
    let mut world = World::with(people(30)).await;
    world.travelperk.fail(Fault::status(400).on("POST", USERS).nth(2));

    let finished = world.run().await;

    assert_eq!((finished.result.counts.failed, finished.result.code), (1, 201), "{:?}", finished.result);
    assert_eq!(finished.result.reason, "CompletedWithFailures");
}
