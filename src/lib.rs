//! Rollcall keeps people data in step between HR, payroll, benefits, travel, learning and school systems.
//!
//! The program. What users see is in the crate `rollcall_api`, everything that only computes in `rollcall_engine`.
//!
//! | folder | what it is |
//! | --- | --- |
//! | [`connectors`] | talking to the systems |
//! | [`records`] | links, outcomes, holds, journal: store, service, client |
//! | [`runner`] | one run from request to result |
//! | [`operator`] | the controller |
//! | [`cli`] | command lines |
//!
//! Imports go one way; `tests/behaviour/architecture.rs` checks it.

pub mod cli;
pub mod connectors;
pub mod operator;
pub mod records;
pub mod runner;
pub mod telemetry;
