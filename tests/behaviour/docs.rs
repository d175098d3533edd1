//! The documentation says what the code does: reasons, commands, manifests, links and claims are compared with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use regex::Regex;
use rollcall_api::v1alpha1::SyncSettingSpec;
use rollcall_api::{crds, reasons};
use rollcall_engine::admission;
use rollcall_engine::compile;
use rollcall_engine::definitions::catalogue;
use serde::Deserialize;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// README, CONTRIBUTING, CHANGELOG and everything below docs, as (path relative to the root, text).
fn pages() -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].iter().map(PathBuf::from).collect();
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.to_string_lossy().into_owned();
            let text = read(&name);
            (name, text)
        })
        .collect()
}

/// Fenced blocks of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside: Option<(bool, String)> = None;
    for line in text.lines() {
        let fence = line.trim_start().strip_prefix("```");
        match (fence, inside.as_mut()) {
            (Some(info), None) => inside = Some((info.trim() == language, String::new())),
            (Some(_), Some(_)) => found.extend(inside.take().filter(|(wanted, _)| *wanted).map(|(_, block)| block)),
            (None, Some((_, block))) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

fn without_blocks(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Cells of each row of the tables in a text, headings and rulers left out.
fn rows(text: &str) -> Vec<Vec<String>> {
    let is_ruler = |line: &str| line.chars().all(|letter| "|-: ".contains(letter));
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let is_heading = lines.get(index + 1).is_some_and(|next| next.starts_with('|') && is_ruler(next));
        if line.starts_with('|') && !is_ruler(line) && !is_heading {
            let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
            found.push(inner.split(" | ").map(|cell| cell.trim().to_owned()).collect());
        }
    }
    found
}

/// Manifests of our kinds in the documentation, with the page they are on.
fn manifests() -> Vec<(String, Value)> {
    let kinds: BTreeSet<String> = crds::all().into_iter().map(|crd| crd.spec.names.kind).collect();
    let mut found = Vec::new();
    for (page, text) in pages() {
        for block in blocks(&text, "yaml") {
            for document in serde_yaml_ng::Deserializer::from_str(&block) {
                let value = Value::deserialize(document).unwrap_or_else(|error| panic!("{page}: {error} in\n{block}"));
                if value["kind"].as_str().is_some_and(|kind| kinds.contains(kind)) {
                    found.push((page.clone(), value));
                }
            }
        }
    }
    found
}

/// Commands in console blocks that begin with `$ program `, joined over line ends, cut where the shell takes over.
fn commands(program: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (page, text) in pages() {
        for block in blocks(&text, "console") {
            for line in block.replace("\\\n", " ").lines() {
                let command = line.strip_prefix("$ ").filter(|command| command.starts_with(&format!("{program} ")));
                let end =
                    |command: &str| [" | ", " > ", " && ", " &"].iter().filter_map(|mark| command.find(mark)).min();
                found.extend(command.map(|command| {
                    let end = end(command).unwrap_or(command.len());
                    (page.clone(), command[..end].to_owned())
                }));
            }
        }
    }
    found
}

/// Splits a command line at blanks outside quotation marks.
fn words(command: &str) -> Vec<String> {
    let pattern = Regex::new(r#""([^"]*)"|'([^']*)'|(\S+)"#).unwrap();
    pattern
        .captures_iter(command)
        .filter_map(|found| (1..=3).find_map(|group| found.get(group)).map(|part| part.as_str().to_owned()))
        .collect()
}

fn slug(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
    heading.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

fn anchors(text: &str) -> BTreeSet<String> {
    let text = without_blocks(text);
    text.lines().filter(|line| line.starts_with('#')).map(|line| slug(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_reason_has_exactly_one_row_that_says_what_the_code_says() {
    let mut found: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for row in rows(&read("docs/reasons.md")) {
        let name = row[0].trim_matches('`').to_owned();
        if row.len() == 3 && row[0].starts_with('`') {
            found.entry(name).or_default().push(row);
        }
    }
    for reason in reasons::ALL {
        let expected = [format!("`{}`", reason.name), format!("{:?}", reason.class), reason.remedy.to_owned()];
        let rows = found.remove(reason.name).unwrap_or_default();
        assert_eq!(rows, [expected.to_vec()], "docs/reasons.md must have once: | {} |", expected.join(" | "));
    }
    assert!(found.is_empty(), "docs/reasons.md has reasons that do not exist: {:?}", found.keys());
}

#[test]
fn every_feature_row_is_there_once_and_claims_only_tests_that_exist() {
    let mut seen = BTreeSet::new();
    let proof = Regex::new(r"`([^`:]+\.rs)::([a-z0-9_]+)`").unwrap();
    for row in rows(&read("docs/features.md")).into_iter().filter(|row| row.len() == 4) {
        let (id, status, tests) = (&row[0], row[2].as_str(), &row[3]);
        assert!(seen.insert(id.clone()), "docs/features.md: {id} appears twice");
        let claimed: Vec<_> = proof.captures_iter(tests).collect();
        match status {
            "done" => assert!(!claimed.is_empty(), "docs/features.md: {id} is done, so it must name a test"),
            "open" | "not applicable" => {
                assert!(claimed.is_empty(), "docs/features.md: {id} is {status}, but names a test")
            }
            other => panic!("docs/features.md: {id} has the unknown status {other:?}"),
        }
        for claim in claimed {
            let (path, name) = (&claim[1], &claim[2]);
            let code = fs::read_to_string(root().join(path)).unwrap_or_default();
            assert!(
                code.contains(&format!("fn {name}(")),
                "docs/features.md: {id} names {path}::{name}, which does not exist"
            );
        }
    }
    let wanted: BTreeSet<String> = (1..=36).map(|number| format!("T{number}")).collect();
    assert_eq!(seen, wanted, "docs/features.md must have each of T1 to T36");
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    for (page, text) in pages() {
        let folder = Path::new(&page).parent().unwrap_or(Path::new(""));
        for found in link.captures_iter(&without_blocks(&text)) {
            let target = &found[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
            let path = if file.is_empty() { PathBuf::from(&page) } else { folder.join(file) };
            assert!(root().join(&path).exists(), "{page} links to {target}, which does not exist");
            if let Some(anchor) = anchor {
                let headings = anchors(&read(&path.to_string_lossy()));
                assert!(headings.contains(anchor), "{page} links to {target}, but the headings there are {headings:?}");
            }
        }
    }
}

#[test]
fn every_manifest_is_accepted_as_the_api_server_would() {
    let mut kinds = BTreeSet::new();
    for (page, mut manifest) in manifests() {
        let kind = manifest["kind"].as_str().unwrap_or_default().to_owned();
        assert_eq!(manifest["apiVersion"], rollcall_api::API_VERSION, "{page}: {kind}");
        let invalid = admission::admit(&kind, &mut manifest);
        assert!(invalid.is_empty(), "{page}: {kind}: {invalid:?}");
        kinds.insert(kind);
    }
    assert_eq!(kinds.len(), crds::all().len(), "every kind is shown once; found {kinds:?}");
}

#[test]
fn every_setting_between_known_vendors_fits_their_definitions() {
    let vendors: BTreeMap<&str, &str> = [("personio", "personio-v2"), ("travelperk", "travelperk")].into();
    let mut checked = 0;
    for (page, mut manifest) in manifests().into_iter().filter(|(_, manifest)| manifest["kind"] == "SyncSetting") {
        admission::admit("SyncSetting", &mut manifest);
        let spec: SyncSettingSpec = serde_json::from_value(manifest["spec"].clone()).unwrap();
        let find = |name: &str| vendors.get(name).and_then(|vendor| catalogue::find(vendor));
        if let (Some(source), Some(target)) = (find(&spec.source_ref.name), find(&spec.target_ref.name)) {
            let problems = compile(&spec, &source.streams(), &target.streams()).err().unwrap_or_default();
            let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert!(texts.is_empty(), "{page}: {texts:#?}");
            checked += 1;
        }
    }
    assert!(checked > 0, "no page shows a setting between Personio and TravelPerk");
}

#[test]
fn every_definition_that_is_shown_is_sound() {
    let mut shown = 0;
    for (page, text) in pages() {
        for block in blocks(&text, "yaml").iter().filter(|block| block.starts_with("name: ")) {
            let found = rollcall_engine::definitions::parse(block, &page);
            assert!(found.is_ok(), "{}", found.err().map(|error| error.to_string()).unwrap_or_default());
            shown += 1;
        }
    }
    assert!(shown > 0, "no page shows a vendor definition");
}

#[test]
fn the_thirteen_attributes_of_the_vendors_own_integration_can_be_mapped_and_name_their_rights() {
    let schema = &catalogue::find("personio-v2").unwrap().streams()["people"];
    let page = read("docs/definitions.md");
    let section = page.split("\n### ").find(|part| part.starts_with("What can be mapped from Personio")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let shown = rows(section);
    for row in &shown {
        let field = &schema.fields[row[1].trim_matches('`')];
        let rights: Vec<String> = field.scopes.iter().map(|right| format!("`{right}`")).collect();
        assert_eq!(row[2], rights.join(", "), "docs/definitions.md: rights of {}", row[0]);
        assert!(!rights.is_empty() && field.unsupported.is_none(), "{} cannot be mapped", row[0]);
    }
    assert_eq!(shown.len(), 13);
}

#[test]
fn every_field_of_a_provider_and_of_a_setting_is_explained() {
    let text = read("docs/settings.md");
    for crd in crds::all() {
        let kind = crd.spec.names.kind.clone();
        if !["IntegrationProvider", "SyncSetting"].contains(&kind.as_str()) {
            continue;
        }
        let crd = serde_json::to_value(crd).unwrap();
        let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        for name in spec["properties"].as_object().unwrap().keys() {
            assert!(text.contains(&format!("`{name}`")), "docs/settings.md does not mention {kind} spec.{name}");
        }
    }
}

fn assert_understood(program: &str, cli: &clap::Command) {
    let shown = commands(program);
    assert!(!shown.is_empty(), "no page shows a command of {program}");
    // `kubectl rollcall` is one program of two words.
    let skipped = program.split(' ').count() - 1;
    for (page, command) in shown {
        let parsed = cli.clone().try_get_matches_from(words(&command).into_iter().skip(skipped));
        let problem = parsed.err().map(|error| error.to_string());
        assert!(problem.is_none(), "{page}: `{command}`: {}", problem.unwrap_or_default());
    }
}

#[test]
fn every_rollcall_command_line_is_understood() {
    assert_understood("rollcall", &rollcall::cli::Cli::command());
}

#[test]
fn every_command_line_of_the_kubectl_plugin_is_understood() {
    assert_understood("kubectl rollcall", &rollcall::cli::kubectl::Cli::command());
}

#[test]
fn every_make_target_exists() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(':').map(|(name, _)| name))
        .filter(|name| name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-'))
        .collect();
    let mention = Regex::new(r"(?m)(?:`|^\$ )make ([a-z][a-z-]*)").unwrap();
    for (page, text) in pages() {
        for found in mention.captures_iter(&text) {
            assert!(targets.contains(&found[1]), "{page} mentions `make {}`; the Makefile has {targets:?}", &found[1]);
        }
    }
}

#[test]
fn every_metric_that_is_named_is_made_somewhere() {
    let mut code = String::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                code.push_str(&fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }
    let name = Regex::new(r"`rollcall_([a-z_]+)").unwrap();
    for (page, text) in pages() {
        for found in name.captures_iter(&text) {
            let name = &found[1];
            let is_made = [format!("\"{name}\""), format!("\"rollcall_{name}\""), format!("{{PREFIX}}{name}\"")];
            assert!(
                is_made.iter().any(|made| code.contains(made)),
                "{page} names the metric rollcall_{name}, which no code makes"
            );
        }
    }
}
