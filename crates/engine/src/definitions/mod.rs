//! Vendor definitions: what a system is, how it is reached, which records it has, how they are read and written.
//! Everything that is said about a vendor is said in a definition; the connectors know protocols only.
//!
//! [`parse`] turns YAML into a checked [`VendorDefinition`] or into all of its problems at once; [`catalogue`] holds
//! the definitions that are built in.

mod access;
pub mod catalogue;
mod check;
mod check_rest;
mod check_streams;
mod error;
mod json_path;
pub mod schema;
mod scim_path;
mod streams;
mod template;
#[cfg(test)]
mod tests;
mod vendor;

pub use access::{
    Authentication, Credential, Endpoint, ErrorClass, ErrorRule, HttpMethod, RateHeaders, RateLimits, Request,
    RequestPurpose,
};
pub use error::{DefinitionError, Problem};
pub use json_path::{JsonPath, is_text, put};
pub use scim_path::{ScimPath, ScimSelector};
pub use streams::{
    ActiveRule, Direction, Expansion, KeyFilter, ListSpec, Lookup, Paging, Preference, RestStream, ScimShape,
    ScimStream, ScimValue, Stream, Transport, ValueRule,
};
pub use template::{Template, TemplateError};
pub use vendor::{ConnectorKind, VendorDefinition};

/// Reads and checks a definition. `origin` names the text in messages: a file, or a `ConfigMap` and its key.
///
/// # Errors
/// The place where the YAML cannot be read, or every rule that the definition breaks.
pub fn parse(text: &str, origin: &str) -> Result<VendorDefinition, DefinitionError> {
    let definition: VendorDefinition =
        serde_yaml_ng::from_str(text).map_err(|error| DefinitionError::unreadable(origin, &error))?;
    let problems = check::problems(&definition);
    if problems.is_empty() { Ok(definition) } else { Err(DefinitionError { origin: origin.to_owned(), problems }) }
}
