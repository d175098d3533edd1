//! Sends one request once and says how far it came.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::redirect::Policy;

use super::call::{Body, Call};
use crate::connectors::net::{Egress, tls};
use crate::connectors::{ConnectorError, ErrorKind};
use rollcall_api::reasons;

/// Most bytes of an answer.
pub(crate) const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From the first byte sent to the last one received.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Idle connections are closed early: one that the server closes first may swallow a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// How far a request came.
pub(super) enum Exchange {
    /// A whole answer.
    Answered { status: StatusCode, headers: HeaderMap, body: Vec<u8> },
    /// Status and headers came, the body did not come whole.
    Truncated { status: StatusCode },
    /// The answer is larger than [`MAX_ANSWER_BYTES`].
    TooLarge { status: StatusCode },
    /// No connection was had: nothing was sent.
    NeverSent,
    /// It was sent, or may have been, and no answer came.
    Lost,
}

/// Makes the client that all requests of one provider go through. It follows no redirects and uses no proxy: both
/// would lead round the egress rules.
pub(super) fn client(
    egress: &Egress,
    ca_bundle: Option<&[u8]>,
    request_timeout: Option<Duration>,
) -> Result<reqwest::Client, ConnectorError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(ca_bundle)?)
        .dns_resolver(egress.clone())
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(request_timeout.unwrap_or(REQUEST_TIMEOUT))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| {
            ConnectorError::new(ErrorKind::Configuration, reasons::INTERNAL, "the HTTP client cannot be set up")
        })
}

/// Sends the request once.
pub(super) async fn exchange(
    client: &reqwest::Client,
    call: &Call,
    authorization: Option<&(http::HeaderName, HeaderValue)>,
) -> Exchange {
    let mut request = client.request(call.method.clone(), call.url.clone()).headers(call.headers.clone());
    if let Some((name, value)) = authorization {
        request = request.header(name, value);
    }
    request = match &call.body {
        Body::None => request,
        Body::Json { media_type, value } => request.header(header::CONTENT_TYPE, *media_type).body(value.to_string()),
        Body::Form(fields) => request.form(fields),
    };
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() || error.is_builder() => return Exchange::NeverSent,
        Err(_) => return Exchange::Lost,
    };
    receive(response).await
}

async fn receive(mut response: reqwest::Response) -> Exchange {
    let status = response.status();
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).is_ok_and(|length| length > MAX_ANSWER_BYTES) {
        return Exchange::TooLarge { status };
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_ANSWER_BYTES => return Exchange::TooLarge { status },
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => return Exchange::Truncated { status },
        }
    }
    Exchange::Answered { status, headers: response.headers().clone(), body }
}
