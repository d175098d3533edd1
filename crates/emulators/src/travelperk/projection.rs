//! The parameters `attributes` and `excludedAttributes`.

use super::scim_error::ScimError;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Returned whatever is asked for.
const ALWAYS: [&str; 2] = ["schemas", "id"];

/// A core attribute may be named with its URN.
const CORE_PREFIX: &str = "urn:ietf:params:scim:schemas:core:2.0:user:";

/// Which attributes an answer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projection {
    /// All.
    All,
    /// These only.
    Only(Vec<String>),
    /// All but these.
    Without(Vec<String>),
}

impl Projection {
    /// Reads the parameters, of which only one may be given.
    pub fn read(parameters: &HashMap<String, String>) -> Result<Self, ScimError> {
        let list = |text: &String| text.split(',').map(|name| name.trim().to_lowercase()).collect();
        match (parameters.get("attributes"), parameters.get("excludedAttributes")) {
            (None, None) => Ok(Self::All),
            (Some(names), None) => Ok(Self::Only(list(names))),
            (None, Some(names)) => Ok(Self::Without(list(names))),
            _ => Err(ScimError::bad("invalidValue", "attributes and excludedAttributes exclude each other")),
        }
    }

    /// Cuts a user.
    pub fn apply(&self, user: Value) -> Value {
        match (self, user) {
            (Self::All, user) => user,
            (Self::Only(names), Value::Object(fields)) => Value::Object(cut(fields, "", names, true)),
            (Self::Without(names), Value::Object(fields)) => Value::Object(cut(fields, "", names, false)),
            (_, other) => other,
        }
    }
}

/// `prefix` is what stands before an attribute's name: nothing, `name.` or an extension's URN
/// with a colon.
fn cut(fields: Map<String, Value>, prefix: &str, wanted: &[String], keep: bool) -> Map<String, Value> {
    let mut output = Map::new();
    for (name, value) in fields {
        let full = format!("{prefix}{}", name.to_lowercase());
        let core = format!("{CORE_PREFIX}{full}");
        let named = wanted.iter().any(|name| *name == full || *name == core);
        let inner_prefix = [format!("{full}."), format!("{full}:")]
            .into_iter()
            .find(|start| wanted.iter().any(|name| name.starts_with(start.as_str())));
        if prefix.is_empty() && ALWAYS.contains(&name.as_str()) {
            output.insert(name, value);
        } else if let (false, Some(start), Value::Object(inner)) = (named, inner_prefix, &value) {
            let inner = cut(inner.clone(), &start, wanted, keep);
            output.insert(name, Value::Object(inner));
        } else if named == keep {
            output.insert(name, value);
        }
    }
    output
}
