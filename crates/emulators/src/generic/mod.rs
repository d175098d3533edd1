//! An invented system that can be read from and written to, for integrations that flow both ways.
//!
//! No vendor is behind it. It is started twice with different settings: as `ledger`, which plays an
//! HR system, and as `campus`, which plays a learning system. Both speak plain REST with JSON:
//!
//! * `GET /{stream}` lists, by position, by link or at once; `?email=` looks somebody up
//! * `GET|PATCH|DELETE /{stream}/{id}`, `POST /{stream}`; a PATCH is a merge patch (RFC 7396)
//! * `POST /people/{id}/enable` and `/disable` do what a PATCH of `active` does
//! * streams: `people`, `placements` (`personId` says whose), `officers` (`officerId` of people)
//! * the header `X-Key` has the key
//!
//! Every row has all columns of its stream, null where there is no value, and whatever else it was
//! given. Ids count up in each stream from a number that can be chosen, so that those of two
//! instances overlap.

mod check;
mod columns;
mod control;
mod list;
mod populate;
mod refusal;
mod rows;
mod state;

pub use state::{GenericState, Stream};

use super::common::core::Core;
use super::common::layer::{Vendor, Watch, observe};
use super::common::server::{ANY_LOOPBACK, Server};
use super::common::{control as shared, lock};
use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use refusal::Refusal;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

/// Key that tests use. It protects synthetic data only.
pub const DEMO_KEY: &str = "demo-key";

/// Route templates, for counters and faults.
pub const ROUTES: [&str; 8] = [
    "/people",
    "/people/{id}",
    "/people/{id}/enable",
    "/people/{id}/disable",
    "/placements",
    "/placements/{id}",
    "/officers",
    "/officers/{id}",
];

/// Vendor definition of the HR system, with linked pages.
pub const LEDGER_DEFINITION: &str = include_str!("../../definitions/ledger.yaml");

/// Vendor definition of the learning system, with pages by position.
pub const CAMPUS_DEFINITION: &str = include_str!("../../definitions/campus.yaml");

/// How a list is cut into pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// By `offset` and `limit`: what is inserted or deleted between two pages moves the others.
    Offset,
    /// By a link to the next page, which begins after the last row of this one.
    NextLink,
    /// Not at all: whatever page is asked for, all rows come.
    OnePage,
}

/// What `?email=` does in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailFilter {
    /// Only rows with this address are listed, whatever its case.
    Answered,
    /// All rows are listed, as if nothing had been asked.
    Ignored,
    /// The request is refused with 400.
    Refused,
}

/// What a deletion does to the rows that refer to the deleted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependents {
    /// Placements go with their person; people are left without the officer.
    FollowAlong,
    /// The deletion is refused with 409.
    Prevent,
}

/// Settings of the emulator; a change takes effect at the next request.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "switches that do not depend on each other")]
pub struct GenericOptions {
    /// What the system is called.
    pub name: String,
    /// Accepted key.
    pub key: String,
    /// Id of the first row of each stream that is not given another one.
    pub first_id: u64,
    /// How lists are cut.
    pub paging: Paging,
    /// Whether a list says how many rows there are.
    pub declares_total: bool,
    /// The most rows of a page, and so many unless fewer are asked for.
    pub page_size: usize,
    /// What `?email=` does.
    pub email_filter: EmailFilter,
    /// Whether an e-mail address that is taken is refused with 409.
    pub unique_email: bool,
    /// Whether written names become capitals and blanks round written texts are cut off.
    pub normalises: bool,
    /// What a deletion does to rows that refer to the deleted one.
    pub dependents: Dependents,
    /// Names that are left out of every row that is delivered.
    pub omit_fields: Vec<String>,
    /// Rows that lists deliver twice, the second time right after the first.
    pub delivered_twice: Vec<(Stream, u64)>,
    /// Lists end after so many rows as if there were no more; the total is still the true one.
    pub list_ends_after: Option<usize>,
}

impl GenericOptions {
    /// The HR system: linked pages with a total, no look-up by e-mail address.
    pub fn ledger() -> Self {
        Self {
            name: "ledger".to_owned(),
            key: DEMO_KEY.to_owned(),
            first_id: 1,
            paging: Paging::NextLink,
            declares_total: true,
            page_size: 50,
            email_filter: EmailFilter::Refused,
            unique_email: false,
            normalises: false,
            dependents: Dependents::FollowAlong,
            omit_fields: Vec::new(),
            delivered_twice: Vec::new(),
            list_ends_after: None,
        }
    }

    /// The learning system: pages by position with a total, look-up by e-mail address, which is
    /// unique.
    pub fn campus() -> Self {
        Self {
            name: "campus".to_owned(),
            paging: Paging::Offset,
            email_filter: EmailFilter::Answered,
            unique_email: true,
            ..Self::ledger()
        }
    }
}

/// What the handlers share.
#[derive(Debug)]
struct App {
    state: Mutex<GenericState>,
}

impl App {
    fn state(&self) -> MutexGuard<'_, GenericState> {
        lock(&self.state)
    }

    /// The state, for a request that has the key.
    fn opened(&self, headers: &HeaderMap) -> Result<MutexGuard<'_, GenericState>, Refusal> {
        let state = self.state();
        if headers.get("x-key").is_some_and(|key| key == state.options.key.as_str()) {
            Ok(state)
        } else {
            Err(Refusal::of(StatusCode::UNAUTHORIZED))
        }
    }
}

impl Vendor for App {
    fn error(&self, _path: &str, status: StatusCode) -> Response {
        Refusal::of(status).into_response()
    }

    fn expire_tokens(&self) -> bool {
        false
    }

    fn routes(&self) -> &'static [&'static str] {
        &ROUTES
    }

    fn is_write(&self, method: &Method, _route: &str) -> bool {
        method != Method::GET
    }
}

/// A running emulator; stops when it is dropped. Faults, pauses, journal and counters: [`Server`].
#[derive(Debug)]
pub struct GenericEmulator {
    server: Server,
    app: Arc<App>,
}

impl GenericEmulator {
    /// Starts on loopback, on a free port.
    ///
    /// # Panics
    /// When no port can be bound.
    pub async fn start(options: GenericOptions) -> Self {
        let started = Self::bind(ANY_LOOPBACK, options).await;
        started.unwrap_or_else(|error| panic!("no loopback port for the emulator: {error}"))
    }

    /// Starts on the given address.
    pub async fn bind(address: SocketAddr, options: GenericOptions) -> io::Result<Self> {
        let core = Arc::new(Core::default());
        let app = Arc::new(App { state: Mutex::new(GenericState::new(options)) });
        let server = Server::bind(address, router(&app, &core), core).await?;
        Ok(Self { server, app })
    }

    /// Rows and options. The emulator waits while the guard is held, so do not hold it while
    /// waiting for an answer.
    pub fn state(&self) -> MutexGuard<'_, GenericState> {
        self.app.state()
    }

    /// Stops in an orderly way.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl Deref for GenericEmulator {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

fn router(app: &Arc<App>, core: &Arc<Core>) -> Router {
    let watch = Watch { core: Arc::clone(core), vendor: Arc::clone(app) as Arc<dyn Vendor> };
    let vendor = Router::new()
        .route(ROUTES[2], post(rows::enable))
        .route(ROUTES[3], post(rows::disable))
        .route("/{stream}", get(list::list).post(rows::create))
        .route("/{stream}/{id}", get(rows::one).patch(rows::modify).delete(rows::delete))
        .fallback(|| async { Refusal::of(StatusCode::NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Refusal::of(StatusCode::METHOD_NOT_ALLOWED) })
        .with_state(Arc::clone(app))
        .layer(from_fn_with_state(watch, observe));
    let summary = Arc::clone(app);
    let summary: shared::Summary = Arc::new(move || control::summary(&summary));
    vendor.merge(shared::router(Arc::clone(core), summary)).merge(control::router(app))
}
