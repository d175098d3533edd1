//! Outcomes of records and runs as tables for people.

use serde_json::Value;

use super::super::export::{class, printable, remedy};
use super::super::output;
use super::time::second;
use crate::records::{Outcome, RunRecord};
use rollcall_api::v1alpha1::{Action, Counts};

/// What happened, or would happen, to records, with the values: `title: "Clerk" -> "Manager"`.
pub(in crate::cli) fn records(outcomes: &[&Outcome]) -> String {
    let row = |outcome: &&Outcome| {
        let mut row = head(outcome);
        row.extend([outcome.reason.clone(), values(outcome), printable(&outcome.message)]);
        row
    };
    let header = ["STREAM", "KEY", "ACTION", "RESULT", "REASON", "FIELDS", "MESSAGE"];
    output::table(&header, outcomes.iter().map(row).collect())
}

/// Values that are set, with those that are replaced. What is new, or only shown, has nothing before it.
fn values(outcome: &Outcome) -> String {
    let changes = outcome.action.is_some_and(|action| action != Action::Create);
    let value = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(value) => value.to_string(),
    };
    let texts = outcome.fields.expose().iter().map(|(name, after)| {
        let mark = if outcome.defaulted.contains(name) { " (default)" } else { "" };
        let after = value(Some(after));
        if changes {
            let before = value(outcome.before.expose().get(name));
            format!("{name}: {before} -> {after}{mark}")
        } else {
            format!("{name}={after}{mark}")
        }
    });
    printable(&texts.collect::<Vec<_>>().join(", "))
}

/// Why records are not as wanted and what to do.
pub(in crate::cli) fn errors(outcomes: &[&Outcome]) -> String {
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
        who(outcome),
        outcome.action.map_or("", Action::as_str).to_owned(),
        outcome.result.as_str().to_owned(),
    ]
}

/// The source's identifier, or the target's where there is no record in the source.
pub(super) fn who(outcome: &Outcome) -> String {
    match (&outcome.source_key, &outcome.target_id) {
        (Some(key), _) => printable(key),
        (None, Some(id)) => format!("target {}", printable(id)),
        (None, None) => String::new(),
    }
}

/// What one run did about one record, as the answer to "why was this person not sent?".
pub(in crate::cli) fn explanation(run: &RunRecord, outcome: &Outcome) -> String {
    let mut lines = vec![
        format!("{}  {} ({})", second(outcome.at), run.job, run.type_),
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
        lines.push(format!("  fields   {}", values(outcome)));
    }
    lines.join("\n") + "\n"
}

fn result(outcome: &Outcome) -> String {
    match outcome.action {
        Some(action) => format!("{} (action {action}, code {})", outcome.result.as_str(), outcome.code),
        None => format!("{} (code {})", outcome.result.as_str(), outcome.code),
    }
}

/// Columns for what became of the records of a run.
pub(in crate::cli) const FIGURES: [&str; 7] =
    ["CREATED", "UPDATED", "DISABLED", "DELETED", "HELD", "CONFLICTS", "FAILED"];

/// The cells of [`FIGURES`].
pub(in crate::cli) fn figures(counts: &Counts) -> [String; 7] {
    let Counts { created, updated, disabled, deleted, held, conflicts, failed, .. } = counts;
    [created, updated, disabled, deleted, held, conflicts, failed].map(ToString::to_string)
}

/// Runs of a setting, newest first.
pub(in crate::cli) fn runs(runs: &[RunRecord]) -> String {
    let row = |run: &RunRecord| {
        let mut row = vec![
            run.job.clone(),
            run.type_.to_string(),
            second(run.started_at),
            run.ended_at.map_or_else(|| "running".into(), second),
            run.code.map_or_else(String::new, |code| code.to_string()),
            run.reason.clone().unwrap_or_default(),
        ];
        row.push(run.counts.considered.to_string());
        row.extend(figures(&run.counts));
        row
    };
    let before = ["RUN", "TYPE", "STARTED", "ENDED", "CODE", "REASON", "CONSIDERED"];
    output::table(&[&before[..], &FIGURES].concat(), runs.iter().map(row).collect())
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
    fn an_explanation_has_reason_class_remedy_and_values() {
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
        assert!(text.contains("fields   name=\"Jane\""), "{text}");
    }

    #[test]
    fn values_that_are_defaults_are_marked() {
        let mut created = outcome("17", OutcomeResult::Created, reasons::CREATED);
        created.defaulted = vec!["name".into()];
        assert!(records(&[&created]).contains("name=\"Jane\" (default)"));
    }

    #[test]
    fn a_change_shows_what_was_there_before() {
        let mut changed = outcome("17", OutcomeResult::Updated, reasons::CHANGED);
        changed.action = Some(Action::Update);
        changed.fields.expose_mut().insert("phone".into(), "1".into());
        changed.fields.expose_mut().insert("title".into(), Value::Null);
        changed.before.expose_mut().insert("name".into(), "Joan".into());
        changed.before.expose_mut().insert("title".into(), "Clerk".into());
        let text = records(&[&changed]);
        let expected = r#"name: "Joan" -> "Jane", phone: none -> "1", title: "Clerk" -> none"#;
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn a_record_that_only_the_target_has_is_named_by_its_identifier_there() {
        let mut only_there = outcome("17", OutcomeResult::Conflict, reasons::SEVERAL_MATCHES);
        (only_there.source_key, only_there.target_id) = (None, Some("t9".into()));
        assert!(errors(&[&only_there]).contains("target t9"));
    }
}
