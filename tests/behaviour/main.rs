//! Level 1 and 2: pure behaviour, and the controllers against an in-process API server.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests: names are sentences, and a failed expectation is the result"
)]

mod admission;
mod architecture;
mod crds;
mod docs;
mod operator;
mod support;
