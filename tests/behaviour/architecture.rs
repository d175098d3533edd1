//! Imports go one way. The folders of `src` are the parts of the design; this reads their `use` lines and paths.

use std::fs;
use std::path::{Path, PathBuf};

/// Each part with the parts it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("redacted", &[]),
    ("telemetry", &[]),
    ("api", &[]),
    ("contract", &["api"]),
    ("schedule", &["api"]),
    ("definitions", &["api", "redacted"]),
    ("engine", &["api", "definitions", "redacted"]),
    ("connectors", &["api", "definitions", "engine", "redacted"]),
    ("records", &["api", "engine", "redacted"]),
    ("runner", &["api", "connectors", "contract", "definitions", "engine", "records", "redacted"]),
    ("operator", &["api", "contract", "definitions", "engine", "schedule"]),
    (
        "cli",
        &[
            "api",
            "connectors",
            "contract",
            "definitions",
            "engine",
            "operator",
            "records",
            "redacted",
            "runner",
            "schedule",
            "telemetry",
        ],
    ),
];

/// Parts that only compute: no input or output, no clock, no randomness.
const PURE: &[&str] = &["api", "contract", "schedule", "definitions", "engine"];

/// What a part that only computes must not mention.
const IMPURE: &[&str] = &[
    "tokio::",
    "reqwest::",
    "sqlx::",
    "axum::",
    "std::fs",
    "std::net",
    "std::env",
    "Timestamp::now",
    "SystemTime",
    "rand::",
    "tracing::",
];

/// Parts that never see a Kubernetes client.
const WITHOUT_KUBERNETES: &[&str] = &["definitions", "engine", "connectors", "contract", "schedule", "runner"];

fn sources(part: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut waiting = vec![root.join(part), root.join(format!("{part}.rs"))];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|ending| ending == "rs") && path.exists() {
            let text = fs::read_to_string(&path).unwrap();
            // Unit tests may use what they like.
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            let is_test = path.file_stem().is_some_and(|stem| {
                let stem = stem.to_string_lossy();
                stem.ends_with("tests") || stem == "conformance" || stem == "fixtures"
            }) || path.components().any(|part| part.as_os_str() == "tests");
            if !is_test {
                found.push((path, code));
            }
        }
    }
    found
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

#[test]
fn every_part_imports_only_the_parts_below_it() {
    let parts: Vec<&str> = MAY_IMPORT.iter().map(|(part, _)| *part).collect();
    for (part, allowed) in MAY_IMPORT {
        for (path, text) in sources(part) {
            for line in code_lines(&text) {
                for other in parts.iter().filter(|other| *other != part && !allowed.contains(other)) {
                    let mention = format!("crate::{other}");
                    assert!(!line.contains(&mention), "{}: `{part}` must not import `{other}`: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn the_table_names_every_part() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(root).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        let known = MAY_IMPORT.iter().any(|(part, _)| *part == name) || ["lib", "bin"].contains(&name.as_str());
        assert!(known, "src/{name} is not in the table of parts");
    }
}

#[test]
fn pure_parts_do_no_input_or_output() {
    for part in PURE {
        for (path, text) in sources(part) {
            for line in code_lines(&text) {
                for impure in IMPURE {
                    assert!(!line.contains(impure), "{}: `{part}` is pure: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn only_the_operator_the_records_service_and_the_command_line_know_kubernetes() {
    for part in WITHOUT_KUBERNETES {
        for (path, text) in sources(part) {
            for line in code_lines(&text) {
                assert!(!line.contains("kube::"), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn only_the_cluster_folder_of_the_operator_talks_to_the_api_server() {
    for (path, text) in sources("operator") {
        let shown = path.to_string_lossy().into_owned();
        let may = ["operator/cluster/", "operator/election", "operator/mod.rs", "operator/run"];
        if may.iter().any(|place| shown.contains(place)) {
            continue;
        }
        for line in code_lines(&text) {
            assert!(
                !line.contains("kube::Client") && !line.contains("kube::client") && !line.contains("Api::<"),
                "{shown}: {line}"
            );
        }
    }
}

#[test]
fn no_file_is_so_long_that_it_holds_more_than_one_idea() {
    for (part, _) in MAY_IMPORT {
        for (path, text) in sources(part) {
            let lines = text.lines().count();
            assert!(lines <= 450, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (part, _) in MAY_IMPORT {
        for (path, text) in sources(part) {
            assert!(text.starts_with("//!"), "{} does not begin with a doc comment", path.display());
        }
    }
}
