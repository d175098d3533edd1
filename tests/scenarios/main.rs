//! Level 3: whole runs from Personio to TravelPerk, against emulators that behave (and misbehave) as the vendors do.

#[path = "../emulators/mod.rs"]
mod emulators;

mod approvals;
mod crashes;
mod first_run;
mod leavers;
mod local_runs;
mod privacy;
mod read_faults;
mod support;
mod write_faults;
