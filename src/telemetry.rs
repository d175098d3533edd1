//! Logs: one JSON object a line on standard error. Messages are constant sentences; fields are names of objects and
//! figures, never data of people and never credentials.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries that log requests, and with them what must not be logged, stay at this level whatever is asked for.
const QUIET: [&str; 8] = ["hyper", "hyper_util", "h2", "reqwest", "rustls", "sqlx", "tower", "kube_client"];

/// Starts logging at `level` (`error`, `warn`, `info`, `debug` or `trace`).
pub fn start(level: tracing::Level) {
    let mut filter = EnvFilter::new(level.to_string());
    for library in QUIET {
        if let Ok(directive) = format!("{library}=warn").parse() {
            filter = filter.add_directive(directive);
        }
    }
    let json = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
    // A second start (tests) keeps the first.
    let _ = tracing_subscriber::registry().with(filter).with(json).try_init();
}
