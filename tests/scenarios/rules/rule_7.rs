//! Rule 7: guards count effects, not runs.

use jiff::SignedDuration;
use rollcall::runner::RunInput;
use rollcall_api::v1alpha1::JobType;

use super::help::{account, accounts, as_setting, free, in_step, people_of};
use crate::support::{World, go, people};

/// So many more people leave.
fn leave(world: &World, count: usize) -> Vec<u64> {
    let leavers: Vec<u64> = free(world).into_iter().take(count).collect();
    for id in &leavers {
        world.personio.state().people.leave(*id, None);
    }
    leavers
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_runs_of_ten_removals_within_a_day_remove_no_more_than_one_run_may() {
    let mut world = in_step(300).await;
    let (_, open) = accounts(&world);
    let limit = (open * 5 / 100).min(25);
    for _ in 0..12 {
        leave(&world, 10);
        world.run().await;
        world.now += SignedDuration::from_mins(90);
    }

    let removed = open - accounts(&world).1;

    assert!((10..=limit).contains(&removed), "{removed} of {open}, limit {limit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_later_the_limit_is_there_again() {
    let mut world = in_step(200).await;
    let (_, open) = accounts(&world);
    let leavers = leave(&world, open * 5 / 100);
    assert_eq!(world.run().await.result.counts.disabled, i64::try_from(leavers.len()).unwrap());
    leave(&world, 2);
    assert_eq!(world.run().await.result.counts.disabled, 0);

    world.now += SignedDuration::from_hours(25);

    assert_eq!(world.run().await.result.counts.disabled, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_were_disabled_long_ago_do_not_enlarge_the_limit() {
    let mut world = in_step(200).await;
    let (_, open) = accounts(&world);
    leave(&world, open / 2);
    let held = world.run().await.result.held.expect("too many");
    world.release(&held.digest).await;
    world.now += SignedDuration::from_hours(24 * 40);
    let (all, open) = accounts(&world);
    let limit = open * 5 / 100;
    assert!(all * 5 / 100 > limit, "the limit of all links would let them pass");
    let leavers = leave(&world, limit + 1);

    let finished = world.run().await;

    assert_eq!(finished.result.counts.disabled, 0, "{:?}", finished.result);
    assert!(leavers.iter().all(|key| account(&world, *key).active()));
}

#[tokio::test(flavor = "multi_thread")]
async fn removals_that_were_split_over_two_settings_count_together() {
    let mut world = World::with(people(200)).await;
    let mut second = world.spec.clone();
    second.streams.retain(|stream| stream.name == "people");
    people_of(&mut world.spec).scope = Some("source.email != null && int(source.id) <= 100100".into());
    people_of(&mut second).scope = Some("source.email != null && int(source.id) > 100100".into());
    for spec in [&mut world.spec, &mut second] {
        people_of(spec).leaver.on_out_of_scope = rollcall_api::v1alpha1::OnGone::Keep;
        // Each of the two stays below its own limit of 5 percent.
        spec.guard.max_removals = 6;
    }
    let first = world.spec.clone();
    world.run().await;
    run_second(&mut world, &second).await;
    world.spec = first;
    let (mut lower, mut upper): (Vec<u64>, Vec<u64>) = free(&world).into_iter().partition(|id| *id <= 100_100);
    lower.truncate(4);
    upper.truncate(4);
    for id in lower.iter().chain(&upper) {
        world.personio.state().people.leave(*id, None);
    }

    let of_first = world.run().await.result.counts.disabled;
    let of_second = run_second(&mut world, &second).await;

    assert_eq!((of_first, of_second), (4, 0), "six may go in all");
}

/// A run of the second setting; how many it disabled.
async fn run_second(world: &mut World, spec: &rollcall_api::v1alpha1::SyncSettingSpec) -> i64 {
    let before = std::mem::replace(&mut world.spec, spec.clone());
    let input: RunInput = world.next(JobType::Sync);
    world.spec = before;
    go(&as_setting(world, input, "second")).await.result.counts.disabled
}
