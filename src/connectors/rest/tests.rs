//! Reading Personio's lists, and reading and writing TravelPerk's cost centres.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::connectors::testing::{Reply, Server, fields, names, row_ids};
use crate::connectors::{ErrorKind, Found, Known, System, Thoroughness, factory};
use rollcall_api::reasons;
use rollcall_engine::model::{Read, ReadProof};

pub(super) const PERSONS: &str = "GET /v2/persons";

pub(super) fn personio(server: &Server) -> Arc<dyn System> {
    factory::system(server.config("personio-v2")).unwrap()
}

pub(super) fn travelperk(server: &Server) -> Arc<dyn System> {
    factory::system(server.config("travelperk")).unwrap()
}

pub(super) fn person(id: &str) -> Value {
    json!({"id": id, "email": format!("p{id}@example.test"), "first_name": "Ada", "status": "ACTIVE",
        "custom_attributes": [{"global_id": "date_of_birth", "value": "1990-02-11T00:00:00+01:00"}]})
}

pub(super) fn page(rows: &[Value], next: Option<&str>) -> Reply {
    let next = next.map(|href| json!({ "href": href }));
    Reply::Json(200, json!({"_data": rows, "_meta": {"links": {"next": next}}}))
}

pub(super) async fn read_people(server: &Server, wanted: &[&str]) -> Read {
    personio(server).read(&"people".into(), &names(wanted), Thoroughness::Proven, &|_, _| {}).await.unwrap()
}

pub(super) fn centres(ids: std::ops::Range<u64>, total: Option<u64>) -> Reply {
    let rows: Vec<Value> = ids.map(|id| json!({"id": id, "name": format!("Centre {id}")})).collect();
    Reply::Json(200, json!({"offset": 0, "limit": 50, "total": total, "cost_centers": rows}))
}

pub(super) async fn read_centres(server: &Server, thoroughness: Thoroughness) -> Read {
    travelperk(server).read(&"costCentres".into(), &names(&["name"]), thoroughness, &|_, _| {}).await.unwrap()
}

#[tokio::test]
async fn pages_are_followed_and_two_agreeing_reads_prove_completeness() {
    let server = Server::start().await;
    let pages = || [page(&[person("1"), person("2")], Some("/v2/persons?cursor=a%2Bb")), page(&[person("3")], None)];
    server.with_token().on(PERSONS, pages()).on(PERSONS, pages());
    let read = read_people(&server, &["email", "dateOfBirth"]).await;
    assert_eq!(read.proof, ReadProof::TwoAgreeingReads);
    assert_eq!((read.rows.len(), read.pages), (3, 4));
    let expected = fields(&[("email", json!("p1@example.test")), ("dateOfBirth", json!("1990-02-11"))]);
    assert_eq!(read.rows[0].values(), &expected, "only what is wanted is kept");
    assert_eq!((read.rows[0].active, &read.rows[0].parent, &read.rows[0].fault), (true, &None, &None));
    let requests = server.received(PERSONS);
    assert_eq!((requests[0].query.as_str(), requests[1].query.as_str()), ("limit=50", "cursor=a%2Bb"));
    assert_eq!(server.received("POST /v2/auth/token").len(), 1);
    assert_eq!(requests[0].header("authorization"), "Bearer t");
}

#[tokio::test]
async fn employments_and_lookups_are_read_only_when_a_wanted_field_needs_them() {
    let server = Server::start().await;
    let employment = json!({"id": "e", "status": "ACTIVE", "position": {"title": "Engineer"},
        "org_units": [{"type": "TEAM", "id": 5}, {"type": "department", "id": 5}],
        "cost_centers": [{"id": "9", "weight": 40}, {"id": "8", "weight": 60}],
        "termination": {"last_working_date": "2026-03-31"}, "supervisor": {"id": 12}});
    let named = |id: Value, type_: &str, name: &str| json!({"id": id, "type": type_, "name": name});
    server
        .with_token()
        .on(PERSONS, [page(&[person("1")], None)])
        .on("GET /v2/persons/1/employments", [page(&[employment], None)])
        .on(
            "GET /v2/org-units",
            [page(&[named(json!(5), "team", "Blue"), named(json!("5"), "department", "Ops")], None)],
        )
        .on("GET /v2/cost-centers", [page(&[named(json!("8"), "", "Marketing")], None)]);
    let expected = [
        ("employment.costCentre", "Marketing"),
        ("employment.department", "Ops"),
        ("employment.lastWorkingDay", "2026-03-31"),
        ("employment.position", "Engineer"),
        ("employment.supervisorId", "12"),
        ("employment.team", "Blue"),
    ];
    let read = read_people(&server, &expected.map(|(name, _)| name)).await;
    assert_eq!(read.rows[0].values(), &fields(&expected.map(|(name, value)| (name, json!(value)))));
    assert_eq!(server.received("GET /v2/cost-centers")[0].header("beta"), "true");
    assert!(server.received("GET /v2/workplaces").is_empty());
    read_people(&server, &["email"]).await;
    assert_eq!(server.received("GET /v2/persons/1/employments").len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let server = Server::start().await;
    server.with_token().on(PERSONS, [Reply::Json(401, json!({})), page(&[person("1")], None)]);
    assert_eq!(read_people(&server, &["email"]).await.rows.len(), 1);
    assert_eq!(server.received("POST /v2/auth/token").len(), 2);

    let server = Server::start().await;
    server.with_token().on(PERSONS, [Reply::Json(401, json!({}))]);
    assert_eq!(personio(&server).probe().await.unwrap_err().kind, ErrorKind::Credentials);
    assert_eq!(server.received(PERSONS).len(), 2);
}

#[tokio::test]
async fn a_wrong_client_is_a_matter_of_credentials_and_is_not_tried_again() {
    for status in [400, 401, 403] {
        let server = Server::start().await;
        server.on("POST /v2/auth/token", [Reply::Json(status, json!({"error": "invalid_client"}))]);
        let error = personio(&server).probe().await.unwrap_err();
        assert_eq!((error.kind, error.reason), (ErrorKind::Credentials, reasons::CREDENTIALS_REJECTED));
        assert_eq!(server.received("POST /v2/auth/token").len(), 1);
    }
    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[], None)]);
    personio(&server).probe().await.unwrap();
    let form = &server.received("POST /v2/auth/token")[0];
    assert_eq!(form.body, "client_id=secret-clientId&client_secret=secret-clientSecret&grant_type=client_credentials");
}

#[tokio::test]
async fn a_token_that_says_to_live_for_ever_is_used() {
    let server = Server::start().await;
    let token = json!({"access_token": "t", "expires_in": i64::MAX});
    server.on("POST /v2/auth/token", [Reply::Json(200, token)]).on(PERSONS, [page(&[], None)]);
    personio(&server).probe().await.unwrap();
}

#[tokio::test]
async fn unknown_streams_fields_endpoints_and_missing_credentials_are_named() {
    let server = Server::start().await;
    let system = personio(&server);
    let read = |stream: &'static str, wanted: &'static str| {
        let system = Arc::clone(&system);
        async move { system.read(&stream.into(), &names(&[wanted]), Thoroughness::Once, &|_, _| {}).await.unwrap_err() }
    };
    let error = read("offices", "id").await;
    assert!(error.message.contains("offices"), "{error}");
    let error = read("people", "salary").await;
    assert_eq!((error.kind, error.message.contains("salary")), (ErrorKind::Configuration, true));
    let mut config = server.config("personio-v2");
    config.endpoints.insert("other".into(), server.url.clone());
    let error = factory::system(config).err().unwrap();
    assert!(error.message.contains("other") && error.message.contains("api"), "{error}");
    let mut config = server.config("personio-v2");
    config.credentials.insert("clientSecret".into(), " \n".to_owned().into());
    let error = factory::system(config).err().unwrap();
    assert_eq!((error.kind, error.reason), (ErrorKind::Credentials, reasons::CREDENTIALS_MISSING));
    assert!(error.message.contains("clientSecret"), "{error}");
}

#[tokio::test]
async fn cost_centres_are_created_renamed_and_looked_up() {
    let server = Server::start().await;
    server
        .on("GET /cost_centers", [centres(0..3, Some(3))])
        .on("POST /cost_centers", [Reply::Json(201, json!({"id": 7, "name": "Sales"}))])
        .on("PATCH /cost_centers/7", [Reply::Json(200, json!({}))]);
    let (system, stream) = (travelperk(&server), "costCentres".into());
    let sales = fields(&[("name", json!("Sales"))]);
    let created = system.create(&stream, &sales, None).await.unwrap();
    assert_eq!((created.id.as_str(), created.values(), created.active), ("7", &sales, true));
    assert_eq!(server.received("POST /cost_centers")[0].json(), json!({"name": "Sales"}));
    system.update(&stream, &"7".into(), &sales, None).await.unwrap();
    assert_eq!(server.received("PATCH /cost_centers/7")[0].json(), json!({"name": "Sales"}));
    let name = "name".into();
    let Found::Rows(rows) = system.find(&stream, &name, "Centre 2", &[]).await.unwrap() else { panic!("no answer") };
    assert_eq!(row_ids(&rows), ["2"]);
    assert_eq!(system.find(&stream, &name, "centre 2", &[]).await.unwrap(), Found::Rows(Vec::new()));
    let known = system.get(&stream, &["99".into()], &[]).await.unwrap();
    assert_eq!(known["99"], Known::Absent);
}

#[tokio::test]
async fn what_a_definition_does_not_offer_is_not_sent() {
    let server = Server::start().await;
    let (system, stream, id) = (travelperk(&server), "costCentres".into(), "7".into());
    let nothing = fields(&[]);
    system.update(&stream, &id, &nothing, None).await.unwrap();
    let offered = [system.delete(&stream, &id).await, system.update(&stream, &id, &nothing, Some(false)).await];
    for result in offered {
        assert_eq!(result.unwrap_err().kind, ErrorKind::Unsupported);
    }
    let error = system.create(&stream, &nothing, Some(&id)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Configuration, "there is no parent");
    let error = personio(&server).create(&"people".into(), &nothing, None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(server.all().is_empty());
}

/// Absences that belong to people: created below them, switched, deleted.
const ABSENCES: &str = r#"
  absences:
    schema:
      parent: people
      canDisable: true
      canDelete: true
      fields:
        id: {readOnly: true}
        reason: {alwaysDelivered: true}
    rest:
      list:
        request: {endpoint: rest, path: /absences}
        rows: rows
        paging: {kind: nextLink, link: next}
        total: total
      id: id
      parent: person.id
      active: {path: state, inactive: [withdrawn]}
      create: {endpoint: rest, method: POST, path: /absences}
      update: {endpoint: rest, method: PATCH, path: "/absences/{id}"}
      delete: {endpoint: rest, method: DELETE, path: "/absences/{id}"}
      enable: {endpoint: rest, method: POST, path: "/absences/{id}/enable"}
      disable: {endpoint: rest, method: POST, path: "/absences/{id}/disable"}
      values:
        id: {path: id, otherSpellings: [ID]}
        reason: {path: detail.reason}
"#;

#[tokio::test]
async fn records_below_a_parent_are_read_and_created_with_it() {
    let server = Server::start().await;
    let rows = json!([
        {"id": 1, "person": {"id": 7}, "state": "Withdrawn", "detail": {"reason": "x"}},
        {"id": 2, "state": "open", "detail": null}]);
    server
        .on("GET /absences", [Reply::Json(200, json!({"rows": rows, "total": 2}))])
        .on("POST /absences", [Reply::Json(201, json!({"id": 3}))]);
    let (system, stream) = (factory::system(server.config_with("travelperk", ABSENCES)).unwrap(), "absences".into());
    let read = system.read(&stream, &names(&["reason"]), Thoroughness::Proven, &|_, _| {}).await.unwrap();
    assert_eq!((row_ids(&read.rows), read.proof), (vec!["1", "2"], ReadProof::DeclaredTotal));
    assert_eq!((read.rows[0].parent.as_deref(), read.rows[0].active), (Some("7"), false));
    assert!(read.rows[1].active && read.rows[1].is_unknown("parent") && !read.rows[1].is_unknown("reason"));

    let error = system.create(&stream, &fields(&[]), None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Configuration);
    let created = system.create(&stream, &fields(&[("reason", json!("y"))]), Some(&"7".into())).await.unwrap();
    assert_eq!((created.id.as_str(), created.parent.as_deref()), ("3", Some("7")));
    let expected = json!({"detail": {"reason": "y"}, "person": {"id": "7"}});
    assert_eq!(server.received("POST /absences")[0].json(), expected);
}

#[tokio::test]
async fn disabling_comes_before_a_change_and_enabling_after_it() {
    let server = Server::start().await;
    let done = || [Reply::Text(204, "")];
    server.on("PATCH /absences/1", done()).on("POST /absences/1/enable", done()).on("POST /absences/1/disable", done());
    let (system, stream) = (factory::system(server.config_with("travelperk", ABSENCES)).unwrap(), "absences".into());
    let change = fields(&[("reason", Value::Null)]);
    for active in [true, false] {
        system.update(&stream, &"1".into(), &change, Some(active)).await.unwrap();
    }
    let routes: Vec<String> = server.all().into_iter().map(|request| request.route).collect();
    let expected = ["PATCH /absences/1", "POST /absences/1/enable", "POST /absences/1/disable", "PATCH /absences/1"];
    assert_eq!(routes, expected);
    assert_eq!(server.received("PATCH /absences/1")[0].json(), json!({"detail": {"reason": null}}));
    system.delete(&stream, &"2".into()).await.unwrap();
}

#[tokio::test]
async fn a_change_that_was_half_done_has_an_unknown_outcome() {
    let server = Server::start().await;
    server
        .on("POST /absences/1/disable", [Reply::Text(204, ""), Reply::Json(400, json!({}))])
        .on("PATCH /absences/1", [Reply::Json(400, json!({}))]);
    let (system, stream) = (factory::system(server.config_with("travelperk", ABSENCES)).unwrap(), "absences".into());
    let change = fields(&[("reason", json!("y"))]);
    let error = system.update(&stream, &"1".into(), &change, Some(false)).await.unwrap_err();
    assert_eq!((error.kind, error.reason), (ErrorKind::OutcomeUnknown, reasons::OUTCOME_UNKNOWN));
    let error = system.update(&stream, &"1".into(), &change, Some(false)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected, "nothing was done");
    let error = system.update(&stream, &"1".into(), &fields(&[("id", json!("5"))]), None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Configuration, "a field that can only be read");
}
