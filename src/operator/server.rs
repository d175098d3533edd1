//! HTTP: metrics and probes. Serves no data of people and no credentials, so it needs no authentication of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::cluster::SyncState;
use super::metrics::Metrics;

#[derive(Clone)]
struct Shared {
    metrics: Arc<Metrics>,
    sync: Arc<SyncState>,
}

/// The routes.
pub fn router(metrics: Arc<Metrics>, sync: Arc<SyncState>) -> Router {
    Router::new()
        .route("/metrics", get(render))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Shared { metrics, sync })
}

/// Serves until `stop` is told.
pub async fn serve(listen: SocketAddr, router: Router, mut stop: watch::Receiver<bool>) -> std::io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            let _ = stop.wait_for(|stop| *stop).await;
        })
        .await
}

async fn render(State(shared): State<Shared>) -> Result<String, (StatusCode, String)> {
    shared.metrics.render().map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

/// Ready once every watch is complete; until then the answer lists what is missing.
async fn ready(State(shared): State<Shared>) -> (StatusCode, String) {
    let pending = shared.sync.pending();
    if pending.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not ready:\n{}\n", pending.join("\n")))
    }
}
