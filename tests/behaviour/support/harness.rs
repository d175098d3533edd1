//! An operator over the fake API server, and a kubelet that ends pods as the test says. Everything runs on one thread
//! without real I/O, so "nothing more happens" can be told for certain: every task had its turn and none did anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kube::Client;
use rollcall::operator::Parts;
use rollcall::operator::catalogue::{Catalogue, Problem, ProviderFacts};
use rollcall::operator::cluster::SyncState;
use rollcall::operator::controllers::Passes;
use rollcall::operator::metrics::Metrics;
use rollcall::operator::resources::PodDefaults;
use rollcall::operator::settings::{Namespaces, Settings};
use rollcall_api::contract::{DefinitionSource, PodRequest, PodResult, ProbeResult, RunRequest, RunResult};
use rollcall_api::labels;
use rollcall_api::v1alpha1::{Capability, Held, SyncSettingSpec};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::clock::TestClock;
use super::fake_api::FakeApi;
use super::objects;

/// Turns without any activity after which nothing more can happen.
const QUIET_TURNS: usize = 200;

/// So many requests in one scenario are a loop that never ends.
const HOT_LOOP: usize = 5_000;

/// Accepts everything, except a vendor called `unknown`; one called `defect` makes whoever asks panic, one called
/// `endless` keeps its thread until it is told to let go.
struct AnyCatalogue {
    let_go: Arc<AtomicBool>,
}

impl Catalogue for AnyCatalogue {
    fn check_vendor(&self, vendor: &str) -> Result<ProviderFacts, Problem> {
        assert!(vendor != "defect", "a defect, on purpose");
        while vendor == "endless" && !self.let_go.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if vendor == "unknown" {
            return Err(Problem { reason: "UnknownVendor", message: "spec.vendor: unknown is not there".into() });
        }
        Ok(ProviderFacts { capabilities: vec![Capability::Read, Capability::Write], digest: vendor.into() })
    }

    fn check_definition(&self, text: &str) -> Result<ProviderFacts, Problem> {
        self.check_vendor(text)
    }

    fn check_setting(
        &self,
        _: &SyncSettingSpec,
        _: &DefinitionSource,
        _: &DefinitionSource,
    ) -> Result<(), Vec<String>> {
        Ok(())
    }
}

/// How a pod ends: exit code and termination message. None: it goes on running.
type Ending = Box<dyn Fn(&RunRequest) -> Option<(i32, String)>>;

pub struct Harness {
    pub api: FakeApi,
    pub clock: TestClock,
    pub ending: Ending,
    pub probe: (i32, ProbeResult),
    /// How long a pass may take.
    pub budget: Duration,
    /// Where passes run. None: with everything else, so that "nothing more happens" can be told.
    pub passes: Option<tokio::runtime::Handle>,
    /// Ends whatever is endless.
    pub let_go: Arc<AtomicBool>,
    operator: Option<Running>,
    /// Replicas that believe to lead as well.
    twins: Vec<Running>,
}

struct Running {
    task: JoinHandle<()>,
    stop: watch::Sender<bool>,
    sync: Arc<SyncState>,
    metrics: Arc<Metrics>,
}

impl Harness {
    /// An empty cluster; no operator yet.
    pub fn new() -> Self {
        let clock = TestClock::at("2026-03-02T06:00:00Z");
        let api = FakeApi::new(clock.clone());
        api.apply("leases", &objects::lease());
        let ready = ProbeResult { version: 1, ready: true, reason: "ProbeSucceeded".into(), message: "ok".into() };
        Self {
            api,
            clock,
            ending: Box::new(|_| Some((0, success()))),
            probe: (0, ready),
            budget: Duration::from_secs(60),
            passes: None,
            let_go: Arc::default(),
            operator: None,
            twins: Vec::new(),
        }
    }

    /// Two providers and a setting that are Ready, and an operator that has nothing left to do.
    pub async fn ready() -> Self {
        let mut harness = Self::new();
        harness.api.apply("integrationproviders", &objects::provider("hr"));
        harness.api.apply("integrationproviders", &objects::provider("travel"));
        harness.api.apply("syncsettings", &objects::setting());
        harness.start();
        harness.settle().await;
        harness.api.clear_log();
        harness
    }

    /// Starts an operator; one that runs already is killed first.
    pub fn start(&mut self) {
        self.kill();
        self.operator = Some(self.launch());
    }

    /// Starts a second leader beside the first: both hold the Lease under one name.
    pub fn start_twin(&mut self) {
        self.twins.push(self.launch());
    }

    fn launch(&self) -> Running {
        let client: Client = self.api.client();
        let settings = Settings {
            namespaces: Namespaces::All,
            // A killed replica comes back under its own name, so that it need not wait for its own Lease.
            identity: "replica".into(),
            pods: PodDefaults { image: "rollcall:test".into(), ..PodDefaults::default() },
            lease_namespace: "rollcall".into(),
            lease_name: "release-operator".into(),
            listen: ([127, 0, 0, 1], 0).into(),
            concurrency: 4,
            metrics_per_object: true,
        };
        let runtime = self.passes.clone().unwrap_or_else(tokio::runtime::Handle::current);
        let passes = Passes { client: client.clone(), runtime, budget: self.budget };
        let parts = Parts::new(
            settings,
            client,
            Arc::new(AnyCatalogue { let_go: Arc::clone(&self.let_go) }),
            Arc::new(self.clock.clone()),
            passes,
        )
        .unwrap();
        let (sync, metrics) = (parts.sync_state(), parts.metrics());
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let _ = parts.run(stopped, false).await;
        });
        Running { task, stop, sync, metrics }
    }

    /// Ends the operator without letting it finish anything.
    pub fn kill(&mut self) {
        for running in self.operator.take().into_iter().chain(self.twins.drain(..)) {
            running.task.abort();
        }
    }

    /// Ends the operator as SIGTERM does.
    pub async fn stop(&mut self) {
        let running = self.operator.take().unwrap();
        running.stop.send_replace(true);
        running.task.await.unwrap();
    }

    /// Resolves when the operator ends by itself.
    pub async fn ended(&mut self) {
        self.operator.take().unwrap().task.await.unwrap();
    }

    pub fn pending(&self) -> Vec<String> {
        self.operator.as_ref().unwrap().sync.pending()
    }

    pub fn metrics(&self) -> String {
        self.operator.as_ref().unwrap().metrics.render().unwrap()
    }

    /// Lets everything happen that can happen without the clock, pods included.
    pub async fn settle(&self) {
        loop {
            self.quiet().await;
            if !self.step_kubelet() {
                return;
            }
        }
    }

    /// Moves the clock in steps, letting everything happen in between.
    pub async fn pass(&self, seconds: i64, step: i64) {
        let mut left = seconds;
        while left > 0 {
            self.clock.advance(step.min(left));
            left -= step;
            self.settle().await;
        }
    }

    /// Lets the operator do what it can do without pods and clock.
    pub async fn quiet(&self) {
        let mut turns = 0;
        let mut before = self.api.activity();
        while turns < QUIET_TURNS {
            tokio::task::yield_now().await;
            let now = self.api.activity();
            turns = if now == before { turns + 1 } else { 0 };
            before = now;
            assert!(now.0 < HOT_LOOP, "a hot loop");
        }
    }

    /// Whether the kubelet did anything.
    fn step_kubelet(&self) -> bool {
        let mut worked = false;
        for pod in self.api.list("pods") {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let namespace = pod["metadata"]["namespace"].as_str().unwrap();
            if !pod["metadata"]["deletionTimestamp"].is_null() {
                self.api.remove_in(namespace, "pods", name);
                worked = true;
            } else if ["Pending", "Running"].contains(&pod["status"]["phase"].as_str().unwrap()) {
                let request = pod["metadata"]["annotations"][labels::REQUEST].as_str().unwrap();
                let end = match serde_json::from_str(request).unwrap() {
                    PodRequest::Probe(_) => {
                        let (code, result) = self.probe.clone();
                        Some((code, PodResult::Probe(result).to_message()))
                    }
                    PodRequest::Run(run) => (self.ending)(&run),
                };
                if let Some((code, message)) = end {
                    self.api.set_status_in(namespace, "pods", name, &ended(code, &message));
                    worked = true;
                } else if pod["status"]["phase"] == "Pending" {
                    self.api.set_status_in(namespace, "pods", name, &json!({ "phase": "Running" }));
                    worked = true;
                }
            }
        }
        worked
    }

    pub fn status(&self, resource: &str, name: &str) -> Value {
        self.api.get(resource, name).map(|object| object["status"].clone()).unwrap_or_default()
    }

    pub fn phase(&self, name: &str) -> String {
        self.status("employeesyncjobs", name)["phase"].as_str().unwrap_or_default().to_owned()
    }

    pub fn jobs(&self) -> Vec<String> {
        let name = |job: Value| job["metadata"]["name"].as_str().unwrap().to_owned();
        self.api.list("employeesyncjobs").into_iter().map(name).collect()
    }

    /// Pods of runs by name.
    pub fn pods(&self) -> Vec<String> {
        let name = |pod: Value| pod["metadata"]["name"].as_str().unwrap().to_owned();
        self.api.list("pods").into_iter().map(name).collect()
    }

    /// Passes over jobs so far.
    pub fn passes_over_jobs(&self) -> u64 {
        let text = self.metrics();
        let counts = text.lines().filter(|line| line.starts_with("rollcall_reconcile_total{controller=\"job\""));
        counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// How often the operator asked this.
    pub fn asked(&self, verb: &str, resource: &str) -> usize {
        self.api.log().iter().filter(|one| one.verb == verb && one.resource == resource).count()
    }

    /// Writes as `verb resource`.
    pub fn writes(&self) -> Vec<String> {
        self.api.writes().into_iter().map(|one| format!("{} {}", one.verb, one.resource)).collect()
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.kill();
    }
}

fn ended(code: i32, message: &str) -> Value {
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    json!({ "phase": phase, "containerStatuses": [{ "name": "connector", "image": "", "imageID": "", "ready": false,
        "restartCount": 0, "state": { "terminated": { "exitCode": code, "message": message, "reason": "Completed" } } }] })
}

pub fn run_result(code: i32, reason: &str, change: impl FnOnce(&mut RunResult)) -> String {
    let mut result = RunResult {
        version: 1,
        code,
        reason: reason.into(),
        message: "as wanted".into(),
        published: true,
        ..RunResult::default()
    };
    change(&mut result);
    PodResult::Run(Box::new(result)).to_message()
}

pub fn success() -> String {
    run_result(204, "Completed", |_| ())
}

pub fn with_holds(digest: &str) -> String {
    run_result(200, "CompletedWithHolds", |result| {
        result.held = Some(Held { digest: digest.into(), disable: 3, ..Held::default() });
    })
}
