//! SCIM 2.0 as a client (RFC 7643, RFC 7644).

mod features;
mod resource;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use features::ServerFeatures;
pub(crate) use target::ScimTarget;
