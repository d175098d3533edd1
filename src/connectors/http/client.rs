//! Sends requests of one provider until they succeed, or it is clear that they do not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::auth::{Authenticator, Header};
use super::call::{Answer, Call, Expect};
use super::exchange::{Exchange, MAX_ANSWER_BYTES, client, exchange};
use super::{backoff, classify};
use crate::connectors::factory::ProviderConfig;
use crate::connectors::net::Egress;
use crate::connectors::rate::Budgets;
use crate::connectors::{ConnectorError, ErrorKind};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::RetryPolicy;
use rollcall_engine::definitions::{ErrorClass, Request, RequestPurpose, VendorDefinition};

/// Sends the requests of one provider.
pub(crate) struct Client {
    provider: String,
    definition: Arc<VendorDefinition>,
    endpoints: BTreeMap<String, Url>,
    egress: Egress,
    http: reqwest::Client,
    budgets: Budgets,
    authenticator: Authenticator,
    retry: RetryPolicy,
}

/// Why one attempt failed, and whether another one may follow.
struct Failure {
    error: ConnectorError,
    status: Option<StatusCode>,
    again: bool,
}

impl Client {
    /// Sets the client up; sends nothing. Endpoints and credentials have been checked by the factory.
    pub(crate) fn new(config: &ProviderConfig, endpoints: BTreeMap<String, Url>) -> Result<Self, ConnectorError> {
        Self::with_timeout(config, endpoints, None)
    }

    /// The same with another time-out of requests.
    pub(super) fn with_timeout(
        config: &ProviderConfig,
        endpoints: BTreeMap<String, Url>,
        timeout: Option<Duration>,
    ) -> Result<Self, ConnectorError> {
        let egress = Egress::new(endpoints.values(), config.allow_private_addresses);
        let definition = Arc::clone(&config.definition);
        Ok(Self {
            provider: config.name.clone(),
            http: client(&egress, config.ca_bundle.as_deref(), timeout)?,
            egress,
            budgets: Budgets::new(&definition.rate_limits, &config.rate_limits, config.share_of),
            authenticator: Authenticator::new(definition.authentication.clone(), config.credentials.clone()),
            retry: config.retry.clone(),
            definition,
            endpoints,
        })
    }

    /// The vendor's definition.
    pub(crate) const fn definition(&self) -> &Arc<VendorDefinition> {
        &self.definition
    }

    /// Makes a request of its description.
    pub(crate) fn call(
        &self,
        request: &Request,
        variables: &[(&str, &str)],
        purpose: RequestPurpose,
    ) -> Result<Call, ConnectorError> {
        let base = self.endpoints.get(&request.endpoint).ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Configuration,
                reasons::DEFINITION_INVALID,
                format!("{}: endpoint {} has no URL", self.provider, request.endpoint),
            )
        })?;
        let mut call = Call::new(base, request, variables, purpose)?;
        let endpoint = self.definition.endpoints.get(&request.endpoint);
        for (name, value) in endpoint.into_iter().flat_map(|endpoint| &endpoint.headers) {
            call.add_header(name, value)?;
        }
        Ok(call)
    }

    /// Sends a request with authentication. A refused token is renewed once.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, ConnectorError> {
        let header = self.header().await?;
        match self.attempts(call, Some(&header)).await {
            Err(failure) if failure.status == Some(StatusCode::UNAUTHORIZED) && self.authenticator.is_renewable() => {
                self.authenticator.forget(&header).await;
                let header = self.header().await?;
                self.attempts(call, Some(&header)).await.map_err(|failure| failure.error)
            }
            result => result.map_err(|failure| failure.error),
        }
    }

    async fn header(&self) -> Result<Header, ConnectorError> {
        self.authenticator
            .header(async |form| {
                let make = |request: &Request, purpose| self.call(request, &[], purpose);
                let call = self.authenticator.token_call(make, form)?;
                self.attempts(&call, None).await.map(|answer| answer.body).map_err(|failure| failure.error)
            })
            .await
    }

    /// Sends a request, and again while that is safe and the policy allows it.
    async fn attempts(&self, call: &Call, header: Option<&Header>) -> Result<Answer, Failure> {
        let mut attempt = 0;
        loop {
            let failure = match self.attempt(call, header).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let limit = u32::try_from(self.retry.limit).unwrap_or(0);
            let too_long = failure.error.retry_after.is_some_and(|wait| wait > backoff::longest(&self.retry));
            if !failure.again || attempt >= limit || too_long {
                return Err(self.last(failure, attempt + 1));
            }
            let drawn = backoff::wait(&self.retry, attempt, &mut rand::rng());
            let wait = failure.error.retry_after.unwrap_or(drawn);
            if failure.error.reason == reasons::RATE_LIMITED || failure.error.retry_after.is_some() {
                // The budget pauses for everybody, not for this request alone.
                self.budgets.refused(&call.rate_class, wait);
            }
            tracing::debug!(provider = %self.provider, route = %call.route, attempt, "request is tried again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    fn last(&self, mut failure: Failure, attempts: u32) -> Failure {
        let tries = if attempts > 1 { format!(" (tried {attempts} times)") } else { String::new() };
        failure.error.message = format!("{}: {}{tries}", self.provider, failure.error.message);
        failure
    }

    async fn attempt(&self, call: &Call, header: Option<&Header>) -> Result<Answer, Failure> {
        self.budgets.acquire(&call.rate_class).await;
        if let Err(error) = self.egress.admit(&call.url).await {
            let again = error.kind == ErrorKind::Transient;
            return Err(Failure { error, status: None, again });
        }
        match exchange(&self.http, call, header).await {
            Exchange::NeverSent => {
                let text = format!("{}: no connection; check the endpoint's URL, TLS and network policy", call.route);
                Err(transient(reasons::ENDPOINT_UNREACHABLE, text, None))
            }
            Exchange::Lost => Err(lost(call, None, "no answer came")),
            // The status says it all.
            Exchange::Truncated { status } | Exchange::TooLarge { status }
                if call.is_write() && status.is_success() && call.expect == Expect::Status =>
            {
                Ok(Answer { headers: HeaderMap::new(), body: Value::Null })
            }
            Exchange::Truncated { status } => Err(lost(call, Some(status), "the answer was truncated")),
            Exchange::TooLarge { status } if call.is_write() => {
                Err(lost(call, Some(status), "the answer is too large"))
            }
            Exchange::TooLarge { status } => Err(too_large(call, status)),
            Exchange::Answered { status, headers, body } => self.judge(call, status, headers, &body),
        }
    }

    fn judge(&self, call: &Call, status: StatusCode, headers: HeaderMap, body: &[u8]) -> Result<Answer, Failure> {
        tracing::debug!(provider = %self.provider, route = %call.route, status = status.as_u16(), "answered");
        self.budgets.observe(&call.rate_class, &headers);
        let parsed = serde_json::from_slice::<Value>(body).ok();
        if status.is_success() {
            self.budgets.accepted(&call.rate_class);
            return match (parsed, call.expect) {
                (Some(body), _) => Ok(Answer { headers, body }),
                (None, Expect::Status) => Ok(Answer { headers, body: Value::Null }),
                (None, Expect::Json) => Err(lost(call, Some(status), "the answer is not a JSON document")),
            };
        }
        Err(self.refusal(call, status, &headers, &parsed.unwrap_or(Value::Null)))
    }

    fn refusal(&self, call: &Call, status: StatusCode, headers: &HeaderMap, body: &Value) -> Failure {
        let meaning = classify::classify(&self.definition.errors, call, status, headers, body);
        let retry_after = backoff::retry_after(headers, Timestamp::now());
        let detail = meaning.detail.map_or_else(String::new, |word| format!(" {word}"));
        let message = format!("{} answered {}{detail}; {}", call.route, status.as_u16(), meaning.remedy);
        // A server that says when to come back has not even begun.
        let is_certain =
            !may_have_happened(status) || (status == StatusCode::SERVICE_UNAVAILABLE && retry_after.is_some());
        let is_transient = matches!(meaning.class, ErrorClass::Transient | ErrorClass::RateLimited);
        if is_transient && call.is_write() && !is_certain {
            let error = ConnectorError::new(ErrorKind::OutcomeUnknown, reasons::OUTCOME_UNKNOWN, message);
            return Failure { error, status: Some(status), again: false };
        }
        let error = ConnectorError {
            retry_after: retry_after.filter(|_| is_transient),
            ..ConnectorError::new(meaning.kind(), meaning.reason, message)
        };
        Failure { error, status: Some(status), again: is_transient }
    }
}

/// Whether a write that was answered so may have taken effect: a server error may come after the fact.
fn may_have_happened(status: StatusCode) -> bool {
    let is_refusal = status == StatusCode::NOT_IMPLEMENTED;
    status.is_success() || status == StatusCode::REQUEST_TIMEOUT || (status.is_server_error() && !is_refusal)
}

fn transient(reason: &'static str, message: String, status: Option<StatusCode>) -> Failure {
    Failure { error: ConnectorError::new(ErrorKind::Transient, reason, message), status, again: true }
}

/// A request that may have been carried out: reads are sent again, writes are not.
fn lost(call: &Call, status: Option<StatusCode>, what: &str) -> Failure {
    if call.is_write() && status.is_none_or(may_have_happened) {
        let message = format!("{}: {what}; whether the write happened is not known", call.route);
        let error = ConnectorError::new(ErrorKind::OutcomeUnknown, reasons::OUTCOME_UNKNOWN, message);
        return Failure { error, status, again: false };
    }
    let reason = if status.is_some() { reasons::ANSWER_INVALID } else { reasons::ENDPOINT_UNREACHABLE };
    let mut failure = transient(reason, format!("{}: {what}", call.route), status);
    // A refusal whose text was cut off is still a refusal, but not one that is understood.
    failure.again = !call.is_write();
    failure
}

fn too_large(call: &Call, status: StatusCode) -> Failure {
    let message = format!("{}: the answer is larger than {MAX_ANSWER_BYTES} bytes", call.route);
    let error = ConnectorError::new(ErrorKind::Configuration, reasons::ANSWER_TOO_LARGE, message);
    Failure { error, status: Some(status), again: false }
}
