//! Imports go one way. Between crates Cargo sees to it; inside the program and inside each crate this reads `use` lines,
//! grouped ones too, and paths in the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each folder of the program with the folders it may import.
const PROGRAM: &[(&str, &[&str])] = &[
    ("telemetry", &[]),
    ("connectors", &[]),
    ("records", &[]),
    ("runner", &["connectors", "records"]),
    ("operator", &[]),
    ("cli", &["connectors", "operator", "records", "runner", "telemetry"]),
];

/// Each part of the engine with the parts it may import.
const ENGINE: &[(&str, &[&str])] = &[
    ("redacted", &[]),
    ("names", &[]),
    ("value", &["definitions", "model"]),
    ("admission", &[]),
    ("suggest", &[]),
    ("schedule", &[]),
    ("definitions", &["redacted", "names"]),
    ("model", &["redacted", "names"]),
    ("expression", &["definitions", "model", "suggest", "value"]),
    ("compile", &["definitions", "expression", "model", "names", "suggest", "value"]),
    ("plan", &["compile", "definitions", "expression", "model", "names", "value"]),
];

/// Crates that a member must not need, directly or through others.
const MUST_NOT_NEED: &[(&str, &[&str])] = &[
    ("rollcall-api", &["sqlx", "axum", "cel", "tokio", "reqwest", "rollcall-engine"]),
    ("rollcall-engine", &["sqlx", "axum", "tokio", "reqwest"]),
    ("rollcall-emulators", &["rollcall-api", "rollcall-engine", "rollcall", "sqlx", "kube"]),
];

/// Folders that never see a Kubernetes client.
const WITHOUT_KUBERNETES: &[&str] = &["connectors", "runner"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Source files below a folder, or the file of that name, without tests.
fn sources(source: &Path, part: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![source.join(part), source.join(format!("{part}.rs"))];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|ending| ending == "rs") && path.exists() && !is_test(&path) {
            let text = fs::read_to_string(&path).unwrap();
            // Unit tests may use what they like.
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            found.push((path, code));
        }
    }
    found
}

fn is_test(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.ends_with("tests")
        || ["conformance", "fixtures", "testing"].contains(&stem.as_ref())
        || path.components().any(|part| part.as_os_str() == "tests")
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

/// First parts of all paths that begin with `crate::`, also of those in groups (`use crate::{a, b::C}`).
fn parts_used(text: &str) -> BTreeSet<String> {
    let code: String = code_lines(text).collect::<Vec<_>>().join(" ");
    let word = |text: &str| text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if !rest.starts_with('{') {
            used.insert(word(rest));
            continue;
        }
        let mut depth = 0_usize;
        let mut begins = true;
        for (index, letter) in rest.char_indices() {
            match letter {
                '{' => {
                    depth += 1;
                    begins = depth == 1;
                }
                '}' if depth == 1 => break,
                '}' => depth -= 1,
                ',' if depth == 1 => begins = true,
                ' ' => {}
                _ if begins && depth == 1 => {
                    used.insert(word(&rest[index..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    used
}

fn assert_one_way(source: &Path, table: &[(&str, &[&str])]) {
    let parts: Vec<&str> = table.iter().map(|(part, _)| *part).collect();
    for (part, allowed) in table {
        for (path, text) in sources(source, part) {
            for other in parts_used(&text) {
                let is_known = parts.contains(&other.as_str());
                let may = other == *part || allowed.contains(&other.as_str());
                assert!(!is_known || may, "{}: `{part}` must not import `{other}`", path.display());
            }
        }
    }
}

#[test]
fn grouped_imports_are_read_too() {
    let text = "use crate::{alpha::{One, Two}, beta as b};\nfn f() { crate::gamma::g() }\n// crate::delta\n";
    assert_eq!(parts_used(text), ["alpha", "beta", "gamma"].map(str::to_owned).into());
}

#[test]
fn every_folder_of_the_program_imports_only_the_ones_below_it() {
    assert_one_way(&root().join("src"), PROGRAM);
}

#[test]
fn every_part_of_the_engine_imports_only_the_ones_below_it() {
    assert_one_way(&root().join("crates/engine/src"), ENGINE);
}

#[test]
fn the_tables_name_every_part() {
    for (source, table) in [("src", PROGRAM), ("crates/engine/src", ENGINE)] {
        for entry in fs::read_dir(root().join(source)).unwrap() {
            let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
            let known = table.iter().any(|(part, _)| *part == name)
                || ["lib", "bin"].contains(&name.as_str())
                || name.ends_with("tests");
            assert!(known, "{source}/{name} is not in the table of parts");
        }
    }
}

/// Names of the packages that a member needs when it is built by itself.
fn needs(member: &str) -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = std::process::Command::new(cargo)
        .args(["tree", "--package", member, "--edges", "normal", "--prefix", "none", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn what_others_may_want_apart_builds_without_the_rest() {
    for (member, unwanted) in MUST_NOT_NEED {
        let needs = needs(member);
        assert!(needs.contains("serde_json"), "{member}: {needs:?}");
        for name in *unwanted {
            assert!(!needs.contains(*name), "{member} needs {name}");
        }
    }
}

#[test]
fn only_the_operator_the_records_service_and_the_command_line_know_kubernetes() {
    for part in WITHOUT_KUBERNETES {
        for (path, text) in sources(&root().join("src"), part) {
            for line in code_lines(&text) {
                assert!(!line.contains("kube::"), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn only_the_cluster_folder_of_the_operator_talks_to_the_api_server() {
    for (path, text) in sources(&root().join("src"), "operator") {
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

/// Every source file of the workspace's members that are part of the product.
fn product() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for (source, table) in [("src", PROGRAM), ("crates/engine/src", ENGINE)] {
        for (part, _) in table {
            found.extend(sources(&root().join(source), part));
        }
    }
    found.extend(sources(&root().join("crates/api"), "src"));
    found
}

#[test]
fn no_file_is_so_long_that_it_holds_more_than_one_idea() {
    for (path, text) in product() {
        let lines = text.lines().count();
        assert!(lines <= 450, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_source_line_cites_a_document_that_is_not_in_the_repository() {
    for (path, text) in product() {
        for line in text.lines() {
            assert!(!line.contains("DESIGN"), "{}: {line}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for (path, text) in product() {
        assert!(text.starts_with("//!"), "{} does not begin with a doc comment", path.display());
    }
}
