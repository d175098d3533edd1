//! `records`: what happened to the records of a run, with their values.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::super::export;
use super::super::output::{self, Format};
use super::super::shown::{self, outcomes};
use super::super::words::{ResultWord, values};
use super::{ReadingError, RunName, all};
use crate::records::{Outcome, OutcomeQuery, Records};
use rollcall_engine::names::SourceKey;

/// Options of `records`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct RecordsOptions {
    /// Only records that met this end; may be given several times.
    #[arg(long = "result", value_enum, ignore_case = true, value_delimiter = ',')]
    results: Vec<ResultWord>,
    /// Only the record with this identifier of the source; may be given several times.
    #[arg(long = "key", value_name = "ID")]
    keys: Vec<String>,
    /// Only records of this stream; may be given several times.
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    output: RecordsFormat,
}

/// Formats of `records`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum RecordsFormat {
    #[default]
    Table,
    Json,
    Yaml,
    Csv,
}

/// Prints the outcomes of a run with their values.
pub(in crate::cli) async fn print(
    records: &dyn Records,
    run: &RunName,
    options: &RecordsOptions,
) -> Result<ExitCode, ReadingError> {
    let query = OutcomeQuery {
        results: values(&options.results),
        source_keys: options.keys.iter().map(SourceKey::from).collect(),
        ..OutcomeQuery::default()
    };
    let found = all(records, &run.id, &query).await?;
    let is_wanted =
        |outcome: &&Outcome| options.streams.is_empty() || options.streams.iter().any(|name| *name == *outcome.stream);
    let found: Vec<&Outcome> = found.iter().filter(is_wanted).collect();
    shown::announce_personal_data();
    if found.is_empty() {
        output::note(&format!("{} has no such records", run.job));
    }
    let list = |format| output::document(&documents(&found, export::record_document), format);
    Ok(output::print(&match options.output {
        RecordsFormat::Table if found.is_empty() => String::new(),
        RecordsFormat::Table => outcomes::records(&found),
        RecordsFormat::Json => list(Format::Json),
        RecordsFormat::Yaml => list(Format::Yaml),
        RecordsFormat::Csv => export::to_csv(&export::records(&found))?,
    }))
}

/// Outcomes as documents.
pub(super) fn documents(outcomes: &[&Outcome], document: fn(&Outcome) -> Value) -> Vec<Value> {
    outcomes.iter().map(|outcome| document(outcome)).collect()
}
