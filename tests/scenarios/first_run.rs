//! First runs, second runs, and what changes in between.

use rollcall_api::v1alpha1::{JobType, SyncMode};

use crate::support::{World, assert_done, people};
use rollcall_emulators::TravelPerkOptions;

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_people_are_created_once_and_then_left_alone() {
    let mut world = World::with(people(2000)).await;
    let active = world.active_people().len();

    let first = world.run().await;

    assert_done(&first, 201);
    world.assert_in_step();
    let creates = world.travelperk.requests("POST", "/api/v2/scim/Users");
    assert_eq!(usize::try_from(creates).unwrap(), active, "one create for each active person");

    world.reset();
    let second = world.run().await;

    assert_done(&second, 204);
    assert_eq!(world.writes(), [], "nothing is written");
    let reads: u64 = world.travelperk.counts().iter().map(|route| route.count).sum();
    let pages = active.div_ceil(50) as u64;
    assert!(reads <= pages + 5, "{reads} reads for {pages} pages");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_changed_is_written() {
    let mut world = World::with(people(400)).await;
    assert_done(&world.run().await, 201);
    world.reset();
    let (changed, left, joined) = {
        let mut state = world.personio.state();
        let ids: Vec<u64> = state.people.iter().filter(|person| person.is_active()).map(|person| person.id).collect();
        // Nobody who manages anybody: their leaving would change their reports as well.
        let managers: std::collections::BTreeSet<u64> =
            state.people.iter().filter_map(|person| person.current().supervisor).collect();
        let free: Vec<u64> = ids.into_iter().filter(|id| !managers.contains(id)).collect();
        for id in &free[..20] {
            state
                .people
                .update_employment(*id, |employment| employment.position = format!("Changed {}", employment.position));
        }
        for id in &free[20..25] {
            state.people.leave(*id, None);
        }
        let joined: Vec<u64> = (0..3).map(|_| state.people.join()).collect();
        (free[..20].to_vec(), free[20..25].to_vec(), joined)
    };

    let finished = world.run().await;

    assert_done(&finished, 201);
    let counts = finished.result.counts;
    assert_eq!((counts.created, counts.updated, counts.disabled), (3, 20, 5));
    let writes = world.writes();
    let creates = writes.iter().filter(|(method, _)| method == "POST").count();
    let patches = writes.iter().filter(|(method, _)| method == "PATCH").count();
    assert_eq!((creates, patches), (joined.len(), changed.len() + left.len()), "{writes:?}");
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_writes_nothing_and_has_the_same_digest_every_time() {
    let mut world = World::with(people(120)).await;

    let first = world.run_as(JobType::Plan).await;
    let second = world.run_as(JobType::Plan).await;

    assert_eq!(world.writes(), []);
    assert_eq!(first.result.plan, second.result.plan);
    assert_eq!(first.result.counts.created, second.result.counts.created);
    assert!(first.result.counts.created > 0);
    let planned = first.result.counts.created;

    let run = world.run().await;

    assert_eq!(run.result.plan, first.result.plan, "the run does what was planned");
    assert_eq!(run.result.counts.created, planned);
}

#[tokio::test(flavor = "multi_thread")]
async fn existing_accounts_are_found_by_their_e_mail_address_and_linked() {
    let mut world = World::with(people(60)).await;
    {
        let source = world.personio.state();
        world.travelperk.state().adopt(&source.people, 10);
    }
    world.travelperk.reset_counters();

    let finished = world.run().await;

    let active = world.active_people().len();
    let creates = usize::try_from(world.travelperk.requests("POST", "/api/v2/scim/Users")).unwrap();
    assert!(creates < active, "{creates} creates for {active} people");
    assert_eq!(finished.result.code, 201);
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn create_only_sends_each_person_once_and_never_changes_them() {
    let mut world = World::with(people(60)).await;
    world.spec.mode = SyncMode::CreateOnly;
    assert_done(&world.run().await, 201);
    {
        let mut state = world.personio.state();
        let ids: Vec<u64> = state.people.iter().filter(|person| person.is_active()).map(|person| person.id).collect();
        state.people.update_employment(ids[3], |employment| employment.position = "Other".into());
        state.people.leave(ids[4], None);
    }
    world.reset();

    let second = world.run().await;

    assert_done(&second, 204);
    assert_eq!(world.writes(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn show_and_create_concern_the_selected_person_only() {
    let mut world = World::with(people(60)).await;
    let key = world.active_people()[5].clone();

    let shown = world.run_keys(JobType::Show, std::slice::from_ref(&key)).await;

    assert_eq!((shown.result.code, shown.result.counts.considered), (204, 1));
    assert_eq!(world.writes(), []);
    let outcome = world.outcome(&key).await;
    assert!(outcome.fields.expose().contains("userName"));

    let created = world.run_keys(JobType::Create, std::slice::from_ref(&key)).await;

    assert_done(&created, 201);
    assert_eq!(world.travelperk.requests("POST", "/api/v2/scim/Users"), 1);

    let again = world.run_keys(JobType::Create, std::slice::from_ref(&key)).await;

    assert_eq!(again.result.code, 204, "{:?}", again.result);

    world.run_keys(JobType::Show, std::slice::from_ref(&key)).await;

    let fields = world.outcome(&key).await.fields;
    assert!(fields.expose().contains("userName"), "also what is in the target already is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_does_not_filter_by_external_id_is_looked_up_by_user_name() {
    let options = TravelPerkOptions { filter_external_id: false, ..TravelPerkOptions::default() };
    let mut world = World::with_options(people(60), options).await;
    let key = world.active_people()[0].clone();

    assert_done(&world.run_keys(JobType::Create, std::slice::from_ref(&key)).await, 201);
    assert_eq!(world.run_keys(JobType::Create, &[key]).await.result.code, 204);
    assert_eq!(world.travelperk.requests("POST", "/api/v2/scim/Users"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_cost_centres_are_created_before_people_are_assigned_to_them() {
    let mut world = World::with_options(
        people(80),
        TravelPerkOptions { reject_unknown_cost_centers: true, ..TravelPerkOptions::default() },
    )
    .await;

    let finished = world.run().await;

    assert_done(&finished, 201);
    let names: Vec<String> = world.travelperk.state().cost_centers().map(|centre| centre.name.clone()).collect();
    assert!(!names.is_empty());
    world.assert_in_step();
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_in_the_target_is_corrected() {
    let mut world = World::with(people(60)).await;
    assert_done(&world.run().await, 201);
    let id = world.travelperk.state().accounts().next().unwrap().id;
    world.travelperk.state().edit(id, |fields| {
        fields.insert("title".into(), "Changed by hand".into());
    });
    world.reset();

    let finished = world.run().await;

    assert_done(&finished, 200);
    assert_eq!(finished.result.counts.updated, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_lands_in_the_company_whose_name_the_value_map_gives() {
    let mut world = World::with(people(60)).await;
    assert_done(&world.run().await, 201);
    let source = world.personio.state();
    let target = world.travelperk.state();
    let mut companies = std::collections::BTreeSet::new();
    for account in target.accounts() {
        let person = source.people.get(account.external_id().unwrap().parse().unwrap()).unwrap();
        let entities = &source.people.catalogue.legal_entities;
        let entity = rollcall_emulators::people::Catalogue::name(entities, person.current().legal_entity).unwrap();
        let wanted = if entity.starts_with("Example Polska") { entity.to_uppercase() } else { entity.to_owned() };
        let extension = &account.fields["urn:ietf:params:scim:schemas:extension:travelperk:2.0:User"];
        assert_eq!(extension["invoiceProfiles"][0]["value"], wanted, "{}", account.id);
        companies.insert(wanted);
    }
    assert!(companies.len() > 2, "several companies: {companies:?}");
}
