//! SCIM 2.0 as a client (RFC 7643, RFC 7644).

mod connector;
mod features;
mod resource;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use connector::ScimConnector;
pub(crate) use features::ServerFeatures;
