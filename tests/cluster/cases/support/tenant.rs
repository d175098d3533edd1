//! A tenant: a namespace with a release of the chart, and vendors of its own beside it.

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::FutureExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, Pod, Secret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use rollcall_api::v1alpha1::{
    EmployeeSyncJob, IntegrationProvider, JobPhase, JobType, ProviderPhase, SyncApproval, SyncSetting,
};
use serde_json::Value;

use super::vendors::Vendors;
use super::{manifests, until};

/// Name of every test's release.
pub(crate) const RELEASE: &str = "acme";

/// How a test's tenant differs from the usual one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// People in Personio.
    pub(crate) people: u64,
    /// Arguments for Helm.
    pub(crate) helm: &'static [&'static str],
    /// Client secret and API key.
    pub(crate) credentials: [&'static str; 2],
}

impl Default for Setup {
    fn default() -> Self {
        Self { people: 150, helm: &[], credentials: manifests::DEMO_CREDENTIALS }
    }
}

/// A tenant.
pub(crate) struct Tenant {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) vendors: Vendors,
    credentials: [&'static str; 2],
}

/// Runs a test with a tenant of its own and removes the tenant, also when the test fails: then after telling what the
/// namespace looks like.
pub(crate) async fn with_tenant(name: &str, setup: Setup, test: impl AsyncFnOnce(&Tenant)) {
    // Boxed: without optimisation the futures of a whole test are larger than the stack of its thread.
    let tenant = Box::pin(Tenant::install(name, setup)).await;
    let result = AssertUnwindSafe(Box::pin(test(&tenant))).catch_unwind().await;
    if result.is_err() {
        tenant.describe();
    }
    tenant.remove().await;
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

impl Tenant {
    pub(crate) async fn install(name: &str, setup: Setup) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let client = Client::try_default().await.expect("KUBECONFIG names a cluster");
        let unique = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let namespace = format!("tenant-{name}-{unique}");
        let vendors = format!("{namespace}-vendors");
        create_namespace(&client, &vendors).await;
        let helm = {
            let namespace = namespace.clone();
            tokio::task::spawn_blocking(move || install_release(&namespace, setup.helm))
        };
        let own = (setup.credentials != manifests::DEMO_CREDENTIALS).then_some(setup.credentials);
        let vendors = Vendors::start(&client, &vendors, setup.people, own).await;
        helm.await.unwrap();
        Self { client, namespace, vendors, credentials: setup.credentials }
    }

    pub(crate) fn jobs(&self) -> Api<EmployeeSyncJob> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn settings(&self) -> Api<SyncSetting> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn providers(&self) -> Api<IntegrationProvider> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn approvals(&self) -> Api<SyncApproval> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates the two systems and waits until both are Ready.
    pub(crate) async fn declare_systems(&self) {
        let secrets = Api::<Secret>::namespaced(self.client.clone(), &self.namespace);
        for secret in manifests::secrets(self.credentials) {
            secrets.create(&PostParams::default(), &secret).await.unwrap();
        }
        for provider in manifests::providers(&self.vendors.namespace) {
            self.providers().create(&PostParams::default(), &provider).await.unwrap();
        }
        for name in ["personio", "travelperk"] {
            self.await_provider(name, ProviderPhase::Ready).await;
        }
    }

    pub(crate) async fn await_provider(&self, name: &str, phase: ProviderPhase) -> IntegrationProvider {
        let wanted = format!("in phase {phase:?}");
        let is_there = |it: &IntegrationProvider| it.status.as_ref().is_some_and(|status| status.phase == phase);
        until(&self.providers(), name, 90, &wanted, is_there).await
    }

    /// Creates the systems and the setting `travel` with changes to its spec, and waits until it can run.
    pub(crate) async fn declare(&self, changes: &Value) {
        Box::pin(self.declare_systems()).await;
        self.settings().create(&PostParams::default(), &manifests::setting(changes)).await.unwrap();
        let is_ready = |it: &SyncSetting| {
            it.status.as_ref().is_some_and(|status| rollcall_api::conditions::is_true(&status.conditions, "Ready"))
        };
        until(&self.settings(), "travel", 60, "Ready", is_ready).await;
    }

    /// Creates a job of the setting `travel`; gives it as the API server answered.
    pub(crate) async fn start(&self, name: &str, type_: JobType) -> EmployeeSyncJob {
        self.jobs().create(&PostParams::default(), &manifests::job(name, "travel", type_)).await.unwrap()
    }

    /// The job once it has ended.
    pub(crate) async fn end_of(&self, name: &str) -> EmployeeSyncJob {
        let has_ended = |job: &EmployeeSyncJob| job.status.as_ref().is_some_and(|status| status.phase.is_finished());
        until(&self.jobs(), name, 180, "finished", has_ended).await
    }

    /// Runs a job to its end, which must be Complete with this code.
    pub(crate) async fn run(&self, name: &str, type_: JobType, code: i32) -> EmployeeSyncJob {
        Box::pin(self.start(name, type_)).await;
        Box::pin(self.complete(name, code)).await
    }

    /// The job once it is Complete with this code, and its setting has taken notice.
    pub(crate) async fn complete(&self, name: &str, code: i32) -> EmployeeSyncJob {
        let job = Box::pin(self.end_of(name)).await;
        let status = job.status.as_ref().unwrap();
        assert_eq!((status.phase, status.code), (JobPhase::Complete, Some(code)), "{}", super::yaml(&job));
        let knows = |it: &SyncSetting| {
            it.status.as_ref().and_then(|status| status.last_run.as_ref()).is_some_and(|run| run.name == name)
        };
        until(&self.settings(), "travel", 30, "aware of the job", knows).await;
        job
    }

    /// Pods of a part of the release.
    pub(crate) async fn pods_of(&self, component: &str) -> Vec<Pod> {
        let selector = format!("app.kubernetes.io/component={component}");
        super::forward::running_pods(&self.client, &self.namespace, &selector).await
    }

    /// Changes how many operators there are; with none it waits until all are gone.
    pub(crate) async fn scale_operator(&self, replicas: u32) {
        let deployments = Api::<Deployment>::namespaced(self.client.clone(), &self.namespace);
        let name = format!("{RELEASE}-rollcall-operator");
        let patch = Patch::Merge(serde_json::json!({ "spec": { "replicas": replicas } }));
        deployments.patch_scale(&name, &PatchParams::default(), &patch).await.unwrap();
        let selector = ListParams::default().labels("app.kubernetes.io/component=operator");
        super::eventually(60, "the operators are as many as asked for", async || {
            let found = self.pods().list(&selector).await.ok()?.items.len();
            (found == replicas as usize).then_some(())
        })
        .await;
    }

    /// Everything a person would look at first.
    fn describe(&self) {
        let namespace = self.namespace.as_str();
        println!("== namespace {namespace}");
        kubectl(&["get", "rollcall,pods,events", "-n", namespace, "-o", "wide"]);
        kubectl(&["get", "syncset,esj,syncok", "-n", namespace, "-o", "yaml"]);
        for selector in ["app.kubernetes.io/part-of=rollcall", "app.kubernetes.io/name=rollcall", "rollcall.dev/job"] {
            kubectl(&["logs", "-n", namespace, "-l", selector, "--tail=30", "--prefix", "--ignore-errors"]);
        }
    }

    pub(crate) async fn remove(&self) {
        let pods = DeleteParams::default().grace_period(0);
        // A run that is at work would otherwise be started again while the namespace goes.
        let _ = self.settings().delete_collection(&DeleteParams::default(), &ListParams::default()).await;
        let _ = self.jobs().delete_collection(&DeleteParams::default(), &ListParams::default()).await;
        for namespace in [&self.vendors.namespace, &self.namespace] {
            let all = Api::<Pod>::namespaced(self.client.clone(), namespace);
            let _ = all.delete_collection(&pods, &ListParams::default()).await;
            let _ = Api::<Namespace>::all(self.client.clone()).delete(namespace, &DeleteParams::default()).await;
        }
        let volumes = Api::<PersistentVolume>::all(self.client.clone());
        let _ = volumes.delete(&format!("{}-records", self.namespace), &DeleteParams::default()).await;
    }
}

async fn create_namespace(client: &Client, name: &str) {
    let namespace = Namespace {
        metadata: kube::core::ObjectMeta { name: Some(name.into()), ..Default::default() },
        ..Default::default()
    };
    let namespaces = Api::<Namespace>::all(client.clone());
    let made = namespaces.create(&PostParams::default(), &namespace).await.unwrap();
    // Pods need the namespace's ServiceAccount, which the controller manager makes a moment later.
    let accounts = Api::<k8s_openapi::api::core::v1::ServiceAccount>::namespaced(client.clone(), &made.name_any());
    until(&accounts, "default", 30, "there", |_| true).await;
}

/// Installs the chart with the very function that the demo uses.
fn install_release(namespace: &str, arguments: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/install.sh");
    let command =
        r#". "$0"; IMAGE=$ROLLCALL_TEST_IMAGE OWN_CLUSTER=${ROLLCALL_TEST_OWN_CLUSTER:-}; install_release "$@""#;
    let result = Command::new("bash")
        .args(["-c", command, script, RELEASE, namespace])
        .args(arguments)
        .env("ROLLCALL_TEST_IMAGE", setting_of_environment("ROLLCALL_TEST_IMAGE"))
        .output()
        .unwrap();
    assert!(result.status.success(), "the release: {}", String::from_utf8_lossy(&result.stderr));
}

/// Applies manifests to a namespace.
pub(crate) fn kubectl_apply(namespace: &str, manifest: &str) {
    let mut child = Command::new("kubectl")
        .args(["apply", "--namespace", namespace, "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "kubectl apply in {namespace}");
}

/// Runs kubectl and prints what it says.
fn kubectl(arguments: &[&str]) {
    let said = Command::new("kubectl").args(arguments).output().unwrap();
    println!("$ kubectl {}\n{}", arguments.join(" "), String::from_utf8_lossy(&said.stdout));
}

/// What kubectl says, which must succeed.
pub(crate) fn kubectl_output(arguments: &[&str]) -> String {
    let said = Command::new("kubectl").args(arguments).output().unwrap();
    assert!(said.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap()
}

/// A variable that run.sh sets.
pub(crate) fn setting_of_environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: start these tests with tests/cluster/run.sh"))
}

/// Pauses: only where the point is that nothing happens meanwhile.
pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
