//! `GET|POST /_emulator/users`: look at the accounts and change them by hand.
//!
//! Like the rest of the control API it is open to everybody who can reach the port.

use super::super::common::control::refused;
use super::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Something that an administrator does in the vendor's user interface.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Operation {
    /// Makes an account.
    Create { user: Map<String, Value> },
    /// Sets attributes of an account, without the checks of the API.
    Edit { id: u64, set: Map<String, Value> },
    /// Deletes an account.
    Delete { id: u64 },
}

/// The route.
pub fn router(app: &Arc<App>) -> Router {
    Router::new().route("/_emulator/users", get(dump).post(change)).with_state(Arc::clone(app))
}

async fn dump(State(app): State<Arc<App>>) -> Json<Value> {
    let state = app.state();
    let users: Vec<Value> = state.accounts().map(|account| state.render(account)).collect();
    Json(json!({ "users": users }))
}

async fn change(State(app): State<Arc<App>>, body: String) -> Response {
    let operation: Operation = match serde_json::from_str(&body) {
        Ok(operation) => operation,
        Err(error) => return refused(error),
    };
    let mut state = app.state();
    let done = match operation {
        Operation::Create { user } => state.insert(user),
        Operation::Delete { id } => state.delete(id).map(|()| id),
        Operation::Edit { id, set } => {
            if !state.edit(id, |fields| merge(fields, set)) {
                return refused(format!("no user {id}"));
            }
            Ok(id)
        }
    };
    done.map_or_else(IntoResponse::into_response, |id| Json(json!({ "id": id })).into_response())
}

/// Objects are merged, everything else is replaced; null takes away.
fn merge(fields: &mut Map<String, Value>, set: Map<String, Value>) {
    for (name, value) in set {
        match (fields.get_mut(&name), value) {
            (_, Value::Null) => {
                fields.remove(&name);
            }
            (Some(Value::Object(inner)), Value::Object(set)) => merge(inner, set),
            (_, value) => {
                fields.insert(name, value);
            }
        }
    }
}

/// The vendor's part of `GET /_emulator/state`.
pub fn summary(app: &App) -> Value {
    let state = app.state();
    json!({
        "emulator": "travelperk",
        "users": {
            "total": state.accounts().count(),
            "active": state.accounts().filter(|account| account.active()).count(),
            "with_manager": state.accounts().filter(|user| user.manager().is_some()).count(),
        },
        "cost_centers": state.cost_centers().count(),
    })
}
