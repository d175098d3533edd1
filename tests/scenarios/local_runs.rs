//! `rollcall run` as a user starts it: the program itself, manifests, exit codes, one JSON document.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{people, sample};
use rollcall_emulators::people::People;
use rollcall_emulators::{PersonioEmulator, PersonioOptions, TravelPerkEmulator, TravelPerkOptions};

/// The sample, pointed at two emulators, in a folder of its own.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub personio: PersonioEmulator,
    pub travelperk: TravelPerkEmulator,
}

impl Place {
    pub async fn new(people: People) -> Self {
        let personio = PersonioEmulator::start(people, PersonioOptions::default()).await;
        let travelperk = TravelPerkEmulator::start(TravelPerkOptions::default()).await;
        let folder = tempfile::tempdir().unwrap();
        for file in ["providers.yaml", "secrets.yaml", "setting.yaml"] {
            let text = std::fs::read_to_string(sample().join(file)).unwrap();
            let text = text
                .replace("http://127.0.0.1:18080", &personio.base_url())
                .replace("http://127.0.0.1:18081", &travelperk.base_url());
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        Self { folder, personio, travelperk }
    }

    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    pub async fn rollcall(&self, arguments: &[&str]) -> Output {
        rollcall(self.folder.path(), arguments).await
    }

    pub async fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.rollcall(arguments).await;
        let text = String::from_utf8(output.stdout).unwrap();
        let document = serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
        });
        (output.status.code().unwrap(), document)
    }
}

/// Starts the program in a folder and waits for it, without blocking the emulators.
async fn rollcall(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command.args(arguments).current_dir(folder);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_prints_one_job_with_the_status_that_the_operator_would_write() {
    let place = Place::new(people(40)).await;

    let (code, job) = place.json(&["run", "-f", ".", "-o", "json", "--records", "records.sqlite"]).await;

    assert_eq!(code, 0);
    assert_eq!(
        (job["apiVersion"].as_str(), job["kind"].as_str()),
        (Some("rollcall.dev/v1alpha1"), Some("EmployeeSyncJob"))
    );
    assert_eq!((job["status"]["phase"].as_str(), job["status"]["code"].as_i64()), (Some("Complete"), Some(201)));
    assert_eq!(job["status"]["read"]["complete"], true);
    assert!(job.get("records").is_none(), "a run of type Sync prints no people");

    let (code, job) = place.json(&["run", "-f", ".", "-o", "json", "--records", "records.sqlite"]).await;

    assert_eq!((code, job["status"]["code"].as_i64()), (0, Some(204)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_records_file_records_are_matched_anew_and_nothing_is_made_twice() {
    let place = Place::new(people(40)).await;

    assert_eq!(place.json(&["run", "-f", ".", "-o", "json"]).await.1["status"]["code"], 201);
    assert_eq!(place.json(&["run", "-f", ".", "-o", "json"]).await.1["status"]["code"], 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_its_records_and_changes_nothing() {
    let place = Place::new(people(40)).await;

    let (code, job) = place.json(&["plan", "-f", ".", "-o", "json"]).await;

    assert_eq!(code, 0);
    let records = job["records"].as_array().unwrap();
    assert!(records.iter().any(|record| record["action"] == "Create" && record["fields"]["userName"].is_string()));
    assert_eq!(place.travelperk.writes().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_with_manual_publishing_waits_for_its_approval() {
    let place = Place::new(people(40)).await;
    place.edit("setting.yaml", "publish: Automatic", "publish: Manual");
    let records = ["--records", "records.sqlite"];

    let (code, job) = place.json(&[&["run", "-f", ".", "-o", "json"], &records[..]].concat()).await;
    let digest = job["status"]["held"]["digest"].as_str().unwrap().to_owned();
    assert_eq!(code, 3);
    assert_eq!(place.travelperk.writes().len(), 0);

    let (code, job) =
        place.json(&[&["run", "-f", ".", "-o", "json", "--approve", &digest], &records[..]].concat()).await;

    assert_eq!((code, job["status"]["code"].as_i64(), job["spec"]["type"].as_str()), (0, Some(201), Some("Release")));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_the_file_the_field_and_the_remedy() {
    let place = Place::new(people(5)).await;
    let cases = [
        ("setting.yaml", "mode: Mirrow\n  publish: Automatic", "must be one of Mirror, CreateOnly", 1),
        ("setting.yaml", "timeZon: x\n  publish: Automatic", "spec.timeZon: is not a field here", 1),
    ];
    for (file, replacement, expected, code) in cases {
        place.edit(file, "publish: Automatic", replacement);
        let output = place.rollcall(&["run", "-f", "."]).await;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(expected) && text.contains("SyncSetting/travel"), "{text}");
        place.edit(file, replacement, "publish: Automatic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_manifests_switch_off_does_not_run_here_either() {
    let place = Place::new(people(5)).await;
    place.edit("setting.yaml", "publish: Automatic", "publish: Automatic\n  state: \"Off\"");
    let output = place.rollcall(&["run", "-f", "."]).await;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("SyncSetting/travel: spec.state is Off"), "{text}");
    assert_eq!(place.json(&["plan", "-f", ".", "-o", "json"]).await.0, 0, "looking is allowed");

    place.edit("providers.yaml", "  vendor: travelperk", "  vendor: travelperk\n  suspend: true");
    let output = place.rollcall(&["plan", "-f", "."]).await;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("spec.suspend is true"), "{text}");
    assert_eq!(place.travelperk.writes().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_does_not_fit_is_found_before_anything_is_read() {
    let place = Place::new(people(5)).await;
    place.edit("setting.yaml", "from: employment.position", "from: employment.positoin");

    let (code, job) = place.json(&["run", "-f", ".", "-o", "json"]).await;

    assert_eq!((code, job["status"]["reason"].as_str()), (1, Some("MappingInvalid")));
    let message = job["status"]["message"].as_str().unwrap();
    assert!(message.contains("fields[title]") && message.contains("employment.position"), "{message}");
    assert_eq!(place.personio.requests("GET", "/v2/persons"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_and_missing_credentials_exit_with_four_and_name_the_key() {
    let place = Place::new(people(5)).await;
    place.edit("secrets.yaml", "clientSecret: demo-secret", "clientSecret: wrong");
    let (code, job) = place.json(&["run", "-f", ".", "-o", "json"]).await;
    assert_eq!((code, job["status"]["reason"].as_str()), (4, Some("CredentialsRejected")));

    place.edit("secrets.yaml", "clientSecret: wrong", "clientSecret: ''");
    let (code, job) = place.json(&["run", "-f", ".", "-o", "json"]).await;
    assert_eq!((code, job["status"]["reason"].as_str()), (4, Some("CredentialsMissing")));
    assert!(job["status"]["message"].as_str().unwrap().contains("clientSecret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_refused_unless_they_are_allowed() {
    let place = Place::new(people(5)).await;
    place.edit("providers.yaml", "allowPrivateAddresses: true", "allowPrivateAddresses: false");

    let (code, job) = place.json(&["run", "-f", ".", "-o", "json"]).await;

    assert_eq!((code, job["status"]["reason"].as_str()), (1, Some("AddressNotAllowed")), "{job}");
    assert!(job["status"]["message"].as_str().unwrap().contains("allowPrivateAddresses"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_records_file_under_another_key_is_refused_untouched() {
    let place = Place::new(people(5)).await;
    place.json(&["run", "-f", ".", "-o", "json", "--records", "records.sqlite"]).await;
    std::fs::remove_file(place.folder.path().join("records.sqlite.key")).unwrap();
    let before = std::fs::read(place.folder.path().join("records.sqlite")).unwrap();

    let output = place.rollcall(&["run", "-f", ".", "-o", "json", "--records", "records.sqlite"]).await;

    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("key"));
    assert_eq!(std::fs::read(place.folder.path().join("records.sqlite")).unwrap(), before);
}
