//! The SCIM routes for users.

use super::filter::Filter;
use super::scim_error::{ScimError, respond};
use super::state::{Account, TravelPerkState};
use super::{App, patch, projection::Projection};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// The vendor gives at most so many users at once.
pub const MAX_RESULTS: usize = 50;

type Answer = Result<Response, ScimError>;

/// Parameters of a query; a repeated one counts once.
pub fn parameters(query: Option<&str>) -> HashMap<String, String> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

fn fields(body: &str) -> Result<Map<String, Value>, ScimError> {
    match serde_json::from_str(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(ScimError::bad("invalidSyntax", "the body must be a JSON object")),
    }
}

fn number(id: &str) -> Result<u64, ScimError> {
    id.parse().map_err(|_| ScimError::not_found(format!("no user {id}")))
}

fn find<'a>(state: &'a TravelPerkState, id: &str) -> Result<&'a Account, ScimError> {
    let account = number(id).map(|id| state.account(id))?;
    account.ok_or_else(|| ScimError::not_found(format!("no user {id}")))
}

/// `GET Users`
pub async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize_scim(&headers)?;
    let parameters = parameters(query.as_deref());
    let whole = |name: &str, default: i64| match parameters.get(name) {
        None => Ok(default),
        Some(text) => {
            text.parse::<i64>().map_err(|_| ScimError::bad("invalidValue", format!("{name} must be a number")))
        }
    };
    let start = whole("startIndex", 1)?.max(1);
    let count = whole("count", i64::try_from(MAX_RESULTS).unwrap_or(50))?.max(0);
    let count = usize::try_from(count).unwrap_or(0).min(MAX_RESULTS);
    let accounts = matching(&state, parameters.get("filter").map(String::as_str))?;
    let projection = Projection::read(&parameters)?;
    let skip = usize::try_from(start - 1).unwrap_or(usize::MAX);
    let page = accounts.iter().skip(skip).take(count);
    let page: Vec<Value> = page.map(|account| projection.apply(state.render(account))).collect();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": accounts.len(),
        "itemsPerPage": page.len(),
        "startIndex": start,
        "Resources": page,
    });
    Ok(respond(StatusCode::OK, &body))
}

/// Only `userName` and, unless switched off, `externalId` can be looked for. Closed accounts
/// are found as well. A server that ignores filters gives everybody.
fn matching<'a>(state: &'a TravelPerkState, filter: Option<&str>) -> Result<Vec<&'a Account>, ScimError> {
    let Some(text) = filter.filter(|_| !state.options.ignore_filters) else {
        return Ok(state.accounts().collect());
    };
    let filter = Filter::parse(text)?;
    let refused = || ScimError::bad("invalidFilter", format!("not supported: {text}"));
    let value = filter.value.as_str().ok_or_else(refused)?;
    match filter.attribute.to_lowercase().as_str() {
        "username" => Ok(state.by_user_name(value).into_iter().collect()),
        "externalid" if state.options.filter_external_id => {
            Ok(state.accounts().filter(|user| user.external_id() == Some(value)).collect())
        }
        _ => Err(refused()),
    }
}

/// `GET Users/{id}`
pub async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let state = app.state();
    state.authorize_scim(&headers)?;
    let projection = Projection::read(&parameters(query.as_deref()))?;
    let user = projection.apply(state.render(find(&state, &id)?));
    Ok(respond(StatusCode::OK, &user))
}

/// `POST Users`
pub async fn create(State(app): State<Arc<App>>, headers: HeaderMap, body: String) -> Answer {
    let mut state = app.state();
    state.authorize_scim(&headers)?;
    let id = state.insert(fields(&body)?)?;
    let user = find(&state, &id.to_string()).map(|account| state.render(account))?;
    let mut response = respond(StatusCode::CREATED, &user);
    if let Ok(location) = HeaderValue::from_str(&state.location(id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `PUT Users/{id}`: what is left out is cleared. `If-Match` is not looked at, as the vendor
/// has no `ETags`.
pub async fn replace(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap, body: String) -> Answer {
    let mut state = app.state();
    state.authorize_scim(&headers)?;
    find(&state, &id)?;
    let mut given = fields(&body)?;
    // Read as a default value: a PUT without `active` opens a closed account.
    given.entry("active").or_insert(json!(true));
    state.replace(number(&id)?, given)?;
    let user = state.render(find(&state, &id)?);
    Ok(respond(StatusCode::OK, &user))
}

/// `PATCH Users/{id}`: all operations or none.
pub async fn modify(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap, body: String) -> Answer {
    let mut state = app.state();
    state.authorize_scim(&headers)?;
    let mut changed = find(&state, &id)?.fields.clone();
    patch::apply(&mut changed, &Value::Object(fields(&body)?))?;
    state.replace(number(&id)?, changed)?;
    if state.options.patch_no_content {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let user = state.render(find(&state, &id)?);
    Ok(respond(StatusCode::OK, &user))
}

/// `DELETE Users/{id}`
pub async fn delete(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let mut state = app.state();
    state.authorize_scim(&headers)?;
    state.delete(number(&id)?)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
