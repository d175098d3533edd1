//! The sample integration, Personio to TravelPerk, as the objects that a test creates.

use rollcall_api::v1alpha1::{EmployeeSyncJob, IntegrationProvider, JobType, SyncApproval, SyncSetting};
use serde::Deserialize;
use serde_json::{Value, json};

/// Credentials that the emulators accept unless told otherwise.
pub(crate) const DEMO_CREDENTIALS: [&str; 2] = ["demo-secret", "demo-key"];

fn documents(file: &str) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/samples/personio-travelperk/");
    let text = std::fs::read_to_string(format!("{folder}{file}")).unwrap();
    serde_yaml_ng::Deserializer::from_str(&text).map(|document| Value::deserialize(document).unwrap()).collect()
}

/// The two providers, with the vendors in a namespace of the cluster.
pub(crate) fn providers(vendors: &str) -> Vec<IntegrationProvider> {
    let mut found = documents("providers.yaml");
    for provider in &mut found {
        provider["spec"]["endpoints"] = match provider["metadata"]["name"].as_str().unwrap() {
            "personio" => json!({ "api": format!("http://personio.{vendors}.svc:18080") }),
            _ => json!({
                "scim": format!("http://travelperk.{vendors}.svc:18081/api/v2/scim"),
                "rest": format!("http://travelperk.{vendors}.svc:18081"),
            }),
        };
    }
    found.into_iter().map(|provider| serde_json::from_value(provider).unwrap()).collect()
}

/// Their Secrets.
pub(crate) fn secrets([client_secret, api_key]: [&str; 2]) -> Vec<k8s_openapi::api::core::v1::Secret> {
    let mut found = documents("secrets.yaml");
    for secret in &mut found {
        let data = secret["stringData"].as_object_mut().unwrap();
        for (key, value) in [("clientSecret", client_secret), ("apiKey", api_key)] {
            data.entry(key).and_modify(|old| *old = json!(value));
        }
    }
    found.into_iter().map(|secret| serde_json::from_value(secret).unwrap()).collect()
}

/// The setting `travel`, on demand only, with changes to its spec.
pub(crate) fn setting(changes: &Value) -> SyncSetting {
    let mut setting = documents("setting.yaml").remove(0);
    let spec = setting["spec"].as_object_mut().unwrap();
    spec.remove("schedule");
    spec.extend(changes.as_object().cloned().unwrap_or_default());
    serde_json::from_value(setting).unwrap()
}

/// A job made by hand, of a setting.
pub(crate) fn job(name: &str, setting: &str, type_: JobType) -> EmployeeSyncJob {
    let mut job = EmployeeSyncJob::new(name, Default::default());
    setting.clone_into(&mut job.spec.setting_ref.name);
    job.spec.type_ = type_;
    job
}

/// An approval of all that is held under a digest.
pub(crate) fn approval(name: &str, digest: &str) -> SyncApproval {
    let spec = json!({ "settingRef": { "name": "travel" }, "digest": digest, "decision": "Approve" });
    SyncApproval::new(name, serde_json::from_value(spec).unwrap())
}
