//! Finding the records service of a release, and what is needed to speak to it: a ready pod, its certificate, a token.
//!
//! Who may read records is decided by Kubernetes RBAC: minting a token for the reader ServiceAccount, and forwarding
//! a port of the pod. Both show in the cluster's audit log.

use clap::Args;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service, ServiceAccount, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::api::{ListParams, PostParams};

use super::cluster::Cluster;
use super::problem::{Problem, failed};
use rollcall_engine::redacted::Redacted;

/// How the chart labels the Service.
const SELECTOR: &str = "app.kubernetes.io/name=rollcall,app.kubernetes.io/component=records";
/// On the Service: ConfigMap in its namespace with the certificate that the service is checked against.
const CA_ANNOTATION: &str = "rollcall.dev/records-ca-config-map";
/// Key in that ConfigMap.
const CA_KEY: &str = "ca.crt";
/// On the Service: ServiceAccount in its namespace whose tokens may read records.
const READER_ANNOTATION: &str = "rollcall.dev/records-reader";
/// Audience that the service asks for.
const AUDIENCE: &str = "rollcall-records";
/// Life of the token; the shortest that Kubernetes allows (API reference, `TokenRequestSpec`).
const TOKEN_SECONDS: i64 = 600;
/// Name of the Service's port.
const PORT: &str = "https";

/// Where the records service is, when it is not in the setting's namespace.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct RecordsArguments {
    /// Namespace of the records service [default: the setting's].
    #[arg(long, value_name = "NAMESPACE")]
    records_namespace: Option<String>,
    /// Name of the records service, where a namespace has several.
    #[arg(long, value_name = "SERVICE")]
    records_service: Option<String>,
}

/// All that is needed to speak to a records service.
pub(super) struct Access {
    /// Its namespace.
    pub(super) namespace: String,
    /// Name that its certificate is for.
    pub(super) server_name: String,
    /// A ready pod.
    pub(super) pod: String,
    /// The pod's port.
    pub(super) port: u16,
    /// Certificate that it is checked against.
    pub(super) ca_pem: String,
    /// Bearer token.
    pub(super) token: Redacted<String>,
}

/// Finds the service and mints a token.
pub(super) async fn find(cluster: &Cluster, arguments: &RecordsArguments) -> Result<Access, Problem> {
    let namespace = arguments.records_namespace.clone().unwrap_or_else(|| cluster.namespace.clone());
    let services = cluster.list_in::<Service>(&namespace, &ListParams::default().labels(SELECTOR)).await?;
    let service = chosen(services, &namespace, arguments.records_service.as_deref())?;
    let name = service.name_any();
    let spec = service.spec.clone().unwrap_or_default();
    let labels: Vec<String> = spec.selector.iter().flatten().map(|(label, value)| format!("{label}={value}")).collect();
    if labels.is_empty() {
        return Err(Problem::RecordsService(format!("Service `{name}` in namespace `{namespace}` has no selector")));
    }
    let pods = cluster.list_in::<Pod>(&namespace, &ListParams::default().labels(&labels.join(","))).await?;
    let Some(pod) = pods.iter().find(|pod| is_ready(pod)) else {
        return Err(Problem::RecordsService(format!(
            "no pod behind Service `{name}` in namespace `{namespace}` is ready; see: kubectl get pods -n {namespace} -l {}",
            labels.join(",")
        )));
    };
    let port = pod_port(spec.ports.as_deref().unwrap_or_default(), pod).ok_or_else(|| {
        Problem::RecordsService(format!("Service `{name}` in namespace `{namespace}` has no port named `{PORT}`"))
    })?;
    let ca_pem = certificate(cluster, &namespace, &annotation(&service, CA_ANNOTATION)?).await?;
    let token = token(cluster, &namespace, &annotation(&service, READER_ANNOTATION)?).await?;
    let server_name = format!("{name}.{namespace}.svc");
    Ok(Access { server_name, pod: pod.name_any(), port, ca_pem, token, namespace })
}

fn chosen(services: Vec<Service>, namespace: &str, wanted: Option<&str>) -> Result<Service, Problem> {
    let names: Vec<String> = services.iter().map(ResourceExt::name_any).collect();
    let mut matching = services.into_iter().filter(|service| wanted.is_none_or(|name| service.name_any() == name));
    match (matching.next(), matching.next()) {
        (Some(service), None) => Ok(service),
        (Some(_), Some(_)) => Err(Problem::RecordsService(format!(
            "namespace `{namespace}` has several ({}); choose one with --records-service",
            names.join(", ")
        ))),
        (None, _) => Err(Problem::RecordsService(format!(
            "namespace `{namespace}` has no Service {}labelled {SELECTOR}; if it runs in another one, name that with \
             --records-namespace",
            wanted.map_or_else(String::new, |name| format!("`{name}` "))
        ))),
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    pod.metadata.deletion_timestamp.is_none()
        && conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The pod's port behind the Service's port [`PORT`]; a name is looked up in the pod (Kubernetes, `targetPort`).
fn pod_port(ports: &[ServicePort], pod: &Pod) -> Option<u16> {
    let port = ports.iter().find(|port| port.name.as_deref() == Some(PORT))?;
    let number = match &port.target_port {
        None => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => {
            let containers = &pod.spec.as_ref()?.containers;
            let mut ports = containers.iter().flat_map(|container| container.ports.iter().flatten());
            ports.find(|port| port.name.as_deref() == Some(name))?.container_port
        }
    };
    u16::try_from(number).ok()
}

fn annotation(service: &Service, name: &str) -> Result<String, Problem> {
    service.annotations().get(name).filter(|value| !value.is_empty()).cloned().ok_or_else(|| {
        Problem::RecordsService(format!(
            "Service `{}` lacks the annotation {name}; upgrade the chart",
            service.name_any()
        ))
    })
}

async fn certificate(cluster: &Cluster, namespace: &str, name: &str) -> Result<String, Problem> {
    let missing = || {
        Problem::RecordsService(format!(
            "ConfigMap `{name}` in namespace `{namespace}` with key {CA_KEY} is missing; upgrade the chart"
        ))
    };
    let config_map = cluster.find::<ConfigMap>(namespace, name).await?.ok_or_else(missing)?;
    config_map.data.and_then(|mut data| data.remove(CA_KEY)).ok_or_else(missing)
}

/// A token of the reader in the setting's own namespace where there is one, else of the one beside the service: the
/// service lets a reader read its own namespace, and the one beside it those that the release names.
async fn token(cluster: &Cluster, namespace: &str, reader: &str) -> Result<Redacted<String>, Problem> {
    let token = match mint(cluster, &cluster.namespace, reader).await? {
        None if cluster.namespace != namespace => mint(cluster, namespace, reader).await?,
        token => token,
    };
    token.ok_or_else(|| {
        let message = format!("ServiceAccount `{reader}` is missing in namespace `{namespace}`; upgrade the chart");
        Problem::RecordsService(message)
    })
}

/// None: there is no such ServiceAccount.
async fn mint(cluster: &Cluster, namespace: &str, reader: &str) -> Result<Option<Redacted<String>>, Problem> {
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec![AUDIENCE.into()],
            expiration_seconds: Some(TOKEN_SECONDS),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let accounts = cluster.api_in::<ServiceAccount>(namespace);
    let answer = match accounts.create_token_request(reader, &PostParams::default(), &request).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(None),
        answer => answer,
    };
    let answer = answer.map_err(|error| match failed::<ServiceAccount>("create", Some(namespace), &error) {
        // The right belongs to the subresource.
        Problem::Forbidden { verb, place, message, .. } => {
            Problem::Forbidden { verb, resource: format!("serviceaccounts/token of `{reader}`"), place, message }
        }
        other => other,
    })?;
    let token = answer.status.map(|status| status.token).filter(|token| !token.is_empty());
    token
        .map(|token| Some(Redacted::new(token)))
        .ok_or_else(|| Problem::RecordsService("the API server gave no token".into()))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{Container, ContainerPort, PodCondition, PodSpec, PodStatus};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

    use super::*;

    fn service(name: &str) -> Service {
        let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
        Service { metadata, ..Service::default() }
    }

    fn pod() -> Pod {
        let port = ContainerPort { name: Some("api".into()), container_port: 8443, ..ContainerPort::default() };
        let container = Container { ports: Some(vec![port]), ..Container::default() };
        let ready = PodCondition { type_: "Ready".into(), status: "True".into(), ..PodCondition::default() };
        Pod {
            spec: Some(PodSpec { containers: vec![container], ..PodSpec::default() }),
            status: Some(PodStatus { conditions: Some(vec![ready]), ..PodStatus::default() }),
            ..Pod::default()
        }
    }

    #[test]
    fn a_target_port_may_be_absent_a_number_or_the_name_of_a_port_of_the_pod() {
        let port = |target| {
            vec![ServicePort { name: Some("https".into()), port: 443, target_port: target, ..Default::default() }]
        };
        assert_eq!(pod_port(&port(None), &pod()), Some(443));
        assert_eq!(pod_port(&port(Some(IntOrString::Int(9443))), &pod()), Some(9443));
        assert_eq!(pod_port(&port(Some(IntOrString::String("api".into()))), &pod()), Some(8443));
        assert_eq!(pod_port(&port(Some(IntOrString::String("other".into()))), &pod()), None);
        assert_eq!(pod_port(&[], &pod()), None);
    }

    #[test]
    fn a_pod_that_is_going_away_is_not_used() {
        assert!(is_ready(&pod()));
        let mut leaving = pod();
        leaving.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
        assert!(!is_ready(&leaving));
        assert!(!is_ready(&Pod::default()));
    }

    #[test]
    fn one_service_is_taken_several_ask_for_a_name_and_none_says_where_to_look() {
        let text = |result: Result<Service, Problem>| {
            result.map(|service| service.name_any()).map_err(|error| error.to_string())
        };
        assert_eq!(text(chosen(vec![service("a")], "hr", None)), Ok("a".into()));
        assert_eq!(text(chosen(vec![service("a"), service("b")], "hr", Some("b"))), Ok("b".into()));
        assert!(text(chosen(vec![service("a"), service("b")], "hr", None)).unwrap_err().contains("a, b"));
        assert!(text(chosen(vec![], "hr", None)).unwrap_err().contains("--records-namespace"));
    }
}
