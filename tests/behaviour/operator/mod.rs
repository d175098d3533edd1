//! The controllers end to end, over an API server in the process.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail by panicking")]

mod crash;
mod isolation;
mod order;
mod places;
mod runs;
mod stale;
mod watches;
