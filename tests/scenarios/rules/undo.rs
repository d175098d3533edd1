//! Taking a run back: the systems are as they were, field by field, as far as they permit, and stay so until somebody says
//! otherwise.

use rollcall::runner::{Finished, RunInput};
use rollcall_api::contract::ExitCode;
use rollcall_api::v1alpha1::{JobType, UndoRequest};
use rollcall_emulators::travelperk::Account;
use serde_json::json;

use super::help::{account, free, in_step, join};
use crate::support::{World, assert_done, go};

async fn undo(world: &mut World, run: &str) -> Finished {
    let undo = Some(UndoRequest { run: run.to_owned() });
    let input = RunInput { undo, ..world.next(JobType::Undo) };
    go(&input).await
}

struct Stirred {
    changed: Vec<u64>,
    leaver: u64,
    joiner: u64,
    before: Vec<Account>,
    run: String,
}

/// A run that created, changed and disabled, and the accounts as they were before it.
async fn stirred(world: &mut World) -> Stirred {
    let before: Vec<Account> = world.travelperk.state().accounts().cloned().collect();
    let free = free(world);
    let (leaver, changed) = (free[0], free[1..4].to_vec());
    {
        let mut state = world.personio.state();
        state.people.leave(leaver, None);
        let office = state.people.get(free[9]).unwrap().current().supervisor;
        for id in &changed {
            state.people.update_employment(*id, |employment| {
                employment.position = "Other".into();
                employment.supervisor = office;
                employment.cost_centers.clear();
            });
        }
        state.people.update(changed[0], |person| person.last_name = "Renamed".into());
    }
    let joiner = join(world);
    let finished = world.run().await;
    let counts = finished.result.counts;
    assert_eq!((counts.created, counts.updated, counts.disabled), (1, 3, 1), "{:?}", finished.result);
    Stirred { changed, leaver, joiner, before, run: world.last_run_id() }
}

/// What an account looks like, without when.
fn looks(account: &Account) -> (u64, serde_json::Value) {
    let mut fields = serde_json::Value::Object(account.fields.clone());
    for (_, extension) in fields.as_object_mut().unwrap().iter_mut().filter(|(name, _)| name.starts_with("urn:")) {
        if let Some(values) = extension.as_object_mut() {
            values.retain(|_, value| !value.is_null());
        }
    }
    (account.id, fields)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_creates_updates_and_disables_is_taken_back_field_by_field() {
    let mut world = in_step(60).await;
    let stirred = stirred(&mut world).await;

    let undone = undo(&mut world, &stirred.run).await;

    assert_eq!(undone.exit, ExitCode::Done, "{:?}", undone.result);
    for before in &stirred.before {
        let now = world.travelperk.state().account(before.id).unwrap().clone();
        assert_eq!(looks(&now), looks(before));
    }
    assert!(!account(&world, stirred.joiner).active(), "who was created is disabled: the sample deletes nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_leaves_it_so_until_that_is_released() {
    let mut world = in_step(60).await;
    let stirred = stirred(&mut world).await;
    undo(&mut world, &stirred.run).await;
    world.reset();

    let next = world.run().await;

    assert_eq!(world.writes(), [], "{:?}", next.result);
    assert_eq!(next.exit, ExitCode::Held, "{:?}", next.result);
    assert_eq!(world.outcome(&stirred.changed[0].to_string()).await.reason, "Undone");
    let released = world.release(&next.result.held.unwrap().digest).await;
    assert_done(&released, 200);
    assert!(!account(&world, stirred.leaver).active());
    assert_eq!(account(&world, stirred.changed[0]).fields["title"], json!("Other"));
    world.assert_in_step();
    assert_done(&world.run().await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_the_same_run_back_twice_changes_nothing_more() {
    let mut world = in_step(60).await;
    let stirred = stirred(&mut world).await;
    undo(&mut world, &stirred.run).await;
    world.reset();

    let again = undo(&mut world, &stirred.run).await;

    assert_eq!(world.writes(), [], "{:?}", again.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undone_run_can_be_brought_back_by_undoing_the_undo() {
    let mut world = in_step(60).await;
    let stirred = stirred(&mut world).await;
    let after: Vec<Account> = world.travelperk.state().accounts().cloned().collect();
    undo(&mut world, &stirred.run).await;
    let run = world.last_run_id();

    let undone = undo(&mut world, &run).await;

    assert_eq!(undone.exit, ExitCode::Done, "{:?}", undone.result);
    for before in &after {
        let now = world.travelperk.state().account(before.id).unwrap().clone();
        assert_eq!(looks(&now), looks(before));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_since_is_a_conflict_and_stays() {
    let mut world = in_step(60).await;
    let stirred = stirred(&mut world).await;
    let key = stirred.changed[1];
    let id = account(&world, key).id;
    world.travelperk.state().edit(id, |fields| {
        fields.insert("title".into(), json!("By hand"));
    });

    let undone = undo(&mut world, &stirred.run).await;

    assert_eq!(account(&world, key).fields["title"], json!("By hand"), "{:?}", undone.result);
    let outcome = world.outcome(&key.to_string()).await;
    assert!(outcome.message.contains("title"), "{outcome:?}");
    assert!(account(&world, stirred.leaver).active(), "the others are taken back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_not_known_cannot_be_taken_back() {
    let mut world = in_step(30).await;

    let undone = undo(&mut world, "no-such-run").await;

    assert_eq!(undone.exit, ExitCode::Configuration, "{:?}", undone.result);
    assert_eq!(world.writes(), []);
}
