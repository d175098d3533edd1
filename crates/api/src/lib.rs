//! What users see: the custom resources, their labels, reasons and conditions.
//!
//! Only types and pure helpers live here. Nothing in this folder talks to a server.

pub mod conditions;
pub mod contract;
pub mod crds;
pub mod labels;
pub mod reasons;
pub mod v1alpha1;

/// API group of every kind.
pub const GROUP: &str = "rollcall.dev";
/// The one served version.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` of every kind.
pub const API_VERSION: &str = "rollcall.dev/v1alpha1";
