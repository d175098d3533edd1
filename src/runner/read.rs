//! Reading: both sides and the links, stream by stream; then, one by one, what lists do not prove. What is not answered
//! stays unknown.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{StreamExt, TryStreamExt};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::ReadStatus;
use rollcall_engine::compile::CompiledStream;
use rollcall_engine::model::{Read, ReadProof, Row};
use rollcall_engine::names::{RowId, Side, StreamName};
use rollcall_engine::plan::{PlanInput, StreamInput, end, questions};
use tokio_util::sync::CancellationToken;

use super::failure::RunFailure;
use super::input::RunInput;
use super::progress::{RunProgress, Stage};
use crate::connectors::{Found, Known, Thoroughness};

/// How many single look-ups are under way at once; the provider's rate budget limits them further.
const LOOKUPS_AT_ONCE: usize = 8;

/// What was read.
pub(super) struct Gathered {
    pub(super) streams: BTreeMap<StreamName, StreamInput>,
    /// Streams that could not be read: nothing is done about their records, and the run ends with the failure.
    pub(super) failures: Vec<RunFailure>,
}

/// Reads every stream that the run is about, in the order in which they are written.
pub(super) async fn gather(
    input: &RunInput,
    cancel: &CancellationToken,
    progress: &dyn RunProgress,
) -> Result<Gathered, RunFailure> {
    let mut gathered = Gathered { streams: BTreeMap::new(), failures: Vec::new() };
    let selected = selected_streams(input)?;
    for stream in input.setting.streams() {
        let links = input.records.links(&stream.name).await?;
        if !selected.contains(&stream.name) {
            // Not part of the run, but records may refer to its linked ones.
            gathered.streams.insert(stream.name.clone(), StreamInput::links_only(links));
            continue;
        }
        let mut read = StreamInput::links_only(links);
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(RunFailure::cancelled()),
            outcome = both_sides(input, stream, &mut read, progress) => outcome,
        };
        match outcome {
            Ok(failure) => gathered.failures.extend(failure),
            Err(failure) if failure.is_transient() => {
                gathered.failures.push(failure);
                read = StreamInput::links_only(std::mem::take(&mut read.links));
            }
            Err(failure) => return Err(failure),
        }
        gathered.streams.insert(stream.name.clone(), read);
    }
    keep_requests_where_they_belong(&mut gathered.streams, input);
    if !selected.is_empty() && gathered.failures.len() >= selected.len() {
        let has_rows = |read: &StreamInput| !read.source.rows.is_empty() || !read.target.rows.is_empty();
        if let (Some(failure), false) = (gathered.failures.pop(), gathered.streams.values().any(has_rows)) {
            return Err(failure);
        }
    }
    Ok(gathered)
}

/// An identifier that was asked for belongs to one stream: the others need not have it. One that no stream has is
/// reported once, in the last.
fn keep_requests_where_they_belong(streams: &mut BTreeMap<StreamName, StreamInput>, input: &RunInput) {
    let leads: Vec<(StreamName, Side)> =
        input.setting.streams().iter().map(|stream| (stream.name.clone(), stream.lead())).collect();
    let mut found: BTreeMap<RowId, BTreeSet<StreamName>> = BTreeMap::new();
    for (name, lead) in &leads {
        for row in streams.get(name).into_iter().flat_map(|read| &read.read(*lead).rows) {
            found.entry(row.id.clone()).or_default().insert(name.clone());
        }
    }
    let last = leads
        .iter()
        .rev()
        .map(|(name, _)| name)
        .find(|name| streams.get(*name).is_some_and(|read| !read.requested.is_empty()));
    let last = last.cloned();
    for (name, read) in streams.iter_mut() {
        read.requested.retain(|id| match found.get(id) {
            Some(streams) => streams.contains(name),
            None => Some(name) == last.as_ref(),
        });
    }
}

/// Names of the streams that the run is about.
fn selected_streams(input: &RunInput) -> Result<BTreeSet<StreamName>, RunFailure> {
    let enabled: Vec<&StreamName> = input.setting.streams().iter().map(|stream| &stream.name).collect();
    let wanted = &input.selector.streams;
    if let Some(unknown) = wanted.iter().find(|name| !enabled.iter().any(|known| known.as_str() == name.as_str())) {
        let names: Vec<&str> = enabled.iter().map(|name| name.as_str()).collect();
        return Err(RunFailure::configuration(format!(
            "spec.selector.streams names `{unknown}`, which the setting does not enable; enabled are: {}",
            names.join(", ")
        )));
    }
    let is_wanted =
        |name: &&StreamName| wanted.is_empty() || wanted.iter().any(|wanted| wanted.as_str() == name.as_str());
    Ok(enabled.into_iter().filter(is_wanted).cloned().collect())
}

/// Reads both sides of one stream. A list of the following side that is not complete does not stop what is known, but is
/// returned as a failure: the run is tried again.
async fn both_sides(
    input: &RunInput,
    stream: &CompiledStream,
    read: &mut StreamInput,
    progress: &dyn RunProgress,
) -> Result<Option<RunFailure>, RunFailure> {
    let (lead, follower) = (stream.lead(), stream.follower());
    read.asks_by_id = input.system(lead).asks_by_id(&stream.name);
    if !input.selector.keys.is_empty() {
        read.requested = input.selector.keys.iter().map(RowId::from).collect();
        let rows = get(input, stream, lead, &read.requested.clone()).await?;
        *read.read_mut(lead) = Read { pages: 1, ..Read::none() };
        take(rows, &mut read.read_mut(lead).rows, None);
        return Ok(None);
    }
    *read.read_mut(lead) = list(input, stream, lead, Thoroughness::Proven, progress).await?;
    *read.read_mut(follower) = list(input, stream, follower, Thoroughness::Once, progress).await?;
    let proof = read.read(follower).proof;
    let is_usable = proof.is_complete() || proof == ReadProof::ByPosition;
    Ok((!is_usable).then(|| {
        RunFailure::transient(
            reasons::READ_INCOMPLETE,
            format!(
                "the {} did not deliver a complete list of {} ({}); nothing was done that needs it, the run is tried again",
                follower.as_str(),
                stream.name,
                proof.as_str()
            ),
        )
    }))
}

async fn list(
    input: &RunInput,
    stream: &CompiledStream,
    side: Side,
    thoroughness: Thoroughness,
    progress: &dyn RunProgress,
) -> Result<Read, RunFailure> {
    let stage = if side == Side::Source { Stage::ReadSource } else { Stage::ReadTarget };
    let advance = |done, total| progress.advance(stage, &stream.name, done, total);
    let read = input.system(side).read(&stream.name, stream.wanted(side), thoroughness, &advance).await;
    read.map_err(|error| RunFailure::connector(side.as_str(), &error))
}

async fn get(
    input: &RunInput,
    stream: &CompiledStream,
    side: Side,
    ids: &[RowId],
) -> Result<BTreeMap<RowId, Known>, RunFailure> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = input.system(side).get(&stream.name, ids, stream.wanted(side)).await;
    rows.map_err(|error| RunFailure::connector(side.as_str(), &error))
}

/// Adds the rows that are there; notes those that are said not to be.
fn take(answers: BTreeMap<RowId, Known>, rows: &mut Vec<Row>, mut gone: Option<&mut BTreeSet<RowId>>) {
    for (id, known) in answers {
        match known {
            Known::Present(row) => rows.push(row),
            Known::Absent => {
                if let Some(gone) = &mut gone {
                    gone.insert(id);
                }
            }
            Known::Unknown(fault) => {
                let fields = rollcall_engine::redacted::Redacted::new(rollcall_engine::model::Fields::new());
                rows.push(Row { id, parent: None, active: true, fields, fault: Some(fault) });
            }
        }
    }
    rows.sort_by(|one, other| one.id.cmp(&other.id));
    rows.dedup_by(|one, other| one.id == other.id);
}

/// Asks one by one for what the lists of a stream do not prove. `plan` is what the plan will be made from, without this
/// stream.
pub(super) async fn ask(
    input: &RunInput,
    stream: &CompiledStream,
    read: &mut StreamInput,
    plan: &PlanInput<'_>,
    progress: &dyn RunProgress,
) -> Result<(), RunFailure> {
    let (lead, follower) = (stream.lead(), stream.follower());
    let unlisted = questions::unlisted(stream, read);
    let answers = get(input, stream, follower, &unlisted).await?;
    let mut gone = std::mem::take(&mut read.gone_from_follower);
    take_known(answers, read.read_mut(follower), &mut gone);
    read.gone_from_follower = gone;
    if read.asks_by_id {
        let absent = questions::absent(stream, read, plan);
        let answers = get(input, stream, lead, &absent).await?;
        let mut gone = std::mem::take(&mut read.gone_from_lead);
        take_known(answers, read.read_mut(lead), &mut gone);
        read.gone_from_lead = gone;
    }
    if !read.read(follower).proof.is_complete() {
        look_up(input, stream, read, plan, progress).await?;
    }
    Ok(())
}

/// As [`take`], but what stays unknown adds no row: a linked row that was not answered is unknown as it is.
fn take_known(answers: BTreeMap<RowId, Known>, read: &mut Read, gone: &mut BTreeSet<RowId>) {
    let known = answers.into_iter().filter(|(_, known)| !matches!(known, Known::Unknown(_))).collect();
    take(known, &mut read.rows, Some(gone));
}

/// Searches the following side for records that its list does not prove to be missing: by filters, or by reading the list
/// once more where that is cheaper or the only way.
async fn look_up(
    input: &RunInput,
    stream: &CompiledStream,
    read: &mut StreamInput,
    plan: &PlanInput<'_>,
    progress: &dyn RunProgress,
) -> Result<(), RunFailure> {
    let follower = stream.follower();
    let open = questions::open(stream, read, plan);
    if open.is_empty() {
        return Ok(());
    }
    let requests: usize = open.iter().map(|question| question.lookups.len()).sum();
    let pages = usize::try_from(read.read(follower).pages).unwrap_or(usize::MAX);
    let by_position = read.read(follower).proof == ReadProof::ByPosition;
    let needs_list = open.iter().any(|question| question.needs_list);
    let is_selected = read.read(follower).proof == ReadProof::Selected;
    if (by_position && (needs_list || requests > pages.saturating_mul(2))) || (is_selected && needs_list) {
        return read_again(input, stream, read, progress).await;
    }
    let answers: Vec<(RowId, Option<Vec<Row>>)> = futures::stream::iter(open)
        .map(|question| async move {
            let found = find(input, stream, follower, &question).await?;
            Ok::<_, RunFailure>((question.record, found))
        })
        .buffer_unordered(LOOKUPS_AT_ONCE)
        .try_collect()
        .await?;
    // What filters do not answer, the whole list does.
    let can_be_listed = by_position || read.read(follower).proof == ReadProof::Selected;
    if can_be_listed && answers.iter().any(|(_, found)| found.is_none()) {
        return read_again(input, stream, read, progress).await;
    }
    for (record, found) in answers {
        if let Some(rows) = found {
            read.looked_up.insert(record);
            let known = rows.into_iter().map(|row| (row.id.clone(), Known::Present(row))).collect();
            take(known, &mut read.read_mut(follower).rows, None);
        }
    }
    Ok(())
}

/// The rows that every rule finds; None when one of them was not answered.
async fn find(
    input: &RunInput,
    stream: &CompiledStream,
    side: Side,
    question: &questions::Question,
) -> Result<Option<Vec<Row>>, RunFailure> {
    let mut rows = Vec::new();
    let mut answered = !question.needs_list;
    for (field, value) in &question.lookups {
        match input.system(side).find(&stream.name, field, value, stream.wanted(side)).await {
            Ok(Found::Rows(found)) => rows.extend(found),
            // One record's question, whatever the refusal, is not answered: nothing else depends on it.
            Ok(Found::NotAnswered) | Err(_) => answered = false,
        }
    }
    Ok(answered.then_some(rows))
}

/// Reads the following side's list until two reads agree. Rows that were asked for one by one stay.
async fn read_again(
    input: &RunInput,
    stream: &CompiledStream,
    read: &mut StreamInput,
    progress: &dyn RunProgress,
) -> Result<(), RunFailure> {
    let follower = stream.follower();
    let before = std::mem::replace(read.read_mut(follower), Read::none());
    let mut again = list(input, stream, follower, Thoroughness::Proven, progress).await?;
    let linked: BTreeSet<RowId> = read.links.iter().map(|link| end(link, follower)).collect();
    let listed: BTreeSet<RowId> = again.rows.iter().map(|row| row.id.clone()).collect();
    let asked = before.rows.into_iter().filter(|row| linked.contains(&row.id) && !listed.contains(&row.id));
    again.rows.extend(asked);
    again.rows.sort_by(|one, other| one.id.cmp(&other.id));
    again.pages += before.pages;
    *read.read_mut(follower) = again;
    Ok(())
}

/// Reads rows by their identifiers, for a run that takes another one back.
pub(super) async fn take_rows(
    input: &RunInput,
    stream: &CompiledStream,
    side: Side,
    ids: &[RowId],
    read: &mut StreamInput,
) -> Result<(), RunFailure> {
    let answers = get(input, stream, side, ids).await?;
    take_known(answers, read.read_mut(side), &mut BTreeSet::new());
    Ok(())
}

/// What is worth keeping of the reads once the plan is made.
pub(super) fn status(streams: &BTreeMap<StreamName, StreamInput>, leads: &BTreeMap<StreamName, Side>) -> ReadStatus {
    let reads: Vec<_> =
        streams.iter().filter_map(|(name, stream)| leads.get(name).map(|lead| stream.read(*lead))).collect();
    let weakest = reads.iter().map(|read| read.proof).find(|proof| !proof.is_complete());
    let proof = weakest.or_else(|| reads.iter().map(|read| read.proof).next_back());
    let totals: Vec<i64> = reads.iter().filter_map(|read| read.declared_total).collect();
    ReadStatus {
        complete: weakest.is_none(),
        pages: reads.iter().map(|read| read.pages).sum(),
        declared_total: (totals.len() == reads.len()).then(|| totals.iter().sum()),
        proof: proof.map_or("", |proof| proof.as_str()).to_owned(),
    }
}
