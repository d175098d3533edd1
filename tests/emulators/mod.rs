//! Emulators of the vendors that Rollcall talks to, for tests and for the demo.
//!
//! Everything is in memory and speaks plain HTTP. A test binary includes this module through
//! `#[path]` and starts an emulator in-process on a free loopback port; the program
//! `rollcall-emulator` starts the same code on an address of choice.
//!
//! * [`people`]: seeded synthetic people, the data behind an HR system
//! * [`personio`]: Personio v2, read only, as the source
//! * [`travelperk`]: TravelPerk, SCIM and REST, as the target
//! * [`common`]: fault injection, request counters, the control API, the HTTP server
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "one module for several binaries, each of which uses a part of it"
)]
#![allow(clippy::doc_markdown, reason = "TravelPerk is a name, not code")]

pub mod common;
pub mod people;
pub mod personio;
pub mod travelperk;

pub use common::faults::{Fault, FaultKind, RetryAfter};
pub use common::server::Server;
pub use people::{People, PeopleOptions};
pub use personio::{PersonioEmulator, PersonioOptions};
pub use travelperk::{TravelPerkEmulator, TravelPerkOptions};
