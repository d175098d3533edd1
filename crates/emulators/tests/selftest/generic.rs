//! The invented system, as ledger and as campus.

use super::{client, send};
use reqwest::{Client, Method};
use rollcall_emulators::generic::{
    CAMPUS_DEFINITION, Dependents, EmailFilter, GenericState, LEDGER_DEFINITION, Paging, ROUTES, Stream,
};
use rollcall_emulators::{Fault, FaultKind, GenericEmulator, GenericOptions, People};
use serde_json::{Value, json};

struct Session {
    emulator: GenericEmulator,
    client: Client,
}

impl Session {
    async fn start(options: GenericOptions) -> Self {
        Self { emulator: GenericEmulator::start(options).await, client: client() }
    }

    /// Twelve people in pages of five.
    async fn with_people(paging: Paging) -> Self {
        let session = Self::start(GenericOptions { paging, page_size: 5, ..GenericOptions::campus() }).await;
        session.emulator.state().populate(&People::generate(7, 12));
        session
    }

    async fn send(&self, method: Method, target: &str, body: Option<Value>) -> (u16, Value) {
        let base = if target.starts_with("http") { String::new() } else { self.emulator.base_url() };
        let request = self.client.request(method, format!("{base}{target}")).header("X-Key", "demo-key");
        send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    async fn get(&self, target: &str) -> (u16, Value) {
        self.send(Method::GET, target, None).await
    }

    async fn post(&self, target: &str, body: Value) -> (u16, Value) {
        self.send(Method::POST, target, Some(body)).await
    }

    async fn patch(&self, target: &str, body: Value) -> (u16, Value) {
        self.send(Method::PATCH, target, Some(body)).await
    }

    async fn delete(&self, target: &str) -> u16 {
        self.send(Method::DELETE, target, None).await.0
    }

    /// The ids of a stream as a client reads them to the end, and the totals of its pages.
    async fn ids(&self, stream: &str, paging: Paging) -> (Vec<String>, Vec<Value>) {
        let (mut ids, mut totals) = (Vec::new(), Vec::new());
        let mut target = format!("/{stream}");
        loop {
            let (status, page) = self.get(&target).await;
            assert_eq!(status, 200);
            let rows = page["rows"].as_array().unwrap();
            ids.extend(rows.iter().map(|row| row["id"].as_str().unwrap_or("none").to_owned()));
            totals.push(page["total"].clone());
            target = match paging {
                Paging::OnePage => return (ids, totals),
                Paging::Offset if rows.is_empty() => return (ids, totals),
                Paging::Offset => format!("/{stream}?offset={}&limit=5", ids.len()),
                Paging::NextLink => match page["next"].as_str() {
                    Some(next) => next.to_owned(),
                    None => return (ids, totals),
                },
            };
        }
    }
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|id| id.to_string()).collect()
}

#[tokio::test]
async fn rows_are_created_read_changed_and_deleted() {
    let session = Session::start(GenericOptions { first_id: 100, ..GenericOptions::campus() }).await;
    let (status, officer) = session.post("/officers", json!({ "name": "North" })).await;
    assert_eq!((status, &officer["id"]), (201, &json!("100")), "each stream counts from the first id");
    let ada =
        json!({ "name": "Ada Moore", "email": "ada@example.test", "officerId": "100", "hobby": { "a": 1, "b": 2 } });
    let (status, made) = session.post("/people", ada).await;
    assert_eq!((status, &made["id"], &made["active"]), (201, &json!("100"), &json!(true)));
    assert_eq!(made["phone"], json!(null), "every column is delivered");
    let (status, changed) =
        session.patch("/people/100", json!({ "email": null, "active": false, "hobby": { "a": null } })).await;
    assert_eq!((status, &changed["email"], &changed["active"]), (200, &json!(null), &json!(false)));
    assert_eq!((&changed["hobby"], &changed["name"]), (&json!({ "b": 2 }), &json!("Ada Moore")));
    assert!(changed.as_object().unwrap().contains_key("email"), "an emptied column stays");
    assert_eq!(session.get("/people/100").await, (200, changed));
    for (switch, active) in [("enable", true), ("disable", false), ("disable", false)] {
        assert_eq!(session.post(&format!("/people/100/{switch}"), json!({})).await.0, 204);
        assert_eq!(session.get("/people/100").await.1["active"], active);
    }
    assert_eq!(session.post("/people/101/enable", json!({})).await.0, 404);
    assert_eq!(session.post("/officers/100/enable", json!({})).await.0, 404, "only people");
    assert_eq!(session.delete("/people/100").await, 204);
    assert_eq!(session.get("/people/100").await.0, 404);
    assert_eq!(session.delete("/people/100").await, 404);
    assert_eq!(session.post("/people", json!({ "name": "Ben" })).await.1["id"], "101", "no id is given twice");
}

#[tokio::test]
async fn requests_that_make_no_sense_change_nothing() {
    let session = Session::start(GenericOptions::campus()).await;
    session.post("/people", json!({ "name": "Ada" })).await;
    let before = session.emulator.state().snapshot();
    for body in [
        json!([]),
        json!({}),
        json!({ "name": null }),
        json!({ "name": 7 }),
        json!({ "name": "B", "id": "9" }),
        json!({ "name": "B", "startDate": "2026-02-30" }),
        json!({ "name": "B", "active": "yes" }),
        json!({ "name": "B", "salary": "1" }),
        json!({ "name": "B", "officerId": "1" }),
    ] {
        let (status, answer) = session.post("/people", body).await;
        assert_eq!((status, &answer["error"]), (400, &json!("invalid")));
    }
    assert_eq!(session.patch("/people/1", json!({ "email": "new@example.test", "id": "2" })).await.0, 400);
    assert_eq!(session.patch("/people/x", json!({})).await.0, 404);
    assert_eq!(session.post("/placements", json!({ "personId": "2", "type": "A" })).await.0, 400);
    assert_eq!(session.get("/people?offset=-1").await.0, 400);
    assert_eq!(session.get("/people?cursor=1.0").await.0, 400, "not with this paging");
    assert_eq!(session.get("/teams").await.0, 404);
    let url = format!("{}/people/1", session.emulator.base_url());
    assert_eq!(send(session.client.delete(&url)).await.0, 401, "no key");
    assert_eq!(send(session.client.delete(&url).header("X-Key", "other")).await.0, 401);
    assert_eq!(session.emulator.state().snapshot(), before);
}

#[tokio::test]
async fn every_paging_delivers_every_row_once() {
    let session = Session::with_people(Paging::OnePage).await;
    let (_, page) = session.get("/people?offset=12&limit=5").await;
    assert_eq!(page["rows"].as_array().unwrap().len(), 12, "a system without pages knows no position");
    for paging in [Paging::Offset, Paging::NextLink, Paging::OnePage] {
        let session = Session::with_people(paging).await;
        let (ids, totals) = session.ids("people", paging).await;
        assert_eq!(ids, numbers(1..=12), "{paging:?}");
        assert!(totals.iter().all(|total| total == 12));
        session.emulator.state().options.declares_total = false;
        let (ids, totals) = session.ids("people", paging).await;
        assert_eq!(ids, numbers(1..=12));
        assert!(totals.iter().all(Value::is_null));
    }
}

#[tokio::test]
async fn an_email_address_is_looked_up_ignored_or_refused() {
    let session = Session::with_people(Paging::NextLink).await;
    let email = session.emulator.state().row(Stream::People, 3).unwrap()["email"].as_str().unwrap().to_uppercase();
    let target = format!("/people?email={email}");
    let (_, found) = session.get(&target).await;
    assert_eq!((&found["total"], &found["rows"][0]["id"]), (&json!(1), &json!("3")));
    assert_eq!(session.get("/people?email=nobody").await.1, json!({ "rows": [], "total": 0 }));
    session.emulator.state().options.email_filter = EmailFilter::Ignored;
    let (_, all) = session.get(&target).await;
    assert_eq!((&all["total"], all["rows"].as_array().unwrap().len()), (&json!(12), 5));
    session.emulator.state().options.email_filter = EmailFilter::Refused;
    assert_eq!(session.get(&target).await.0, 400);
}

#[tokio::test]
async fn an_email_address_that_is_taken_is_a_conflict_where_it_is_unique() {
    let session = Session::start(GenericOptions::campus()).await;
    session.post("/people", json!({ "name": "A", "email": "a@example.test" })).await;
    session.post("/people", json!({ "name": "B", "email": "b@example.test" })).await;
    let taken = json!({ "name": "C", "email": "A@example.test" });
    assert_eq!(session.post("/people", taken.clone()).await.0, 409);
    assert_eq!(session.patch("/people/2", json!({ "email": "a@example.test" })).await.0, 409);
    assert_eq!(session.patch("/people/1", json!({ "email": "A@example.test" })).await.0, 200, "one's own");
    session.emulator.state().options.unique_email = false;
    assert_eq!(session.post("/people", taken).await.0, 201);
    session.emulator.state().options.unique_email = true;
    let race = FaultKind::CreateRace { external_id: None };
    session.emulator.fail(Fault::new(race).on("POST", "/people").times(1));
    assert_eq!(session.post("/people", json!({ "name": "D", "email": "d@example.test" })).await.0, 409);
}

#[tokio::test]
async fn written_values_are_normalised_where_the_system_does_so() {
    let session = Session::start(GenericOptions { normalises: true, ..GenericOptions::ledger() }).await;
    let (_, made) = session.post("/people", json!({ "name": " Ada  Moore ", "phone": " 1 2 " })).await;
    assert_eq!((&made["name"], &made["phone"]), (&json!("ADA  MOORE"), &json!("1 2")));
}

#[tokio::test]
async fn what_depends_on_a_deleted_row_follows_or_prevents_it() {
    let session = Session::start(GenericOptions::ledger()).await;
    session.post("/officers", json!({ "name": "North" })).await;
    session.post("/people", json!({ "name": "Ada", "officerId": "1" })).await;
    session.post("/placements", json!({ "personId": "1", "type": "A", "startDate": "2026-01-01" })).await;
    session.emulator.state().options.dependents = Dependents::Prevent;
    assert_eq!((session.delete("/people/1").await, session.delete("/officers/1").await), (409, 409));
    session.emulator.state().options.dependents = Dependents::FollowAlong;
    assert_eq!(session.delete("/officers/1").await, 204);
    assert_eq!(session.get("/people/1").await.1["officerId"], json!(null));
    assert_eq!(session.delete("/people/1").await, 204);
    assert_eq!(session.get("/placements").await.1, json!({ "rows": [], "total": 0 }));
}

#[tokio::test]
async fn a_row_that_comes_and_one_that_goes_between_two_pages_hide_a_third() {
    let session = Session::with_people(Paging::Offset).await;
    session.emulator.state().exchange_after_pages(Stream::People, 1, json!({ "name": "New" }), 2);
    let (ids, totals) = session.ids("people", Paging::Offset).await;
    let expected: Vec<String> = numbers(1..=13).into_iter().filter(|id| id != "6").collect();
    assert_eq!(ids, expected, "6 moved to a page that had been read");
    assert!(totals.iter().all(|total| total == 12), "and no total shows it");
    let (ids, _) = session.ids("people", Paging::Offset).await;
    assert_eq!(ids.len(), 12, "it happens once");
    let session = Session::with_people(Paging::NextLink).await;
    session.emulator.state().after_pages(Stream::People, 2, |state| assert!(state.remove(Stream::People, 2)));
    let (ids, _) = session.ids("people", Paging::NextLink).await;
    assert_eq!(ids, numbers(1..=12), "links do not move");
    assert_eq!(session.get("/people/2").await.0, 404);
}

#[tokio::test]
async fn lists_that_lie() {
    for paging in [Paging::Offset, Paging::NextLink] {
        let session = Session::with_people(paging).await;
        let mut twice = numbers(1..=12);
        twice.insert(5, "5".to_owned());
        session.emulator.state().options.delivered_twice = vec![(Stream::People, 5)];
        let (ids, totals) = session.ids("people", paging).await;
        assert_eq!((ids, &totals[0]), (twice, &json!(13)));
        session.emulator.state().options.delivered_twice.clear();
        session.emulator.state().options.list_ends_after = Some(7);
        let (ids, totals) = session.ids("people", paging).await;
        assert_eq!((ids, &totals[0]), (numbers(1..=7), &json!(12)));
    }
    let session = Session::with_people(Paging::NextLink).await;
    session.emulator.fail(Fault::new(FaultKind::EmptyList).on("GET", "/people").times(1));
    assert_eq!(session.get("/people").await.1, json!({ "rows": [], "total": 0 }));
    session.emulator.fail(Fault::new(FaultKind::StuckCursor).on("GET", "/people"));
    let next = |page: Value| page["next"].as_str().unwrap().to_owned();
    let second = next(session.get("/people").await.1);
    assert_eq!(next(session.get(&second).await.1), second);
}

#[tokio::test]
async fn fields_are_left_out_of_every_row_and_rows_may_be_anything() {
    let session = Session::with_people(Paging::OnePage).await;
    {
        let mut state = session.emulator.state();
        state.options.omit_fields = vec!["active".to_owned()];
        state.set(Stream::People, 1, "email", json!({ "not": "a text" }));
        state.edit(Stream::People, 2, |row| *row = json!("nonsense"));
        state.edit(Stream::People, 3, |row| row["id"] = json!(3));
        state.insert(Stream::Officers, json!([1]));
    }
    let (_, page) = session.get("/people").await;
    assert!(page["rows"].as_array().unwrap().iter().all(|row| row.get("active").is_none()));
    assert_eq!(page["rows"][0]["email"], json!({ "not": "a text" }));
    assert_eq!((&page["rows"][1], &page["rows"][2]["id"]), (&json!("nonsense"), &json!(3)));
    assert_eq!(session.get("/people/1").await.1.get("active"), None);
    assert_eq!(session.get("/officers/4").await.1, json!([1]));
    let (status, _) = session.patch("/people/1", json!({ "phone": "1" })).await;
    assert_eq!(status, 200, "a malformed value does not get in the way of another one");
    assert_eq!(session.patch("/people/2", json!({ "phone": "1" })).await.0, 409);
    assert_eq!(session.emulator.state().row(Stream::People, 1).unwrap()["active"], true, "it is kept all the same");
}

#[tokio::test]
async fn what_administrators_do_behind_the_api() {
    let session = Session::with_people(Paging::OnePage).await;
    let mut state = session.emulator.state();
    let email = |state: &GenericState, id| state.row(Stream::People, id).unwrap()["email"].clone();
    let (first, second) = (email(&state, 1), email(&state, 2));
    assert!(state.swap(Stream::People, "email", 1, 2));
    assert_eq!((email(&state, 1), email(&state, 2)), (second, first));
    let placements = |state: &GenericState, person: &str| {
        state.rows(Stream::Placements).filter(|(_, row)| row["personId"] == person).count()
    };
    assert_eq!(placements(&state, "5"), 2);
    assert!(state.change_id(Stream::People, 5, 50));
    assert_eq!((placements(&state, "5"), placements(&state, "50")), (0, 2));
    assert_eq!(state.row(Stream::People, 50).unwrap()["id"], "50");
    assert!(!state.change_id(Stream::People, 6, 50), "taken");
    assert_eq!(state.insert(Stream::People, json!({ "name": "New" })), 51);
    assert!(!state.set(Stream::People, 99, "phone", json!("1")));
}

#[tokio::test]
async fn equal_states_have_equal_snapshots() {
    let (one, other) = (Session::start(GenericOptions::ledger()).await, Session::start(GenericOptions::campus()).await);
    one.post("/people", json!({ "name": "Ada", "more": { "b": 1, "a": [2] } })).await;
    other.post("/people", json!({ "more": { "a": [2], "b": 1 }, "name": "Ada" })).await;
    let snapshot = |session: &Session| session.emulator.state().snapshot().to_string();
    assert_eq!(snapshot(&one), snapshot(&other));
    one.patch("/people/1", json!({ "active": false })).await;
    assert_ne!(snapshot(&one), snapshot(&other));
}

#[tokio::test]
async fn the_definitions_name_every_route_and_every_column() {
    let session = Session::with_people(Paging::OnePage).await;
    let snapshot = session.emulator.state().snapshot();
    for definition in [LEDGER_DEFINITION, CAMPUS_DEFINITION] {
        for route in ROUTES {
            let named = [format!("path: {route},"), format!("path: {route}}}"), format!("path: \"{route}\"")];
            assert!(named.iter().any(|text| definition.contains(text)), "{route}");
        }
        let rows = snapshot.as_object().unwrap().values().map(|rows| rows[0].as_object().unwrap());
        for column in rows.flat_map(|row| row.keys()) {
            let named = [format!("{column}: {{path: {column}}}"), format!("parent: {column}\n")];
            assert!(named.iter().any(|text| definition.contains(text)), "{column}");
        }
    }
}

#[tokio::test]
async fn the_control_api_shows_and_changes_rows() {
    let session = Session::with_people(Paging::OnePage).await;
    for (operation, status) in [
        (json!({ "op": "create", "stream": "officers", "row": { "name": "New" } }), 200),
        (json!({ "op": "edit", "stream": "people", "id": 1, "set": { "active": false } }), 200),
        (json!({ "op": "delete", "stream": "people", "id": 2 }), 200),
        (json!({ "op": "delete", "stream": "people", "id": 2 }), 400),
        (json!({ "op": "delete", "stream": "teams", "id": 1 }), 400),
        (json!({ "op": "explode" }), 400),
    ] {
        assert_eq!(session.post("/_emulator/rows", operation).await.0, status);
    }
    let (_, rows) = session.get("/_emulator/rows").await;
    assert_eq!((&rows["people"][0]["active"], &rows["people"][1]["id"]), (&json!(false), &json!("3")));
    let (_, state) = session.get("/_emulator/state").await;
    assert_eq!(
        (&state["emulator"], &state["people"]["total"], &state["officers"]),
        (&json!("campus"), &json!(11), &json!(4))
    );
    assert_eq!(state["writes_total"], 0, "what is done by hand is no request");
}
