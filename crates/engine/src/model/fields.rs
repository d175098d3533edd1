//! Values of one row by the names of its fields.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::names::FieldName;

/// Values by field name, ordered by name; a field without a value is absent, or null where it is to be emptied.
/// `Debug` prints the names only. A sorted list, because thousands of rows are held at once and few fields are looked up.
#[derive(Clone, Default, PartialEq)]
pub struct Fields(Vec<(FieldName, Value)>);

impl Fields {
    /// No values.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of a field; None when it has none.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.position(name).ok().map(|at| &self.0[at].1)
    }

    /// Whether the field is named here, also with null.
    pub fn contains(&self, name: &str) -> bool {
        self.position(name).is_ok()
    }

    /// Gives a field a value and returns the one that it had.
    pub fn insert(&mut self, name: FieldName, value: Value) -> Option<Value> {
        match self.position(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (name, value));
                None
            }
        }
    }

    /// Takes a field away.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.position(name).ok().map(|at| self.0.remove(at).1)
    }

    /// Keeps the fields that pass.
    pub fn retain(&mut self, mut keeps: impl FnMut(&FieldName, &Value) -> bool) {
        self.0.retain(|(name, value)| keeps(name, value));
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&FieldName, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// Names, in order.
    pub fn names(&self) -> impl Iterator<Item = &FieldName> {
        self.0.iter().map(|(name, _)| name)
    }

    /// Whether no field is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many fields are named.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Gives back memory that is not needed.
    pub fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }
}

/// Whether a value counts as none: null, blank text, an empty list.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.names()).finish()
    }
}

impl FromIterator<(FieldName, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (FieldName, Value)>>(values: I) -> Self {
        let mut fields = Self::new();
        fields.extend(values);
        fields
    }
}

impl Extend<(FieldName, Value)> for Fields {
    fn extend<I: IntoIterator<Item = (FieldName, Value)>>(&mut self, values: I) {
        for (name, value) in values {
            self.insert(name, value);
        }
    }
}

impl IntoIterator for Fields {
    type Item = (FieldName, Value);
    type IntoIter = std::vec::IntoIter<(FieldName, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("values by field name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::new();
                while let Some((name, value)) = map.next_entry::<FieldName, Value>()? {
                    fields.insert(name, value);
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Names)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_ordered_and_a_later_value_replaces_an_earlier_one() {
        let mut fields: Fields =
            [("b", 1), ("a", 2), ("b", 3)].map(|(name, value)| (name.into(), json!(value))).into_iter().collect();
        assert_eq!(fields.names().map(FieldName::as_str).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((fields.get("b"), fields.get("c")), (Some(&json!(3)), None));
        assert_eq!(fields.remove("a"), Some(json!(2)));
        assert!(!fields.contains("a"));
    }

    #[test]
    fn they_are_written_as_an_object_and_shown_without_values() {
        let fields: Fields = serde_json::from_value(json!({"salary": 1, "name": "secret"})).unwrap();
        assert_eq!(serde_json::to_string(&fields).unwrap(), r#"{"name":"secret","salary":1}"#);
        assert!(!format!("{fields:?}").contains("secret"));
    }
}
