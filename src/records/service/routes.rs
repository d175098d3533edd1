//! Requests to answers. A request is admitted by its head alone; its body is read only afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::auth::{AuthError, Caller, Guard};
use super::metrics::Metrics;
use crate::records::store::{ScopedStore, SqliteStore};
use crate::records::wire::{
    AgreeRequest, AnnounceRequest, ClaimedRequest, CommitRequest, EffectsRequest, EndRunRequest, LinksRequest,
    MAX_BODY_BYTES, Method, OutcomesRequest, ProposalRequest, ProposeRequest, Refusal, RenewRequest, RunsRequest,
    UseProposalRequest, WritesRequest,
};
use crate::records::{Records, Scope, StoreError};

/// Longest time for reading a body and answering it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests that are worked on at once; bounds the memory their bodies take.
const MAX_CONCURRENT: usize = 16;
/// Stands for a method that does not exist, in metrics.
const UNKNOWN_METHOD: &str = "unknown";

/// What the handlers share.
pub(super) struct Service {
    store: SqliteStore,
    guard: Guard,
    metrics: Arc<Metrics>,
    slots: Semaphore,
}

impl Service {
    pub(super) fn new(store: SqliteStore, guard: Guard, metrics: Arc<Metrics>) -> Self {
        Self { store, guard, metrics, slots: Semaphore::new(MAX_CONCURRENT) }
    }
}

/// The routes that are served over TLS.
pub(super) fn records(service: Arc<Service>) -> Router {
    Router::new()
        .route("/v2/settings/{namespace}/{setting}/{setting_uid}/{method}", post(handle))
        .route("/v1/{*rest}", any(first_edition))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .with_state(service)
}

/// The routes that are served without TLS, inside the cluster.
pub(super) fn operations(service: Arc<Service>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .with_state(service)
}

async fn live() -> &'static str {
    "ok"
}

async fn ready(State(service): State<Arc<Service>>) -> Response {
    match service.store.check().await {
        Ok(()) => "ok".into_response(),
        Err(error) => refusal(error),
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let text = service.metrics.text(service.store.size_bytes().await.ok());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// A client of the first edition would leave out what this one relies on, so nothing of it is understood.
async fn first_edition(State(service): State<Arc<Service>>) -> Response {
    let message = "records service of the second edition: use one image for operator and connectors";
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    service.metrics.answered(UNKNOWN_METHOD, status.as_u16(), Duration::ZERO);
    answer(status, &Refusal::Invalid { message: message.into() })
}

/// Parts of a path: namespace, setting, its uid, method.
type PathParts = (String, String, String, String);

async fn handle(State(service): State<Arc<Service>>, Path(parts): Path<PathParts>, request: Request) -> Response {
    let (namespace, setting, setting_uid, word) = parts;
    let scope = Scope { namespace, setting, setting_uid };
    let started = Instant::now();
    let Some(method) = Method::from_word(&word) else {
        service.metrics.answered(UNKNOWN_METHOD, StatusCode::NOT_FOUND.as_u16(), started.elapsed());
        let message = "this records service has no such method: use the same version of rollcall on both sides";
        return answer(StatusCode::NOT_FOUND, &Refusal::Invalid { message: message.into() });
    };
    let response = match tokio::time::timeout(REQUEST_TIMEOUT, serve(&service, &scope, method, request)).await {
        Ok(response) => response,
        Err(_) => refusal(StoreError::Unavailable("the request took too long".into())),
    };
    service.metrics.answered(method.as_str(), response.status().as_u16(), started.elapsed());
    response
}

async fn serve(service: &Service, scope: &Scope, method: Method, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let caller = match service.guard.admit(authorization(&head.headers), scope, method).await {
        Ok(caller) => caller,
        Err(error) => return turned_away(&error, scope, method),
    };
    let Ok(_slot) = service.slots.acquire().await else {
        return refusal(StoreError::Unavailable("it is shutting down".into()));
    };
    let body = match read_body(body).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let store = service.store.scoped(scope.clone());
    match call(&store, &caller, method, &body).await {
        Ok(reply) => {
            audit(&caller, scope, method, reply.count);
            ([(header::CONTENT_TYPE, "application/json")], reply.json).into_response()
        }
        Err(error) => {
            if matches!(error, StoreError::Invalid(_)) {
                tracing::warn!(%error, method = method.as_str(), "a request could not be served");
            }
            refusal(error)
        }
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok())
}

async fn read_body(body: Body) -> Result<Bytes, Response> {
    axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| {
        let message =
            format!("the request is larger than {MAX_BODY_BYTES} bytes or was cut off: commit smaller batches");
        answer(StatusCode::PAYLOAD_TOO_LARGE, &Refusal::Invalid { message })
    })
}

/// An answer and how many things it is about.
struct Reply {
    json: Vec<u8>,
    count: usize,
}

async fn call(records: &ScopedStore, caller: &Caller, method: Method, body: &[u8]) -> Result<Reply, StoreError> {
    match method {
        Method::Setting => match caller {
            Caller::Pod { .. } => reply(&records.setting().await?, 1),
            Caller::Reader { .. } => reply(&records.setting_without_key().await?, 1),
        },
        Method::Links => list(&records.links(&parse::<LinksRequest>(body)?.stream).await?),
        Method::OpenWrites => list(&records.open_writes().await?),
        Method::Writes => {
            let request: WritesRequest = parse(body)?;
            list(&records.writes(&request.run_id, request.offset, request.limit).await?)
        }
        Method::Effects => {
            let request: EffectsRequest = parse(body)?;
            reply(&records.effects(&request.stream, &request.system, request.since).await?, 1)
        }
        Method::ClaimedByOthers => {
            let request: ClaimedRequest = parse(body)?;
            list(&records.claimed_by_others(&request.stream, &request.system, &request.rows).await?)
        }
        Method::Proposal => reply(&records.proposal(&parse::<ProposalRequest>(body)?.digest).await?, 1),
        Method::Runs => list(&records.runs(parse::<RunsRequest>(body)?.limit).await?),
        Method::Outcomes => {
            let request: OutcomesRequest = parse(body)?;
            list(&records.outcomes(&request.run_id, &request.query).await?)
        }
        writing => write(records, writing, body).await,
    }
}

async fn write(records: &ScopedStore, method: Method, body: &[u8]) -> Result<Reply, StoreError> {
    match method {
        Method::BeginRun => reply(&records.begin_run(&parse(body)?).await?, 1),
        Method::Renew => {
            let request: RenewRequest = parse(body)?;
            reply(&records.renew(&request.run_id, request.attempt).await?, 1)
        }
        Method::EndRun => {
            let request: EndRunRequest = parse(body)?;
            reply(&records.end_run(&request.run, request.setting.as_ref()).await?, 1)
        }
        Method::Commit => {
            let CommitRequest { run_id, attempt, batch } = parse(body)?;
            reply(&records.commit(&run_id, attempt, &batch).await?, batch.outcomes.len())
        }
        Method::Announce => {
            let AnnounceRequest { run_id, attempt, writes, claims } = parse(body)?;
            reply(&records.announce(&run_id, attempt, &writes, &claims).await?, writes.len())
        }
        Method::Propose => {
            let request: ProposeRequest = parse(body)?;
            reply(&records.propose(&request.run_id, request.attempt, &request.proposal).await?, 1)
        }
        Method::Agree => {
            let request: AgreeRequest = parse(body)?;
            reply(&records.agree(&request.run_id, request.attempt, &request.agreement).await?, 1)
        }
        Method::UseProposal => {
            let request: UseProposalRequest = parse(body)?;
            reply(&records.use_proposal(&request.run_id, request.attempt, &request.digest).await?, 1)
        }
        reading => Err(StoreError::Invalid(format!("{} writes nothing", reading.as_str()))),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, StoreError> {
    // serde_json's message may quote a value, so only the place is passed on.
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        StoreError::Invalid(format!(
            "the request's body is not what this version expects (line {line}, column {column})"
        ))
    })
}

fn list<T: Serialize>(items: &[T]) -> Result<Reply, StoreError> {
    reply(&items, items.len())
}

fn reply<T: Serialize>(value: &T, count: usize) -> Result<Reply, StoreError> {
    let json =
        serde_json::to_vec(value).map_err(|_| StoreError::Invalid("an answer cannot be written as JSON".into()))?;
    Ok(Reply { json, count })
}

/// One line for each time a person's tool read records: who, which setting, what, how many.
fn audit(caller: &Caller, scope: &Scope, method: Method, count: usize) {
    match caller {
        Caller::Reader { namespace, service_account } => tracing::info!(
            target: "rollcall::audit",
            reader = %format_args!("{namespace}/{service_account}"),
            setting = %format_args!("{}/{}", scope.namespace, scope.setting),
            method = method.as_str(),
            count,
            "records read"
        ),
        Caller::Pod { name } => tracing::debug!(
            pod = %format_args!("{}/{name}", scope.namespace),
            setting = scope.setting,
            method = method.as_str(),
            count,
            "records used"
        ),
    }
}

fn turned_away(error: &AuthError, scope: &Scope, method: Method) -> Response {
    tracing::info!(
        target: "rollcall::audit",
        setting = %format_args!("{:?}/{:?}", scope.namespace, scope.setting),
        method = method.as_str(),
        why = %error,
        "request turned away"
    );
    let message = error.to_string();
    match error {
        AuthError::Unauthenticated(_) => {
            let mut response = answer(StatusCode::UNAUTHORIZED, &Refusal::Forbidden { message });
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            response
        }
        AuthError::Forbidden(_) => answer(StatusCode::FORBIDDEN, &Refusal::Forbidden { message }),
        AuthError::Unavailable(_) => answer(StatusCode::SERVICE_UNAVAILABLE, &Refusal::Unavailable { message }),
    }
}

fn refusal(error: StoreError) -> Response {
    let status = match error {
        StoreError::Busy { .. } => StatusCode::CONFLICT,
        StoreError::LockLost => StatusCode::GONE,
        StoreError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        StoreError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        StoreError::Forbidden(_) => StatusCode::FORBIDDEN,
    };
    answer(status, &Refusal::from(error))
}

fn answer(status: StatusCode, refusal: &Refusal) -> Response {
    (status, axum::Json(refusal)).into_response()
}
