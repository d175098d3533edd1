//! What all emulators share: faults, pauses, counters, the control API and the HTTP server.

pub mod control;
pub mod core;
pub mod faults;
pub mod journal;
pub mod layer;
pub mod pause;
pub mod rewrite;
pub mod rng;
pub mod server;

use axum::http::{HeaderMap, header};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex; a panic in another test thread does not make the data unusable here.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What links in answers begin with: the host that the caller used.
pub fn base_url(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or("localhost"))
}
