//! Who is let in and who is not, over real TLS and HTTP.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::testing::{READER, Signer, TestService, account_claims, pod_claims};
use crate::records::client::{RemoteRecords, TokenSource, tls};
use crate::records::fixtures::{agreement, link, outcome, proposal, row_claim, run, scope, self_signed, write};
use crate::records::{Batch, OutcomeQuery, OutcomeResult, Records, Scope, StoreError};
use rollcall_engine::model::Operation;
use rollcall_engine::redacted::Redacted;

/// What the service answers to a read with these claims, signed by the cluster.
async fn read_with(service: &TestService, claims: &Value) -> Result<(), StoreError> {
    service.client(service.signer.sign(claims), scope()).setting().await.map(|_| ())
}

fn is_forbidden(answer: Result<(), StoreError>, why: &str) {
    let message = answer.unwrap_err();
    assert!(matches!(&message, StoreError::Forbidden(text) if text.contains(why)), "{message}");
}

fn changed(claims: &Value, claim: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[claim] = value;
    claims
}

#[tokio::test]
async fn a_connector_pod_may_use_its_settings_records() {
    let service = TestService::start().await;
    let records = service.client(service.pod_token("pod-a"), scope());
    records.begin_run(&run("r1", 1)).await.unwrap();
    assert_eq!(records.runs(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn tokens_for_others_of_others_or_of_another_time_are_refused() {
    let service = TestService::start().await;
    let good = pod_claims("hr", "pod-a");
    let exp = good["exp"].as_i64().unwrap();
    let now = service.clock.now().as_second();
    for (claim, value, why) in [
        ("aud", json!(["https://kubernetes.default.svc"]), "audience"),
        ("aud", json!("other"), "audience"),
        ("iss", json!("https://elsewhere.example"), "issuer"),
        ("exp", json!(now - 31), "expired"),
        ("nbf", json!(now + 31), "not valid yet"),
        ("kubernetes.io", Value::Null, "Kubernetes ServiceAccount"),
    ] {
        is_forbidden(read_with(&service, &changed(&good, claim, value)).await, why);
    }
    assert_eq!(
        read_with(&service, &changed(&good, "exp", json!(now - 29))).await,
        Ok(()),
        "clocks may differ a little"
    );
    service.clock.advance(exp - now + 31);
    is_forbidden(read_with(&service, &good).await, "expired");
}

#[tokio::test]
async fn forged_and_unsigned_tokens_are_refused() {
    let service = TestService::start().await;
    let claims = pod_claims("hr", "pod-a");
    let forger = Signer::new("key-1");
    let good = service.signer.sign(&claims);
    let (signed, _) = good.rsplit_once('.').unwrap();
    let none = service.signer.sign_as(&json!({"alg": "none", "kid": "key-1"}), &claims);
    let (unsigned, _) = none.rsplit_once('.').unwrap();
    let hmac = service.signer.sign_as(&json!({"alg": "HS256", "kid": "key-1"}), &claims);
    let nameless = service.signer.sign_as(&json!({"alg": "ES256"}), &claims);
    let demanding = service.signer.sign_as(&json!({"alg": "ES256", "kid": "key-1", "crit": ["b64"]}), &claims);
    for (token, why) in [
        (forger.sign(&claims), "signature"),
        (format!("{signed}."), "signature"),
        (none.clone(), "algorithm"),
        (format!("{unsigned}."), "algorithm"),
        (hmac, "algorithm"),
        (nameless, "names no key"),
        (demanding, "extensions"),
        ("canary".to_owned(), "JSON Web Token"),
    ] {
        let answer = service.client(token, scope()).setting().await.map(|_| ());
        assert!(!format!("{answer:?}").contains("canary"), "no token content in messages");
        is_forbidden(answer, why);
    }
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_in_a_while_and_used_when_the_cluster_has_it() {
    let service = TestService::start().await;
    let next = Signer::new("key-2");
    let token = next.sign(&pod_claims("hr", "pod-a"));
    let read = || async { service.client(token.clone(), scope()).setting().await.map(|_| ()) };
    for _ in 0..3 {
        is_forbidden(read().await, "a key the cluster has not");
    }
    assert_eq!(service.cluster.fetches.load(Ordering::SeqCst), 1);
    service.cluster.keys.lock().unwrap().push(next.public());
    is_forbidden(read().await, "a key the cluster has not");
    service.clock.advance(30);
    assert_eq!(read().await, Ok(()));
    assert_eq!(service.cluster.fetches.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn pods_of_other_settings_namespaces_and_makers_are_refused() {
    let service = TestService::start().await;
    service.cluster.add_pod("hr", "pod-b", "absences", "uid-9");
    service.cluster.add_pod("school", "pod-a", "people", "uid-1");
    service.cluster.add_pod("elsewhere", "pod-a", "people", "uid-1");
    service.cluster.add_pod("hr", "stray", "people", "uid-1");
    let stray = ("hr".to_owned(), "stray".to_owned());
    service.cluster.pods.lock().unwrap().get_mut(&stray).unwrap().labels.remove("app.kubernetes.io/managed-by");
    is_forbidden(read_with(&service, &pod_claims("hr", "pod-b")).await, "was not made for setting people");
    is_forbidden(read_with(&service, &pod_claims("hr", "pod-other")).await, "another setting of the name");
    is_forbidden(read_with(&service, &pod_claims("school", "pod-a")).await, "records of namespace hr");
    is_forbidden(read_with(&service, &pod_claims("hr", "stray")).await, "not a connector pod");
    let elsewhere = Scope { namespace: "elsewhere".into(), ..scope() };
    let token = service.signer.sign(&pod_claims("elsewhere", "pod-a"));
    is_forbidden(service.client(token, elsewhere).setting().await.map(|_| ()), "does not serve");
}

#[tokio::test]
async fn a_deleted_pods_token_stops_working_also_when_its_name_is_used_again() {
    let service = TestService::start().await;
    let claims = pod_claims("hr", "pod-a");
    assert_eq!(read_with(&service, &claims).await, Ok(()));
    let name = ("hr".to_owned(), "pod-a".to_owned());
    service.cluster.pods.lock().unwrap().get_mut(&name).unwrap().uid = "uid-of-its-successor".into();
    service.clock.advance(120);
    is_forbidden(read_with(&service, &claims).await, "no longer exists");
    service.cluster.pods.lock().unwrap().clear();
    is_forbidden(read_with(&service, &claims).await, "no longer exists");
}

#[tokio::test]
async fn a_reader_reads_and_cannot_write() {
    let service = TestService::start().await;
    let token = service.signer.sign(&account_claims("rollcall-system", READER));
    let records = service.client(token, scope());
    assert!(records.setting().await.is_ok() && records.links(&"people".into()).await.is_ok());
    assert!(records.open_writes().await.is_ok() && records.runs(1).await.is_ok());
    assert!(records.writes(&"r1".into(), 0, 1).await.is_ok() && records.proposal("sha256:1").await.is_ok());
    let (stream, system) = ("people".into(), "system-1".into());
    assert!(records.effects(&stream, &system, service.clock.now()).await.is_ok());
    assert!(records.claimed_by_others(&stream, &system, &["a".into()]).await.is_ok());
    is_forbidden(records.begin_run(&run("r1", 1)).await, "may only read");
    is_forbidden(records.renew(&"r1".into(), 1).await, "may only read");
    is_forbidden(records.end_run(&run("r1", 1), None).await, "may only read");
    is_forbidden(records.announce(&"r1".into(), 1, &[], &[]).await.map(|_| ()), "may only read");
    is_forbidden(records.commit(&"r1".into(), 1, &Batch::default()).await.map(|_| ()), "may only read");
    is_forbidden(records.propose(&"r1".into(), 1, &proposal("sha256:1")).await, "may only read");
    is_forbidden(records.agree(&"r1".into(), 1, &agreement("a")).await, "may only read");
    is_forbidden(records.use_proposal(&"r1".into(), 1, "sha256:1").await, "may only read");
    assert!(records.setting().await.unwrap().key.expose().is_empty(), "the key of digests is for pods alone");
}

#[tokio::test]
async fn readers_see_only_the_namespaces_they_are_for() {
    let service = TestService::start().await;
    assert_eq!(read_with(&service, &account_claims("hr", READER)).await, Ok(()));
    is_forbidden(read_with(&service, &account_claims("school", READER)).await, "namespace hr");
    is_forbidden(read_with(&service, &account_claims("hr", "default")).await, "neither the reader");
    let elsewhere = Scope { namespace: "elsewhere".into(), ..scope() };
    for namespace in ["rollcall-system", "elsewhere"] {
        let token = service.signer.sign(&account_claims(namespace, READER));
        is_forbidden(service.client(token, elsewhere.clone()).setting().await.map(|_| ()), "namespace elsewhere");
    }
}

#[tokio::test]
async fn a_server_with_another_certificate_is_not_trusted() {
    let service = TestService::start().await;
    let token = TokenSource::Static(Redacted::new(service.pod_token("pod-a")));
    let records =
        RemoteRecords::via(service.address, "https://localhost", token, self_signed().0.as_bytes(), scope()).unwrap();
    let answer = records.with_patience(std::time::Duration::ZERO).setting().await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

#[tokio::test]
async fn a_service_that_is_away_is_unavailable_after_the_callers_patience() {
    let service = TestService::start().await;
    let records = service.client(service.pod_token("pod-a"), scope());
    drop(service);
    // The listener closes as soon as the shutdown is noticed.
    let mut answer = records.setting().await;
    for _ in 0..100 {
        if answer.is_err() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        answer = records.setting().await;
    }
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again_with_the_token_as_it_is_by_then() {
    let service = TestService::start().await;
    service.cluster.failures.store(1, Ordering::SeqCst);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, format!("{}\n", service.pod_token("pod-a"))).unwrap();
    let token = TokenSource::File(path.clone());
    let records = RemoteRecords::via(service.address, "https://localhost", token, service.ca.as_bytes(), scope());
    let records = records.unwrap().with_patience(std::time::Duration::from_secs(5));
    records.setting().await.unwrap();
    assert_eq!(service.cluster.fetches.load(Ordering::SeqCst), 2);
    std::fs::write(&path, service.pod_token("pod-other")).unwrap();
    is_forbidden(records.setting().await.map(|_| ()), "another setting of the name");
}

#[tokio::test]
async fn keys_fetched_before_are_used_while_the_api_server_is_away() {
    let service = TestService::start().await;
    let mut claims = pod_claims("hr", "pod-a");
    claims["exp"] = json!(service.clock.now().as_second() + 86_400);
    assert_eq!(read_with(&service, &claims).await, Ok(()));
    service.cluster.failures.store(1, Ordering::SeqCst);
    service.clock.advance(3_600);
    assert_eq!(read_with(&service, &claims).await, Ok(()));
    assert_eq!(service.cluster.fetches.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_withdrawn_key_stops_working_within_the_hour() {
    let service = TestService::start().await;
    let mut claims = pod_claims("hr", "pod-a");
    claims["exp"] = json!(service.clock.now().as_second() + 86_400);
    assert_eq!(read_with(&service, &claims).await, Ok(()));
    service.cluster.keys.lock().unwrap().clear();
    service.clock.advance(3_600);
    is_forbidden(read_with(&service, &claims).await, "a key the cluster has not");
}

#[tokio::test]
async fn a_batch_that_the_service_would_cut_off_is_not_sent() {
    let service = TestService::start().await;
    let records = service.client(service.pod_token("pod-a"), scope());
    let mut batch = Batch::default();
    batch.dropped_links.push(("people".into(), "x".repeat(33 * 1024 * 1024).into()));
    let answer = records.commit(&"r1".into(), 1, &batch).await;
    assert!(matches!(&answer, Err(StoreError::Invalid(rule)) if rule.contains("smaller batches")));
}

#[tokio::test]
async fn large_calls_go_in_parts_and_nothing_of_them_is_lost() {
    let service = TestService::start().await;
    let records = service.client(service.pod_token("pod-a"), scope());
    records.begin_run(&run("r1", 1)).await.unwrap();
    let long = json!("x".repeat(4_500_000));
    let mut writes = ["a", "b"].map(|key| write(key, Operation::Create));
    let claims = ["a", "b"].map(|key| row_claim(key, &format!("target-{key}")));
    let mut batch = Batch::default();
    for (key, write) in ["a", "b"].into_iter().zip(&mut writes) {
        write.after.expose_mut().insert("note".into(), long.clone());
        let mut outcome = outcome("people", key, OutcomeResult::Created);
        outcome.fields.expose_mut().insert("note".into(), long.clone());
        batch.outcomes.push(outcome);
        batch.links.push(link("people", key));
    }
    assert_eq!(records.announce(&"r1".into(), 1, &writes, &claims).await.unwrap(), []);
    assert_eq!(records.commit(&"r1".into(), 1, &batch).await.unwrap(), []);
    assert_eq!(records.open_writes().await.unwrap().len(), 2);
    let page = OutcomeQuery { limit: 10, ..OutcomeQuery::default() };
    assert_eq!(records.outcomes(&"r1".into(), &page).await.unwrap(), batch.outcomes);
    assert_eq!(records.links(&"people".into()).await.unwrap().len(), 2);
    let metrics = plain_get(service.metrics_address, "/metrics").await;
    for method in ["announce", "commit"] {
        let count = format!("rollcall_records_requests_total{{code=\"200\",method=\"{method}\"}} 2");
        assert!(metrics.contains(&count), "{metrics}");
    }
}

#[tokio::test]
async fn a_client_of_the_first_edition_is_told_what_to_do_and_stores_nothing() {
    let service = TestService::start().await;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls(service.ca.as_bytes()).unwrap())
        .resolve("localhost", service.address)
        .build()
        .unwrap();
    let url = format!("https://localhost:{}/v1/settings/hr/people/uid%2D1/announce", service.address.port());
    let intents = json!({"runId": "r1", "attempt": 1, "intents": []}).to_string();
    let answer = client.post(url).bearer_auth(service.pod_token("pod-a")).body(intents).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 422);
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(answer["error"], "Invalid");
    assert!(answer["message"].as_str().unwrap().contains("use one image for operator and connectors"), "{answer}");
}

#[tokio::test]
async fn health_and_metrics_are_served_and_name_nobody() {
    let service = TestService::start().await;
    service.client(service.pod_token("pod-a"), scope()).setting().await.unwrap();
    let get = async |path: &str| plain_get(service.metrics_address, path).await;
    assert!(get("/livez").await.starts_with("HTTP/1.1 200"));
    assert!(get("/readyz").await.starts_with("HTTP/1.1 200"));
    let metrics = get("/metrics").await;
    assert!(metrics.contains("rollcall_records_requests_total{code=\"200\",method=\"setting\"} 1"), "{metrics}");
    assert!(!metrics.contains("people") && !metrics.contains("pod-a"), "{metrics}");
}

async fn plain_get(address: std::net::SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
