//! Approvals cover lines: exactly those that were proposed, as far as they would still be written just so.

use rollcall::records::OutcomeResult;
use rollcall::runner::RunInput;
use rollcall_api::contract::ExitCode;
use rollcall_api::v1alpha1::{JobType, Release};
use rollcall_emulators::{Moment, Point};

use super::help::{USER, account, accounts, free, in_step, join, killed};
use crate::support::{World, assert_done, go};

/// A world in which so many wait to be disabled; the digest, and who they are.
async fn waiting(count: usize) -> (World, String, Vec<u64>) {
    let mut world = in_step(200).await;
    let leavers: Vec<u64> = free(&world).into_iter().take(count).collect();
    for id in &leavers {
        world.personio.state().people.leave(*id, None);
    }
    let held = world.run().await.result.held.expect("too many");
    assert_eq!(held.disable, i64::try_from(count).unwrap());
    world.reset();
    (world, held.digest, leavers)
}

fn closed(world: &World, keys: &[u64]) -> usize {
    keys.iter().filter(|key| !account(world, **key).active()).count()
}

fn release(world: &World, digest: &str, run: &str, attempt: i32) -> RunInput {
    let release = Some(Release { digest: digest.to_owned(), ..Release::default() });
    RunInput { release, ..world.input(JobType::Release, run, attempt) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_killed_at_40_of_100_goes_on() {
    for same_run in [true, false] {
        let (world, digest, leavers) = waiting(100).await;
        let pause = world.travelperk.pause(Point::new(41, Moment::Before).on("PATCH", USER).with_later_ones());
        assert!(killed(&release(&world, &digest, "release", 1), pause).await.is_none());
        let done = closed(&world, &leavers);
        assert!((30..=60).contains(&done), "{done}");
        super::help::expire_locks(&world);

        let next = if same_run {
            go(&release(&world, &digest, "release", 2)).await
        } else {
            go(&release(&world, &digest, "another", 1)).await
        };

        assert_eq!(closed(&world, &leavers), 100, "{:?}", next.result);
        assert_eq!(next.exit, ExitCode::Done, "{:?}", next.result);
        if same_run {
            assert_eq!(next.result.counts.disabled, 100, "{:?}", next.result);
        }
        let replayed = go(&release(&world, &digest, "replayed", 1)).await;
        assert_eq!(replayed.result.reason, "ApprovalUsed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unrelated_new_hold_voids_nothing() {
    let (mut world, digest, leavers) = waiting(40).await;
    let more: Vec<u64> = free(&world).into_iter().take(3).collect();
    for id in &more {
        world.personio.state().people.leave(*id, None);
    }
    // Another run proposes anew before the release comes.
    let newer = world.run().await.result.held.unwrap();
    assert_ne!(newer.digest, digest);

    let released = world.release(&digest).await;

    assert_eq!(released.result.counts.disabled, 40, "{:?}", released.result);
    assert_eq!((closed(&world, &leavers), closed(&world, &more)), (40, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_changed_stays_held() {
    let mut world = in_step(60).await;
    let changed: Vec<u64> = free(&world).into_iter().take(30).collect();
    for id in &changed {
        world.personio.state().people.update_employment(*id, |employment| employment.position = "Approved".into());
    }
    let held = world.run().await.result.held.expect("a mass change");
    world
        .personio
        .state()
        .people
        .update_employment(changed[0], |employment| employment.position = "Not approved".into());
    world.reset();

    let released = world.release(&held.digest).await;

    assert_eq!(released.result.counts.updated, 29, "{:?}", released.result);
    assert_ne!(account(&world, changed[0]).fields["title"], "Not approved");
    assert_eq!(account(&world, changed[1]).fields["title"], "Approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_came_back_meanwhile_is_not_disabled() {
    let (mut world, digest, leavers) = waiting(40).await;
    world.personio.state().people.return_to_work(leavers[0]);

    let released = world.release(&digest).await;

    assert_eq!(released.result.counts.disabled, 39, "{:?}", released.result);
    assert!(account(&world, leavers[0]).active());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_credential_voids_nothing() {
    let (mut world, digest, leavers) = waiting(40).await;
    world.travelperk.state().options.api_key = "rotated".into();
    let input = RunInput {
        release: Some(Release { digest, ..Release::default() }),
        ..world.next_with_key(JobType::Release, "rotated")
    };

    let released = go(&input).await;

    assert_done(&released, 200);
    assert_eq!(closed(&world, &leavers), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_approval_does_nothing() {
    let (mut world, digest, leavers) = waiting(40).await;
    assert_done(&world.release(&digest).await, 200);
    for id in &leavers {
        world.personio.state().people.return_to_work(*id);
    }
    let back = world.run().await.result.held.expect("too many come back at once");
    assert_done(&world.release(&back.digest).await, 200);
    for id in &leavers {
        world.personio.state().people.leave(*id, None);
    }
    world.reset();

    let replayed = world.release(&digest).await;

    assert_eq!((replayed.result.reason.as_str(), world.writes().len()), ("ApprovalUsed", 0));
    assert_eq!(closed(&world, &leavers), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_creates_nobody_who_was_not_proposed() {
    let (mut world, digest, _) = waiting(40).await;
    let joiner = join(&world);
    let before = accounts(&world).0;

    let released = world.release(&digest).await;

    assert_eq!(accounts(&world).0, before, "{:?}", released.result);
    assert_eq!(world.outcome(&joiner.to_string()).await.result, OutcomeResult::Skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_one_setting_releases_nothing_of_another() {
    let (world, digest, leavers) = waiting(40).await;
    let input = super::help::as_setting(&world, release(&world, &digest, "stolen", 1), "second");

    let finished = go(&input).await;

    assert_eq!(world.writes(), [], "{:?}", finished.result);
    assert_eq!(closed(&world, &leavers), 0);
}
