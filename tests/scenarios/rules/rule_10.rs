//! Rule 10: leavers first.

use rollcall_emulators::Fault;
use rollcall_emulators::common::journal::Entry;

use super::help::{USER, USERS, account, free, in_step, wire};
use crate::support::World;

fn is_removal(write: &Entry) -> bool {
    let body = write.body.as_ref().map(ToString::to_string).unwrap_or_default();
    write.method == "PATCH" && body.contains("\"active\"") && body.contains("false")
}

/// Two leave (a manager among them), many change, some join, with a cost centre of their own.
fn stir(world: &World) -> Vec<u64> {
    let free = free(world);
    let manager = {
        let state = world.personio.state();
        let person = state.people.iter().find(|person| person.id == free[5]).unwrap();
        person.current().supervisor.unwrap()
    };
    let mut state = world.personio.state();
    state.people.leave(free[0], None);
    state.people.leave(manager, None);
    for id in &free[1..5] {
        state.people.update_employment(*id, |employment| employment.position = "Other".into());
    }
    state.people.join_some(4);
    vec![free[0], manager]
}

#[tokio::test(flavor = "multi_thread")]
async fn leavers_are_written_before_joiners_and_movers() {
    let mut world = in_step(60).await;
    let leavers = stir(&world);

    let finished = world.run().await;

    assert_eq!((finished.result.counts.disabled, finished.result.counts.created), (2, 4), "{:?}", finished.result);
    let writes = wire(&world.travelperk);
    let last = writes.iter().rposition(is_removal).expect("a removal");
    let first = writes.iter().position(|write| !is_removal(write)).expect("another write");
    assert!(last < first, "{last} and {first} of {}", writes.len());
    assert!(leavers.iter().all(|key| !account(&world, *key).active()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_joiner_does_delays_a_leaver() {
    let mut world = in_step(60).await;
    let leavers = stir(&world);
    world.travelperk.fail(Fault::status(500).on("POST", "/cost_centers"));
    world.travelperk.fail(Fault::status(401).on("POST", USERS));
    world.travelperk.fail(Fault::status(500).on("GET", "/cost_centers"));
    world.travelperk.fail(Fault::status(400).on("PATCH", USER).with_body("title"));

    let finished = world.run().await;

    assert!(leavers.iter().all(|key| !account(&world, *key).active()), "{:?}", finished.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaver_whose_value_map_has_a_gap_is_disabled_all_the_same() {
    let mut world = in_step(60).await;
    let leaver = free(&world)[0];
    {
        let mut state = world.personio.state();
        state.people.leave(leaver, None);
        // No address, no name: nothing of it matters for somebody who leaves.
        state.people.update(leaver, |person| {
            (person.email, person.first_name, person.last_name) = (None, String::new(), String::new());
        });
    }

    world.run().await;

    assert!(!account(&world, leaver).active());
}
