//! `history`: the runs of a setting.

use clap::Args;

use super::super::output::{self, Format};
use super::super::shown::outcomes;
use super::ReadingError;
use crate::records::Records;

/// Options of `history`.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct HistoryOptions {
    /// Most runs that are printed.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// How to print them.
    #[arg(short, long, value_enum, default_value_t)]
    pub(in crate::cli) output: Format,
}

/// The runs, newest first, as they are to be printed.
pub(in crate::cli) async fn text(records: &dyn Records, options: &HistoryOptions) -> Result<String, ReadingError> {
    let runs = records.runs(options.limit).await?;
    Ok(match options.output {
        Format::Table => outcomes::runs(&runs),
        format => output::document(&runs, format),
    })
}
