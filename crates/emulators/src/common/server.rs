//! Runs a router on an address; the handle stops it when it is dropped.

use super::core::{Core, RouteCount, Write};
use super::faults::{Armed, Fault};
use super::journal::Entry;
use super::pause::{Moment, Pause, Point};
use axum::Router;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Open requests get so long to end when the emulator is stopped in an orderly way.
const GRACE: Duration = Duration::from_secs(5);

/// The address for tests: loopback, any free port.
pub const ANY_LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running emulator. Dropping it closes the port.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    core: Arc<Core>,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds the address and serves the router in a task of its own.
    pub async fn bind(address: SocketAddr, router: Router, core: Arc<Core>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stop = Arc::clone(&core);
        let task = tokio::spawn(async move {
            let serve = axum::serve(listener, router).with_graceful_shutdown(async move { stop.stopped().await });
            if let Err(error) = serve.await {
                tracing::warn!(%error, "server ended");
            }
        });
        Ok(Self { address, core, task })
    }

    /// `http://host:port` without a slash at the end.
    pub fn base_url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}")
    }

    /// The address that is listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a fault.
    pub fn fail(&self, fault: Fault) {
        self.core.add_fault(fault);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.core.clear_faults();
    }

    /// The faults with their counters.
    pub fn faults(&self) -> Vec<Armed> {
        self.core.faults()
    }

    /// Requests of this method and route template since the start or the last reset.
    pub fn requests(&self, method: &str, route: &str) -> u64 {
        self.core.requests(method, route)
    }

    /// All request counters.
    pub fn counts(&self) -> Vec<RouteCount> {
        self.core.counts()
    }

    /// The requests that changed data or tried to, oldest first.
    pub fn writes(&self) -> Vec<Write> {
        self.core.writes()
    }

    /// Every request to the emulated system, reads and refused ones among them, in the order in
    /// which they came.
    pub fn journal(&self) -> Vec<Entry> {
        self.core.journal()
    }

    /// Holds the nth request from now on, counted from 1, before it takes effect or after.
    pub fn pause_at(&self, nth: u64, moment: Moment) -> Pause {
        self.pause(Point::new(nth, moment))
    }

    /// Stops at the nth request from now on: it is held, and so is every later one.
    pub fn stop_at(&self, nth: u64, moment: Moment) -> Pause {
        self.pause(Point::new(nth, moment).with_later_ones())
    }

    /// Holds the request at a point.
    pub fn pause(&self, point: Point) -> Pause {
        self.core.pause(point)
    }

    /// Sets the counters to zero and forgets the journal and the writes.
    pub fn reset_counters(&self) {
        self.core.reset_counters();
    }

    /// Stops in an orderly way: no new connections, open requests may end.
    pub async fn stop(mut self) {
        self.core.stop();
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.core.stop();
        self.task.abort();
    }
}
