//! How a system is reached: endpoints, credentials, authentication, request shapes, rate limits, errors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json_path::JsonPath;
use super::template::Template;

/// A base URL that paths of requests are appended to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// The public one; None: the provider has to say it in `spec.endpoints`.
    #[serde(default)]
    pub default: Option<String>,
    /// What it serves, for people.
    pub description: String,
    /// Headers that every request to it carries. Example: `Api-Version: "1"`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// A key of the provider's Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credential {
    /// What it is and where the vendor shows it, for people.
    pub description: String,
}

/// How requests are authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Authentication {
    /// A header with a value made of credentials.
    StaticHeader {
        /// Name of the header.
        #[serde(default = "authorization")]
        header: String,
        /// Its value. Example: `ApiKey {credentials.apiKey}`.
        value: Template,
    },
    /// OAuth 2.0 client credentials sent as a form (RFC 6749 section 4.4), answered with a token.
    #[serde(rename = "oauth2ClientCredentials")]
    OAuth2ClientCredentials {
        /// The token request.
        request: Box<Request>,
        /// Fields of the form. Example: `client_id: "{credentials.clientId}"`.
        form: BTreeMap<String, Template>,
        /// Where the answer has the token.
        token: JsonPath,
        /// Where the answer has its life in seconds. Absent in an answer: an hour.
        expires_in: JsonPath,
        /// Name of the header that carries the token.
        #[serde(default = "authorization")]
        header: String,
        /// Value of that header.
        #[serde(default = "bearer")]
        value: Template,
    },
}

fn authorization() -> String {
    "Authorization".to_owned()
}

fn bearer() -> Template {
    "Bearer {token}".into()
}

/// The shape of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Name of the endpoint.
    pub endpoint: String,
    /// `GET` (default), `POST`, `PUT`, `PATCH` or `DELETE`.
    #[serde(default)]
    pub method: HttpMethod,
    /// Path below the endpoint's base URL. Example: `/v2/persons/{key}/employments`.
    pub path: Template,
    /// Parameters of the query.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Headers beside those of the endpoint.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Class of `rateLimits` whose budget it uses. Default: `default`.
    #[serde(default = "default_class")]
    pub rate_class: String,
}

pub(super) fn default_class() -> String {
    "default".to_owned()
}

/// Methods of HTTP that are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// Reads.
    #[default]
    Get,
    /// Creates.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Deletes.
    Delete,
}

/// How many requests the system takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimits {
    /// Budgets; one of them is named `default`.
    pub classes: Vec<rollcall_api::v1alpha1::RateLimit>,
    /// Names of headers in which answers tell the state of the server's own token bucket.
    #[serde(default)]
    pub headers: RateHeaders,
}

/// Names of token-bucket headers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateHeaders {
    /// Requests left now.
    #[serde(default)]
    pub remaining: Option<String>,
    /// Requests that are added per second.
    #[serde(default)]
    pub replenish_rate: Option<String>,
    /// Most requests at once.
    #[serde(default)]
    pub burst_capacity: Option<String>,
}

/// How one kind of refusal is understood. All conditions that are given must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErrorRule {
    /// Statuses; empty: any from 400.
    #[serde(default)]
    pub status: Vec<u16>,
    /// What the request was for; empty: anything.
    #[serde(default)]
    pub requests: Vec<RequestPurpose>,
    /// Name of the endpoint; None: any.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Headers of the answer and their values; upper and lower case do not count.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Path in the answer's JSON and the text that must be there; upper and lower case do not count.
    #[serde(default)]
    pub body: BTreeMap<JsonPath, String>,
    /// What can be done about it.
    pub class: ErrorClass,
    /// One word of [`rollcall_api::reasons`]; None: the usual one of the class.
    #[serde(default)]
    pub reason: Option<String>,
    /// What to do about it, for people.
    pub remedy: String,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RequestPurpose {
    /// Getting a token.
    Token,
    /// Reading.
    Read,
    /// Creating, changing or deleting.
    Write,
}

/// What can be done about a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorClass {
    /// Credentials or their rights are wrong.
    Credentials,
    /// It goes away by itself.
    Transient,
    /// Too many requests.
    RateLimited,
    /// The system refuses this record.
    Rejected,
    /// The record exists already.
    Conflict,
    /// The record does not exist.
    NotFound,
    /// The definition, an endpoint or a parameter is wrong.
    Configuration,
    /// The server does not offer what was asked for.
    Unsupported,
}
