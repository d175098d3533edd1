//! The REST routes for cost centres. In production they are on another host than SCIM.

use super::App;
use super::scim::parameters;
use super::state::{CostCenter, TravelPerkState};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Rows of a page unless asked otherwise; the vendor's numbers are not published.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 100;

/// An error of the REST side: a plain message without a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestError(pub StatusCode, pub String);

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}

type Answer = Result<Response, RestError>;

fn bad(message: impl Into<String>) -> RestError {
    RestError(StatusCode::BAD_REQUEST, message.into())
}

fn gone(id: u64) -> RestError {
    RestError(StatusCode::NOT_FOUND, format!("no cost centre {id}"))
}

fn parse(body: &str) -> Result<Value, RestError> {
    let value: Value = serde_json::from_str(body).map_err(|error| bad(error.to_string()))?;
    if value.is_object() { Ok(value) } else { Err(bad("the body must be an object")) }
}

fn parse_id(id: &str) -> Result<u64, RestError> {
    id.parse().map_err(|_| RestError(StatusCode::NOT_FOUND, format!("no cost centre {id}")))
}

fn short(state: &TravelPerkState, center: &CostCenter) -> Value {
    let count = state.members(&center.name).count();
    json!({ "id": center.id, "name": center.name, "count_users": count })
}

fn full(state: &TravelPerkState, id: u64) -> Result<Value, RestError> {
    let center = state.cost_centers().find(|center| center.id == id).ok_or_else(|| gone(id))?;
    let users: Vec<Value> = state
        .members(&center.name)
        .map(|user| {
            json!({
                "id": user.id,
                "first_name": user.fields.get("name").map(|name| &name["givenName"]),
                "last_name": user.fields.get("name").map(|name| &name["familyName"]),
                "email": user.user_name(),
                "phone": null,
                "profile_picture": null,
            })
        })
        .collect();
    Ok(json!({
        "id": center.id,
        "name": center.name,
        "archived": center.archived,
        "count_users": users.len(),
        "users": users,
    }))
}

/// `GET cost_centers`
pub async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize_rest(&headers)?;
    let parameters = parameters(query.as_deref());
    let number = |name: &str, default: usize| match parameters.get(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| bad(format!("{name} must be a number"))),
    };
    let offset = number("offset", 0)?;
    let limit = number("limit", DEFAULT_LIMIT)?.min(MAX_LIMIT);
    let rows: Vec<Value> = state.cost_centers().skip(offset).take(limit).map(|center| short(&state, center)).collect();
    let total = state.cost_centers().count();
    let body = json!({ "offset": offset, "limit": limit, "total": total, "cost_centers": rows });
    Ok(Json(body).into_response())
}

/// `POST cost_centers`
pub async fn create(State(app): State<Arc<App>>, headers: HeaderMap, body: String) -> Answer {
    let mut state = app.state();
    state.authorize_rest(&headers)?;
    let body = parse(&body)?;
    let name = body["name"].as_str().filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| bad("name is required"))?;
    let taken = state.options.duplicate_cost_center_status;
    let id = state.add_cost_center(name).ok_or_else(|| {
        let status = StatusCode::from_u16(taken).unwrap_or(StatusCode::CONFLICT);
        RestError(status, format!("there is a cost centre {name} already"))
    })?;
    Ok((StatusCode::CREATED, Json(full(&state, id)?)).into_response())
}

/// `GET cost_centers/{id}`
pub async fn one(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize_rest(&headers)?;
    Ok(Json(full(&state, parse_id(&id)?)?).into_response())
}

/// `PATCH cost_centers/{id}`
pub async fn modify(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap, body: String) -> Answer {
    let mut state = app.state();
    state.authorize_rest(&headers)?;
    let (id, body) = (parse_id(&id)?, parse(&body)?);
    full(&state, id)?;
    if let Some(name) = body["name"].as_str()
        && !state.rename_cost_center(id, name)
    {
        let taken = state.options.duplicate_cost_center_status;
        let status = StatusCode::from_u16(taken).unwrap_or(StatusCode::CONFLICT);
        return Err(RestError(status, format!("there is a cost centre {name} already")));
    }
    if let (Some(archive), Some(center)) = (body["archive"].as_bool(), state.cost_center_mut(id)) {
        center.archived = archive;
    }
    Ok(Json(full(&state, id)?).into_response())
}

/// `PATCH cost_centers/bulk_update`. Clients write `id_list` and `archive`, a newer description
/// has `cost_center_ids` and `archived`; the answer's field differs accordingly.
pub async fn bulk_update(State(app): State<Arc<App>>, headers: HeaderMap, body: String) -> Answer {
    let mut state = app.state();
    state.authorize_rest(&headers)?;
    let body = parse(&body)?;
    let newer = body.get("cost_center_ids").is_some();
    let (ids, archive, answer) = if newer {
        (ids(&body["cost_center_ids"])?, &body["archived"], "updated")
    } else {
        (ids(&body["id_list"])?, &body["archive"], "updated_count")
    };
    let archive = archive.as_bool().ok_or_else(|| bad("say whether to archive"))?;
    let mut updated = 0;
    for id in ids {
        if let Some(center) = state.cost_center_mut(id) {
            center.archived = archive;
            updated += 1;
        }
    }
    Ok(Json(json!({ answer: updated })).into_response())
}

/// `PUT cost_centers/{id}/users` replaces the whole list: who is not in it loses the cost centre.
pub async fn set_users(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Answer {
    let mut state = app.state();
    state.authorize_rest(&headers)?;
    let (id, body) = (parse_id(&id)?, parse(&body)?);
    let users = ids(&body["user_ids"])?;
    let center = state.cost_centers().find(|center| center.id == id).ok_or_else(|| gone(id))?;
    let name = center.name.clone();
    if let Some(missing) = users.iter().find(|user| state.account(**user).is_none()) {
        return Err(bad(format!("no user {missing}")));
    }
    let before: Vec<u64> = state.members(&name).map(|account| account.id).collect();
    for old in before.into_iter().filter(|old| !users.contains(old)) {
        state.assign(old, None);
    }
    for user in users {
        state.assign(user, Some(&name));
    }
    Ok(Json(full(&state, id)?).into_response())
}

/// Ids as numbers or as texts.
fn ids(value: &Value) -> Result<BTreeSet<u64>, RestError> {
    let list = value.as_array().ok_or_else(|| bad("a list of ids is missing"))?;
    let number = |id: &Value| id.as_u64().or_else(|| id.as_str()?.parse().ok());
    let ids: Option<BTreeSet<u64>> = list.iter().map(number).collect();
    ids.ok_or_else(|| bad("an id is not a number"))
}
