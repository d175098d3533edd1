//! `ServiceProviderConfig`, `ResourceTypes` and `Schemas`.

use super::App;
use super::schema::{CORE, ENTERPRISE, TRAVELPERK, published};
use super::scim::MAX_RESULTS;
use super::scim_error::{ScimError, respond};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

type Answer = Result<Response, ScimError>;

/// What the vendor publishes about itself: no bulk, no `ETags`, pages of 50.
pub async fn config(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize_scim(&headers)?;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": MAX_RESULTS },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": false },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "OAuth Bearer Token",
            "description": "Token from the SCIM settings",
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{}/ServiceProviderConfig", state.options.location_base),
        },
    });
    Ok(respond(StatusCode::OK, &body))
}

fn user_type(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "User",
        "name": "User",
        "description": "User account",
        "endpoint": "/Users",
        "schema": CORE,
        "schemaExtensions": [
            { "schema": ENTERPRISE, "required": false },
            { "schema": TRAVELPERK, "required": false },
        ],
        "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/User") },
    })
}

fn list(resources: &[Value]) -> Response {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "itemsPerPage": resources.len(),
        "startIndex": 1,
        "Resources": resources,
    });
    respond(StatusCode::OK, &body)
}

/// There are users only, no groups.
pub async fn resource_types(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize_scim(&headers)?;
    Ok(list(&[user_type(&state.options.location_base)]))
}

/// `ResourceTypes/{id}`
pub async fn resource_type(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize_scim(&headers)?;
    if id != "User" {
        return Err(ScimError::not_found(format!("no resource type {id}")));
    }
    Ok(respond(StatusCode::OK, &user_type(&state.options.location_base)))
}

/// `Schemas`
pub async fn schemas(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize_scim(&headers)?;
    Ok(list(&published(&state.options)))
}

/// `Schemas/{urn}`
pub async fn schema(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize_scim(&headers)?;
    let schema = published(&state.options).into_iter().find(|schema| schema["id"] == *id);
    let schema = schema.ok_or_else(|| ScimError::not_found(format!("no schema {id}")))?;
    Ok(respond(StatusCode::OK, &schema))
}
