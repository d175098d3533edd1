//! Match rules over several fields, parents, choices, and when records are deleted.

use serde_json::{Value, json};

use super::{assert_one, people, problems_of, spec};
use crate::compile::compile;

fn none() -> Vec<String> {
    Vec::new()
}

fn matching(rules: &Value) -> Vec<String> {
    problems_of(&spec(&[people(|stream| {
        stream["match"] = rules.clone();
        let fields = stream["fields"].as_array_mut().unwrap();
        fields.push(json!({"to": "title", "from": "firstName"}));
        fields.push(json!({"to": "manager", "from": "supervisor"}));
    })]))
}

#[test]
fn several_fields_and_normalised_ones_need_no_look_up() {
    assert_eq!(matching(&json!([{"fields": ["title", "userName"]}])), none());
    assert_eq!(matching(&json!([{"field": "title", "normalize": "Digits"}])), none());
    assert_one(&matching(&json!([{"field": "title"}])), &["match[0].field", "cannot be looked up"]);
}

#[test]
fn each_of_several_fields_is_mapped_a_single_value_and_named_once() {
    assert_one(&matching(&json!([{"fields": ["title", "title"]}])), &["match[0]", "'title' is named twice"]);
    assert_one(&matching(&json!([{"fields": ["title", "code"]}])), &["match[0].fields", "'code' is not mapped"]);
    assert_one(&matching(&json!([{"fields": ["title", "nope"]}])), &["match[0].fields", "no field 'nope'"]);
    assert_one(&matching(&json!([{"fields": ["title", "manager"]}])), &["'manager' is not a single value"]);
}

#[test]
fn a_rule_that_says_what_another_one_says_is_refused() {
    let same = json!([{"fields": ["title", "userName"]}, {"fields": ["userName", "title"]}]);
    assert_one(&matching(&same), &["match[1]", "matched on twice"]);
    let other = json!([{"field": "externalId"}, {"field": "externalId", "normalize": "Case"}]);
    assert_eq!(matching(&other), none());
}

fn absences(change: impl FnOnce(&mut Value)) -> Value {
    let mut stream = json!({"name": "absences", "match": [{"field": "number"}], "actions": {"disable": false},
        "fields": [{"to": "number", "from": "id"}, {"to": "start", "from": "start"}]});
    change(&mut stream);
    stream
}

#[test]
fn records_that_belong_to_others_need_the_stream_of_their_parents() {
    assert_one(&problems_of(&spec(&[absences(|_| ())])), &["stream 'people', which is not enabled", "MatchOnly"]);
    let both = spec(&[absences(|_| ()), people(|_| ())]);
    assert_eq!(problems_of(&both).len(), 0, "{:#?}", problems_of(&both));
    let with_centres = spec(&[absences(|_| ()), people(|stream| stream["mode"] = json!("MatchOnly"))]);
    let compiled = compile(&with_centres, &super::source(), &super::target()).unwrap();
    let names: Vec<&str> = compiled.streams().iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["people", "absences"], "parents are written first");
    let stream = compiled.stream("absences").unwrap();
    assert!(stream.refers_to().into_iter().any(|name| *name == *"people"));
}

#[test]
fn both_sides_agree_whose_children_the_records_are() {
    let mut source = super::source();
    source.get_mut("absences").unwrap().parent = Some("costCentres".into());
    let problems = compile(&spec(&[absences(|_| ()), people(|_| ())]), &source, &super::target()).unwrap_err();
    assert!(problems[0].rule.contains("costCentres in the source, but to people in the target"), "{problems:#?}");
}

#[test]
fn a_choice_is_made_among_children_by_a_field_that_has_an_order() {
    let picking = |pick: Value| problems_of(&spec(&[people(|_| ()), absences(|stream| stream["pick"] = pick)]));
    assert_eq!(picking(json!([{"when": "source.id == 'x'", "latest": "start"}, {"latest": "id"}])), none());
    assert_one(&picking(json!([{"latest": "strat"}])), &["pick[0].latest", "did you mean 'start'?"]);
    assert_one(&picking(json!([{"latest": "tags"}])), &["pick[0].latest", "a list has no order"]);
    assert_one(&picking(json!([{"when": "source.id", "latest": "id"}])), &["pick[0].when", "true or false"]);
    let of_people = people(|stream| stream["pick"] = json!([{"latest": "age"}]));
    assert_one(&problems_of(&spec(&[of_people])), &["people].pick[0]", "belong to no parent"]);
    let compiled = compile(
        &spec(&[people(|_| ()), absences(|stream| stream["pick"] = json!([{"latest": "tags"}, {"latest": "id"}]))]),
        &super::source(),
        &super::target(),
    );
    assert!(compiled.is_err());
}

#[test]
fn records_are_deleted_at_once_only_where_they_cannot_be_disabled() {
    let days = |days: i32| {
        problems_of(&spec(&[
            people(|_| ()),
            absences(|stream| {
                stream["actions"] = json!({"delete": true});
                stream["leaver"] = json!({"deleteAfterDays": days});
            }),
        ]))
    };
    assert_eq!(days(0), none());
    assert_one(&days(1), &["absences].actions.delete", "set leaver.deleteAfterDays to 0"]);
    let mut target = super::target();
    target.get_mut("people").unwrap().can_delete = true;
    let of_people = |days: i32| {
        let stream = people(|stream| {
            stream["actions"] = json!({"delete": true});
            stream["leaver"] = json!({"deleteAfterDays": days});
        });
        compile(&spec(&[stream]), &super::source(), &target).err().unwrap_or_default()
    };
    assert_eq!(of_people(1), []);
    let problems = of_people(0);
    assert_eq!((problems.len(), problems[0].path.as_str()), (1, "spec.streams[people].leaver.deleteAfterDays"));
}
