//! Rule 9: failures stay where they are.

use rollcall_api::contract::ExitCode;
use rollcall_emulators::{Fault, FaultKind};

use super::help::{USER, USERS, account, free, in_step, join};
use crate::support::{World, assert_done};

/// Three people change, one leaves, two join; the first of the changed ones is given.
fn stir(world: &World) -> (Vec<u64>, u64, Vec<u64>) {
    let free = free(world);
    let (leaver, changed) = (free[0], free[1..4].to_vec());
    let mut state = world.personio.state();
    state.people.leave(leaver, None);
    for id in &changed {
        state.people.update_employment(*id, |employment| employment.position = "Other".into());
    }
    drop(state);
    let joiners = vec![join(world), join(world)];
    (changed, leaver, joiners)
}

fn title(world: &World, key: u64) -> serde_json::Value {
    account(world, key).fields["title"].clone()
}

/// One account answers every change with a status; everything else is done.
async fn one_refusal_fails_one_record(status: u16) {
    let mut world = in_step(60).await;
    let (changed, leaver, joiners) = stir(&world);
    let id = account(&world, changed[0]).id;
    world.travelperk.fail(Fault::status(status).on("PATCH", USER).containing(&format!("/Users/{id}")));

    let finished = world.run().await;

    assert_eq!(finished.exit, ExitCode::RecordsFailed, "{:?}", finished.result);
    let counts = finished.result.counts;
    assert_eq!((counts.failed + counts.conflicts, counts.created, counts.disabled), (1, 2, 1), "{:?}", finished.result);
    assert!(!account(&world, leaver).active());
    assert!(changed[1..].iter().all(|key| title(&world, *key) == "Other"));
    assert!(joiners.iter().all(|key| account(&world, *key).active()));
    world.reset();
    assert_done(&world.run().await, 200);
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_change_that_is_forbidden_fails_one_record() {
    one_refusal_fails_one_record(403).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_change_that_is_answered_with_401_fails_one_record() {
    one_refusal_fails_one_record(401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_change_that_is_refused_or_breaks_fails_one_record() {
    for status in [400, 404, 405, 409, 422, 500, 501] {
        one_refusal_fails_one_record(status).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_creates_fail_leavers_are_disabled_and_the_others_served() {
    let mut world = in_step(60).await;
    let (changed, leaver, _) = stir(&world);
    for _ in 0..20 {
        join(&world);
    }
    world.travelperk.fail(Fault::status(500).on("POST", USERS));

    let finished = world.run().await;

    assert_eq!(finished.result.counts.created, 0, "{:?}", finished.result);
    assert_eq!((finished.result.counts.disabled, finished.result.counts.failed), (1, 22), "{:?}", finished.result);
    assert!(!account(&world, leaver).active());
    assert!(changed.iter().all(|key| title(&world, *key) == "Other"));
    let tried = world.travelperk.requests("POST", USERS);
    assert!(tried < 22 * 5, "creates are given up once they fail in a row: {tried}");
    world.reset();
    assert_done(&world.run().await, 201);
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_end_in_mid_run_end_the_run() {
    let mut world = in_step(60).await;
    stir(&world);
    world.travelperk.fail(Fault::status(401).on("PATCH", USER));
    world.travelperk.fail(Fault::status(401).on("POST", USERS));
    world.travelperk.fail(Fault::status(401).on("GET", USERS).containing("count=1").nth(1));
    world.travelperk.fail(Fault::status(401).on("GET", "/api/v2/scim/Users").containing("count=1&"));

    let finished = world.run().await;

    assert_eq!(finished.result.counts.updated + finished.result.counts.created, 0, "{:?}", finished.result);
    assert_ne!(finished.exit, ExitCode::Done);
    world.reset();
    assert_done(&world.run().await, 201);
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_half_way_says_what_it_did() {
    let mut world = in_step(60).await;
    let (_, leaver, _) = stir(&world);
    world.travelperk.fail(Fault::new(FaultKind::Delay { ms: 300 }).on("POST", USERS));
    let input = world.next(rollcall_api::v1alpha1::JobType::Sync);
    let cancel = tokio_util::sync::CancellationToken::new();
    let stop = cancel.clone();
    let mut pause =
        world.travelperk.pause(rollcall_emulators::Point::new(1, rollcall_emulators::Moment::Before).on("POST", USERS));

    let (finished, ()) =
        tokio::join!(rollcall::runner::run(&input, &cancel, &rollcall::runner::NoProgress), async move {
            pause.reached().await;
            stop.cancel();
            pause.release().await;
        });

    assert_eq!(finished.result.reason, "Cancelled", "{:?}", finished.result);
    assert_eq!(finished.result.counts.disabled, 1, "{:?}", finished.result);
    assert!(finished.result.counts.created > 0, "{:?}", finished.result);
    assert!(!account(&world, leaver).active());
    world.reset();
    world.run().await;
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_half_way_says_what_it_did() {
    let mut world = in_step(60).await;
    let (_, leaver, _) = stir(&world);
    // The system is gone once the first create comes: nothing answers any more, the probe neither.
    world.travelperk.fail(Fault::status(401).on("POST", USERS));
    let mut probe = Fault::status(401).on("GET", USERS);
    probe.contains = Some("count=1".into());
    let pause =
        world.travelperk.pause(rollcall_emulators::Point::new(1, rollcall_emulators::Moment::Before).on("POST", USERS));
    let input = world.next(rollcall_api::v1alpha1::JobType::Sync);
    let cancel = tokio_util::sync::CancellationToken::new();
    let server = &world.travelperk;

    let (finished, ()) =
        tokio::join!(rollcall::runner::run(&input, &cancel, &rollcall::runner::NoProgress), async move {
            let mut pause = pause;
            pause.reached().await;
            server.fail(probe);
            pause.release().await;
        });

    assert_eq!(finished.exit, ExitCode::CredentialsRejected, "{:?}", finished.result);
    assert_eq!(finished.result.counts.disabled, 1, "{:?}", finished.result);
    assert!(!account(&world, leaver).active());
    world.reset();
    world.run().await;
    world.assert_in_step();
}
