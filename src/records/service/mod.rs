//! The records service: serves one store over HTTPS to connector pods and people. Health on the same port, metrics
//! without TLS on another one.

pub mod auth;
mod issuer;
mod metrics;
mod routes;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tls;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use tokio_util::sync::CancellationToken;

use self::auth::{CachedPods, Guard, KeySource, PodDirectory, Policy, Verifier};
use self::issuer::Cluster;
use self::metrics::Metrics;
use self::routes::Service;
use self::tls::Certificate;
use super::StoreError;
use super::clock::{Clock, system_clock};
use super::store::{MasterKey, Pruned, Retention, SqliteStore};

/// What tokens for the service are issued for.
pub const AUDIENCE: &str = "rollcall-records";

/// How long requests that are being served may go on after the order to stop.
const GRACE: Duration = Duration::from_secs(10);
/// A connection that sends no complete request head for this long is closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
const PRUNE_PERIOD: Duration = Duration::from_secs(86_400);
const PRUNE_RETRY: Duration = Duration::from_secs(600);

/// How the service runs.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// Address for HTTPS.
    pub listen: SocketAddr,
    /// Address for metrics and health over plain HTTP.
    pub metrics_listen: SocketAddr,
    /// The database file; made when it does not exist.
    pub database: PathBuf,
    /// Key files, at least one. The first encrypts; others open a database that was made with them.
    pub key_files: Vec<PathBuf>,
    /// Certificate chain (PEM), read again when it changes.
    pub tls_cert: PathBuf,
    /// Its private key (PEM), read again when it changes.
    pub tls_key: PathBuf,
    /// What callers' tokens must be issued for; normally [`AUDIENCE`].
    pub audience: String,
    /// Name of the `ServiceAccount` that people read with.
    pub reader_service_account: String,
    /// Namespace of the service; its reader may read the settings of all `namespaces`, readers of the same name in
    /// other namespaces only their own.
    pub own_namespace: String,
    /// Namespaces whose settings are served. Empty: all, but readers see their own namespace only.
    pub namespaces: Vec<String>,
    /// How long records are kept.
    pub retention: Retention,
}

/// Why the service ended or did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Certificate or key cannot be used.
    #[error("certificate {file}: {rule}")]
    Certificate {
        /// The file.
        file: String,
        /// What is wrong with it.
        rule: String,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {kind}: choose a free address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        kind: std::io::ErrorKind,
    },
    /// The cluster cannot be reached with the pod's own credentials or kubeconfig.
    #[error("no Kubernetes client: {0}: run in a cluster, or set KUBECONFIG")]
    Cluster(String),
    /// Serving failed.
    #[error("serving failed: {0}")]
    Serve(#[from] std::io::Error),
}

/// Opens the store and serves it until `shutdown` is cancelled and the requests at work are answered.
pub async fn serve(config: ServiceConfig, shutdown: CancellationToken) -> Result<(), ServiceError> {
    let cluster = Arc::new(Cluster::connect().await.map_err(|error| ServiceError::Cluster(error.to_string()))?);
    let keys = config.key_files.iter().map(|path| MasterKey::from_file(path)).collect::<Result<Vec<_>, _>>()?;
    let clock = system_clock();
    let store = SqliteStore::open_with(&config.database, &keys, clock.clone()).await?;
    let policy = Policy {
        audience: config.audience,
        own_namespace: config.own_namespace,
        reader: config.reader_service_account,
        namespaces: config.namespaces,
    };
    let parts = Parts {
        store: store.clone(),
        guard: guard(cluster.clone(), cluster, policy, clock.clone()),
        certificate: Certificate::load(config.tls_cert, config.tls_key)?,
        retention: config.retention,
        clock,
    };
    let served = run(parts, listen(config.listen)?, listen(config.metrics_listen)?, shutdown).await;
    store.close().await;
    served
}

/// Everything a running service is made of.
pub(crate) struct Parts {
    pub(crate) store: SqliteStore,
    pub(crate) guard: Guard,
    pub(crate) certificate: Certificate,
    pub(crate) retention: Retention,
    pub(crate) clock: Clock,
}

/// Puts the deciding part together.
pub(crate) fn guard(keys: Arc<dyn KeySource>, pods: Arc<dyn PodDirectory>, policy: Policy, clock: Clock) -> Guard {
    Guard::new(Verifier::new(keys, clock.clone()), CachedPods::new(pods, clock.clone()), policy, clock)
}

/// Serves on listeners that are open already.
pub(crate) async fn run(
    parts: Parts,
    listener: TcpListener,
    metrics_listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), ServiceError> {
    let Parts { store, guard, certificate, retention, clock } = parts;
    let metrics = Arc::new(Metrics::new());
    let service = Arc::new(Service::new(store.clone(), guard, metrics.clone()));
    let tls = certificate.config();
    // Whatever ends first, the others must end with it.
    let shutdown = shutdown.child_token();
    let _ends_the_tasks = shutdown.clone().drop_guard();
    tokio::spawn(certificate.watch(tls.clone(), shutdown.clone()));
    tokio::spawn(prune_daily(store, retention, clock, metrics, shutdown.clone()));
    let plain = tokio::net::TcpListener::from_std(metrics_listener)?;
    let plain = axum::serve(plain, routes::operations(service.clone()))
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::spawn(async move {
        if let Err(error) = plain.await {
            tracing::error!(%error, "metrics are no longer served");
        }
    });
    let handle = Handle::new();
    tokio::spawn({
        let handle = handle.clone();
        let shutdown = shutdown.clone();
        async move {
            shutdown.cancelled().await;
            handle.graceful_shutdown(Some(GRACE));
        }
    });
    let mut server = axum_server::from_tcp_rustls(listener, tls)?.handle(handle).http1_only();
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    server.serve(routes::records(service).into_make_service()).await?;
    Ok(())
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServiceError> {
    let open = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    open().map_err(|error: std::io::Error| ServiceError::Listen { address, kind: error.kind() })
}

async fn prune_daily(
    store: SqliteStore,
    retention: Retention,
    clock: Clock,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) {
    loop {
        let pruned = store.prune(clock(), retention).await;
        let pause = match pruned {
            Ok(pruned) => {
                metrics.pruned(clock());
                let Pruned { outcomes, writes, proposals, runs } = pruned;
                tracing::info!(outcomes, writes, proposals, runs, "old records deleted");
                PRUNE_PERIOD
            }
            Err(error) => {
                tracing::warn!(%error, "old records could not be deleted; tried again in {} s", PRUNE_RETRY.as_secs());
                PRUNE_RETRY
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
