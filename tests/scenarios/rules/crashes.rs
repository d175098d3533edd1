//! Rule 8: every write is announced with what was there before, and settled with what came back. After a kill in removals,
//! updates or creates the journal, the links and the counts say what was done.

use rollcall::records::OutcomeResult;
use rollcall_api::v1alpha1::JobType;
use rollcall_emulators::{Moment, Point};
use rollcall_engine::model::{Operation, WriteState};

use super::help::{USER, USERS, account, expire_locks, free, in_step, join, killed, link, person};
use crate::support::{World, go};

struct Stirred {
    leavers: Vec<u64>,
    changed: Vec<u64>,
    joiners: Vec<u64>,
}

fn stir(world: &World) -> Stirred {
    let free = free(world);
    let (leavers, changed) = (free[..2].to_vec(), free[2..6].to_vec());
    {
        let mut state = world.personio.state();
        for id in &leavers {
            state.people.leave(*id, None);
        }
        for id in &changed {
            state.people.update_employment(*id, |employment| employment.position = "Other".into());
        }
    }
    let joiners = (0..4).map(|_| join(world)).collect();
    Stirred { leavers, changed, joiners }
}

/// Kills a run at a point, carries on with its next attempt or with another run, and looks at what is known afterwards.
async fn is_known_after(method: &str, route: &str, nth: u64, moment: Moment, same_run: bool) {
    let at = format!("{method} {route} {nth} {moment:?}, same run: {same_run}");
    let mut world = in_step(60).await;
    let stirred = stir(&world);
    let input = world.next(JobType::Sync);
    let pause = world.travelperk.pause(Point::new(nth, moment).on(method, route).with_later_ones());
    assert!(killed(&input, pause).await.is_none(), "{at}: not killed");
    drop(input);
    expire_locks(&world);
    let run = world.last_run_id();

    let finished = if same_run { go(&world.input(JobType::Sync, &run, 2)).await } else { world.run().await };

    world.assert_in_step();
    let counts = finished.result.counts;
    if same_run {
        assert_eq!((counts.disabled, counts.updated, counts.created), (2, 4, 4), "{at}: {:?}", finished.result);
        for (keys, result) in [
            (&stirred.leavers, OutcomeResult::Disabled),
            (&stirred.changed, OutcomeResult::Updated),
            (&stirred.joiners, OutcomeResult::Created),
        ] {
            for key in keys {
                assert_eq!(world.outcome(&key.to_string()).await.result, result, "{at}: {key}");
            }
        }
    }
    let records = world.records();
    for key in &stirred.leavers {
        let link = link(records.as_ref(), *key).await.expect("a link");
        assert_eq!(link.disabled_at, Some(world.now), "{at}: {key}");
    }
    for key in &stirred.joiners {
        let link = link(records.as_ref(), *key).await.expect("a link");
        assert_eq!(*link.target_id, *account(&world, *key).id.to_string(), "{at}: {key}");
    }
    assert_eq!(records.open_writes().await.unwrap(), [], "{at}: every write is settled");
    // Who comes back is enabled again, because it is known that Rollcall disabled them.
    world.personio.state().people.return_to_work(stirred.leavers[0]);
    world.run().await;
    assert!(account(&world, stirred.leavers[0]).active(), "{at}");
}

async fn is_known_after_any(method: &str, route: &str, nths: &[u64]) {
    for nth in nths {
        for moment in [Moment::Before, Moment::After] {
            for same_run in [true, false] {
                is_known_after(method, route, *nth, moment, same_run).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_removals_loses_nothing() {
    is_known_after_any("PATCH", USER, &[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_updates_loses_nothing() {
    is_known_after_any("PATCH", USER, &[3, 6]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_creates_loses_nothing() {
    is_known_after_any("POST", USERS, &[1, 4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_says_what_was_there_before_and_what_came_of_it() {
    let mut world = in_step(40).await;
    let stirred = stir(&world);
    let before = account(&world, stirred.changed[0]).fields["title"].clone();

    world.run().await;

    let writes = world.records().writes(&world.last_run_id().into(), 0, 1000).await.unwrap();
    let of = |key: u64| writes.iter().find(|write| write.source_key.as_deref() == Some(&key.to_string())).unwrap();
    let changed = of(stirred.changed[0]);
    assert_eq!((changed.operation, changed.state), (Operation::Update, WriteState::Done));
    assert_eq!(changed.before.expose().get("title"), Some(&before));
    assert_eq!(changed.after.expose().get("title").unwrap(), "Other");
    assert_eq!(
        (of(stirred.leavers[0]).operation, of(stirred.leavers[0]).active_before),
        (Operation::Disable, Some(true))
    );
    let created = of(stirred.joiners[0]);
    assert_eq!((created.operation, created.active_before), (Operation::Create, None));
    let account = account(&world, stirred.joiners[0]).id.to_string();
    assert_eq!(created.target_id.as_deref(), Some(account.as_str()));
    assert_eq!(
        created.after.expose().get("userName").unwrap().as_str(),
        person(&world, stirred.joiners[0]).email.as_deref()
    );
    assert!(writes.iter().all(|write| write.state == WriteState::Done));
}

/// What is announced is known to be announced before the first byte is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_announced_before_it_is_sent() {
    let mut world = in_step(40).await;
    let stirred = stir(&world);
    let input = world.next(JobType::Sync);
    let pause = world.travelperk.pause(Point::new(1, Moment::Before).on("PATCH", USER).with_later_ones());

    assert!(killed(&input, pause).await.is_none());

    let open = world.records().open_writes().await.unwrap();
    let announced: Vec<&str> = open.iter().filter_map(|(_, write)| write.source_key.as_deref()).collect();
    for key in &stirred.leavers {
        assert!(announced.contains(&key.to_string().as_str()), "{announced:?}");
        assert!(account(&world, *key).active(), "nothing was done yet");
    }
    let joiners = stirred.joiners.iter().filter(|key| announced.contains(&key.to_string().as_str())).count();
    assert_eq!(joiners, 0, "leavers come first");
}
