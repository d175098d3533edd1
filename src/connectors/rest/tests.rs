//! Reading Personio's lists, and writing TravelPerk's cost centres, with everything that can go wrong.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::connectors::testing::{Reply, Server};
use crate::connectors::{ErrorKind, Source, Target, factory};
use rollcall_api::reasons;
use rollcall_engine::model::{Fields, ReadProof};

const PERSONS: &str = "GET /v2/persons";

fn names(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| (*field).to_owned()).collect()
}

fn source(server: &Server) -> Arc<dyn Source> {
    factory::source(server.config("personio-v2")).unwrap()
}

fn target(server: &Server) -> Arc<dyn Target> {
    factory::target(server.config("travelperk")).unwrap()
}

fn person(id: &str) -> Value {
    json!({"id": id, "email": format!("p{id}@example.test"), "first_name": "Ada", "status": "ACTIVE",
        "custom_attributes": [{"global_id": "date_of_birth", "value": "1990-02-11T00:00:00+01:00"}]})
}

fn page(rows: &[Value], next: Option<&str>) -> Reply {
    let next = next.map(|href| json!({ "href": href }));
    Reply::Json(200, json!({"_data": rows, "_meta": {"links": {"next": next}}}))
}

async fn read(server: &Server, wanted: &[&str]) -> rollcall_engine::model::Read<rollcall_engine::model::SourceRecord> {
    source(server).read("people", &names(wanted), &|_, _| {}).await.unwrap()
}

#[tokio::test]
async fn pages_are_followed_and_two_agreeing_reads_prove_completeness() {
    let server = Server::start().await;
    let pages = || [page(&[person("1"), person("2")], Some("/v2/persons?cursor=a%2Bb")), page(&[person("3")], None)];
    server.with_token().on(PERSONS, pages()).on(PERSONS, pages());
    let read = read(&server, &["email", "dateOfBirth"]).await;
    assert_eq!(read.proof, ReadProof::TwoAgreeingReads);
    assert_eq!((read.records.len(), read.pages), (3, 4));
    let body = read.records[0].body.expose();
    assert_eq!((&body["email"], &body["dateOfBirth"]), (&json!("p1@example.test"), &json!("1990-02-11")));
    assert_eq!((&body["firstName"], &body["employment"]["position"]), (&Value::Null, &Value::Null));
    let requests = server.received(PERSONS);
    assert_eq!((requests[0].query.as_str(), requests[1].query.as_str()), ("limit=50", "cursor=a%2Bb"));
    assert_eq!(server.received("POST /v2/auth/token").len(), 1);
    assert_eq!(requests[0].header("authorization"), "Bearer t");
}

#[tokio::test]
async fn reads_that_keep_disagreeing_are_partial() {
    let server = Server::start().await;
    server
        .with_token()
        .on(PERSONS, [page(&[person("1")], None), page(&[person("2")], None), page(&[person("3")], None)]);
    assert_eq!(read(&server, &["email"]).await.proof, ReadProof::ReadsDisagree);
}

#[tokio::test]
async fn a_third_read_settles_a_change_during_the_first() {
    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[person("1")], None), page(&[person("1"), person("2")], None)]);
    let read = read(&server, &["email"]).await;
    assert_eq!((read.proof, read.records.len()), (ReadProof::TwoAgreeingReads, 2));
}

#[tokio::test]
async fn a_cursor_that_does_not_advance_ends_the_read_as_partial() {
    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[person("1")], Some("/v2/persons?cursor=a"))]);
    assert_eq!(read(&server, &["email"]).await.proof, ReadProof::CursorDidNotAdvance);
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    for link in ["http://127.0.0.1:1/v2/persons?cursor=a", "https://example.test/v2/persons", "//example.test/x"] {
        let server = Server::start().await;
        server.with_token().on(PERSONS, [page(&[person("1")], Some(link))]);
        let error = source(&server).read("people", &names(&["email"]), &|_, _| {}).await.unwrap_err();
        assert_eq!((error.kind, error.reason), (ErrorKind::Transient, reasons::ANSWER_INVALID), "{link}");
    }
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
    let wanted = [
        "employment.position",
        "employment.team",
        "employment.department",
        "employment.costCentre",
        "employment.lastWorkingDay",
        "employment.supervisorId",
    ];
    let all = read(&server, &wanted).await;
    let body = &all.records[0].body.expose()["employment"];
    for (field, value) in [
        ("position", "Engineer"),
        ("team", "Blue"),
        ("department", "Ops"),
        ("costCentre", "Marketing"),
        ("lastWorkingDay", "2026-03-31"),
        ("supervisorId", "12"),
    ] {
        assert_eq!(body[field], value, "{field}");
    }
    assert_eq!(server.received("GET /v2/cost-centers")[0].header("beta"), "true");
    assert!(server.received("GET /v2/workplaces").is_empty());
    read(&server, &["email"]).await;
    assert_eq!(server.received("GET /v2/persons/1/employments").len(), 1);
}

#[tokio::test]
async fn a_record_that_cannot_be_expanded_or_named_is_unreadable_and_the_others_are_not() {
    let server = Server::start().await;
    let employment = |office: &str| page(&[json!({"id": "e", "status": "ACTIVE", "office": {"id": office}})], None);
    server
        .with_token()
        .on(PERSONS, [page(&[person("1"), person("2"), person("3"), person("4")], None)])
        .on("GET /v2/persons/1/employments", [employment("7")])
        .on("GET /v2/persons/2/employments", [Reply::Json(404, json!({}))])
        .on("GET /v2/persons/3/employments", [employment("unknown")])
        .on("GET /v2/persons/4/employments", [page(&[], None)])
        .on("GET /v2/workplaces", [page(&[json!({"id": "7", "name": "Leeds"})], None)]);
    let read = read(&server, &["employment.office"]).await;
    assert_eq!(read.records.iter().map(|record| record.key.as_str()).collect::<Vec<_>>(), ["1", "4"]);
    assert_eq!(read.unreadable.iter().map(|record| record.key.as_str()).collect::<Vec<_>>(), ["2", "3"]);
}

#[tokio::test]
async fn an_expansion_that_keeps_failing_fails_the_read() {
    let server = Server::start().await;
    server
        .with_token()
        .on(PERSONS, [page(&[person("1")], None)])
        .on("GET /v2/persons/1/employments", [Reply::Json(500, json!({}))]);
    let error = source(&server).read("people", &names(&["employment.position"]), &|_, _| {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let server = Server::start().await;
    server.with_token().on(PERSONS, [Reply::Json(401, json!({})), page(&[person("1")], None)]);
    assert_eq!(read(&server, &["email"]).await.records.len(), 1);
    assert_eq!(server.received("POST /v2/auth/token").len(), 2);

    let server = Server::start().await;
    server.with_token().on(PERSONS, [Reply::Json(401, json!({}))]);
    assert_eq!(source(&server).probe().await.unwrap_err().kind, ErrorKind::Credentials);
    assert_eq!(server.received(PERSONS).len(), 2);
}

#[tokio::test]
async fn a_wrong_client_is_a_matter_of_credentials_and_is_not_tried_again() {
    for status in [400, 401, 403] {
        let server = Server::start().await;
        server.on("POST /v2/auth/token", [Reply::Json(status, json!({"error": "invalid_client"}))]);
        let error = source(&server).probe().await.unwrap_err();
        assert_eq!((error.kind, error.reason), (ErrorKind::Credentials, reasons::CREDENTIALS_REJECTED));
        assert_eq!(server.received("POST /v2/auth/token").len(), 1);
    }
    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[], None)]);
    source(&server).probe().await.unwrap();
    let form = &server.received("POST /v2/auth/token")[0];
    assert_eq!(form.body, "client_id=secret-clientId&client_secret=secret-clientSecret&grant_type=client_credentials");
}

#[tokio::test]
async fn selected_records_are_asked_for_by_key_and_others_are_dropped() {
    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[person("1"), person("9")], None)]);
    let keys = names(&["1", "2", "a,b"]);
    let read = source(&server).read_keys("people", &keys, &names(&["email"])).await.unwrap();
    assert_eq!((read.proof, read.records.len()), (ReadProof::Selected, 1));
    assert_eq!(server.received(PERSONS)[0].query, "limit=50&id=1%2C2");
}

#[tokio::test]
async fn an_answer_that_is_not_what_the_definition_says_is_transient() {
    for body in [json!({}), json!({"_data": [{"email": "x"}]}), json!([])] {
        let server = Server::start().await;
        server.with_token().on(PERSONS, [Reply::Json(200, body)]);
        let error = source(&server).read("people", &names(&["email"]), &|_, _| {}).await.unwrap_err();
        assert_eq!((error.kind, error.reason), (ErrorKind::Transient, reasons::ANSWER_INVALID));
    }
}

#[tokio::test]
async fn unknown_streams_fields_endpoints_and_missing_credentials_are_named() {
    let server = Server::start().await;
    let source = source(&server);
    let error = source.read("offices", &[], &|_, _| {}).await.unwrap_err();
    assert!(error.message.contains("offices"), "{error}");
    let error = source.read("people", &names(&["salary"]), &|_, _| {}).await.unwrap_err();
    assert_eq!((error.kind, error.message.contains("salary")), (ErrorKind::Configuration, true));
    let mut config = server.config("personio-v2");
    config.endpoints.insert("other".into(), server.url.clone());
    let error = factory::source(config).err().unwrap();
    assert!(error.message.contains("other") && error.message.contains("api"), "{error}");
    let mut config = server.config("personio-v2");
    config.credentials.insert("clientSecret".into(), " \n".to_owned().into());
    let error = factory::source(config).err().unwrap();
    assert_eq!((error.kind, error.reason), (ErrorKind::Credentials, reasons::CREDENTIALS_MISSING));
    assert!(error.message.contains("clientSecret"), "{error}");
}

fn centres(ids: std::ops::Range<u64>, total: Option<u64>) -> Reply {
    let rows: Vec<Value> = ids.map(|id| json!({"id": id, "name": format!("Centre {id}")})).collect();
    Reply::Json(200, json!({"offset": 0, "limit": 50, "total": total, "cost_centers": rows}))
}

#[tokio::test]
async fn cost_centres_are_read_by_offset_with_or_without_a_total() {
    let server = Server::start().await;
    server.on("GET /cost_centers", [centres(0..50, Some(60)), centres(50..60, Some(60))]);
    let read = target(&server).read("costCentres", &|_, _| {}).await.unwrap();
    assert_eq!((read.records.len(), read.proof), (60, ReadProof::DeclaredTotal));
    assert_eq!(server.received("GET /cost_centers")[1].query, "offset=50&limit=50");

    let server = Server::start().await;
    server.on("GET /cost_centers", [centres(0..3, None)]);
    let read = target(&server).read("costCentres", &|_, _| {}).await.unwrap();
    assert_eq!((read.records.len(), read.proof, read.pages), (3, ReadProof::TwoAgreeingReads, 2));
}

#[tokio::test]
async fn a_total_that_does_not_agree_proves_nothing() {
    let server = Server::start().await;
    server.on(
        "GET /cost_centers",
        [centres(0..3, Some(4)), centres(0..0, Some(4)), centres(0..3, Some(4)), centres(0..0, Some(4))],
    );
    let read = target(&server).read("costCentres", &|_, _| {}).await.unwrap();
    assert_eq!((read.records.len(), read.proof), (3, ReadProof::TotalDisagrees));
    let error = target(&server).find("costCentres", "name", "Centre 9").await.unwrap_err();
    assert_eq!((error.kind, error.reason), (ErrorKind::Transient, reasons::READ_INCOMPLETE));
}

#[tokio::test]
async fn cost_centres_are_created_renamed_and_looked_up() {
    let server = Server::start().await;
    server
        .on("GET /cost_centers", [centres(0..3, Some(3))])
        .on("POST /cost_centers", [Reply::Json(201, json!({"id": 7, "name": "Sales"}))])
        .on("PATCH /cost_centers/7", [Reply::Json(200, json!({}))]);
    let target = target(&server);
    let fields = Fields([("name".to_owned(), json!("Sales"))].into());
    let created = target.create("costCentres", &fields).await.unwrap();
    assert_eq!((created.id.as_str(), &created.fields), ("7", &fields));
    target.update("costCentres", "7", &fields, None).await.unwrap();
    assert_eq!(server.received("PATCH /cost_centers/7")[0].json(), json!({"name": "Sales"}));
    assert_eq!(target.find("costCentres", "name", "Centre 2").await.unwrap()[0].id, "2");
    assert!(target.find("costCentres", "name", "centre 2").await.unwrap().is_empty());
    assert_eq!(target.get("costCentres", "99").await.unwrap(), None);
    assert_eq!(target.delete("costCentres", "7").await.unwrap_err().kind, ErrorKind::Unsupported);
}
