//! Level 4: the chart on a real cluster, with connector pods that really run against the vendor emulators.
//!
//! `tests/cluster/run.sh` prepares the cluster and starts this program, one test at a time. Each test has a namespace,
//! a release and vendors of its own and removes them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on says so by ending; clippy does not see helpers as tests"
)]

mod cases;
