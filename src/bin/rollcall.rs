//! The one program of the product: operator, connector, records service, local runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The one TLS and crypto provider of the process; installing it twice is the only way this can fail.
    let _ = rustls::crypto::ring::default_provider().install_default();
    rollcall::cli::main()
}
