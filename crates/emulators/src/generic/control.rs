//! `GET|POST /_emulator/rows`: look at the rows and change them by hand.
//!
//! Like the rest of the control API it is open to everybody who can reach the port.

use super::super::common::control::refused;
use super::{App, Stream};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Something that somebody does in the system itself, without the checks of the API.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Operation {
    /// Adds a row.
    Create { stream: String, row: Value },
    /// Sets fields of a row.
    Edit { stream: String, id: u64, set: Map<String, Value> },
    /// Deletes a row.
    Delete { stream: String, id: u64 },
}

/// The route.
pub fn router(app: &Arc<App>) -> Router {
    Router::new().route("/_emulator/rows", get(dump).post(change)).with_state(Arc::clone(app))
}

async fn dump(State(app): State<Arc<App>>) -> Json<Value> {
    Json(app.state().snapshot())
}

async fn change(State(app): State<Arc<App>>, body: String) -> Response {
    let operation: Operation = match serde_json::from_str(&body) {
        Ok(operation) => operation,
        Err(error) => return refused(error),
    };
    match apply(&app, operation) {
        Some(id) => Json(json!({ "id": id })).into_response(),
        None => refused("no such stream or row"),
    }
}

fn apply(app: &App, operation: Operation) -> Option<u64> {
    let mut state = app.state();
    match operation {
        Operation::Create { stream, row } => Some(state.insert(Stream::of(&stream)?, row)),
        Operation::Delete { stream, id } => state.remove(Stream::of(&stream)?, id).then_some(id),
        Operation::Edit { stream, id, set } => {
            let stream = Stream::of(&stream)?;
            state.row(stream, id)?;
            for (name, value) in set {
                state.set(stream, id, &name, value);
            }
            Some(id)
        }
    }
}

/// The system's own part of `GET /_emulator/state`.
pub fn summary(app: &App) -> Value {
    let state = app.state();
    json!({
        "emulator": state.options.name,
        "people": {
            "total": state.rows(Stream::People).count(),
            "active": state.rows(Stream::People).filter(|(_, row)| row["active"] == true).count(),
        },
        "placements": state.rows(Stream::Placements).count(),
        "officers": state.rows(Stream::Officers).count(),
    })
}
