//! The subcommands of `rollcall`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use super::local::{answers, link, run};
use super::{definitions, output, serve};
use rollcall_api::crds;

/// Keeps people data in step between HR, payroll, benefits, travel, learning and school systems.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a setting once, here, without a cluster.
    ///
    /// Reads IntegrationProvider, SyncSetting and Secret manifests and prints the status that the operator would write.
    /// Exit codes: 0 complete, 1 usage or configuration, 2 some records failed, 3 actions held for approval,
    /// 4 provider unreachable or credentials rejected.
    Run(run::RunArguments),
    /// Work out what a run would do; write nothing to any system.
    Plan(run::CommonArguments),
    /// Print what happened to the records of a run, with their values, from a records file.
    Records(answers::RecordsArguments),
    /// Print or write what failed, conflicts, is held or needs somebody to act, with remedies, from a records file.
    Errors(answers::ErrorsArguments),
    /// Why was this person (not) sent? What the newest runs did about one record, from a records file.
    Explain(answers::ExplainArguments),
    /// Print who is who: the links of a setting, or the records without one, from a records file.
    Links(answers::LinksArguments),
    /// Print the runs of a setting, newest first, from a records file.
    History(answers::HistoryArguments),
    /// State in a records file that two records are the same. Needs the manifests (-f).
    Link(link::LinkArguments),
    /// Take a link out of a records file; the next run looks for the record anew.
    Unlink(link::UnlinkArguments),
    /// Print the CustomResourceDefinitions.
    Crds(CrdsArguments),
    /// List, show and check vendor definitions.
    Definitions(definitions::Arguments),
    /// Run the controller (in a cluster).
    Operator(serve::OperatorArguments),
    /// Carry out one run or probe (started by the operator in a connector pod).
    Connector(serve::ConnectorArguments),
    /// Serve the records store to connector pods and `kubectl rollcall`.
    RecordsService(serve::RecordsServiceArguments),
    /// Print a completion script for a shell.
    Completion {
        /// Shell to complete for.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, clap::Args)]
struct CrdsArguments {
    /// Write one file a kind into this folder instead of printing them.
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// Parses the command line and carries it out.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(arguments) => serve::block_on(run::run(arguments)),
        Command::Plan(common) => serve::block_on(run::run(run::RunArguments::plan(common))),
        Command::Records(arguments) => serve::block_on(answers::records(arguments)),
        Command::Errors(arguments) => serve::block_on(answers::errors(arguments)),
        Command::Explain(arguments) => serve::block_on(answers::explain(arguments)),
        Command::Links(arguments) => serve::block_on(answers::links(arguments)),
        Command::History(arguments) => serve::block_on(answers::history(arguments)),
        Command::Link(arguments) => serve::block_on(link::link(arguments)),
        Command::Unlink(arguments) => serve::block_on(link::unlink(arguments)),
        Command::Crds(arguments) => print_crds(arguments),
        Command::Definitions(arguments) => definitions::main(&arguments),
        Command::Operator(arguments) => serve::operator(arguments),
        Command::Connector(arguments) => serve::connector(&arguments),
        Command::RecordsService(arguments) => serve::records_service(arguments),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "rollcall", &mut script);
            output::print(&String::from_utf8_lossy(&script))
        }
    }
}

fn print_crds(arguments: CrdsArguments) -> ExitCode {
    let all = crds::all();
    let Some(folder) = arguments.output else {
        let documents: Vec<String> = all.iter().map(crds::to_yaml).collect();
        return output::print(&documents.join("---\n"));
    };
    for crd in &all {
        let path = folder.join(crds::file_name(crd));
        if let Err(error) = std::fs::write(&path, crds::to_yaml(crd)) {
            return output::fail(&format!("{}: cannot be written: {error}", path.display()));
        }
    }
    ExitCode::SUCCESS
}
