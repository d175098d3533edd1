//! How long to wait before a request is tried again.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::Timestamp;
use rand::Rng;

use rollcall_api::v1alpha1::RetryPolicy;

/// A wait drawn evenly between nothing and a bound that doubles with every attempt (full jitter), so that callers that
/// failed together do not come back together.
pub(crate) fn wait(policy: &RetryPolicy, attempt: u32, random: &mut impl Rng) -> Duration {
    let bound = bound(policy, attempt).as_secs_f64();
    Duration::from_secs_f64(random.random_range(0.0..=bound))
}

/// The longest wait after the attempt with this number, from 0.
fn bound(policy: &RetryPolicy, attempt: u32) -> Duration {
    let first = u64::try_from(policy.backoff_seconds).unwrap_or(0);
    let grown = first.saturating_mul(1_u64.checked_shl(attempt).unwrap_or(u64::MAX));
    Duration::from_secs(grown).min(longest(policy))
}

/// The longest wait that the policy allows.
pub(crate) fn longest(policy: &RetryPolicy) -> Duration {
    Duration::from_secs(u64::try_from(policy.max_backoff_seconds).unwrap_or(1).max(1))
}

/// Longer waits than this are no waits that a server can mean.
const LONGEST_ASKED: Duration = Duration::from_secs(24 * 3600);

/// The wait that the server asks for: seconds or an HTTP date (RFC 9110 section 10.2.3), a day at most. A date in the
/// past is no wait.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = if !text.is_empty() && text.bytes().all(|letter| letter.is_ascii_digit()) {
        text.parse().unwrap_or(u64::MAX)
    } else {
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        u64::try_from(date.duration_since(now).as_secs()).unwrap_or(0)
    };
    Some(Duration::from_secs(seconds).min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_longest_wait() {
        let policy = RetryPolicy { limit: 4, backoff_seconds: 2, max_backoff_seconds: 10 };
        let bounds: Vec<u64> = [0, 1, 2, 3, 70].map(|attempt| bound(&policy, attempt).as_secs()).into();
        assert_eq!(bounds, [2, 4, 8, 10, 10]);
        let mut random = StdRng::seed_from_u64(1);
        assert!((0..100).all(|_| wait(&policy, 1, &mut random) <= Duration::from_secs(4)));
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("Fri, 02 Jan 2026 03:04:35 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Fri, 02 Jan 2026 03:00:00 GMT"), Some(Duration::ZERO));
        for long in ["9223372036854775807", "99999999999999999999999", "02 Jan 9926 03:04:35 GMT"] {
            assert_eq!(read(long), Some(Duration::from_secs(86_400)), "{long}");
        }
        for nothing in ["soon", "-1", "1.5", ""] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
