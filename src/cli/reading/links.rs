//! `links`: who is who, and who has no counterpart.

use std::collections::{BTreeSet, HashSet};
use std::process::ExitCode;

use clap::Args;

use super::super::export;
use super::super::output::{self, Format};
use super::super::shown::{self, links as text};
use super::records::documents;
use super::{ReadingError, RunName, all, newest};
use crate::records::{Outcome, OutcomeQuery, OutcomeResult, Records};
use rollcall_engine::model::Link;
use rollcall_engine::names::{SourceKey, StreamName, TargetId};

/// How many runs are searched for the newest that has ended.
const SEARCHED_RUNS: u32 = 1000;

/// Options of `links`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct LinksOptions {
    /// Only links of this stream; may be given several times.
    #[arg(long = "stream", value_name = "NAME")]
    pub(in crate::cli) streams: Vec<String>,
    /// Print the records that the newest run met and that have no link instead.
    #[arg(long)]
    unlinked: bool,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Prints the links of these streams, or who has none.
pub(in crate::cli) async fn print(
    records: &dyn Records,
    streams: &BTreeSet<StreamName>,
    options: &LinksOptions,
) -> Result<ExitCode, ReadingError> {
    let wanted = |name: &&StreamName| options.streams.is_empty() || options.streams.iter().any(|one| **name == **one);
    let streams: Vec<&StreamName> = streams.iter().filter(wanted).collect();
    let mut links = Vec::new();
    for stream in &streams {
        links.extend(records.links(stream).await?);
    }
    if options.unlinked {
        return print_unlinked(records, &streams, &links, options.output).await;
    }
    shown::announce_personal_data();
    output::note(&format!("{} links", links.len()));
    Ok(output::print(&match options.output {
        Format::Table if links.is_empty() => String::new(),
        Format::Table => text::table(&links),
        format => output::document(&links.iter().map(text::document).collect::<Vec<_>>(), format),
    }))
}

async fn print_unlinked(
    records: &dyn Records,
    streams: &[&StreamName],
    links: &[Link],
    format: Format,
) -> Result<ExitCode, ReadingError> {
    let runs = records.runs(SEARCHED_RUNS).await?;
    let Some(run) = newest(&runs).map(RunName::from) else {
        return Err(ReadingError::Usage("no run has ended yet, so nobody was looked for".into()));
    };
    let outcomes = all(records, &run.id, &OutcomeQuery::default()).await?;
    let of_streams: Vec<&Outcome> = outcomes.iter().filter(|outcome| streams.contains(&&outcome.stream)).collect();
    let found = without_link(&of_streams, links);
    shown::announce_personal_data();
    output::note(&format!("{}: {} records without a link", run.job, found.len()));
    Ok(output::print(&match format {
        Format::Table if found.is_empty() => String::new(),
        Format::Table => text::unlinked(&found),
        format => output::document(&documents(&found, export::error_document), format),
    }))
}

/// Records in scope of which neither end is linked, and that are still there.
fn without_link<'a>(outcomes: &[&'a Outcome], links: &[Link]) -> Vec<&'a Outcome> {
    let sources: HashSet<(&StreamName, &SourceKey)> =
        links.iter().map(|link| (&link.stream, &link.source_key)).collect();
    let targets: HashSet<(&StreamName, &TargetId)> = links.iter().map(|link| (&link.stream, &link.target_id)).collect();
    let is_linked = |outcome: &Outcome| match (&outcome.source_key, &outcome.target_id) {
        (Some(key), _) => sources.contains(&(&outcome.stream, key)),
        (None, Some(id)) => targets.contains(&(&outcome.stream, id)),
        (None, None) => false,
    };
    let is_there = |outcome: &Outcome| !matches!(outcome.result, OutcomeResult::OutOfScope | OutcomeResult::Deleted);
    outcomes.iter().copied().filter(|outcome| is_there(outcome) && !is_linked(outcome)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::super::super::export::tests::outcome;
    use super::*;
    use rollcall_api::reasons;
    use rollcall_engine::model::Provenance;

    #[test]
    fn records_of_either_side_without_a_link_are_found_and_those_out_of_scope_are_not() {
        let link = Link {
            stream: "people".into(),
            source_key: "1".into(),
            target_id: "t1".into(),
            provenance: Provenance::Auto,
            created_at: Timestamp::UNIX_EPOCH,
            disabled_at: None,
            witness: BTreeMap::new(),
            agreed: BTreeMap::new(),
            undone: None,
        };
        let only_there = |id: &str| Outcome {
            source_key: None,
            target_id: Some(id.into()),
            ..outcome("", OutcomeResult::Skipped, reasons::NO_MATCH_SKIPPED)
        };
        let outcomes = [
            outcome("1", OutcomeResult::Unchanged, reasons::UNCHANGED),
            outcome("2", OutcomeResult::Conflict, reasons::SEVERAL_MATCHES),
            outcome("3", OutcomeResult::OutOfScope, reasons::OUT_OF_SCOPE),
            only_there("t1"),
            only_there("t9"),
        ];
        let all: Vec<&Outcome> = outcomes.iter().collect();
        let found = without_link(&all, &[link]);
        assert_eq!(found, [&outcomes[1], &outcomes[4]]);
    }
}
