//! What the check of a setting finds.

mod directions;
mod related;

use serde_json::{Value, json};

use super::{CompiledSetting, Schemas, compile};
use rollcall_api::v1alpha1::SyncSettingSpec;

/// Schemas of a system that can be written to.
fn schemas(streams: Value) -> Schemas {
    let mut schemas: Schemas = serde_json::from_value(streams).unwrap();
    for schema in schemas.values_mut() {
        schema.can_write = true;
    }
    schemas
}

fn source() -> Schemas {
    let mut source = schemas(json!({
        "people": {"fields": {
            "id": {}, "firstName": {}, "lastName": {}, "email": {}, "status": {"enum": ["ACTIVE", "INACTIVE"]},
            "employment.position": {}, "employment.lastDay": {"type": "Date"}, "age": {"type": "Integer"},
            "hours": {"type": "Number"}, "isManager": {"type": "Boolean"}, "tags": {"type": "TextList"},
            "supervisor": {"type": "Reference", "stream": "people"},
            "phone": {"unsupported": "the vendor's API does not deliver it"}
        }},
        "costCentres": {"fields": {"id": {}, "name": {}}},
        "reviews": {"fields": {"id": {}}},
        "absences": {"parent": "people", "fields": {"id": {}, "start": {"type": "Date"}, "tags": {"type": "TextList"}}}
    }));
    source.get_mut("costCentres").unwrap().can_write = false;
    source
}

fn target() -> Schemas {
    schemas(json!({
        "people": {"dependsOn": ["costCentres"], "canDisable": true, "fields": {
            "externalId": {"lookup": true}, "userName": {"required": true, "lookup": true, "caseExact": false},
            "title": {"maxLength": 5}, "gender": {"enum": ["F", "M"]}, "born": {"type": "Date"},
            "grade": {"type": "Integer"}, "remote": {"type": "Boolean"}, "groups": {"type": "TextList"},
            "manager": {"type": "Reference", "stream": "people"},
            "costCentre": {"type": "Reference", "stream": "costCentres"},
            "created": {"readOnly": true}, "mobile": {"unsupported": "phone numbers cannot be set"},
            "code": {"pattern": "[A-Z]{2}"}
        }},
        "costCentres": {"fields": {"name": {"lookup": true}}},
        "absences": {"parent": "people", "canDelete": true, "fields": {"number": {"lookup": true}, "start": {"type": "Date"}}}
    }))
}

fn people(change: impl FnOnce(&mut Value)) -> Value {
    let mut stream = json!({
        "name": "people",
        "match": [{"field": "externalId"}],
        "fields": [{"to": "externalId", "from": "id"}, {"to": "userName", "from": "email"}]
    });
    change(&mut stream);
    stream
}

fn spec(streams: &[Value]) -> SyncSettingSpec {
    serde_json::from_value(json!({"sourceRef": {"name": "a"}, "targetRef": {"name": "b"}, "streams": streams})).unwrap()
}

fn good(stream: &Value) -> CompiledSetting {
    compile(&spec(std::slice::from_ref(stream)), &source(), &target())
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn problems_of(spec: &SyncSettingSpec) -> Vec<String> {
    let found = compile(spec, &source(), &target()).err().unwrap_or_default();
    found.iter().map(ToString::to_string).collect()
}

/// The problems of a stream with one more field.
fn with_field(field: Value) -> Vec<String> {
    problems_of(&spec(&[people(|stream| stream["fields"].as_array_mut().unwrap().push(field))]))
}

#[track_caller]
fn assert_one(problems: &[String], parts: &[&str]) {
    let [problem] = problems else { panic!("expected one problem, found {problems:#?}") };
    assert!(!problem.contains('\n'), "{problem}");
    for part in parts {
        assert!(problem.contains(part), "{part:?} is not in {problem}");
    }
}

#[test]
fn an_unknown_stream_is_reported_with_the_known_ones() {
    let named = |name: &str| problems_of(&spec(&[people(|stream| stream["name"] = json!(name))]));
    let problems = named("poeple");
    assert_eq!(problems.len(), 2);
    assert!(problems[0].contains("the source has no stream 'poeple'; did you mean 'people'?"), "{problems:?}");
    assert_one(&named("reviews"), &["the target has no stream 'reviews'", "known are absences, costCentres, people"]);
}

#[test]
fn unknown_fields_are_reported_on_both_ends_and_inside_expressions() {
    assert_one(&with_field(json!({"to": "tilte", "from": "id"})), &["fields[tilte].to", "did you mean 'title'?"]);
    assert_one(&with_field(json!({"to": "title", "from": "employment.positon"})), &["'employment.position'"]);
    let nested = json!({"to": "title", "expr": "[1].exists(x, source.employment.positon == 'a') ? source['ag'] : 'b'"});
    let problems = with_field(nested);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].starts_with("spec.streams[people].fields[title].expr: the source has no field"));
    assert!(problems[1].contains("did you mean 'age'?"), "{problems:?}");
}

#[test]
fn fields_that_cannot_be_synchronised_are_refused_with_the_definitions_text() {
    assert_one(&with_field(json!({"to": "mobile", "from": "id"})), &["phone numbers cannot be set"]);
    assert_one(&with_field(json!({"to": "created", "from": "id"})), &["read-only"]);
    assert_one(&with_field(json!({"to": "title", "from": "phone"})), &["the vendor's API does not deliver it"]);
    assert_one(&with_field(json!({"to": "title", "expr": "source.phone"})), &["does not deliver it"]);
}

#[test]
fn unknown_functions_and_variables_and_wrong_calls_are_reported() {
    assert_one(&with_field(json!({"to": "title", "expr": "lowr(source.id)"})), &["'lowr'", "did you mean 'lower'?"]);
    assert_one(&with_field(json!({"to": "title", "expr": "optional.of(source.id)"})).split_off(1), &["function 'of'"]);
    assert_one(&with_field(json!({"to": "title", "expr": "firstName"})), &["'firstName'", "source.firstName"]);
    assert_one(&with_field(json!({"to": "title", "expr": "lower(source.age)"})), &["does not take a whole number"]);
    assert_one(&with_field(json!({"to": "title", "expr": "source.id.lower()"})), &["write lower(text)"]);
    assert_one(&with_field(json!({"to": "title", "expr": "source.id + source.age"})), &["'+'", "string()"]);
}

#[test]
fn an_expression_that_does_not_compile_is_reported_with_its_position() {
    assert_one(&with_field(json!({"to": "title", "expr": "source.id +"})), &["does not compile", "line 1, column"]);
}

#[test]
fn results_of_the_wrong_type_are_reported() {
    let scope = |text: &str| problems_of(&spec(&[people(|stream| stream["scope"] = json!(text))]));
    assert_one(&scope("source.status"), &["people].scope", "gives text", "true or false"]);
    assert_one(&scope("source.age > 3 && source.id"), &["'&&' needs true or false, not text"]);
    assert_one(&scope("source.age < source.id"), &["'<' does not take a whole number and text"]);
    assert_eq!(scope("source.isManager && source.employment.lastDay != null"), Vec::<String>::new());
    let last_day = |text: &str| problems_of(&spec(&[people(|stream| stream["leaver"] = json!({"lastDay": text}))]));
    assert_one(&last_day("source.age"), &["leaver.lastDay", "a day as text"]);
    assert_eq!(last_day("source.employment.lastDay"), Vec::<String>::new());
    assert_one(&with_field(json!({"to": "remote", "expr": "source.age"})), &["type Boolean"]);
    assert_one(&with_field(json!({"to": "grade", "from": "tags"})), &["type Integer"]);
    assert_one(
        &with_field(json!({"to": "grade", "expr": "[source.isManager][0]"})),
        &["it gives true or false", "Integer"],
    );
}

#[test]
fn what_the_target_requires_must_be_mapped_and_only_once() {
    let missing = people(|stream| stream["fields"].as_array_mut().unwrap().truncate(1));
    assert_one(&problems_of(&spec(&[missing])), &["requires 'userName'", "to: userName"]);
    assert_one(&with_field(json!({"to": "userName", "from": "id"})), &["mapped twice"]);
}

#[test]
fn match_rules_need_a_mapped_field_that_can_be_looked_up() {
    let matching = |on: &str| problems_of(&spec(&[people(|stream| stream["match"] = json!([{"field": on}]))]));
    assert_one(&matching("extrnalId"), &["match[0].field", "did you mean 'externalId'?"]);
    let problems = matching("title");
    assert_eq!(problems.len(), 2);
    assert!(problems[0].contains("cannot be looked up by 'title'") && problems[1].contains("is not mapped"));
}

#[test]
fn two_enabled_streams_of_one_name_are_refused_and_a_disabled_one_is_not_checked() {
    let both = spec(&[people(|_| ()), people(|_| ())]);
    assert_one(&problems_of(&both), &["two enabled streams"]);
    let broken = people(|stream| {
        stream["enabled"] = json!(false);
        stream["scope"] = json!("(");
    });
    assert_eq!(problems_of(&spec(&[people(|_| ()), broken])), Vec::<String>::new());
}

#[test]
fn value_maps_must_be_unambiguous_and_give_allowed_values() {
    let field = json!({"to": "gender", "from": "status", "values": [
        {"from": "a", "to": "F"}, {"from": "a", "to": "M"}, {"from": "b", "to": "X"}, {"from": "c", "to": null}]});
    let problems = with_field(field);
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(problems[0].contains("values[1].from") && problems[1].contains("known are F, M"), "{problems:#?}");
}

#[test]
fn constants_and_defaults_keep_the_rules_of_the_target() {
    assert_one(&with_field(json!({"to": "title", "value": "toolong"})), &["fields[title].value", "5 characters"]);
    assert_one(&with_field(json!({"to": "code", "from": "id", "default": "x"})), &[".default", "pattern"]);
    assert_one(&with_field(json!({"to": "grade", "value": "two"})), &["whole number"]);
    assert_one(&with_field(json!({"to": "born", "value": "31.12.2026"})), &["not a day"]);
}

#[test]
fn bad_patterns_and_date_formats_are_reported() {
    assert_one(&with_field(json!({"to": "title", "from": "id", "validate": {"pattern": "("}})), &["validate.pattern"]);
    let mut setting = spec(&[people(|_| ())]);
    setting.parsing.date_formats = vec!["DD/MM/YYYY".into(), "DD/MM/YYDD".into()];
    assert_one(&problems_of(&setting), &["spec.parsing.dateFormats[1]", "YYYY, MM and DD once"]);
}

#[test]
fn references_need_text_and_an_enabled_stream() {
    let problems = with_field(json!({"to": "costCentre", "from": "id"}));
    assert_one(&problems, &["stream 'costCentres', which is not enabled"]);
    assert_one(&with_field(json!({"to": "manager", "from": "age"})), &["type Reference"]);
    assert_eq!(with_field(json!({"to": "manager", "from": "supervisor"})), Vec::<String>::new());
}

#[test]
fn leaver_rules_need_a_target_that_can_disable_unless_disabling_is_switched_off() {
    let stream = |change: &dyn Fn(&mut Value)| {
        let mut stream = json!({"name": "costCentres", "fields": [{"to": "name", "from": "name"}]});
        change(&mut stream);
        problems_of(&spec(&[stream]))
    };
    assert_eq!(stream(&|_| ()), Vec::<String>::new(), "the default rules alone are no problem");
    assert_one(&stream(&|stream| stream["leaver"] = json!({"when": "source.id == 'x'"})), &["cannot disable"]);
    assert_eq!(
        stream(&|stream| {
            stream["leaver"] = json!({"when": "source.id == 'x'"});
            stream["actions"] = json!({"disable": false});
        }),
        Vec::<String>::new()
    );
    assert_one(&stream(&|stream| stream["actions"] = json!({"delete": true})), &["actions.delete", "cannot delete"]);
}

#[test]
fn all_problems_are_reported_at_once() {
    let stream = people(|stream| {
        stream["scope"] = json!("source.nope");
        stream["match"] = json!([{"field": "nope"}]);
        stream["fields"] = json!([{"to": "nope", "from": "nope"}, {"to": "title"}]);
    });
    assert_eq!(problems_of(&spec(&[stream])).len(), 6);
}

#[test]
fn streams_are_ordered_by_what_the_target_says_they_depend_on() {
    let costs = json!({"name": "costCentres", "fields": [{"to": "name", "from": "name"}]});
    let compiled = compile(&spec(&[people(|_| ()), costs]), &source(), &target()).unwrap();
    let names: Vec<&str> = compiled.streams().iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["costCentres", "people"]);
}

#[test]
fn only_mapped_fields_and_those_in_expressions_are_wanted() {
    let compiled = good(&people(|stream| {
        stream["scope"] = json!("has(source.employment.position) && source.status == 'ACTIVE'");
        stream["leaver"] = json!({"lastDay": "source.employment.lastDay"});
    }));
    let wanted = ["email", "employment.lastDay", "employment.position", "id", "status"];
    assert_eq!(compiled.stream("people").unwrap().wanted_from_source, wanted);
}

#[test]
fn the_first_editions_rules_change_with_scope_and_match_rules_only() {
    let digest = |change: fn(&mut Value)| good(&people(change)).first_edition_rules().to_owned();
    let plain = digest(|_| ());
    assert!(plain.starts_with("sha256:") && plain.len() == 71);
    assert_eq!(plain, digest(|stream| stream["leaver"] = json!({"when": "source.status == 'INACTIVE'"})));
    assert_eq!(plain, digest(|stream| stream["fields"][1] = json!({"to": "userName", "from": "id"})));
    assert_ne!(plain, digest(|stream| stream["scope"] = json!("source.status == 'ACTIVE'")));
    assert_ne!(plain, digest(|stream| stream["match"] = json!([{"field": "userName"}])));
    assert_ne!(plain, digest(|stream| stream["match"] = json!([])));
}
