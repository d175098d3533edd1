//! What the check of a definition finds, and how it says so.

use super::catalogue;
use super::parse;
use crate::definitions::schema::FieldType;

fn personio() -> String {
    catalogue::text("personio-v2").unwrap().to_owned()
}

/// The problems of a built-in definition after one replacement.
fn problems_of(name: &str, from: &str, to: &str) -> String {
    let text = catalogue::text(name).unwrap();
    assert!(text.contains(from), "the definition has no {from}");
    parse(&text.replace(from, to), "changed.yaml").unwrap_err().to_string()
}

#[test]
fn a_mistake_in_the_yaml_is_reported_with_line_and_column() {
    let error = parse("name: x\ntitle: [", "broken.yaml").unwrap_err();
    assert!(error.problems[0].place.starts_with("line "), "{error}");
    assert!(error.to_string().contains("broken.yaml"));
}

#[test]
fn an_unknown_key_is_reported_with_its_place() {
    let error = parse(&personio().replace("leavers:", "leaver:"), "changed.yaml").unwrap_err().to_string();
    assert!(error.contains("leaver") && error.contains("line"), "{error}");
}

#[test]
fn all_problems_are_reported_at_once() {
    let text = personio().replace("endpoint: api, path: /v2/org-units", "endpoint: nowhere, path: org-units");
    let error = parse(&text.replace("lookup: workplaces", "lookup: sites"), "changed.yaml").unwrap_err();
    let report = error.to_string();
    for part in ["unknown endpoint nowhere", "must begin with /", "unknown lookup sites", "lookups.workplaces"] {
        assert!(report.contains(part), "{part} is missing in\n{report}");
    }
}

#[test]
fn what_is_named_must_exist_and_what_exists_must_be_used() {
    let cases = [
        ("personio-v2", "rateClass: auth", "rateClass: tokens", "unknown class tokens"),
        ("personio-v2", "{credentials.clientSecret}", "{credentials.secret}", "unknown credential secret"),
        ("personio-v2", "{credentials.clientSecret}", "fixed", "credentials.clientSecret: is used by nothing"),
        ("personio-v2", "/v2/persons/{id}/employments", "/v2/persons/{key}/employments", "unknown placeholder {key}"),
        ("personio-v2", "        preferredName: {path: preferred_name}\n", "", "has no entry under values"),
        ("personio-v2", "path: first_name", "path: first..name", "first..name"),
        (
            "travelperk",
            "    class: Credentials",
            "    class: Credentials\n    reason: Broken",
            "Broken is not a reason",
        ),
        ("personio-v2", "capabilities: [Read]", "capabilities: [Read, Write]", "Write must be named exactly when"),
        ("personio-v2", "stream: people", "stream: persons", "unknown stream persons"),
        ("personio-v2", "https://api.personio.de\n", "https://api.personio.de?x=1\n", "without query"),
        ("travelperk", "    - urn:ietf:params:scim:schemas:extension:travelperk:2.0:User", "", "is not in schemas"),
        ("travelperk", "dependsOn: [costCentres]", "dependsOn: [costs]", "unknown stream costs"),
        ("travelperk", "        name: {path: name}", "        name: {path: \"a[0]\"}", "can only be read"),
        ("travelperk", "capabilities: [Read, ", "capabilities: [", "Read must be named exactly when there is a stream"),
    ];
    for (name, from, to, expected) in cases {
        let report = problems_of(name, from, to);
        assert!(report.contains(expected), "{expected} is missing in\n{report}");
    }
}

/// The problems of the cost centres of TravelPerk with more said about how they are read and written.
fn problems_of_cost_centres(schema: &str, rest: &str) -> String {
    let text = catalogue::text("travelperk").unwrap();
    let (head, tail) = text.rsplit_once("      id: id\n").unwrap();
    let (start, end) = head.rsplit_once("      fields:\n").unwrap();
    let changed = format!("{start}{schema}      fields:\n{end}      id: id\n{rest}{tail}");
    parse(&changed, "changed.yaml").err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn what_a_stream_promises_is_what_its_requests_can_do() {
    let delete = "      delete: {endpoint: rest, method: DELETE, path: \"/cost_centers/{id}\"}\n";
    let enable = "      enable: {endpoint: rest, method: POST, path: \"/cost_centers/{id}/on\"}\n";
    let disable = "      disable: {endpoint: rest, method: POST, path: \"/cost_centers/{id}/off\"}\n";
    let active = "      active: {path: archived, inactive: [\"true\"]}\n";
    let able = "      canDisable: true\n      canDelete: true\n";
    assert_eq!(problems_of_cost_centres(able, &[delete, enable, disable, active].concat()), "");
    let cases = [
        ("", delete.to_owned(), "canDelete: must be true exactly when rest has delete"),
        ("      canDelete: true\n", String::new(), "canDelete: must be true exactly when rest has delete"),
        ("      canDisable: true\n", disable.to_owned(), "has only one of enable and disable"),
        ("      canDisable: true\n", [enable, disable].concat(), "nothing says which ones are disabled"),
        ("", active.replace("\"true\"", ""), "name the values that mean inactive"),
        ("      parent: people\n", String::new(), "say where its identifier is"),
        ("      parent: offices\n", "      parent: office.id\n".to_owned(), "unknown stream offices"),
        ("      parent: people\n", "      parent: \"people[0].id\"\n".to_owned(), "not made of names only"),
        ("", "      parent: office.id\n".to_owned(), "name the stream of the parent"),
    ];
    for (schema, rest, expected) in cases {
        let report = problems_of_cost_centres(schema, &rest);
        assert!(report.contains(expected), "{expected} is missing in\n{report}");
    }
    let report =
        problems_of("travelperk", "      update: {endpoint: rest, method: PATCH, path: \"/cost_centers/{id}\"}", "");
    assert!(report.contains("without both create and update"), "{report}");
}

#[test]
fn a_stream_has_exactly_one_transport() {
    for (from, to) in [("    rest:\n", "    csv:\n"), ("    scim2:\n", "    rest: null\n    scim2: null\n    x:\n")] {
        let report = problems_of("travelperk", from, to);
        assert!(report.contains("line ") && report.contains("unknown field"), "{report}");
    }
    let text = catalogue::text("travelperk").unwrap();
    let (head, _) = text.rsplit_once("    rest:\n").unwrap();
    let report = parse(head, "changed.yaml").unwrap_err().to_string();
    assert!(report.contains("exactly one of scim2 and rest") && report.contains("line "), "{report}");
}

#[test]
fn a_mistake_within_a_stream_is_reported_with_its_line() {
    let text = personio();
    let line = text.lines().position(|line| line.contains("firstName: {path")).unwrap() + 1;
    let error = parse(&text.replace("firstName: {path: first_name}", "firstName: {paths: first_name}"), "changed.yaml");
    let error = error.unwrap_err();
    assert!(error.problems[0].place.starts_with(&format!("line {line} ")), "{error}");
}

#[test]
fn a_definition_of_the_first_edition_is_told_the_new_spelling() {
    for side in ["source", "target"] {
        let report = problems_of("personio-v2", "\nstreams:\n", &format!("\n{side}:\n"));
        assert!(report.contains("streams in place of source and target") && report.contains("line "), "{report}");
    }
}

#[test]
fn the_engine_sees_streams_with_types_and_constraints() {
    let people = &catalogue::find("personio-v2").unwrap().streams()["people"];
    let supervisor = &people.fields["employment.supervisorId"];
    assert_eq!((people.can_write, supervisor.type_), (false, FieldType::Reference));
    assert!(supervisor.always_delivered && !people.fields["email"].always_delivered);
    let streams = catalogue::find("travelperk").unwrap().streams();
    assert!(streams["people"].can_write && streams["costCentres"].can_write);
    let user_name = &streams["people"].fields["userName"];
    assert!(user_name.required && user_name.lookup && !user_name.case_exact && !user_name.identifies);
    assert!(streams["people"].fields["externalId"].case_exact && streams["people"].fields["dateOfBirth"].identifies);
    assert_eq!(streams["people"].fields["phone"].unsupported.as_deref(), Some("Contact number cannot be synced"));
}

#[test]
fn a_definition_survives_being_written_and_read_again() {
    for name in catalogue::names() {
        let definition = catalogue::find(name).unwrap();
        let text = serde_yaml_ng::to_string(definition).unwrap();
        assert_eq!(&parse(&text, "again").unwrap(), definition);
    }
}

#[test]
fn a_text_that_would_occupy_the_parser_is_refused_before_it_is_parsed() {
    let lines: Vec<String> = (0..2_000).map(|depth| format!("{}a:", "  ".repeat(depth))).collect();
    let block = lines.join("\n");
    let cases = [
        ("a".repeat(600 * 1024), "the whole text", "definitions may have 524288"),
        (format!("name: {}", "[".repeat(100_000)), "line 1", "nested more than 64 levels"),
        (format!("name: x\ntitle: {}", "{a: ".repeat(100_000)), "line 2", "nested more than 64 levels"),
        (block[..400_000].to_owned(), "line 66", "nested more than 64 levels"),
    ];
    for (text, place, rule) in cases {
        let error = parse(&text, "hostile.yaml").unwrap_err();
        assert!(error.problems[0].place == place && error.problems[0].rule.contains(rule), "{error}");
    }
}
