//! Middleware round every vendor route: counts and notes the request, holds it, fires a fault.

use super::core::{Arrival, Core};
use super::faults::{FaultKind, RetryAfter, Seen};
use super::pause::{Hold, Moment};
use super::rewrite;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::io::ErrorKind;
use std::sync::Arc;

/// The largest body that is read.
const BODY_LIMIT: usize = 4 << 20;

/// What the middleware must know about a vendor.
pub trait Vendor: Send + Sync + 'static {
    /// An error as the vendor would answer it on this path.
    fn error(&self, path: &str, status: StatusCode) -> Response;

    /// Ends all tokens; false when the vendor uses fixed keys, which are then refused once.
    fn expire_tokens(&self) -> bool;

    /// The route templates, the more special ones first.
    fn routes(&self) -> &'static [&'static str];

    /// Whether a request changes data, as opposed to reading or signing in.
    fn is_write(&self, method: &Method, route: &str) -> bool;
}

/// State of the middleware.
#[derive(Clone)]
pub struct Watch {
    /// Counters and faults.
    pub core: Arc<Core>,
    /// The vendor.
    pub vendor: Arc<dyn Vendor>,
}

/// The template that a path follows, or `unmatched`.
pub fn template(routes: &'static [&'static str], path: &str) -> &'static str {
    let follows = |route: &&&str| {
        let mut wanted = route.split('/');
        let mut given = path.split('/');
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    routes.iter().find(follows).copied().unwrap_or("unmatched")
}

/// One request, which may be performed any number of times.
struct Call {
    watch: Watch,
    number: u64,
    parts: Parts,
    body: Bytes,
    route: &'static str,
    target: String,
    next: Next,
}

impl Call {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    fn seen(&self) -> Seen<'_> {
        Seen { method: self.parts.method.as_str(), route: self.route, target: &self.target, body: self.text() }
    }

    /// Performs the request with another body than the caller's.
    async fn perform_with(&self, body: Bytes) -> Response {
        let request = Request::from_parts(self.parts.clone(), Body::from(body));
        self.next.clone().run(request).await
    }

    /// Performs the request and notes the answer.
    async fn perform(&self) -> Response {
        let response = self.perform_with(self.body.clone()).await;
        self.watch.core.answered(self.number, response.status().as_u16());
        if self.watch.vendor.is_write(&self.parts.method, self.route) {
            self.watch.core.record(&self.seen(), response.status().as_u16());
        }
        response
    }

    fn error(&self, code: u16) -> Response {
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.watch.vendor.error(self.parts.uri.path(), status)
    }
}

/// The middleware.
pub async fn observe(State(watch): State<Watch>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let route = template(watch.vendor.routes(), parts.uri.path());
    let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mut call = Call { watch, number: 0, parts, body, route, target, next };
    let Arrival { number, fault, hold } = call.watch.core.arrive(&call.seen());
    call.number = number;
    match hold {
        None => answer(&call, fault).await,
        Some(hold) => held(call, hold, fault).await,
    }
}

async fn answer(call: &Call, fault: Option<FaultKind>) -> Response {
    let response = match &fault {
        None => plain(call).await,
        Some(kind) => faulty(call, kind).await,
    };
    tracing::debug!(
        method = %call.parts.method,
        target = %call.target,
        status = response.status().as_u16(),
        ?fault,
        "request"
    );
    response
}

/// In a task of its own, because the server drops the work on a request whose client is gone, and
/// then chance would decide whether a request that was held takes effect.
async fn held(call: Call, mut hold: Hold, fault: Option<FaultKind>) -> Response {
    let task = tokio::spawn(async move {
        let core = Arc::clone(&call.watch.core);
        if !hold.pass(Moment::Before, &core).await {
            return broken();
        }
        let response = answer(&call, fault).await;
        if hold.pass(Moment::After, &core).await { response } else { broken() }
    });
    task.await.unwrap_or_else(|_| broken())
}

async fn plain(call: &Call) -> Response {
    let response = call.perform().await;
    if call.watch.core.repeats_pages() {
        return edit_list(call, response, None).await;
    }
    response
}

async fn faulty(call: &Call, kind: &FaultKind) -> Response {
    let core = &call.watch.core;
    match kind {
        FaultKind::Status { code, retry_after, body } => status(call, *code, retry_after.as_ref(), body.as_ref()),
        FaultKind::Reset => broken(),
        FaultKind::Delay { ms } => {
            core.wait(*ms).await;
            call.perform().await
        }
        FaultKind::TruncateBody => truncated(call.perform().await).await,
        FaultKind::EmptyBody => {
            call.perform().await;
            StatusCode::OK.into_response()
        }
        FaultKind::EmptyList
        | FaultKind::DropPage
        | FaultKind::RepeatPage
        | FaultKind::WrongTotal { .. }
        | FaultKind::StuckCursor => edit_list(call, call.perform().await, Some(kind)).await,
        FaultKind::ExpireToken => {
            if call.watch.vendor.expire_tokens() {
                call.perform().await
            } else {
                call.error(401)
            }
        }
        FaultKind::CommitThenTimeout { ms } => {
            call.perform().await;
            core.wait(*ms).await;
            broken()
        }
        FaultKind::CommitThenReset => {
            call.perform().await;
            broken()
        }
        FaultKind::CommitThenStatus { code } => {
            call.perform().await;
            call.error(*code)
        }
        FaultKind::CreateRace { external_id } => {
            call.perform_with(of_another(&call.body, external_id.as_deref())).await;
            call.perform().await
        }
    }
}

fn status(call: &Call, code: u16, retry_after: Option<&RetryAfter>, body: Option<&Value>) -> Response {
    let mut response = call.error(code);
    if let Some(body) = body {
        *response.body_mut() = Body::from(body.to_string());
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let value = retry_after.and_then(|wait| HeaderValue::from_str(&wait.text()).ok());
    if let Some(value) = value {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// The body of a create as another client would have sent it.
fn of_another(body: &Bytes, external_id: Option<&str>) -> Bytes {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(body) else {
        return body.clone();
    };
    fields.remove("externalId");
    if let Some(id) = external_id {
        fields.insert("externalId".to_owned(), Value::from(id));
    }
    Bytes::from(Value::Object(fields).to_string())
}

/// A response whose body fails before its first byte: the server drops the connection without
/// having sent even the status line.
fn broken() -> Response {
    let failure = Err::<Bytes, _>(std::io::Error::from(ErrorKind::ConnectionReset));
    Response::new(Body::from_stream(futures::stream::iter([failure])))
}

/// Announces the full length, sends half, fails.
async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(full) = to_bytes(body, usize::MAX).await else {
        return broken();
    };
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(full.len()));
    let half = full.slice(..full.len() / 2);
    let stream = futures::stream::unfold(Some(half), |half| async move {
        match half {
            Some(half) if !half.is_empty() => Some((Ok(half), Some(Bytes::new()))),
            _ => {
                // Lets the server send the first half before the connection goes.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                Some((Err(std::io::Error::from(ErrorKind::ConnectionReset)), None))
            }
        }
    });
    Response::from_parts(parts, Body::from_stream(stream))
}

/// Changes a list on its way out; anything else passes unchanged.
async fn edit_list(call: &Call, response: Response, kind: Option<&FaultKind>) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return broken();
    };
    let mut value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let Some(rows) = rewrite::rows_mut(&mut value).cloned() else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let before = call.watch.core.remember_page(call.route, rows);
    if let Some(kind) = kind {
        rewrite::apply(&mut value, kind, &call.target, before);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(value.to_string()))
}
