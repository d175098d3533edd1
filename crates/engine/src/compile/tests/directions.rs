//! Modes of streams, rules of fields, and the way back.

use serde_json::{Value, json};

use super::{assert_one, people, problems_of, spec};

/// The problems of a stream of a mode with one more field.
fn with_field(mode: &str, field: Value) -> Vec<String> {
    problems_of(&spec(&[people(|stream| {
        stream["mode"] = json!(mode);
        stream["fields"].as_array_mut().unwrap().push(field);
    })]))
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn fields_flow_back_in_two_way_streams_only() {
    for rule in ["Pull", "Fill"] {
        let field = json!({"to": "title", "from": "firstName", "rule": rule});
        assert_one(&with_field("Push", field.clone()), &["fields[title].rule", "mode Push", "Both"]);
        assert_one(&with_field("MatchOnly", field.clone()), &["mode MatchOnly"]);
        assert_eq!(with_field("Both", field), none());
    }
    let push = json!({"to": "title", "from": "firstName", "rule": "Push"});
    assert_one(&with_field("Pull", push), &["fields[title].rule", "nothing flows to the target"]);
}

#[test]
fn a_field_that_flows_back_is_not_for_creation_only() {
    let field = json!({"to": "title", "from": "firstName", "rule": "Pull", "apply": "OnCreate"});
    assert_one(&with_field("Both", field), &["fields[title].apply"]);
}

#[test]
fn a_field_that_flows_back_needs_a_field_of_the_source_to_flow_to() {
    let field = json!({"to": "title", "expr": "source.id", "rule": "Fill"});
    assert_one(&with_field("Both", field), &["fields[title]: a field that flows back needs from"]);
}

#[test]
fn the_target_may_be_read_only_where_the_field_is_pulled() {
    let pulled = json!({"to": "created", "from": "firstName", "rule": "Pull"});
    assert_eq!(with_field("Both", pulled), none());
    let filled = json!({"to": "created", "from": "firstName", "rule": "Fill"});
    assert_one(&with_field("Both", filled), &["fields[created].to", "read-only"]);
    let unsupported = json!({"to": "mobile", "from": "firstName", "rule": "Pull"});
    assert_one(&with_field("Both", unsupported), &["phone numbers cannot be set"]);
}

#[test]
fn what_flows_back_must_fit_the_sources_type_and_be_supported_there() {
    let wrong = json!({"to": "groups", "from": "tags", "rule": "Pull"});
    assert_eq!(with_field("Both", wrong), none());
    let age = |back: Option<&str>| {
        let mut field = json!({"to": "remote", "from": "isManager", "rule": "Pull"});
        if let Some(back) = back {
            field["back"] = json!(back);
        }
        with_field("Both", field)
    };
    assert_eq!(age(None), none());
    assert_eq!(age(Some("target.remote == true")), none());
    assert_one(&age(Some("target.grade")), &["fields[remote].back", "Boolean"]);
    assert_one(&age(Some("target.titel == 'x'")), &["fields[remote].back", "did you mean 'title'?"]);
    assert_eq!(age(Some("source.isManager")).len(), 1, "back is about the target's record");
}

#[test]
fn a_value_map_that_flows_back_must_be_unambiguous_in_both_directions() {
    let values = json!([{"from": "ACTIVE", "to": "F"}, {"from": "INACTIVE", "to": "F"}]);
    let field = |back: Option<&str>| {
        let mut field = json!({"to": "gender", "from": "status", "rule": "Pull", "values": values});
        if let Some(back) = back {
            field["back"] = json!(back);
        }
        with_field("Both", field)
    };
    assert_one(&field(None), &["values[1].to", "right to left", "back"]);
    assert_eq!(field(Some("target.gender == 'F' ? 'ACTIVE' : 'INACTIVE'")), none());
    let pushed = json!({"to": "gender", "from": "status", "values": values});
    assert_eq!(with_field("Push", pushed), none());
}

#[test]
fn references_that_flow_back_point_at_the_same_kind_of_record_on_both_sides() {
    let same = json!({"to": "manager", "from": "supervisor", "rule": "Fill"});
    assert_eq!(with_field("Both", same), none());
    let other = json!({"to": "costCentre", "from": "supervisor", "rule": "Fill"});
    let problems = with_field("Both", other);
    assert!(problems.iter().any(|problem| problem.contains("records of different streams")), "{problems:#?}");
}

#[test]
fn scope_and_leaver_rules_look_at_the_leading_side() {
    let in_mode = |mode: &str, text: &str| {
        problems_of(&spec(&[people(|stream| {
            stream["mode"] = json!(mode);
            stream["scope"] = json!(text);
            stream["leaver"] = json!({"when": text});
        })]))
    };
    for mode in ["Push", "Both", "MatchOnly"] {
        assert_eq!(in_mode(mode, "source.status == 'ACTIVE'"), none(), "{mode}");
        assert_eq!(in_mode(mode, "target.title == 'x'").len(), 2, "{mode}");
    }
    let pull = in_mode("Pull", "target.title == 'x'");
    assert_one(&pull, &["leaver", "the source cannot disable"]);
    assert_eq!(in_mode("Pull", "source.status == 'x'").len(), 3, "scope, leaver.when, and that nobody can be disabled");
}

#[test]
fn a_side_that_can_only_be_read_is_not_written_to() {
    let centres = |mode: &str, rule: Option<&str>| {
        let mut stream = json!({"name": "costCentres", "mode": mode, "match": [{"field": "name"}],
            "fields": [{"to": "name", "from": "name"}]});
        if let Some(rule) = rule {
            stream["fields"][0]["rule"] = json!(rule);
        }
        problems_of(&spec(&[stream]))
    };
    assert_eq!(centres("Push", None), none());
    assert_eq!(centres("MatchOnly", None), none());
    assert_eq!(centres("Both", None), none(), "no field flows back");
    assert_one(&centres("Both", Some("Fill")), &["costCentres].mode", "can only be read"]);
    assert_one(&centres("Pull", None), &["costCentres].mode", "the source's records"]);
}

#[test]
fn a_stream_that_is_ignored_is_not_checked_and_takes_no_part() {
    let ignored = people(|stream| {
        stream["mode"] = json!("Ignore");
        stream["scope"] = json!("(");
    });
    let centres = json!({"name": "costCentres", "fields": [{"to": "name", "from": "name"}]});
    let spec = spec(&[ignored, centres]);
    let compiled = super::compile(&spec, &super::source(), &super::target()).unwrap();
    assert_eq!(compiled.streams().iter().map(|stream| stream.name.as_str()).collect::<Vec<_>>(), ["costCentres"]);
}

#[test]
fn what_is_required_is_asked_of_the_side_that_records_are_created_on() {
    let without = |mode: &str| {
        problems_of(&spec(&[people(|stream| {
            stream["mode"] = json!(mode);
            stream["fields"].as_array_mut().unwrap().truncate(1);
        })]))
    };
    for mode in ["Push", "Both"] {
        assert_one(&without(mode), &["requires 'userName'"]);
    }
    assert_eq!(without("MatchOnly"), none());
    assert_eq!(without("Pull"), none(), "the source requires nothing");
    let pulled = people(|stream| {
        stream["mode"] = json!("Both");
        stream["fields"][1]["rule"] = json!("Pull");
    });
    assert_one(&problems_of(&spec(&[pulled])), &["requires 'userName'"]);
}

#[test]
fn fields_of_both_sides_that_are_mapped_or_used_are_wanted() {
    let compiled = super::good(&people(|stream| {
        stream["mode"] = json!("Both");
        stream["scope"] = json!("source.status == 'ACTIVE'");
        let field = json!({"to": "title", "from": "firstName", "rule": "Pull", "back": "lower(target.code)"});
        stream["fields"].as_array_mut().unwrap().push(field);
    }));
    let stream = compiled.stream("people").unwrap();
    assert_eq!(stream.wanted_from_source, ["email", "firstName", "id", "status"]);
    assert_eq!(stream.wanted_from_target, ["code", "externalId", "title", "userName"]);
}
