//! Everything between taking and giving back the lock: what was left open is settled, both systems are read, the plan is
//! made, what it proposes is kept, and what may be written is written.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rollcall_api::v1alpha1::{JobType, PublishPolicy};
use rollcall_engine::compile::{CompiledStream, agreement};
use rollcall_engine::model::{Claim, Origin, Proposal, ReadProof, Write};
use rollcall_engine::names::{RowId, RunId, Side, StreamName};
use rollcall_engine::plan::{Approved, PlanInput, Planned, StreamInput, Terms, UndoInput, end, plan, projection, undo};
use tokio_util::sync::CancellationToken;

use super::apply;
use super::course::{Course, TakenBack};
use super::failure::RunFailure;
use super::finish::{self, Finished};
use super::input::RunInput;
use super::ledger::{Ledger, Shown, row_claim};
use super::links::Links;
use super::progress::RunProgress;
use super::{read, recover};
use crate::records::{Batch, MAX_PAGE, Outcome, OutcomeQuery, SettingRecord, pair};

/// One attempt of a run, seen from inside.
pub(super) async fn attempt(
    input: &RunInput,
    cancel: &CancellationToken,
    progress: &dyn RunProgress,
) -> Result<Finished, RunFailure> {
    if input.type_.writes() {
        recover::settle_open_writes(input).await?;
    }
    let known = input.records.setting().await?;
    let key = key(&known)?;
    let terms = terms(input, &known, &key);
    let order = match order(input, &terms).await? {
        Ok(order) => order,
        Err(finished) => return Ok(finished),
    };
    let actions = input.actions();
    let mut gathered = match &order.taking_back {
        None => read::gather(input, cancel, progress).await?,
        Some((_, writes)) => rows_of(input, writes).await?,
    };
    let claimed = claim_links(input, &known, &gathered.streams).await?;
    let mut base = PlanInput {
        setting: &input.setting,
        streams: BTreeMap::new(),
        now: input.now,
        zone: input.zone.clone(),
        mode: input.spec.mode,
        terms: &terms,
        approved: order.approved.as_ref(),
        actions: &actions,
        key: &key,
        origin: order.origin.clone(),
    };
    for stream in input.setting.streams() {
        let Some(read) = gathered.streams.get_mut(&stream.name) else { continue };
        read.claimed.extend(claimed.get(&stream.name).into_iter().flatten().cloned());
        facts(input, stream, read, &terms).await?;
        let is_read = !read.source.rows.is_empty() || !read.target.rows.is_empty() || !read.requested.is_empty();
        if order.taking_back.is_none() && (is_read || read.read(stream.lead()).proof != ReadProof::Selected) {
            let asked = read::ask(input, stream, read, &base, progress);
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(RunFailure::cancelled()),
                asked = asked => asked?,
            }
        }
    }
    let links = Links::of(&gathered.streams);
    let leads = input.setting.streams().iter().map(|stream| (stream.name.clone(), stream.lead())).collect();
    let read_status = read::status(&gathered.streams, &leads);
    let shown = shown(input, &gathered.streams);
    base.streams = std::mem::take(&mut gathered.streams);
    let planned = match &order.taking_back {
        None => plan(&base),
        Some((_, writes)) => undo(&UndoInput { plan: base, writes }),
    };
    if order.proposal.is_none()
        && let (JobType::Release, Some(_)) = (input.type_, &input.release)
    {
        return finish::without_proposal(input, &planned, &known);
    }
    keep_proposal(input, &terms, &order, &planned).await?;
    let earlier = earlier_outcomes(input).await?;
    let mut ledger = Ledger::new(input, &planned.plan, links, earlier);
    let failure = if input.type_.writes() {
        let taken_back = order.taking_back.as_ref().map(|(run, writes)| taken_back(run, writes));
        let mut course = Course::new(&planned.plan, &key, taken_back, cancel, progress);
        let outcome = apply::apply(input, &planned.plan, &mut ledger, &mut course).await;
        outcome.err().or_else(|| gathered.failures.into_iter().next())
    } else {
        ledger.preview(&planned.plan, &shown);
        ledger.flush(input).await?;
        gathered.failures.into_iter().next()
    };
    if let Some(failure) = failure {
        return Ok(finish::stopped(input, failure, &planned, &ledger, &terms, &known));
    }
    if let (Some(proposal), JobType::Release) = (&order.proposal, input.type_) {
        input.records.use_proposal(&input.run_id, input.attempt, &proposal.digest).await?;
    }
    finish::finished(input, &planned, &ledger, read_status, &terms, &known, order.is_whole_approval(input))
}

/// The setting's key.
fn key(known: &SettingRecord) -> Result<Vec<u8>, RunFailure> {
    use base64::Engine;
    let key = base64::engine::general_purpose::STANDARD.decode(known.key.expose());
    key.ok()
        .filter(|key| key.len() >= 16)
        .ok_or_else(|| RunFailure::internal("the setting has no key in the records store"))
}

/// How the setting stands to what was agreed. What the first edition kept of an approval counts as long as scope and
/// match rules are the same.
fn terms(input: &RunInput, known: &SettingRecord, key: &[u8]) -> Terms {
    let present = agreement(&input.spec, &input.systems.terms, key);
    let is_published = known.published_rules.as_deref() == Some(input.setting.first_edition_rules());
    let inherited = (known.agreement.is_none() && is_published).then(|| present.clone());
    let in_force = known.agreement.as_ref().or(inherited.as_ref());
    let mut terms = Terms::new(present.clone(), in_force, known.seen_manual);
    if inherited.is_some() {
        terms.settles_as = Some(present);
    }
    terms
}

/// What the run is to do beside keeping in step.
struct Order {
    origin: Origin,
    proposal: Option<Proposal>,
    approved: Option<Approved>,
    /// The run that is taken back, and its writes.
    taking_back: Option<(RunId, Vec<Write>)>,
}

impl Order {
    /// Whether an approval of everything that was proposed, the terms included, is carried out.
    fn is_whole_approval(&self, input: &RunInput) -> bool {
        input.is_whole() && self.approved.as_ref().is_some_and(Approved::is_whole)
    }
}

/// Finds out what was approved and what is to be taken back; the inner error is an end at once.
async fn order(input: &RunInput, terms: &Terms) -> Result<Result<Order, Finished>, RunFailure> {
    let mut order = Order { origin: Origin::Sync, proposal: None, approved: None, taking_back: None };
    if let (JobType::Undo, Some(request)) = (input.type_, &input.undo) {
        let run = find_run(input, &request.run).await?;
        order.origin = Origin::Undo(run);
    }
    if let (JobType::Release, Some(release)) = (input.type_, &input.release)
        && let Some(proposal) = input.records.proposal(&release.digest).await?
    {
        if proposal.used {
            return Ok(Err(finish::approval_used(terms)));
        }
        if proposal.agreement != terms.present {
            return Err(RunFailure::plan_changed(None));
        }
        order.approved = Some(Approved::new(&proposal, release));
        order.origin = proposal.origin.clone();
        order.proposal = Some(proposal);
    }
    if let Origin::Undo(run) = &order.origin {
        let writes = journal_of(input, run).await?;
        order.taking_back = Some((run.clone(), writes));
    }
    Ok(Ok(order))
}

/// The run that a request names: by its uid, or by the name of its job.
async fn find_run(input: &RunInput, name: &str) -> Result<RunId, RunFailure> {
    let runs = input.records.runs(1000).await?;
    let found = runs.iter().find(|run| *run.run_id == *name || run.job == name);
    found.map(|run| run.run_id.clone()).ok_or_else(|| {
        let known: Vec<&str> = runs.iter().take(5).map(|run| run.job.as_str()).collect();
        RunFailure::configuration(format!(
            "spec.undo.run names `{name}`, which the records store does not know; the last runs are: {}",
            known.join(", ")
        ))
    })
}

async fn journal_of(input: &RunInput, run: &RunId) -> Result<Vec<Write>, RunFailure> {
    let mut writes = Vec::new();
    loop {
        let page = input.records.writes(run, writes.len() as u64, MAX_PAGE).await?;
        if page.is_empty() {
            return Ok(writes);
        }
        writes.extend(page);
    }
}

fn taken_back(run: &RunId, writes: &[Write]) -> TakenBack {
    let mut by_pair: BTreeMap<(StreamName, String), Vec<String>> = BTreeMap::new();
    for write in writes {
        let name = pair(write.source_key.as_ref(), write.target_id.as_ref());
        by_pair.entry((write.stream.clone(), name)).or_default().push(write.id.clone());
    }
    TakenBack { run: run.clone(), writes: by_pair }
}

/// The rows that a run wrote to, as they are now.
async fn rows_of(input: &RunInput, writes: &[Write]) -> Result<read::Gathered, RunFailure> {
    let mut gathered = read::Gathered { streams: BTreeMap::new(), failures: Vec::new() };
    for stream in input.setting.streams() {
        let links = input.records.links(&stream.name).await?;
        let mut read = StreamInput::links_only(links);
        for side in [Side::Source, Side::Target] {
            let of_stream = writes.iter().filter(|write| write.stream == stream.name && write.at == side);
            let ids: Vec<RowId> = of_stream
                .filter_map(|write| match side {
                    Side::Source => write.source_key.as_ref().map(RowId::from),
                    Side::Target => write.target_id.as_ref().map(RowId::from),
                })
                .collect();
            read::take_rows(input, stream, side, &ids, &mut read).await?;
        }
        gathered.streams.insert(stream.name.clone(), read);
    }
    Ok(gathered)
}

/// Claims the rows that links have had since before claims were made, or since the setting wrote to another system.
/// Gives those that another setting has.
async fn claim_links(
    input: &RunInput,
    known: &SettingRecord,
    streams: &BTreeMap<StreamName, StreamInput>,
) -> Result<BTreeMap<StreamName, Vec<RowId>>, RunFailure> {
    let mut refused: BTreeMap<StreamName, Vec<RowId>> = BTreeMap::new();
    for stream in input.setting.streams() {
        let follower = stream.follower();
        let has_claimed =
            known.claimed.get(&stream.name).is_some_and(|systems| systems.contains(input.system_id(follower)));
        let Some(read) = streams.get(&stream.name).filter(|read| !has_claimed && !read.links.is_empty()) else {
            continue;
        };
        if !input.type_.writes() {
            continue;
        }
        let claims: Vec<Claim> = read
            .links
            .iter()
            .map(|link| {
                let name = pair(Some(&link.source_key), Some(&link.target_id));
                row_claim(input, &stream.name, follower, end(link, follower), name)
            })
            .collect();
        let batch = Batch { claims, links: read.links.clone(), ..Batch::default() };
        for refusal in input.records.commit(&input.run_id, input.attempt, &batch).await? {
            if let rollcall_engine::model::Claimed::Row(row) = refusal.claim.what {
                refused.entry(stream.name.clone()).or_default().push(row);
            }
        }
    }
    Ok(refused)
}

/// What the store knows about the rows of a stream: those of other settings, and what was done to them lately.
async fn facts(
    input: &RunInput,
    stream: &CompiledStream,
    read: &mut StreamInput,
    terms: &Terms,
) -> Result<(), RunFailure> {
    let follower = stream.follower();
    let system = input.system_id(follower);
    let rows: Vec<RowId> = read.read(follower).rows.iter().map(|row| row.id.clone()).collect();
    let others = input.records.claimed_by_others(&stream.name, system, &rows).await?;
    read.claimed.extend(others);
    let window = SignedDuration::from_hours(i64::from(terms.guard.window_hours));
    let since = input.now.checked_sub(window).unwrap_or(jiff::Timestamp::MIN);
    read.effects = input.records.effects(&stream.name, system, since).await?;
    Ok(())
}

/// Keeps what waits for an approval, and puts in force what needs none or was approved, before anything is written.
async fn keep_proposal(input: &RunInput, terms: &Terms, order: &Order, planned: &Planned) -> Result<(), RunFailure> {
    if let (Some(proposal), true) = (&planned.proposal, input.can_be_approved()) {
        input.records.propose(&input.run_id, input.attempt, proposal).await?;
    }
    if !input.type_.writes() {
        return Ok(());
    }
    if order.is_whole_approval(input) {
        input.records.agree(&input.run_id, input.attempt, &terms.present).await?;
    } else if let (Some(agreement), true) = (&terms.settles_as, input.is_whole()) {
        input.records.agree(&input.run_id, input.attempt, agreement).await?;
    }
    Ok(())
}

/// What former attempts of this run noted.
async fn earlier_outcomes(input: &RunInput) -> Result<Vec<Outcome>, RunFailure> {
    let mut earlier: Vec<Outcome> = Vec::new();
    if input.attempt <= 1 || !input.type_.writes() {
        return Ok(earlier);
    }
    loop {
        let query = OutcomeQuery { offset: earlier.len() as u64, limit: MAX_PAGE, ..OutcomeQuery::default() };
        let page = input.records.outcomes(&input.run_id, &query).await?;
        if page.is_empty() {
            return Ok(earlier);
        }
        earlier.extend(page);
    }
}

/// What jobs of type Show show: every mapped value of the selected records, those that are in the target already too.
fn shown(input: &RunInput, streams: &BTreeMap<StreamName, StreamInput>) -> Shown {
    let mut shown = Shown::new();
    if input.type_ == JobType::Show {
        for (name, stream) in streams {
            for row in &stream.source.rows {
                shown.insert((name.clone(), row.id.clone()), projection(&input.setting, name, row));
            }
        }
    }
    shown
}

/// Whether the setting publishes itself.
pub(super) fn is_manual(input: &RunInput) -> bool {
    input.spec.publish == PublishPolicy::Manual
}
