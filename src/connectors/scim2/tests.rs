//! Reading and writing people by SCIM, with servers of different abilities.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::connectors::testing::{Reply, Server, fields, names, row_ids};
use crate::connectors::{ConnectorError, ErrorKind, Found, Known, System, Thoroughness, factory};
use rollcall_api::reasons;
use rollcall_engine::model::{Fields, Read, ReadProof, Row};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const TRAVELPERK: &str = "urn:ietf:params:scim:schemas:extension:travelperk:2.0:User";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const USERS: &str = "GET /Users";

/// The people of a system.
struct People(Arc<dyn System>);

impl People {
    async fn read(&self, wanted: &[&str], thoroughness: Thoroughness) -> Read {
        self.0.read(&"people".into(), &names(wanted), thoroughness, &|_, _| {}).await.unwrap()
    }

    async fn find(&self, field: &str, value: &str) -> Result<Found, ConnectorError> {
        self.0.find(&"people".into(), &field.into(), value, &[]).await
    }

    async fn get(&self, id: &str) -> Known {
        self.0.get(&"people".into(), &[id.into()], &names(&["userName"])).await.unwrap().remove(id).unwrap()
    }

    async fn create(&self, fields: &Fields) -> Result<Row, ConnectorError> {
        self.0.create(&"people".into(), fields, None).await
    }

    async fn update(&self, id: &str, changes: &Fields, active: Option<bool>) -> Result<(), ConnectorError> {
        self.0.update(&"people".into(), &id.into(), changes, active).await
    }

    async fn delete(&self, id: &str) -> Result<(), ConnectorError> {
        self.0.delete(&"people".into(), &id.into()).await
    }
}

async fn start(features: Value) -> (Server, People) {
    let server = Server::start().await;
    server.on("GET /ServiceProviderConfig", [Reply::Json(200, features)]);
    let people = People(factory::system(server.config("travelperk")).unwrap());
    (server, people)
}

fn user(id: &str, name: &str) -> Value {
    json!({"id": id, "userName": name, "active": "False", "name": {"givenName": "Ada", "middleName": ""},
        ENTERPRISE: {"manager": {"value": 12}}, TRAVELPERK: {"invoiceProfiles": [{"value": "Example GmbH"}]}})
}

fn list(total: u64, users: &[Value]) -> Reply {
    Reply::Json(200, json!({"totalResults": total, "startIndex": 1, "itemsPerPage": users.len(), "Resources": users}))
}

#[tokio::test]
async fn a_list_is_read_with_the_server_s_page_size_and_advances_by_what_came() {
    let (server, people) = start(json!({"filter": {"supported": true, "maxResults": 2}})).await;
    server.on(USERS, [list(3, &[user("1", "a@x"), user("2", "b@x")]), list(3, &[user("3", "c@x")])]);
    let wanted = ["userName", "givenName", "manager", "company"];
    let read = people.read(&wanted, Thoroughness::Once).await;
    assert_eq!((read.rows.len(), read.proof), (3, ReadProof::ByPosition));
    let expected = fields(&[
        ("userName", json!("a@x")),
        ("givenName", json!("Ada")),
        ("manager", json!("12")),
        ("company", json!("Example GmbH")),
    ]);
    assert_eq!((read.rows[0].active, read.rows[0].values()), (false, &expected));
    let queries: Vec<String> = server.received(USERS).into_iter().map(|request| request.query).collect();
    assert_eq!(queries, ["startIndex=1&count=2", "startIndex=3&count=2"]);
}

#[tokio::test]
async fn a_total_that_moves_is_read_again_and_an_empty_list_is_complete() {
    let (server, people) = start(json!({})).await;
    let (a, b, c) = (user("1", "a@x"), user("2", "b@x"), user("3", "c@x"));
    server.on(USERS, [list(2, std::slice::from_ref(&a)), list(3, &[a.clone(), b.clone()]), list(3, &[a, b, c])]);
    let read = people.read(&["userName"], Thoroughness::Once).await;
    assert_eq!((read.rows.len(), read.proof), (3, ReadProof::DeclaredTotal));

    let (server, people) = start(json!({})).await;
    server.on(USERS, [Reply::Json(200, json!({"totalResults": 0}))]);
    let read = people.read(&["userName"], Thoroughness::Once).await;
    assert_eq!((read.rows.len(), read.proof), (0, ReadProof::DeclaredTotal));
}

#[tokio::test]
async fn pages_that_are_cut_by_position_are_read_again_where_absence_counts() {
    let pages = || [list(3, &[user("1", "a@x"), user("2", "b@x")]), list(3, &[user("3", "c@x")])];
    let (server, people) = start(json!({"filter": {"maxResults": 2}})).await;
    server.on(USERS, pages()).on(USERS, pages());
    let read = people.read(&["userName"], Thoroughness::Proven).await;
    assert_eq!((read.rows.len(), read.proof, read.pages), (3, ReadProof::TwoAgreeingReads, 4));

    // Somebody was deleted and somebody was added between the pages: every total is right all the same.
    let moved = || [list(3, &[user("1", "a@x"), user("2", "b@x")]), list(3, &[user("4", "d@x")])];
    let (server, people) = start(json!({"filter": {"maxResults": 2}})).await;
    server.on(USERS, moved()).on(USERS, pages()).on(USERS, moved());
    let read = people.read(&["userName"], Thoroughness::Proven).await;
    assert_eq!((row_ids(&read.rows), read.proof), (vec!["1", "2", "4"], ReadProof::ReadsDisagree));
}

#[tokio::test]
async fn a_resource_that_is_not_what_was_described_is_a_row_with_a_fault() {
    let (server, people) = start(json!({})).await;
    let mut odd = user("1", "a@x");
    odd["active"] = json!("perhaps");
    odd["name"] = json!("Ada");
    server.on(USERS, [list(1, std::slice::from_ref(&odd))]).on("GET /Users/1", [Reply::Json(200, odd)]);
    let read = people.read(&["userName", "givenName"], Thoroughness::Proven).await;
    assert_eq!((read.rows.len(), read.proof), (1, ReadProof::DeclaredTotal));
    let row = &read.rows[0];
    assert_eq!(row.values(), &fields(&[("userName", json!("a@x"))]));
    assert!(row.is_unknown("givenName") && row.is_unknown("active") && !row.is_unknown("userName"));
    assert!(matches!(people.get("1").await, Known::Present(row) if row.is_unknown("active")));
}

#[tokio::test]
async fn lookups_escape_the_value_and_check_what_came() {
    let (server, people) = start(json!({})).await;
    server.on(USERS, [list(1, &[user("1", "a\"b\\c@x")]), list(0, &[]), list(1, &[user("1", "other@x")])]);
    let Found::Rows(rows) = people.find("userName", "A\"b\\c@x").await.unwrap() else { panic!("no answer") };
    assert_eq!(row_ids(&rows), ["1"]);
    let query = &server.received(USERS)[0].query;
    assert!(query.starts_with("filter=userName%20eq%20%22A%5C%22b%5C%5Cc%40x%22&"), "{query}");
    assert_eq!(people.find("userName", "none@x").await.unwrap(), Found::Rows(Vec::new()));
    assert_eq!(people.find("userName", "a@x").await.unwrap(), Found::NotAnswered, "a server that ignores filters");
    assert_eq!(people.find("title", "x").await.unwrap(), Found::NotAnswered);
    let (_server, people) = start(json!({"filter": {"supported": false}})).await;
    assert_eq!(people.find("userName", "a@x").await.unwrap(), Found::NotAnswered);
}

#[tokio::test]
async fn a_lookup_that_the_server_refuses_is_not_answered() {
    for word in ["invalidFilter", "invalidValue"] {
        let (server, people) = start(json!({})).await;
        server.on(USERS, [Reply::Json(400, json!({"scimType": word}))]);
        assert_eq!(people.find("userName", "a@x").await.unwrap(), Found::NotAnswered);
    }
}

#[tokio::test]
async fn a_failed_lookup_is_never_an_empty_one() {
    let mut odd = user("1", "a@x");
    odd["userName"] = json!({"value": "a@x"});
    let cases = [
        (Reply::Json(500, json!({})), ErrorKind::Transient),
        (Reply::Json(404, json!({})), ErrorKind::Configuration),
        (Reply::Json(401, json!({})), ErrorKind::Credentials),
        (list(2, &[user("1", "a@x")]), ErrorKind::Transient),
        (list(3, &[]), ErrorKind::Transient),
        (Reply::Json(200, json!({"totalResults": -1})), ErrorKind::Transient),
        (list(1, &[odd]), ErrorKind::Transient),
        (list(1, &[json!({"userName": "a@x"})]), ErrorKind::Transient),
    ];
    for (reply, kind) in cases {
        let (server, people) = start(json!({})).await;
        server.on(USERS, [reply]);
        assert_eq!(people.find("userName", "a@x").await.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn not_found_is_the_servers_own_word_and_everything_else_is_unknown() {
    let (server, people) = start(json!({})).await;
    server
        .on("GET /Users/1", [Reply::Json(200, user("1", "a@x"))])
        .on("GET /Users/2", [Reply::Json(404, json!({}))])
        .on("GET /Users/3", [Reply::Json(410, json!({}))])
        .on("GET /Users/4", [Reply::Json(500, json!({}))])
        .on("GET /Users/5", [Reply::Json(200, user("6", "f@x"))])
        .on("GET /Users/7", [Reply::Json(200, json!({}))])
        .on("GET /Users/8", [Reply::Json(400, json!({}))]);
    let ids = ["1", "2", "3", "4", "5", "7", "8", "..", ""].map(Into::into);
    let known = people.0.get(&"people".into(), &ids, &names(&["userName"])).await.unwrap();
    assert_eq!(known.len(), ids.len());
    assert!(matches!(&known["1"], Known::Present(row) if row.values().get("userName") == Some(&json!("a@x"))));
    assert_eq!((&known["2"], &known["3"]), (&Known::Absent, &Known::Absent));
    for (id, reason) in [
        ("4", reasons::SERVER_FAILED),
        ("5", reasons::ANSWER_INVALID),
        ("7", reasons::ANSWER_INVALID),
        ("8", reasons::TARGET_REJECTED),
        ("..", reasons::VALUE_INVALID),
        ("", reasons::VALUE_INVALID),
    ] {
        assert!(matches!(&known[id], Known::Unknown(fault) if fault.reason == reason), "{id}: {:?}", known[id]);
    }
    assert!(people.0.asks_by_id(&"people".into()));
}

#[tokio::test]
async fn rows_are_no_longer_asked_for_once_the_server_is_gone() {
    let (server, people) = start(json!({})).await;
    let ids: Vec<_> = (0..100).map(|id| id.to_string()).collect();
    for id in &ids {
        server.on(&format!("GET /Users/{id}"), [Reply::Json(503, json!({}))]);
    }
    let ids: Vec<_> = ids.iter().map(Into::into).collect();
    let known = people.0.get(&"people".into(), &ids, &[]).await.unwrap();
    assert!(known.len() == 100 && known.values().all(|known| matches!(known, Known::Unknown(_))));
    assert!(server.all().len() < 100, "{} requests", server.all().len());
}

#[tokio::test]
async fn a_create_sends_the_resource_with_the_schemas_it_uses() {
    let (server, people) = start(json!({})).await;
    server.on("POST /Users", [Reply::Json(201, user("29", "a@x"))]);
    let wanted = fields(&[
        ("userName", json!("a@x")),
        ("givenName", json!("Ada")),
        ("middleName", Value::Null),
        ("manager", json!("12")),
    ]);
    assert_eq!(people.create(&wanted).await.unwrap().id, *"29");
    let request = &server.received("POST /Users")[0];
    assert_eq!(request.header("content-type"), "application/scim+json");
    let expected = json!({"schemas": [CORE, ENTERPRISE], "userName": "a@x", "active": true, "name": {"givenName": "Ada"},
        ENTERPRISE: {"manager": {"value": "12"}}});
    assert_eq!(request.json(), expected);
}

#[tokio::test]
async fn a_create_may_be_answered_by_its_location_only() {
    let (server, people) = start(json!({})).await;
    let location = "https://other.example.test/scim/Users/a%20b".to_owned();
    server.on("POST /Users", [Reply::WithHeader(201, "location", location, Value::Null)]);
    let wanted = fields(&[("userName", json!("a@x"))]);
    let created = people.create(&wanted).await.unwrap();
    assert_eq!((created.id.as_str(), created.values()), ("a b", &wanted));
}

#[tokio::test]
async fn creates_fail_as_conflict_as_rejected_or_with_an_unknown_outcome() {
    let cases = [
        (Reply::Json(409, json!({"scimType": "uniqueness"})), ErrorKind::Conflict),
        (Reply::Json(400, json!({"scimType": "invalidValue"})), ErrorKind::Rejected),
        (Reply::Json(500, json!({})), ErrorKind::OutcomeUnknown),
        (Reply::Text(201, ""), ErrorKind::OutcomeUnknown),
        (Reply::Truncated(201), ErrorKind::OutcomeUnknown),
    ];
    for (reply, kind) in cases {
        let (server, people) = start(json!({})).await;
        server.on("POST /Users", [reply]);
        let error = people.create(&fields(&[("userName", json!("a@x"))])).await.unwrap_err();
        assert_eq!(error.kind, kind);
        assert_eq!(server.received("POST /Users").len(), 1);
    }
}

#[tokio::test]
async fn a_change_is_one_patch_with_operations() {
    for reply in [Reply::Text(204, ""), Reply::Json(200, json!({}))] {
        let (server, people) = start(json!({})).await;
        server.on("PATCH /Users/29", [reply]);
        let changes = fields(&[("title", Value::Null), ("costCenter", json!("Sales"))]);
        people.update("29", &changes, Some(false)).await.unwrap();
        let expected = json!([
            {"op": "replace", "path": format!("{ENTERPRISE}:costCenter"), "value": "Sales"},
            {"op": "remove", "path": "title"},
            {"op": "replace", "path": "active", "value": false}]);
        assert_eq!(server.received("PATCH /Users/29")[0].json()["Operations"], expected);
    }
}

#[tokio::test]
async fn without_patch_a_fresh_resource_is_replaced_and_read_again_when_it_changed() {
    let (server, people) = start(json!({"patch": {"supported": false}, "etag": {"supported": true}})).await;
    let mut current = user("29", "a@x");
    current["nickName"] = json!("kept");
    current["meta"] = json!({"version": "W/\"2\""});
    server
        .on(
            "GET /Users/29",
            [Reply::WithHeader(200, "etag", "W/\"1\"".into(), current.clone()), Reply::Json(200, current)],
        )
        .on("PUT /Users/29", [Reply::Json(412, json!({})), Reply::Json(200, json!({}))]);
    people.update("29", &fields(&[("givenName", json!("Bo"))]), Some(true)).await.unwrap();
    let puts = server.received("PUT /Users/29");
    assert_eq!((puts[0].header("if-match"), puts[1].header("if-match")), ("W/\"1\"", "W/\"2\""));
    let body = puts[1].json();
    assert_eq!(
        (&body["name"]["givenName"], &body["nickName"], &body["active"]),
        (&json!("Bo"), &json!("kept"), &json!(true))
    );
    assert_eq!(body.get("meta"), None);
}

#[tokio::test]
async fn nothing_to_change_sends_nothing_and_an_empty_identifier_is_refused() {
    let (server, people) = start(json!({})).await;
    people.update("29", &Fields::default(), None).await.unwrap();
    assert_eq!(people.delete("").await.unwrap_err().kind, ErrorKind::Rejected);
    assert_eq!(people.delete("..").await.unwrap_err().kind, ErrorKind::Rejected);
    assert!(server.received("GET /ServiceProviderConfig").is_empty());
}

#[tokio::test]
async fn a_record_that_is_gone_counts_as_deleted_and_is_not_found() {
    let (server, people) = start(json!({})).await;
    server.on("DELETE /Users/1", [Reply::Text(204, "")]);
    people.delete("1").await.unwrap();
    people.delete("2").await.unwrap();
    assert_eq!(people.get("2").await, Known::Absent);
    assert_eq!(people.update("2", &Fields::default(), Some(false)).await.unwrap_err().kind, ErrorKind::NotFound);
}
