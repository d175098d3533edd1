//! `kubectl rollcall`: the plugin. It reads and writes the custom resources, and reads the records service by way of the
//! API server; everything that prints a person says so.
//!
//! | file | what it does |
//! | --- | --- |
//! | `job`, `watching`, `next_steps` | make a run, wait for it, end like `rollcall run` |
//! | `status`, `status_text` | settings on one screen; suspend and resume |
//! | `approval`, `decision` | decide about held actions |
//! | `outcomes`, `run_lookup` | records, errors, explain, links, history |
//! | `records_access`, `records_service`, `port_forward` | the way to the records service |
//! | `cluster`, `problem`, `names` | what they share |

mod approval;
mod cluster;
mod decision;
mod job;
mod names;
mod next_steps;
mod outcomes;
mod port_forward;
mod problem;
mod records_access;
mod records_service;
mod run_lookup;
mod status;
mod status_text;
mod watching;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::cluster::{Cluster, ClusterArguments};
use self::job::RunType;
use self::problem::Problem;
use super::output;
use rollcall_api::v1alpha1::DesiredState;

/// Name of the program file; kubectl finds a plugin by it.
const PROGRAM: &str = "kubectl-rollcall";

/// Look at and steer Rollcall's settings and runs.
///
/// Exit codes of commands that wait for a run: 0 complete, 1 usage or configuration, 2 some records failed, 3 actions held
/// for approval, 4 provider unreachable or credentials rejected.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, bin_name = "kubectl rollcall", version, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    cluster: ClusterArguments,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a setting now.
    Run {
        #[command(flatten)]
        arguments: job::JobArguments,
        /// What the run does. Types other than Sync are waited for.
        #[arg(long = "type", value_enum, ignore_case = true, default_value_t)]
        type_: RunType,
    },
    /// Work out what a run would do, and print it; nothing is written to any system.
    Plan(job::JobArguments),
    /// Print what would be sent for the records given by --key.
    Show(job::JobArguments),
    /// Send the records given by --key now.
    Create(job::JobArguments),
    /// Show one setting on one screen, or all in a table.
    Status(status::StatusCommand),
    /// Print what happened to the records of a run, with their values.
    Records(outcomes::RecordsCommand),
    /// Print or download what failed, conflicts, is held or needs somebody to act, with remedies.
    Errors(outcomes::ErrorsCommand),
    /// Why was this person (not) sent? What the newest runs did about one record.
    Explain(outcomes::ExplainCommand),
    /// Print who is who: the links of a setting, or the records without one.
    Links(outcomes::LinksCommand),
    /// Take back what a run did.
    Undo(job::UndoCommand),
    /// Approve what a setting holds.
    Approve(approval::ApproveCommand),
    /// Deny what a setting holds.
    Deny(approval::DenyCommand),
    /// Pause a setting: sets spec.state to Off; links and history stay.
    Suspend {
        /// SyncSetting to pause.
        setting: String,
    },
    /// Let a paused setting run again: sets spec.state to On.
    Resume {
        /// SyncSetting to resume.
        setting: String,
    },
    /// Print the runs of a setting, newest first.
    History(outcomes::HistoryCommand),
    /// Print a completion script for a shell (it completes `kubectl-rollcall`).
    Completion {
        /// Shell to complete for.
        shell: clap_complete::Shell,
    },
}

/// Parses the command line and carries it out.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Completion { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), PROGRAM, &mut script);
        return output::print(&String::from_utf8_lossy(&script));
    }
    // Fails only when a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(&format!("the program cannot start: {error}")),
    };
    match runtime.block_on(carry_out(&cli)) {
        Ok(code) => code,
        Err(problem) => output::fail(&problem.to_string()),
    }
}

async fn carry_out(cli: &Cli) -> Result<ExitCode, Problem> {
    let cluster = Cluster::connect(&cli.cluster).await?;
    match &cli.command {
        Command::Run { arguments, type_ } => job::run(&cluster, arguments, *type_).await,
        Command::Plan(arguments) => job::run(&cluster, arguments, RunType::Plan).await,
        Command::Show(arguments) => job::run(&cluster, arguments, RunType::Show).await,
        Command::Create(arguments) => job::run(&cluster, arguments, RunType::Create).await,
        Command::Status(command) => status::status(&cluster, command).await,
        Command::Records(command) => outcomes::records(&cluster, command).await,
        Command::Errors(command) => outcomes::errors(&cluster, command).await,
        Command::Explain(command) => outcomes::explain(&cluster, command).await,
        Command::Links(command) => outcomes::links(&cluster, command).await,
        Command::Undo(command) => job::undo(&cluster, command).await,
        Command::Approve(command) => approval::approve(&cluster, command).await,
        Command::Deny(command) => approval::deny(&cluster, command).await,
        Command::Suspend { setting } => status::switch(&cluster, setting, DesiredState::Off).await,
        Command::Resume { setting } => status::switch(&cluster, setting, DesiredState::On).await,
        Command::History(command) => outcomes::history(&cluster, command).await,
        // Printed before anything is connected.
        Command::Completion { .. } => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn words_of_kubectl_stand_before_or_after_the_command() {
        for line in ["x -n hr status people", "x status people -n hr", "x run people --type plan --context c"] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in ["x errors", "x status people -A", "x explain people", "x run people --type Release"] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
