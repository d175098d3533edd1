//! What [`Records`] promises, told once and checked against every implementation: the embedded store in a file and in
//! memory, and the client of a service in the same process.

mod claims;
mod effects;
mod journal;
mod proposals;
mod runs;

use super::fixtures::{FixedClock, link, outcome, scope};
use super::service::testing::{TestService, pod_claims};
use super::store::{MasterKey, SqliteStore};
use super::{Batch, OutcomeResult, Records, Scope};

/// One implementation with the clock of its store, and other settings in the same store.
struct Subject {
    name: &'static str,
    clock: FixedClock,
    records: Box<dyn Records>,
    /// The setting of the same name that was made after `records` was deleted.
    remade: Box<dyn Records>,
    /// Another setting of the namespace.
    neighbour: Box<dyn Records>,
    /// A setting of the same name in another namespace.
    elsewhere: Box<dyn Records>,
    _folder: Option<tempfile::TempDir>,
    _service: Option<TestService>,
}

/// The settings of a subject, with the pods that reach them in a service.
fn settings() -> [(Scope, &'static str); 4] {
    let scope = |namespace: &str, setting: &str, uid: &str| Scope {
        namespace: namespace.into(),
        setting: setting.into(),
        setting_uid: uid.into(),
    };
    [
        (self::scope(), "pod-a"),
        (scope("hr", "people", "uid-2"), "pod-other"),
        (scope("hr", "staff", "uid-3"), "pod-staff"),
        (scope("school", "people", "uid-4"), "pod-school"),
    ]
}

async fn subjects() -> [Subject; 3] {
    let clock = FixedClock::new();
    let in_memory = SqliteStore::in_memory_with(clock.clock()).await.unwrap();
    let in_memory = embedded("in memory", &in_memory, clock, None);
    let (clock, folder) = (FixedClock::new(), tempfile::tempdir().unwrap());
    let key = MasterKey::from_bytes([7; 32]);
    let in_file = SqliteStore::open_with(folder.path().join("records.db"), &[key], clock.clock()).await.unwrap();
    let in_file = embedded("in a file", &in_file, clock, Some(folder));
    [in_memory, in_file, remote().await]
}

fn embedded(name: &'static str, store: &SqliteStore, clock: FixedClock, folder: Option<tempfile::TempDir>) -> Subject {
    let [records, remade, neighbour, elsewhere] =
        settings().map(|(scope, _)| -> Box<dyn Records> { Box::new(store.scoped(scope)) });
    Subject { name, clock, records, remade, neighbour, elsewhere, _folder: folder, _service: None }
}

async fn remote() -> Subject {
    let service = TestService::start().await;
    let [records, remade, neighbour, elsewhere] = settings().map(|(scope, pod)| -> Box<dyn Records> {
        service.cluster.add_pod(&scope.namespace, pod, &scope.setting, &scope.setting_uid);
        let token = service.signer.sign(&pod_claims(&scope.namespace, pod));
        Box::new(service.client(token, scope))
    });
    let clock = service.clock.clone();
    Subject { name: "remote", clock, records, remade, neighbour, elsewhere, _folder: None, _service: Some(service) }
}

/// Outcomes and links of these records.
fn batch(keys: &[&str]) -> Batch {
    Batch {
        outcomes: keys.iter().map(|key| outcome("people", key, OutcomeResult::Created)).collect(),
        links: keys.iter().map(|key| link("people", key)).collect(),
        ..Batch::default()
    }
}
