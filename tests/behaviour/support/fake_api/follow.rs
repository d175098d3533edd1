//! One watch of the fake API server.

use serde_json::{Value, json};

use super::state::selected;
use super::{FakeApi, Target};

pub(super) struct Follow {
    api: FakeApi,
    resource: String,
    namespace: String,
    selector: Option<String>,
    began: u64,
    after: u64,
    ended: bool,
}

impl Follow {
    pub(super) fn new(api: FakeApi, target: &Target, selector: Option<String>, after: u64) -> Self {
        let (resource, namespace) = (target.resource.clone(), target.namespace.clone());
        Self { api, resource, namespace, selector, began: after, after, ended: false }
    }

    /// The next event. A watch never ends by itself, but it may expire.
    pub(super) async fn next(&mut self) -> Option<Value> {
        let api = self.api.clone();
        loop {
            let changed = api.changed.notified();
            if self.ended {
                return None;
            }
            if let Some(event) = self.pending() {
                return Some(event);
            }
            changed.await;
        }
    }

    fn pending(&mut self) -> Option<Value> {
        let state = self.api.state.lock().unwrap();
        if state.expired.get(&self.resource).is_some_and(|version| self.began < *version) {
            self.ended = true;
            let gone = super::failure(410, "Expired", "too old resource version");
            return Some(json!({ "type": "ERROR", "object": gone }));
        }
        if state.held_watches.contains(&self.resource) {
            return None;
        }
        let start = state.history.partition_point(|(version, ..)| *version <= self.after);
        for (version, resource, event) in state.history.iter().skip(start) {
            self.after = *version;
            let object = &event["object"];
            let here = self.namespace.is_empty() || object["metadata"]["namespace"] == self.namespace.as_str();
            if *resource == self.resource && here && selected(object, self.selector.as_deref()) {
                return Some(event.clone());
            }
        }
        None
    }
}
