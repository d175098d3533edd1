//! Exports: what counts as an error, and that files hold exactly what they should.

use std::io::Read;

use jiff::Timestamp;
use serde_json::Value;

use super::*;
use rollcall_engine::redacted::Redacted;

/// An outcome of record `key` in stream `people` with the value `name: Jane`.
pub(in crate::cli) fn outcome(key: &str, result: OutcomeResult, reason: &str) -> Outcome {
    Outcome {
        stream: "people".into(),
        source_key: Some(key.into()),
        target_id: None,
        result,
        action: None,
        code: 200,
        reason: reason.into(),
        message: String::new(),
        fields: Redacted::new([("name".into(), Value::from("Jane"))].into_iter().collect()),
        before: Redacted::default(),
        defaulted: Vec::new(),
        at: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn errors_are_what_somebody_has_to_look_at() {
    use OutcomeResult::{Conflict, Created, Failed, Held, OutOfScope, Skipped, Unchanged};
    let cases = [
        (Failed, reasons::WRITE_FAILED, true),
        (Conflict, reasons::SEVERAL_MATCHES, true),
        (Held, reasons::REMOVAL_LIMIT, true),
        (Skipped, reasons::VALUE_UNMAPPED, true),
        (Skipped, reasons::ACTION_DISABLED, false),
        (Skipped, reasons::ABSENCE_UNPROVEN, false),
        (Skipped, "ReasonOfANewerVersion", true),
        (Created, reasons::CREATED, false),
        (Unchanged, reasons::UNCHANGED, false),
        (OutOfScope, reasons::NOT_ELIGIBLE, false),
    ];
    for (result, reason, expected) in cases {
        assert_eq!(is_error(&outcome("1", result, reason)), expected, "{result:?} {reason}");
    }
}

#[test]
fn csv_cells_cannot_become_formulas() {
    let sheet = |cell: &str| Sheet { header: vec!["a".into()], rows: vec![vec![cell.into()]] };
    for cell in ["=1+1", "+49", "-5", "@SUM(A1)", "\t=1", "\r=1"] {
        let text = to_csv(&sheet(cell)).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.records().next().unwrap().unwrap()[0], format!("'{cell}"), "{cell:?}");
    }
    assert_eq!(to_csv(&sheet("a=1, \"b\"")).unwrap(), "a\n\"a=1, \"\"b\"\"\"\n");
}

#[test]
fn csv_headers_are_guarded_too() {
    let sheet = Sheet { header: vec!["=a".into()], rows: vec![] };
    assert_eq!(to_csv(&sheet).unwrap(), "'=a\n");
}

#[test]
fn records_have_a_column_for_every_field_of_any_of_them() {
    let first = outcome("1", OutcomeResult::Created, reasons::CREATED);
    let mut second = outcome("2", OutcomeResult::Updated, reasons::UPDATED);
    second.fields =
        Redacted::new([("active".into(), Value::from(true)), ("city".into(), Value::Null)].into_iter().collect());
    let sheet = records(&[&first, &second]);
    let end = sheet.header.len() - 3;
    assert_eq!(sheet.header[end..], ["fields.active", "fields.city", "fields.name"]);
    assert_eq!(sheet.rows[0][end..], ["", "", "Jane"]);
    assert_eq!(sheet.rows[1][end..], ["true", "", ""]);
}

#[test]
fn errors_tell_class_and_remedy_and_no_values() {
    let failed = outcome("1", OutcomeResult::Failed, reasons::DATE_INVALID);
    let sheet = errors(&[&failed]);
    let row = sheet.rows[0].join("|");
    assert!(row.contains("|DateInvalid|Actionable|"), "{row}");
    assert!(row.contains("spec.parsing.dateFormats"), "{row}");
    assert!(!row.contains("Jane"), "{row}");
}

/// The text of one file in a workbook (ECMA-376: a ZIP archive of XML).
fn part(workbook: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(workbook)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_workbook_has_exactly_the_sheets_updates_and_errors_and_no_formula() {
    let mut created = outcome("=1+1", OutcomeResult::Created, reasons::CREATED);
    created.message = "x".repeat(40_000);
    let failed = outcome("2", OutcomeResult::Failed, reasons::DATE_INVALID);
    let workbook = to_xlsx(&records(&[&created]), &errors(&[&failed])).unwrap();
    let names = part(&workbook, "xl/workbook.xml");
    assert_eq!(names.matches("<sheet ").count(), 2, "{names}");
    assert!(names.find("name=\"Updates\"").unwrap() < names.find("name=\"Errors\"").unwrap());
    let strings = part(&workbook, "xl/sharedStrings.xml");
    assert!(strings.contains("<t>=1+1</t>") && strings.contains("<t>Jane</t>"), "a value is missing");
    for (sheet, rows) in [("xl/worksheets/sheet1.xml", 2), ("xl/worksheets/sheet2.xml", 2)] {
        let text = part(&workbook, sheet);
        assert_eq!(text.matches("<row ").count(), rows, "{sheet}");
        assert!(!text.contains("<f>"), "{sheet} has a formula");
    }
}

#[test]
fn an_empty_run_still_makes_both_sheets() {
    let workbook = to_xlsx(&records(&[]), &errors(&[])).unwrap();
    assert_eq!(part(&workbook, "xl/workbook.xml").matches("<sheet ").count(), 2);
}

#[test]
fn terminals_get_no_control_characters() {
    assert_eq!(printable("a\u{1b}[31mb\nc"), "a\\u{1b}[31mb\\u{a}c");
    assert_eq!(printable("Zoë 日本"), "Zoë 日本");
}

#[cfg(unix)]
#[test]
fn files_are_private_and_replace_older_ones_whole() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("errors.csv");
    std::fs::write(&path, "old").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    write_private(&path, b"new").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(write_private(&folder.path().join("none/x"), b"").is_err());
}
