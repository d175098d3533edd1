//! Every object of the admission table meets a real API server and a real operator: what is wrong with it is said, with
//! the field's name, and nothing panics or loops because of it.
//!
//! Needs a release in the namespace of ADMISSION_NAMESPACE (default `admission`); all objects of Rollcall's kinds in it
//! belong to this test.

#[path = "admission/cluster.rs"]
mod cluster;
#[path = "admission/table.rs"]
#[allow(dead_code, reason = "the checks of local runs use the rest of it")]
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use cluster::Cluster;
use table::{Finding, Row, Table, Verdict};

/// The operator looks at an object within seconds; a probe needs a pod.
const PATIENCE: Duration = Duration::from_secs(100);
/// For so long nothing may change any more.
const QUIET: Duration = Duration::from_secs(10);

#[tokio::test]
async fn every_wrong_object_is_refused_or_reported_and_nothing_panics_or_loops() {
    let cluster = Cluster::connect().await;
    cluster.clear().await;
    let restarts = cluster.restarts().await;
    for object in table::fixtures() {
        cluster.create(&object).await.unwrap();
    }
    let tables = table::tables();
    let mut rows = 0;
    let mut problems = Vec::new();
    let mut waiting = Vec::new();
    for table in &tables {
        for row in &table.rows {
            rows += 1;
            match admit(&cluster, table, row, &format!("adm-{rows}")).await {
                Ok(Some(name)) => waiting.push((table, row, name)),
                Ok(None) => {}
                Err(problem) => problems.push(format!("{}: {problem}", row.name)),
            }
        }
    }
    for (table, row, name) in waiting {
        let Some((type_, finding)) = condition(&row.verdict) else { continue };
        if let Err(problem) = cluster.expect(&table.kind, &name, type_, &finding, PATIENCE).await {
            problems.push(format!("{}: {problem}", row.name));
        }
    }
    assert!(problems.is_empty(), "{} of {rows} rows:\n{}", problems.len(), problems.join("\n"));

    assert_quiet(&cluster).await;
    assert_eq!(cluster.restarts().await, restarts, "the operator has restarted");
    let log = cluster.operator_log().await;
    assert!(!log.is_empty());
    assert!(!log.contains("panicked"), "{log}");
    cluster.clear().await;
}

/// Creates and changes the object of a row; gives its name when the operator has something to say.
async fn admit(cluster: &Cluster, table: &Table, row: &Row, name: &str) -> Result<Option<String>, String> {
    let object = table.object(row, name);
    let mut outcome = cluster.create(&object).await;
    if let Some(change) = &row.then {
        let created = outcome.map_err(|error| format!("cannot be created: {error}"))?;
        let name = created["metadata"]["name"].as_str().unwrap();
        outcome = cluster.patch(&table.kind, name, &change.json_patch()).await;
    }
    match (&row.verdict, outcome) {
        (Verdict::Refused(text), Err(message)) if message.contains(text) => Ok(None),
        (Verdict::Refused(text), Err(message)) => Err(format!("{text:?} is not in the refusal: {message}")),
        (Verdict::Refused(_), Ok(_)) => Err("was accepted".into()),
        (_, Ok(_)) => Ok(Some(name.to_owned())),
        (_, Err(message)) => Err(format!("was refused: {message}")),
    }
}

/// Type of the condition that says it, and what it has to say.
fn condition(verdict: &Verdict) -> Option<(&'static str, Finding)> {
    match verdict {
        Verdict::Accepted(_) | Verdict::Refused(_) => None,
        Verdict::Stalled(finding) | Verdict::Ended(finding) => Some(("Stalled", finding.clone())),
        Verdict::Mapping(text) => Some(("Stalled", Finding { reason: "MappingInvalid".into(), message: text.clone() })),
        Verdict::Pending(finding) => Some(("Reconciling", finding.clone())),
    }
}

/// Nothing is written any more. A provider that is probed may end a probe meanwhile.
async fn assert_quiet(cluster: &Cluster) {
    let mut before = cluster.versions().await;
    let mut changes: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..QUIET.as_secs() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = cluster.versions().await;
        for (name, version) in now.iter().filter(|(name, version)| before.get(*name) != Some(*version)) {
            *changes.entry(name.clone()).or_default() += 1;
            assert!(version.is_probed && changes[name] <= 1, "{name} keeps changing: {changes:?}");
        }
        before = now;
    }
}

/// One text of an object.
fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
