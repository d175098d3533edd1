//! Links of a setting, as a table and as documents.

use serde_json::{Value, json};

use super::super::export::printable;
use super::super::output;
use super::outcomes::who;
use super::time::second;
use crate::records::Outcome;
use rollcall_engine::model::{Link, Provenance};

/// How a link came about, in a word.
const fn word(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Created => "Created",
        Provenance::Auto => "Auto",
        Provenance::Manual => "Manual",
        Provenance::Adopted => "Adopted",
    }
}

/// Links as a table.
pub(in crate::cli) fn table(links: &[Link]) -> String {
    let row = |link: &Link| {
        vec![
            printable(&link.stream),
            printable(&link.source_key),
            printable(&link.target_id),
            word(link.provenance).to_owned(),
            second(link.created_at),
            link.disabled_at.map_or_else(String::new, second),
            link.undone.as_ref().map_or_else(String::new, |run| printable(run)),
        ]
    };
    let header = ["STREAM", "SOURCE KEY", "TARGET ID", "PROVENANCE", "SINCE", "DISABLED SINCE", "UNDONE BY"];
    output::table(&header, links.iter().map(row).collect())
}

/// A link for JSON and YAML.
pub(in crate::cli) fn document(link: &Link) -> Value {
    json!({
        "stream": link.stream,
        "sourceKey": link.source_key,
        "targetId": link.target_id,
        "provenance": word(link.provenance),
        "createdAt": link.created_at,
        "disabledAt": link.disabled_at,
        "undone": link.undone,
    })
}

/// Records without a link, with what the newest run made of them.
pub(in crate::cli) fn unlinked(outcomes: &[&Outcome]) -> String {
    let row = |outcome: &&Outcome| {
        vec![
            printable(&outcome.stream),
            who(outcome),
            outcome.result.as_str().to_owned(),
            outcome.reason.clone(),
            printable(&outcome.message),
        ]
    };
    output::table(&["STREAM", "KEY", "RESULT", "REASON", "MESSAGE"], outcomes.iter().map(row).collect())
}
