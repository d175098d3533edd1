//! `POST /_emulator/people`: the demo changes people while the operator runs.
//!
//! Like the rest of the control API it is open to everybody who can reach the port.

use super::super::common::control::refused;
use super::super::people::Change;
use super::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// An operation, for example `{"op":"leave","count":3,"date":"2026-02-01"}`.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Operation {
    /// Changes a field of so many people.
    Change {
        count: usize,
        #[serde(default)]
        seed: u64,
    },
    /// Lets so many people, or these, leave now or on a date.
    Leave {
        #[serde(default)]
        count: usize,
        #[serde(default)]
        seed: u64,
        #[serde(default)]
        ids: Vec<u64>,
        #[serde(default)]
        date: Option<Date>,
    },
    /// Adds so many people.
    Join { count: usize },
    /// Removes so many people, or these, from the lists.
    Remove {
        #[serde(default)]
        count: usize,
        #[serde(default)]
        seed: u64,
        #[serde(default)]
        ids: Vec<u64>,
    },
    /// Gives a person names of the caller's choice.
    Rename { id: u64, first_name: String, last_name: String, email: String, position: String },
    /// Takes back all removals.
    Restore,
    /// Moves today; people whose last day has come become inactive.
    Today { date: Date },
}

/// The route.
pub fn router(app: &Arc<App>) -> Router {
    Router::new().route("/_emulator/people", post(people)).with_state(Arc::clone(app))
}

async fn people(State(app): State<Arc<App>>, body: String) -> Response {
    let operation: Operation = match serde_json::from_str(&body) {
        Ok(operation) => operation,
        Err(error) => return refused(error),
    };
    let changes = apply(&app, operation);
    Json(json!({ "changes": changes })).into_response()
}

fn apply(app: &App, operation: Operation) -> Vec<Change> {
    let people = &mut app.state().people;
    match operation {
        Operation::Change { count, seed } => people.change_some(count, seed),
        Operation::Leave { count, seed, ids, date } => {
            let mut changes = people.leave_some(count, seed, date);
            let named = ids.into_iter().filter(|id| people.leave(*id, date));
            changes.extend(named.map(|id| Change { id, what: "leave" }));
            changes
        }
        Operation::Join { count } => people.join_some(count),
        Operation::Remove { count, seed, ids } => {
            let mut changes = people.remove_some(count, seed);
            let named = ids.into_iter().filter(|id| people.remove(*id));
            changes.extend(named.map(|id| Change { id, what: "remove" }));
            changes
        }
        Operation::Rename { id, first_name, last_name, email, position } => {
            people.update_employment(id, |employment| employment.position = position);
            let found = people.update(id, |person| {
                person.preferred_name.clone_from(&first_name);
                (person.first_name, person.last_name, person.email) = (first_name, last_name, Some(email));
            });
            found.then_some(Change { id, what: "rename" }).into_iter().collect()
        }
        Operation::Restore => {
            people.restore_removed();
            Vec::new()
        }
        Operation::Today { date } => {
            people.set_today(date);
            Vec::new()
        }
    }
}

/// The vendor's part of `GET /_emulator/state`.
pub fn summary(app: &App) -> Value {
    let state = app.state();
    let listed = || state.people.iter().filter(|person| person.listed);
    json!({
        "emulator": "personio",
        "people": {
            "total": state.people.len(),
            "listed": listed().count(),
            "active": listed().filter(|person| person.is_active()).count(),
            "today": state.people.today(),
        },
        "tokens_issued": state.issued,
    })
}
