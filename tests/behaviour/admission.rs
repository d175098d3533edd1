//! The admission table against the checks of local runs: they refuse what the API server and the operator refuse.

#[path = "../cluster/cases/admission/table.rs"]
#[allow(dead_code, reason = "shared with the cluster tests, which use the rest")]
mod table;

use rollcall::operator::catalogue::{Catalogue, VendorCatalogue};
use rollcall_api::contract::DefinitionSource;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{IntegrationProviderSpec, SyncSettingSpec};
use rollcall_engine::admission;
use rollcall_engine::schedule::{self, Schedule};
use serde_json::Value;

use table::{Finding, Row, Table, Verdict};

/// What is wrong with a spec that the API server accepts: reason and message.
type Problems = Vec<(&'static str, String)>;

#[test]
fn local_runs_refuse_what_a_cluster_refuses() {
    let mut wrong = Vec::new();
    for table in table::tables() {
        for row in table.rows.iter().filter(|row| row.local.is_none()) {
            if let Err(problem) = check(&table, row) {
                wrong.push(format!("{}: {problem}", row.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_has_every_kind_and_no_sentence_twice() {
    let tables = table::tables();
    let mut names: Vec<&str> = tables.iter().flat_map(|table| &table.rows).map(|row| row.name.as_str()).collect();
    let rows = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows, "two rows have one name");
    assert!(rows >= 70, "only {rows} rows");
    for kind in ["IntegrationProvider", "SyncSetting", "EmployeeSyncJob", "SyncApproval"] {
        assert!(tables.iter().any(|table| table.kind == kind), "no rows about {kind}");
    }
}

fn check(table: &Table, row: &Row) -> Result<(), String> {
    let mut object = table.object(row, "adm-1");
    if let Some(change) = &row.then {
        change.apply(&mut object);
    }
    let refusals: Vec<String> = admission::admit(&table.kind, &mut object).iter().map(ToString::to_string).collect();
    if let Verdict::Refused(text) = &row.verdict {
        let is_named = refusals.iter().any(|refusal| refusal.contains(text));
        return if is_named { Ok(()) } else { Err(format!("{text:?} is not in the refusals {refusals:?}")) };
    }
    if !refusals.is_empty() {
        return Err(format!("was refused: {refusals:?}"));
    }
    let found = problems(&table.kind, &object["spec"]);
    let finding = match &row.verdict {
        Verdict::Accepted(_) if found.is_empty() => return Ok(()),
        Verdict::Mapping(text) => Finding { reason: reasons::MAPPING_INVALID.into(), message: text.clone() },
        Verdict::Stalled(finding) => finding.clone(),
        other => return Err(format!("{other:?} expected, found {found:?}")),
    };
    let is_found = found.iter().any(|(reason, text)| *reason == finding.reason && text.contains(&finding.message));
    if is_found { Ok(()) } else { Err(format!("{finding:?} is not in {found:?}")) }
}

fn problems(kind: &str, spec: &Value) -> Problems {
    match kind {
        "IntegrationProvider" => provider(&serde_json::from_value(spec.clone()).unwrap()),
        "SyncSetting" => setting(&serde_json::from_value(spec.clone()).unwrap()),
        _ => Problems::new(),
    }
}

fn provider(spec: &IntegrationProviderSpec) -> Problems {
    let found = match (&spec.vendor, &spec.definition_ref) {
        (Some(vendor), _) => VendorCatalogue.check_vendor(vendor),
        (None, Some(reference)) => match config_map(&reference.name, &reference.key) {
            Some(text) => VendorCatalogue.check_definition(&text),
            None => {
                return vec![(reasons::DEFINITION_NOT_FOUND, format!("spec.definitionRef: no key {}", reference.key))];
            }
        },
        (None, None) => return Problems::new(),
    };
    found.err().map(|problem| (problem.reason, problem.message)).into_iter().collect()
}

fn config_map(name: &str, key: &str) -> Option<String> {
    let found = table::fixtures().into_iter().find(|object| object["metadata"]["name"] == name)?;
    found["data"][key].as_str().map(str::to_owned)
}

fn setting(spec: &SyncSettingSpec) -> Problems {
    let checked = match &spec.schedule {
        Some(expression) => Schedule::parse(expression, &spec.time_zone).map(|_| ()),
        None => schedule::parse_zone(&spec.time_zone).map(|_| ()),
    };
    let vendor = |provider: &str| {
        let is_it = |object: &Value| object["kind"] == "IntegrationProvider" && object["metadata"]["name"] == provider;
        let found = table::fixtures().into_iter().find(is_it).unwrap();
        DefinitionSource::Vendor(found["spec"]["vendor"].as_str().unwrap().to_owned())
    };
    let (source, target) = (vendor(&spec.source_ref.name), vendor(&spec.target_ref.name));
    let mapping = VendorCatalogue.check_setting(spec, &source, &target).err().unwrap_or_default();
    let mapping = mapping.into_iter().map(|message| (reasons::MAPPING_INVALID, message));
    checked.err().map(|error| (error.reason(), error.to_string())).into_iter().chain(mapping).collect()
}
