//! Attribute paths of SCIM (RFC 7644 section 3.10): `name.givenName`, `phoneNumbers[type eq "work"].value`,
//! `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter`.

use serde::{Deserialize, Serialize};

/// A path to one attribute. A text that cannot be parsed is kept with its problem, so that the check of a definition
/// can report it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ScimPath {
    text: String,
    /// URN of the schema extension; None for the core schema.
    pub extension: Option<String>,
    /// Name of the attribute.
    pub attribute: String,
    /// Which element of a multi-valued attribute.
    pub selector: Option<ScimSelector>,
    /// Name of the sub-attribute.
    pub sub_attribute: Option<String>,
    problem: Option<String>,
}

/// `[attribute eq "value"]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScimSelector {
    /// Sub-attribute that selects.
    pub attribute: String,
    /// Its value.
    pub value: String,
}

impl From<String> for ScimPath {
    fn from(text: String) -> Self {
        match parse(&text) {
            Ok(path) => Self { text, ..path },
            Err(problem) => Self { text, problem: Some(problem.to_owned()), ..Self::default() },
        }
    }
}

impl From<&str> for ScimPath {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<ScimPath> for String {
    fn from(path: ScimPath) -> Self {
        path.text
    }
}

fn parse(text: &str) -> Result<ScimPath, &'static str> {
    // The URN ends at the last colon in front of any bracket: URNs have dots, attribute names have no colons.
    let bracket = text.find('[').unwrap_or(text.len());
    let (extension, local) = match text.get(..bracket).and_then(|head| head.rfind(':')) {
        Some(colon) => (text.get(..colon).map(str::to_owned), text.get(colon + 1..).unwrap_or_default()),
        None => (None, text),
    };
    if extension.as_ref().is_some_and(|urn| !urn.starts_with("urn:")) {
        return Err("what stands in front of the last colon must be a URN");
    }
    let (attribute, selector, after) = match local.split_once('[') {
        Some((attribute, rest)) => {
            let (inner, after) = rest.split_once(']').ok_or("an opening bracket has no closing one")?;
            (attribute, Some(parse_selector(inner)?), after.strip_prefix('.').or((after.is_empty()).then_some("")))
        }
        None => match local.split_once('.') {
            Some((attribute, rest)) => (attribute, None, Some(rest)),
            None => (local, None, Some("")),
        },
    };
    let sub = after.ok_or("after a closing bracket comes a dot or the end")?;
    if !is_name(attribute) || !(sub.is_empty() || is_name(sub)) {
        return Err("attribute names have letters, digits, - _ and $");
    }
    Ok(ScimPath {
        extension,
        attribute: attribute.to_owned(),
        selector,
        sub_attribute: (!sub.is_empty()).then(|| sub.to_owned()),
        ..ScimPath::default()
    })
}

fn parse_selector(inner: &str) -> Result<ScimSelector, &'static str> {
    const FORM: &str = "in brackets stands attribute eq \"value\"";
    let (attribute, value) = inner.split_once(" eq ").ok_or(FORM)?;
    let value = value.trim().strip_prefix('"').and_then(|value| value.strip_suffix('"')).ok_or(FORM)?;
    if !is_name(attribute.trim()) || value.contains(['"', '\\']) {
        return Err(FORM);
    }
    Ok(ScimSelector { attribute: attribute.trim().to_owned(), value: value.to_owned() })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_$".contains(letter))
}

impl ScimPath {
    /// The text as it was written; what a PATCH operation names.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Why it cannot be used, if so.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The path without element selector and sub-attribute.
    pub fn attribute_path(&self) -> String {
        self.extension
            .as_ref()
            .map_or_else(|| self.attribute.clone(), |extension| format!("{extension}:{}", self.attribute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urn_with_dots_is_told_from_the_attribute() {
        let path = ScimPath::from("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value");
        assert_eq!(path.extension.as_deref(), Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"));
        assert_eq!((path.attribute.as_str(), path.sub_attribute.as_deref()), ("manager", Some("value")));
        assert_eq!(path.problem(), None);
    }

    #[test]
    fn an_element_is_selected_by_one_of_its_values() {
        let path = ScimPath::from("phoneNumbers[type eq \"work\"].value");
        let selector = path.selector.clone().unwrap();
        assert_eq!((selector.attribute.as_str(), selector.value.as_str()), ("type", "work"));
        assert_eq!(path.sub_attribute.as_deref(), Some("value"));
        assert_eq!(path.attribute_path(), "phoneNumbers");
    }

    #[test]
    fn paths_that_cannot_be_read_say_why() {
        for text in ["", "a b", "a[type eq work]", "a[type=\"x\"].value", "a[type eq \"x\"]b", "x:attribute", "a..b"] {
            assert!(ScimPath::from(text).problem().is_some(), "{text}");
        }
    }
}
