//! Level 4: the chart on a real cluster, with connector pods that really run against the vendor emulators.
//!
//! `tests/cluster/run.sh` prepares the cluster and starts this program, one test at a time. Each test has a namespace,
//! a release and vendors of its own and removes them.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests: names are sentences, and a failed expectation is the result"
)]

mod cases;
