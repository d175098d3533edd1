//! Errors of Personio v2: `application/problem+json` with a list of errors.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    title: &'static str,
    detail: String,
}

impl Problem {
    /// Any error.
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into() }
    }

    /// A parameter that makes no sense.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad request", detail)
    }

    /// An id or a path that does not exist.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", detail)
    }

    /// No token, a dead token, or a token without the scope: the vendor says 401 to all three.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", detail)
    }
}

/// A JSON answer of type problem+json.
pub fn respond(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "personio_trace_id": "00000000-0000-4000-8000-000000000000",
            "timestamp": jiff::Timestamp::now(),
            "errors": [{
                "title": self.title,
                "detail": self.detail,
                "type": "https://developer.personio.example.test/errors",
                "_meta": {},
            }],
        });
        respond(self.status, &body)
    }
}
