//! The control API below `/_emulator`, which every emulator offers.
//!
//! It is open: no key, no rights. An emulator is a test tool that holds synthetic data only.
//!
//! * `GET /_emulator/state`: counts, request counters, writes, faults
//! * `GET /_emulator/journal`: every request since the start or the last reset
//! * `GET|POST|DELETE /_emulator/faults`: list, add (one or a list), remove all
//! * `POST /_emulator/reset-counters`

use super::core::Core;
use super::faults::Fault;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;

/// Gives the vendor's own part of the state.
pub type Summary = Arc<dyn Fn() -> Value + Send + Sync>;

#[derive(Clone)]
struct Control {
    core: Arc<Core>,
    summary: Summary,
}

/// The routes that all emulators have in common.
pub fn router(core: Arc<Core>, summary: Summary) -> Router {
    Router::new()
        .route("/_emulator/state", get(state))
        .route("/_emulator/journal", get(journal))
        .route("/_emulator/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/_emulator/reset-counters", post(reset_counters))
        .with_state(Control { core, summary })
}

/// An answer for a request to the control API that makes no sense.
pub fn refused(reason: impl std::fmt::Display) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": reason.to_string() }))).into_response()
}

async fn state(State(control): State<Control>) -> Json<Value> {
    let mut state = (control.summary)();
    state["requests"] = json!(control.core.counts());
    state["writes_total"] = json!(control.core.written());
    state["writes"] = json!(control.core.writes());
    state["faults"] = json!(control.core.faults());
    Json(state)
}

async fn journal(State(control): State<Control>) -> Json<Value> {
    Json(json!(control.core.journal()))
}

async fn faults(State(control): State<Control>) -> Json<Value> {
    Json(json!(control.core.faults()))
}

async fn add_faults(State(control): State<Control>, body: String) -> Response {
    let parsed = if body.trim_start().starts_with('[') {
        serde_json::from_str::<Vec<Fault>>(&body)
    } else {
        serde_json::from_str(&body).map(|fault| vec![fault])
    };
    match parsed {
        Err(error) => return refused(error),
        Ok(faults) => faults.into_iter().for_each(|fault| control.core.add_fault(fault)),
    }
    Json(json!(control.core.faults())).into_response()
}

async fn clear_faults(State(control): State<Control>) -> StatusCode {
    control.core.clear_faults();
    StatusCode::NO_CONTENT
}

async fn reset_counters(State(control): State<Control>) -> StatusCode {
    control.core.reset_counters();
    StatusCode::NO_CONTENT
}
