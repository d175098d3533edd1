//! Writing people by SCIM, with servers of different abilities.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::connectors::testing::{Reply, Server};
use crate::connectors::{ErrorKind, Target, factory};
use rollcall_engine::model::{Fields, ReadProof};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const TRAVELPERK: &str = "urn:ietf:params:scim:schemas:extension:travelperk:2.0:User";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const USERS: &str = "GET /Users";

async fn start(features: Value) -> (Server, Arc<dyn Target>) {
    let server = Server::start().await;
    server.on("GET /ServiceProviderConfig", [Reply::Json(200, features)]);
    let target = factory::target(server.config("travelperk")).unwrap();
    (server, target)
}

fn fields(pairs: &[(&str, Value)]) -> Fields {
    Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
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
    let (server, target) = start(json!({"filter": {"supported": true, "maxResults": 2}})).await;
    server.on(USERS, [list(3, &[user("1", "a@x"), user("2", "b@x")]), list(3, &[user("3", "c@x")])]);
    let read = target.read("people", &|_, _| {}).await.unwrap();
    assert_eq!((read.records.len(), read.proof), (3, ReadProof::DeclaredTotal));
    let expected = fields(&[
        ("userName", json!("a@x")),
        ("givenName", json!("Ada")),
        ("manager", json!("12")),
        ("company", json!("Example GmbH")),
    ]);
    assert_eq!((read.records[0].active, &read.records[0].fields), (false, &expected));
    let queries: Vec<String> = server.received(USERS).into_iter().map(|request| request.query).collect();
    assert_eq!(queries, ["startIndex=1&count=2", "startIndex=3&count=2"]);
}

#[tokio::test]
async fn a_total_that_moves_is_read_again_and_an_empty_list_is_complete() {
    let (server, target) = start(json!({})).await;
    let (a, b, c) = (user("1", "a@x"), user("2", "b@x"), user("3", "c@x"));
    server.on(USERS, [list(2, std::slice::from_ref(&a)), list(3, &[a.clone(), b.clone()]), list(3, &[a, b, c])]);
    let read = target.read("people", &|_, _| {}).await.unwrap();
    assert_eq!((read.records.len(), read.proof), (3, ReadProof::DeclaredTotal));

    let (server, target) = start(json!({})).await;
    server.on(USERS, [Reply::Json(200, json!({"totalResults": 0}))]);
    let read = target.read("people", &|_, _| {}).await.unwrap();
    assert_eq!((read.records.len(), read.proof), (0, ReadProof::DeclaredTotal));
}

#[tokio::test]
async fn lookups_escape_the_value_and_check_what_came() {
    let (server, target) = start(json!({})).await;
    server.on(USERS, [list(1, &[user("1", "a\"b\\c@x")]), list(0, &[]), list(1, &[user("1", "other@x")])]);
    assert_eq!(target.find("people", "userName", "A\"b\\c@x").await.unwrap()[0].id, "1");
    let query = &server.received(USERS)[0].query;
    assert!(query.starts_with("filter=userName%20eq%20%22A%5C%22b%5C%5Cc%40x%22&"), "{query}");
    assert!(target.find("people", "userName", "none@x").await.unwrap().is_empty());
    let error = target.find("people", "userName", "a@x").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported, "a server that ignores filters");
    assert_eq!(target.find("people", "title", "x").await.unwrap_err().kind, ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_failed_lookup_is_never_an_empty_one() {
    let cases = [
        (Reply::Json(400, json!({"scimType": "invalidFilter"})), ErrorKind::Unsupported),
        (Reply::Json(500, json!({})), ErrorKind::Transient),
        (Reply::Json(404, json!({})), ErrorKind::Configuration),
        (Reply::Json(401, json!({})), ErrorKind::Credentials),
        (list(2, &[user("1", "a@x")]), ErrorKind::Transient),
    ];
    for (reply, kind) in cases {
        let (server, target) = start(json!({})).await;
        server.on(USERS, [reply]);
        assert_eq!(target.find("people", "userName", "a@x").await.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn a_create_sends_the_resource_with_the_schemas_it_uses() {
    let (server, target) = start(json!({})).await;
    server.on("POST /Users", [Reply::Json(201, user("29", "a@x"))]);
    let wanted = fields(&[
        ("userName", json!("a@x")),
        ("givenName", json!("Ada")),
        ("middleName", Value::Null),
        ("manager", json!("12")),
    ]);
    assert_eq!(target.create("people", &wanted).await.unwrap().id, "29");
    let request = &server.received("POST /Users")[0];
    assert_eq!(request.header("content-type"), "application/scim+json");
    let expected = json!({"schemas": [CORE, ENTERPRISE], "userName": "a@x", "active": true, "name": {"givenName": "Ada"},
        ENTERPRISE: {"manager": {"value": "12"}}});
    assert_eq!(request.json(), expected);
}

#[tokio::test]
async fn a_create_may_be_answered_by_its_location_only() {
    let (server, target) = start(json!({})).await;
    let location = "https://other.example.test/scim/Users/a%20b".to_owned();
    server.on("POST /Users", [Reply::WithHeader(201, "location", location, Value::Null)]);
    let wanted = fields(&[("userName", json!("a@x"))]);
    let created = target.create("people", &wanted).await.unwrap();
    assert_eq!((created.id.as_str(), created.fields), ("a b", wanted));
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
        let (server, target) = start(json!({})).await;
        server.on("POST /Users", [reply]);
        let error = target.create("people", &fields(&[("userName", json!("a@x"))])).await.unwrap_err();
        assert_eq!(error.kind, kind);
        assert_eq!(server.received("POST /Users").len(), 1);
    }
}

#[tokio::test]
async fn a_change_is_one_patch_with_operations() {
    for reply in [Reply::Text(204, ""), Reply::Json(200, json!({}))] {
        let (server, target) = start(json!({})).await;
        server.on("PATCH /Users/29", [reply]);
        let changes = fields(&[("title", Value::Null), ("costCenter", json!("Sales"))]);
        target.update("people", "29", &changes, Some(false)).await.unwrap();
        let expected = json!([
            {"op": "replace", "path": format!("{ENTERPRISE}:costCenter"), "value": "Sales"},
            {"op": "remove", "path": "title"},
            {"op": "replace", "path": "active", "value": false}]);
        assert_eq!(server.received("PATCH /Users/29")[0].json()["Operations"], expected);
    }
}

#[tokio::test]
async fn without_patch_a_fresh_resource_is_replaced_and_read_again_when_it_changed() {
    let (server, target) = start(json!({"patch": {"supported": false}, "etag": {"supported": true}})).await;
    let mut current = user("29", "a@x");
    current["nickName"] = json!("kept");
    current["meta"] = json!({"version": "W/\"2\""});
    server
        .on(
            "GET /Users/29",
            [Reply::WithHeader(200, "etag", "W/\"1\"".into(), current.clone()), Reply::Json(200, current)],
        )
        .on("PUT /Users/29", [Reply::Json(412, json!({})), Reply::Json(200, json!({}))]);
    target.update("people", "29", &fields(&[("givenName", json!("Bo"))]), Some(true)).await.unwrap();
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
    let (server, target) = start(json!({})).await;
    target.update("people", "29", &Fields::default(), None).await.unwrap();
    assert_eq!(target.delete("people", "").await.unwrap_err().kind, ErrorKind::Rejected);
    assert_eq!(target.delete("people", "..").await.unwrap_err().kind, ErrorKind::Rejected);
    assert!(server.received("GET /ServiceProviderConfig").is_empty());
}

#[tokio::test]
async fn a_record_that_is_gone_counts_as_deleted_and_is_not_found() {
    let (server, target) = start(json!({})).await;
    server.on("DELETE /Users/1", [Reply::Text(204, "")]);
    target.delete("people", "1").await.unwrap();
    target.delete("people", "2").await.unwrap();
    assert_eq!(target.get("people", "2").await.unwrap(), None);
    assert_eq!(
        target.update("people", "2", &Fields::default(), Some(false)).await.unwrap_err().kind,
        ErrorKind::NotFound
    );
}
