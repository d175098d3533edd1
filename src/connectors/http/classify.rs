//! What an answer that is not a success means: the definition's rules first, then the standards (RFC 9110 section 15,
//! RFC 7644 section 3.12).

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::call::Call;
use crate::connectors::ErrorKind;
use rollcall_api::reasons;
use rollcall_engine::definitions::{ErrorClass, ErrorRule};

/// Error words of SCIM (RFC 7644 table 9): they say nothing about a person, so messages may show them.
const SCIM_TYPES: &[&str] = &[
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
];

/// What a refusal means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) class: ErrorClass,
    pub(super) reason: &'static str,
    pub(super) remedy: String,
    /// Error word of SCIM, if there is one.
    pub(super) detail: Option<&'static str>,
}

impl Meaning {
    /// The kind of error that it ends as.
    pub(super) const fn kind(&self) -> ErrorKind {
        match self.class {
            ErrorClass::Credentials => ErrorKind::Credentials,
            ErrorClass::Transient | ErrorClass::RateLimited => ErrorKind::Transient,
            ErrorClass::Rejected => ErrorKind::Rejected,
            ErrorClass::Conflict => ErrorKind::Conflict,
            ErrorClass::NotFound => ErrorKind::NotFound,
            ErrorClass::Configuration => ErrorKind::Configuration,
            ErrorClass::Unsupported => ErrorKind::Unsupported,
        }
    }
}

/// Finds out what a refusal means.
pub(super) fn classify(
    rules: &[ErrorRule],
    call: &Call,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Value,
) -> Meaning {
    let scim_type = body.get("scimType").and_then(Value::as_str);
    let detail = SCIM_TYPES.iter().find(|known| Some(**known) == scim_type).copied();
    if let Some(rule) = rules.iter().find(|rule| fits(rule, call, status, headers, body)) {
        let named = rule.reason.as_deref().and_then(reasons::find).map(|reason| reason.name);
        let reason = named.unwrap_or_else(|| usual_reason(rule.class));
        return Meaning { class: rule.class, reason, remedy: rule.remedy.clone(), detail };
    }
    let class = by_standard(status, detail);
    Meaning { class, reason: usual_reason(class), remedy: usual_remedy(class).to_owned(), detail }
}

fn fits(rule: &ErrorRule, call: &Call, status: StatusCode, headers: &HeaderMap, body: &Value) -> bool {
    let header_is = |name: &String, wanted: &String| {
        headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    (rule.status.is_empty() || rule.status.contains(&status.as_u16()))
        && (rule.requests.is_empty() || rule.requests.contains(&call.purpose))
        && rule.endpoint.as_ref().is_none_or(|endpoint| *endpoint == call.endpoint)
        && rule.headers.iter().all(|(name, wanted)| header_is(name, wanted))
        && rule.body.iter().all(|(path, wanted)| {
            path.find(body).is_some_and(|value| rollcall_engine::definitions::is_text(value, wanted))
        })
}

fn by_standard(status: StatusCode, scim_type: Option<&str>) -> ErrorClass {
    match (status.as_u16(), scim_type) {
        // 412: the record changed since it was read.
        (409 | 412, _) | (400, Some("uniqueness")) => ErrorClass::Conflict,
        (401 | 403 | 407, _) => ErrorClass::Credentials,
        (404 | 410, _) => ErrorClass::NotFound,
        (400, Some("invalidFilter")) | (405 | 501, _) => ErrorClass::Unsupported,
        (429, _) => ErrorClass::RateLimited,
        (408 | 425 | 500..=599, _) => ErrorClass::Transient,
        (300..=399, _) => ErrorClass::Configuration,
        _ => ErrorClass::Rejected,
    }
}

const fn usual_reason(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Credentials => reasons::CREDENTIALS_REJECTED,
        ErrorClass::Transient => reasons::SERVER_FAILED,
        ErrorClass::RateLimited => reasons::RATE_LIMITED,
        ErrorClass::Rejected | ErrorClass::Conflict | ErrorClass::NotFound | ErrorClass::Unsupported => {
            reasons::TARGET_REJECTED
        }
        ErrorClass::Configuration => reasons::INVALID_SPEC,
    }
}

const fn usual_remedy(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Credentials => "replace the credentials in the Secret, or grant the rights they lack",
        ErrorClass::Transient => "the next run tries again",
        ErrorClass::RateLimited => "lower spec.rateLimits if this goes on",
        ErrorClass::Rejected => "correct the record in the source, or the mapping",
        ErrorClass::Conflict => "a record with the same unique value exists already",
        ErrorClass::NotFound => "the record does not exist",
        ErrorClass::Configuration => "correct the endpoint's URL; redirects are not followed",
        ErrorClass::Unsupported => "the server does not offer this",
    }
}
