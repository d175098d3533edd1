//! Metrics: counters of what the operator does, and gauges read off the stores when they are asked for, so that they
//! disappear with their objects. Labels are bounded: no names of runs, no texts, no people.

mod collect;

use std::time::Instant;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use rollcall_api::v1alpha1::{Counts, EmployeeSyncJobStatus};

pub use collect::StoreCollector;

/// Prefix of every metric.
pub const PREFIX: &str = "rollcall_";

/// The operator's own metrics.
pub struct Metrics {
    registry: Registry,
    reconciles: IntCounterVec,
    reconcile_errors: IntCounterVec,
    reconcile_seconds: HistogramVec,
    active: IntGaugeVec,
    leader: IntGauge,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    runs: IntCounterVec,
    run_seconds: HistogramVec,
    records: IntCounterVec,
}

impl Metrics {
    /// Registers everything. An error means that two metrics have one name: a defect.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let metric = IntCounterVec::new(Opts::new(format!("{PREFIX}{name}"), help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let histogram = |name: &str, help: &str, labels: &[&str], buckets: Vec<f64>| {
            let metric =
                HistogramVec::new(HistogramOpts::new(format!("{PREFIX}{name}"), help).buckets(buckets), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let quick = || prometheus::exponential_buckets(0.001, 4.0, 8);
        let reconciles = counter("reconcile_total", "Passes over objects.", &["controller", "result"])?;
        let reconcile_errors = counter("reconcile_errors_total", "Failed passes.", &["controller", "reason"])?;
        let reconcile_seconds =
            histogram("reconcile_duration_seconds", "Length of a pass.", &["controller"], quick()?)?;
        let requests = counter("kube_requests_total", "Requests to the API server.", &["verb", "resource", "code"])?;
        let request_seconds = histogram(
            "kube_request_duration_seconds",
            "Length of a request to the API server.",
            &["verb", "resource"],
            quick()?,
        )?;
        let runs = counter("sync_runs_total", "Runs that ended.", &["namespace", "phase", "reason"])?;
        let run_seconds = histogram(
            "sync_run_duration_seconds",
            "From the first pod of a run to its end.",
            &["phase"],
            vec![5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 10800.0, 21600.0],
        )?;
        let records = counter("sync_records_total", "Records by what became of them.", &["operation"])?;
        let active =
            IntGaugeVec::new(Opts::new(format!("{PREFIX}active_reconciles"), "Passes at work."), &["controller"])?;
        registry.register(Box::new(active.clone()))?;
        let leader = IntGauge::new(format!("{PREFIX}leader"), "1 while this replica holds the Lease.")?;
        registry.register(Box::new(leader.clone()))?;
        let build = IntGaugeVec::new(Opts::new(format!("{PREFIX}build_info"), "Always 1."), &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(build))?;
        Ok(Self {
            registry,
            reconciles,
            reconcile_errors,
            reconcile_seconds,
            active,
            leader,
            requests,
            request_seconds,
            runs,
            run_seconds,
            records,
        })
    }

    /// Adds gauges that are read off the stores.
    pub fn register(&self, collector: StoreCollector) -> Result<(), prometheus::Error> {
        self.registry.register(Box::new(collector))
    }

    /// Everything in the text format of Prometheus.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Whether this replica holds the Lease.
    pub fn set_leader(&self, leader: bool) {
        self.leader.set(i64::from(leader));
    }

    pub(super) fn request_started<'a>(&'a self, verb: &'a str, resource: &'a str) -> RequestTimer<'a> {
        RequestTimer { metrics: self, verb, resource, started: Instant::now() }
    }

    pub(super) fn pass_started<'a>(&'a self, controller: &'static str) -> PassTimer<'a> {
        self.active.with_label_values(&[controller]).inc();
        PassTimer { metrics: self, controller, started: Instant::now() }
    }

    /// Counts a pass that panicked or overran.
    pub(super) fn pass_lost(&self, controller: &str, reason: &str) {
        self.reconciles.with_label_values(&[controller, "error"]).inc();
        self.reconcile_errors.with_label_values(&[controller, reason]).inc();
    }

    /// Counts a run that has ended.
    pub(super) fn run_ended(&self, namespace: &str, status: &EmployeeSyncJobStatus) {
        let phase = format!("{:?}", status.phase);
        let reason = status.reason.as_deref().unwrap_or_default();
        self.runs.with_label_values(&[namespace, &phase, reason]).inc();
        if let (Some(start), Some(end)) = (&status.start_time, &status.completion_time) {
            let seconds = end.0.duration_since(start.0).as_secs_f64();
            self.run_seconds.with_label_values(&[&phase]).observe(seconds.max(0.0));
        }
        for (operation, count) in operations(&status.counts.unwrap_or_default()) {
            self.records.with_label_values(&[operation]).inc_by(u64::try_from(count).unwrap_or(0));
        }
    }
}

fn operations(counts: &Counts) -> [(&'static str, i64); 9] {
    [
        ("created", counts.created),
        ("updated", counts.updated),
        ("disabled", counts.disabled),
        ("deleted", counts.deleted),
        ("unchanged", counts.unchanged),
        ("skipped", counts.skipped),
        ("held", counts.held),
        ("conflicts", counts.conflicts),
        ("failed", counts.failed),
    ]
}

/// Measures one request.
pub(super) struct RequestTimer<'a> {
    metrics: &'a Metrics,
    verb: &'a str,
    resource: &'a str,
    started: Instant,
}

impl RequestTimer<'_> {
    pub(super) fn finish(self, code: &str) {
        let Self { metrics, verb, resource, started } = self;
        metrics.requests.with_label_values(&[verb, resource, code]).inc();
        metrics.request_seconds.with_label_values(&[verb, resource]).observe(started.elapsed().as_secs_f64());
    }
}

/// Measures one pass.
pub(super) struct PassTimer<'a> {
    metrics: &'a Metrics,
    controller: &'static str,
    started: Instant,
}

impl PassTimer<'_> {
    /// `error` is the word of a failed pass.
    pub(super) fn finish(self, error: Option<&'static str>) {
        let result = if error.is_some() { "error" } else { "success" };
        self.metrics.reconciles.with_label_values(&[self.controller, result]).inc();
        if let Some(reason) = error {
            self.metrics.reconcile_errors.with_label_values(&[self.controller, reason]).inc();
        }
    }
}

impl Drop for PassTimer<'_> {
    fn drop(&mut self) {
        self.metrics.active.with_label_values(&[self.controller]).dec();
        let seconds = self.started.elapsed().as_secs_f64();
        self.metrics.reconcile_seconds.with_label_values(&[self.controller]).observe(seconds);
    }
}
