//! Objects of scenarios: a setting `people` between the providers `hr` and `travel`.

use serde_json::{Value, json};

pub fn provider(name: &str) -> Value {
    json!({ "apiVersion": "rollcall.dev/v1alpha1", "kind": "IntegrationProvider", "metadata": { "name": name },
        "spec": { "vendor": "scim-generic", "credentialsRef": { "name": format!("{name}-secret") } } })
}

pub fn setting() -> Value {
    json!({ "apiVersion": "rollcall.dev/v1alpha1", "kind": "SyncSetting", "metadata": { "name": "people" },
        "spec": { "sourceRef": { "name": "hr" }, "targetRef": { "name": "travel" }, "publish": "Automatic",
            "streams": [{ "name": "people", "fields": [{ "to": "userName", "from": "email" }] }] } })
}

pub fn job(name: &str) -> Value {
    json!({ "apiVersion": "rollcall.dev/v1alpha1", "kind": "EmployeeSyncJob", "metadata": { "name": name },
        "spec": { "settingRef": { "name": "people" } } })
}

pub fn approval(name: &str, digest: &str, decision: &str) -> Value {
    json!({ "apiVersion": "rollcall.dev/v1alpha1", "kind": "SyncApproval", "metadata": { "name": name },
        "spec": { "settingRef": { "name": "people" }, "digest": digest, "decision": decision } })
}

pub fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

/// A Lease that nobody holds: a replica that finds none waits as long as for a held one.
pub fn lease() -> Value {
    json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": "release-operator", "namespace": "rollcall" }, "spec": {} })
}
