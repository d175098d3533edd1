//! `records`, `errors`, `explain`, `history`: what the records service knows about runs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::super::export::{self, Sheet};
use super::super::output::{self, Format};
use super::cluster::Cluster;
use super::ending;
use super::outcome_text;
use super::problem::Problem;
use super::records_access;
use super::records_service::RecordsArguments;
use super::run_lookup;
use super::status_text;
use crate::records::{Outcome, OutcomeQuery, OutcomeResult, Records, RunRecord};
use rollcall_engine::names::SourceKey;

/// Arguments of `records`.
#[derive(Args, Debug)]
pub(super) struct RecordsCommand {
    /// EmployeeSyncJob whose records are printed. With --setting it may have been deleted meanwhile.
    job: String,
    /// SyncSetting that a deleted job belonged to.
    #[arg(long, value_name = "SETTING")]
    setting: Option<String>,
    /// Only records that met this end; may be given several times.
    #[arg(long = "result", value_enum, ignore_case = true, value_delimiter = ',')]
    results: Vec<ResultWord>,
    /// Only the record with this identifier of the source; may be given several times.
    #[arg(long = "key", value_name = "ID")]
    keys: Vec<String>,
    /// Only records of this stream; may be given several times.
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    #[command(flatten)]
    records: RecordsArguments,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    output: RecordsFormat,
}

/// Arguments of `errors`.
#[derive(Args, Debug)]
pub(super) struct ErrorsCommand {
    /// EmployeeSyncJob whose errors are wanted. With --setting it may have been deleted meanwhile.
    #[arg(required_unless_present = "setting")]
    job: Option<String>,
    /// SyncSetting; without a job its newest run of type Sync that has ended.
    #[arg(long, value_name = "SETTING")]
    setting: Option<String>,
    /// Print what was created, updated, disabled and deleted instead (XLSX always has both).
    #[arg(long)]
    updates: bool,
    /// Write to this file, which only its owner may read.
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    #[command(flatten)]
    records: RecordsArguments,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    output: ErrorsFormat,
}

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub(super) struct ExplainCommand {
    /// SyncSetting that should have sent the record.
    setting: String,
    /// Identifier of the record in the source.
    #[arg(long, value_name = "ID")]
    key: String,
    /// How many of the newest runs are searched.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    #[command(flatten)]
    records: RecordsArguments,
    /// How to print the answer.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Arguments of `history`.
#[derive(Args, Debug)]
pub(super) struct HistoryCommand {
    /// SyncSetting whose runs are printed.
    setting: String,
    /// Most runs that are printed.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(flatten)]
    records: RecordsArguments,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
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

/// Formats of `errors`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ErrorsFormat {
    #[default]
    Table,
    Csv,
    Json,
    Xlsx,
}

/// Ends of records, as words of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum ResultWord {
    Created,
    Updated,
    Disabled,
    Deleted,
    Unchanged,
    Skipped,
    Held,
    Conflict,
    Failed,
    OutOfScope,
}

impl From<ResultWord> for OutcomeResult {
    fn from(word: ResultWord) -> Self {
        match word {
            ResultWord::Created => Self::Created,
            ResultWord::Updated => Self::Updated,
            ResultWord::Disabled => Self::Disabled,
            ResultWord::Deleted => Self::Deleted,
            ResultWord::Unchanged => Self::Unchanged,
            ResultWord::Skipped => Self::Skipped,
            ResultWord::Held => Self::Held,
            ResultWord::Conflict => Self::Conflict,
            ResultWord::Failed => Self::Failed,
            ResultWord::OutOfScope => Self::OutOfScope,
        }
    }
}

/// Prints the outcomes of a run with their values.
pub(super) async fn records(cluster: &Cluster, command: &RecordsCommand) -> Result<ExitCode, Problem> {
    let run = run_lookup::find(cluster, &command.records, Some(&command.job), command.setting.as_deref()).await?;
    let query = OutcomeQuery {
        results: command.results.iter().map(|word| (*word).into()).collect(),
        source_keys: command.keys.iter().map(SourceKey::from).collect(),
        ..OutcomeQuery::default()
    };
    let outcomes = run_lookup::outcomes(cluster, &command.records, &run, &query).await?;
    let is_wanted =
        |outcome: &&Outcome| command.streams.is_empty() || command.streams.iter().any(|name| *name == *outcome.stream);
    let shown: Vec<&Outcome> = outcomes.iter().filter(is_wanted).collect();
    outcome_text::announce_personal_data();
    if shown.is_empty() {
        output::note(&format!("{} has no such records", run.job));
    }
    let list = |format| output::document(&documents(&shown, export::record_document), format);
    Ok(output::print(&match command.output {
        RecordsFormat::Table if shown.is_empty() => String::new(),
        RecordsFormat::Table => outcome_text::records(&shown),
        RecordsFormat::Json => list(Format::Json),
        RecordsFormat::Yaml => list(Format::Yaml),
        RecordsFormat::Csv => export::to_csv(&export::records(&shown))?,
    }))
}

fn documents(outcomes: &[&Outcome], document: fn(&Outcome) -> Value) -> Vec<Value> {
    outcomes.iter().map(|outcome| document(outcome)).collect()
}

/// Prints or writes what somebody has to look at, or what was changed.
pub(super) async fn errors(cluster: &Cluster, command: &ErrorsCommand) -> Result<ExitCode, Problem> {
    if command.output == ErrorsFormat::Xlsx && command.output_file.is_none() {
        return Err(Problem::Usage("-o xlsx is not text: name a file with --output-file".into()));
    }
    let (job, setting) = (command.job.as_deref(), command.setting.as_deref());
    let run = run_lookup::find(cluster, &command.records, job, setting).await?;
    let outcomes = run_lookup::outcomes(cluster, &command.records, &run, &OutcomeQuery::default()).await?;
    let content = content(&outcomes, command.output, command.updates)?;
    outcome_text::announce_personal_data();
    let count = outcomes.iter().filter(|outcome| export::is_error(outcome)).count();
    output::note(&format!("{}: {count} of {} records need a look", run.job, outcomes.len()));
    let Some(file) = &command.output_file else {
        return Ok(output::print(&String::from_utf8_lossy(&content)));
    };
    export::write_private(file, &content)
        .map_err(|error| Problem::Usage(format!("{}: cannot be written: {error}", file.display())))?;
    output::note(&format!("{} written", file.display()));
    Ok(ExitCode::SUCCESS)
}

/// The bytes that `errors` prints or writes.
fn content(outcomes: &[Outcome], format: ErrorsFormat, wants_updates: bool) -> Result<Vec<u8>, Problem> {
    let errors: Vec<&Outcome> = outcomes.iter().filter(|outcome| export::is_error(outcome)).collect();
    let updates: Vec<&Outcome> = outcomes.iter().filter(|outcome| export::is_update(outcome)).collect();
    let sheet = |wants_updates: bool| -> Sheet {
        if wants_updates { export::records(&updates) } else { export::errors(&errors) }
    };
    Ok(match (format, wants_updates) {
        (ErrorsFormat::Xlsx, _) => export::to_xlsx(&sheet(true), &sheet(false))?,
        (ErrorsFormat::Csv, _) => export::to_csv(&sheet(wants_updates))?.into_bytes(),
        (ErrorsFormat::Json, true) => list(&updates, export::record_document),
        (ErrorsFormat::Json, false) => list(&errors, export::error_document),
        (ErrorsFormat::Table, true) if !updates.is_empty() => outcome_text::records(&updates).into_bytes(),
        (ErrorsFormat::Table, false) if !errors.is_empty() => outcome_text::errors(&errors).into_bytes(),
        (ErrorsFormat::Table, _) => Vec::new(),
    })
}

fn list(outcomes: &[&Outcome], document: fn(&Outcome) -> Value) -> Vec<u8> {
    output::document(&documents(outcomes, document), Format::Json).into_bytes()
}

/// Answers "why was this person not sent?" from the newest runs.
pub(super) async fn explain(cluster: &Cluster, command: &ExplainCommand) -> Result<ExitCode, Problem> {
    let setting = cluster.setting(&command.setting).await?;
    let records = records_access::open(cluster, &command.records, run_lookup::scope(&setting)).await?;
    let runs = records.runs(command.runs).await?;
    let query = OutcomeQuery { source_keys: vec![command.key.as_str().into()], ..OutcomeQuery::default() };
    let mut found: Vec<(&RunRecord, Vec<Outcome>)> = Vec::new();
    for run in &runs {
        let outcomes = run_lookup::all(&records, &run.run_id, &query).await?;
        if !outcomes.is_empty() {
            found.push((run, outcomes));
        }
    }
    if found.is_empty() {
        return Err(Problem::Usage(format!(
            "none of the newest {} runs of `{}` met a record with this key: check the key (the source's own identifier, \
             not an e-mail address) and whether the source delivers it: {}",
            runs.len(),
            command.setting,
            ending::command(&cluster.namespace, &format!("show {} --key ID", command.setting))
        )));
    }
    outcome_text::announce_personal_data();
    let each = || found.iter().flat_map(|(run, outcomes)| outcomes.iter().map(move |outcome| (*run, outcome)));
    Ok(output::print(&match command.output {
        Format::Table => {
            each().map(|(run, outcome)| outcome_text::explanation(run, outcome)).collect::<Vec<_>>().join("\n")
        }
        format => output::document(&each().map(|(run, outcome)| explained(run, outcome)).collect::<Vec<_>>(), format),
    }))
}

/// An outcome with its run, reason and values.
fn explained(run: &RunRecord, outcome: &Outcome) -> Value {
    let mut document = export::error_document(outcome);
    document["job"] = json!(run.job);
    document["type"] = json!(run.type_);
    document["fields"] = json!(outcome.fields.expose());
    document
}

/// Prints the runs of a setting; from its status when the records service cannot be asked.
pub(super) async fn history(cluster: &Cluster, command: &HistoryCommand) -> Result<ExitCode, Problem> {
    let setting = cluster.setting(&command.setting).await?;
    let runs = async {
        let records = records_access::open(cluster, &command.records, run_lookup::scope(&setting)).await?;
        Ok::<_, Problem>(records.runs(command.limit).await?)
    };
    let text = match runs.await {
        Ok(runs) if command.output == Format::Table => outcome_text::runs(&runs),
        Ok(runs) => output::document(&runs, command.output),
        Err(problem) => {
            output::note(&format!("{problem}\nshown instead: the last runs from the status of the setting"));
            let runs = setting.status.map(|status| status.history).unwrap_or_default();
            match command.output {
                Format::Table => status_text::history(&runs),
                format => output::document(&runs, format),
            }
        }
    };
    Ok(output::print(&text))
}

#[cfg(test)]
mod tests {
    use super::super::super::export::tests::outcome;
    use super::*;
    use rollcall_api::reasons;

    #[test]
    fn the_json_of_errors_is_a_list_with_remedies_and_without_values() {
        let outcomes = [
            outcome("1", OutcomeResult::Created, reasons::CREATED),
            outcome("2", OutcomeResult::Failed, reasons::DATE_INVALID),
        ];
        let errors = String::from_utf8(content(&outcomes, ErrorsFormat::Json, false).unwrap()).unwrap();
        let list: Vec<Value> = serde_json::from_str(&errors).unwrap();
        assert_eq!(list.len(), 1);
        assert_eq!(list[0]["sourceKey"], "2");
        assert_eq!(list[0]["class"], "Actionable");
        assert!(!errors.contains("Jane"));
        let updates: Vec<Value> =
            serde_json::from_slice(&content(&outcomes, ErrorsFormat::Json, true).unwrap()).unwrap();
        assert_eq!(updates[0]["fields"]["name"], "Jane");
    }

    #[test]
    fn nothing_to_look_at_is_an_empty_table_but_a_csv_with_a_header() {
        assert!(content(&[], ErrorsFormat::Table, false).unwrap().is_empty());
        assert!(content(&[], ErrorsFormat::Csv, false).unwrap().starts_with(b"stream,sourceKey"));
    }
}
