//! `kubectl-rollcall`: kubectl finds it by its name and runs it as `kubectl rollcall`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rollcall::cli::kubectl::main()
}
