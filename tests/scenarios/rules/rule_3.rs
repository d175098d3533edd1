//! Rule 3: missing is not empty.

use rollcall_api::contract::ExitCode;
use rollcall_api::v1alpha1::OnNull;
use rollcall_emulators::{Fault, FaultKind};

use super::help::{EMPLOYMENTS, in_step, people_of};
use crate::support::{World, assert_done};

/// Runs once and expects that nothing is written; then the source is as it was, and everything is as wanted.
async fn writes_nothing(world: &mut World) -> String {
    world.reset();
    let finished = world.run().await;
    assert_eq!(world.writes(), [], "{:?}", finished.result);
    assert_ne!(finished.exit, ExitCode::Done, "{:?}", finished.result);
    let key = super::help::free(world)[0];
    let reason = world.outcome(&key.to_string()).await.reason;
    {
        let mut state = world.personio.state();
        state.options.omit_from_persons.clear();
        state.options.omit_from_employments.clear();
    }
    world.personio.clear_faults();
    assert_done(&world.run().await, 204);
    world.assert_in_step();
    reason
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_no_row_has_makes_nobody_a_leaver_and_nobody_active() {
    let mut world = in_step(60).await;
    world.personio.state().options.omit_from_persons = vec!["status".into()];

    assert_eq!(writes_nothing(&mut world).await, "SourceUnreadable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_no_row_has_empties_no_manager() {
    let mut world = in_step(60).await;
    world.personio.state().options.omit_from_employments = vec!["supervisor".into()];

    assert_eq!(writes_nothing(&mut world).await, "SourceUnreadable");
}

#[tokio::test(flavor = "multi_thread")]
async fn cost_centres_that_no_row_has_empty_no_cost_centre() {
    let mut world = in_step(60).await;
    world.personio.state().options.omit_from_employments = vec!["cost_centers".into()];

    assert_eq!(writes_nothing(&mut world).await, "SourceUnreadable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_need_not_be_delivered_and_that_all_lack_is_held() {
    let mut world = in_step(60).await;
    let fields = &mut people_of(&mut world.spec).fields;
    fields.iter_mut().find(|field| field.to == "dateOfBirth").unwrap().on_null = OnNull::Clear;
    assert_done(&world.run().await, 204);
    world.personio.state().options.omit_from_persons = vec!["custom_attributes".into()];

    assert_eq!(writes_nothing(&mut world).await, "FieldChangeLimit");
}

#[tokio::test(flavor = "multi_thread")]
async fn employments_that_are_an_empty_list_for_everybody_change_nothing() {
    let mut world = in_step(60).await;
    world.reset();
    world.personio.fail(Fault::new(FaultKind::EmptyList).on("GET", EMPLOYMENTS).every(1));

    let finished = world.run().await;

    assert_eq!(world.writes(), [], "{:?}", finished.result);
    assert!(finished.result.counts.failed >= 50, "{:?}", finished.result);
    world.reset();
    assert_done(&world.run().await, 204);
    world.assert_in_step();
}
