//! What can go wrong between the plugin and the cluster: each names what is missing and the remedy.

use kube::Resource;

use super::super::reading::ReadingError;
use crate::records::StoreError;
use rollcall_api as api;

/// Why a command could not be carried out. Messages hold no personal data.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("{0}")]
    Usage(String),
    #[error("kubeconfig: {0}; choose a file with --kubeconfig or KUBECONFIG and a context with --context")]
    Kubeconfig(String),
    #[error("the cluster cannot be reached: {0}; check the server of the context, VPN and credentials")]
    Unreachable(String),
    #[error("the cluster does not accept the credentials of this context; sign in again")]
    NotSignedIn,
    #[error(
        "Rollcall is not installed in this cluster: its CustomResourceDefinitions are missing; install the chart, or \
         `rollcall crds | kubectl apply --server-side -f -`"
    )]
    NotInstalled,
    #[error("SyncSetting `{name}` does not exist in namespace `{namespace}`; {}", those(existing))]
    NoSuchSetting { name: String, namespace: String, existing: Vec<String> },
    #[error(
        "not allowed to {verb} {resource} in {place}: ask for a Role with that verb (the API server says: {message})"
    )]
    Forbidden { verb: &'static str, resource: String, place: String, message: String },
    #[error("cannot {verb} {resource} in {place}: {message}")]
    Refused { verb: &'static str, resource: String, place: String, message: String },
    #[error("records service: {0}")]
    RecordsService(String),
    #[error(transparent)]
    Records(#[from] StoreError),
    #[error(transparent)]
    Reading(#[from] ReadingError),
    #[error("waited {0} s; the run goes on: kubectl rollcall status shows it")]
    WaitedTooLong(u64),
}

fn those(existing: &[String]) -> String {
    if existing.is_empty() {
        "there are none; is the namespace right (-n)?".into()
    } else {
        format!("there are: {}", existing.join(", "))
    }
}

/// A failed request to the API server about objects of kind `K`. `namespace` None means all namespaces.
pub(super) fn failed<K>(verb: &'static str, namespace: Option<&str>, error: &kube::Error) -> Problem
where
    K: Resource<DynamicType = ()>,
{
    let group = K::group(&());
    let resource = match group.as_ref() {
        "" => K::plural(&()).into_owned(),
        group => format!("{}.{group}", K::plural(&())),
    };
    let place = namespace.map_or_else(|| "all namespaces".into(), |namespace| format!("namespace `{namespace}`"));
    let status = match error {
        kube::Error::Api(status) => status,
        kube::Error::Auth(_) => return Problem::NotSignedIn,
        kube::Error::SerdeError(error) => {
            let message = format!("the answer is not what this version expects ({error}); update the plugin");
            return Problem::Refused { verb, resource, place, message };
        }
        // The outer layer only says that a layer below it failed.
        kube::Error::Service(error) => return Problem::Unreachable(with_causes(error.as_ref())),
        other => return Problem::Unreachable(with_causes(other)),
    };
    let message = status.message.clone();
    // An unknown kind is answered by 404 without the name of an object.
    let names_object = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
    match status.code {
        401 => Problem::NotSignedIn,
        403 => Problem::Forbidden { verb, resource, place, message },
        404 if group == api::GROUP && !names_object => Problem::NotInstalled,
        _ => Problem::Refused { verb, resource, place, message },
    }
}

/// An error with what caused it, since the outermost layer often only says that something failed.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use kube::core::response::StatusDetails;

    use super::*;
    use rollcall_api::v1alpha1::SyncSetting;

    fn answer(code: u16, message: &str, name: &str) -> kube::Error {
        let details = StatusDetails {
            name: name.into(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        };
        kube::Error::Api(Status::failure(message, "x").with_code(code).with_details(details).boxed())
    }

    #[test]
    fn an_unknown_kind_means_that_rollcall_is_not_installed() {
        let problem = failed::<SyncSetting>("list", Some("hr"), &answer(404, "404 page not found", ""));
        assert!(matches!(problem, Problem::NotInstalled));
        let problem = failed::<SyncSetting>("create", Some("hr"), &answer(404, "namespaces \"hr\" not found", "hr"));
        assert!(matches!(problem, Problem::Refused { .. }));
    }

    #[test]
    fn a_forbidden_request_names_verb_resource_and_namespace() {
        let problem = failed::<SyncSetting>("patch", Some("hr"), &answer(403, "no", "people"));
        let text = problem.to_string();
        assert!(text.starts_with("not allowed to patch syncsettings.rollcall.dev in namespace `hr`"), "{text}");
    }

    #[test]
    fn a_missing_setting_lists_those_there_are() {
        let problem = |existing: &[&str]| Problem::NoSuchSetting {
            name: "x".into(),
            namespace: "hr".into(),
            existing: existing.iter().map(ToString::to_string).collect(),
        };
        assert!(problem(&["a", "b"]).to_string().ends_with("there are: a, b"));
        assert!(problem(&[]).to_string().contains("is the namespace right"));
    }
}
