//! Where requests may go: only to the hosts of the provider's endpoints, at addresses that were resolved once, checked
//! and pinned.

pub(crate) mod address;
mod egress;
pub(crate) mod tls;

pub(crate) use egress::Egress;
