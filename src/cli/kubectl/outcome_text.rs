//! Outcomes of records as tables for people. Pure but for the remark about personal data.

use super::super::export::{class, printable, remedy};
use super::super::output;
use super::time_text::second;
use crate::records::{Outcome, RunRecord};

/// Says on standard error that what follows is personal data.
pub(super) fn announce_personal_data() {
    output::note(
        "note: this prints personal data from the records service; it is not in the cluster, keep it that way",
    );
}

/// What happened to records, with the values.
pub(super) fn records(outcomes: &[&Outcome]) -> String {
    let row = |outcome: &&Outcome| {
        let fields: Vec<String> = outcome
            .fields
            .expose()
            .iter()
            .map(|(name, value)| {
                let mark = if outcome.defaulted.contains(name) { " (default)" } else { "" };
                format!("{name}={value}{mark}")
            })
            .collect();
        let mut row = head(outcome);
        row.extend([outcome.reason.clone(), printable(&fields.join(" ")), printable(&outcome.message)]);
        row
    };
    let header = ["STREAM", "KEY", "ACTION", "RESULT", "REASON", "FIELDS", "MESSAGE"];
    output::table(&header, outcomes.iter().map(row).collect())
}

/// Why records are not as wanted and what to do.
pub(super) fn errors(outcomes: &[&Outcome]) -> String {
    let row = |outcome: &&Outcome| {
        let mut row = head(outcome);
        let reason = &outcome.reason;
        row.extend([reason.clone(), class(reason).to_owned(), printable(&outcome.message), remedy(reason).to_owned()]);
        row
    };
    let header = ["STREAM", "KEY", "ACTION", "RESULT", "REASON", "CLASS", "MESSAGE", "REMEDY"];
    output::table(&header, outcomes.iter().map(row).collect())
}

fn head(outcome: &Outcome) -> Vec<String> {
    vec![
        printable(&outcome.stream),
        printable(outcome.source_key.as_deref().unwrap_or_default()),
        outcome.action.map_or_else(String::new, |action| format!("{action:?}")),
        format!("{:?}", outcome.result),
    ]
}

/// What one run did about one record, as the answer to "why was this person not sent?".
pub(super) fn explanation(run: &RunRecord, outcome: &Outcome) -> String {
    let mut lines = vec![
        format!("{}  {} ({:?})", second(outcome.at), run.job, run.type_),
        format!("  stream   {}", printable(&outcome.stream)),
        format!("  result   {}", result(outcome)),
        format!("  reason   {} ({})", outcome.reason, class(&outcome.reason)),
        format!("  meaning  {}", remedy(&outcome.reason)),
    ];
    if !outcome.message.is_empty() {
        lines.push(format!("  message  {}", printable(&outcome.message)));
    }
    if let Some(target) = &outcome.target_id {
        lines.push(format!("  target   {}", printable(target)));
    }
    if !outcome.fields.expose().is_empty() {
        let names: Vec<&str> = outcome.fields.expose().names().map(|name| name.as_str()).collect();
        lines.push(format!("  fields   {}", printable(&names.join(", "))));
    }
    lines.join("\n") + "\n"
}

fn result(outcome: &Outcome) -> String {
    match outcome.action {
        Some(action) => format!("{:?} (action {action:?}, code {})", outcome.result, outcome.code),
        None => format!("{:?} (code {})", outcome.result, outcome.code),
    }
}

/// Runs of a setting, newest first.
pub(super) fn runs(runs: &[RunRecord]) -> String {
    let row = |run: &RunRecord| {
        let counts = run.counts;
        let mut row = vec![
            run.job.clone(),
            format!("{:?}", run.type_),
            second(run.started_at),
            run.ended_at.map_or_else(|| "running".into(), second),
            run.code.map_or_else(String::new, |code| code.to_string()),
            run.reason.clone().unwrap_or_default(),
        ];
        let figures = [
            counts.considered,
            counts.created,
            counts.updated,
            counts.disabled,
            counts.deleted,
            counts.held,
            counts.conflicts,
            counts.failed,
        ];
        row.extend(figures.iter().map(ToString::to_string));
        row
    };
    let header = [
        "RUN",
        "TYPE",
        "STARTED",
        "ENDED",
        "CODE",
        "REASON",
        "CONSIDERED",
        "CREATED",
        "UPDATED",
        "DISABLED",
        "DELETED",
        "HELD",
        "CONFLICTS",
        "FAILED",
    ];
    output::table(&header, runs.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::super::super::export::tests::outcome;
    use super::*;
    use crate::records::OutcomeResult;
    use rollcall_api::reasons;

    #[test]
    fn values_cannot_move_the_cursor_of_a_terminal() {
        let mut evil = outcome("17\u{1b}[2J", OutcomeResult::Created, reasons::CREATED);
        evil.fields.expose_mut().insert("name".into(), "\u{9b}31m".into());
        let text = records(&[&evil]);
        assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
    }

    #[test]
    fn an_explanation_has_reason_class_and_remedy_and_names_fields_without_values() {
        let failed = outcome("17", OutcomeResult::Failed, reasons::REQUIRED_FIELD_EMPTY);
        let run = RunRecord {
            run_id: "r".into(),
            job: "people-1".into(),
            type_: rollcall_api::v1alpha1::JobType::Sync,
            attempt: 1,
            started_at: failed.at,
            ended_at: None,
            code: None,
            reason: None,
            counts: rollcall_api::v1alpha1::Counts::default(),
        };
        let text = explanation(&run, &failed);
        assert!(text.contains("RequiredFieldEmpty (Actionable)"), "{text}");
        assert!(text.contains("complete the record in the source"), "{text}");
        assert!(text.contains("fields   name") && !text.contains("Jane"), "{text}");
    }

    #[test]
    fn values_that_are_defaults_are_marked() {
        let mut created = outcome("17", OutcomeResult::Created, reasons::CREATED);
        created.defaulted = vec!["name".into()];
        assert!(records(&[&created]).contains("name=\"Jane\" (default)"));
    }
}
