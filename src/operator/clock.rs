//! The time, as something that is passed in: two kinds of it. The wall clock says when a schedule is due; it can step.
//! The monotonic clock says how long ago something was first seen here; ages are measured with it alone, never by
//! comparing the clocks of two machines.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Longest sleep in one go, so that a step of the machine's clock is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now, by the wall clock.
    fn now(&self) -> Timestamp;

    /// Monotonic time since some fixed moment.
    fn elapsed(&self) -> SignedDuration;

    /// Resolves at `time` or earlier; whoever waits looks at the time again.
    fn sleep_until(&self, time: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// Monotonic time counts from now on.
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> SignedDuration {
        SignedDuration::try_from(self.origin.elapsed()).unwrap_or(SignedDuration::MAX)
    }

    fn sleep_until(&self, time: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let rest = Duration::try_from(time.duration_since(self.now())).unwrap_or(Duration::ZERO);
        Box::pin(tokio::time::sleep(rest.clamp(Duration::from_millis(1), LONGEST_SLEEP)))
    }
}
