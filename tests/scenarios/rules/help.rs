//! What several suites need: other settings in the same store, single accounts, and runs that are killed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rollcall::records::{Records, Scope};
use rollcall::runner::{self, Finished, NoProgress, RunInput};
use rollcall_api::v1alpha1::{Stream, SyncSettingSpec};
use rollcall_emulators::people::Person;
use rollcall_emulators::travelperk::Account;
use rollcall_emulators::{Pause, Server};
use rollcall_engine::model::Link;
use tokio_util::sync::CancellationToken;

use crate::support::{World, people};

pub const USERS: &str = "/api/v2/scim/Users";
pub const USER: &str = "/api/v2/scim/Users/{id}";
pub const PERSONS: &str = "/v2/persons";
pub const EMPLOYMENTS: &str = "/v2/persons/{id}/employments";

/// A world in step.
pub async fn in_step(count: u64) -> World {
    let mut world = World::with(people(count)).await;
    let first = world.run().await;
    assert_eq!(first.result.code, 201, "{:?}", first.result);
    world.reset();
    world
}

/// The stream of people of a setting.
pub fn people_of(spec: &mut SyncSettingSpec) -> &mut Stream {
    spec.streams.iter_mut().find(|stream| stream.name == "people").expect("a stream of people")
}

/// The account with this identifier of the HR system.
pub fn account(world: &World, key: u64) -> Account {
    let state = world.travelperk.state();
    let mut found = state.accounts().filter(|account| account.external_id() == Some(&key.to_string()));
    let account = found.next().unwrap_or_else(|| panic!("no account for {key}")).clone();
    assert!(found.next().is_none(), "two accounts for {key}");
    account
}

/// A person of the HR system.
pub fn person(world: &World, key: u64) -> Person {
    world.personio.state().people.get(key).expect("a person").clone()
}

/// Active people who lead nobody and have no last day.
pub fn free(world: &World) -> Vec<u64> {
    let state = world.personio.state();
    let managers: std::collections::BTreeSet<u64> =
        state.people.iter().filter_map(|person| person.current().supervisor).collect();
    let free = state.people.iter().filter(|person| {
        person.listed && person.is_active() && person.leaves_on().is_none() && !managers.contains(&person.id)
    });
    free.map(|person| person.id).collect()
}

/// Somebody new who works here; some of the people that are made have left already.
pub fn join(world: &World) -> u64 {
    let mut state = world.personio.state();
    loop {
        let id = state.people.join();
        if state.people.get(id).is_some_and(Person::is_active) {
            return id;
        }
    }
}

/// How many accounts there are, and how many of them are open.
pub fn accounts(world: &World) -> (usize, usize) {
    let state = world.travelperk.state();
    (state.accounts().count(), state.accounts().filter(|account| account.active()).count())
}

/// The same run for another setting of the same store.
pub fn as_setting(world: &World, input: RunInput, name: &str) -> RunInput {
    let scope = Scope { namespace: "test".into(), setting: name.into(), setting_uid: format!("uid of {name}") };
    let records: Arc<dyn Records> = Arc::new(world.store.scoped(scope.clone()));
    RunInput { job: format!("{name}-{}", input.job), scope, records, ..input }
}

/// The stored link of a person.
pub async fn link(records: &dyn Records, key: u64) -> Option<Link> {
    let links = records.links(&"people".into()).await.expect("links");
    links.into_iter().find(|link| *link.source_key == *key.to_string())
}

/// Carries a run out until a pause holds one of its requests, and then drops it: that is what a kill looks like from
/// outside. The end of the run when it came first.
pub async fn killed(input: &RunInput, mut pause: Pause) -> Option<Finished> {
    let cancel = CancellationToken::new();
    tokio::select! {
        biased;
        () = pause.reached() => None,
        finished = runner::run(input, &cancel, &NoProgress) => Some(finished),
    }
}

/// Lets locks of runs that are no more expire.
pub fn expire_locks(world: &World) {
    world.store_clock.fetch_add(120, Ordering::Relaxed);
}

/// Methods, routes and bodies of the requests that changed something or tried to, in the order in which they came.
pub fn wire(server: &Server) -> Vec<rollcall_emulators::common::journal::Entry> {
    server.journal().into_iter().filter(|entry| entry.method != "GET").collect()
}
