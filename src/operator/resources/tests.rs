//! Pods: what Pod Security asks for, what is mounted, whose labels win.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::*;
use crate::operator::decide::testing::{job, now, provider, setting};
use rollcall_api::contract::{DefinitionSource, PodRequest};
use rollcall_api::labels;
use rollcall_api::v1alpha1::{IntegrationProvider, LocalReference, PodSettings, ProviderTls, RateLimit};

fn secured(name: &str) -> IntegrationProvider {
    let mut provider = provider(name);
    provider.spec.credentials_ref = Some(LocalReference { name: format!("{name}-secret") });
    provider.spec.tls = Some(ProviderTls::default());
    provider.spec.max_concurrent_jobs = 2;
    provider.spec.rate_limits =
        vec![RateLimit { class: "default".into(), requests: 5, period_seconds: 1, burst: Some(1) }];
    provider.spec.pod = PodSettings {
        labels: [("team".into(), name.into()), (labels::MANAGED_BY.into(), "somebody".into())].into(),
        service_account_name: Some(format!("{name}-account")),
        ..PodSettings::default()
    };
    provider
}

fn with_records() -> PodDefaults {
    PodDefaults {
        image: "rollcall:test".into(),
        records_url: Some("https://records.example".into()),
        records_ca_config_map: Some("records-ca".into()),
        ..PodDefaults::default()
    }
}

#[test]
fn connectors_log_at_the_level_of_the_operator() {
    let loud = PodDefaults { log_level: Some("trace".into()), ..with_records() };
    let definition = DefinitionSource::Vendor("scim-generic".into());
    let probe = ProbePod { provider: &secured("hr"), definition: &definition, digest: "0123456789abcdef", token: None };
    let arguments = |defaults: &PodDefaults| probe_pod(&probe, defaults).spec.unwrap().containers[0].args.clone();

    assert_eq!(arguments(&loud), Some(vec!["connector".into(), "--log-level=trace".into()]));
    assert_eq!(arguments(&with_records()), Some(vec!["connector".into()]));
}

fn run() -> Pod {
    let (source, target) = (secured("hr"), secured("travel"));
    let definition = DefinitionSource::Vendor("scim-generic".into());
    let (job, setting) = (job("run"), setting());
    let run = RunPod {
        job: &job,
        setting: &setting,
        source: PodProvider { provider: &source, definition: &definition },
        target: PodProvider { provider: &target, definition: &definition },
        attempt: 2,
        deadline: now(),
        seconds_left: 60,
    };
    run_pod(&run, &with_records())
}

#[test]
fn pods_satisfy_the_restricted_pod_security_level() {
    let pod = serde_json::to_value(run()).unwrap();
    let (spec, container) = (&pod["spec"], &pod["spec"]["containers"][0]);
    let security = json!({
        "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] }, "readOnlyRootFilesystem": true,
        "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": { "type": "RuntimeDefault" },
    });
    assert_eq!(container["securityContext"], security);
    assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
    assert_eq!(spec["securityContext"]["fsGroup"], 65532);
    assert_eq!(spec["automountServiceAccountToken"], false);
    assert_eq!(spec["enableServiceLinks"], false);
    assert_eq!(container["resources"]["limits"], json!({ "cpu": "1", "memory": "512Mi" }));
    let kinds = ["configMap", "downwardAPI", "projected", "secret"];
    for volume in spec["volumes"].as_array().unwrap() {
        assert!(kinds.iter().any(|kind| volume.get(kind).is_some()), "{volume}");
    }
}

#[test]
fn files_are_mounted_where_the_contract_says() {
    let pod = serde_json::to_value(run()).unwrap();
    let mounts = pod["spec"]["containers"][0]["volumeMounts"].as_array().unwrap();
    let paths: Vec<&str> = mounts.iter().map(|mount| mount["mountPath"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "/etc/rollcall/request",
            "/etc/rollcall/records",
            "/etc/rollcall/records-ca",
            "/etc/rollcall/source/credentials",
            "/etc/rollcall/source/ca",
            "/etc/rollcall/target/credentials",
            "/etc/rollcall/target/ca",
        ]
    );
    let volumes = &pod["spec"]["volumes"];
    assert_eq!(volumes[3]["secret"], json!({ "defaultMode": 256, "optional": true, "secretName": "hr-secret" }));
    let token = &volumes[1]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!(*token, json!({ "audience": "rollcall-records", "expirationSeconds": 3600, "path": "token" }));
}

#[test]
fn our_labels_win_and_the_targets_settings_come_last() {
    let pod = run();
    let found = pod.metadata.labels.unwrap();
    assert_eq!(found.get(labels::MANAGED_BY).map(String::as_str), Some("rollcall"));
    assert_eq!(found.get("team").map(String::as_str), Some("travel"));
    assert_eq!(pod.spec.unwrap().service_account_name.as_deref(), Some("travel-account"));
    let owner = &pod.metadata.owner_references.unwrap()[0];
    assert_eq!((owner.uid.as_str(), owner.controller), ("uid-run", Some(true)));
}

#[test]
fn the_request_says_what_to_do_and_shares_out_the_rates() {
    let pod = run();
    let text = pod.metadata.annotations.unwrap().remove(labels::REQUEST).unwrap();
    let PodRequest::Run(request) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
    assert_eq!((request.attempt, request.job_uid.as_str(), request.setting_uid.as_str()), (2, "uid-run", "uid-people"));
    let limit = &request.source.rate_limits[0];
    assert_eq!((limit.requests, limit.burst, request.source.share_of), (2, Some(1), 2));
    assert!(!text.contains("secret"), "names of Secrets are no business of the request");
}

#[test]
fn a_probe_pod_has_no_way_to_the_records_and_is_named_after_what_it_probes() {
    let provider = secured("hr");
    let definition = DefinitionSource::Vendor("scim-generic".into());
    let digest = probe_digest(&provider.spec, "one");
    let probe = ProbePod { provider: &provider, definition: &definition, digest: &digest, token: Some("t") };
    let pod = probe_pod(&probe, &with_records());
    assert_eq!(pod.metadata.name, Some(format!("hr-probe-{}", &digest[..8])));
    let spec: Value = serde_json::to_value(pod.spec).unwrap();
    assert!(!spec.to_string().contains("records"));
}

#[test]
fn only_what_a_probe_can_notice_changes_its_digest() {
    let before = provider("hr").spec;
    let mut same = before.clone();
    (same.suspend, same.probe_period_seconds, same.max_concurrent_jobs) = (true, 60, 9);
    assert_eq!(probe_digest(&before, "one"), probe_digest(&same, "one"));
    let mut other = before.clone();
    other.credentials_ref = Some(LocalReference { name: "new".into() });
    assert_ne!(probe_digest(&before, "one"), probe_digest(&other, "one"));
    assert_ne!(probe_digest(&before, "one"), probe_digest(&before, "two"));
}

#[test]
fn names_of_jobs_follow_from_their_cause() {
    let time = "2026-03-02T06:00:00Z".parse().unwrap();
    assert_eq!(scheduled_job_name("people", time), "people-29540520");
    assert_eq!(due_job_name("people", time), "people-d29540520");
    assert_eq!(requested_job_name("people", "token"), requested_job_name("people", "token"));
    assert_ne!(requested_job_name("people", "token"), requested_job_name("people", "other"));
    let longest = "n".repeat(52);
    for name in [scheduled_job_name(&longest, time), requested_job_name(&longest, "x"), release_job_name(&longest)] {
        assert!(name.len() <= 63, "{name}");
    }
}
