//! Rule 6: who is who is checked, not assumed.

use rollcall::records::OutcomeResult;
use rollcall::runner::RunInput;
use rollcall_api::contract::ExitCode;
use rollcall_api::v1alpha1::JobType;
use rollcall_emulators::{People, PeopleOptions, PersonioEmulator, PersonioOptions};

use super::help::{USERS, account, accounts, free, in_step, join, person, wire};
use crate::support::{TODAY, World, assert_done, go};

fn strangers(count: u64) -> People {
    People::with(PeopleOptions { seed: 99, count, today: TODAY, cycle: false, gaps: false })
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_another_tenant_write_nothing_there() {
    let mut world = in_step(60).await;
    // Another company's tenant at the same address, with the same identifiers: that is what other credentials lead to.
    let other = World::with(strangers(60)).await;
    {
        let source = other.personio.state();
        other.travelperk.state().adopt(&source.people, 60);
    }
    let before: Vec<_> = other.travelperk.state().accounts().cloned().collect();
    join(&world);
    let leaver = free(&world)[0];
    world.personio.state().people.leave(leaver, None);
    let target = other.input(JobType::Sync, "unused", 1).target;
    let input = RunInput { target, ..world.next(JobType::Sync) };

    let finished = go(&input).await;

    assert_eq!(wire(&other.travelperk), [], "{:?}", finished.result);
    assert_eq!(other.travelperk.state().accounts().cloned().collect::<Vec<_>>(), before);
    assert!(finished.result.counts.held > 0 || finished.result.counts.conflicts > 0, "{:?}", finished.result);
    // Back with the right credentials all goes on.
    assert_done(&world.run().await, 201);
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_s_source_changes_nobody() {
    let mut world = in_step(60).await;
    let before: Vec<_> = world.travelperk.state().accounts().cloned().collect();
    let other = PersonioEmulator::start(strangers(60), PersonioOptions::default()).await;
    let own = world.input(JobType::Sync, "unused", 1).systems;
    let right = std::mem::replace(&mut world.personio, other);
    let input = RunInput { systems: own.clone(), ..world.next(JobType::Sync) };

    let finished = go(&input).await;

    assert_eq!(world.writes(), [], "{:?}", finished.result);
    assert_eq!(world.travelperk.state().accounts().cloned().collect::<Vec<_>>(), before);
    world.personio = right;
    assert_done(&go(&RunInput { systems: own, ..world.next(JobType::Sync) }).await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_with_new_numbers_removes_and_creates_nobody() {
    let mut world = in_step(60).await;
    let (total, _) = accounts(&world);
    let ids: Vec<u64> = world.personio.state().people.iter().map(|person| person.id).collect();
    for id in &ids {
        world.personio.state().people.change_id(*id, id + 700_000);
    }

    let finished = world.run().await;

    assert_eq!(world.writes(), [], "{:?}", finished.result);
    assert_eq!(finished.exit, ExitCode::Held, "{:?}", finished.result);
    let released = world.release(&finished.result.held.unwrap().digest).await;
    assert_eq!((released.result.counts.created, released.result.counts.disabled), (0, 0), "{:?}", released.result);
    assert_eq!(accounts(&world).0, total);
    world.run().await;
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_numbers_were_dealt_anew_moves_nobody_into_another_account() {
    let mut world = in_step(60).await;
    let before: Vec<_> = world.travelperk.state().accounts().cloned().collect();
    // Everybody has the number of the one who came after: each identifier is somebody's, and nobody's own.
    let ids: Vec<u64> = world.personio.state().people.iter().map(|person| person.id).collect();
    {
        let mut state = world.personio.state();
        for id in ids.iter().rev() {
            assert!(state.people.change_id(*id, id + 1));
        }
    }

    let finished = world.run().await;

    assert_eq!(world.writes(), [], "{:?}", finished.result);
    assert_eq!(world.travelperk.state().accounts().cloned().collect::<Vec<_>>(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_key_changed_is_proposed_as_the_same_person() {
    let mut world = in_step(60).await;
    let key = free(&world)[0];
    let id = account(&world, key).id;
    let (total, open) = accounts(&world);
    world.personio.state().people.change_id(key, key + 700_000);

    let finished = world.run().await;

    assert_eq!(world.writes(), [], "{:?}", finished.result);
    let outcome = world.outcome(&(key + 700_000).to_string()).await;
    assert_eq!((outcome.result, outcome.reason.as_str()), (OutcomeResult::Held, "KeyChanged"));
    assert_eq!(finished.result.counts.disabled, 0);
    let released = world.release(&finished.result.held.unwrap().digest).await;
    assert_done(&released, 200);
    assert_eq!(account(&world, key + 700_000).id, id, "the same account");
    assert_eq!(accounts(&world), (total, open));
    assert_done(&world.run().await, 204);
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_taken_on_again_under_a_new_key_gets_the_old_account_back_once_approved() {
    let mut world = in_step(60).await;
    let key = free(&world)[0];
    let id = account(&world, key).id;
    world.personio.state().people.leave(key, None);
    assert_done(&world.run().await, 200);
    let new = world.personio.state().people.rehire(key).unwrap();
    world.reset();

    let finished = world.run().await;

    assert_eq!(world.writes(), [], "{:?}", finished.result);
    assert_eq!(world.outcome(&new.to_string()).await.reason, "KeyChanged");
    assert_done(&world.release(&finished.result.held.unwrap().digest).await, 200);
    let now = account(&world, new);
    assert_eq!((now.id, now.active()), (id, true));
    assert_done(&world.run().await, 204);
    assert_eq!(world.travelperk.requests("POST", USERS), 0);
    // The record that stays behind in the source takes nothing away.
    assert!(account(&world, new).active());
    world.run().await;
    assert!(account(&world, new).active());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_swap_addresses_keep_their_own_accounts() {
    let mut world = in_step(60).await;
    let (one, other) = (free(&world)[0], free(&world)[1]);
    let before = [one, other].map(|key| account(&world, key));
    world.personio.state().people.swap_emails(one, other);

    let finished = world.run().await;

    for (key, before) in [one, other].into_iter().zip(before) {
        let now = account(&world, key);
        assert_eq!((now.id, now.active()), (before.id, true), "{:?}", finished.result);
        let person = person(&world, key);
        assert_eq!(now.display_name(), before.display_name(), "{}", person.id);
    }
    assert_eq!(finished.result.counts.disabled + finished.result.counts.created, 0, "{:?}", finished.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_whose_logins_were_swapped_by_hand_are_put_right_or_left_alone() {
    let mut world = in_step(60).await;
    let (one, other) = (free(&world)[0], free(&world)[1]);
    let ids = [one, other].map(|key| account(&world, key).id);
    world.travelperk.state().swap_user_names(ids[0], ids[1]);

    let finished = world.run().await;

    assert_eq!([one, other].map(|key| account(&world, key).id), ids);
    assert_eq!(finished.result.counts.disabled + finished.result.counts.created, 0, "{:?}", finished.result);
    assert!([one, other].iter().all(|key| account(&world, *key).active()));
}
