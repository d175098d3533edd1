//! Settings for people: a table of all, one screen for one. Pure: now is a parameter.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::super::output;
use super::super::shown::ending::progress;
use super::super::shown::outcomes::{FIGURES, figures};
use super::super::shown::time::{second, with_distance};
use super::super::shown::{held_in_words, push, waiting};
use super::next_steps::command;
use rollcall_api::v1alpha1::{
    Condition, Counts, DesiredState, EmployeeSyncJob, JobPhase, RunSummary, SyncSetting, SyncSettingStatus,
};

/// One line for each setting.
pub(super) fn all(settings: &[SyncSetting], shows_namespaces: bool, now: Timestamp) -> String {
    let row = |setting: &SyncSetting| {
        let status = setting.status.clone().unwrap_or_default();
        let last = status.last_run.as_ref();
        let mut row = if shows_namespaces { vec![setting.namespace().unwrap_or_default()] } else { Vec::new() };
        row.extend([
            setting.name_any(),
            setting.spec.source_ref.name.clone(),
            setting.spec.target_ref.name.clone(),
            status.state.to_string(),
            last.map_or_else(|| "never".into(), |run| run.phase.to_string()),
            last.and_then(|run| run.code).map_or_else(String::new, |code| code.to_string()),
            last.map_or_else(String::new, |run| run.reason.clone()),
            time(last.and_then(|run| run.completion_time.as_ref()), now, ""),
            waiting(status.held.as_ref()).map_or_else(String::new, held_in_words),
            time(next_run(&status), now, "on demand"),
        ]);
        row
    };
    let mut header = if shows_namespaces { vec!["NAMESPACE"] } else { Vec::new() };
    header.extend(["NAME", "SOURCE", "TARGET", "STATE", "LAST RUN", "CODE", "REASON", "ENDED", "HELD", "NEXT RUN"]);
    output::table(&header, settings.iter().map(row).collect())
}

fn time(time: Option<&Time>, now: Timestamp, otherwise: &str) -> String {
    time.map_or_else(|| otherwise.to_owned(), |time| with_distance(time.0, now))
}

/// The next start, by schedule or because a leaving day takes effect.
fn next_run(status: &SyncSettingStatus) -> Option<&Time> {
    let times = [status.next_schedule_time.as_ref(), status.next_due_time.as_ref()];
    times.into_iter().flatten().min_by_key(|time| time.0)
}

/// One screen about a setting. `unfinished` None: the jobs may not be listed.
pub(super) fn one(setting: &SyncSetting, unfinished: Option<&[EmployeeSyncJob]>, now: Timestamp) -> String {
    let status = setting.status.clone().unwrap_or_default();
    let mut text = head(setting, &status, now);
    text.push_str("Conditions\n");
    for condition in &status.conditions {
        push(&mut text, format_args!("  {}\n", in_words(condition)));
    }
    if status.conditions.is_empty() {
        text.push_str("  none yet: is the operator running?\n");
    }
    text.push_str("Unfinished runs\n");
    match unfinished {
        None => text.push_str("  not known: the jobs may not be listed\n"),
        Some([]) => text.push_str("  none\n"),
        Some(jobs) => {
            for job in jobs {
                push(&mut text, format_args!("  {} {}\n", job.name_any(), progress(job.status.as_ref())));
            }
        }
    }
    text.push_str("Last run\n");
    match &status.last_run {
        Some(run) => push(&mut text, format_args!("{}", last_run(run, &setting.namespace().unwrap_or_default(), now))),
        None => text.push_str("  none has ended yet\n"),
    }
    if let Some(held) = waiting(status.held.as_ref()) {
        let (name, namespace) = (setting.name_any(), setting.namespace().unwrap_or_default());
        push(&mut text, format_args!("Held\n  {}\n  {}\n", held_in_words(held), held.digest));
        push(&mut text, format_args!("  approve: {}\n", command(&namespace, &format!("approve {name}"))));
    }
    if !status.history.is_empty() {
        text.push_str("History\n");
        for line in history(&status.history).lines() {
            push(&mut text, format_args!("  {line}\n"));
        }
    }
    text
}

fn head(setting: &SyncSetting, status: &SyncSettingStatus, now: Timestamp) -> String {
    let spec = &setting.spec;
    let wanted = if spec.state == DesiredState::On { "On" } else { "Off" };
    let schedule = spec.schedule.as_ref().map_or_else(
        || "on demand only".to_owned(),
        |schedule| {
            format!(
                "{schedule} ({}), next {}",
                spec.time_zone,
                time(status.next_schedule_time.as_ref(), now, "not known")
            )
        },
    );
    let mut text = format!("Setting    {}/{}\n", setting.namespace().unwrap_or_default(), setting.name_any());
    push(&mut text, format_args!("Systems    {} -> {}\n", spec.source_ref.name, spec.target_ref.name));
    push(&mut text, format_args!("State      {} (wanted: {wanted})\n", status.state));
    push(&mut text, format_args!("Schedule   {schedule}\n"));
    if let Some(due) = &status.next_due_time {
        push(&mut text, format_args!("Leaver due {}\n", with_distance(due.0, now)));
    }
    if status.missed_schedules > 0 {
        push(&mut text, format_args!("Missed     {} scheduled times in a row\n", status.missed_schedules));
    }
    if status.consecutive_failures > 0 {
        push(&mut text, format_args!("Failures   {} runs in a row\n", status.consecutive_failures));
    }
    if status.observed_generation.is_some() && status.observed_generation != setting.metadata.generation {
        text.push_str("           the latest change of the spec has not been looked at yet\n");
    }
    text
}

/// `Ready: no, because ProviderNotReady: …`.
fn in_words(condition: &Condition) -> String {
    let word = match condition.status.as_str() {
        "True" => "yes",
        "False" => "no",
        _ => "not known",
    };
    let mut text = format!("{}: {word} ({})", condition.type_, condition.reason);
    if !condition.message.is_empty() {
        push(&mut text, format_args!(" {}", condition.message));
    }
    text
}

fn last_run(run: &RunSummary, namespace: &str, now: Timestamp) -> String {
    let code = run.code.map_or_else(String::new, |code| format!(" {code}"));
    let ended = time(run.completion_time.as_ref(), now, "at an unknown time");
    let mut text =
        format!("  {} {}{code} {}, ended {ended}\n  {}\n", run.name, run.phase, run.reason, counts(&run.counts));
    if run.phase == JobPhase::Error || run.counts.failed + run.counts.conflicts > 0 {
        push(&mut text, format_args!("  why: {}\n", command(namespace, &format!("errors {}", run.name))));
    }
    text
}

/// `120 considered: 3 created, 117 unchanged`: the figures that are not zero.
fn counts(counts: &Counts) -> String {
    let figures = [
        (counts.created, "created"),
        (counts.updated, "updated"),
        (counts.disabled, "disabled"),
        (counts.deleted, "deleted"),
        (counts.unchanged, "unchanged"),
        (counts.skipped, "skipped"),
        (counts.held, "held"),
        (counts.conflicts, "conflicts"),
        (counts.failed, "failed"),
    ];
    let words: Vec<String> =
        figures.iter().filter(|(count, _)| *count != 0).map(|(count, word)| format!("{count} {word}")).collect();
    let end = if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) };
    format!("{} read, {} out of scope, {} considered{end}", counts.read, counts.out_of_scope, counts.considered)
}

/// Finished runs as the status keeps them.
pub(super) fn history(runs: &[RunSummary]) -> String {
    let row = |run: &RunSummary| {
        let mut row = vec![
            run.name.clone(),
            run.phase.to_string(),
            run.code.map_or_else(String::new, |code| code.to_string()),
            run.reason.clone(),
            run.completion_time.as_ref().map_or_else(String::new, |time| second(time.0)),
        ];
        row.extend(figures(&run.counts));
        row
    };
    let before = ["RUN", "PHASE", "CODE", "REASON", "ENDED"];
    output::table(&[&before[..], &FIGURES].concat(), runs.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_api::reasons;
    use rollcall_api::v1alpha1::{Held, SettingState};

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap())
    }

    fn setting() -> SyncSetting {
        let mut setting = SyncSetting::default();
        setting.metadata.name = Some("people".into());
        setting.metadata.namespace = Some("hr".into());
        setting.spec.source_ref.name = "personio".into();
        setting.spec.target_ref.name = "travelperk".into();
        let run = RunSummary {
            name: "people-1".into(),
            phase: JobPhase::Complete,
            code: Some(201),
            reason: reasons::COMPLETED_WITH_HOLDS.into(),
            counts: Counts { read: 9, considered: 8, out_of_scope: 1, created: 5, held: 3, ..Counts::default() },
            start_time: None,
            completion_time: Some(at(1000)),
            ..RunSummary::default()
        };
        let ready = Condition {
            type_: "Ready".into(),
            status: "False".into(),
            observed_generation: None,
            last_transition_time: at(0),
            reason: reasons::PROVIDER_NOT_READY.into(),
            message: "IntegrationProvider travelperk is Pending".into(),
        };
        setting.status = Some(SyncSettingStatus {
            state: SettingState::On,
            conditions: vec![ready],
            last_run: Some(run.clone()),
            history: vec![run],
            held: Some(Held { digest: "sha256:ab".into(), disable: 3, ..Held::default() }),
            next_schedule_time: Some(at(9000)),
            next_due_time: Some(at(5000)),
            ..SyncSettingStatus::default()
        });
        setting
    }

    #[test]
    fn one_screen_tells_state_conditions_last_run_holds_and_history() {
        let text = one(&setting(), Some(&[]), at(1300).0);
        for part in [
            "hr/people",
            "personio -> travelperk",
            "On (wanted: On)",
            "Ready: no (ProviderNotReady) IntegrationProvider travelperk is Pending",
            "9 read, 1 out of scope, 8 considered: 5 created, 3 held",
            "(5m ago)",
            "3 disable",
            "kubectl rollcall -n hr approve people",
            "RUN",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }

    #[test]
    fn a_new_setting_has_a_screen_too() {
        let text = one(&SyncSetting::default(), None, at(0).0);
        assert!(text.contains("is the operator running?"), "{text}");
        assert!(text.contains("none has ended yet"), "{text}");
    }

    #[test]
    fn the_table_shows_the_earlier_of_schedule_and_leaving_day() {
        let text = all(&[setting()], true, at(1300).0);
        assert!(text.starts_with("NAMESPACE"), "{text}");
        assert!(text.contains("1970-01-01T01:23:20Z (in 61m)"), "{text}");
        assert!(!all(&[setting()], false, at(1300).0).contains("NAMESPACE"));
    }
}
