//! Settings of the operator, filled by the command line.

use std::net::SocketAddr;

use super::resources::PodDefaults;

/// Which namespaces are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// All of them, by one set of watches; needs cluster-wide rights.
    All,
    /// These, by one set of watches each; needs a Role in each.
    List(Vec<String>),
}

/// Everything that can be chosen when the operator is installed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which namespaces are watched.
    pub namespaces: Namespaces,
    /// Name of this replica in the Lease and in events; the pod's name.
    pub identity: String,
    /// Image, ServiceAccount and records service of connector pods.
    pub pods: PodDefaults,
    /// Namespace of the Lease.
    pub lease_namespace: String,
    /// Name of the Lease; includes the release, so that two installations do not share it.
    pub lease_name: String,
    /// Where /metrics, /livez and /readyz are served.
    pub listen: SocketAddr,
    /// How many objects are worked on at once; at least 1.
    pub concurrency: usize,
    /// Whether metrics with a namespace and name for each object are offered.
    pub metrics_per_object: bool,
}
