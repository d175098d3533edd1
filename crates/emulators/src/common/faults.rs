//! Faults that a test or the demo asks for, and the counting that decides when one fires.
//!
//! Counting is per fault and deterministic: a fault counts the requests that match it since it
//! was set. When several faults want to fire at one request, the one that was set first wins.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What goes wrong. In JSON: `"reset"`, `{"status":{"code":503,"retry_after":2}}` and so on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Answer with this status and do not perform the request.
    Status {
        /// HTTP status code.
        code: u16,
        /// `Retry-After` header; without it none is sent.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
        /// JSON body; without it the vendor's usual error body.
        #[serde(default)]
        body: Option<Value>,
    },
    /// Close the connection without an answer and without performing the request.
    Reset,
    /// Perform the request after a pause.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// Perform the request, send half of the body, close the connection.
    TruncateBody,
    /// Perform the request, answer 200 with no body.
    EmptyBody,
    /// A list answers 200 with no rows, no next page and a total of 0.
    EmptyList,
    /// The rows of one page are missing; links and totals are as if they were there.
    DropPage,
    /// The page before is sent again in place of this one.
    RepeatPage,
    /// The total of a list is off by this much.
    WrongTotal {
        /// Added to the true total.
        by: i64,
    },
    /// The link to the next page points to the page itself (not on a first page, which has no
    /// cursor of its own).
    StuckCursor,
    /// All tokens end now, before this request is handled.
    ExpireToken,
    /// Perform the request, then do not answer.
    CommitThenTimeout {
        /// Milliseconds until the connection is closed.
        #[serde(default = "two_minutes")]
        ms: u64,
    },
    /// Perform the request, then close the connection without an answer.
    CommitThenReset,
    /// Perform the request, then answer with this error.
    CommitThenStatus {
        /// HTTP status code.
        #[serde(default = "internal_error")]
        code: u16,
    },
    /// Somebody else performs the same request just before, so that a create meets a 409.
    CreateRace {
        /// The `externalId` that the other one uses: none unless given.
        #[serde(default)]
        external_id: Option<String>,
    },
}

fn two_minutes() -> u64 {
    120_000
}

fn internal_error() -> u16 {
    500
}

/// Value of a `Retry-After` header. In JSON: a number, a text or `{"http_date_in": seconds}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// Delta seconds.
    Seconds(u64),
    /// An HTTP-date so many seconds ahead.
    Date {
        /// Seconds from now.
        http_date_in: i64,
    },
    /// The text as it is, for a malformed header.
    Text(String),
}

impl RetryAfter {
    /// The header's text.
    pub fn text(&self) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Text(text) => text.clone(),
            Self::Date { http_date_in } => {
                let now = jiff::Timestamp::now();
                let at = now.checked_add(jiff::SignedDuration::from_secs(*http_date_in)).unwrap_or(now);
                at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
            }
        }
    }
}

/// A fault and when it fires. Without `nth` and `every` it fires at every matching request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// HTTP method; any when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Route template such as `/v2/persons/{id}`; a trailing `*` matches any rest.
    #[serde(default)]
    pub route: Option<String>,
    /// Text that path and query must contain.
    #[serde(default)]
    pub contains: Option<String>,
    /// Text that the request body must contain.
    #[serde(default)]
    pub body_contains: Option<String>,
    /// Fires at this matching request only, counted from 1.
    #[serde(default)]
    pub nth: Option<u64>,
    /// Fires at every so many-th matching request.
    #[serde(default)]
    pub every: Option<u64>,
    /// Fires at most so many times.
    #[serde(default)]
    pub times: Option<u64>,
    /// What goes wrong.
    pub kind: FaultKind,
}

impl Fault {
    /// A fault at every request; narrow it with the other methods.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            method: None,
            route: None,
            contains: None,
            body_contains: None,
            nth: None,
            every: None,
            times: None,
            kind,
        }
    }

    /// Answers with a status and no `Retry-After`.
    pub fn status(code: u16) -> Self {
        Self::new(FaultKind::Status { code, retry_after: None, body: None })
    }

    /// Answers with a status and a `Retry-After`.
    pub fn status_retry(code: u16, retry_after: RetryAfter) -> Self {
        Self::new(FaultKind::Status { code, retry_after: Some(retry_after), body: None })
    }

    /// Only for this method and route template.
    #[must_use]
    pub fn on(mut self, method: &str, route: &str) -> Self {
        self.method = Some(method.to_owned());
        self.route = Some(route.to_owned());
        self
    }

    /// Only when path and query contain this text.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.contains = Some(text.to_owned());
        self
    }

    /// Only when the request body contains this text.
    #[must_use]
    pub fn with_body(mut self, text: &str) -> Self {
        self.body_contains = Some(text.to_owned());
        self
    }

    /// Only at the nth matching request, counted from 1.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// At every so many-th matching request.
    #[must_use]
    pub fn every(mut self, every: u64) -> Self {
        self.every = Some(every);
        self
    }

    /// At most so many times.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    fn matches(&self, seen: &Seen<'_>) -> bool {
        fits(self.method.as_deref(), self.route.as_deref(), seen)
            && self.contains.as_deref().is_none_or(|text| seen.target.contains(text))
            && self.body_contains.as_deref().is_none_or(|text| seen.body.contains(text))
    }

    fn wants(&self, count: u64, fired: u64) -> bool {
        let due = match (self.nth, self.every) {
            (Some(nth), _) => count == nth,
            (None, Some(every)) => every > 0 && count.is_multiple_of(every),
            (None, None) => true,
        };
        due && self.times.is_none_or(|times| fired < times)
    }
}

/// A request as the faults see it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// HTTP method in capitals.
    pub method: &'a str,
    /// Route template, or `unmatched`.
    pub route: &'a str,
    /// Path and query as sent.
    pub target: &'a str,
    /// Body, as far as it is text.
    pub body: &'a str,
}

/// Whether a request is of this method and route template; a trailing `*` matches any rest.
pub fn fits(method: Option<&str>, route: Option<&str>, seen: &Seen<'_>) -> bool {
    let route = route.is_none_or(|wanted| match wanted.strip_suffix('*') {
        Some(prefix) => seen.route.starts_with(prefix),
        None => seen.route == wanted,
    });
    route && method.is_none_or(|wanted| wanted.eq_ignore_ascii_case(seen.method))
}

/// A fault with its counters.
#[derive(Clone, Debug, Serialize)]
pub struct Armed {
    /// The fault as it was set.
    pub fault: Fault,
    /// Matching requests since then.
    pub seen: u64,
    /// How often it fired.
    pub fired: u64,
}

/// All faults of one emulator.
#[derive(Clone, Debug, Default)]
pub struct Faults(Vec<Armed>);

impl Faults {
    /// Adds a fault; its counting starts now.
    pub fn add(&mut self, fault: Fault) {
        self.0.push(Armed { fault, seen: 0, fired: 0 });
    }

    /// Removes all faults.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The faults with their counters.
    pub fn list(&self) -> &[Armed] {
        &self.0
    }

    /// Whether rows of earlier pages have to be kept.
    pub fn repeats_pages(&self) -> bool {
        self.0.iter().any(|armed| armed.fault.kind == FaultKind::RepeatPage)
    }

    /// Counts a request and gives the fault that fires at it.
    pub fn fire(&mut self, seen: &Seen<'_>) -> Option<FaultKind> {
        let mut firing = None;
        for armed in self.0.iter_mut().filter(|armed| armed.fault.matches(seen)) {
            armed.seen += 1;
            if firing.is_none() && armed.fault.wants(armed.seen, armed.fired) {
                armed.fired += 1;
                firing = Some(armed.fault.kind.clone());
            }
        }
        firing
    }
}
