//! Faults: when they fire, and what they look like to a client.

use super::{client, send};
use rollcall_emulators::common::faults::{Fault, FaultKind, Faults, RetryAfter, Seen};
use rollcall_emulators::{TravelPerkEmulator, TravelPerkOptions};
use serde_json::{Value, json};

const USERS: &str = "/api/v2/scim/Users";

fn fired(fault: Fault, requests: usize) -> Vec<usize> {
    let mut faults = Faults::default();
    faults.add(fault);
    let seen = Seen { method: "GET", route: "/a/{id}", target: "/a/7?x=1", body: "" };
    (1..=requests).filter(|_| faults.fire(&seen).is_some()).collect()
}

#[test]
fn counting_is_deterministic() {
    assert_eq!(fired(Fault::status(500).on("get", "/a/{id}").nth(2), 4), [2]);
    assert_eq!(fired(Fault::status(500).every(2).times(2), 9), [2, 4]);
    assert_eq!(fired(Fault::status(500).on("GET", "/a/*").times(1), 3), [1]);
    assert_eq!(fired(Fault::status(500).containing("/a/8"), 3), [0_usize; 0]);
    assert_eq!(fired(Fault::status(500).on("POST", "/a/{id}"), 3), [0_usize; 0]);
}

#[test]
fn faults_are_readable_json() {
    let fault: Fault = serde_json::from_value(json!({
        "method": "GET", "route": "/v2/persons", "nth": 2,
        "kind": { "status": { "code": 429, "retry_after": { "http_date_in": 5 } } },
    }))
    .unwrap();
    let FaultKind::Status { code: 429, retry_after: Some(wait), .. } = fault.kind else {
        panic!("wrong kind");
    };
    assert!(wait.text().ends_with(" GMT"), "{}", wait.text());
    let plain: Fault = serde_json::from_value(json!({ "kind": "reset" })).unwrap();
    assert_eq!(plain, Fault::new(FaultKind::Reset));
    assert!(serde_json::from_value::<Fault>(json!({ "kind": "reset", "nht": 1 })).is_err());
}

async fn with_users(count: usize) -> (TravelPerkEmulator, reqwest::Client) {
    let emulator = TravelPerkEmulator::start(TravelPerkOptions::default()).await;
    let client = client();
    for n in 0..count {
        assert_eq!(create(&emulator, &client, n).await.unwrap().0, 201);
    }
    (emulator, client)
}

async fn create(emulator: &TravelPerkEmulator, client: &reqwest::Client, n: usize) -> reqwest::Result<(u16, Value)> {
    let user = json!({
        "userName": format!("u{n}@example.test"), "externalId": n.to_string(),
        "name": { "givenName": "Ann", "familyName": "Lee" },
    });
    let url = format!("{}/Users", emulator.scim_url());
    let response = client.post(url).bearer_auth("demo-key").json(&user).send().await?;
    Ok((response.status().as_u16(), response.json().await?))
}

async fn list(emulator: &TravelPerkEmulator, client: &reqwest::Client, query: &str) -> Value {
    let url = format!("{}/Users{query}", emulator.scim_url());
    send(client.get(url).bearer_auth("demo-key")).await.1
}

#[tokio::test]
async fn writes_that_are_hidden_from_the_caller() {
    let (emulator, client) = with_users(0).await;
    emulator.fail(Fault::new(FaultKind::Reset).on("POST", USERS).nth(1));
    emulator.fail(Fault::new(FaultKind::CommitThenReset).on("POST", USERS).nth(2));
    emulator.fail(Fault::new(FaultKind::CommitThenTimeout { ms: 50 }).on("POST", USERS).nth(3));
    emulator.fail(Fault::new(FaultKind::CommitThenStatus { code: 500 }).on("POST", USERS).nth(4));
    emulator.fail(Fault::new(FaultKind::TruncateBody).on("POST", USERS).nth(5));
    assert!(create(&emulator, &client, 1).await.is_err(), "reset");
    assert_eq!(emulator.state().accounts().count(), 0);
    assert!(create(&emulator, &client, 2).await.is_err(), "commit, then reset");
    assert_eq!(emulator.state().accounts().count(), 1);
    assert!(create(&emulator, &client, 3).await.is_err(), "commit, then nothing");
    assert_eq!(create(&emulator, &client, 4).await.unwrap().0, 500);
    assert!(create(&emulator, &client, 5).await.unwrap_err().is_decode(), "half a body");
    assert_eq!(emulator.state().accounts().count(), 4);
    assert_eq!(create(&emulator, &client, 2).await.unwrap().0, 409);
    assert_eq!(emulator.requests("POST", USERS), 6);
    let statuses: Vec<u16> = emulator.writes().iter().map(|write| write.status).collect();
    assert_eq!(statuses, [201, 201, 201, 201, 409]);
}

#[tokio::test]
async fn somebody_else_is_faster() {
    let (emulator, client) = with_users(0).await;
    let race = FaultKind::CreateRace { external_id: None };
    emulator.fail(Fault::new(race).on("POST", USERS).times(1));
    let (status, body) = create(&emulator, &client, 1).await.unwrap();
    assert_eq!((status, &body["scimType"], &body["status"]), (409, &json!("uniqueness"), &json!("409")));
    assert_eq!(emulator.state().by_user_name("U1@example.test").unwrap().external_id(), None);
}

#[tokio::test]
async fn lists_that_lie() {
    let (emulator, client) = with_users(4).await;
    let once = |kind| Fault::new(kind).on("GET", USERS).times(1);
    emulator.fail(once(FaultKind::WrongTotal { by: 3 }));
    assert_eq!(list(&emulator, &client, "").await["totalResults"], 7);
    emulator.fail(once(FaultKind::EmptyList));
    let empty = list(&emulator, &client, "").await;
    assert_eq!((&empty["totalResults"], &empty["Resources"]), (&json!(0), &json!([])));
    emulator.fail(once(FaultKind::DropPage));
    let dropped = list(&emulator, &client, "").await;
    assert_eq!((&dropped["totalResults"], &dropped["Resources"]), (&json!(4), &json!([])));
    emulator.fail(Fault::new(FaultKind::RepeatPage).on("GET", USERS).nth(2));
    let first = list(&emulator, &client, "?count=2").await;
    let second = list(&emulator, &client, "?count=2&startIndex=3").await;
    assert_eq!(first["Resources"], second["Resources"]);
    assert_eq!(second["startIndex"], 3);
}

#[tokio::test]
async fn retry_after_and_the_control_api() {
    let (emulator, client) = with_users(1).await;
    let base = emulator.base_url();
    let wait = RetryAfter::Seconds(3);
    emulator.fail(Fault::status_retry(503, wait).on("GET", USERS).times(1));
    let url = format!("{}/Users", emulator.scim_url());
    let response = client.get(&url).bearer_auth("demo-key").send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "3");
    let fault = json!({ "kind": { "status": { "code": 429 } } });
    let (status, _) = send(client.post(format!("{base}/_emulator/faults")).json(&fault)).await;
    assert_eq!(status, 200);
    let response = client.get(&url).bearer_auth("demo-key").send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert!(!response.headers().contains_key("retry-after"));
    let (_, state) = send(client.get(format!("{base}/_emulator/state"))).await;
    assert_eq!(state["users"]["total"], 1);
    assert_eq!(state["faults"][1]["fired"], 1);
    assert_eq!(state["writes"][0]["body"]["externalId"], "0");
    send(client.delete(format!("{base}/_emulator/faults"))).await;
    send(client.post(format!("{base}/_emulator/reset-counters"))).await;
    assert_eq!((emulator.faults().len(), emulator.counts().len()), (0, 0));
    let (status, _) = send(client.post(format!("{base}/_emulator/faults")).body("{")).await;
    assert_eq!(status, 400);
}
