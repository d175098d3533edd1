//! What the cases share: a tenant of its own for each test, waiting with a limit, the vendors, the audit log.

pub(super) mod audit;
pub(super) mod forward;
pub(super) mod manifests;
pub(super) mod processes;
pub(super) mod tenant;
pub(super) mod vendors;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource};
use rollcall_api::conditions;
use rollcall_api::v1alpha1::Condition;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How often a wait looks.
const LOOK: Duration = Duration::from_millis(150);

/// Waits until the object is as wanted; prints it when that takes too long.
pub(super) async fn until<K>(api: &Api<K>, name: &str, seconds: u64, wanted: &str, check: impl Fn(&K) -> bool) -> K
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Serialize + Debug,
{
    let began = Instant::now();
    loop {
        // A restarting API server or a connection that was closed is no answer; the limit decides.
        let object = api.get_opt(name).await.ok().flatten();
        if let Some(object) = object.clone().filter(&check) {
            return object;
        }
        assert!(
            began.elapsed() < Duration::from_secs(seconds),
            "{} {name}: not {wanted} within {seconds} s:\n{}",
            K::kind(&()),
            yaml(&object)
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until something is there.
pub(super) async fn eventually<T>(seconds: u64, wanted: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(seconds), "{wanted}: not within {seconds} s");
        tokio::time::sleep(LOOK).await;
    }
}

/// An object for people.
pub(super) fn yaml(object: &impl Serialize) -> String {
    serde_yaml_ng::to_string(object).unwrap_or_default()
}

/// Reason and message of a condition that is True.
pub(super) fn holds<'a>(all: &'a [Condition], type_: &str) -> Option<(&'a str, &'a str)> {
    conditions::find(all, type_)
        .filter(|condition| condition.status == "True")
        .map(|condition| (condition.reason.as_str(), condition.message.as_str()))
}
