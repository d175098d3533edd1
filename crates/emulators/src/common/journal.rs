//! Every request to the emulated system, in the order in which the requests came.

use super::faults::Seen;
use serde::Serialize;
use serde_json::Value;
use std::collections::VecDeque;

/// So many requests are kept; older ones are forgotten.
const REQUESTS_KEPT: usize = 50_000;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Running number from 1 since the emulator was started.
    pub number: u64,
    /// HTTP method.
    pub method: String,
    /// Route template.
    pub route: String,
    /// Path and query as sent.
    pub target: String,
    /// What the path has in place of the template's `{id}`.
    pub id: Option<String>,
    /// JSON body, if it was JSON.
    pub body: Option<Value>,
    /// How the emulated system answered, whatever a fault made of it. None as long as the request
    /// has not been performed, and for ever when a fault or a pause kept it from being performed.
    pub status: Option<u16>,
}

/// The requests that are kept.
#[derive(Debug, Default)]
pub struct Journal {
    entries: VecDeque<Entry>,
    last: u64,
}

impl Journal {
    /// Notes a request that has come and gives its number.
    pub fn note(&mut self, seen: &Seen<'_>) -> u64 {
        self.last += 1;
        if self.entries.len() == REQUESTS_KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            number: self.last,
            method: seen.method.to_owned(),
            route: seen.route.to_owned(),
            target: seen.target.to_owned(),
            id: identifier(seen.route, seen.target),
            body: serde_json::from_str(seen.body).ok(),
            status: None,
        });
        self.last
    }

    /// Notes how a request was answered.
    pub fn answered(&mut self, number: u64, status: u16) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.number == number) {
            entry.status = Some(status);
        }
    }

    /// The requests, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.iter().cloned().collect()
    }

    /// Forgets the requests; the numbers go on.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

fn identifier(route: &str, target: &str) -> Option<String> {
    let path = target.split('?').next().unwrap_or(target);
    let mut parts = route.split('/').zip(path.split('/'));
    parts.find(|(wanted, _)| *wanted == "{id}").map(|(_, given)| given.to_owned())
}
