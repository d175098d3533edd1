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
    refuse_oversized(text, origin)?;
    let definition: VendorDefinition =
        serde_yaml_ng::from_str(text).map_err(|error| DefinitionError::unreadable(origin, &error))?;
    let problems = check::problems(&definition);
    if problems.is_empty() { Ok(definition) } else { Err(DefinitionError { origin: origin.to_owned(), problems }) }
}

/// Largest definition that is read, in bytes; the largest one that is built in has a fortieth of it.
const MAX_BYTES: usize = 512 * 1024;
/// Deepest nesting of brackets. The parser takes time by the square of it.
const MAX_DEPTH: usize = 64;

/// Refuses a text before the parser sees it. Brackets inside quoted texts count too: no definition has so many.
fn refuse_oversized(text: &str, origin: &str) -> Result<(), DefinitionError> {
    let refuse = |path: &str, rule: String| DefinitionError {
        origin: origin.to_owned(),
        problems: vec![Problem { place: path.to_owned(), rule, remedy: "shorten it".to_owned() }],
    };
    if text.len() > MAX_BYTES {
        return Err(refuse("the whole text", format!("has {} bytes; definitions may have {MAX_BYTES}", text.len())));
    }
    let mut depth = 0_usize;
    for (line, content) in text.lines().enumerate() {
        for letter in content.bytes() {
            match letter {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        let indented = content.len() - content.trim_start_matches([' ', '-']).len();
        if depth.max(indented / 2) > MAX_DEPTH {
            return Err(refuse(&format!("line {}", line + 1), format!("is nested more than {MAX_DEPTH} levels deep")));
        }
    }
    Ok(())
}
