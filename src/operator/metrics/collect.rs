//! Gauges over the stores: made when Prometheus asks, so that a deleted object leaves no series behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, Opts};

use super::PREFIX;
use crate::operator::clock::Clock;
use crate::operator::cluster::{Stores, SyncState};
use rollcall_api::conditions;
use rollcall_api::v1alpha1::SyncSetting;
use rollcall_engine::schedule::Schedule;

/// Reads gauges off the stores.
pub struct StoreCollector {
    stores: Arc<Stores>,
    sync: Arc<SyncState>,
    clock: Arc<dyn Clock>,
    per_object: bool,
    families: Families,
}

/// The gauges; made anew for each collection, kept here for their descriptions.
struct Families {
    objects: GaugeVec,
    crd_missing: GaugeVec,
    info: GaugeVec,
    last_success: GaugeVec,
    last_failure: GaugeVec,
    next_run: GaugeVec,
    interval: GaugeVec,
    failures: GaugeVec,
    held: GaugeVec,
    ready: GaugeVec,
}

impl Families {
    fn new() -> Result<Self, prometheus::Error> {
        let gauge =
            |name: &str, help: &str, labels: &[&str]| GaugeVec::new(Opts::new(format!("{PREFIX}{name}"), help), labels);
        let object: &[&str] = &["namespace", "name"];
        let time = "Unix time in seconds.";
        Ok(Self {
            objects: gauge("objects", "Objects by phase.", &["kind", "namespace", "phase"])?,
            crd_missing: gauge("crd_missing", "1 for each kind that the server does not know.", &["crd"])?,
            info: gauge(
                "sync_setting_info",
                "Always 1.",
                &["namespace", "name", "source", "target", "state", "suspended"],
            )?,
            last_success: gauge("sync_setting_last_success_timestamp_seconds", time, object)?,
            last_failure: gauge("sync_setting_last_failure_timestamp_seconds", time, object)?,
            next_run: gauge("sync_setting_next_run_timestamp_seconds", time, object)?,
            interval: gauge("sync_setting_expected_interval_seconds", "Seconds between two scheduled runs.", object)?,
            failures: gauge("sync_setting_consecutive_failures", "Runs in a row that ended Error.", object)?,
            held: gauge("sync_setting_held_actions", "Actions that wait for an approval.", object)?,
            ready: gauge("provider_ready", "1 while the provider is Ready.", object)?,
        })
    }

    fn all(&self) -> [&GaugeVec; 10] {
        [
            &self.objects,
            &self.crd_missing,
            &self.info,
            &self.last_success,
            &self.last_failure,
            &self.next_run,
            &self.interval,
            &self.failures,
            &self.held,
            &self.ready,
        ]
    }
}

impl StoreCollector {
    /// `per_object` adds the series that have a namespace and name.
    pub fn new(
        stores: Arc<Stores>,
        sync: Arc<SyncState>,
        clock: Arc<dyn Clock>,
        per_object: bool,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self { stores, sync, clock, per_object, families: Families::new()? })
    }

    fn count_objects(&self, families: &Families) {
        let mut counts: BTreeMap<(&str, String, String), f64> = BTreeMap::new();
        let mut count = |kind, namespace: &Option<String>, phase: String| {
            *counts.entry((kind, namespace.clone().unwrap_or_default(), phase)).or_default() += 1.0;
        };
        for one in self.stores.providers.all() {
            let phase = one.status.as_ref().map(|status| status.phase).unwrap_or_default();
            count("IntegrationProvider", &one.metadata.namespace, format!("{phase:?}"));
        }
        for one in self.stores.settings.all() {
            let state = one.status.as_ref().map(|status| status.state).unwrap_or_default();
            count("SyncSetting", &one.metadata.namespace, format!("{state:?}"));
        }
        for one in self.stores.jobs.all() {
            let phase = one.status.as_ref().map(|status| status.phase).unwrap_or_default();
            count("EmployeeSyncJob", &one.metadata.namespace, format!("{phase:?}"));
        }
        for one in self.stores.approvals.all() {
            let phase = one.status.as_ref().map(|status| status.phase).unwrap_or_default();
            count("SyncApproval", &one.metadata.namespace, format!("{phase:?}"));
        }
        for ((kind, namespace, phase), number) in counts {
            families.objects.with_label_values(&[kind, &namespace, &phase]).set(number);
        }
    }

    fn describe_objects(&self, families: &Families) {
        for one in self.stores.providers.all() {
            let found = one.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
            let ready = f64::from(u8::from(conditions::is_true(found, conditions::READY)));
            let labels =
                [one.metadata.namespace.as_deref(), one.metadata.name.as_deref()].map(Option::unwrap_or_default);
            families.ready.with_label_values(&labels).set(ready);
        }
        let now = self.clock.now();
        for setting in self.stores.settings.all() {
            describe_setting(families, &setting, now);
        }
    }
}

fn describe_setting(families: &Families, setting: &SyncSetting, now: Timestamp) {
    let labels =
        [setting.metadata.namespace.as_deref(), setting.metadata.name.as_deref()].map(Option::unwrap_or_default);
    let status = setting.status.clone().unwrap_or_default();
    let suspended = conditions::is_true(&status.conditions, conditions::SUSPENDED).to_string();
    let (source, target) = (&setting.spec.source_ref.name, &setting.spec.target_ref.name);
    let state = format!("{:?}", status.state);
    families.info.with_label_values(&[labels[0], labels[1], source, target, &state, &suspended]).set(1.0);
    families.failures.with_label_values(&labels).set(f64::from(status.consecutive_failures));
    let held = status.held.as_ref().map_or(0, rollcall_api::v1alpha1::Held::total);
    families.held.with_label_values(&labels).set(f64::from(i32::try_from(held).unwrap_or(i32::MAX)));
    let times = [
        (&families.last_success, &status.last_successful_time),
        (&families.last_failure, &status.last_failure_time),
        (&families.next_run, &status.next_schedule_time),
    ];
    for (family, time) in times {
        if let Some(time) = time {
            family.with_label_values(&labels).set(time.0.as_duration().as_secs_f64());
        }
    }
    let schedule = setting.spec.schedule.as_deref();
    let interval = schedule
        .and_then(|expression| Schedule::parse(expression, &setting.spec.time_zone).ok())
        .and_then(|schedule| schedule.interval_seconds(now));
    if let Some(seconds) = interval {
        families.interval.with_label_values(&labels).set(jiff::SignedDuration::from_secs(seconds).as_secs_f64());
    }
}

impl Collector for StoreCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.families.all().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(families) = Families::new() else { return Vec::new() };
        self.count_objects(&families);
        for kind in self.sync.missing_kinds() {
            families.crd_missing.with_label_values(&[kind.as_str()]).set(1.0);
        }
        if self.per_object {
            self.describe_objects(&families);
        }
        families.all().into_iter().flat_map(Collector::collect).collect()
    }
}
