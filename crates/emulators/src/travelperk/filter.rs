//! The one kind of filter that is supported: `attribute eq value`.

use super::scim_error::ScimError;
use serde_json::Value;

/// `attribute eq value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Name of the attribute as written, a URN cut off.
    pub attribute: String,
    /// Text, number or boolean.
    pub value: Value,
}

impl Filter {
    /// Reads a filter. The value is written as in JSON, with its escapes.
    pub fn parse(text: &str) -> Result<Self, ScimError> {
        let wrong = || ScimError::bad("invalidFilter", format!("not supported: {text}"));
        let (attribute, rest) = text.trim().split_once(char::is_whitespace).ok_or_else(wrong)?;
        let (operator, value) = rest.trim_start().split_once(char::is_whitespace).ok_or_else(wrong)?;
        if !operator.eq_ignore_ascii_case("eq") {
            return Err(wrong());
        }
        let value: Value = serde_json::from_str(value.trim()).map_err(|_| wrong())?;
        if value.is_object() || value.is_array() {
            return Err(wrong());
        }
        let attribute = attribute.rsplit(':').next().unwrap_or(attribute);
        Ok(Self { attribute: attribute.to_owned(), value })
    }

    /// Whether an item of a list fits; texts are compared without regard to case.
    pub fn fits(&self, item: &Value) -> bool {
        let field = item
            .as_object()
            .and_then(|fields| fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(&self.attribute)));
        field.is_some_and(|(_, value)| match (value.as_str(), self.value.as_str()) {
            (Some(given), Some(wanted)) => given.to_lowercase() == wanted.to_lowercase(),
            _ => *value == self.value,
        })
    }
}
