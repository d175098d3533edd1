//! Amounts that look random but are always the same for the same input, so that pure functions can use them.

use jiff::SignedDuration;
use ring::digest::{SHA256, digest};

/// A number in `0.0..1.0` made from the input.
pub fn fraction(input: &str) -> f64 {
    let hash = digest(&SHA256, input.as_bytes());
    let mut head = [0_u8; 4];
    for (to, from) in head.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    f64::from(u32::from_be_bytes(head)) / (f64::from(u32::MAX) + 1.0)
}

/// The start jitter of the object with this uid: whole seconds, at least 0 and below `max_seconds`.
pub fn start_jitter(uid: &str, max_seconds: i32) -> SignedDuration {
    let max = f64::from(max_seconds.max(0));
    SignedDuration::try_from_secs_f64((fraction(uid) * max).floor()).unwrap_or(SignedDuration::ZERO)
}
