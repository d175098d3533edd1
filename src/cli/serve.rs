//! The long-running programs: operator, connector pod, records service. Arguments become settings here; the work is in
//! the parts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::output;
use crate::runner::pod::{self, PodFiles};
use crate::telemetry;

/// Runs a future on a runtime of its own.
pub(super) fn block_on<F: Future<Output = ExitCode>>(future: F) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => output::fail(&format!("the program cannot start its threads: {error}")),
    }
}

/// Cancels the token at SIGTERM or SIGINT.
pub(super) fn cancel_on_signal(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    tokio::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancel.cancel();
    });
}

/// `rollcall connector`: the program in a connector pod.
pub(super) fn connector() -> ExitCode {
    telemetry::start(tracing::Level::INFO);
    block_on(async {
        let cancel = CancellationToken::new();
        cancel_on_signal(cancel.clone());
        let exit = pod::main(&PodFiles::mounted(), cancel).await;
        ExitCode::from(u8::try_from(exit.as_i32()).unwrap_or(u8::MAX))
    })
}
