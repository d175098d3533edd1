//! The long-running programs: operator, connector pod, records service. Arguments become settings here; the work is in
//! the parts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::output;
use crate::operator;
use crate::operator::catalogue::VendorCatalogue;
use crate::operator::resources::PodDefaults;
use crate::operator::settings::{Namespaces, Settings};
use crate::records::service::{self, ServiceConfig};
use crate::records::store::Retention;
use crate::runner::pod::{self, PodFiles};
use crate::telemetry;

/// Runs a future on a runtime of its own.
pub(super) fn block_on<F: Future<Output = ExitCode>>(future: F) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => output::fail(&format!("the program cannot start its threads: {error}")),
    }
}

/// Cancels the token at SIGTERM or SIGINT.
pub(super) fn cancel_on_signal(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    tokio::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cancel.cancel();
    });
}

/// Arguments of `rollcall connector`.
#[derive(Debug, Args)]
pub struct ConnectorArguments {
    /// error, warn, info, debug or trace.
    #[arg(long, default_value_t = tracing::Level::INFO)]
    log_level: tracing::Level,
}

/// `rollcall connector`: the program in a connector pod.
pub(super) fn connector(arguments: &ConnectorArguments) -> ExitCode {
    telemetry::start(arguments.log_level);
    block_on(async {
        let cancel = CancellationToken::new();
        cancel_on_signal(cancel.clone());
        let exit = pod::main(&PodFiles::mounted(), cancel).await;
        ExitCode::from(u8::try_from(exit.as_i32()).unwrap_or(u8::MAX))
    })
}

/// Arguments of `rollcall operator`.
#[derive(Debug, Args)]
pub struct OperatorArguments {
    /// Namespace that is watched; may be given several times.
    #[arg(long = "namespace", value_name = "NAMESPACE", required_unless_present = "all_namespaces")]
    namespaces: Vec<String>,
    /// Watch all namespaces; needs cluster-wide rights.
    #[arg(long, conflicts_with = "namespaces")]
    all_namespaces: bool,
    /// Image of connector pods: the operator's own.
    #[arg(long)]
    image: String,
    /// Always, IfNotPresent or Never.
    #[arg(long)]
    image_pull_policy: Option<String>,
    /// ServiceAccount of connector pods, unless a provider names another. It needs no rights.
    #[arg(long)]
    connector_service_account: Option<String>,
    /// Base URL of the records service. Without it records end with their run.
    #[arg(long, requires = "records_ca_config_map")]
    records_url: Option<String>,
    /// ConfigMap with the certificate (key ca.crt) that the records service is checked against.
    #[arg(long)]
    records_ca_config_map: Option<String>,
    /// Name of the Lease; must differ between installations in one namespace.
    #[arg(long, default_value = "rollcall-operator")]
    lease_name: String,
    /// Namespace of the Lease.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    lease_namespace: String,
    /// Name of this replica in the Lease and in events.
    #[arg(long, env = "POD_NAME", default_value = "rollcall-operator")]
    identity: String,
    /// How many objects are worked on at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Address of metrics and health checks.
    #[arg(long, default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Offer metrics with a namespace and name for each object.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    metrics_per_object: bool,
    /// error, warn, info, debug or trace; connector pods log at the same level.
    #[arg(long, default_value_t = tracing::Level::INFO)]
    log_level: tracing::Level,
}

/// `rollcall operator`: the controller.
pub(super) fn operator(arguments: OperatorArguments) -> ExitCode {
    telemetry::start(arguments.log_level);
    let settings = Settings {
        namespaces: if arguments.all_namespaces { Namespaces::All } else { Namespaces::List(arguments.namespaces) },
        identity: arguments.identity,
        pods: PodDefaults {
            image: arguments.image,
            image_pull_policy: arguments.image_pull_policy,
            service_account: arguments.connector_service_account,
            log_level: Some(arguments.log_level.to_string().to_lowercase()),
            records_url: arguments.records_url,
            records_ca_config_map: arguments.records_ca_config_map,
        },
        lease_namespace: arguments.lease_namespace,
        lease_name: arguments.lease_name,
        listen: arguments.listen,
        concurrency: usize::from(arguments.concurrency),
        metrics_per_object: arguments.metrics_per_object,
    };
    block_on(async {
        match operator::run(settings, Arc::new(VendorCatalogue)).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => output::fail(&error.to_string()),
        }
    })
}

/// Arguments of `rollcall records-service`.
#[derive(Debug, Args)]
pub struct RecordsServiceArguments {
    /// Address for HTTPS.
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// Address for metrics and health checks over plain HTTP.
    #[arg(long, default_value = "0.0.0.0:8080")]
    metrics_listen: SocketAddr,
    /// The database file; made when it does not exist.
    #[arg(long)]
    database: PathBuf,
    /// File with the encryption key (32 bytes as base64 or hexadecimal); may be given several times: the first
    /// encrypts, all decrypt.
    #[arg(long = "key-file", required = true)]
    key_files: Vec<PathBuf>,
    /// Certificate of the service (PEM); read again when it changes.
    #[arg(long)]
    tls_cert: PathBuf,
    /// Its private key (PEM).
    #[arg(long)]
    tls_key: PathBuf,
    /// What callers' tokens must be issued for.
    #[arg(long, default_value = service::AUDIENCE)]
    audience: String,
    /// ServiceAccount that people read with.
    #[arg(long)]
    reader_service_account: String,
    /// Namespace that the service runs in.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    own_namespace: String,
    /// Namespace whose settings are served; may be given several times. Without it: all.
    #[arg(long = "namespace")]
    namespaces: Vec<String>,
    /// Days that outcomes of single records are kept.
    #[arg(long, default_value_t = 30)]
    record_days: u32,
    /// Days that summaries of runs are kept.
    #[arg(long, default_value_t = 400)]
    summary_days: u32,
    /// error, warn, info, debug or trace.
    #[arg(long, default_value_t = tracing::Level::INFO)]
    log_level: tracing::Level,
}

/// `rollcall records-service`: the records service.
pub(super) fn records_service(arguments: RecordsServiceArguments) -> ExitCode {
    telemetry::start(arguments.log_level);
    let config = ServiceConfig {
        listen: arguments.listen,
        metrics_listen: arguments.metrics_listen,
        database: arguments.database,
        key_files: arguments.key_files,
        tls_cert: arguments.tls_cert,
        tls_key: arguments.tls_key,
        audience: arguments.audience,
        reader_service_account: arguments.reader_service_account,
        own_namespace: arguments.own_namespace,
        namespaces: arguments.namespaces,
        retention: Retention { record_days: arguments.record_days, summary_days: arguments.summary_days },
    };
    block_on(async {
        let shutdown = CancellationToken::new();
        cancel_on_signal(shutdown.clone());
        match service::serve(config, shutdown).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => output::fail(&error.to_string()),
        }
    })
}
