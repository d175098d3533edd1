//! Outcomes of a run as files and documents for people: rows, CSV, JSON, XLSX. Pure but for [`write_private`].
//!
//! Everything made here holds personal data: it goes to standard output or to a file that only its owner may read.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use serde_json::{Value, json};

use crate::records::{Outcome, OutcomeResult};
use rollcall_api::reasons::{self, Class};
use rollcall_api::v1alpha1::Action;
use rollcall_engine::names::FieldName;

#[cfg(test)]
pub(in crate::cli) mod tests;

/// Rows of a sheet, its header included (Microsoft, "Excel specifications and limits").
const MAX_SHEET_ROWS: usize = 1_048_576;
/// Columns of a sheet (same source).
const MAX_SHEET_COLUMNS: usize = 16_384;
/// Characters of a cell (same source).
const MAX_CELL_CHARACTERS: usize = 32_767;

/// Why a file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A sheet has limits that CSV and JSON do not have.
    #[error("{rows} rows and {columns} columns do not fit in a sheet; use -o csv or -o json")]
    TooLarge {
        /// Rows without the header.
        rows: usize,
        /// Columns.
        columns: usize,
    },
    /// The library refused.
    #[error("the workbook cannot be made: {0}")]
    Workbook(#[from] XlsxError),
    /// The library refused.
    #[error("the rows cannot be written as CSV: {0}")]
    Csv(String),
}

/// A header and rows of the same width. No `Debug`: the cells are personal data.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Names of the columns.
    pub header: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
}

/// Whether the outcome says that the target was, or would be, changed.
pub const fn is_update(outcome: &Outcome) -> bool {
    use OutcomeResult::{Created, Deleted, Disabled, Updated};
    matches!(outcome.result, Created | Updated | Disabled | Deleted)
}

/// Whether somebody has to look at the outcome: failed, conflicting, held, or skipped for a reason that asks for
/// action. A reason this program does not know (a newer one) counts, so that nothing is hidden.
pub fn is_error(outcome: &Outcome) -> bool {
    match outcome.result {
        OutcomeResult::Failed | OutcomeResult::Conflict | OutcomeResult::Held => true,
        OutcomeResult::Skipped => reasons::find(&outcome.reason).is_none_or(|reason| reason.class == Class::Actionable),
        _ => false,
    }
}

/// Class of a reason in one word.
pub fn class(reason: &str) -> &'static str {
    match reasons::find(reason).map(|reason| reason.class) {
        Some(Class::Actionable) => "Actionable",
        Some(Class::Expected) => "Expected",
        Some(Class::Transient) => "Transient",
        None => "Unknown",
    }
}

/// What to do about a reason.
pub fn remedy(reason: &str) -> &'static str {
    reasons::find(reason).map_or("This program does not know the reason; update it.", |reason| reason.remedy)
}

/// Outcomes with the values that were or would be sent and those that were there before, one column a field each.
pub fn records(outcomes: &[&Outcome]) -> Sheet {
    let fields: BTreeSet<&FieldName> = outcomes.iter().flat_map(|outcome| outcome.fields.expose().names()).collect();
    let before: BTreeSet<&FieldName> = outcomes.iter().flat_map(|outcome| outcome.before.expose().names()).collect();
    let fixed = ["stream", "sourceKey", "targetId", "result", "action", "code", "reason", "message", "defaulted", "at"];
    let header = fixed.iter().map(ToString::to_string);
    let header = header.chain(fields.iter().map(|name| format!("fields.{name}")));
    let header = header.chain(before.iter().map(|name| format!("before.{name}")));
    let row = |outcome: &&Outcome| {
        let values = outcome.fields.expose();
        let mut row = vec![
            outcome.stream.to_string(),
            outcome.source_key.clone().unwrap_or_default().to_string(),
            outcome.target_id.clone().unwrap_or_default().to_string(),
            outcome.result.as_str().to_owned(),
            outcome.action.map_or("", Action::as_str).to_owned(),
            outcome.code.to_string(),
            outcome.reason.clone(),
            outcome.message.clone(),
            outcome.defaulted.iter().map(FieldName::as_str).collect::<Vec<_>>().join(" "),
            outcome.at.to_string(),
        ];
        row.extend(fields.iter().map(|name| values.get(name).map_or_else(String::new, text)));
        row.extend(before.iter().map(|name| outcome.before.expose().get(name).map_or_else(String::new, text)));
        row
    };
    Sheet { header: header.collect(), rows: outcomes.iter().map(row).collect() }
}

/// Outcomes with what to do about them; without values.
pub fn errors(outcomes: &[&Outcome]) -> Sheet {
    let header = ["stream", "sourceKey", "targetId", "result", "action", "reason", "class", "remedy", "message", "at"];
    let row = |outcome: &&Outcome| {
        vec![
            outcome.stream.to_string(),
            outcome.source_key.clone().unwrap_or_default().to_string(),
            outcome.target_id.clone().unwrap_or_default().to_string(),
            outcome.result.as_str().to_owned(),
            outcome.action.map_or("", Action::as_str).to_owned(),
            outcome.reason.clone(),
            class(&outcome.reason).to_owned(),
            remedy(&outcome.reason).to_owned(),
            outcome.message.clone(),
            outcome.at.to_string(),
        ]
    };
    Sheet { header: header.iter().map(ToString::to_string).collect(), rows: outcomes.iter().map(row).collect() }
}

/// An outcome with its values, for JSON and YAML.
pub fn record_document(outcome: &Outcome) -> Value {
    json!({
        "stream": outcome.stream,
        "sourceKey": outcome.source_key,
        "targetId": outcome.target_id,
        "result": outcome.result,
        "action": outcome.action,
        "code": outcome.code,
        "reason": outcome.reason,
        "message": outcome.message,
        "fields": outcome.fields.expose(),
        "before": outcome.before.expose(),
        "defaulted": outcome.defaulted,
        "at": outcome.at,
    })
}

/// An outcome with what to do about it, for JSON and YAML; without values.
pub fn error_document(outcome: &Outcome) -> Value {
    json!({
        "stream": outcome.stream,
        "sourceKey": outcome.source_key,
        "targetId": outcome.target_id,
        "result": outcome.result,
        "action": outcome.action,
        "code": outcome.code,
        "reason": outcome.reason,
        "class": class(&outcome.reason),
        "remedy": remedy(&outcome.reason),
        "message": outcome.message,
        "at": outcome.at,
    })
}

/// A value as a cell shows it: text as it is, no value as nothing, the rest as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// CSV (RFC 4180 with line feeds), UTF-8, with a header. Cells that a spreadsheet would take for a formula get a
/// leading apostrophe (OWASP, "CSV Injection"): values come from people's own entries in HR systems.
pub fn to_csv(sheet: &Sheet) -> Result<String, ExportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(&sheet.header).chain(&sheet.rows) {
        let cells = row.iter().map(|cell| guarded(cell));
        writer.write_record(cells).map_err(|error| ExportError::Csv(error.to_string()))?;
    }
    let bytes = writer.into_inner().map_err(|error| ExportError::Csv(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| ExportError::Csv(error.to_string()))
}

fn guarded(cell: &str) -> String {
    // The wide forms are taken for the narrow ones by some East Asian versions.
    const DANGEROUS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if cell.starts_with(DANGEROUS) { format!("'{cell}") } else { cell.to_owned() }
}

/// A workbook of exactly two sheets, `Updates` and `Errors`. Cells are text, never formulas.
pub fn to_xlsx(updates: &Sheet, errors: &Sheet) -> Result<Vec<u8>, ExportError> {
    let mut workbook = Workbook::new();
    for (name, sheet) in [("Updates", updates), ("Errors", errors)] {
        if sheet.rows.len() >= MAX_SHEET_ROWS || sheet.header.len() > MAX_SHEET_COLUMNS {
            return Err(ExportError::TooLarge { rows: sheet.rows.len(), columns: sheet.header.len() });
        }
        fill(workbook.add_worksheet().set_name(name)?, sheet)?;
    }
    Ok(workbook.save_to_buffer()?)
}

fn fill(worksheet: &mut Worksheet, sheet: &Sheet) -> Result<(), ExportError> {
    let bold = Format::new().set_bold();
    for (column, name) in (0_u16..).zip(&sheet.header) {
        worksheet.write_string_with_format(0, column, cut(name), &bold)?;
    }
    for (row, cells) in (1_u32..).zip(&sheet.rows) {
        for (column, cell) in (0_u16..).zip(cells) {
            if !cell.is_empty() {
                worksheet.write_string(row, column, cut(cell))?;
            }
        }
    }
    worksheet.set_freeze_panes(1, 0)?;
    Ok(())
}

fn cut(cell: &str) -> String {
    // A sheet counts UTF-16 units; half of the limit fits in any case.
    if cell.encode_utf16().count() <= MAX_CELL_CHARACTERS {
        return cell.to_owned();
    }
    cell.chars().take(MAX_CELL_CHARACTERS / 2).chain(['…']).collect()
}

/// Text that a terminal shows as it is: control characters (which could move the cursor or hide text) are escaped.
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            // Writing to a String cannot fail.
            let _ = write!(safe, "{}", character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Writes a file that only its owner may read, whole or not at all: a neighbour is written first, then renamed.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not the path of a file"));
    };
    let mut neighbour = name.to_owned();
    neighbour.push(format!(".{}.part", std::process::id()));
    let neighbour = path.with_file_name(neighbour);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&neighbour)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    let done = written.and_then(|()| std::fs::rename(&neighbour, path));
    if done.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&neighbour);
    }
    done
}
