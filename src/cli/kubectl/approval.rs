//! `approve`, `deny`: decide about held actions.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use clap::Args;
use kube::ResourceExt;
use kube::api::ListParams;

use super::super::output;
use super::super::shown::ending;
use super::super::words::{ActionWord, values};
use super::cluster::Cluster;
use super::decision::{self, Step};
use super::job;
use super::problem::Problem;
use super::watching::{self, WaitArguments};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{ApprovalLimits, ApprovalPhase, Condition, Decision, EmployeeSyncJob, SyncApproval};

/// Arguments of `approve`.
#[derive(Args, Debug)]
pub(super) struct ApproveCommand {
    #[command(flatten)]
    what: WhatArguments,
    /// Only this kind of action; may be given several times.
    #[arg(long = "action", value_name = "ACTION", value_enum, ignore_case = true, value_delimiter = ',')]
    actions: Vec<ActionWord>,
    /// Only this stream; may be given several times.
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    #[command(flatten)]
    wait: WaitArguments,
}

/// Arguments of `deny`.
#[derive(Args, Debug)]
pub(super) struct DenyCommand {
    #[command(flatten)]
    what: WhatArguments,
}

/// What is decided.
#[derive(Args, Debug)]
struct WhatArguments {
    /// SyncSetting that holds actions.
    setting: String,
    /// Digest of the actions that are meant, from a report or status; refused when others are held by now [default:
    /// what is held].
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Why, for those who look at the decision later. No personal data: it is kept in the cluster.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

/// Approves held actions.
pub(super) async fn approve(cluster: &Cluster, command: &ApproveCommand) -> Result<ExitCode, Problem> {
    let limits = ApprovalLimits { actions: values(&command.actions), streams: command.streams.clone() };
    let only = (limits != ApprovalLimits::default()).then_some(limits);
    let Some(name) = decide(cluster, &command.what, Decision::Approve, only).await? else {
        return Ok(ExitCode::from(ending::HELD));
    };
    if !command.wait.is_wanted(false) {
        return Ok(ExitCode::SUCCESS);
    }
    follow(cluster, &name, &command.wait).await
}

/// Denies held actions.
pub(super) async fn deny(cluster: &Cluster, command: &DenyCommand) -> Result<ExitCode, Problem> {
    let decided = decide(cluster, &command.what, Decision::Deny, None).await?;
    Ok(if decided.is_some() { ExitCode::SUCCESS } else { ExitCode::from(ending::HELD) })
}

/// Name of the decision's object; None: the person said no.
async fn decide(
    cluster: &Cluster,
    what: &WhatArguments,
    decision: Decision,
    only: Option<ApprovalLimits>,
) -> Result<Option<String>, Problem> {
    let setting = cluster.setting(&what.setting).await?;
    let held = decision::held(&setting, what.digest.as_deref())?;
    output::note(&decision::question(&setting, &held, only.as_ref()));
    if !is_confirmed(what, decision)? {
        output::note("nothing was decided");
        return Ok(None);
    }
    let spec = decision::spec(&what.setting, &held, decision, only, what.note.clone());
    let of_setting = ListParams::default().fields(&format!("spec.settingRef.name={}", what.setting));
    let earlier = cluster.list::<SyncApproval>(&of_setting).await?;
    let (name, verb) = match decision::step(&earlier, &spec)? {
        Step::Exists(name) => (name, "says so already"),
        Step::Create(name) => {
            if cluster.create(&SyncApproval::new(&name, spec)).await?.is_none() {
                let taken =
                    format!("SyncApproval `{name}` was made by somebody else meanwhile; look at it and try again");
                return Err(Problem::Usage(taken));
            }
            (name, "created")
        }
    };
    output::print(&format!("syncapproval.{}/{name} {verb}\n", rollcall_api::GROUP));
    Ok(Some(name))
}

/// Asks on a terminal. Elsewhere the decision must be in the arguments.
fn is_confirmed(what: &WhatArguments, decision: Decision) -> Result<bool, Problem> {
    if what.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return if what.digest.is_some() {
            Ok(true)
        } else {
            Err(Problem::Usage(
                "there is no terminal to ask on: add --digest (better: it says what was looked at) or --yes".into(),
            ))
        };
    }
    output::note(&format!("{decision} this? [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Problem::Usage(format!("no answer can be read: {error}")))?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

/// Waits until the approval has been carried out and prints the end of its Release job.
async fn follow(cluster: &Cluster, name: &str, wait: &WaitArguments) -> Result<ExitCode, Problem> {
    let phase = |approval: &SyncApproval| approval.status.as_ref().map(|status| status.phase).unwrap_or_default();
    let is_finished = |approval: &SyncApproval| phase(approval) != ApprovalPhase::Pending;
    let progress = |approval: &SyncApproval| {
        ready(approval).map_or_else(|| "Pending".into(), |ready| format!("Pending {}: {}", ready.reason, ready.message))
    };
    let approval = watching::until(cluster, name, wait, is_finished, progress).await?;
    let job_name = approval.status.as_ref().and_then(|status| status.job_ref.as_ref()).map(|job| job.name.clone());
    if let Some(job_name) = job_name
        && cluster.find::<EmployeeSyncJob>(&cluster.namespace, &job_name).await?.is_some()
    {
        return job::follow(cluster, &job_name, wait).await;
    }
    let reason = ready(&approval).map(|ready| ready.reason.clone()).unwrap_or_default();
    let message = ready(&approval).map(|ready| ready.message.clone()).unwrap_or_default();
    output::print(&format!("{}: {} {reason}: {message}\n", approval.name_any(), phase(&approval)));
    Ok(ExitCode::from(exit_code(phase(&approval), &reason)))
}

fn ready(approval: &SyncApproval) -> Option<&Condition> {
    approval.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == "Ready")
}

/// Exit code of an approval whose job is not there to tell.
fn exit_code(phase: ApprovalPhase, reason: &str) -> u8 {
    match phase {
        ApprovalPhase::Applied => ending::COMPLETE,
        _ if reason == reasons::PLAN_CHANGED || reason == reasons::DENIED => ending::HELD,
        _ => ending::CONFIGURATION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_counts() {
        for answer in ["y\n", "YES\n", " yes "] {
            assert!(is_yes(answer), "{answer:?}");
        }
        for answer in ["", "\n", "n\n", "yep\n", "approve\n"] {
            assert!(!is_yes(answer), "{answer:?}");
        }
    }

    #[test]
    fn a_void_approval_means_that_actions_still_wait() {
        assert_eq!(exit_code(ApprovalPhase::Applied, reasons::APPLIED), 0);
        assert_eq!(exit_code(ApprovalPhase::Void, reasons::PLAN_CHANGED), 3);
        assert_eq!(exit_code(ApprovalPhase::Void, reasons::CANCELLED), 1);
    }
}
