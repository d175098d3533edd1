//! Two ways: fields that go to the target, to the source, or to whichever side has none; records that have a parent.

use rollcall::runner::Finished;
use rollcall_api::v1alpha1::SyncSettingSpec;
use rollcall_emulators::generic::Stream;
use rollcall_emulators::{GenericEmulator, GenericOptions};
use serde_json::{Value, json};

use super::pair::{Pair, setting};

/// Officers and people with their placements go to the target; the login comes back, the phone goes either way.
pub const BOTH: &str = r#"
sourceRef: {name: source}
targetRef: {name: target}
publish: Automatic
timeZone: Europe/Berlin
streams:
  - name: officers
    match: [{field: name}]
    fields:
      - {to: name, from: name}
  - name: people
    mode: Both
    match: [{field: number}, {field: email}]
    leaver:
      when: source.active == false
    fields:
      - {to: number, from: number}
      - {to: email, from: email}
      - {to: name, from: name}
      - {to: birthDate, from: birthDate}
      - {to: officerId, from: officerId}
      - {to: login, from: login, rule: Pull}
      - {to: phone, from: phone, rule: Fill, winner: Source}
      - {to: department, from: department, rule: Fill, winner: Target}
  - name: placements
    match: [{fields: [type, startDate]}]
    actions: {delete: true}
    leaver: {deleteAfterDays: 0}
    fields:
      - {to: type, from: type}
      - {to: startDate, from: startDate}
      - {to: endDate, from: endDate, onNull: Clear}
"#;

/// The same without match rules for placements: a child is found by its link alone.
pub fn both() -> SyncSettingSpec {
    setting(BOTH)
}

fn person(system: &GenericEmulator, number: &str) -> (u64, Value) {
    let state = system.state();
    let found = state.rows(Stream::People).find(|(_, row)| row["number"] == number);
    found.map(|(id, row)| (id, row.clone())).unwrap_or_else(|| panic!("nobody has the number {number}"))
}

fn set(system: &GenericEmulator, number: &str, field: &str, value: Value) {
    let (id, _) = person(system, number);
    assert!(system.state().set(Stream::People, id, field, value));
}

/// Active people of the source, by their numbers.
fn active(pair: &Pair) -> Vec<String> {
    let state = pair.source.state();
    let rows = state.rows(Stream::People).filter(|(_, row)| row["active"] == json!(true));
    rows.filter_map(|(_, row)| row["number"].as_str().map(str::to_owned)).collect()
}

async fn in_step(spec: SyncSettingSpec) -> Pair {
    let mut pair = Pair::of(30, spec).await;
    let first = pair.run().await;
    assert_eq!(first.result.code, 201, "{:?}", first.result);
    converges(&mut pair).await;
    pair
}

/// A run more writes nothing to either side.
async fn converges(pair: &mut Pair) -> Finished {
    pair.reset();
    let again = pair.run().await;
    assert_eq!(
        (again.result.code, pair.source.writes().len(), pair.target.writes().len()),
        (204, 0, 0),
        "{:?}",
        again.result
    );
    again
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_goes_its_own_way_and_nothing_echoes() {
    let mut pair = in_step(both()).await;
    let numbers = active(&pair);
    let (one, two, three, four) = (&numbers[0], &numbers[1], &numbers[2], &numbers[3]);
    set(&pair.source, one, "email", json!("pushed@example.test"));
    set(&pair.target, two, "login", json!("pulled"));
    set(&pair.target, three, "phone", json!("filled"));
    set(&pair.source, four, "phone", json!("of the source"));
    set(&pair.target, four, "phone", json!("of the target"));
    set(&pair.source, one, "department", json!("of the source"));
    set(&pair.target, one, "department", json!("of the target"));

    let finished = pair.run().await;

    assert_eq!(finished.result.code, 200, "{:?}", finished.result);
    assert_eq!(person(&pair.target, one).1["email"], "pushed@example.test");
    assert_eq!(person(&pair.source, two).1["login"], "pulled");
    assert_eq!(person(&pair.source, three).1["phone"], "filled");
    assert_eq!(person(&pair.target, four).1["phone"], "of the source");
    assert_eq!(person(&pair.source, one).1["department"], "of the target");
    // Somebody whose both sides change has one outcome.
    assert_eq!(finished.result.counts.updated, 4, "{:?}", finished.result);
    converges(&mut pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn officers_are_there_before_the_people_who_refer_to_them() {
    let mut pair = in_step(both()).await;
    let number = active(&pair)[0].clone();
    let officer = pair.source.state().insert(Stream::Officers, json!({"name": "Office East"}));
    set(&pair.source, &number, "officerId", json!(officer.to_string()));

    pair.run().await;

    let id: u64 = person(&pair.target, &number).1["officerId"].as_str().unwrap().parse().unwrap();
    assert_eq!(pair.target.state().row(Stream::Officers, id).unwrap()["name"], "Office East");
    converges(&mut pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn placements_follow_their_person_and_one_that_is_deleted_is_deleted() {
    let mut pair = in_step(both()).await;
    let number = active(&pair)[0].clone();
    let (of_source, of_target) = (person(&pair.source, &number).0, person(&pair.target, &number).0);
    let theirs = |system: &GenericEmulator, person: u64| -> Vec<(u64, Value)> {
        let state = system.state();
        let rows = state.rows(Stream::Placements).filter(|(_, row)| row["personId"] == json!(person.to_string()));
        rows.map(|(id, row)| (id, row.clone())).collect()
    };
    let new = json!({"personId": of_source.to_string(), "type": "Work placement", "startDate": "2026-02-01"});
    pair.source.state().insert(Stream::Placements, new);
    let old = theirs(&pair.source, of_source)[0].0;
    pair.source.state().remove(Stream::Placements, old);

    let finished = pair.run().await;

    assert_eq!((finished.result.counts.created, finished.result.counts.deleted), (1, 1), "{:?}", finished.result);
    let kinds =
        |rows: Vec<(u64, Value)>| -> Vec<Value> { rows.into_iter().map(|(_, row)| row["type"].clone()).collect() };
    assert_eq!(kinds(theirs(&pair.target, of_target)), kinds(theirs(&pair.source, of_source)));
    converges(&mut pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_placements_the_picked_one_is_sent() {
    let mut spec = both();
    let placements = spec.streams.iter_mut().find(|stream| stream.name == "placements").unwrap();
    placements.pick = vec![
        rollcall_api::v1alpha1::PickRule {
            when: Some("source.type == \"Work placement\"".into()),
            latest: "startDate".into(),
        },
        rollcall_api::v1alpha1::PickRule { when: None, latest: "startDate".into() },
    ];
    let mut pair = Pair::of(30, spec).await;
    let number = active(&pair)[0].clone();
    let id = person(&pair.source, &number).0;
    for (type_, start) in [("Work placement", "2024-02-01"), ("Work placement", "2025-02-01"), ("Course", "2026-02-01")]
    {
        let row = json!({"personId": id.to_string(), "type": type_, "startDate": start});
        pair.source.state().insert(Stream::Placements, row);
    }

    pair.run().await;

    let target = person(&pair.target, &number).0;
    {
        let state = pair.target.state();
        let rows: Vec<&Value> = state
            .rows(Stream::Placements)
            .map(|(_, row)| row)
            .filter(|row| row["personId"] == json!(target.to_string()))
            .collect();
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!((&rows[0]["type"], &rows[0]["startDate"]), (&json!("Work placement"), &json!("2025-02-01")));
    }
    converges(&mut pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_makes_the_source_what_the_target_is() {
    let text = r#"
sourceRef: {name: source}
targetRef: {name: target}
publish: Automatic
streams:
  - name: people
    mode: Pull
    match: [{field: number}]
    leaver: {when: target.active == false}
    fields:
      - {to: number, from: number}
      - {to: email, from: email}
      - {to: name, from: name}
"#;
    let target = GenericOptions { first_id: 5001, ..GenericOptions::campus() };
    let mut pair = Pair::with(GenericOptions::ledger(), target, setting(text)).await;
    pair.target.state().populate(&crate::support::people(30));

    let first = pair.run().await;

    assert_eq!(first.result.code, 201, "{:?}", first.result);
    assert_eq!(pair.target.writes().len(), 0);
    converges(&mut pair).await;
    let number = active(&pair)[0].clone();
    set(&pair.target, &number, "active", json!(false));
    pair.run().await;
    assert_eq!(person(&pair.source, &number).1["active"], json!(false));
    converges(&mut pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_keeps_names_in_capitals_is_not_rewritten_for_ever() {
    let mut target = GenericOptions::campus();
    target.normalises = true;
    let mut pair = Pair::with(GenericOptions::ledger(), target, both()).await;
    pair.populate(30);
    // Created; sent; sent once more, to tell what the target makes of it from what somebody put back.
    for _ in 0..3 {
        pair.run().await;
    }
    converges(&mut pair).await;
}
