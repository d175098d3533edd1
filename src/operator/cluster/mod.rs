//! The only module that talks to Kubernetes: watches into reduced stores, and the few writes.

mod api;
mod error;
mod events;
mod merge;
mod reduce;
mod store;
mod sync;
mod watch;

pub use api::{Cluster, Written};
pub use error::ClusterError;
pub use events::Regarding;
pub use reduce::groups;
pub use store::{BeforeAfter, Store, Stored};
pub use sync::SyncState;
pub use watch::{Change, Stores, Watches};
