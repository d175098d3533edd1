//! Rollcall keeps people data in step between HR, payroll, benefits, travel, learning and school systems.
//!
//! | folder | what it is |
//! | --- | --- |
//! | [`api`] | custom resources, labels, reasons, conditions: what users see |
//! | [`contract`] | what passes between the operator and a connector pod |
//! | [`schedule`] | cron, zones, jitter, missed runs (pure) |
//! | [`definitions`] | vendor definitions: parse, schema, check (pure) |
//! | [`engine`] | scope, map, match, diff, guard, plan, check of a setting (pure) |
//! | [`connectors`] | talking to the systems |
//! | [`records`] | links, outcomes, holds, journal: store, service, client |
//! | [`runner`] | one run from request to result |
//! | [`operator`] | the controller |
//! | [`cli`] | command lines |
//!
//! Imports go one way; `tests/behaviour/architecture.rs` checks it.

pub mod api;
pub mod cli;
pub mod connectors;
pub mod contract;
pub mod definitions;
pub mod engine;
pub mod operator;
pub mod records;
pub mod redacted;
pub mod runner;
pub mod schedule;
pub mod telemetry;
