//! The cases, one file per subject.

mod admission;
mod approvals;
mod providers;
mod recovery;
mod releases;
mod rights;
mod runs;
mod support;
mod writes;
