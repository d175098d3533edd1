//! Faults while reading: nobody is removed wrongly, nobody is made twice, and the next clean run puts all right.

use rollcall_api::contract::ExitCode;

use crate::support::{World, assert_done, people};
use rollcall_emulators::{Fault, FaultKind};

const PERSONS: &str = "/v2/persons";
const EMPLOYMENTS: &str = "/v2/persons/{id}/employments";
const USERS: &str = "/api/v2/scim/Users";

/// Runs with a fault in the source after a clean first run: no write to the target may follow, whatever the end; then a
/// clean run must find everything as wanted.
async fn survives_source_fault(fault: Fault) -> (ExitCode, i32, String) {
    let mut world = World::with(people(230)).await;
    assert_done(&world.run().await, 201);
    world.reset();
    world.personio.fail(fault);

    let faulty = world.run().await;

    assert_eq!(world.writes(), [], "no write because of a fault: {:?}", faulty.result);
    world.reset();
    assert_done(&world.run().await, 204);
    world.assert_in_step();
    let proof = faulty.result.read.map(|read| read.proof).unwrap_or_default();
    (faulty.exit, faulty.result.code, if proof.is_empty() { faulty.result.reason } else { proof })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_dropped_once_is_found_by_reading_again() {
    let end = survives_source_fault(Fault::new(FaultKind::DropPage).on("GET", PERSONS).nth(2)).await;

    assert_eq!(end, (ExitCode::Done, 204, "TwoAgreeingReads".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_dropped_again_and_again_remove_nobody() {
    let end = survives_source_fault(Fault::new(FaultKind::DropPage).on("GET", PERSONS).every(4)).await;

    assert_eq!(end, (ExitCode::Done, 204, "ReadsDisagree".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_page_removes_nobody() {
    let end = survives_source_fault(Fault::new(FaultKind::RepeatPage).on("GET", PERSONS).nth(3)).await;

    assert_eq!((end.0, end.1), (ExitCode::Done, 204));
    assert!(["ReadsDisagree", "CursorDidNotAdvance"].contains(&end.2.as_str()), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_answer_is_read_again() {
    let end = survives_source_fault(Fault::new(FaultKind::TruncateBody).on("GET", PERSONS).nth(2)).await;

    assert_eq!(end, (ExitCode::Done, 204, "TwoAgreeingReads".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_is_read_again() {
    let end = survives_source_fault(Fault::new(FaultKind::EmptyBody).on("GET", PERSONS).nth(2)).await;

    assert_eq!(end, (ExitCode::Done, 204, "TwoAgreeingReads".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_removes_nobody() {
    let end = survives_source_fault(Fault::new(FaultKind::EmptyList).on("GET", PERSONS).nth(1)).await;

    assert_eq!(end, (ExitCode::Done, 204, "TwoAgreeingReads".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_every_time_is_held() {
    let mut world = World::with(people(60)).await;
    assert_done(&world.run().await, 201);
    world.reset();
    world.personio.fail(Fault::new(FaultKind::EmptyList).on("GET", PERSONS).every(1));

    let faulty = world.run().await;

    assert_eq!(faulty.exit, ExitCode::Held);
    assert_eq!(world.writes(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_does_not_advance_ends_the_read_as_incomplete() {
    let end = survives_source_fault(Fault::new(FaultKind::StuckCursor).on("GET", PERSONS).every(1)).await;

    assert_eq!(end, (ExitCode::Done, 204, "CursorDidNotAdvance".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_in_mid_read_is_renewed() {
    let end = survives_source_fault(Fault::new(FaultKind::ExpireToken).on("GET", EMPLOYMENTS).nth(7)).await;

    assert_eq!((end.0, end.1), (ExitCode::Done, 204));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_burst_of_server_errors_is_ridden_out() {
    let end = survives_source_fault(Fault::status(503).on("GET", EMPLOYMENTS).times(3)).await;

    assert_eq!((end.0, end.1), (ExitCode::Done, 204));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_burst_of_server_errors_ends_the_run_as_transient() {
    let end = survives_source_fault(Fault::status(500).on("GET", PERSONS).every(1)).await;

    assert_eq!(end, (ExitCode::Transient, 400, "ServerFailed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_credentials_end_the_run_without_a_second_try() {
    let mut world = World::with(people(20)).await;
    world.personio.fail(Fault::status(400).on("POST", "/v2/auth/token").every(1));

    let faulty = world.run().await;

    assert_eq!((faulty.exit, faulty.result.reason.as_str()), (ExitCode::CredentialsRejected, "CredentialsRejected"));
    assert_eq!(world.personio.requests("POST", "/v2/auth/token"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_total_of_the_target_leads_to_no_duplicate() {
    let mut world = World::with(people(120)).await;
    assert_done(&world.run().await, 201);
    world.reset();
    world.travelperk.fail(Fault::new(FaultKind::WrongTotal { by: 7 }).on("GET", USERS).every(1));

    let faulty = world.run().await;

    assert_eq!((faulty.exit, faulty.result.reason.as_str()), (ExitCode::Transient, "ReadIncomplete"));
    assert_eq!(world.writes(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_dropped_from_the_target_leads_to_no_duplicate() {
    let mut world = World::with(people(120)).await;
    assert_done(&world.run().await, 201);
    world.reset();
    world.travelperk.fail(Fault::new(FaultKind::DropPage).on("GET", USERS).nth(2));

    world.run().await;

    let creates = world.travelperk.requests("POST", USERS);
    assert_eq!(creates, 0);
    world.reset();
    assert_done(&world.run().await, 204);
    world.assert_in_step();
}
