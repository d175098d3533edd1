//! Emulator of Personio's API version 2, read only, as a source of people.
//!
//! Quirks of the vendor that are kept: tokens are asked for with a form and a wrong client gets
//! a 400; a missing scope shows as 401; pages have 10 rows unless asked otherwise and 50 at
//! most; the cursor exists only within the link to the next page and contains a `+`; cost
//! centres and workplaces answer 404 without `Beta: true`; too many requests get a 429 without
//! `Retry-After`; the last working day has two spellings.

mod auth;
mod control;
mod employments;
mod lookups;
mod paging;
mod persons;
mod problem;
mod ratelimit;
mod state;

pub use ratelimit::Rate;
pub use state::{PersonioState, TerminationKey};

use super::common::core::Core;
use super::common::layer::{Vendor, Watch, observe};
use super::common::server::{ANY_LOOPBACK, Server};
use super::common::{control as shared, lock};
use super::people::People;
use axum::Router;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use problem::Problem;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

/// Client id that the demo uses.
pub const DEMO_CLIENT_ID: &str = "demo-client";
/// Client secret that the demo uses. It protects synthetic data only.
pub const DEMO_CLIENT_SECRET: &str = "demo-secret";

/// Scope that persons and employments need.
pub const SCOPE_PERSONS: &str = "personio:persons:read";
/// Scope of the cost centres; its exact name is inferred, as are the following.
pub const SCOPE_COST_CENTERS: &str = "personio:cost-centers:read";
/// Scope of the workplaces (offices).
pub const SCOPE_WORKPLACES: &str = "personio:workplaces:read";
/// Scope of the org units (departments and teams).
pub const SCOPE_ORG_UNITS: &str = "personio:org-units:read";
/// Scope of the legal entities.
pub const SCOPE_LEGAL_ENTITIES: &str = "personio:legal-entities:read";

/// Route templates, for counters and faults.
pub const ROUTES: [&str; 12] = [
    "/v2/auth/token",
    "/v2/auth/revoke",
    "/v2/persons",
    "/v2/persons/{id}",
    "/v2/persons/{id}/employments",
    "/v2/persons/{id}/employments/{employment}",
    "/v2/cost-centers",
    "/v2/workplaces",
    "/v2/org-units",
    "/v2/org-units/{id}",
    "/v2/legal-entities",
    "/v2/legal-entities/{id}",
];

/// Settings of the emulator.
#[derive(Clone, Debug)]
pub struct PersonioOptions {
    /// Accepted client id.
    pub client_id: String,
    /// Accepted client secret.
    pub client_secret: String,
    /// Scopes that the credential has.
    pub scopes: Vec<String>,
    /// Life of a token in seconds.
    pub expires_in: u64,
    /// Token bucket of each data route; none by default.
    pub rate: Option<Rate>,
    /// Token bucket of the token route; none by default.
    pub auth_rate: Option<Rate>,
    /// How the last working day is spelt.
    pub termination_key: TerminationKey,
    /// Names that are left out of every person, for instance `status`.
    pub omit_from_persons: Vec<String>,
    /// Names that are left out of every employment, for instance `supervisor`.
    pub omit_from_employments: Vec<String>,
}

impl Default for PersonioOptions {
    fn default() -> Self {
        let scopes = [SCOPE_PERSONS, SCOPE_COST_CENTERS, SCOPE_WORKPLACES, SCOPE_ORG_UNITS, SCOPE_LEGAL_ENTITIES];
        Self {
            client_id: DEMO_CLIENT_ID.to_owned(),
            client_secret: DEMO_CLIENT_SECRET.to_owned(),
            scopes: scopes.map(str::to_owned).to_vec(),
            expires_in: 86_400,
            rate: None,
            auth_rate: None,
            termination_key: TerminationKey::default(),
            omit_from_persons: Vec::new(),
            omit_from_employments: Vec::new(),
        }
    }
}

/// A row without the fields of these names.
fn without(mut row: Value, names: &[String]) -> Value {
    if let Some(fields) = row.as_object_mut() {
        fields.retain(|name, _| !names.contains(name));
    }
    row
}

/// What the handlers share.
#[derive(Debug)]
struct App {
    state: Mutex<PersonioState>,
}

impl App {
    fn state(&self) -> MutexGuard<'_, PersonioState> {
        lock(&self.state)
    }
}

impl Vendor for App {
    fn error(&self, _path: &str, status: StatusCode) -> Response {
        Problem::new(status, status.canonical_reason().unwrap_or("Error"), "").into_response()
    }

    fn expire_tokens(&self) -> bool {
        self.state().expire_tokens();
        true
    }

    fn routes(&self) -> &'static [&'static str] {
        &ROUTES
    }

    fn is_write(&self, method: &Method, route: &str) -> bool {
        method != Method::GET && !route.starts_with("/v2/auth/")
    }
}

/// A running emulator of Personio; stops when it is dropped. Faults and counters: [`Server`].
#[derive(Debug)]
pub struct PersonioEmulator {
    server: Server,
    app: Arc<App>,
}

impl PersonioEmulator {
    /// Starts on loopback, on a free port.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start(people: People, options: PersonioOptions) -> Self {
        let started = Self::bind(ANY_LOOPBACK, people, options).await;
        started.unwrap_or_else(|error| panic!("no loopback port for the emulator: {error}"))
    }

    /// Starts on the given address.
    pub async fn bind(address: SocketAddr, people: People, options: PersonioOptions) -> io::Result<Self> {
        let core = Arc::new(Core::default());
        let app = Arc::new(App { state: Mutex::new(PersonioState::new(people, options)) });
        let server = Server::bind(address, router(&app, &core), core).await?;
        Ok(Self { server, app })
    }

    /// People, options and tokens. The emulator waits while the guard is held, so do not hold
    /// it while waiting for an answer.
    pub fn state(&self) -> MutexGuard<'_, PersonioState> {
        self.app.state()
    }

    /// Stops in an orderly way.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl Deref for PersonioEmulator {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn router(app: &Arc<App>, core: &Arc<Core>) -> Router {
    let watch = Watch { core: Arc::clone(core), vendor: Arc::clone(app) as Arc<dyn Vendor> };
    let vendor = Router::new()
        .route(ROUTES[0], post(auth::token))
        .route(ROUTES[1], post(auth::revoke))
        .route(ROUTES[2], get(persons::list))
        .route(ROUTES[3], get(persons::one))
        .route(ROUTES[4], get(employments::list))
        .route(ROUTES[5], get(employments::one))
        .route(ROUTES[6], get(lookups::cost_centers))
        .route(ROUTES[7], get(lookups::workplaces))
        .route(ROUTES[8], get(lookups::org_units))
        .route(ROUTES[9], get(lookups::org_unit))
        .route(ROUTES[10], get(lookups::legal_entities))
        .route(ROUTES[11], get(lookups::legal_entity))
        .fallback(|| async { Problem::not_found("no such path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", "")
        })
        .with_state(Arc::clone(app))
        .layer(from_fn_with_state(Arc::clone(app), ratelimit::limit))
        .layer(from_fn_with_state(watch, observe));
    let summary = Arc::clone(app);
    let summary: shared::Summary = Arc::new(move || control::summary(&summary));
    vendor.merge(shared::router(Arc::clone(core), summary)).merge(control::router(app))
}
