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
        ("personio-v2", "/v2/persons/{key}/employments", "/v2/persons/{id}/employments", "unknown placeholder {id}"),
        ("personio-v2", "      preferredName: {path: preferred_name}\n", "", "has no entry under values"),
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
        ("travelperk", "  - urn:ietf:params:scim:schemas:extension:travelperk:2.0:User", "", "is not in schemas"),
        ("travelperk", "dependsOn: [costCentres]", "dependsOn: [costs]", "unknown stream costs"),
        ("travelperk", "      name: {path: name}", "      name: {path: \"a[0]\"}", "not made of names only"),
    ];
    for (name, from, to, expected) in cases {
        let report = problems_of(name, from, to);
        assert!(report.contains(expected), "{expected} is missing in\n{report}");
    }
}

#[test]
fn the_engine_sees_streams_with_types_and_constraints() {
    let source = catalogue::find("personio-v2").unwrap().source_streams();
    assert_eq!(source["people"].fields["employment.supervisorId"].type_, FieldType::Reference);
    let target = catalogue::find("travelperk").unwrap().target_streams();
    let user_name = &target["people"].fields["userName"];
    assert!(user_name.required && user_name.lookup && !user_name.case_exact);
    assert!(target["people"].fields["externalId"].case_exact);
    assert_eq!(target["people"].fields["phone"].unsupported.as_deref(), Some("Contact number cannot be synced"));
}

#[test]
fn a_definition_survives_being_written_and_read_again() {
    for name in catalogue::names() {
        let definition = catalogue::find(name).unwrap();
        let text = serde_yaml_ng::to_string(definition).unwrap();
        assert_eq!(&parse(&text, "again").unwrap(), definition);
    }
}
