//! A scripted HTTP server on loopback for tests of connectors: answers are given in order for each method and path,
//! and every request is kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;

use super::factory::ProviderConfig;
use rollcall_api::v1alpha1::{RateLimit, RetryPolicy};
use rollcall_engine::definitions::{VendorDefinition, catalogue, parse};
use rollcall_engine::model::{Fields, Row};
use rollcall_engine::names::FieldName;
use rollcall_engine::redacted::Redacted;

/// One answer of the script.
#[derive(Clone)]
pub(crate) enum Reply {
    Json(u16, Value),
    WithHeader(u16, &'static str, String, Value),
    Text(u16, &'static str),
    /// Announces more bytes than it sends.
    Truncated(u16),
    /// Closes the connection after the request was received.
    Reset,
    /// Sends nothing for longer than a test's time-out.
    Hang,
}

/// A request that was received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) route: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[derive(Default)]
struct Script {
    replies: BTreeMap<String, VecDeque<Reply>>,
    received: Vec<Received>,
}

/// The server; ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script }
    }

    /// Adds answers for `METHOD /path`. The last one is repeated.
    pub(crate) fn on(&self, route: &str, replies: impl IntoIterator<Item = Reply>) -> &Self {
        self.script.lock().unwrap().replies.entry(route.to_owned()).or_default().extend(replies);
        self
    }

    /// Answers the token request of Personio.
    pub(crate) fn with_token(&self) -> &Self {
        self.on(
            "POST /v2/auth/token",
            [Reply::Json(200, serde_json::json!({"access_token": "t", "expires_in": 86400}))],
        )
    }

    /// All requests to `METHOD /path`.
    pub(crate) fn received(&self, route: &str) -> Vec<Received> {
        self.script.lock().unwrap().received.iter().filter(|request| request.route == route).cloned().collect()
    }

    /// All requests, in their order.
    pub(crate) fn all(&self) -> Vec<Received> {
        self.script.lock().unwrap().received.clone()
    }

    /// A configuration of a built-in vendor whose endpoints are all here.
    pub(crate) fn config(&self, vendor: &str) -> ProviderConfig {
        self.config_of(catalogue::find(vendor).unwrap().clone())
    }

    /// The same with further streams, as they are written at the end of a definition.
    pub(crate) fn config_with(&self, vendor: &str, streams: &str) -> ProviderConfig {
        let text = format!("{}{streams}", catalogue::text(vendor).unwrap().trim_end());
        self.config_of(parse(&text, "test").unwrap())
    }

    fn config_of(&self, definition: VendorDefinition) -> ProviderConfig {
        let definition = Arc::new(definition);
        ProviderConfig {
            name: "test".to_owned(),
            endpoints: definition.endpoints.keys().map(|name| (name.clone(), self.url.clone())).collect(),
            credentials: definition
                .credentials
                .keys()
                .map(|key| (key.clone(), Redacted::new(format!("secret-{key}\n"))))
                .collect(),
            definition,
            rate_limits: vec![RateLimit { class: "default".into(), requests: 100_000, ..RateLimit::default() }],
            share_of: 1,
            // No waits between attempts.
            retry: RetryPolicy { limit: 2, backoff_seconds: 0, max_backoff_seconds: 1 },
            allow_private_addresses: true,
            ca_bundle: None,
        }
    }
}

/// Names of fields.
pub(crate) fn names(fields: &[&str]) -> Vec<FieldName> {
    fields.iter().map(|field| FieldName::from(*field)).collect()
}

/// Values by name.
pub(crate) fn fields(pairs: &[(&str, Value)]) -> Fields {
    pairs.iter().map(|(name, value)| (FieldName::from(*name), value.clone())).collect()
}

/// Identifiers, in order.
pub(crate) fn row_ids(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let route = format!("{} {}", parts.method, parts.uri.path());
    let reply = {
        let mut script = script.lock().unwrap();
        script.received.push(Received {
            route: route.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        match script.replies.get_mut(&route) {
            Some(replies) if replies.len() > 1 => replies.pop_front(),
            Some(replies) => replies.front().cloned(),
            None => None,
        }
    };
    render(reply.unwrap_or_else(|| Reply::Json(404, serde_json::json!({})))).await
}

async fn render(reply: Reply) -> Response {
    let builder = Response::builder();
    // The pause lets the head of the answer reach the client before the connection breaks.
    let broken = || {
        futures::stream::unfold(0, |step| async move {
            match step {
                0 => Some((Ok(Bytes::from_static(b"{\"a")), 1)),
                1 => {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    Some((Err(std::io::Error::other("cut off")), 2))
                }
                _ => None,
            }
        })
    };
    match reply {
        Reply::Json(status, body) => builder.status(status).body(Body::from(body.to_string())),
        Reply::WithHeader(status, name, value, body) => {
            builder.status(status).header(name, value).body(Body::from(body.to_string()))
        }
        Reply::Text(status, text) => builder.status(status).body(Body::from(text)),
        Reply::Truncated(status) => builder.status(status).body(Body::from_stream(broken())),
        Reply::Reset => {
            // A panic in the handler makes the server drop the connection without an answer.
            std::panic::resume_unwind(Box::new("reset"))
        }
        Reply::Hang => {
            std::future::pending::<()>().await;
            builder.status(StatusCode::OK).body(Body::empty())
        }
    }
    .unwrap()
}
