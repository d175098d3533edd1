//! `errors`: what somebody has to look at, printed or as a file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::super::export::{self, Sheet};
use super::super::output::{self, Format};
use super::super::shown::{self, outcomes as text};
use super::records::documents;
use super::{ReadingError, RunName, all};
use crate::records::{Outcome, OutcomeQuery, Records};

/// Options of `errors`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct ErrorsOptions {
    /// Print what was created, updated, disabled and deleted instead (XLSX always has both).
    #[arg(long)]
    updates: bool,
    /// Write to this file, which only its owner may read.
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    output: ErrorsFormat,
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

impl ErrorsOptions {
    /// Fails when the options do not go together, before anything is read.
    pub(in crate::cli) fn check(&self) -> Result<(), ReadingError> {
        if self.output == ErrorsFormat::Xlsx && self.output_file.is_none() {
            return Err(ReadingError::Usage("-o xlsx is not text: name a file with --output-file".into()));
        }
        Ok(())
    }
}

/// Prints or writes what somebody has to look at, or what was changed.
pub(in crate::cli) async fn print(
    records: &dyn Records,
    run: &RunName,
    options: &ErrorsOptions,
) -> Result<ExitCode, ReadingError> {
    let outcomes = all(records, &run.id, &OutcomeQuery::default()).await?;
    let content = content(&outcomes, options.output, options.updates)?;
    shown::announce_personal_data();
    let count = outcomes.iter().filter(|outcome| export::is_error(outcome)).count();
    output::note(&format!("{}: {count} of {} records need a look", run.job, outcomes.len()));
    let Some(file) = &options.output_file else {
        return Ok(output::print(&String::from_utf8_lossy(&content)));
    };
    export::write_private(file, &content)
        .map_err(|error| ReadingError::Usage(format!("{}: cannot be written: {error}", file.display())))?;
    output::note(&format!("{} written", file.display()));
    Ok(ExitCode::SUCCESS)
}

/// The bytes that are printed or written.
fn content(outcomes: &[Outcome], format: ErrorsFormat, wants_updates: bool) -> Result<Vec<u8>, ReadingError> {
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
        (ErrorsFormat::Table, true) if !updates.is_empty() => text::records(&updates).into_bytes(),
        (ErrorsFormat::Table, false) if !errors.is_empty() => text::errors(&errors).into_bytes(),
        (ErrorsFormat::Table, _) => Vec::new(),
    })
}

fn list(outcomes: &[&Outcome], document: fn(&Outcome) -> Value) -> Vec<u8> {
    output::document(&documents(outcomes, document), Format::Json).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::super::export::tests::outcome;
    use super::*;
    use crate::records::OutcomeResult;
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
