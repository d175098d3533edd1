//! One run from request to result: reads both systems, lets the engine plan, applies the plan, keeps the records.
//!
//! The same code runs in a connector pod and in `rollcall run`; only where the request comes from and where the
//! result goes differs ([`pod`], [`crate::cli`]).

mod apply;
mod attempt;
pub mod connect;
mod course;
mod create;
mod failure;
mod finish;
mod input;
mod journal;
mod ledger;
mod links;
mod lock;
pub mod pod;
mod progress;
mod read;
mod recover;
mod settle;

use tokio_util::sync::CancellationToken;

pub use failure::RunFailure;
pub use finish::{Finished, failed};
pub use input::{RunInput, Systems};
pub use progress::{NoProgress, RunProgress, Stage};

/// Carries out one attempt of a run and reports how it ended. It never panics on input and never returns early
/// without giving the setting's lock back, unless the process is killed; then the lock expires.
pub async fn run(input: &RunInput, cancel: &CancellationToken, progress: &dyn RunProgress) -> Finished {
    let begun = match lock::begin(input, cancel).await {
        Ok(begun) => begun,
        Err(failure) => return failed(failure),
    };
    let outcome = tokio::select! {
        biased;
        () = begun.lost() => Err(RunFailure::lock_lost()),
        outcome = attempt::attempt(input, cancel, progress) => outcome,
    };
    let finished = match outcome {
        Ok(finished) => finished,
        Err(failure) => failed(failure),
    };
    begun.end(input, finished).await
}
