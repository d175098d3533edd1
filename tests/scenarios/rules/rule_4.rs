//! Rule 4: one claim. A row belongs to one pair: in the run, in the setting, over all settings that write to a system.

use rollcall::records::OutcomeQuery;
use rollcall::runner::{self, NoProgress, Systems};
use rollcall_api::v1alpha1::{JobType, SyncMode};
use rollcall_emulators::generic::Stream;
use rollcall_emulators::{GenericOptions, People, PeopleOptions};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::help::{USERS, accounts, as_setting, free};
use super::pair::{Pair, push};
use crate::support::{TODAY, World, assert_balanced, go, people};

async fn two_with_one_address(mode: SyncMode, has_account: bool) {
    let mut world = World::with(people(30)).await;
    world.spec.mode = mode;
    let (one, other) = (free(&world)[0], free(&world)[1]);
    let email = super::help::person(&world, one).email;
    world.personio.state().people.update(other, |person| person.email = email.clone());
    if has_account {
        let fields = json!({"userName": email, "name": {"givenName": "By", "familyName": "Hand"}});
        world.travelperk.state().insert(fields.as_object().unwrap().clone()).unwrap();
    }
    let before: Vec<_> = world.travelperk.state().accounts().cloned().collect();

    let finished = world.run().await;

    assert_eq!(finished.result.counts.conflicts, 2, "{:?}", finished.result);
    for account in before {
        assert_eq!(world.travelperk.state().account(account.id), Some(&account), "it is nobody's, so it stays");
    }
    let of_both = [one, other].map(|key| key.to_string());
    let state = world.travelperk.state();
    let theirs =
        state.accounts().filter(|account| account.external_id().is_some_and(|id| of_both.contains(&id.into())));
    assert_eq!(theirs.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_with_one_address_neither_gets_the_account_that_is_there() {
    two_with_one_address(SyncMode::Mirror, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_with_one_address_neither_gets_it_in_mode_create_only_either() {
    two_with_one_address(SyncMode::CreateOnly, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_with_one_address_neither_is_created() {
    two_with_one_address(SyncMode::Mirror, false).await;
    two_with_one_address(SyncMode::CreateOnly, false).await;
}

/// A run of another tenant's people, whose identifiers are the same, into the target of `world`.
fn of_tenant(world: &World, tenant: &World, type_: JobType, run: &str) -> rollcall::runner::RunInput {
    let (own, other) = (world.input(type_, run, 1), tenant.input(type_, run, 1));
    let terms = json!([other.systems.terms[0], own.systems.terms[1]]);
    let systems = Systems { source: other.systems.source, target: own.systems.target, terms };
    as_setting(world, rollcall::runner::RunInput { source: other.source, systems, ..own }, "second")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_people_of_a_second_tenant_do_not_take_over_the_accounts_of_the_first() {
    let mut world = World::with(people(30)).await;
    world.run().await;
    world.reset();
    let before: Vec<_> = world.travelperk.state().accounts().cloned().collect();
    // The same identifiers, other people.
    let others = People::with(PeopleOptions { seed: 99, count: 30, today: TODAY, cycle: false, gaps: false });
    let tenant = World::with(others).await;

    let finished = go(&of_tenant(&world, &tenant, JobType::Sync, "second-1")).await;

    assert!(finished.result.counts.conflicts > 0, "{:?}", finished.result);
    for account in before {
        assert_eq!(world.travelperk.state().account(account.id), Some(&account), "still the first tenant's");
    }
    let patched = world.writes().into_iter().filter(|(method, _)| method != "POST").count();
    assert_eq!(patched, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_setting_keeps_its_accounts_when_the_second_was_allowed_to_add_its_own() {
    let mut world = World::with(people(30)).await;
    let mut others = People::with(PeopleOptions { seed: 99, count: 30, today: TODAY, cycle: false, gaps: false });
    let ids: Vec<u64> = others.iter().map(|person| person.id).collect();
    for id in ids {
        others.update(id, |person| person.email = person.email.take().map(|email| format!("tenant2.{email}")));
    }
    let tenant = World::with(others).await;
    world.run().await;
    go(&of_tenant(&world, &tenant, JobType::Sync, "second-1")).await;
    world.reset();

    let again = world.run().await;

    assert_eq!(world.writes(), [], "{:?}", again.result);
}

/// Two settings with the same people, started at once, into a target that refuses no twins.
#[tokio::test(flavor = "multi_thread")]
async fn two_settings_at_once_create_each_person_once() {
    let mut target = GenericOptions::campus();
    target.unique_email = false;
    let pair = Pair::with(GenericOptions::ledger(), target, push()).await;
    pair.populate(60);
    let first = pair.input(JobType::Sync, "at-once-1", 1);
    let second = pair.as_setting(pair.input(JobType::Sync, "at-once-2", 1), "second");

    let cancel = CancellationToken::new();
    let (first, second) =
        tokio::join!(runner::run(&first, &cancel, &NoProgress), runner::run(&second, &cancel, &NoProgress));

    for finished in [&first, &second] {
        assert_balanced(&finished.result.counts);
    }
    pair.assert_no_twins();
    pair.assert_same_active_people();
    assert_eq!(first.result.counts.created + second.result.counts.created, created(&pair));
}

/// How many rows the target has.
fn created(pair: &Pair) -> i64 {
    let state = pair.target.state();
    let rows = Stream::ALL.into_iter().map(|stream| state.rows(stream).count());
    i64::try_from(rows.sum::<usize>()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_another_setting_has_claimed_is_a_conflict_before_anything_is_sent() {
    let mut world = World::with(people(30)).await;
    world.run().await;
    world.reset();
    let input = as_setting(&world, world.input(JobType::Sync, "run-2", 1), "second");
    let second = input.records.clone();

    let finished = go(&input).await;

    assert_eq!(world.writes(), [], "{:?}", finished.result);
    let query = OutcomeQuery { limit: 1000, ..OutcomeQuery::default() };
    let outcomes = second.outcomes(&"run-2".into(), &query).await.unwrap();
    let refused = outcomes.iter().filter(|outcome| outcome.stream == "people" && outcome.reason == "ClaimedBySetting");
    assert_eq!(refused.count(), accounts(&world).0);
    assert_eq!(world.travelperk.requests("POST", USERS), 0);
}
