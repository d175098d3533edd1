//! The drivers: a change in the cluster becomes a key in the queue, a worker observes, decides, acts.

mod definitions;
mod expect;
mod job;
mod key;
mod observe;
mod pass;
mod places;
mod queue;
mod reconcile;
mod route;
mod sights;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use key::{Key, Kind};
pub use pass::{PASS_BUDGET, Passes};
pub use queue::Queue;
pub use reconcile::Controller;

use super::cluster::Stores;

/// Every object there is, for the first pass of a new leader.
pub fn all_keys(stores: &Stores) -> Vec<Key> {
    let mut keys: Vec<Key> = stores.providers.all().iter().map(|one| Key::of(Kind::Provider, one.as_ref())).collect();
    keys.extend(stores.settings.all().iter().map(|one| Key::of(Kind::Setting, one.as_ref())));
    let mut jobs = stores.jobs.all();
    jobs.sort_by_key(|job| (job.metadata.creation_timestamp.clone(), job.metadata.name.clone()));
    keys.extend(jobs.iter().map(|one| Key::of(Kind::Job, one.as_ref())));
    keys.extend(stores.approvals.all().iter().map(|one| Key::of(Kind::Approval, one.as_ref())));
    keys
}

/// Starts so many workers; they end when the queue is closed.
pub fn start_workers(controller: &Arc<Controller>, concurrency: usize) -> tokio::task::JoinSet<()> {
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..concurrency.max(1) {
        let controller = Arc::clone(controller);
        workers.spawn(async move { controller.work().await });
    }
    let timer = Arc::clone(controller);
    workers.spawn(async move { timer.watch_timers().await });
    workers
}
