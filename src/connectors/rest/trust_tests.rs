//! What may be concluded from what a system sends: nothing that is unknown counts as absent.

use serde_json::{Value, json};

use super::tests::{PERSONS, centres, page, person, personio, read_centres, read_people, travelperk};
use crate::connectors::testing::{Reply, Server, fields, names, row_ids};
use crate::connectors::{ErrorKind, Found, Known, Thoroughness};
use rollcall_api::reasons;
use rollcall_engine::model::ReadProof;
use rollcall_engine::names::FieldName;

const CENTRES: &str = "GET /cost_centers";

fn employments(id: &str) -> String {
    format!("GET /v2/persons/{id}/employments")
}

/// A page with one employment, which has everything that is always delivered and more.
fn employment(more: &Value) -> Reply {
    let mut whole = json!({"id": "e", "status": "ACTIVE", "supervisor": null, "cost_centers": []});
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    page(&[whole], None)
}

#[tokio::test]
async fn reads_that_keep_disagreeing_are_partial() {
    let server = Server::start().await;
    server
        .with_token()
        .on(PERSONS, [page(&[person("1")], None), page(&[person("2")], None), page(&[person("3")], None)]);
    assert_eq!(read_people(&server, &["email"]).await.proof, ReadProof::ReadsDisagree);
    assert_eq!(server.received(PERSONS).len(), 3);
}

#[tokio::test]
async fn a_third_read_settles_a_change_during_the_first() {
    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[person("1")], None), page(&[person("1"), person("2")], None)]);
    let read = read_people(&server, &["email"]).await;
    assert_eq!((read.proof, row_ids(&read.rows)), (ReadProof::TwoAgreeingReads, vec!["1", "2"]));
}

#[tokio::test]
async fn who_is_in_an_earlier_pass_only_is_not_in_the_list() {
    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[person("1"), person("2")], None), page(&[person("1")], None)]);
    let read = read_people(&server, &["email"]).await;
    assert_eq!((read.proof, row_ids(&read.rows)), (ReadProof::TwoAgreeingReads, vec!["1"]));
}

#[tokio::test]
async fn a_cursor_that_does_not_advance_ends_the_read_as_partial() {
    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[person("1")], Some("/v2/persons?cursor=a"))]);
    assert_eq!(read_people(&server, &["email"]).await.proof, ReadProof::CursorDidNotAdvance);
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    for link in ["http://127.0.0.1:1/v2/persons?cursor=a", "https://example.test/v2/persons", "//example.test/x"] {
        let server = Server::start().await;
        server.with_token().on(PERSONS, [page(&[person("1")], Some(link))]);
        let read = read_people(&server, &["email"]).await;
        assert_eq!((row_ids(&read.rows), read.proof), (vec!["1"], ReadProof::Failed), "{link}");
    }
}

#[tokio::test]
async fn a_read_that_breaks_off_delivers_what_came() {
    let server = Server::start().await;
    let first = page(&[person("1"), person("2")], Some("/v2/persons?cursor=a"));
    server.with_token().on(PERSONS, [first, Reply::Json(503, json!({}))]);
    let read = read_people(&server, &["email"]).await;
    assert_eq!((row_ids(&read.rows), read.proof, read.pages), (vec!["1", "2"], ReadProof::Failed, 1));

    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[person("1")], None), Reply::Json(503, json!({}))]);
    let read = read_people(&server, &["email"]).await;
    assert_eq!((row_ids(&read.rows), read.proof), (vec!["1"], ReadProof::Failed), "the second pass broke off");
}

#[tokio::test]
async fn a_read_of_which_nothing_came_is_an_error() {
    for (reply, kind) in [
        (Reply::Json(503, json!({})), ErrorKind::Transient),
        (Reply::Json(200, json!({})), ErrorKind::Transient),
        (Reply::Json(200, json!([])), ErrorKind::Transient),
        (Reply::Json(404, json!({})), ErrorKind::Configuration),
        (Reply::Json(403, json!({})), ErrorKind::Credentials),
    ] {
        let server = Server::start().await;
        server.with_token().on(PERSONS, [reply]);
        let read = personio(&server).read(&"people".into(), &names(&["email"]), Thoroughness::Proven, &|_, _| {}).await;
        assert_eq!(read.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn a_refusal_after_some_pages_is_an_error_all_the_same() {
    let server = Server::start().await;
    let first = page(&[person("1")], Some("/v2/persons?cursor=a"));
    server.with_token().on(PERSONS, [first, Reply::Json(403, json!({}))]);
    let read = personio(&server).read(&"people".into(), &names(&["email"]), Thoroughness::Once, &|_, _| {}).await;
    assert_eq!(read.unwrap_err().kind, ErrorKind::Credentials);
}

#[tokio::test]
async fn a_row_without_identifier_makes_the_read_incomplete_and_the_others_stay() {
    for nameless in [json!({"email": "x"}), json!({"id": ""}), json!({"id": null}), json!("1"), json!({"id": {}})] {
        let server = Server::start().await;
        server.with_token().on(PERSONS, [page(&[person("1"), nameless], None)]);
        let read = read_people(&server, &["email"]).await;
        assert_eq!((row_ids(&read.rows), read.proof), (vec!["1"], ReadProof::Failed));
        assert_eq!(server.received(PERSONS).len(), 1, "another pass would show the same");
    }
    let server = Server::start().await;
    let rows = json!([{"id": 1, "name": "a"}, {"name": "b"}]);
    server.on(CENTRES, [Reply::Json(200, json!({"total": 2, "cost_centers": rows}))]);
    assert_eq!(read_centres(&server, Thoroughness::Proven).await.proof, ReadProof::TotalDisagrees);
}

#[tokio::test]
async fn an_identifier_that_comes_twice_proves_nothing() {
    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[person("1"), person("1")], None)]);
    assert_eq!(read_people(&server, &["email"]).await.proof, ReadProof::TotalDisagrees, "no total");

    let server = Server::start().await;
    let rows = json!([{"id": 1, "name": "a"}, {"id": 1, "name": "a"}, {"id": 2, "name": "b"}]);
    server.on(CENTRES, [Reply::Json(200, json!({"total": 2, "cost_centers": rows}))]);
    assert_eq!(read_centres(&server, Thoroughness::Proven).await.proof, ReadProof::TotalDisagrees, "a total");
}

#[tokio::test]
async fn a_short_list_is_proven_by_its_total_and_one_without_total_by_two_reads() {
    for thoroughness in [Thoroughness::Once, Thoroughness::Proven] {
        let server = Server::start().await;
        server.on(CENTRES, [centres(0..3, Some(3))]);
        let read = read_centres(&server, thoroughness).await;
        assert_eq!((read.proof, read.pages, read.declared_total), (ReadProof::DeclaredTotal, 1, Some(3)));

        let server = Server::start().await;
        let pass = || [centres(0..3, None), centres(3..3, None)];
        server.on(CENTRES, pass()).on(CENTRES, pass());
        let read = read_centres(&server, thoroughness).await;
        assert_eq!((read.rows.len(), read.proof, read.pages), (3, ReadProof::TwoAgreeingReads, 4));
    }
}

#[tokio::test]
async fn several_pages_by_position_are_proven_by_two_reads_only() {
    let pages = || [centres(0..50, Some(60)), centres(50..60, Some(60))];
    let server = Server::start().await;
    server.on(CENTRES, pages());
    let read = read_centres(&server, Thoroughness::Once).await;
    assert_eq!((read.rows.len(), read.proof, read.pages), (60, ReadProof::ByPosition, 2));
    assert_eq!(server.received(CENTRES)[1].query, "offset=50&limit=50");

    let server = Server::start().await;
    server.on(CENTRES, pages()).on(CENTRES, pages());
    let read = read_centres(&server, Thoroughness::Proven).await;
    assert_eq!((read.rows.len(), read.proof, read.pages), (60, ReadProof::TwoAgreeingReads, 4));
}

#[tokio::test]
async fn totals_that_do_not_agree_prove_nothing() {
    for total in [json!(4), json!(-1), json!(u64::MAX), json!(1e300), json!("four")] {
        let server = Server::start().await;
        let answer = |rows: Value| Reply::Json(200, json!({"limit": 50, "total": total, "cost_centers": rows}));
        let pass = || [answer(json!([{"id": 1, "name": "a"}])), answer(json!([]))];
        server.on(CENTRES, pass()).on(CENTRES, pass()).on(CENTRES, pass());
        let read = read_centres(&server, Thoroughness::Once).await;
        assert_eq!((row_ids(&read.rows), read.proof), (vec!["1"], ReadProof::TotalDisagrees), "{total}");
        assert_eq!(server.received(CENTRES).len(), 4, "one more pass");
    }
}

#[tokio::test]
async fn a_list_without_a_total_ends_with_an_empty_page_whatever_size_its_pages_have() {
    let server = Server::start().await;
    let answer = |ids: std::ops::Range<u64>| {
        let rows: Vec<Value> = ids.map(|id| json!({"id": id, "name": "a"})).collect();
        Reply::Json(200, json!({"limit": u64::MAX, "cost_centers": rows}))
    };
    let pass = || [answer(0..20), answer(20..21), answer(21..30), answer(30..30)];
    server.on(CENTRES, pass()).on(CENTRES, pass());
    let read = read_centres(&server, Thoroughness::Once).await;
    assert_eq!((read.rows.len(), read.proof), (30, ReadProof::TwoAgreeingReads));
}

#[tokio::test]
async fn a_value_of_another_type_makes_its_field_unknown_and_keeps_the_others() {
    let server = Server::start().await;
    let mut odd = person("1");
    odd["first_name"] = json!({"given": "Ada"});
    server.with_token().on(PERSONS, [page(&[odd, person("2")], None)]);
    let read = read_people(&server, &["email", "firstName"]).await;
    assert_eq!(read.proof, ReadProof::TwoAgreeingReads);
    let row = &read.rows[0];
    assert_eq!(row.values(), &fields(&[("email", json!("p1@example.test"))]));
    assert!(row.is_unknown("firstName") && !row.is_unknown("email") && read.rows[1].fault.is_none());
    let fault = row.fault.clone().unwrap();
    assert_eq!((fault.reason.as_str(), fault.message.contains("Ada")), (reasons::SOURCE_UNREADABLE, false));
    let known = personio(&server).get(&"people".into(), &["1".into()], &names(&["email", "firstName"])).await.unwrap();
    assert!(matches!(&known["1"], Known::Present(same) if same == row), "a fault is not an absence");
}

#[tokio::test]
async fn what_is_always_delivered_and_missing_is_unknown_and_what_is_empty_is_empty() {
    let server = Server::start().await;
    let cases = [
        ("1", json!({"id": "e", "status": "ACTIVE", "supervisor": null, "cost_centers": []})),
        ("2", json!({"id": "e", "status": "ACTIVE", "supervisor": null})),
        ("3", json!({"id": "e", "status": "ACTIVE", "cost_centers": []})),
        ("4", json!({"id": "e", "status": "ACTIVE", "supervisor": {}, "cost_centers": [{"weight": 5}]})),
    ];
    server
        .with_token()
        .on(PERSONS, [page(&cases.clone().map(|(id, _)| person(id)), None)])
        .on("GET /v2/cost-centers", [page(&[], None)])
        .on("GET /v2/workplaces", [page(&[], None)]);
    for (id, employment) in cases {
        server.on(&employments(id), [page(&[employment], None)]);
    }
    let wanted = ["employment.supervisorId", "employment.costCentre", "employment.office"];
    let read = read_people(&server, &wanted).await;
    let unknown: Vec<Vec<&str>> = read
        .rows
        .iter()
        .map(|row| row.fault.iter().flat_map(|fault| &fault.fields).map(FieldName::as_str).collect())
        .collect();
    let (cost, boss) = ("employment.costCentre", "employment.supervisorId");
    assert_eq!(unknown, [vec![], vec![cost], vec![boss], vec![cost, boss]]);
    assert!(
        read_people(&server, &["employment.office"]).await.rows.iter().all(|row| row.fault.is_none()),
        "not wanted"
    );
}

#[tokio::test]
async fn somebody_without_any_employment_was_not_read_whole() {
    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[person("1")], None)]).on(&employments("1"), [page(&[], None)]);
    let read = read_people(&server, &["email", "employment.position"]).await;
    let row = &read.rows[0];
    assert!(row.is_unknown("employment.position") && !row.is_unknown("email"));
    assert!(row.fault.as_ref().unwrap().message.contains("fewer than 1"), "{:?}", row.fault);
}

#[tokio::test]
async fn a_part_that_is_refused_or_has_no_name_concerns_its_own_row() {
    let server = Server::start().await;
    let office = |id: &str| employment(&json!({"office": {"id": id}}));
    server
        .with_token()
        .on(PERSONS, [page(&["1", "2", "3", "4", "5", "6"].map(person), None)])
        .on(&employments("1"), [office("7")])
        .on(&employments("2"), [Reply::Json(404, json!({}))])
        .on(&employments("6"), [Reply::Json(403, json!({}))])
        .on(&employments("3"), [office("unknown")])
        .on(&employments("4"), [employment(&json!({}))])
        .on(&employments("5"), [Reply::Json(503, json!({}))])
        .on("GET /v2/workplaces", [page(&[json!({"id": "7", "name": "Leeds"}), json!({"name": "nowhere"})], None)]);
    let read = read_people(&server, &["email", "employment.office"]).await;
    assert_eq!((read.rows.len(), read.proof), (6, ReadProof::TwoAgreeingReads));
    let unknown: Vec<bool> = read.rows.iter().map(|row| row.is_unknown("employment.office")).collect();
    assert_eq!(unknown, [false, true, true, false, true, true]);
    assert_eq!(read.rows[0].values().get("employment.office"), Some(&json!("Leeds")));
    assert!(read.rows.iter().all(|row| row.values().contains("email")));
}

#[tokio::test]
async fn parts_that_all_fail_mean_that_the_system_is_gone() {
    let server = Server::start().await;
    let everybody: Vec<Value> = (0..60).map(|id| person(&id.to_string())).collect();
    server.with_token().on(PERSONS, [page(&everybody, None)]);
    for id in 0..60 {
        server.on(&employments(&id.to_string()), [Reply::Json(500, json!({}))]);
    }
    let (system, wanted) = (personio(&server), names(&["employment.position"]));
    let error = system.read(&"people".into(), &wanted, Thoroughness::Once, &|_, _| {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    let asked = server.all().iter().filter(|request| request.route.ends_with("/employments")).count();
    assert!(asked < 60, "{asked} requests");

    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[person("1")], None)]).on(&employments("1"), [Reply::Json(500, json!({}))]);
    let error = personio(&server).read(&"people".into(), &wanted, Thoroughness::Once, &|_, _| {}).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient, "of one, one");
    let known = personio(&server).get(&"people".into(), &["1".into()], &wanted).await.unwrap();
    assert!(matches!(&known["1"], Known::Unknown(_)));
}

#[tokio::test]
async fn a_lookup_that_fails_makes_the_fields_unknown_that_refer_to_it() {
    let server = Server::start().await;
    server
        .with_token()
        .on(PERSONS, [page(&["1", "2"].map(person), None)])
        .on(&employments("1"), [employment(&json!({"office": {"id": "7"}, "position": {"title": "Engineer"}}))])
        .on(&employments("2"), [employment(&json!({"office": null}))])
        .on("GET /v2/workplaces", [Reply::Json(503, json!({}))]);
    let read = read_people(&server, &["employment.office", "employment.position"]).await;
    assert_eq!(read.proof, ReadProof::TwoAgreeingReads);
    let (refers, empty) = (&read.rows[0], &read.rows[1]);
    assert!(refers.is_unknown("employment.office") && !refers.is_unknown("employment.position"));
    assert_eq!(refers.values(), &fields(&[("employment.position", json!("Engineer"))]), "no identifier as a name");
    assert_eq!(empty.fault, None, "it refers to nothing");
}

#[tokio::test]
async fn a_lookup_that_is_forbidden_or_not_there_fails_the_read() {
    for (status, kind) in [(403, ErrorKind::Credentials), (404, ErrorKind::Configuration)] {
        let server = Server::start().await;
        server
            .with_token()
            .on(PERSONS, [page(&[person("1")], None)])
            .on(&employments("1"), [employment(&json!({"office": {"id": "7"}}))])
            .on("GET /v2/workplaces", [Reply::Json(status, json!({}))]);
        let wanted = names(&["employment.office"]);
        let read = personio(&server).read(&"people".into(), &wanted, Thoroughness::Once, &|_, _| {}).await;
        assert_eq!(read.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn selected_people_are_asked_for_by_identifier_and_each_gets_an_answer() {
    let server = Server::start().await;
    server.with_token().on(PERSONS, [page(&[person("1")], None)]);
    let ids = ["1", "2", "a,b", ""].map(Into::into);
    let system = personio(&server);
    let known = system.get(&"people".into(), &ids, &names(&["email"])).await.unwrap();
    assert_eq!(
        server.received(PERSONS).iter().map(|request| request.query.as_str()).collect::<Vec<_>>(),
        ["limit=50&id=1%2C2"]
    );
    assert!(matches!(&known["1"], Known::Present(row) if row.values().contains("email")));
    assert_eq!(known["2"], Known::Absent);
    assert!(matches!((&known["a,b"], &known[""]), (Known::Unknown(_), Known::Unknown(_))), "cannot be asked for");
    assert!(system.asks_by_id(&"people".into()) && !system.asks_by_id(&"costCentres".into()));
}

#[tokio::test]
async fn a_filter_that_is_not_applied_or_does_not_end_says_nothing_about_who_is_missing() {
    let broken = || [page(&[person("1")], Some("/v2/persons?cursor=a")), Reply::Json(503, json!({}))];
    let stuck = || [page(&[person("1")], Some("/v2/persons?limit=50&id=1%2C2"))];
    let nameless = || [page(&[person("1"), json!({})], None)];
    let ignored = || [page(&[person("1"), person("9")], None)];
    for replies in [broken().to_vec(), stuck().to_vec(), nameless().to_vec(), ignored().to_vec()] {
        let server = Server::start().await;
        server.with_token().on(PERSONS, replies);
        let known =
            personio(&server).get(&"people".into(), &["1".into(), "2".into()], &names(&["email"])).await.unwrap();
        assert!(matches!(&known["1"], Known::Present(_)));
        assert!(matches!(&known["2"], Known::Unknown(_)));
        assert_eq!(known.len(), 2);
    }
}

#[tokio::test]
async fn a_refused_or_failed_filter_leaves_everybody_unknown() {
    for status in [400, 503] {
        let server = Server::start().await;
        server.with_token().on(PERSONS, [Reply::Json(status, json!({}))]);
        let known = personio(&server).get(&"people".into(), &["1".into()], &[]).await.unwrap();
        assert!(matches!(&known["1"], Known::Unknown(_)), "{status}");
    }
    let server = Server::start().await;
    server.with_token().on(PERSONS, [Reply::Json(404, json!({}))]);
    let error = personio(&server).get(&"people".into(), &["1".into()], &[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Configuration, "a list always exists");
}

#[tokio::test]
async fn without_a_filter_absence_needs_a_complete_list() {
    let centre = |id: &str| json!({"id": id, "name": "x"});
    let server = Server::start().await;
    server.with_token().on("GET /v2/cost-centers", [page(&[centre("1")], None)]);
    let ids = ["1".into(), "2".into()];
    let known = personio(&server).get(&"costCentres".into(), &ids, &names(&["name"])).await.unwrap();
    assert!(matches!((&known["1"], &known["2"]), (Known::Present(_), Known::Absent)));

    let server = Server::start().await;
    let lists = [page(&[centre("1")], None), page(&[centre("1"), centre("3")], None), page(&[centre("1")], None)];
    server.with_token().on("GET /v2/cost-centers", lists);
    let known = personio(&server).get(&"costCentres".into(), &ids, &names(&["name"])).await.unwrap();
    assert!(matches!((&known["1"], &known["2"]), (Known::Present(_), Known::Unknown(_))));

    let server = Server::start().await;
    server.with_token().on("GET /v2/cost-centers", [Reply::Json(503, json!({}))]);
    let known = personio(&server).get(&"costCentres".into(), &ids, &[]).await.unwrap();
    assert!(known.values().all(|known| matches!(known, Known::Unknown(_))));
}

#[tokio::test]
async fn a_search_in_an_incomplete_list_or_among_unreadable_values_is_an_error() {
    let incomplete = [centres(0..3, Some(4)), centres(0..0, Some(4))];
    let empty = [centres(0..0, Some(4))];
    let row = json!([{"id": 1, "name": {"en": "a"}}]);
    let unreadable = [Reply::Json(200, json!({"total": 1, "cost_centers": row}))];
    for replies in [incomplete.to_vec(), empty.to_vec(), unreadable.to_vec()] {
        let server = Server::start().await;
        server.on(CENTRES, replies);
        let error = travelperk(&server).find(&"costCentres".into(), &"name".into(), "Centre 1", &[]).await.unwrap_err();
        assert_eq!((error.kind, error.reason), (ErrorKind::Transient, reasons::READ_INCOMPLETE));
    }
    let server = Server::start().await;
    let found = personio(&server).find(&"people".into(), &"email".into(), "a@x", &[]).await.unwrap();
    assert_eq!((found, server.all().len()), (Found::NotAnswered, 0), "not marked lookup");
}
