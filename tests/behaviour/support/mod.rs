//! What scenarios share: an API server in the process, a clock that only moves when told, a kubelet that does what
//! the test says.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail by panicking")]

pub mod clock;
pub mod fake_api;
pub mod harness;
pub mod objects;
