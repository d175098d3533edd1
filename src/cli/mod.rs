//! Command lines: what `rollcall` and `kubectl rollcall` understand. Only parsing and printing; the work is elsewhere.

pub mod definitions;
pub mod export;
pub mod kubectl;
mod local;
pub mod manifests;
pub mod output;
mod progress_bar;
mod reading;
mod rollcall;
pub mod serve;
mod shown;
mod words;

pub use rollcall::{Cli, main};
