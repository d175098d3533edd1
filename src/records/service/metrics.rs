//! What the service tells Prometheus: numbers by method and code, never a name.

use std::time::Duration;

use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::{Encoder, Gauge, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

/// Buckets in seconds: a renewal takes a millisecond, a commit of thousands a second.
const BUCKETS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The metrics of one service.
pub(super) struct Metrics {
    registry: Registry,
    requests: Option<IntCounterVec>,
    durations: Option<HistogramVec>,
    size: Option<IntGauge>,
    last_prune: Option<Gauge>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new("rollcall_records_requests_total", "Requests by method and HTTP status code."),
            &["method", "code"],
        );
        let durations = HistogramVec::new(
            HistogramOpts::new("rollcall_records_request_duration_seconds", "Duration of requests by method.")
                .buckets(BUCKETS.to_vec()),
            &["method"],
        );
        let size = IntGauge::new("rollcall_records_store_bytes", "Size of the database.");
        let last_prune = Gauge::new(
            "rollcall_records_last_prune_timestamp_seconds",
            "When old records were last deleted; 0: not since the start.",
        );
        #[cfg(target_os = "linux")]
        if let Err(error) = registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self())) {
            tracing::error!(%error, "metrics of the process are missing");
        }
        Self {
            requests: registered(&registry, requests),
            durations: registered(&registry, durations),
            size: registered(&registry, size),
            last_prune: registered(&registry, last_prune),
            registry,
        }
    }

    /// Counts one answered request.
    pub(super) fn answered(&self, method: &str, code: u16, duration: Duration) {
        if let Some(requests) = &self.requests {
            requests.with_label_values(&[method, &code.to_string()]).inc();
        }
        if let Some(durations) = &self.durations {
            durations.with_label_values(&[method]).observe(duration.as_secs_f64());
        }
    }

    /// Notes that old records were deleted.
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
    pub(super) fn pruned(&self, now: Timestamp) {
        if let Some(last_prune) = &self.last_prune {
            last_prune.set(now.as_second() as f64);
        }
    }

    /// Everything in Prometheus' text format; `store_bytes` as measured now.
    pub(super) fn text(&self, store_bytes: Option<i64>) -> Vec<u8> {
        if let (Some(size), Some(bytes)) = (&self.size, store_bytes) {
            size.set(bytes);
        }
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics cannot be written");
        }
        text
    }
}

/// A metric that the library refuses is left out: no reason to refuse service.
fn registered<C: Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<C>) -> Option<C> {
    let registered = metric.and_then(|metric| registry.register(Box::new(metric.clone())).map(|()| metric));
    registered.inspect_err(|error| tracing::error!(%error, "a metric is missing")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_metrics_are_there_after_one_request() {
        let metrics = Metrics::new();
        metrics.answered("links", 200, Duration::from_millis(3));
        metrics.pruned(Timestamp::from_second(1_790_000_000).unwrap());
        let text = String::from_utf8(metrics.text(Some(4_096))).unwrap();
        for line in [
            "rollcall_records_requests_total{code=\"200\",method=\"links\"} 1",
            "rollcall_records_request_duration_seconds_count{method=\"links\"} 1",
            "rollcall_records_store_bytes 4096",
            "rollcall_records_last_prune_timestamp_seconds 1790000000",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
