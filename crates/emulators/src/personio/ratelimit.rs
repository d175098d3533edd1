//! Token bucket per route, as clients have observed it on Personio v2.

use super::super::common::layer::template;
use super::problem::Problem;
use super::{App, ROUTES};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// Speed and size of a token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Tokens that come back per second.
    pub per_second: f64,
    /// Tokens in a full bucket.
    pub burst: u32,
}

impl Rate {
    /// What clients have observed on the list of persons.
    pub const OBSERVED: Self = Self { per_second: 30.0, burst: 100 };
    /// The documented limit on tokens, 150 a minute and then one a second for a minute, comes
    /// close to this bucket.
    pub const AUTH: Self = Self { per_second: 1.0, burst: 150 };
}

/// The buckets, by route.
#[derive(Debug, Default)]
pub struct Buckets(HashMap<&'static str, (f64, Instant)>);

impl Buckets {
    /// Takes a token; gives whether there was one and how many full ones are left.
    pub fn take(&mut self, route: &'static str, rate: Rate, now: Instant) -> (bool, f64) {
        let full = f64::from(rate.burst);
        let (tokens, last) = self.0.entry(route).or_insert((full, now));
        let passed = now.saturating_duration_since(*last).as_secs_f64();
        *tokens = (*tokens + passed * rate.per_second).min(full);
        *last = now;
        let granted = *tokens >= 1.0;
        if granted {
            *tokens -= 1.0;
        }
        (granted, tokens.floor())
    }
}

/// Middleware: answers 429 when the bucket is empty, without `Retry-After` as the vendor does.
pub async fn limit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = template(&ROUTES, request.uri().path());
    let taken = {
        let mut state = app.state();
        let auth = route.starts_with("/v2/auth/");
        let rate = if auth { state.options.auth_rate } else { state.options.rate };
        rate.map(|rate| (rate, state.buckets.take(route, rate, Instant::now())))
    };
    let Some((rate, (granted, left))) = taken else {
        return next.run(request).await;
    };
    let mut response = if granted {
        next.run(request).await
    } else {
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "Too many requests", "").into_response()
    };
    let numbers = [
        ("x-ratelimit-replenish-rate", rate.per_second),
        ("x-ratelimit-burst-capacity", f64::from(rate.burst)),
        ("x-ratelimit-requested-tokens", 1.0),
        ("x-ratelimit-remaining", left),
    ];
    for (name, number) in numbers {
        set(response.headers_mut(), name, number);
    }
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, number: f64) {
    if let Ok(value) = HeaderValue::from_str(&number.to_string()) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
