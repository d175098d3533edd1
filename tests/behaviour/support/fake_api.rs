//! An API server in the process: resourceVersions, uids, generations, the status subresource, merge patches, delete
//! preconditions, lists, watches with streaming lists, a log of requests, and faults at the n-th write. It can be as
//! unkind as a real one: a clock of its own, watches that lag or expire, garbage that is collected later, and any answer
//! to any request.

mod follow;
mod hooks;

mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::Notify;

use self::follow::Follow;
pub use self::hooks::Answers;
use self::hooks::Rule;
use self::state::failure;
use super::clock::TestClock;

type Answer = Response<axum::body::Body>;
type Id = (String, String, String);

/// One request, as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub verb: String,
    pub resource: String,
    pub name: String,
}

/// What goes wrong at the n-th write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The operator dies before the server has the request.
    CrashBefore,
    /// The server does it, and the operator dies before it hears so.
    CrashAfter,
    /// The server answers 500 and does nothing.
    Refuse,
    /// The server does it and answers 500.
    RefuseAfter,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<Id, Value>,
    version: u64,
    next_uid: u64,
    history: Vec<(u64, String, Value)>,
    log: Vec<Logged>,
    writes: usize,
    fault: Option<(usize, Fault)>,
    dead: BTreeSet<usize>,
    sessions: usize,
    missing: BTreeSet<String>,
    no_streaming: bool,
    /// How far the server's clock is ahead of the operator's, in seconds.
    skew: i64,
    rules: Vec<Rule>,
    /// Resources whose watches tell nothing at present.
    held_watches: BTreeSet<String>,
    /// From which write on the watches of a resource are held.
    hold_from: Option<(usize, String)>,
    /// Watches that began before this version have expired.
    expired: BTreeMap<String, u64>,
    lazy_garbage: bool,
    garbage: Vec<Id>,
}

#[derive(Clone)]
pub struct FakeApi {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
    clock: TestClock,
}

struct Target {
    resource: String,
    namespace: String,
    name: String,
    status: bool,
}

impl FakeApi {
    pub fn new(clock: TestClock) -> Self {
        Self { state: Arc::default(), changed: Arc::new(Notify::new()), clock }
    }

    /// A client of its own; a crash fault kills only this one.
    pub fn client(&self) -> Client {
        let session = {
            let mut state = self.state.lock().unwrap();
            state.sessions += 1;
            state.sessions
        };
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { Ok::<_, Infallible>(api.serve(session, request).await) }
        });
        Client::new(service, "default")
    }

    pub fn set_fault(&self, at_write: usize, fault: Fault) {
        let mut state = self.state.lock().unwrap();
        state.writes = 0;
        state.fault = Some((at_write, fault));
    }

    /// Whether the fault has come up.
    pub fn fault_is_over(&self) -> bool {
        self.state.lock().unwrap().fault.is_none()
    }

    pub fn without_streaming_lists(&self) {
        self.state.lock().unwrap().no_streaming = true;
    }

    pub fn set_missing(&self, resource: &str, missing: bool) {
        let mut state = self.state.lock().unwrap();
        if missing {
            state.missing.insert(resource.into());
        } else {
            state.missing.remove(resource);
        }
    }

    /// A number that changes whenever anything is asked or changed.
    pub fn activity(&self) -> (usize, u64) {
        let state = self.state.lock().unwrap();
        (state.log.len(), state.version)
    }

    /// Writes of the operator, without the Lease and events.
    pub fn writes(&self) -> Vec<Logged> {
        let reads = ["get", "list", "watch"];
        let state = self.state.lock().unwrap();
        let kept = |one: &&Logged| !reads.contains(&one.verb.as_str()) && !is_background(&one.resource);
        state.log.iter().filter(kept).cloned().collect()
    }

    pub fn log(&self) -> Vec<Logged> {
        self.state.lock().unwrap().log.clone()
    }

    pub fn clear_log(&self) {
        self.state.lock().unwrap().log.clear();
    }

    pub fn get(&self, resource: &str, name: &str) -> Option<Value> {
        self.get_in("acme", resource, name)
    }

    pub fn get_in(&self, namespace: &str, resource: &str, name: &str) -> Option<Value> {
        self.state.lock().unwrap().objects.get(&(resource.into(), namespace.into(), name.into())).cloned()
    }

    pub fn list(&self, resource: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        state.objects.iter().filter(|(id, _)| id.0 == resource).map(|(_, object)| object.clone()).collect()
    }

    /// What a user or controller other than the operator does: create or merge-patch.
    pub fn apply(&self, resource: &str, object: &Value) {
        let mut state = self.state.lock().unwrap();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("acme").to_owned();
        let id = (resource.to_owned(), namespace, name);
        if state.objects.contains_key(&id) {
            state.patch(&id, object, false, true).unwrap();
        } else {
            let now = state.now(&self.clock);
            state.create(&id, object.clone(), &now);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Writes the status as a kubelet does.
    pub fn set_status_in(&self, namespace: &str, resource: &str, name: &str, status: &Value) {
        let mut state = self.state.lock().unwrap();
        let id = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        state.patch(&id, &json!({ "status": status }), true, false).unwrap();
        drop(state);
        self.changed.notify_waiters();
    }

    pub fn remove(&self, resource: &str, name: &str) {
        self.remove_in("acme", resource, name);
    }

    pub fn remove_in(&self, namespace: &str, resource: &str, name: &str) {
        self.state.lock().unwrap().remove(&(resource.to_owned(), namespace.to_owned(), name.to_owned()));
        self.changed.notify_waiters();
    }

    async fn serve(&self, session: usize, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let target = target_of(parts.uri.path());
        let query: BTreeMap<String, String> =
            url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let watch = query.get("watch").is_some_and(|value| value == "true" || value == "1");
        let verb = verb_of(&parts.method, &target, watch);
        let answer = {
            let mut state = self.state.lock().unwrap();
            if state.dead.contains(&session) {
                None
            } else {
                let name = target.name.clone();
                state.log.push(Logged { verb: verb.into(), resource: target.resource.clone(), name });
                match state.ruled(verb, &target.resource) {
                    Some(Some(answer)) => Some(Ok(answer)),
                    Some(None) => None,
                    None if watch => Some(Err(())),
                    None => state.answer(session, verb, &target, &body, &self.clock).map(Ok),
                }
            }
        };
        match answer {
            // The process is gone: nobody hears an answer.
            None => std::future::pending().await,
            Some(Err(())) => self.watch(&target, &query),
            Some(Ok((code, value))) => {
                self.changed.notify_waiters();
                reply(code, &value)
            }
        }
    }

    fn watch(&self, target: &Target, query: &BTreeMap<String, String>) -> Answer {
        let state = self.state.lock().unwrap();
        if state.missing.contains(&target.resource) {
            return reply(404, &failure(404, "NotFound", "the server could not find the requested resource"));
        }
        let initial = query.get("sendInitialEvents").is_some_and(|value| value == "true");
        if initial && state.no_streaming {
            return reply(500, &failure(500, "InternalError", "RequestWatchProgress is disabled"));
        }
        let mut first = Vec::new();
        let mut after = query.get("resourceVersion").and_then(|value| value.parse().ok()).unwrap_or(0);
        let selector = query.get("labelSelector").cloned();
        if initial {
            let found = state.find(target, selector.as_deref());
            first.extend(found.into_iter().map(|object| json!({ "type": "ADDED", "object": object })));
            first.push(json!({ "type": "BOOKMARK", "object": { "kind": "Bookmark", "apiVersion": "v1", "metadata": {
                "resourceVersion": state.version.to_string(),
                "annotations": { "k8s.io/initial-events-end": "true" } } } }));
            after = state.version;
        }
        drop(state);
        let follow = Follow::new(self.clone(), target, selector, after);
        let rest = futures::stream::unfold(follow, |mut follow| async move {
            let event = follow.next().await?;
            Some((event, follow))
        });
        let lines = futures::stream::iter(first).chain(rest);
        let lines = lines.map(|event| Ok::<_, Infallible>(Bytes::from(format!("{event}\n"))));
        Response::builder().status(200).body(axum::body::Body::from_stream(lines)).unwrap()
    }
}

/// `/api/v1/…` or `/apis/group/version/…`, then `[namespaces/<ns>/]<resource>[/<name>[/status]]`.
fn target_of(path: &str) -> Target {
    let mut parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    parts.drain(..if parts.first() == Some(&"api") { 2 } else { 3 });
    let mut namespace = "";
    if parts.len() > 2 && parts[0] == "namespaces" {
        namespace = parts[1];
        parts.drain(..2);
    }
    let text = |index: usize| parts.get(index).copied().unwrap_or_default().to_owned();
    Target { resource: text(0), namespace: namespace.into(), name: text(1), status: parts.get(2) == Some(&"status") }
}

fn verb_of(method: &Method, target: &Target, watch: bool) -> &'static str {
    match *method {
        Method::GET if watch => "watch",
        Method::GET if target.name.is_empty() => "list",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH if target.status => "patch_status",
        Method::PATCH => "patch",
        _ => "delete",
    }
}

fn is_background(resource: &str) -> bool {
    ["leases", "events"].contains(&resource)
}

fn reply(code: u16, value: &Value) -> Answer {
    let body = axum::body::Body::from(value.to_string());
    Response::builder().status(code).header("content-type", "application/json").body(body).unwrap()
}
