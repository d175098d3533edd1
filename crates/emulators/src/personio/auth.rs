//! `POST /v2/auth/token` and `/v2/auth/revoke`.

use super::problem::respond;
use super::{App, PersonioOptions};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// Hands out a token for client id and secret.
pub async fn token(State(app): State<Arc<App>>, headers: HeaderMap, body: String) -> Response {
    let Some(form) = form(&headers, &body) else {
        return refuse("invalid_request", "the body must be a form");
    };
    let mut state = app.state();
    let scopes = match check(&state.options, &form) {
        Ok(scopes) => scopes,
        Err((error, description)) => return refuse(error, description),
    };
    let scope = scopes.join(" ");
    let token = state.issue(scopes);
    let expires_in = state.options.expires_in;
    Json(json!({
        "access_token": token,
        "expires_in": expires_in,
        "token_type": "Bearer",
        "scope": scope,
    }))
    .into_response()
}

/// Ends a token; 200 with an empty body, also for a token that is not known.
pub async fn revoke(State(app): State<Arc<App>>, headers: HeaderMap, body: String) -> Response {
    let Some(token) = form(&headers, &body).and_then(|mut form| form.remove("token")) else {
        return refuse("invalid_request", "token is missing");
    };
    app.state().revoke(&token);
    StatusCode::OK.into_response()
}

/// The vendor takes forms only, no JSON.
fn form(headers: &HeaderMap, body: &str) -> Option<HashMap<String, String>> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next()?.trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        .then(|| url::form_urlencoded::parse(body.as_bytes()).into_owned().collect())
}

type Refusal = (&'static str, &'static str);

/// The scopes of the token, or why there is none.
fn check(options: &PersonioOptions, form: &HashMap<String, String>) -> Result<Vec<String>, Refusal> {
    match form.get("grant_type").map(String::as_str) {
        Some("client_credentials") => {}
        Some(_) => return Err(("unsupported_grant_type", "use client_credentials")),
        None => return Err(("invalid_request", "grant_type is missing")),
    }
    let (Some(id), Some(secret)) = (form.get("client_id"), form.get("client_secret")) else {
        return Err(("invalid_request", "client_id or client_secret is missing"));
    };
    if *id != options.client_id || *secret != options.client_secret {
        return Err(("invalid_client", "the client is unknown or its secret is wrong"));
    }
    let Some(wanted) = form.get("scope").filter(|scope| !scope.trim().is_empty()) else {
        return Ok(options.scopes.clone());
    };
    let wanted: Vec<String> = wanted.split_whitespace().map(str::to_owned).collect();
    if wanted.iter().all(|scope| options.scopes.contains(scope)) {
        Ok(wanted)
    } else {
        Err(("invalid_scope", "the client does not have a scope that it asks for"))
    }
}

/// The vendor specifies 400 for everything here, a wrong client included.
fn refuse(error: &str, description: &str) -> Response {
    let body = json!({
        "timestamp": jiff::Timestamp::now(),
        "trace_id": "00000000-0000-4000-8000-000000000000",
        "error": error,
        "error_description": description,
        "error_uri": null,
        "meta": {},
    });
    respond(StatusCode::BAD_REQUEST, &body)
}
