//! Events: few, about what went wrong, folded when they repeat.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource, ResourceExt};

use crate::operator::decide::EventNote;

/// An event is not worth waiting for.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The object an event is about.
#[derive(Clone, Debug)]
pub struct Regarding(ObjectReference);

impl Regarding {
    /// Any object.
    pub fn of<K: Resource<DynamicType = ()>>(object: &K) -> Self {
        Self(object.object_ref(&()))
    }

    /// An object that could not be read, but has a name.
    pub(super) fn named<K: Resource<DynamicType = ()>>(metadata: &kube::core::ObjectMeta) -> Self {
        Self(ObjectReference {
            api_version: Some(K::api_version(&()).into_owned()),
            kind: Some(K::kind(&()).into_owned()),
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone(),
            uid: metadata.uid.clone(),
            ..ObjectReference::default()
        })
    }
}

/// Publishes events in the background; a lost one only leaves a line in the log.
#[derive(Clone)]
pub(super) struct Publisher {
    recorder: Arc<Recorder>,
}

impl Publisher {
    pub(super) fn new(client: Client, instance: String) -> Self {
        let reporter = Reporter { controller: "rollcall.dev/operator".into(), instance: Some(instance) };
        Self { recorder: Arc::new(Recorder::new(client, reporter)) }
    }

    pub(super) fn publish(&self, regarding: &Regarding, note: &EventNote) {
        let event = Event {
            type_: if note.warning { EventType::Warning } else { EventType::Normal },
            reason: note.reason.clone(),
            note: Some(rollcall_api::conditions::shortened(&note.note, 900)),
            action: "Reconcile".into(),
            secondary: None,
        };
        let (recorder, regarding) = (Arc::clone(&self.recorder), regarding.0.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(TIMEOUT, recorder.publish(&event, &regarding)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, reason = event.reason, "event not published"),
                Err(_) => tracing::warn!(reason = event.reason, "event not published in time"),
            }
        });
    }
}

/// Name and namespace of an object for a message.
pub(super) fn described<K: Resource<DynamicType = ()>>(object: &K) -> String {
    format!("{} {}/{}", K::kind(&()), object.namespace().unwrap_or_default(), object.name_any())
}
