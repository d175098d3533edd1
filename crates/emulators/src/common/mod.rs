//! What all emulators share: faults, counters, the control API and the HTTP server.

pub mod control;
pub mod core;
pub mod faults;
pub mod layer;
pub mod rewrite;
pub mod rng;
pub mod server;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex; a panic in another test thread does not make the data unusable here.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
