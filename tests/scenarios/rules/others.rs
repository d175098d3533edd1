//! What follows from the rules for single records: suspensions, selections, dates, value maps, the shipped sample.

use rollcall::records::OutcomeResult;
use rollcall_api::contract::ExitCode;
use rollcall_api::v1alpha1::{FieldMapping, JobType};
use rollcall_emulators::Fault;
use serde_json::json;

use super::help::{EMPLOYMENTS, USERS, account, free, in_step, join, people_of};
use crate::support::assert_done;

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_by_an_administrator_of_the_target_is_not_undone() {
    let mut world = in_step(40).await;
    let key = free(&world)[0];
    let id = account(&world, key).id;
    world.travelperk.state().suspend(id);
    world.personio.state().people.update_employment(key, |employment| employment.position = "Other".into());

    world.run().await;
    world.run().await;

    let account = account(&world, key);
    assert!(!account.active());
    assert_eq!(account.fields["title"], json!("Other"), "their other fields are kept in step");
    assert_eq!(world.outcome(&key.to_string()).await.reason, "SuspendedInTarget");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_suspended_who_leaves_and_returns_stays_suspended() {
    let mut world = in_step(40).await;
    let key = free(&world)[0];
    let id = account(&world, key).id;
    world.travelperk.state().suspend(id);
    world.run().await;
    world.personio.state().people.leave(key, None);
    world.run().await;
    world.personio.state().people.return_to_work(key);

    world.run().await;

    assert!(!account(&world, key).active(), "Rollcall did not disable the account, so it does not enable it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_day_that_cannot_be_read_does_not_outweigh_a_status() {
    let mut world = in_step(40).await;
    let key = free(&world)[0];
    world.personio.state().people.leave(key, None);
    people_of(&mut world.spec).leaver.last_day = Some("source.email".into());

    world.run().await;

    assert!(!account(&world, key).active());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_type_create_disables_nobody() {
    let mut world = in_step(40).await;
    let (leaver, joiner) = (free(&world)[0], join(&world));
    world.personio.state().people.leave(leaver, None);

    let finished = world.run_keys(JobType::Create, &[leaver.to_string(), joiner.to_string()]).await;

    assert_eq!((finished.result.counts.created, finished.result.counts.disabled), (1, 0), "{:?}", finished.result);
    assert!(account(&world, leaver).active());
    assert_eq!(world.outcome(&leaver.to_string()).await.reason, "ActionNotSelected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_source_does_not_know_has_an_outcome() {
    let mut world = in_step(20).await;

    for type_ in [JobType::Create, JobType::Show, JobType::Sync] {
        let finished = world.run_keys(type_, &["987654321".to_owned()]).await;

        assert_eq!(
            (finished.exit, finished.result.counts.failed),
            (ExitCode::RecordsFailed, 1),
            "{:?}",
            finished.result
        );
        let outcome = world.outcome("987654321").await;
        assert_eq!((outcome.result, outcome.reason.as_str()), (OutcomeResult::Failed, "NotInSource"));
    }
    assert_eq!(world.writes(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_only_change_is_a_value_without_a_translation_is_held() {
    let mut world = in_step(40).await;
    let key = free(&world)[0];
    {
        let fields = &mut people_of(&mut world.spec).fields;
        let field: &mut FieldMapping = fields.iter_mut().find(|field| field.to == "gender").unwrap();
        field.values.retain(|value| value.from != "DIVERSE");
    }
    world.personio.state().people.update(key, |person| person.gender = rollcall_emulators::people::Gender::Diverse);

    let finished = world.run().await;

    let outcome = world.outcome(&key.to_string()).await;
    assert_eq!((outcome.result, outcome.reason.as_str()), (OutcomeResult::Held, "ValueUnmapped"));
    assert!(finished.result.unmapped_fields.contains(&"gender".to_owned()), "{:?}", finished.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_linked_record_that_cannot_be_read_does_not_end_the_run() {
    let mut world = in_step(40).await;
    let (broken, changed, joiner) = (free(&world)[0], free(&world)[1], join(&world));
    world.personio.state().people.update_employment(changed, |employment| employment.position = "Other".into());
    for status in [404, 500] {
        world.personio.fail(Fault::status(status).on("GET", EMPLOYMENTS).containing(&format!("/{broken}/")).nth(1));
    }
    world.personio.fail(Fault::status(500).on("GET", EMPLOYMENTS).containing(&format!("/{broken}/")));

    let finished = world.run().await;

    assert_eq!(finished.result.counts.created, 1, "{:?}", finished.result);
    assert_eq!(account(&world, changed).fields["title"], json!("Other"));
    assert!(account(&world, joiner).active() && account(&world, broken).active());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_linked_account_that_the_list_lacks_and_that_cannot_be_asked_for_does_not_end_the_run() {
    let mut world = in_step(40).await;
    let (gone, changed) = (free(&world)[0], free(&world)[1]);
    let id = account(&world, gone).id;
    // As a target whose lists leave some accounts out.
    world.travelperk.state().delete(id).unwrap();
    world.travelperk.fail(Fault::status(500).on("GET", "/api/v2/scim/Users/{id}"));
    world.personio.state().people.update_employment(changed, |employment| employment.position = "Other".into());

    let finished = world.run().await;

    assert_eq!(account(&world, changed).fields["title"], json!("Other"), "{:?}", finished.result);
    assert_eq!(world.outcome(&gone.to_string()).await.reason, "TargetUnknown");
    assert_eq!(world.travelperk.requests("POST", USERS), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_sample_keeps_the_account_of_somebody_whose_address_was_blanked() {
    let mut world = in_step(40).await;
    let key = free(&world)[0];
    world.personio.state().people.update(key, |person| person.email = None);

    let finished = world.run().await;

    assert!(account(&world, key).active(), "{:?}", finished.result);
    assert_eq!(finished.result.counts.disabled, 0);
    // And who really leaves is disabled, with an address or without.
    world.personio.state().people.leave(key, None);
    assert_done(&world.run().await, 200);
    assert!(!account(&world, key).active());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_puts_back_right_after_it_was_sent_is_no_habit_of_the_target() {
    let mut world = in_step(40).await;
    let key = free(&world)[0];
    let before = account(&world, key).fields["title"].clone();
    world.personio.state().people.update_employment(key, |employment| employment.position = "Other".into());
    world.run().await;
    let id = account(&world, key).id;
    world.travelperk.state().edit(id, |fields| {
        fields.insert("title".into(), before);
    });

    let finished = world.run().await;

    assert_eq!(account(&world, key).fields["title"], json!("Other"), "{:?}", finished.result);
}
