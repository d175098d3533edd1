//! What a records file knows: records, errors, explanations, links and the history of a setting.

use std::process::ExitCode;

use clap::Args;

use super::super::output;
use super::super::reading::errors::ErrorsOptions;
use super::super::reading::explain::ExplainOptions;
use super::super::reading::history::HistoryOptions;
use super::super::reading::links::LinksOptions;
use super::super::reading::records::RecordsOptions;
use super::super::reading::{self, ReadingError};
use super::records_file::{PlaceOptions, RecordsFile};

/// Arguments of `rollcall records`.
#[derive(Args, Debug)]
pub(in crate::cli) struct RecordsArguments {
    /// Run whose records are printed, as `rollcall history` names it [default: the newest].
    run: Option<String>,
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    options: RecordsOptions,
}

/// Arguments of `rollcall errors`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ErrorsArguments {
    /// Run whose errors are wanted, as `rollcall history` names it [default: the newest].
    run: Option<String>,
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    options: ErrorsOptions,
}

/// Arguments of `rollcall explain`.
#[derive(Args, Debug)]
pub(in crate::cli) struct ExplainArguments {
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    options: ExplainOptions,
}

/// Arguments of `rollcall links`.
#[derive(Args, Debug)]
pub(in crate::cli) struct LinksArguments {
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    options: LinksOptions,
}

/// Arguments of `rollcall history`.
#[derive(Args, Debug)]
pub(in crate::cli) struct HistoryArguments {
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    options: HistoryOptions,
}

/// `rollcall records`.
pub(in crate::cli) async fn records(arguments: RecordsArguments) -> ExitCode {
    ended(async {
        let file = RecordsFile::open(&arguments.place).await.map_err(ReadingError::Usage)?;
        let run = file.run(arguments.run.as_deref()).await.map_err(ReadingError::Usage)?;
        reading::records::print(&file.records, &run, &arguments.options).await
    })
    .await
}

/// `rollcall errors`.
pub(in crate::cli) async fn errors(arguments: ErrorsArguments) -> ExitCode {
    ended(async {
        arguments.options.check()?;
        let file = RecordsFile::open(&arguments.place).await.map_err(ReadingError::Usage)?;
        let run = file.run(arguments.run.as_deref()).await.map_err(ReadingError::Usage)?;
        reading::errors::print(&file.records, &run, &arguments.options).await
    })
    .await
}

/// `rollcall explain`.
pub(in crate::cli) async fn explain(arguments: ExplainArguments) -> ExitCode {
    ended(async {
        let file = RecordsFile::open(&arguments.place).await.map_err(ReadingError::Usage)?;
        let look = "rollcall run -f PATH --type Show --key ID";
        reading::explain::print(&file.records, &arguments.options, look).await
    })
    .await
}

/// `rollcall links`.
pub(in crate::cli) async fn links(arguments: LinksArguments) -> ExitCode {
    ended(async {
        let file = RecordsFile::open(&arguments.place).await.map_err(ReadingError::Usage)?;
        let mut streams = file.streams().await.map_err(ReadingError::Usage)?;
        // Neither records nor manifests may know a stream whose links were all made before claims were.
        streams.extend(arguments.options.streams.iter().map(|name| name.as_str().into()));
        reading::links::print(&file.records, &streams, &arguments.options).await
    })
    .await
}

/// `rollcall history`.
pub(in crate::cli) async fn history(arguments: HistoryArguments) -> ExitCode {
    ended(async {
        let file = RecordsFile::open(&arguments.place).await.map_err(ReadingError::Usage)?;
        Ok(output::print(&reading::history::text(&file.records, &arguments.options).await?))
    })
    .await
}

async fn ended(answer: impl Future<Output = Result<ExitCode, ReadingError>>) -> ExitCode {
    answer.await.unwrap_or_else(|problem| output::fail(&problem.to_string()))
}
