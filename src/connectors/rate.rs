//! Request budgets: one token bucket for each class of requests, corrected by what the server says.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use rollcall_api::v1alpha1::RateLimit;
use rollcall_engine::definitions::{RateHeaders, RateLimits};

/// After a 429 the pace is halved, but never below this part of the configured rate; nor is a slower rate believed that
/// the server tells.
const SLOWEST: f64 = 1.0 / 16.0;
/// The longest pause; a server that wants more is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// By how much the pace grows with every answer after that.
const RECOVERY: f64 = 1.02;

/// The budgets of one provider.
#[derive(Debug)]
pub(crate) struct Budgets {
    classes: BTreeMap<String, Budget>,
    headers: RateHeaders,
    share: f64,
}

/// One budget. Whoever waits for it waits in a queue, so that the order of requests is kept; a request that is given up
/// while it waits uses nothing.
#[derive(Debug)]
struct Budget {
    queue: AsyncMutex<()>,
    bucket: Mutex<Bucket>,
}

impl Budgets {
    /// Makes the budgets: the definition's divided by `share_of`, and in their place `overrides` as they are.
    pub(crate) fn new(limits: &RateLimits, overrides: &[RateLimit], share_of: i32) -> Self {
        let share = f64::from(share_of.max(1));
        let now = Instant::now();
        let budget = |limit: &RateLimit| {
            let given = overrides.iter().find(|given| given.class == limit.class);
            let bucket = given.map_or_else(|| Bucket::new(limit, share, now), |given| Bucket::new(given, 1.0, now));
            (limit.class.clone(), Budget { queue: AsyncMutex::new(()), bucket: Mutex::new(bucket) })
        };
        Self { classes: limits.classes.iter().map(budget).collect(), headers: limits.headers.clone(), share }
    }

    /// Waits until a request of the class may be sent.
    pub(crate) async fn acquire(&self, class: &str) {
        let Some(budget) = self.classes.get(class) else { return };
        let _turn = budget.queue.lock().await;
        loop {
            let wait = budget.with(|bucket| bucket.take(Instant::now()));
            match wait {
                None => return,
                Some(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Learns from the headers of an answer.
    pub(crate) fn observe(&self, class: &str, headers: &HeaderMap) {
        let Some(budget) = self.classes.get(class) else { return };
        let read = |name: &Option<String>| -> Option<f64> {
            let value: f64 = headers.get(name.as_ref()?)?.to_str().ok()?.trim().parse().ok()?;
            (value.is_finite() && value >= 0.0).then_some(value)
        };
        let remaining = read(&self.headers.remaining);
        let rate = read(&self.headers.replenish_rate).map(|rate| rate / self.share);
        let burst = read(&self.headers.burst_capacity).map(|burst| burst / self.share);
        budget.with(|bucket| bucket.correct(Instant::now(), remaining, rate, burst));
    }

    /// Learns that a request was answered with something else than 429.
    pub(crate) fn accepted(&self, class: &str) {
        if let Some(budget) = self.classes.get(class) {
            budget.with(Bucket::recover);
        }
    }

    /// Learns that the server wants a pause.
    pub(crate) fn refused(&self, class: &str, pause: Duration) {
        if let Some(budget) = self.classes.get(class) {
            budget.with(|bucket| bucket.pause(Instant::now(), pause));
        }
    }
}

impl Budget {
    fn with<T>(&self, act: impl FnOnce(&mut Bucket) -> T) -> T {
        act(&mut self.bucket.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A token bucket; its clock is an argument.
#[derive(Debug)]
struct Bucket {
    /// Tokens a second.
    rate: f64,
    /// The least that `rate` becomes.
    slowest: f64,
    /// Most tokens.
    burst: f64,
    tokens: f64,
    updated: Instant,
    blocked_until: Instant,
    /// Part of `rate` that is used, from [`SLOWEST`] to 1.
    pace: f64,
}

impl Bucket {
    fn new(limit: &RateLimit, share: f64, now: Instant) -> Self {
        let rate = f64::from(limit.requests.max(1)) / f64::from(limit.period_seconds.max(1)) / share;
        // Less than one token at most would never let a request through.
        let burst = (f64::from(limit.burst.unwrap_or(limit.requests)) / share).max(1.0);
        Self { rate, slowest: rate * SLOWEST, burst, tokens: burst, updated: now, blocked_until: now, pace: 1.0 }
    }

    /// Takes a token; Some: there is none, try again after this wait.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        self.refill(now);
        if now < self.blocked_until {
            return Some(self.blocked_until - now);
        }
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return None;
        }
        // A millisecond more than computed, so that rounding does not make the caller turn in a circle.
        Some(Duration::from_secs_f64((1.0 - self.tokens) / (self.rate * self.pace)) + Duration::from_millis(1))
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.updated).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate * self.pace).min(self.burst);
        self.updated = self.updated.max(now);
    }

    /// The server's bucket is followed downwards only: a limit that was set by a person is never exceeded.
    fn correct(&mut self, now: Instant, remaining: Option<f64>, rate: Option<f64>, burst: Option<f64>) {
        self.refill(now);
        if let Some(rate) = rate.filter(|rate| *rate > 0.0) {
            self.rate = self.rate.min(rate.max(self.slowest));
        }
        if let Some(burst) = burst.filter(|burst| *burst >= 1.0) {
            self.burst = self.burst.min(burst);
        }
        self.tokens = self.tokens.min(remaining.unwrap_or(f64::INFINITY)).min(self.burst);
    }

    fn pause(&mut self, now: Instant, pause: Duration) {
        self.refill(now);
        self.tokens = 0.0;
        self.pace = (self.pace / 2.0).max(SLOWEST);
        self.blocked_until = self.blocked_until.max(now + pause.min(LONGEST_PAUSE));
    }

    fn recover(&mut self) {
        self.pace = (self.pace * RECOVERY).min(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(requests: i32, period_seconds: i32, burst: Option<i32>) -> RateLimit {
        RateLimit { class: "default".into(), requests, period_seconds, burst }
    }

    fn taken(bucket: &mut Bucket, now: Instant) -> usize {
        (0..1000).take_while(|_| bucket.take(now).is_none()).count()
    }

    #[tokio::test]
    async fn a_burst_is_let_through_and_then_the_rate_counts() {
        let start = Instant::now();
        let mut bucket = Bucket::new(&limit(10, 1, Some(20)), 1.0, start);
        assert_eq!(taken(&mut bucket, start), 20);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(500)), 5);
        let wait = bucket.take(start + Duration::from_millis(500)).unwrap();
        assert!(wait >= Duration::from_millis(99) && wait <= Duration::from_millis(102), "{wait:?}");
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(60)), 20);
    }

    #[tokio::test]
    async fn a_share_divides_rate_and_burst_but_leaves_one() {
        let start = Instant::now();
        let mut bucket = Bucket::new(&limit(30, 1, Some(100)), 4.0, start);
        assert_eq!(taken(&mut bucket, start), 25);
        let mut bucket = Bucket::new(&limit(1, 60, None), 4.0, start);
        assert_eq!(taken(&mut bucket, start), 1);
    }

    #[tokio::test]
    async fn a_refusal_empties_the_bucket_pauses_and_slows_down() {
        let start = Instant::now();
        let mut bucket = Bucket::new(&limit(10, 1, Some(20)), 1.0, start);
        bucket.pause(start, Duration::from_secs(3));
        assert_eq!(bucket.take(start), Some(Duration::from_secs(3)));
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(3)), 15);
        (0..100).for_each(|_| bucket.recover());
        assert!((bucket.pace - 1.0).abs() < f64::EPSILON);
    }

    #[tokio::test]
    async fn the_server_s_own_bucket_corrects_downwards_only() {
        let start = Instant::now();
        let mut bucket = Bucket::new(&limit(10, 1, Some(20)), 1.0, start);
        bucket.correct(start, Some(2.0), Some(5.0), Some(50.0));
        assert_eq!(taken(&mut bucket, start), 2);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(1)), 5);
        bucket.correct(start + Duration::from_secs(1), Some(90.0), Some(0.0), Some(0.0));
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(1)), 0);
    }

    #[tokio::test]
    async fn numbers_that_no_server_can_mean_neither_stop_nor_break_anything() {
        let start = Instant::now();
        let mut bucket = Bucket::new(&limit(10, 1, Some(20)), 1.0, start);
        for (remaining, rate, burst) in [(0.0, 1e-300, 1e-300), (1e300, f64::MIN_POSITIVE, 1e300), (0.0, 1e300, 1.0)] {
            bucket.correct(start, Some(remaining), Some(rate), Some(burst));
            assert!(bucket.take(start).unwrap() <= Duration::from_secs(2));
        }
        bucket.pause(start, Duration::MAX);
        assert!(bucket.take(start).unwrap() <= LONGEST_PAUSE);
    }

    #[tokio::test]
    async fn headers_are_read_by_the_names_of_the_definition() {
        let headers = RateHeaders { remaining: Some("x-left".into()), ..RateHeaders::default() };
        let limits = RateLimits { classes: vec![limit(10, 1, Some(20))], headers };
        let budgets = Budgets::new(&limits, &[], 1);
        let mut answer = HeaderMap::new();
        answer.insert("x-left", "1".parse().unwrap());
        budgets.observe("default", &answer);
        let bucket = &budgets.classes["default"];
        assert!(bucket.with(|bucket| bucket.tokens) <= 1.1);
        budgets.acquire("default").await;
        let overridden = Budgets::new(&limits, &[limit(1, 1, Some(7))], 4);
        assert!((overridden.classes["default"].with(|bucket| bucket.burst) - 7.0).abs() < f64::EPSILON);
    }
}
