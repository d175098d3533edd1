//! What the parts may do, how their pods are made, and where nothing about people or credentials may show.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::{Container, Namespace, Pod};
use kube::api::{LogParams, PostParams};
use kube::{Api, ResourceExt};
use rollcall_api::v1alpha1::JobType;
use serde_json::json;

use super::support::forward;
use super::support::tenant::{RELEASE, Setup, Tenant, kubectl_output, with_tenant};
use super::support::vendors::Vendor;

const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
/// What must be found nowhere: credentials, and what is known of one person.
const CANARIES: [&str; 6] =
    ["canary-client-secret-5e7d", "canary-api-key-91ab", "Zyxwilhelmina", "Qwertzberger", "zyx.qwertz", "Zyxopterist"];

#[tokio::test]
async fn no_part_can_do_more_than_it_needs_and_nothing_about_people_shows() {
    let trace = &["--set", "operator.logLevel=trace", "--set", "records.logLevel=trace"];
    let setup = Setup { people: 60, helm: trace, credentials: [CANARIES[0], CANARIES[1]] };
    with_tenant("rights", setup, async |tenant| {
        Box::pin(nobody_may_read_a_secret(tenant)).await;
        Box::pin(people_of_note_are_synchronised(tenant)).await;
        Box::pin(every_pod_is_restricted(tenant)).await;
        Box::pin(connectors_know_no_kubernetes(tenant)).await;
        Box::pin(nothing_shows(tenant)).await;
    })
    .await;
}

async fn nobody_may_read_a_secret(tenant: &Tenant) {
    for account in ["operator", "records", "connector"] {
        let account = format!("{RELEASE}-rollcall-{account}");
        for verb in VERBS {
            for namespace in [tenant.namespace.as_str(), "default", ""] {
                assert!(!may(tenant, &account, verb, "secrets", namespace).await, "{account} may {verb} secrets");
            }
        }
        for (verb, resource) in [("get", "pods/log"), ("create", "pods/exec"), ("create", "serviceaccounts/token")] {
            assert!(!may(tenant, &account, verb, resource, &tenant.namespace).await, "{account} may {verb} {resource}");
        }
    }
    let operator = format!("{RELEASE}-rollcall-operator");
    assert!(may(tenant, &operator, "create", "pods", &tenant.namespace).await, "the question is asked rightly");
    assert!(!may(tenant, &operator, "create", "pods", "default").await, "other namespaces are not its own");
}

async fn may(tenant: &Tenant, account: &str, verb: &str, resource: &str, namespace: &str) -> bool {
    let (resource, part) = resource.split_once('/').map_or((resource, None), |(whole, part)| (whole, Some(part)));
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(format!("system:serviceaccount:{}:{account}", tenant.namespace)),
            groups: Some(vec![
                "system:serviceaccounts".into(),
                format!("system:serviceaccounts:{}", tenant.namespace),
                "system:authenticated".into(),
            ]),
            resource_attributes: Some(ResourceAttributes {
                verb: Some(verb.into()),
                resource: Some(resource.into()),
                subresource: part.map(str::to_owned),
                namespace: Some(namespace.into()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reviews = Api::<SubjectAccessReview>::all(tenant.client.clone());
    reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed
}

/// One run in which the person is refused by the target, whose answer repeats what was sent, and one that succeeds.
async fn people_of_note_are_synchronised(tenant: &Tenant) {
    let [_, _, first_name, last_name, mail, position] = CANARIES;
    tenant.declare(&json!({ "publish": "Automatic" })).await;
    let id: u64 = tenant.vendors.join(1).await.first().unwrap().parse().unwrap();
    let rename = json!({
        "op": "rename", "id": id, "first_name": first_name, "last_name": last_name,
        "email": format!("{mail}@example.com"), "position": position,
    });
    assert_eq!(tenant.vendors.people(rename).await.len(), 1);
    let refusal = json!({ "detail": format!("{first_name} {last_name} <{mail}@example.com> ({position}) is refused") });
    let fault = json!({
        "method": "POST", "body_contains": mail, "times": 1, "kind": { "status": { "code": 400, "body": refusal } },
    });
    tenant.vendors.fault(Vendor::TravelPerk, fault).await;
    let refused = tenant.run("refused", JobType::Sync, 201).await;
    assert_eq!(refused.status.and_then(|status| status.counts).map(|counts| counts.failed), Some(1));
    tenant.run("accepted", JobType::Sync, 201).await;
    let accounts = tenant.vendors.accounts().await;
    assert!(accounts.iter().any(|one| one["name"]["familyName"] == last_name), "the person has an account");
}

async fn every_pod_is_restricted(tenant: &Tenant) {
    let namespaces = Api::<Namespace>::all(tenant.client.clone());
    let labels = namespaces.get(&tenant.namespace).await.unwrap().labels().clone();
    assert_eq!(labels.get("pod-security.kubernetes.io/enforce").map(String::as_str), Some("restricted"));
    let pods = tenant.pods().list(&kube::api::ListParams::default()).await.unwrap().items;
    assert!(pods.len() >= 5, "two operators, the records service and two runs");
    for pod in &pods {
        let name = pod.name_any();
        let spec = pod.spec.as_ref().unwrap();
        let context = spec.security_context.clone().unwrap_or_default();
        assert_eq!(context.run_as_non_root, Some(true), "{name}");
        assert_eq!(context.seccomp_profile.map(|profile| profile.type_).as_deref(), Some("RuntimeDefault"), "{name}");
        assert!(spec.containers.iter().all(is_restricted), "{name}: {:#?}", spec.containers);
        assert_ne!(spec.host_network, Some(true), "{name}");
    }
}

fn is_restricted(container: &Container) -> bool {
    let context = container.security_context.clone().unwrap_or_default();
    let dropped = context.capabilities.and_then(|all| all.drop).unwrap_or_default();
    let limits = container.resources.as_ref().and_then(|resources| resources.limits.as_ref());
    context.allow_privilege_escalation == Some(false)
        && context.read_only_root_filesystem == Some(true)
        && context.privileged != Some(true)
        && dropped == ["ALL"]
        && limits.is_some_and(|limits| limits.contains_key("memory"))
}

async fn connectors_know_no_kubernetes(tenant: &Tenant) {
    for pod in run_pods(tenant).await {
        let spec = pod.spec.as_ref().unwrap();
        assert_eq!(spec.automount_service_account_token, Some(false));
        let volumes = spec.volumes.clone().unwrap_or_default();
        let sources = volumes.iter().filter_map(|volume| volume.projected.as_ref()?.sources.as_ref()).flatten();
        let audiences: Vec<_> =
            sources.filter_map(|source| source.service_account_token.as_ref()).map(|token| &token.audience).collect();
        assert_eq!(audiences, [&Some("rollcall-records".to_owned())], "the only token is for the records service");
        let mounts = spec.containers.iter().flat_map(|container| container.volume_mounts.iter().flatten());
        for mount in mounts {
            assert!(!mount.mount_path.contains("kubernetes.io"), "{}", mount.mount_path);
        }
    }
}

async fn run_pods(tenant: &Tenant) -> Vec<Pod> {
    let runs = kube::api::ListParams::default().labels("app.kubernetes.io/component=run");
    let pods = tenant.pods().list(&runs).await.unwrap().items;
    assert_eq!(pods.len(), 2, "the pods of both runs are kept with their jobs");
    pods
}

async fn nothing_shows(tenant: &Tenant) {
    let people = tenant.vendors.accounts().await;
    let addresses: Vec<&str> = people.iter().filter_map(|one| one["userName"].as_str()).collect();
    assert!(addresses.len() > 10);
    for (place, text) in everything_that_is_told(tenant).await {
        assert!(!text.is_empty(), "{place} says nothing at all");
        let lowercase = text.to_lowercase();
        for canary in CANARIES.iter().chain(&addresses) {
            if let Some(at) = lowercase.find(&canary.to_lowercase()) {
                let around: String = text.chars().skip(at.saturating_sub(200)).take(400).collect();
                panic!("{canary} shows in {place}: … {around} …");
            }
        }
    }
}

/// Objects, logs and metrics of the namespace, Secrets left out.
async fn everything_that_is_told(tenant: &Tenant) -> Vec<(String, String)> {
    let kinds = "rollcall,pods,events,events.v1.events.k8s.io,configmaps,leases,deployments,statefulsets,\
                 replicasets,services,serviceaccounts,persistentvolumeclaims,endpointslices";
    let objects =
        kubectl_output(&["get", kinds, "--namespace", &tenant.namespace, "--output", "yaml", "--show-managed-fields"]);
    assert!(objects.contains("kind: EmployeeSyncJob") && objects.contains("kind: Lease"), "the list is whole");
    let mut told = vec![("the objects of the namespace".to_owned(), objects)];
    for pod in run_pods(tenant).await {
        told.push(log(tenant, &pod).await);
    }
    for component in ["operator", "records"] {
        let pods = tenant.pods_of(component).await;
        assert!(!pods.is_empty(), "{component}");
        for pod in pods {
            told.push(log(tenant, &pod).await);
            let metrics = forward::request(&tenant.client, &pod, 8080, ("GET", "/metrics"), None).await;
            let metrics = metrics.unwrap_or_else(|error| panic!("{error}"));
            assert!(metrics.contains("# TYPE rollcall_"), "{metrics}");
            told.push((format!("the metrics of {}", pod.name_any()), metrics));
        }
    }
    told
}

async fn log(tenant: &Tenant, pod: &Pod) -> (String, String) {
    let name = pod.name_any();
    let text = tenant.pods().logs(&name, &LogParams::default()).await.unwrap();
    (format!("the log of {name}"), text)
}
