//! Leavers: on their day, not before; held when there are too many; back again when they return.

use rollcall_api::contract::ExitCode;

use crate::support::{TODAY, World, assert_done, people};

fn nobodys_manager(world: &World) -> Vec<u64> {
    let state = world.personio.state();
    let managers: std::collections::BTreeSet<u64> =
        state.people.iter().filter_map(|person| person.current().supervisor).collect();
    let free = state
        .people
        .iter()
        .filter(|person| person.is_active() && person.leaves_on().is_none() && !managers.contains(&person.id));
    free.map(|person| person.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_future_leaver_is_left_alone_until_the_day_after_the_last_in_the_zone() {
    let mut world = World::with(people(60)).await;
    world.run().await;
    let id = nobodys_manager(&world)[0];
    let last_day = TODAY.tomorrow().unwrap();
    {
        let mut state = world.personio.state();
        state.people.update_employment(id, |employment| {
            employment.termination = Some(rollcall_emulators::people::Termination {
                date: last_day,
                last_working_day: last_day,
                kind: "EMPLOYEE",
            });
        });
    }
    let account = |world: &World| {
        let state = world.travelperk.state();
        state.accounts().find(|account| account.external_id() == Some(&id.to_string())).unwrap().active()
    };

    let before = world.run().await;
    assert!(account(&world), "not before the day");
    assert_eq!(before.result.next_due_time.unwrap().to_string(), "2026-03-11T23:00:00Z", "midnight in Berlin");

    world.now = "2026-03-11T22:59:59Z".parse().unwrap();
    world.run().await;
    assert!(account(&world), "not on the last day itself");

    world.now = "2026-03-11T23:00:00Z".parse().unwrap();
    let after = world.run().await;
    assert!(!account(&world), "on the day after");
    assert_eq!(after.result.counts.disabled, 1, "{:?}", after.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_forty_percent_vanish_removals_are_held_and_joiners_created() {
    let mut world = World::with(people(200)).await;
    assert_done(&world.run().await, 201);
    world.reset();
    let active = world.active_people().len();
    world.personio.state().people.remove_some(active * 2 / 5, 11);
    world.personio.state().people.join_some(3);

    let held = world.run().await;

    assert_eq!(held.exit, ExitCode::Held, "{:?}", held.result);
    let counts = held.result.counts;
    assert_eq!((counts.created, counts.disabled), (3, 0));
    let waiting = held.result.held.clone().unwrap();
    assert_eq!(waiting.disable, counts.held);
    assert!(waiting.disable > 50);

    let released = world.release(&waiting.digest).await;

    assert_done(&released, 200);
    assert_eq!(released.result.counts.disabled, waiting.disable);
    world.reset();
    assert_done(&world.run().await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_applies_the_lines_that_were_proposed_and_nothing_else_and_only_once() {
    let mut world = World::with(people(200)).await;
    world.run().await;
    world.personio.state().people.remove_some(60, 11);
    let held = world.run().await.result.held.unwrap();
    world.personio.state().people.remove_some(5, 12);
    world.reset();

    let released = world.release(&held.digest).await;

    assert_done(&released, 200);
    assert_eq!(released.result.counts.disabled, held.disable, "{:?}", released.result);
    world.reset();
    let replayed = world.release(&held.digest).await;
    assert_eq!(replayed.result.reason, "ApprovalUsed");
    assert_eq!(world.writes(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_comes_back_is_enabled_again() {
    let mut world = World::with(people(60)).await;
    world.run().await;
    let id = nobodys_manager(&world)[0];
    world.personio.state().people.leave(id, None);
    assert_eq!(world.run().await.result.counts.disabled, 1);
    world.personio.state().people.return_to_work(id);
    world.reset();

    let finished = world.run().await;

    assert_done(&finished, 200);
    world.assert_in_step();
}
