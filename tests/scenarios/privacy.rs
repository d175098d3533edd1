//! Personal data and credentials stay where they belong: not in results, not in errors, not in the store's plain bytes.

use rollcall::records::Records;
use rollcall::records::store::{MasterKey, SqliteStore};
use rollcall::runner::RunInput;
use std::sync::Arc;

use crate::support::{World, go, people};
use rollcall_emulators::Fault;

/// Recognisable values in every class of personal field.
const CANARIES: [&str; 4] = ["Canaryfirst", "Canarylast", "canary@example.test", "Canaryposition"];

async fn world_with_canary() -> World {
    let world = World::with(people(30)).await;
    {
        let mut state = world.personio.state();
        let id = state.people.iter().find(|person| person.is_active()).unwrap().id;
        state.people.update(id, |person| {
            person.first_name = CANARIES[0].into();
            person.preferred_name = CANARIES[0].into();
            person.last_name = CANARIES[1].into();
            person.email = Some(CANARIES[2].into());
        });
        state.people.update_employment(id, |employment| employment.position = CANARIES[3].into());
    }
    world
}

fn assert_silent(text: &str) {
    for canary in CANARIES.iter().chain(&["demo-secret", "demo-key"]) {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_successful_and_failed_runs_hold_no_personal_data() {
    let faults = [
        None,
        Some(Fault::status(400).on("POST", "/api/v2/scim/Users").every(1)),
        Some(Fault::status(409).on("POST", "/api/v2/scim/Users").every(1)),
        Some(Fault::status(500).on("GET", "/v2/persons/{id}/employments").every(1)),
    ];
    for fault in faults {
        let mut world = world_with_canary().await;
        if let Some(fault) = fault {
            world.travelperk.fail(fault.clone());
            world.personio.fail(fault);
        }

        let finished = world.run().await;

        assert_silent(&format!("{finished:?}"));
        assert_silent(&serde_json::to_string(&finished.result).unwrap());
        for outcome in world.outcomes().await {
            assert_silent(&format!("{outcome:?}"));
            assert_silent(&outcome.message);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_on_disk_holds_no_personal_data_in_plain_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records.sqlite");
    let mut world = world_with_canary().await;
    let key = MasterKey::load_or_create_beside(&file).unwrap();
    world.store = SqliteStore::open(&file, key).await.unwrap();
    let records: Arc<dyn Records> = Arc::new(world.store.scoped(World::scope()));
    let input = RunInput { records, ..world.input(rollcall_api::v1alpha1::JobType::Sync, "disk", 1) };

    assert_eq!(go(&input).await.result.code, 201);

    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    for canary in CANARIES {
        let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
        assert!(!found, "{canary} is in the store's files");
    }
}
