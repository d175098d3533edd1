//! `rollcall definitions`: the catalogue of vendors.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{self, Format};
use rollcall_engine::definitions::{Stream, VendorDefinition, catalogue, parse};

/// Arguments of `rollcall definitions`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the vendors of the catalogue.
    List {
        /// How to print.
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// Print one definition, as a start for your own.
    Show {
        /// Name of the vendor. Example: personio-v2
        name: String,
    },
    /// Check a definition of your own.
    Check {
        /// The file.
        file: PathBuf,
    },
}

pub(super) fn main(arguments: &Arguments) -> ExitCode {
    match &arguments.command {
        Command::List { output: format } => list(*format),
        Command::Show { name } => match catalogue::text(name) {
            Some(text) => output::print(text),
            None => output::fail(&format!(
                "no definition `{name}` in the catalogue; it has: {}",
                catalogue::names().join(", ")
            )),
        },
        Command::Check { file } => check(file),
    }
}

fn list(format: Format) -> ExitCode {
    let all: Vec<_> = catalogue::names().into_iter().filter_map(catalogue::find).collect();
    if format == Format::Table {
        let rows = all
            .iter()
            .map(|one| {
                vec![
                    one.name.clone(),
                    one.title.clone(),
                    streams(one, |_| true).join(","),
                    streams(one, Stream::can_write).join(","),
                    one.credentials.keys().map(String::as_str).collect::<Vec<_>>().join(","),
                ]
            })
            .collect();
        return output::print(&output::table(&["NAME", "TITLE", "READS", "WRITES", "CREDENTIALS"], rows));
    }
    let documents: Vec<_> = all
        .iter()
        .map(|one| {
            json!({
                "name": one.name, "title": one.title, "documentation": one.documentation, "inferred": one.inferred,
                "capabilities": one.capabilities, "credentials": one.credentials.keys().collect::<Vec<_>>(),
                "endpoints": one.endpoints.keys().collect::<Vec<_>>(),
                "reads": streams(one, |_| true), "writes": streams(one, Stream::can_write),
            })
        })
        .collect();
    output::print(&output::document(&documents, format))
}

/// Names of the streams that pass.
fn streams(definition: &VendorDefinition, passes: impl Fn(&Stream) -> bool) -> Vec<&str> {
    definition.streams.iter().filter(|(_, stream)| passes(stream)).map(|(name, _)| name.as_str()).collect()
}

fn check(file: &PathBuf) -> ExitCode {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return output::fail(&format!("{}: cannot be read: {error}", file.display())),
    };
    match parse(&text, &file.display().to_string()) {
        Ok(definition) => output::print(&format!("{}: {} is valid\n", file.display(), definition.name)),
        Err(error) => output::fail(&error.to_string()),
    }
}
