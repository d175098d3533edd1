//! A run that is killed at any point leaves a state from which the next attempt reaches the same end.

use std::time::Duration;

use rollcall::runner::{self, NoProgress};
use rollcall_api::v1alpha1::JobType;
use tokio_util::sync::CancellationToken;

use crate::support::{World, assert_done, go, people};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_in_mid_write_is_completed_by_the_next_attempt_without_duplicates() {
    for milliseconds in [40, 120, 250, 400] {
        let mut world = World::with(people(150)).await;
        let input = world.input(JobType::Sync, "killed", 1);
        let cancel = CancellationToken::new();
        // Dropping the future is what a kill looks like from outside: nothing is tidied up.
        let _ =
            tokio::time::timeout(Duration::from_millis(milliseconds), runner::run(&input, &cancel, &NoProgress)).await;
        drop(input);

        let second = go(&world.input(JobType::Sync, "killed", 2)).await;

        assert!(matches!(second.result.code, 201 | 200 | 204), "{:?}", second.result);
        world.assert_in_step();
        let accounts = world.travelperk.state().accounts().count();
        assert_eq!(accounts, world.active_people().len(), "killed after {milliseconds} ms");
        world.reset();
        assert_done(&world.run().await, 204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_stops_and_the_next_does_the_rest() {
    let mut world = World::with(people(150)).await;
    let input = world.input(JobType::Sync, "cancelled", 1);
    let cancel = CancellationToken::new();
    cancel.cancel();

    let stopped = runner::run(&input, &cancel, &NoProgress).await;

    assert_eq!(stopped.result.reason, "Cancelled");
    assert_eq!(world.writes(), []);
    assert_done(&world.run().await, 201);
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_of_one_setting_never_work_at_the_same_time() {
    let world = World::with(people(100)).await;
    let (first, second) = (world.input(JobType::Sync, "a", 1), world.input(JobType::Sync, "b", 1));

    let cancel = CancellationToken::new();
    let (first, second) =
        tokio::join!(runner::run(&first, &cancel, &NoProgress), runner::run(&second, &cancel, &NoProgress));

    let reasons = [first.result.reason.as_str(), second.result.reason.as_str()];
    assert!(reasons.contains(&"AnotherRun"), "{reasons:?}");
    world.assert_in_step();
}
