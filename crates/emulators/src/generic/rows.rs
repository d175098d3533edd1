//! Single rows: `POST /{stream}`, and `GET`, `PATCH` and `DELETE` of `/{stream}/{id}`.

use super::refusal::Refusal;
use super::{App, GenericState, Stream};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The stream of a path.
pub fn stream(name: &str) -> Result<Stream, Refusal> {
    Stream::of(name).ok_or_else(|| Refusal::missing(format!("no stream {name}")))
}

fn fields(body: &str) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_str(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Refusal::invalid("the body must be a JSON object")),
    }
}

/// Stream and id of a path whose row exists.
fn existing(state: &GenericState, name: &str, id: &str) -> Result<(Stream, u64), Refusal> {
    let stream = stream(name)?;
    let number = id.parse().ok().filter(|number| state.row(stream, *number).is_some());
    number.map(|number| (stream, number)).ok_or_else(|| Refusal::missing(format!("no {name} with id {id}")))
}

fn shown(state: &GenericState, stream: Stream, id: u64) -> Json<Value> {
    Json(state.row(stream, id).map_or(Value::Null, |row| state.delivered(row)))
}

/// `GET /{stream}/{id}`
pub async fn one(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let state = app.opened(&headers)?;
    let (stream, id) = existing(&state, &name, &id)?;
    Ok(shown(&state, stream, id))
}

/// `POST /{stream}`
pub async fn create(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let mut state = app.opened(&headers)?;
    let stream = stream(&name)?;
    let fields = state.checked(stream, fields(&body)?, None)?;
    let id = state.insert(stream, Value::Object(fields));
    Ok((StatusCode::CREATED, shown(&state, stream, id)))
}

/// `PATCH /{stream}/{id}`: all of the changes or none.
pub async fn modify(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, Refusal> {
    let mut state = app.opened(&headers)?;
    let (stream, id) = existing(&state, &name, &id)?;
    let changes = state.checked(stream, fields(&body)?, Some(id))?;
    if !state.row(stream, id).is_some_and(Value::is_object) {
        return Err(Refusal::conflict("damaged", format!("{} {id} is no object", stream.name())));
    }
    state.edit(stream, id, |row| {
        for (name, change) in changes {
            // A column stays when it is emptied.
            merge(&mut row[name], change);
        }
    });
    Ok(shown(&state, stream, id))
}

/// A merge patch (RFC 7396).
fn merge(value: &mut Value, change: Value) {
    let Value::Object(changes) = change else {
        *value = change;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    for (name, change) in changes {
        if !change.is_null() {
            merge(&mut value[name], change);
        } else if let Some(fields) = value.as_object_mut() {
            fields.remove(&name);
        }
    }
}

/// `DELETE /{stream}/{id}`
pub async fn delete(
    State(app): State<Arc<App>>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let mut state = app.opened(&headers)?;
    let (stream, id) = existing(&state, &name, &id)?;
    if !state.may_delete(stream, id) {
        return Err(Refusal::conflict("in_use", format!("{} {id} is in use", stream.name())));
    }
    state.remove(stream, id);
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /people/{id}/enable`
pub async fn enable(app: State<Arc<App>>, id: Path<String>, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    switch(&app, &id, &headers, true)
}

/// `POST /people/{id}/disable`
pub async fn disable(app: State<Arc<App>>, id: Path<String>, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    switch(&app, &id, &headers, false)
}

fn switch(app: &App, id: &str, headers: &HeaderMap, active: bool) -> Result<StatusCode, Refusal> {
    let mut state = app.opened(headers)?;
    let (stream, id) = existing(&state, Stream::People.name(), id)?;
    state.set(stream, id, "active", Value::Bool(active));
    Ok(StatusCode::NO_CONTENT)
}
