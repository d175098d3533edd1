//! One request before it is sent, and its answer.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;
use url::Url;

use crate::connectors::{ConnectorError, ErrorKind};
use rollcall_api::reasons;
use rollcall_engine::definitions::{HttpMethod, Request, RequestPurpose};

/// Everything but the unreserved characters (RFC 3986 section 2.3) is encoded, in paths and in queries.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One request.
#[derive(Clone)]
pub(crate) struct Call {
    /// Name of the endpoint.
    pub(crate) endpoint: String,
    /// Method and path with placeholders: what logs and messages show.
    pub(crate) route: String,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) rate_class: String,
    pub(crate) purpose: RequestPurpose,
    pub(crate) body: Body,
    pub(crate) expect: Expect,
}

/// What a request carries.
#[derive(Clone)]
pub(crate) enum Body {
    None,
    Json { media_type: &'static str, value: Value },
    Form(Vec<(String, String)>),
}

/// What an answer must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// A JSON document.
    Json,
    /// A status; the body may be anything or nothing.
    Status,
}

/// A successful answer.
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    /// Null when there is none.
    pub(crate) body: Value,
}

impl Call {
    /// Makes a request of its description. `variables` are the values of the placeholders in its path.
    pub(crate) fn new(
        base: &Url,
        request: &Request,
        variables: &[(&str, &str)],
        purpose: RequestPurpose,
    ) -> Result<Self, ConnectorError> {
        let path = request
            .path
            .render(|name| variables.iter().find(|(known, _)| *known == name).and_then(|(_, value)| segment(value)))
            .map_err(|error| {
                ConnectorError::new(
                    ErrorKind::Rejected,
                    reasons::VALUE_INVALID,
                    format!("{}: {error}; identifiers must not be empty, . or ..", request.path.text()),
                )
            })?;
        let mut call = Self {
            endpoint: request.endpoint.clone(),
            route: format!("{} {}", method(request.method), request.path.text()),
            method: method(request.method),
            url: append(base, &path)?,
            headers: HeaderMap::new(),
            rate_class: request.rate_class.clone(),
            purpose,
            body: Body::None,
            expect: Expect::Json,
        };
        for (name, value) in &request.query {
            call.add_query(name, value);
        }
        for (name, value) in &request.headers {
            call.add_header(name, value)?;
        }
        Ok(call)
    }

    /// Adds a parameter to the query.
    pub(crate) fn add_query(&mut self, name: &str, value: &str) {
        let pair = format!("{}={}", utf8_percent_encode(name, ENCODED), utf8_percent_encode(value, ENCODED));
        let query = self.url.query().map_or_else(|| pair.clone(), |query| format!("{query}&{pair}"));
        self.url.set_query(Some(&query));
    }

    /// Adds a header.
    pub(crate) fn add_header(&mut self, name: &str, value: &str) -> Result<(), ConnectorError> {
        let parsed = name.parse::<HeaderName>().ok().zip(value.parse::<HeaderValue>().ok());
        let (name, value) = parsed.ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Configuration,
                reasons::DEFINITION_INVALID,
                format!("header {name} of {} has a name or value that HTTP does not allow", self.route),
            )
        })?;
        self.headers.insert(name, value);
        Ok(())
    }

    /// Whether the request can change something.
    pub(crate) fn is_write(&self) -> bool {
        self.purpose == RequestPurpose::Write
    }
}

/// A value as one segment of a path; None when it would lead to another resource than the one that is meant.
fn segment(value: &str) -> Option<String> {
    (!matches!(value, "" | "." | "..")).then(|| utf8_percent_encode(value, ENCODED).to_string())
}

fn append(base: &Url, path: &str) -> Result<Url, ConnectorError> {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    // Dot segments were refused above; should the URL library still have normalised something, it is not sent.
    if url.path().ends_with(path) {
        return Ok(url);
    }
    Err(ConnectorError::new(
        ErrorKind::Configuration,
        reasons::DEFINITION_INVALID,
        format!("path {path} cannot be appended to the endpoint's URL"),
    ))
}

const fn method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Delete => Method::DELETE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(base: &str, path: &str, id: &str) -> Result<Call, ConnectorError> {
        let request = Request { endpoint: "api".into(), path: path.into(), ..Request::default() };
        Call::new(&Url::parse(base).unwrap(), &request, &[("id", id)], RequestPurpose::Read)
    }

    #[test]
    fn paths_are_appended_and_values_encoded() {
        let mut call = call("https://a.test/api/v2/scim/", "/Users/{id}", "a/b ?#%é").unwrap();
        assert_eq!(call.url.as_str(), "https://a.test/api/v2/scim/Users/a%2Fb%20%3F%23%25%C3%A9");
        call.add_query("filter", "userName eq \"a+b@c\"");
        assert_eq!(call.url.query(), Some("filter=userName%20eq%20%22a%2Bb%40c%22"));
        assert_eq!(call.route, "GET /Users/{id}");
    }

    #[test]
    fn an_identifier_that_would_name_another_resource_is_refused() {
        for id in ["", ".", ".."] {
            assert_eq!(
                call("https://a.test", "/Users/{id}", id).err().map(|error| error.kind),
                Some(ErrorKind::Rejected)
            );
        }
    }
}
