//! `explain`: why was this person (not) sent? What the newest runs did about one record.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::super::export;
use super::super::output::{self, Format};
use super::super::shown::{self, outcomes as text};
use super::{ReadingError, all};
use crate::records::{Outcome, OutcomeQuery, Records, RunRecord};

/// Options of `explain`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct ExplainOptions {
    /// Identifier of the record in the source.
    #[arg(long, value_name = "ID")]
    key: String,
    /// How many of the newest runs are searched.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// How to print the answer.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Answers from the newest runs. `look` is a command that shows what the source delivers.
pub(in crate::cli) async fn print(
    records: &dyn Records,
    options: &ExplainOptions,
    look: &str,
) -> Result<ExitCode, ReadingError> {
    let runs = records.runs(options.runs).await?;
    let query = OutcomeQuery { source_keys: vec![options.key.as_str().into()], ..OutcomeQuery::default() };
    let mut found: Vec<(&RunRecord, Vec<Outcome>)> = Vec::new();
    for run in &runs {
        let outcomes = all(records, &run.run_id, &query).await?;
        if !outcomes.is_empty() {
            found.push((run, outcomes));
        }
    }
    if found.is_empty() {
        return Err(ReadingError::Usage(format!(
            "none of the newest {} runs met a record with this key: check the key (the source's own identifier, not an \
             e-mail address) and whether the source delivers it: {look}",
            runs.len(),
        )));
    }
    shown::announce_personal_data();
    let each = || found.iter().flat_map(|(run, outcomes)| outcomes.iter().map(move |outcome| (*run, outcome)));
    Ok(output::print(&match options.output {
        Format::Table => each().map(|(run, outcome)| text::explanation(run, outcome)).collect::<Vec<_>>().join("\n"),
        format => output::document(&each().map(|(run, outcome)| document(run, outcome)).collect::<Vec<_>>(), format),
    }))
}

/// An outcome with its run, reason and values.
fn document(run: &RunRecord, outcome: &Outcome) -> Value {
    let mut document = export::error_document(outcome);
    document["job"] = json!(run.job);
    document["type"] = json!(run.type_);
    document["fields"] = json!(outcome.fields.expose());
    document["before"] = json!(outcome.before.expose());
    document
}
