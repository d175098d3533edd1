//! Reading: the source's records, the links, and what the target holds, stream by stream.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::finish::RunFailure;
use super::input::RunInput;
use super::progress::{RunProgress, Stage};
use crate::connectors::ErrorKind;
use rollcall_api::reasons;
use rollcall_engine::model::{Link, Read, ReadProof, SourceRecord, TargetRecord};
use rollcall_engine::plan::{StreamInput, match_values};

/// How many single look-ups are under way at once; the provider's rate budget limits them further.
const LOOKUPS_AT_ONCE: usize = 8;

/// Reads every stream that the run is about, in the order in which they are written.
pub(super) async fn streams(
    input: &RunInput,
    cancel: &CancellationToken,
    progress: &dyn RunProgress,
) -> Result<BTreeMap<String, StreamInput>, RunFailure> {
    let mut streams = BTreeMap::new();
    for name in selected_streams(input)? {
        let read = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(RunFailure::cancelled()),
            read = stream(input, &name, progress) => read?,
        };
        streams.insert(name, read);
    }
    // The others are not part of the run, but records may refer to theirs.
    for other in input.setting.streams() {
        if !streams.contains_key(&other.name) {
            streams.insert(other.name.clone(), links_only(input, &other.name).await?);
        }
    }
    Ok(streams)
}

/// Names of the streams that the run is about.
fn selected_streams(input: &RunInput) -> Result<Vec<String>, RunFailure> {
    let enabled: Vec<String> = input.setting.streams().iter().map(|stream| stream.name.clone()).collect();
    let wanted = &input.selector.streams;
    if let Some(unknown) = wanted.iter().find(|name| !enabled.contains(name)) {
        return Err(RunFailure::configuration(format!(
            "spec.selector.streams names `{unknown}`, which the setting does not enable; enabled are: {}",
            enabled.join(", ")
        )));
    }
    Ok(enabled.into_iter().filter(|name| wanted.is_empty() || wanted.contains(name)).collect())
}

async fn stream(input: &RunInput, name: &str, progress: &dyn RunProgress) -> Result<StreamInput, RunFailure> {
    let links = input.records.links(name).await?;
    let source = source_records(input, name, progress).await?;
    let (target, target_complete) = if input.selector.keys.is_empty() {
        (whole_target(input, name, &links, progress).await?, true)
    } else {
        looked_up_target(input, name, &source, &links).await?
    };
    Ok(StreamInput { source, target, target_complete, links })
}

async fn links_only(input: &RunInput, name: &str) -> Result<StreamInput, RunFailure> {
    let links = input.records.links(name).await?;
    let source = Read {
        records: Vec::new(),
        unreadable: Vec::new(),
        pages: 0,
        declared_total: None,
        proof: ReadProof::Selected,
    };
    Ok(StreamInput { source, target: Vec::new(), target_complete: false, links })
}

async fn source_records(
    input: &RunInput,
    name: &str,
    progress: &dyn RunProgress,
) -> Result<Read<SourceRecord>, RunFailure> {
    let wanted = input.setting.stream(name).map(|stream| stream.wanted.as_slice()).unwrap_or_default();
    if input.selector.keys.is_empty() {
        let advance = |done, total| progress.advance(Stage::ReadSource, name, done, total);
        return input.source.read(name, wanted, &advance).await.map_err(RunFailure::source);
    }
    input.source.read_keys(name, &input.selector.keys, wanted).await.map_err(RunFailure::source)
}

/// The whole stream of the target. An incomplete list could hide a record and lead to a duplicate, so it ends the run
/// as transient.
async fn whole_target(
    input: &RunInput,
    name: &str,
    links: &[Link],
    progress: &dyn RunProgress,
) -> Result<Vec<TargetRecord>, RunFailure> {
    let advance = |done, total| progress.advance(Stage::ReadTarget, name, done, total);
    let read = input.target.read(name, &advance).await.map_err(RunFailure::target)?;
    if !read.proof.is_complete() {
        return Err(RunFailure::transient(
            reasons::READ_INCOMPLETE,
            format!(
                "the target did not deliver a complete list of {name} ({}); nothing was written, the run is tried again",
                read.proof.as_str()
            ),
        ));
    }
    let listed: BTreeSet<&str> = read.records.iter().map(|record| record.id.as_str()).collect();
    let missing: Vec<String> = links
        .iter()
        .filter(|link| !listed.contains(link.target_id.as_str()))
        .map(|link| link.target_id.clone())
        .collect();
    let mut records = read.records;
    records.extend(get_all(input, name, missing).await?);
    Ok(records)
}

/// Records by id: lists of some systems leave inactive records out, so a linked record is asked for before it counts
/// as gone.
async fn get_all(input: &RunInput, name: &str, ids: Vec<String>) -> Result<Vec<TargetRecord>, RunFailure> {
    let found: Vec<Option<TargetRecord>> = futures::stream::iter(ids)
        .map(|id| async move { input.target.get(name, &id).await.map_err(RunFailure::target) })
        .buffer_unordered(LOOKUPS_AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

/// What the target holds of some selected records: linked ones by id, and every hit of every match rule. Also tells
/// whether absence can be concluded: every record was looked up by at least one rule that the server can answer.
async fn looked_up_target(
    input: &RunInput,
    name: &str,
    source: &Read<SourceRecord>,
    links: &[Link],
) -> Result<(Vec<TargetRecord>, bool), RunFailure> {
    let keys: BTreeSet<&str> = source.records.iter().map(|record| record.key.as_str()).collect();
    let linked = links.iter().filter(|link| keys.contains(link.source_key.as_str()));
    let linked = get_all(input, name, linked.map(|link| link.target_id.clone()).collect()).await?;
    let mut records: BTreeMap<String, TargetRecord> =
        linked.into_iter().map(|record| (record.id.clone(), record)).collect();
    let answers: Vec<Answered> = futures::stream::iter(&source.records)
        .map(|record| async move { find_by_rules(input, name, &match_values(&input.setting, name, record)).await })
        .buffer_unordered(LOOKUPS_AT_ONCE)
        .try_collect()
        .await?;
    let complete = answers.iter().all(|answered| answered.rules > 0);
    let found = answers.into_iter().flat_map(|answered| answered.found);
    records.extend(found.map(|record| (record.id.clone(), record)));
    Ok((records.into_values().collect(), complete))
}

/// Hits of look-ups, and how many rules the server could answer.
pub(super) struct Answered {
    pub(super) found: Vec<TargetRecord>,
    pub(super) rules: usize,
}

/// Looks one record up by each match rule that has a value. A field that the server does not filter by answers
/// nothing; any other failure is an error, never an absence.
pub(super) async fn find_by_rules(
    input: &RunInput,
    name: &str,
    values: &[(String, String)],
) -> Result<Answered, RunFailure> {
    let mut answered = Answered { found: Vec::new(), rules: 0 };
    for (field, value) in values {
        match input.target.find(name, field, value).await {
            Ok(found) => {
                answered.rules += 1;
                answered.found.extend(found);
            }
            Err(error) if error.kind == ErrorKind::Unsupported => {}
            Err(error) => return Err(RunFailure::target(error)),
        }
    }
    Ok(answered)
}
