//! Pauses and the journal: what a client that dies in the middle leaves behind.

use super::{client, send};
use reqwest::{Client, Method};
use rollcall_emulators::generic::Stream;
use rollcall_emulators::{
    Fault, FaultKind, GenericEmulator, GenericOptions, Moment, People, PersonioEmulator, PersonioOptions, Point,
    TravelPerkEmulator, TravelPerkOptions,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

async fn campus() -> (GenericEmulator, Client) {
    (GenericEmulator::start(GenericOptions::campus()).await, client())
}

/// Creates so many officers one after the other, as a client that can be killed.
fn creating(emulator: &GenericEmulator, client: &Client, count: usize) -> JoinHandle<()> {
    let (url, client) = (format!("{}/officers", emulator.base_url()), client.clone());
    tokio::spawn(async move {
        for number in 0..count {
            let body = json!({ "name": format!("Officer {number}") });
            let _ = client.post(&url).header("X-Key", "demo-key").json(&body).send().await;
        }
    })
}

async fn officers(emulator: &GenericEmulator, client: &Client) -> (u16, Value) {
    let url = format!("{}/officers", emulator.base_url());
    send(client.get(url).header("X-Key", "demo-key")).await
}

fn kept(emulator: &GenericEmulator) -> usize {
    emulator.state().rows(Stream::Officers).count()
}

#[tokio::test]
async fn a_client_that_dies_before_the_nth_request_takes_effect_leaves_the_ones_before() {
    for nth in 1..=3 {
        let (emulator, client) = campus().await;
        let mut pause = emulator.stop_at(nth, Moment::Before);
        let run = creating(&emulator, &client, 3);
        pause.reached().await;
        run.abort();
        let _ = run.await;
        drop(pause);
        assert_eq!(officers(&emulator, &client).await.0, 200, "the next client is served");
        assert_eq!(kept(&emulator) as u64, nth - 1);
    }
}

#[tokio::test]
async fn a_client_that_dies_after_the_nth_request_took_effect_leaves_that_one_too() {
    for nth in 1..=3 {
        let (emulator, client) = campus().await;
        let mut pause = emulator.stop_at(nth, Moment::After);
        let run = creating(&emulator, &client, 3);
        pause.reached().await;
        assert_eq!(kept(&emulator) as u64, nth);
        run.abort();
        let _ = run.await;
        drop(pause);
        assert_eq!(officers(&emulator, &client).await.0, 200);
        assert_eq!(kept(&emulator) as u64, nth);
    }
}

#[tokio::test]
async fn a_request_that_is_released_takes_effect_even_when_its_client_is_gone() {
    let (emulator, client) = campus().await;
    let mut pause = emulator.pause_at(1, Moment::Before);
    let run = creating(&emulator, &client, 1);
    pause.reached().await;
    run.abort();
    let _ = run.await;
    assert_eq!(kept(&emulator), 0);
    pause.release().await;
    assert_eq!(kept(&emulator), 1);
}

#[tokio::test]
async fn a_client_that_waits_gets_its_answer_on_release_and_none_on_a_cut() {
    let (emulator, client) = campus().await;
    for moment in [Moment::Before, Moment::After] {
        let mut pause = emulator.pause_at(1, moment);
        let (answer, ()) = tokio::join!(officers(&emulator, &client), async {
            pause.reached().await;
            pause.release().await;
        });
        assert_eq!(answer.0, 200);
        let mut pause = emulator.pause_at(1, moment);
        let url = format!("{}/officers", emulator.base_url());
        let (answer, ()) = tokio::join!(client.get(url).header("X-Key", "demo-key").send(), async move {
            pause.reached().await;
        });
        assert!(answer.is_err());
    }
    let journal = emulator.journal();
    assert_eq!(journal.iter().map(|entry| entry.status).collect::<Vec<_>>(), [Some(200), None, Some(200), Some(200)]);
}

#[tokio::test]
async fn one_request_is_held_and_others_pass_unless_the_world_stands_still() {
    let (emulator, client) = campus().await;
    let mut pause = emulator.pause(Point::new(2, Moment::Before).on("POST", "/officers"));
    let run = creating(&emulator, &client, 2);
    pause.reached().await;
    assert_eq!(officers(&emulator, &client).await.1["rows"].as_array().unwrap().len(), 1);
    pause.release().await;
    run.await.unwrap();
    let mut pause = emulator.stop_at(1, Moment::After);
    let run = creating(&emulator, &client, 1);
    pause.reached().await;
    let (answer, ()) = tokio::join!(officers(&emulator, &client), async {
        while emulator.requests("GET", "/officers") < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(emulator.journal().last().unwrap().status, None, "held as well");
        pause.release().await;
    });
    assert_eq!(answer.1["rows"].as_array().unwrap().len(), 3);
    run.await.unwrap();
}

#[tokio::test]
async fn a_pause_that_nobody_keeps_holds_nothing() {
    let (emulator, client) = campus().await;
    drop(emulator.pause_at(1, Moment::Before));
    let unreached = emulator.pause_at(2, Moment::Before);
    assert_eq!(officers(&emulator, &client).await.0, 200);
    assert!(!unreached.is_reached());
    unreached.release().await;
    assert_eq!(officers(&emulator, &client).await.0, 200);
}

#[tokio::test]
async fn an_emulator_that_is_stopped_lets_go_of_what_it_holds() {
    let (emulator, client) = campus().await;
    let mut pause = emulator.pause_at(1, Moment::Before);
    let run = creating(&emulator, &client, 1);
    pause.reached().await;
    emulator.stop().await;
    run.await.unwrap();
    pause.release().await;
}

#[tokio::test]
async fn the_journal_has_every_request_in_order() {
    let (emulator, client) = campus().await;
    let base = emulator.base_url();
    emulator.fail(
        Fault::new(FaultKind::Status { code: 503, retry_after: None, body: None }).on("PATCH", "/officers/{id}").nth(1),
    );
    let request = |method: Method, path: &str| client.request(method, format!("{base}{path}"));
    send(request(Method::POST, "/officers").header("X-Key", "demo-key").json(&json!({ "name": "A" }))).await;
    send(request(Method::PATCH, "/officers/1").header("X-Key", "demo-key").json(&json!({ "name": "B" }))).await;
    send(request(Method::GET, "/officers/1?x=2")).await;
    let seen: Vec<_> = emulator
        .journal()
        .into_iter()
        .map(|entry| (entry.number, entry.method, entry.route, entry.id, entry.body, entry.status))
        .collect();
    let id = Some("1".to_owned());
    let one = "/officers/{id}".to_owned();
    assert_eq!(
        seen,
        [
            (1, "POST".to_owned(), "/officers".to_owned(), None, Some(json!({ "name": "A" })), Some(201)),
            (2, "PATCH".to_owned(), one.clone(), id.clone(), Some(json!({ "name": "B" })), None),
            (3, "GET".to_owned(), one, id, None, Some(401)),
        ]
    );
    assert_eq!(emulator.writes().len(), 1, "what was not performed is no write");
    let (_, listed) = send(request(Method::GET, "/_emulator/journal")).await;
    assert_eq!(listed.as_array().unwrap().len(), 3, "the control API is not in it");
    emulator.reset_counters();
    assert!(emulator.journal().is_empty());
}

#[tokio::test]
async fn the_other_emulators_pause_and_keep_a_journal_as_well() {
    let client = client();
    let travelperk = TravelPerkEmulator::start(TravelPerkOptions::default()).await;
    let mut pause = travelperk.pause_at(1, Moment::After);
    let user = json!({ "userName": "a@example.test", "name": { "givenName": "A", "familyName": "B" } });
    let request = client.post(format!("{}/Users", travelperk.scim_url())).bearer_auth("demo-key").json(&user);
    let (answer, ()) = tokio::join!(request.send(), async {
        pause.reached().await;
        assert_eq!(travelperk.state().accounts().count(), 1);
        drop(pause);
    });
    assert!(answer.is_err());
    assert_eq!(travelperk.journal()[0].status, Some(201));
    let personio = PersonioEmulator::start(People::generate(7, 1), PersonioOptions::default()).await;
    let mut pause = personio.pause(Point::new(1, Moment::Before).on("GET", "/v2/persons/{id}"));
    let request = client.get(format!("{}/v2/persons/100001", personio.base_url()));
    let (answer, ()) = tokio::join!(send(request), async {
        pause.reached().await;
        pause.release().await;
    });
    assert_eq!(answer.0, 401);
    assert_eq!(personio.journal()[0].id.as_deref(), Some("100001"));
}
