//! The controllers end to end, over an API server in the process.

mod crash;
mod runs;
mod watches;
