//! Rule 1: unknown is never absent.

use rollcall::records::OutcomeResult;
use rollcall_api::contract::ExitCode;
use rollcall_api::v1alpha1::JobType;
use rollcall_emulators::{Fault, TravelPerkOptions};
use serde_json::json;

use super::help::{EMPLOYMENTS, USERS, accounts, free, in_step, join, person};
use crate::support::{World, people};

/// A world in which everybody has an account that somebody made by hand, and nothing is linked yet.
async fn unlinked(count: u64, options: TravelPerkOptions) -> World {
    let world = World::with_options(people(count), options).await;
    {
        let source = world.personio.state();
        world.travelperk.state().adopt(&source.people, usize::try_from(count).unwrap());
    }
    world.reset();
    world
}

fn unreadable() -> serde_json::Map<String, serde_json::Value> {
    json!({"userName": {"no": "text"}, "externalId": {"no": "text"}}).as_object().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_be_read_gets_no_twin() {
    let mut world = unlinked(30, TravelPerkOptions::default()).await;
    let key = free(&world)[0];
    let email = person(&world, key).email.unwrap();
    let id = world.travelperk.state().by_user_name(&email).unwrap().id;
    world.travelperk.state().misdeliver(id, unreadable());

    world.run().await;

    assert_eq!(world.travelperk.requests("POST", USERS), 0, "everybody has an account");
    assert_eq!(accounts(&world).0, 30);
    let outcome = world.outcome(&key.to_string()).await;
    assert_eq!((outcome.result, outcome.reason.as_str()), (OutcomeResult::Failed, "TargetUnknown"));
    world.travelperk.state().misdeliver(id, serde_json::Map::new());
    world.run().await;
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_account_that_cannot_be_read_is_left_alone() {
    let mut world = in_step(40).await;
    let key = free(&world)[0];
    let id = super::help::account(&world, key).id;
    world.travelperk.state().misdeliver(id, unreadable());
    world.personio.state().people.update_employment(key, |employment| employment.position = "Other".into());

    let finished = world.run().await;

    assert_eq!(world.writes(), [], "{:?}", finished.result);
    assert_eq!(world.outcome(&key.to_string()).await.reason, "TargetUnreadable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_record_breaks_off_is_neither_removed_nor_ends_the_run() {
    let mut world = in_step(40).await;
    let (broken, joiner) = (free(&world)[0], join(&world));
    world.personio.fail(Fault::status(500).on("GET", EMPLOYMENTS).containing(&format!("/{broken}/")));

    let finished = world.run().await;

    assert_eq!((finished.exit, finished.result.counts.failed), (ExitCode::RecordsFailed, 1), "{:?}", finished.result);
    assert_eq!((finished.result.counts.disabled, finished.result.counts.created), (0, 1));
    assert_eq!(world.outcome(&broken.to_string()).await.reason, "SourceUnreadable");
    assert!(super::help::account(&world, broken).active());
    assert!(super::help::account(&world, joiner).active());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_that_only_one_of_two_rules_answered_creates_nobody() {
    let mut world = unlinked(30, TravelPerkOptions::default()).await;
    let key = free(&world)[0].to_string();
    // The account has no externalId, so that rule finds nothing; the rule that would find it breaks off, and so does
    // the list that would be searched instead.
    world.travelperk.fail(Fault::status(500).on("GET", USERS).containing("userName%20eq"));
    world.travelperk.fail(Fault::status(500).on("GET", USERS).containing("userName+eq"));
    world.travelperk.fail(Fault::status(500).on("GET", USERS).containing("startIndex=1&"));

    let finished = world.run_keys(JobType::Create, std::slice::from_ref(&key)).await;

    assert_ne!(finished.exit, ExitCode::Done, "{:?}", finished.result);
    assert_eq!(world.travelperk.requests("POST", USERS), 0, "{:?}", finished.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_rule_is_not_answered_the_whole_list_is_searched() {
    let mut world = unlinked(30, TravelPerkOptions { filter_external_id: false, ..TravelPerkOptions::default() }).await;
    let key = free(&world)[0];

    let finished = world.run_keys(JobType::Create, &[key.to_string()]).await;

    assert_eq!((finished.result.counts.created, finished.result.counts.updated), (0, 1), "{:?}", finished.result);
    assert_eq!(accounts(&world).0, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_filters_leads_to_no_twin_and_no_stranger() {
    let options = TravelPerkOptions { ignore_filters: true, ..TravelPerkOptions::default() };
    let mut world = unlinked(30, options).await;
    let joiner = join(&world);
    let known = free(&world)[0];

    let created = world.run_keys(JobType::Create, &[joiner.to_string()]).await;
    let found = world.run_keys(JobType::Create, &[known.to_string()]).await;

    assert_eq!(
        (created.result.counts.created, found.result.counts.created),
        (1, 0),
        "{:?} {:?}",
        created.result,
        found.result
    );
    assert_eq!(accounts(&world).0, 31);
    for key in [joiner, known] {
        assert_eq!(Some(super::help::account(&world, key).user_name()), person(&world, key).email.as_deref());
    }
}
