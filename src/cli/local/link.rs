//! `link` and `unlink`: a person states who is who. Each is a short run of its own, under the setting's lock, so that the
//! history tells what was changed and when.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use super::super::output;
use super::LOCAL;
use super::records_file::{PlaceOptions, RecordsFile};
use crate::records::{Batch, Outcome, OutcomeResult, Records, RunRecord, StoreError, pair};
use crate::runner;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Counts, JobType};
use rollcall_engine::model::{Claim, Claimed, Fields, Link, Provenance};
use rollcall_engine::names::{Side, SourceKey, StreamName, TargetId};
use rollcall_engine::plan::end;

/// Arguments of `rollcall link`.
#[derive(Args, Debug)]
pub(in crate::cli) struct LinkArguments {
    #[command(flatten)]
    place: PlaceOptions,
    /// Stream that both records belong to.
    #[arg(long, value_name = "NAME")]
    stream: String,
    /// Identifier of the record in the source.
    key: String,
    /// Identifier of the record in the target.
    target_id: String,
}

/// Arguments of `rollcall unlink`.
#[derive(Args, Debug)]
pub(in crate::cli) struct UnlinkArguments {
    #[command(flatten)]
    place: PlaceOptions,
    /// Stream that the record belongs to.
    #[arg(long, value_name = "NAME")]
    stream: String,
    /// Identifier of the record in the source.
    key: String,
}

/// `rollcall link`.
pub(in crate::cli) async fn link(arguments: LinkArguments) -> ExitCode {
    ended(try_link(&arguments).await)
}

/// `rollcall unlink`.
pub(in crate::cli) async fn unlink(arguments: UnlinkArguments) -> ExitCode {
    ended(try_unlink(&arguments).await)
}

fn ended(done: Result<String, String>) -> ExitCode {
    match done {
        Ok(text) => output::print(&text),
        Err(problem) => output::fail(&problem),
    }
}

async fn try_link(arguments: &LinkArguments) -> Result<String, String> {
    let file = RecordsFile::open(&arguments.place).await?;
    let Some(declared) = &file.declared else {
        return Err("link needs the manifests (-f): they say which system the record is claimed in, so that no other \
                    setting takes it"
            .into());
    };
    let checked = declared.check().map_err(|failure| runner::failed(failure).result.message)?;
    let name = StreamName::from(&arguments.stream);
    let streams = checked.setting.streams();
    let Some(stream) = streams.iter().find(|stream| stream.name == name) else {
        let known: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
        return Err(format!("--stream: the setting has no stream `{name}`; it has: {}", known.join(", ")));
    };
    let link = Link {
        stream: name,
        source_key: SourceKey::from(&arguments.key),
        target_id: TargetId::from(&arguments.target_id),
        provenance: Provenance::Manual,
        created_at: Timestamp::now(),
        disabled_at: None,
        witness: BTreeMap::new(),
        agreed: BTreeMap::new(),
        undone: None,
    };
    let follower = stream.follower();
    let system = match follower {
        Side::Source => &checked.systems.source,
        Side::Target => &checked.systems.target,
    };
    let claim = Claim {
        system: system.clone(),
        stream: link.stream.clone(),
        what: Claimed::Row(end(&link, follower)),
        pair: pair(Some(&link.source_key), Some(&link.target_id)),
    };
    let known = file.records.links(&link.stream).await.map_err(text)?;
    if let Some(obstacle) = obstacle(&link, &known) {
        return Err(obstacle);
    }
    let change = Batch { links: vec![link.clone()], claims: vec![claim], ..Batch::default() };
    match store(&file, "link", reasons::LINKED_BY_HAND, &link, change).await.map_err(text)? {
        Ok(run) => Ok(format!("{run}: {} {} linked to {}\n", link.stream, link.source_key, link.target_id)),
        Err(holder) => Err(format!("`{}` of the target belongs to the setting `{holder}`", link.target_id)),
    }
}

async fn try_unlink(arguments: &UnlinkArguments) -> Result<String, String> {
    let file = RecordsFile::open(&arguments.place).await?;
    let (stream, key) = (StreamName::from(&arguments.stream), SourceKey::from(&arguments.key));
    let known = file.records.links(&stream).await.map_err(text)?;
    let Some(link) = known.iter().find(|link| link.source_key == key) else {
        return Err(format!("`{key}` has no link in the stream `{stream}`: rollcall links lists those that there are"));
    };
    let change = Batch { dropped_links: vec![(stream.clone(), key.clone())], ..Batch::default() };
    let done = store(&file, "unlink", reasons::UNLINKED_BY_HAND, link, change).await.map_err(text)?;
    // Nothing is claimed, so nobody refuses.
    done.map(|run| format!("{run}: {stream} {key} is no longer linked to {}\n", link.target_id))
}

/// Why a link cannot be made beside those that there are. Nobody else can change them meanwhile: the file is open here.
fn obstacle(link: &Link, known: &[Link]) -> Option<String> {
    match known.iter().find(|known| known.source_key == link.source_key) {
        Some(known) if known.target_id == link.target_id => Some("the two are linked already".into()),
        Some(known) => {
            Some(format!("`{}` is linked to `{}` of the target: unlink it first", link.source_key, known.target_id))
        }
        None => known.iter().find(|known| known.target_id == link.target_id).map(|known| {
            format!("`{}` of the target is linked to `{}`: unlink that first", link.target_id, known.source_key)
        }),
    }
}

/// Stores a change of one link as a run of its own. Gives the name of the run, or the setting that has the record.
async fn store(
    file: &RecordsFile,
    word: &str,
    reason: &'static str,
    link: &Link,
    change: Batch,
) -> Result<Result<String, String>, StoreError> {
    let now = Timestamp::now();
    let run = RunRecord {
        run_id: format!("{LOCAL}-{}", now.as_nanosecond()).into(),
        job: format!("{}-{word}-{}", file.scope.setting, now.as_millisecond()),
        // It writes to no system, and must not be taken for a run that looked at everybody.
        type_: JobType::Show,
        attempt: 1,
        started_at: now,
        ended_at: None,
        code: None,
        reason: None,
        counts: Counts::default(),
    };
    file.records.begin_run(&run).await?;
    let outcomes = vec![outcome(link, OutcomeResult::Updated, reason, now)];
    let batch = Batch { outcomes, ..change };
    let refused = file.records.commit(&run.run_id, run.attempt, &batch).await?.into_iter().next();
    if refused.is_some() {
        let outcomes = vec![outcome(link, OutcomeResult::Conflict, reasons::CLAIMED_BY_SETTING, now)];
        file.records.commit(&run.run_id, run.attempt, &Batch { outcomes, ..Batch::default() }).await?;
    }
    let mut counts = Counts { considered: 1, ..Counts::default() };
    let (code, reason, count) = match &refused {
        None => (200, reason, &mut counts.updated),
        Some(_) => (400, reasons::RECORDS_FAILED, &mut counts.conflicts),
    };
    *count = 1;
    let ended = RunRecord {
        ended_at: Some(Timestamp::now()),
        code: Some(code),
        reason: Some(reason.to_owned()),
        counts,
        ..run.clone()
    };
    file.records.end_run(&ended, None).await?;
    Ok(match refused {
        None => Ok(run.job),
        Some(refused) => Err(refused.holder),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn text(error: StoreError) -> String {
    error.to_string()
}

/// What the history keeps of the change.
fn outcome(link: &Link, result: OutcomeResult, reason: &str, at: Timestamp) -> Outcome {
    Outcome {
        stream: link.stream.clone(),
        source_key: Some(link.source_key.clone()),
        target_id: Some(link.target_id.clone()),
        result,
        action: None,
        code: if result == OutcomeResult::Conflict { 400 } else { 200 },
        reason: reason.to_owned(),
        message: "this concerns the link only; nothing was written to either system".into(),
        fields: Fields::new().into(),
        before: Fields::new().into(),
        defaulted: Vec::new(),
        at,
    }
}
