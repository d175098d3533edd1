//! What the API server answered to whom, read from its audit log.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use serde_json::Value;

/// The log from a moment on.
pub(crate) struct Audit {
    path: String,
    offset: u64,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `get`, `watch`, `create` and so on.
    pub(crate) verb: String,
    /// Resource, with its subresource behind a slash.
    pub(crate) resource: String,
    /// Path and query, for a failure's text.
    #[allow(dead_code, reason = "printed by Debug")]
    pub(crate) uri: String,
}

impl Audit {
    /// From now on. None, with a line that says so, on a cluster whose log cannot be read.
    pub(crate) fn from_now() -> Option<Self> {
        let path = std::env::var("ROLLCALL_TEST_AUDIT_LOG").ok().filter(|path| !path.is_empty());
        let Some(path) = path else {
            println!("left out: the audit log of this cluster is not at hand (ROLLCALL_TEST_AUDIT_LOG)");
            return None;
        };
        let offset = std::fs::metadata(&path).unwrap().len();
        Some(Self { path, offset })
    }

    /// The requests of a ServiceAccount.
    pub(crate) fn requests(&self, namespace: &str, account: &str) -> Vec<Request> {
        let mut file = std::fs::File::open(&self.path).unwrap();
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let user = format!("system:serviceaccount:{namespace}:{account}");
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["user"]["username"] == user.as_str()).map(|event| request(&event)).collect()
    }

    /// Changes by a ServiceAccount, Leases left out, counted by verb and resource.
    pub(crate) fn changes(&self, namespace: &str, account: &str) -> BTreeMap<String, usize> {
        let mut counted = BTreeMap::new();
        for request in self.requests(namespace, account).iter().filter(|request| request.changes()) {
            *counted.entry(format!("{} {}", request.verb, request.resource)).or_default() += 1;
        }
        counted
    }
}

impl Request {
    pub(crate) fn is_about_a_lease(&self) -> bool {
        self.resource == "leases"
    }

    fn changes(&self) -> bool {
        !["get", "list", "watch"].contains(&self.verb.as_str()) && !self.is_about_a_lease()
    }
}

fn request(event: &Value) -> Request {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &event["objectRef"];
    let mut resource = text(&object["resource"]);
    if let Some(part) = object["subresource"].as_str() {
        resource = format!("{resource}/{part}");
    }
    Request { verb: text(&event["verb"]), resource, uri: text(&event["requestURI"]) }
}
