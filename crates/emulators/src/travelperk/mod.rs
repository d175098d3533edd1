//! Emulator of TravelPerk (now branded Perk) as a target: SCIM below `/api/v2/scim`, cost
//! centres in REST at the root.
//!
//! Quirks of the vendor that are kept: SCIM takes a bearer token or the scheme `ApiKey`, REST
//! takes `ApiKey` only and wants `Api-Version: 1`; no `ETags`, no bulk, pages of 50; only
//! `userName` (and `externalId`, which can be switched off) can be looked for; a manager must
//! exist already; an unknown company becomes the default company; URLs in answers point to
//! another host; dates of birth are taken with slashes and given back with dashes.

mod control;
mod discovery;
mod filter;
mod normal;
mod patch;
mod path;
mod projection;
mod rest;
mod schema;
mod scim;
mod scim_error;
mod state;

pub use schema::{CORE, ENTERPRISE, TRAVELPERK};
pub use state::{Account, CostCenter, TravelPerkState};

use super::common::core::Core;
use super::common::layer::{Vendor, Watch, observe};
use super::common::server::{ANY_LOOPBACK, Server};
use super::common::{control as shared, lock};
use super::people::People;
use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch as patch_route, post, put};
use rest::RestError;
use scim_error::ScimError;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

/// Key that the demo uses. It protects synthetic data only.
pub const DEMO_API_KEY: &str = "demo-key";

/// Where the SCIM routes are.
pub const SCIM_BASE: &str = "/api/v2/scim";

/// Companies that exist in the travel system. The last is spelt otherwise than in the HR
/// system, so that people of that company fall to the default company.
pub const DEFAULT_COMPANIES: [&str; 4] =
    ["Example GmbH", "Example Ltd", "Example Ibérica S.L.", "EXAMPLE POLSKA SP. Z O.O."];

/// Route templates, for counters and faults.
pub const ROUTES: [&str; 12] = [
    "/api/v2/scim/ServiceProviderConfig",
    "/api/v2/scim/ResourceTypes",
    "/api/v2/scim/ResourceTypes/{id}",
    "/api/v2/scim/Schemas",
    "/api/v2/scim/Schemas/{id}",
    "/api/v2/scim/Users",
    "/api/v2/scim/Users/{id}",
    "/api/v2/scim/.search",
    "/cost_centers",
    "/cost_centers/bulk_update",
    "/cost_centers/{id}",
    "/cost_centers/{id}/users",
];

/// Settings of the emulator.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "switches that do not depend on each other")]
pub struct TravelPerkOptions {
    /// Accepted key, for both schemes.
    pub api_key: String,
    /// Id of the first account and of the first cost centre. Two tenants have the same ids for
    /// different people unless this is set.
    pub first_id: u64,
    /// Answer every search as if nothing had been searched for, as some SCIM servers do.
    pub ignore_filters: bool,
    /// Whether `externalId eq` works; the vendor's documents leave it open.
    pub filter_external_id: bool,
    /// Names of the companies.
    pub companies: Vec<String>,
    /// The company of everybody whose company is not known.
    pub default_company: String,
    /// What URLs in answers begin with.
    pub location_base: String,
    /// Answer a PATCH with 204 and no body in place of 200 and the user.
    pub patch_no_content: bool,
    /// Refuse a cost centre's name that does not exist in place of keeping it as a text.
    pub reject_unknown_cost_centers: bool,
    /// Status for a cost centre whose name is taken: 409 or 400; not documented.
    pub duplicate_cost_center_status: u16,
    /// Whether a manager is shown with the name.
    pub manager_display_name: bool,
}

impl Default for TravelPerkOptions {
    fn default() -> Self {
        Self {
            api_key: DEMO_API_KEY.to_owned(),
            first_id: 1,
            ignore_filters: false,
            filter_external_id: true,
            companies: DEFAULT_COMPANIES.map(str::to_owned).to_vec(),
            default_company: DEFAULT_COMPANIES[0].to_owned(),
            location_base: format!("https://app.travelperk.example.test{SCIM_BASE}"),
            patch_no_content: false,
            reject_unknown_cost_centers: false,
            duplicate_cost_center_status: 409,
            manager_display_name: true,
        }
    }
}

impl TravelPerkState {
    /// The credentials after one of the schemes.
    fn has_key(&self, headers: &HeaderMap, schemes: &[&str]) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, key)) = given.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        schemes.contains(&scheme) && key == self.options.api_key
    }

    /// SCIM takes a bearer token; a public client uses `ApiKey` on the same URLs.
    fn authorize_scim(&self, headers: &HeaderMap) -> Result<(), ScimError> {
        if self.has_key(headers, &["Bearer", "ApiKey"]) {
            Ok(())
        } else {
            Err(ScimError::new(StatusCode::UNAUTHORIZED, "no valid credentials"))
        }
    }

    /// REST takes the scheme `ApiKey` and wants to know the version of the API.
    fn authorize_rest(&self, headers: &HeaderMap) -> Result<(), RestError> {
        if !self.has_key(headers, &["ApiKey"]) {
            return Err(RestError(StatusCode::UNAUTHORIZED, "no valid credentials".to_owned()));
        }
        if headers.get("api-version").is_some_and(|version| version == "1") {
            Ok(())
        } else {
            Err(RestError(StatusCode::BAD_REQUEST, "the header Api-Version: 1 is missing".into()))
        }
    }

    /// Gives the first so many people accounts that somebody has made by hand: no `externalId`,
    /// no manager.
    pub fn adopt(&mut self, people: &People, count: usize) {
        for person in people.iter().take(count) {
            let user = json!({
                "userName": person.email,
                "name": { "givenName": person.first_name, "familyName": person.last_name },
            });
            let Some(user) = user.as_object().cloned() else {
                continue;
            };
            // Somebody without an e-mail address cannot have an account.
            let _ = self.insert(user);
        }
    }
}

/// What the handlers share.
#[derive(Debug)]
struct App {
    state: Mutex<TravelPerkState>,
}

impl App {
    fn state(&self) -> MutexGuard<'_, TravelPerkState> {
        lock(&self.state)
    }
}

impl Vendor for App {
    fn error(&self, path: &str, status: StatusCode) -> Response {
        let reason = status.canonical_reason().unwrap_or("Error");
        if path.starts_with(SCIM_BASE) {
            ScimError::new(status, reason).into_response()
        } else {
            RestError(status, reason.to_owned()).into_response()
        }
    }

    fn expire_tokens(&self) -> bool {
        false
    }

    fn routes(&self) -> &'static [&'static str] {
        &ROUTES
    }

    fn is_write(&self, method: &Method, route: &str) -> bool {
        method != Method::GET && route != "/api/v2/scim/.search"
    }
}

/// A running emulator of TravelPerk; stops when it is dropped. Faults and counters: [`Server`].
#[derive(Debug)]
pub struct TravelPerkEmulator {
    server: Server,
    app: Arc<App>,
}

impl TravelPerkEmulator {
    /// Starts on loopback, on a free port.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start(options: TravelPerkOptions) -> Self {
        let started = Self::bind(ANY_LOOPBACK, options).await;
        started.unwrap_or_else(|error| panic!("no loopback port for the emulator: {error}"))
    }

    /// Starts on the given address.
    pub async fn bind(address: SocketAddr, options: TravelPerkOptions) -> io::Result<Self> {
        let core = Arc::new(Core::default());
        let app = Arc::new(App { state: Mutex::new(TravelPerkState::new(options)) });
        let server = Server::bind(address, router(&app, &core), core).await?;
        Ok(Self { server, app })
    }

    /// Base URL of the SCIM side.
    pub fn scim_url(&self) -> String {
        format!("{}{SCIM_BASE}", self.base_url())
    }

    /// Accounts, cost centres and options. The emulator waits while the guard is held, so do
    /// not hold it while waiting for an answer.
    pub fn state(&self) -> MutexGuard<'_, TravelPerkState> {
        self.app.state()
    }

    /// Stops in an orderly way.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl Deref for TravelPerkEmulator {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn router(app: &Arc<App>, core: &Arc<Core>) -> Router {
    let watch = Watch { core: Arc::clone(core), vendor: Arc::clone(app) as Arc<dyn Vendor> };
    let user = get(scim::one).put(scim::replace).patch(scim::modify).delete(scim::delete);
    let vendor = Router::new()
        .route(ROUTES[0], get(discovery::config))
        .route(ROUTES[1], get(discovery::resource_types))
        .route(ROUTES[2], get(discovery::resource_type))
        .route(ROUTES[3], get(discovery::schemas))
        .route(ROUTES[4], get(discovery::schema))
        .route(ROUTES[5], get(scim::list).post(scim::create))
        .route(ROUTES[6], user)
        // Nothing is known about searches by POST, so they are said not to be there.
        .route(ROUTES[7], post(|| async { ScimError::new(StatusCode::NOT_IMPLEMENTED, "no") }))
        .route(ROUTES[8], get(rest::list).post(rest::create))
        .route(ROUTES[9], patch_route(rest::bulk_update))
        .route(ROUTES[10], get(rest::one).patch(rest::modify))
        .route(ROUTES[11], put(rest::set_users))
        .fallback(|| async { ScimError::not_found("no such path") })
        .method_not_allowed_fallback(|| async { ScimError::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed") })
        .with_state(Arc::clone(app))
        .layer(from_fn_with_state(watch, observe));
    let summary = Arc::clone(app);
    let summary: shared::Summary = Arc::new(move || control::summary(&summary));
    vendor.merge(shared::router(Arc::clone(core), summary)).merge(control::router(app))
}
