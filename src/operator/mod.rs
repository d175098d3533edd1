//! The controller: watches the four kinds and the connector pods, decides (pure), acts, writes status.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`decide`] | what to do about an object: values only |
//! | [`resources`] | builders of pods and jobs |
//! | [`cluster`] | the only Kubernetes I/O |
//! | [`controllers`] | queue, workers, what a change makes worth looking at |
//! | [`election`] | who acts |
//! | [`metrics`], [`server`] | what it tells about itself |

pub mod catalogue;
pub mod clock;
pub mod cluster;
pub mod controllers;
pub mod decide;
pub mod election;
pub mod metrics;
pub mod resources;
pub mod server;
pub mod settings;

use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::catalogue::Catalogue;
use self::clock::{Clock, SystemClock};
use self::cluster::{Change, Cluster, Stores, SyncState, Watches};
use self::controllers::{Controller, PASS_BUDGET, Passes};
use self::election::{Election, ElectionError};
use self::metrics::{Metrics, StoreCollector};
use self::settings::Settings;

/// Why the operator ended.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// No configuration to reach the API server with.
    #[error("no way to the API server: {0}; run inside a cluster or set KUBECONFIG")]
    Client(#[source] Box<kube::Error>),
    /// The configuration itself cannot be read.
    #[error("the Kubernetes configuration cannot be read: {0}")]
    Config(String),
    /// The Lease was lost.
    #[error(transparent)]
    Election(#[from] ElectionError),
    /// The HTTP server could not listen.
    #[error("cannot serve metrics and probes: {0}")]
    Server(#[from] std::io::Error),
    /// Two metrics have one name.
    #[error("metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A part of the operator ended or panicked.
    #[error("a part of the operator ended: {0}")]
    Part(String),
}

/// Runs the operator until SIGTERM or SIGINT, or until the Lease is lost.
pub async fn run(settings: Settings, catalogue: Arc<dyn Catalogue>) -> Result<(), OperatorError> {
    let mut config = kube::Config::infer().await.map_err(|error| OperatorError::Config(error.to_string()))?;
    // The queue and the watches back off; a second layer below them would try again 15 times, first after 5 ms.
    config.default_retry = false;
    let client = connect(&config)?;
    let (stop, stopped) = watch::channel(false);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        stop.send_replace(true);
    });
    tracing::info!(version = env!("CARGO_PKG_VERSION"), identity = settings.identity, "operator started");
    let runtime = PassRuntime::new(settings.concurrency)?;
    let passes = Passes { client: connect(&config)?, runtime: runtime.handle(), budget: PASS_BUDGET };
    let parts = Parts::new(settings, client, catalogue, Arc::new(SystemClock::new()), passes)?;
    parts.run(stopped, true).await
}

fn connect(config: &kube::Config) -> Result<Client, OperatorError> {
    Client::try_from(config.clone()).map_err(|error| OperatorError::Client(Box::new(error)))
}

/// Threads of their own for the passes, so that one that never yields blocks neither election nor watches. The end of
/// the process does not wait for them.
struct PassRuntime(Option<tokio::runtime::Runtime>);

impl PassRuntime {
    fn new(concurrency: usize) -> std::io::Result<Self> {
        let threads = concurrency.max(1).saturating_add(1);
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(threads).thread_name("pass").enable_all().build().map(|runtime| Self(Some(runtime)))
    }

    fn handle(&self) -> tokio::runtime::Handle {
        self.0.as_ref().map_or_else(tokio::runtime::Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for PassRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// The operator put together, with everything from outside passed in.
pub struct Parts {
    settings: Settings,
    cluster: Cluster,
    stores: Arc<Stores>,
    sync: Arc<SyncState>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    controller: Arc<Controller>,
}

impl Parts {
    /// Puts the parts together; nothing runs yet.
    pub fn new(
        settings: Settings,
        client: Client,
        catalogue: Arc<dyn Catalogue>,
        clock: Arc<dyn Clock>,
        passes: Passes,
    ) -> Result<Self, OperatorError> {
        let metrics = Arc::new(Metrics::new()?);
        let cluster = Cluster::new(client, Arc::clone(&metrics), settings.identity.clone());
        let (stores, sync) = (Arc::new(Stores::default()), Arc::new(SyncState::default()));
        let collector = StoreCollector::new(
            Arc::clone(&stores),
            Arc::clone(&sync),
            Arc::clone(&clock),
            settings.metrics_per_object,
        )?;
        metrics.register(collector)?;
        let passing = Cluster::new(passes.client.clone(), Arc::clone(&metrics), settings.identity.clone());
        let controller = Arc::new(Controller::new(
            passing,
            Arc::clone(&stores),
            catalogue,
            settings.pods.clone(),
            Arc::clone(&clock),
            Arc::clone(&metrics),
            passes,
        ));
        Ok(Self { settings, cluster, stores, sync, metrics, clock, controller })
    }

    /// The metrics, for tests and for the server.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// How far the watches are.
    pub fn sync_state(&self) -> Arc<SyncState> {
        Arc::clone(&self.sync)
    }

    /// Runs until `stop` is told or the Lease is lost. `serve` opens the HTTP port.
    pub async fn run(self, stop: watch::Receiver<bool>, serve: bool) -> Result<(), OperatorError> {
        let mut parts: JoinSet<Result<(), OperatorError>> = JoinSet::new();
        for task in self.watches().tasks(&self.settings.namespaces) {
            parts.spawn(async move {
                task.await;
                Err(OperatorError::Part("a watch".into()))
            });
        }
        if serve {
            let router = server::router(self.metrics(), self.sync_state());
            let (listen, stop) = (self.settings.listen, stop.clone());
            parts.spawn(async move { Ok(server::serve(listen, router, stop).await?) });
        }
        let (leading, mut leads) = watch::channel(false);
        let election = Election {
            cluster: self.cluster.clone(),
            clock: Arc::clone(&self.clock),
            namespace: self.settings.lease_namespace.clone(),
            name: self.settings.lease_name.clone(),
            identity: self.settings.identity.clone(),
            leading,
        };
        // The Lease outlives the workers: it is given back once they have ended.
        let (release, released) = watch::channel(false);
        let mut lease = tokio::spawn(async move { election.run(released).await });

        let mut ended = stop.clone();
        let work = self.lead(&mut leads);
        let outcome = tokio::select! {
            result = work => result,
            Some(part) = parts.join_next() => part.unwrap_or_else(|error| Err(OperatorError::Part(error.to_string()))),
            result = &mut lease => {
                let error = result.map_err(|error| OperatorError::Part(error.to_string()))?;
                return Err(error.err().map_or_else(|| OperatorError::Part("the election".into()), OperatorError::from));
            }
            _ = ended.wait_for(|stop| *stop) => Ok(()),
        };
        self.controller.queue().close();
        release.send_replace(true);
        // A pass that was cut short is taken up by the next leader.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), lease).await;
        outcome
    }

    fn watches(&self) -> Watches {
        let controller = Arc::clone(&self.controller);
        Watches {
            cluster: self.cluster.clone(),
            stores: Arc::clone(&self.stores),
            sync: Arc::clone(&self.sync),
            on_change: Arc::new(move |change: Change| controller.changed(&change)),
        }
    }

    /// Waits for the Lease and complete stores, then works.
    async fn lead(&self, leads: &mut watch::Receiver<bool>) -> Result<(), OperatorError> {
        if leads.wait_for(|leads| *leads).await.is_err() {
            return std::future::pending().await;
        }
        self.metrics.set_leader(true);
        tracing::info!(identity = self.settings.identity, "leading");
        self.sync.wait().await;
        self.controller.queue().open();
        for key in controllers::all_keys(&self.stores) {
            self.controller.queue().add(key);
        }
        let mut workers = controllers::start_workers(&self.controller, self.settings.concurrency);
        match workers.join_next().await {
            Some(Err(error)) => Err(OperatorError::Part(error.to_string())),
            _ => Ok(()),
        }
    }
}
