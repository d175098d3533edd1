//! One run from request to result: reads both systems, lets the engine plan, applies the plan, keeps the records.
//!
//! The same code runs in a connector pod and in `rollcall run`; only where the request comes from and where the
//! result goes differs ([`pod`], [`crate::cli`]).

mod apply;
pub mod connect;
mod course;
mod create;
mod finish;
mod input;
mod ledger;
mod lock;
pub mod pod;
mod progress;
mod read;

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

pub use finish::{Finished, RunFailure, failed};
pub use input::RunInput;
pub use progress::{NoProgress, RunProgress, Stage};

use crate::records::SettingRecord;
use rollcall_api::v1alpha1::{JobType, PublishPolicy};
use rollcall_engine::plan::{PlanInput, PlanOutcome, Published, StreamInput, plan, projection};

/// Carries out one attempt of a run and reports how it ended. It never panics on input and never returns early
/// without giving the setting's lock back, unless the process is killed; then the lock expires.
pub async fn run(input: &RunInput, cancel: &CancellationToken, progress: &dyn RunProgress) -> Finished {
    let begun = match lock::begin(input, cancel).await {
        Ok(begun) => begun,
        Err(failure) => return finish::failed(failure),
    };
    let outcome = tokio::select! {
        biased;
        () = begun.lost() => Err(RunFailure::lock_lost()),
        outcome = attempt(input, cancel, progress) => outcome,
    };
    let finished = match outcome {
        Ok(finished) => finished,
        Err(failure) => finish::failed(failure),
    };
    begun.end(input, finished).await
}

/// Everything between taking and giving back the lock.
async fn attempt(
    input: &RunInput,
    cancel: &CancellationToken,
    progress: &dyn RunProgress,
) -> Result<Finished, RunFailure> {
    let known = input.records.setting().await?;
    let streams = read::streams(input, cancel, progress).await?;
    let links = ledger::LinkTable::of(&streams);
    let facts = ledger::ReadFacts::of(&streams);
    let shown = shown(input, &streams);
    let planned = plan(&PlanInput {
        setting: &input.setting,
        streams,
        now: input.now,
        zone: input.zone.clone(),
        guard: &input.spec.guard,
        mode: input.spec.mode,
        published: published(input, &known),
        release: input.release.as_ref(),
        digest_key: &input.digest_key,
    });
    let plan = match planned {
        PlanOutcome::Planned(plan) => plan,
        PlanOutcome::NothingHeld(plan) => return Ok(finish::nothing_held(input, &plan, &known)),
        PlanOutcome::PlanChanged(held) => return Err(RunFailure::plan_changed(&held, &known)),
    };
    let mut ledger = ledger::Ledger::new(input, &plan, links, facts);
    if input.type_.writes() {
        apply::apply(input, &plan, &mut ledger, cancel, progress).await?;
    } else {
        ledger.preview(&plan, &shown);
        ledger.flush(input).await?;
    }
    finish::finished(input, &plan, ledger, &known)
}

/// What jobs of type Show show: every mapped value of the selected records, those that are in the target already too.
fn shown(input: &RunInput, streams: &BTreeMap<String, StreamInput>) -> ledger::Shown {
    let mut shown = ledger::Shown::new();
    if input.type_ == JobType::Show {
        for (name, stream) in streams {
            for record in &stream.source.records {
                let fields = projection(&input.setting, name, record);
                shown.insert((name.clone(), record.key.clone()), fields);
            }
        }
    }
    shown
}

/// Whether the setting's present rules were approved.
fn published(input: &RunInput, known: &SettingRecord) -> Published {
    match (input.spec.publish, &known.published_rules) {
        (PublishPolicy::Automatic, _) => Published::Yes,
        (PublishPolicy::Manual, None) => Published::FirstRun,
        (PublishPolicy::Manual, Some(rules)) if rules == input.setting.rules_digest() => Published::Yes,
        (PublishPolicy::Manual, Some(_)) => Published::RulesChanged,
    }
}

/// Whether a run looks at every record of every stream, so that what it finds out holds for the setting as a whole.
fn is_whole(input: &RunInput) -> bool {
    input.selector.keys.is_empty()
        && input.selector.streams.is_empty()
        && matches!(input.type_, JobType::Sync | JobType::Release)
}
