//! Personio over HTTP.

use super::{client, send};
use reqwest::Client;
use rollcall_emulators::personio::{Rate, SCOPE_PERSONS, TerminationKey};
use rollcall_emulators::{Fault, FaultKind, People, PersonioEmulator, PersonioOptions};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const FORM: &str = "grant_type=client_credentials&client_id=demo-client&client_secret=demo-secret";

struct Session {
    emulator: PersonioEmulator,
    client: Client,
    token: String,
}

impl Session {
    async fn start(count: u64, options: PersonioOptions) -> Self {
        let emulator = PersonioEmulator::start(People::generate(7, count), options).await;
        let client = client();
        let (status, body) = token(&emulator, &client, FORM).await;
        assert_eq!((status, &body["token_type"]), (200, &json!("Bearer")));
        let token = body["access_token"].as_str().unwrap().to_owned();
        Self { emulator, client, token }
    }

    async fn get(&self, target: &str) -> (u16, Value) {
        let base = if target.starts_with("http") { String::new() } else { self.emulator.base_url() };
        let url = format!("{base}{target}");
        send(self.client.get(url).bearer_auth(&self.token)).await
    }
}

async fn token(emulator: &PersonioEmulator, client: &Client, form: &'static str) -> (u16, Value) {
    let url = format!("{}/v2/auth/token", emulator.base_url());
    let kind = "application/x-www-form-urlencoded";
    send(client.post(url).header("content-type", kind).body(form)).await
}

fn next(body: &Value) -> Option<String> {
    body.pointer("/_meta/links/next/href").and_then(Value::as_str).map(str::to_owned)
}

#[tokio::test]
async fn tokens() {
    let session = Session::start(3, PersonioOptions::default()).await;
    let wrong = "grant_type=client_credentials&client_id=demo-client&client_secret=no";
    let (status, body) = token(&session.emulator, &session.client, wrong).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_client")));
    let url = format!("{}/v2/auth/token", session.emulator.base_url());
    let (status, body) = send(session.client.post(url).json(&json!({}))).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
    assert_eq!(session.get("/v2/persons").await.0, 200);
    session.emulator.fail(Fault::new(FaultKind::ExpireToken).on("GET", "/v2/persons").times(1));
    let (status, body) = session.get("/v2/persons").await;
    assert_eq!((status, &body["errors"][0]["title"]), (401, &json!("Unauthorized")));
    let session = Session::start(3, PersonioOptions::default()).await;
    session.emulator.state().withdraw_scope(SCOPE_PERSONS);
    assert_eq!(session.get("/v2/persons").await.0, 401);
}

#[tokio::test]
async fn pages_and_cursor() {
    let session = Session::start(120, PersonioOptions::default()).await;
    assert_eq!(session.get("/v2/persons?limit=51").await.0, 400);
    assert_eq!(session.get("/v2/persons?updated_since=2025-01-01").await.0, 400);
    assert_eq!(session.get("/v2/persons").await.1["_data"].as_array().unwrap().len(), 10);
    let mut ids = BTreeSet::new();
    let mut target = Some("/v2/persons?limit=50&status=ACTIVE".to_owned());
    while let Some(page) = target {
        let (status, body) = session.get(&page).await;
        assert_eq!(status, 200);
        for person in body["_data"].as_array().unwrap() {
            assert_eq!(person["status"], "ACTIVE");
            assert!(ids.insert(person["id"].as_str().unwrap().to_owned()));
        }
        target = next(&body);
        if let Some(link) = &target {
            assert!(link.contains("cursor=cur_%2B"), "{link}");
            assert_eq!(session.get(&link.replace("%2B", "+")).await.0, 400);
        }
    }
    let active = session.emulator.state().people.iter().filter(|p| p.is_active()).count();
    assert_eq!(ids.len(), active);
    let gone = People::id_of(1);
    session.emulator.state().people.remove(gone);
    assert_eq!(session.get(&format!("/v2/persons/{gone}")).await.0, 404);
    let stuck = FaultKind::StuckCursor;
    session.emulator.fail(Fault::new(stuck).on("GET", "/v2/persons"));
    let second = next(&session.get("/v2/persons").await.1).unwrap();
    assert_eq!(next(&session.get(&second).await.1), Some(second));
}

#[tokio::test]
async fn filters() {
    let session = Session::start(30, PersonioOptions::default()).await;
    let (a, b) = (People::id_of(3), People::id_of(4));
    let found = session.get(&format!("/v2/persons?id={a},{b}")).await.1;
    assert_eq!(found["_data"].as_array().unwrap().len(), 2);
    let email = found["_data"][0]["email"].as_str().unwrap();
    let found = session.get(&format!("/v2/persons?email={email}")).await.1;
    assert_eq!(found["_data"][0]["id"], a.to_string());
    let before = jiff::Timestamp::now();
    session.emulator.state().people.update(b, |person| person.first_name = "New".into());
    session.emulator.state().people.update_employment(a, |one| one.position = "New".into());
    let found = session.get(&format!("/v2/persons?updated_at.gt={before}")).await.1;
    let ids: Vec<_> = found["_data"].as_array().unwrap().iter().map(|p| &p["id"]).collect();
    assert_eq!(ids, [&json!(b.to_string())], "an employment does not move the person");
    assert_eq!(session.get("/v2/persons?updated_at.gt=soon").await.0, 400);
}

#[tokio::test]
async fn employments_and_lookups() {
    let session = Session::start(30, PersonioOptions::default()).await;
    let (even, odd) = (People::id_of(20), People::id_of(25));
    for id in [even, odd] {
        session.emulator.state().people.leave(id, None);
    }
    let today = session.emulator.state().people.today().to_string();
    let (_, body) = session.get(&format!("/v2/persons/{even}/employments")).await;
    assert_eq!(body["_data"].as_array().unwrap().len(), 2, "with history");
    assert_eq!(body["_data"][0]["termination"]["last_working_day"], today);
    let (_, body) = session.get(&format!("/v2/persons/{odd}/employments")).await;
    assert_eq!(body["_data"][0]["termination"]["last_working_date"], today);
    assert_eq!(body["_data"][0]["termination"].get("last_working_day"), None);
    session.emulator.state().options.termination_key = TerminationKey::Day;
    let one = body["_data"][0]["id"].as_str().unwrap();
    let (_, body) = session.get(&format!("/v2/persons/{odd}/employments/{one}")).await;
    assert_eq!(body["termination"]["last_working_day"], today);
    assert_eq!(session.get("/v2/cost-centers").await.0, 404, "beta");
    let url = format!("{}/v2/cost-centers?limit=50", session.emulator.base_url());
    let request = session.client.get(url).bearer_auth(&session.token).header("Beta", "true");
    assert_eq!(send(request).await.1["_data"].as_array().unwrap().len(), 12);
    let (_, body) = session.get("/v2/org-units?limit=50").await;
    assert_eq!(body["_data"].as_array().unwrap().len(), 36);
    assert_eq!(session.get("/v2/legal-entities").await.1["_data"][0]["name"], "Example GmbH");
}

#[tokio::test]
async fn buckets_and_batches() {
    let rate = Some(Rate { per_second: 0.001, burst: 2 });
    let session = Session::start(9, PersonioOptions { rate, ..PersonioOptions::default() }).await;
    assert_eq!(session.get("/v2/persons").await.0, 200);
    assert_eq!(session.get("/v2/persons").await.0, 200);
    let url = format!("{}/v2/persons", session.emulator.base_url());
    let response = session.client.get(url).bearer_auth(&session.token).send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["x-ratelimit-remaining"], "0");
    assert!(!response.headers().contains_key("retry-after"));
    assert_eq!(session.get("/v2/org-units").await.0, 200, "a bucket of its own");
    let url = format!("{}/_emulator/people", session.emulator.base_url());
    let operation = json!({ "op": "join", "count": 2 });
    let (_, body) = send(session.client.post(&url).json(&operation)).await;
    assert_eq!(body["changes"][1]["id"], People::id_of(11));
    let operation = json!({ "op": "leave", "ids": [People::id_of(9)], "date": "2026-03-01" });
    send(session.client.post(&url).json(&operation)).await;
    let state = session.emulator.state();
    let leaver = state.people.get(People::id_of(9)).unwrap();
    assert_eq!(leaver.leaves_on(), Some(jiff::civil::date(2026, 3, 1)));
    assert!(leaver.is_active());
}

#[tokio::test]
async fn fields_are_left_out_of_every_row() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let options = PersonioOptions {
        omit_from_persons: names(&["status"]),
        omit_from_employments: names(&["supervisor", "cost_centers"]),
        ..PersonioOptions::default()
    };
    let session = Session::start(9, options).await;
    let id = People::id_of(9);
    let (_, person) = session.get(&format!("/v2/persons/{id}")).await;
    assert_eq!((person.get("status"), &person["id"]), (None, &json!(id.to_string())));
    assert_eq!(session.get("/v2/persons").await.1["_data"][0].get("status"), None);
    let (_, body) = session.get(&format!("/v2/persons/{id}/employments")).await;
    let employment = &body["_data"][0];
    assert_eq!((employment.get("supervisor"), employment.get("cost_centers")), (None, None));
    assert_eq!(employment["status"], "ACTIVE", "only where it was asked for");
    session.emulator.state().options.omit_from_employments.clear();
    let (_, body) = session.get(&format!("/v2/persons/{id}/employments")).await;
    assert_eq!(body["_data"][0]["supervisor"]["id"], People::id_of(3).to_string());
}

#[tokio::test]
async fn employments_of_one_person_come_back_empty_with_200() {
    let session = Session::start(9, PersonioOptions::default()).await;
    let (of_one, of_another) = (People::id_of(1), People::id_of(2));
    let fault = Fault::new(FaultKind::EmptyList).on("GET", "/v2/persons/{id}/employments");
    session.emulator.fail(fault.containing(&format!("/{of_one}/")));
    let (status, body) = session.get(&format!("/v2/persons/{of_one}/employments")).await;
    assert_eq!((status, &body["_data"], next(&body)), (200, &json!([]), None));
    let (_, body) = session.get(&format!("/v2/persons/{of_another}/employments")).await;
    assert_eq!(body["_data"].as_array().unwrap().len(), 1);
}
