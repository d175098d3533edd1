//! Emulators of the vendors that Rollcall talks to, for tests and for the demo.
//!
//! Everything is in memory and speaks plain HTTP. A test starts an emulator in-process on a free
//! loopback port; the program `rollcall-emulator` starts the same code on an address of choice.
//! Nothing of Rollcall is imported here: an emulator that shared its code would share its mistakes.
//!
//! * [`people`]: seeded synthetic people, the data behind an HR system
//! * [`personio`]: Personio v2, read only, as the source
//! * [`travelperk`]: TravelPerk, SCIM and REST, as the target
//! * [`generic`]: an invented system for both directions, started as `ledger` and as `campus`
//! * [`common`]: fault injection, pauses, the journal of requests, the control API, the HTTP server
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::pedantic,
    clippy::should_implement_trait,
    reason = "a test tool: its modules say what they emulate"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "an emulator that cannot go on ends the test")]

pub mod common;
pub mod generic;
pub mod people;
pub mod personio;
pub mod travelperk;

pub use common::faults::{Fault, FaultKind, RetryAfter};
pub use common::pause::{Moment, Pause, Point};
pub use common::server::Server;
pub use generic::{GenericEmulator, GenericOptions};
pub use people::{People, PeopleOptions};
pub use personio::{PersonioEmulator, PersonioOptions};
pub use travelperk::{TravelPerkEmulator, TravelPerkOptions};
