//! The one path of all requests: authentication, budget, egress, limits, classification, retries.

mod auth;
mod backoff;
mod call;
mod classify;
mod client;
mod exchange;
#[cfg(test)]
mod tests;

pub(crate) use call::{Answer, Body, Call, Expect};
pub(crate) use client::Client;
