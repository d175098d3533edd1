//! Command lines: what `rollcall` and `kubectl rollcall` understand. Only parsing and printing; the work is elsewhere.

pub mod definitions;
pub mod export;
pub mod kubectl;
pub mod manifests;
pub mod output;
mod progress_bar;
mod rollcall;
mod run;
pub mod serve;

pub use rollcall::{Cli, main};
