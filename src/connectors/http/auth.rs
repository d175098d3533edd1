//! Authentication: a fixed header, or a token that is fetched, kept and renewed.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::call::{Body, Call};
use crate::connectors::{ConnectorError, ErrorKind};
use rollcall_api::reasons;
use rollcall_engine::definitions::{Authentication, RequestPurpose, Template};
use rollcall_engine::redacted::Redacted;

/// Life of a token whose answer does not say it.
const DEFAULT_LIFE: Duration = Duration::from_secs(3600);
/// Shorter and longer lives are not believed: the one would fetch a token for every request, the other is no time.
const SHORTEST_LIFE: Duration = Duration::from_secs(10);
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// A token is renewed this long before it ends, but at the latest after nine tenths of its life.
const MARGIN: Duration = Duration::from_secs(60);

/// What a request carries to be let in.
pub(super) type Header = (HeaderName, HeaderValue);

/// Keeps the token of one provider.
pub(super) struct Authenticator {
    method: Authentication,
    credentials: BTreeMap<String, Redacted<String>>,
    /// Held while a token is fetched, so that many requests need one token only.
    token: Mutex<Option<Token>>,
}

struct Token {
    header: Header,
    renew_at: Instant,
}

impl Authenticator {
    pub(super) fn new(method: Authentication, credentials: BTreeMap<String, Redacted<String>>) -> Self {
        Self { method, credentials, token: Mutex::new(None) }
    }

    /// Whether another header can be had when this one is refused.
    pub(super) const fn is_renewable(&self) -> bool {
        matches!(self.method, Authentication::OAuth2ClientCredentials { .. })
    }

    /// The header to send. `fetch` sends the token request.
    pub(super) async fn header(
        &self,
        fetch: impl AsyncFnOnce(Vec<(String, String)>) -> Result<Value, ConnectorError>,
    ) -> Result<Header, ConnectorError> {
        match &self.method {
            Authentication::StaticHeader { header, value } => self.make_header(header, value, None),
            Authentication::OAuth2ClientCredentials { form, token, expires_in, header, value, .. } => {
                let mut kept = self.token.lock().await;
                if let Some(token) = kept.as_ref().filter(|token| Instant::now() < token.renew_at) {
                    return Ok(token.header.clone());
                }
                let fields: Result<Vec<_>, _> =
                    form.iter().map(|(name, template)| Ok((name.clone(), self.fill(template, None)?))).collect();
                let answer = fetch(fields?).await?;
                let text = token.find(&answer).and_then(Value::as_str).ok_or_else(|| {
                    ConnectorError::new(
                        ErrorKind::Transient,
                        reasons::ANSWER_INVALID,
                        "the answer to the token request has no token",
                    )
                })?;
                let header = self.make_header(header, value, Some(text))?;
                let life = expires_in.find(&answer).map_or(DEFAULT_LIFE, life);
                let renew_at = Instant::now() + life.saturating_sub(MARGIN.min(life / 10));
                *kept = Some(Token { header: header.clone(), renew_at });
                Ok(header)
            }
        }
    }

    /// Drops the token that was refused, unless another request has renewed it meanwhile.
    pub(super) async fn forget(&self, refused: &Header) {
        let mut kept = self.token.lock().await;
        if kept.as_ref().is_some_and(|token| token.header == *refused) {
            *kept = None;
        }
    }

    /// Makes the token request of its description.
    pub(super) fn token_call(
        &self,
        make: impl FnOnce(&rollcall_engine::definitions::Request, RequestPurpose) -> Result<Call, ConnectorError>,
        form: Vec<(String, String)>,
    ) -> Result<Call, ConnectorError> {
        match &self.method {
            Authentication::OAuth2ClientCredentials { request, .. } => {
                let mut call = make(request, RequestPurpose::Token)?;
                call.body = Body::Form(form);
                Ok(call)
            }
            Authentication::StaticHeader { .. } => Err(ConnectorError::new(
                ErrorKind::Configuration,
                reasons::DEFINITION_INVALID,
                "the definition's authentication has no token request",
            )),
        }
    }

    fn make_header(&self, name: &str, value: &Template, token: Option<&str>) -> Result<Header, ConnectorError> {
        let text = self.fill(value, token)?;
        let parsed = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(&text).ok());
        let (name, mut value) = parsed.ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Credentials,
                reasons::CREDENTIALS_MISSING,
                "a credential has characters that a header cannot carry; check the Secret for line breaks",
            )
        })?;
        value.set_sensitive(true);
        Ok((name, value))
    }

    fn fill(&self, template: &Template, token: Option<&str>) -> Result<String, ConnectorError> {
        template
            .render(|name| match name.strip_prefix("credentials.") {
                Some(key) => self.credentials.get(key).map(|value| value.expose().clone()),
                None => token.filter(|_| name == "token").map(str::to_owned),
            })
            .map_err(|error| {
                ConnectorError::new(ErrorKind::Credentials, reasons::CREDENTIALS_MISSING, error.to_string())
            })
    }
}

/// The life of a token in seconds, as a number or a text, within what is believed.
fn life(expires_in: &Value) -> Duration {
    let seconds = expires_in.as_f64().or_else(|| expires_in.as_str()?.trim().parse().ok());
    let believed = |seconds: f64| seconds.clamp(SHORTEST_LIFE.as_secs_f64(), LONGEST_LIFE.as_secs_f64());
    seconds
        .filter(|seconds| !seconds.is_nan())
        .map_or(DEFAULT_LIFE, |seconds| Duration::from_secs_f64(believed(seconds)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_life_of_a_token_is_kept_within_what_is_believed() {
        let cases = [
            (json!(3600), 3600),
            (json!("1800"), 1800),
            (json!(i64::MAX), 86_400),
            (json!(u64::MAX), 86_400),
            (json!(1e300), 86_400),
            (json!("inf"), 86_400),
            (json!(0), 10),
            (json!(-5), 10),
            (json!("NaN"), 3600),
            (json!("soon"), 3600),
            (json!([]), 3600),
        ];
        for (expires_in, seconds) in cases {
            assert_eq!(life(&expires_in), Duration::from_secs(seconds), "{expires_in}");
        }
    }
}
