//! Rule 2: absence is proven per person.

use rollcall_api::contract::ExitCode;
use rollcall_emulators::generic::{Dependents, GenericState, Paging, Stream};
use rollcall_emulators::{Fault, GenericOptions};
use serde_json::json;

use super::help::{PERSONS, in_step};
use super::pair::{Pair, push};

const COUNT: u64 = 120;

/// Somebody new comes and somebody of the first page goes, again and again while the list is read: everybody behind the
/// page's end moves, and the total stays the same.
fn unrest(state: &mut GenericState, times: u64) {
    for time in 0..times {
        let person = json!({"name": format!("New {time}"), "email": format!("new{time}@example.test"), "number": format!("X{time}")});
        state.exchange_after_pages(Stream::People, 1 + 3 * time, person, 1 + time);
    }
}

async fn by_position() -> Pair {
    let source = GenericOptions { paging: Paging::Offset, ..GenericOptions::campus() };
    let target = GenericOptions { dependents: Dependents::FollowAlong, ..GenericOptions::ledger() };
    let mut pair = Pair::with(source, target, push()).await;
    pair.populate(COUNT);
    let first = pair.run().await;
    assert_eq!(first.result.code, 201, "{:?}", first.result);
    pair.reset();
    pair
}

/// Everybody in step, and a source that does not say how many people it has.
async fn in_step_without_totals() -> Pair {
    let source = GenericOptions { declares_total: false, ..GenericOptions::ledger() };
    let mut pair = Pair::with(source, GenericOptions::campus(), push()).await;
    pair.populate(COUNT);
    assert_eq!(pair.run().await.result.code, 201);
    pair.reset();
    pair
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_the_source_that_moved_once_removes_only_who_is_gone() {
    let mut pair = by_position().await;
    unrest(&mut pair.source.state(), 1);

    let finished = pair.run().await;

    assert_eq!((finished.result.counts.created, finished.result.counts.disabled), (1, 1), "{:?}", finished.result);
    pair.assert_same_active_people();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_the_source_that_keeps_moving_removes_nobody() {
    let mut pair = by_position().await;
    unrest(&mut pair.source.state(), 6);

    let finished = pair.run().await;

    assert_eq!(finished.result.counts.disabled, 0, "{:?}", finished.result);
    assert_eq!(pair.disabled_in_target(), 0);
    pair.run().await;
    pair.run().await;
    pair.assert_same_active_people();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_the_target_that_moves_leads_to_no_twin() {
    let mut target = GenericOptions::campus();
    // Nothing but Rollcall's own care prevents a twin.
    target.unique_email = false;
    let mut pair = Pair::with(GenericOptions::ledger(), target, push()).await;
    pair.populate(COUNT);
    assert_eq!(pair.run().await.result.code, 201);
    // Nothing is known about who is who.
    pair.forget_everything().await;
    pair.reset();
    // The first row goes while the list is read, so that the first of the second page is skipped.
    for time in 0..4 {
        pair.target.state().after_pages(Stream::People, 1 + 3 * time, move |state| {
            state.remove(Stream::People, 1 + time);
            state.insert(
                Stream::People,
                json!({"name": format!("By hand {time}"), "email": format!("hand{time}@example.test")}),
            );
        });
    }

    let finished = pair.run().await;
    pair.run().await;

    pair.assert_no_twins();
    assert!(finished.result.counts.created <= 4, "{:?}", finished.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_a_total_that_repeats_somebody_proves_nothing() {
    let mut pair = in_step_without_totals().await;
    {
        let mut state = pair.source.state();
        state.options.delivered_twice = vec![(Stream::People, 60)];
        state.options.list_ends_after = Some(100);
    }

    let finished = pair.run().await;

    assert_eq!(finished.result.counts.disabled, 0, "{:?}", finished.result);
    assert!(finished.result.read.is_some_and(|read| !read.complete));
    assert_eq!(pair.disabled_in_target(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_ends_early_and_agrees_with_itself_is_not_believed_against_the_source_s_own_word() {
    let mut pair = in_step_without_totals().await;
    // Two agreeing reads prove a list of 117; asked one by one the source still has the other three.
    pair.source.state().options.list_ends_after = Some(117);

    let finished = pair.run().await;

    assert_eq!(finished.result.counts.disabled, 0, "{:?}", finished.result);
    assert_eq!(pair.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_the_list_lacks_and_of_whom_the_source_does_not_answer_stays() {
    let mut pair = in_step_without_totals().await;
    pair.source.state().options.list_ends_after = Some(117);
    pair.source.fail(Fault::status(500).on("GET", "/people/{id}"));

    let finished = pair.run().await;

    assert_eq!((finished.result.counts.disabled, pair.writes()), (0, 0), "{:?}", finished.result);
    assert!(pair.outcomes().await.iter().any(|outcome| outcome.reason == "AbsenceUnproven"));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_the_list_lacks_stays_while_the_source_has_the_person_by_key() {
    let mut world = in_step(40).await;
    // The last page is empty every time: both reads agree.
    world.personio.fail(Fault::new(rollcall_emulators::FaultKind::EmptyList).on("GET", PERSONS).containing("cursor"));

    let finished = world.run().await;

    assert_ne!(finished.exit, ExitCode::Transient, "{:?}", finished.result);
    assert_eq!(world.writes(), []);
}
