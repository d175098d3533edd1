//! Paths of a PATCH: `[urn:]attribute[filter].sub`, or a bare extension URN.

use super::filter::Filter;
use super::schema::{self, Attribute};
use super::scim_error::ScimError;

/// What a path points to.
#[derive(Clone, Debug)]
pub enum Target {
    /// A whole extension.
    Extension(&'static str),
    /// An attribute or a part of it.
    Attribute {
        /// URN of an extension; none for the core schema.
        extension: Option<&'static str>,
        /// The attribute.
        attribute: &'static Attribute,
        /// Picks items of a list.
        filter: Option<Filter>,
        /// Part of the value.
        sub: Option<&'static Attribute>,
    },
    /// `externalId`, which belongs to no schema.
    ExternalId,
}

fn wrong(path: &str) -> ScimError {
    ScimError::bad("invalidPath", format!("no such path: {path}"))
}

/// Cuts a schema's URN off; they contain dots, so this has to come first.
fn split_urn(path: &str) -> (Option<&'static str>, &str) {
    for schema in schema::schemas() {
        let urn = schema.id.as_str();
        let same = path.get(..urn.len()).is_some_and(|head| head.eq_ignore_ascii_case(urn));
        let rest = &path[if same { urn.len() } else { 0 }..];
        if same && (rest.is_empty() || rest.starts_with(':')) {
            return (Some(urn), rest.trim_start_matches(':'));
        }
    }
    (None, path)
}

impl Target {
    /// Reads a path.
    pub fn parse(path: &str) -> Result<Self, ScimError> {
        let (urn, rest) = split_urn(path.trim());
        let extension = urn.filter(|urn| *urn != schema::CORE);
        if rest.is_empty() {
            return extension.map(Self::Extension).ok_or_else(|| wrong(path));
        }
        if extension.is_none() && rest.eq_ignore_ascii_case("externalId") {
            return Ok(Self::ExternalId);
        }
        let (name, filter, sub) = split(rest).ok_or_else(|| wrong(path))?;
        let attributes = schema::attributes(extension.unwrap_or(schema::CORE));
        let attribute = schema::find(attributes, name).ok_or_else(|| wrong(path))?;
        let sub = match sub {
            None => None,
            Some(sub) => Some(schema::find(&attribute.sub_attributes, sub).ok_or_else(|| wrong(path))?),
        };
        let filter = filter.map(Filter::parse).transpose()?;
        if filter.is_some() && !attribute.multi_valued {
            return Err(wrong(path));
        }
        if attribute.read_only() || sub.is_some_and(Attribute::read_only) {
            return Err(ScimError::bad("mutability", format!("{path} is read-only")));
        }
        Ok(Self::Attribute { extension, attribute, filter, sub })
    }
}

type Parts<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

/// Name, filter, sub-attribute.
fn split(path: &str) -> Option<Parts<'_>> {
    if let Some((name, rest)) = path.split_once('[') {
        let (filter, rest) = rest.rsplit_once(']')?;
        let sub = if rest.is_empty() { None } else { Some(rest.strip_prefix('.')?) };
        return Some((name, Some(filter), sub));
    }
    Some(match path.split_once('.') {
        Some((name, sub)) => (name, None, Some(sub)),
        None => (path, None, None),
    })
}
