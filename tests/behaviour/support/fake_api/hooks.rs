//! What makes the fake API server unkind.

use jiff::SignedDuration;
use rollcall::operator::clock::Clock;
use serde_json::Value;

use super::super::clock::TestClock;
use super::state::failure;
use super::{FakeApi, State};

/// How a request is answered instead of being served.
#[derive(Clone, Debug)]
pub enum Answers {
    /// With this code and message.
    Code(u16, String),
    /// Never.
    Hang,
}

/// The next requests of one kind get another answer.
pub(super) struct Rule {
    verb: String,
    resource: String,
    left: usize,
    answer: Answers,
}

impl FakeApi {
    /// The next `times` requests of this kind are not served.
    pub fn answer(&self, verb: &str, resource: &str, times: usize, answer: Answers) {
        let rule = Rule { verb: verb.into(), resource: resource.into(), left: times, answer };
        self.state.lock().unwrap().rules.push(rule);
    }

    pub fn serve_again(&self) {
        self.state.lock().unwrap().rules.clear();
    }

    /// The server's clock is so many seconds ahead of the operator's.
    pub fn set_skew(&self, seconds: i64) {
        self.state.lock().unwrap().skew = seconds;
    }

    /// Watches of the resource lag: they tell nothing until [`Self::release_watch`].
    pub fn hold_watch(&self, resource: &str) {
        self.state.lock().unwrap().held_watches.insert(resource.into());
    }

    /// The same, from the n-th write on.
    pub fn hold_watch_from(&self, write: usize, resource: &str) {
        self.state.lock().unwrap().hold_from = Some((write, resource.into()));
    }

    pub fn release_watch(&self, resource: &str) {
        let mut state = self.state.lock().unwrap();
        state.hold_from = None;
        state.held_watches.remove(resource);
        drop(state);
        self.touch();
    }

    /// All watches of the resource end with 410 Gone: it has to be listed again.
    pub fn expire_watches(&self, resource: &str) {
        let mut state = self.state.lock().unwrap();
        let version = state.version + 1;
        state.version = version;
        state.expired.insert(resource.into(), version);
        drop(state);
        self.touch();
    }

    /// What belongs to a deleted object stays until [`Self::collect_garbage`].
    pub fn keep_garbage(&self) {
        self.state.lock().unwrap().lazy_garbage = true;
    }

    pub fn collect_garbage(&self) {
        let mut state = self.state.lock().unwrap();
        for id in std::mem::take(&mut state.garbage) {
            state.remove(&id);
        }
        drop(state);
        self.touch();
    }

    fn touch(&self) {
        self.changed.notify_waiters();
    }
}

impl State {
    /// The answer to give instead of serving: Some(None) is none at all.
    pub(super) fn ruled(&mut self, verb: &str, resource: &str) -> Option<Option<(u16, Value)>> {
        let fits = |rule: &&mut Rule| rule.left > 0 && rule.verb == verb && rule.resource == resource;
        let rule = self.rules.iter_mut().find(fits)?;
        rule.left -= 1;
        Some(match &rule.answer {
            Answers::Code(code, message) => Some((*code, failure(*code, reason_of(*code), message))),
            Answers::Hang => None,
        })
    }

    /// The server's time, to the second.
    pub(super) fn now(&self, clock: &TestClock) -> String {
        let now = clock.now().checked_add(SignedDuration::from_secs(self.skew)).unwrap();
        now.to_string()
    }
}

const fn reason_of(code: u16) -> &'static str {
    match code {
        403 => "Forbidden",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        _ => "InternalError",
    }
}
