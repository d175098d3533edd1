//! Level 3: whole runs from Personio to TravelPerk, against emulators that behave (and misbehave) as the vendors do.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests: names are sentences, and a failed expectation is the result"
)]

mod approvals;
mod crashes;
mod first_run;
mod leavers;
mod local_records;
mod local_runs;
mod privacy;
mod read_faults;
mod rules;
mod support;
mod write_faults;
