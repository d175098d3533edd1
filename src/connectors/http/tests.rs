//! How requests fail, and what is made of it.

use std::time::{Duration, Instant};

use serde_json::json;

use super::call::{Answer, Body, Expect};
use super::client::Client;
use crate::connectors::testing::{Reply, Server};
use crate::connectors::{ConnectorError, ErrorKind, ProviderConfig, factory};
use rollcall_api::reasons;
use rollcall_engine::definitions::{HttpMethod, Request, RequestPurpose};

fn client(server: &Server, vendor: &str) -> Client {
    prepared(server.config(vendor), Some(Duration::from_millis(300)))
}

fn prepared(mut config: ProviderConfig, timeout: Option<Duration>) -> Client {
    config.credentials = factory::credentials(&config).unwrap();
    Client::with_timeout(&config, factory::endpoints(&config).unwrap(), timeout).unwrap()
}

async fn read(client: &Client) -> Result<Answer, ConnectorError> {
    let request =
        Request { endpoint: "rest".into(), path: "/x".into(), rate_class: "default".into(), ..Request::default() };
    client.send(&client.call(&request, &[], RequestPurpose::Read).unwrap()).await
}

async fn write(client: &Client, expect: Expect) -> Result<Answer, ConnectorError> {
    let request = Request {
        endpoint: "rest".into(),
        method: HttpMethod::Post,
        path: "/x".into(),
        rate_class: "default".into(),
        ..Request::default()
    };
    let mut call = client.call(&request, &[], RequestPurpose::Write).unwrap();
    call.body = Body::Json { media_type: "application/json", value: json!({"name": "a"}) };
    call.expect = expect;
    client.send(&call).await
}

/// Sends a read that meets `replies`; gives the result and how many requests were made.
async fn reading(replies: Vec<Reply>) -> (Result<Answer, ConnectorError>, usize) {
    let server = Server::start().await;
    server.on("GET /x", replies);
    let client = client(&server, "travelperk");
    let result = read(&client).await;
    (result, server.received("GET /x").len())
}

async fn writing(replies: Vec<Reply>, expect: Expect) -> (Result<Answer, ConnectorError>, usize) {
    let server = Server::start().await;
    server.on("POST /x", replies);
    let result = write(&client(&server, "travelperk"), expect).await;
    (result, server.received("POST /x").len())
}

fn kind_of(result: Result<Answer, ConnectorError>) -> (ErrorKind, &'static str) {
    result.err().map(|error| (error.kind, error.reason)).unwrap()
}

#[tokio::test]
async fn reads_are_sent_again_after_anything_that_may_pass() {
    let failures = [
        Reply::Json(500, json!({})),
        Reply::Json(429, json!({})),
        Reply::Text(200, ""),
        Reply::Text(200, "<html>"),
        Reply::Truncated(200),
        Reply::Reset,
        Reply::Hang,
    ];
    for failure in failures {
        let (result, sent) = reading(vec![failure, Reply::Json(200, json!({"ok": true}))]).await;
        assert_eq!((result.ok().map(|answer| answer.body), sent), (Some(json!({"ok": true})), 2));
    }
}

#[tokio::test]
async fn a_read_that_keeps_failing_ends_as_transient_with_its_reason() {
    let cases = [
        (Reply::Json(503, json!({})), reasons::SERVER_FAILED),
        (Reply::Json(429, json!({})), reasons::RATE_LIMITED),
        (Reply::Text(200, "{\"cut"), reasons::ANSWER_INVALID),
        (Reply::Reset, reasons::ENDPOINT_UNREACHABLE),
    ];
    for (reply, reason) in cases {
        let (result, sent) = reading(vec![reply]).await;
        assert_eq!((kind_of(result), sent), ((ErrorKind::Transient, reason), 3));
    }
}

#[tokio::test]
async fn refusals_are_final_and_classified() {
    let cases = [
        (401, json!({}), ErrorKind::Credentials),
        (403, json!({}), ErrorKind::Credentials),
        (404, json!({}), ErrorKind::NotFound),
        (409, json!({}), ErrorKind::Conflict),
        (400, json!({"scimType": "invalidFilter"}), ErrorKind::Unsupported),
        (400, json!({"scimType": "invalidValue"}), ErrorKind::Rejected),
        (302, json!({}), ErrorKind::Configuration),
    ];
    for (status, body, kind) in cases {
        let (result, sent) = reading(vec![Reply::Json(status, body)]).await;
        assert_eq!((kind_of(result).0, sent), (kind, 1), "{status}");
    }
}

#[tokio::test]
async fn a_write_is_sent_again_only_when_it_certainly_did_not_happen() {
    let certain = [Reply::Json(429, json!({})), Reply::WithHeader(503, "retry-after", "0".into(), json!({}))];
    for reply in certain {
        let (result, sent) = writing(vec![reply, Reply::Json(201, json!({"id": 1}))], Expect::Json).await;
        assert!(result.is_ok());
        assert_eq!(sent, 2);
    }
    let uncertain = [
        Reply::Json(408, json!({})),
        Reply::Json(500, json!({})),
        Reply::Json(503, json!({})),
        Reply::Json(504, json!({})),
        Reply::Truncated(201),
        Reply::Truncated(502),
        Reply::Reset,
        Reply::Hang,
    ];
    for reply in uncertain {
        let (result, sent) = writing(vec![reply], Expect::Json).await;
        assert_eq!((kind_of(result), sent), ((ErrorKind::OutcomeUnknown, reasons::OUTCOME_UNKNOWN), 1));
    }
}

#[tokio::test]
async fn a_refused_write_has_no_effect_and_says_why() {
    let cases = [
        (Reply::Json(401, json!({})), ErrorKind::Credentials),
        (Reply::Json(403, json!({})), ErrorKind::Credentials),
        (Reply::Json(501, json!({})), ErrorKind::Unsupported),
        (Reply::Truncated(501), ErrorKind::Transient),
        (Reply::Truncated(400), ErrorKind::Transient),
    ];
    for (reply, kind) in cases {
        let (result, sent) = writing(vec![reply], Expect::Json).await;
        assert_eq!((kind_of(result).0, sent), (kind, 1));
    }
}

#[tokio::test]
async fn a_write_whose_answer_does_not_matter_succeeds_by_its_status() {
    for reply in [Reply::Text(204, ""), Reply::Text(200, ""), Reply::Truncated(200)] {
        let (result, sent) = writing(vec![reply], Expect::Status).await;
        assert!(result.is_ok());
        assert_eq!(sent, 1);
    }
}

#[tokio::test]
async fn a_write_without_a_connection_is_transient() {
    let server = Server::start().await;
    let mut config = server.config("travelperk");
    config.endpoints.insert("rest".into(), "http://127.0.0.1:1".into());
    let client = prepared(config, None);
    assert_eq!(kind_of(write(&client, Expect::Json).await), (ErrorKind::Transient, reasons::ENDPOINT_UNREACHABLE));
}

#[tokio::test]
async fn a_longer_wait_than_the_policy_allows_is_handed_on() {
    let started = Instant::now();
    let (result, sent) = reading(vec![Reply::WithHeader(429, "retry-after", "120".into(), json!({}))]).await;
    let error = result.err().unwrap();
    assert_eq!((error.retry_after, sent), (Some(Duration::from_secs(120)), 1));
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn endpoint_headers_and_credentials_are_sent() {
    let server = Server::start().await;
    server.on("GET /x", [Reply::Json(200, json!({}))]);
    read(&client(&server, "travelperk")).await.ok().unwrap();
    let request = &server.received("GET /x")[0];
    assert_eq!((request.header("authorization"), request.header("api-version")), ("ApiKey secret-apiKey", "1"));
}

#[tokio::test]
async fn messages_name_the_route_but_no_value_and_no_body() {
    let server = Server::start().await;
    server.on("POST /x", [Reply::Json(400, json!({"message": "ada@example.test is wrong"}))]);
    let error = write(&client(&server, "travelperk"), Expect::Json).await.err().unwrap();
    assert!(error.message.contains("POST /x answered 400"), "{error}");
    assert!(!error.message.contains("ada"), "{error}");
}

#[tokio::test]
async fn too_large_an_answer_is_refused() {
    let server = Server::start().await;
    let big = "x".repeat(super::exchange::MAX_ANSWER_BYTES + 1);
    server.on("GET /x", [Reply::Json(200, json!(big))]);
    let client = prepared(server.config("travelperk"), None);
    assert_eq!(kind_of(read(&client).await), (ErrorKind::Configuration, reasons::ANSWER_TOO_LARGE));
    let replies = [200, 200, 400].map(|status| Reply::Json(status, json!(big)));
    server.on("POST /x", replies);
    assert!(write(&client, Expect::Status).await.is_ok());
    assert_eq!(kind_of(write(&client, Expect::Json).await).0, ErrorKind::OutcomeUnknown);
    assert_eq!(kind_of(write(&client, Expect::Json).await).0, ErrorKind::Transient, "no effect");
}
