//! A row that is being put together: the values that could be read, and what is unknown.

use std::collections::BTreeMap;

use serde_json::Value;

use super::value::{identifier, normalise};
use super::{ConnectorError, ErrorKind};
use rollcall_api::reasons;
use rollcall_engine::definitions::schema::{FieldSchema, StreamSchema};
use rollcall_engine::model::{Fault, Fields, Row};
use rollcall_engine::names::{FieldName, RowId};
use rollcall_engine::redacted::Redacted;

/// A wanted field, with the rule that says where its value is.
pub(crate) struct Field<'a, R> {
    pub(crate) name: &'a FieldName,
    pub(crate) schema: &'a FieldSchema,
    pub(crate) rule: &'a R,
}

/// The wanted fields of a stream; a name stands for itself and for everything below it.
///
/// # Errors
/// [`ErrorKind::Configuration`] when there is no such field.
pub(crate) fn wanted<'a, R>(
    schema: &'a StreamSchema,
    values: &'a BTreeMap<FieldName, R>,
    names: &[FieldName],
) -> Result<Vec<Field<'a, R>>, ConnectorError> {
    let covers = |name: &FieldName, field: &FieldName| {
        field.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if let Some(unknown) = names.iter().find(|name| !values.keys().any(|field| covers(name, field))) {
        return Err(no_field(unknown));
    }
    let is_wanted = |field: &FieldName| names.iter().any(|name| covers(name, field));
    let field = |(name, rule)| schema.fields.get(name).map(|schema| Field { name, schema, rule });
    Ok(values.iter().filter(|(name, _)| is_wanted(name)).filter_map(field).collect())
}

/// The error of a field that the definition does not describe.
pub(crate) fn no_field(name: &FieldName) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Configuration,
        reasons::MAPPING_INVALID,
        format!("the stream has no field {name}; correct the mapping"),
    )
}

/// What a row has in the place of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place<'a> {
    /// A value.
    Value(&'a Value),
    /// Nothing, as the row itself says.
    Empty,
    /// The row says nothing about it.
    Missing,
    /// Something else than the definition says.
    Malformed,
}

/// How a value is taken from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In the form of the field's type.
    Typed,
    /// As an identifier that a lookup gives a name to.
    Identifier,
}

/// A row that is being put together.
pub(crate) struct Draft {
    id: RowId,
    parent: Option<RowId>,
    active: bool,
    fields: Fields,
    /// What is unknown, and why.
    unknown: Vec<(FieldName, String)>,
}

impl Draft {
    pub(crate) const fn new(id: RowId) -> Self {
        Self { id, parent: None, active: true, fields: Fields::new(), unknown: Vec::new() }
    }

    pub(crate) const fn id(&self) -> &RowId {
        &self.id
    }

    /// Takes the identifier of the parent; None: the row does not have it where it must be.
    pub(crate) fn take_parent(&mut self, parent: Option<String>) {
        match parent {
            Some(parent) => self.parent = Some(parent.into()),
            None => self.doubt(&"parent".into(), "the row does not name it"),
        }
    }

    /// Takes whether the record is active; None: what the row says about it cannot be read.
    pub(crate) fn take_active(&mut self, active: Option<bool>) {
        match active {
            Some(active) => self.active = active,
            None => self.doubt(&"active".into(), "whether the record is active cannot be read"),
        }
    }

    /// Takes the value of a field.
    pub(crate) fn take(&mut self, name: &FieldName, schema: &FieldSchema, place: Place<'_>, form: Form) {
        let value = match place {
            Place::Value(value) if form == Form::Identifier => identifier(value).map(Value::String),
            Place::Value(value) => normalise(schema.type_, value),
            Place::Missing if schema.always_delivered => {
                return self.doubt(name, "always delivered, but the row does not have it");
            }
            Place::Empty | Place::Missing => return,
            Place::Malformed => None,
        };
        match value {
            Some(Value::Null) => {}
            Some(value) => {
                self.fields.insert(name.clone(), value);
            }
            None => self.doubt(name, "came with a value of another type than its definition says"),
        }
    }

    /// The value of a field as it is known so far.
    pub(crate) fn value(&self, name: &FieldName) -> Option<&Value> {
        self.fields.get(name)
    }

    /// Whether the value of a field is unknown.
    pub(crate) fn is_unknown(&self, name: &FieldName) -> bool {
        self.unknown.iter().any(|(unknown, _)| unknown == name)
    }

    /// Gives the identifier that a field was taken as its name.
    pub(crate) fn rename(&mut self, name: &FieldName, named: impl FnOnce(&str) -> Result<String, String>) {
        let Some(Value::String(id)) = self.fields.get(name) else { return };
        match named(id) {
            Ok(text) => {
                self.fields.insert(name.clone(), Value::String(text));
            }
            Err(why) => self.doubt(name, why),
        }
    }

    /// Notes that the value of a field is unknown. `why` must not hold values.
    pub(crate) fn doubt(&mut self, name: &FieldName, why: impl Into<String>) {
        self.fields.remove(name);
        self.unknown.push((name.clone(), why.into()));
    }

    /// The row.
    pub(crate) fn finish(mut self) -> Row {
        self.fields.shrink();
        let fault = (!self.unknown.is_empty()).then(|| fault(self.unknown));
        Row { id: self.id, parent: self.parent, active: self.active, fields: Redacted::new(self.fields), fault }
    }
}

fn fault(unknown: Vec<(FieldName, String)>) -> Fault {
    let mut causes: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, why) in &unknown {
        match causes.iter_mut().find(|(known, _)| known == why) {
            Some((_, names)) => names.push(name),
            None => causes.push((why.clone(), vec![name])),
        }
    }
    let texts: Vec<String> = causes.iter().map(|(why, names)| format!("{}: {why}", names.join(", "))).collect();
    let mut fields: Vec<FieldName> = unknown.into_iter().map(|(name, _)| name).collect();
    fields.sort_unstable();
    fields.dedup();
    Fault { reason: reasons::SOURCE_UNREADABLE.to_owned(), message: texts.join("; "), fields }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use rollcall_engine::definitions::schema::FieldType;

    fn field(always_delivered: bool) -> FieldSchema {
        FieldSchema { always_delivered, type_: FieldType::Integer, ..FieldSchema::default() }
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_is_kept() {
        let mut draft = Draft::new("1".into());
        draft.take(&"good".into(), &field(false), Place::Value(&json!("12")), Form::Typed);
        draft.take(&"none".into(), &field(false), Place::Value(&json!("")), Form::Typed);
        draft.take(&"secret".into(), &field(false), Place::Value(&json!("many")), Form::Typed);
        draft.take(&"list".into(), &field(false), Place::Malformed, Form::Typed);
        draft.take(&"optional".into(), &field(false), Place::Missing, Form::Typed);
        draft.take(&"promised".into(), &field(true), Place::Missing, Form::Typed);
        draft.take(&"empty".into(), &field(true), Place::Empty, Form::Typed);
        let row = draft.finish();
        assert_eq!(
            row.values().iter().map(|(name, value)| (name.as_str(), value)).collect::<Vec<_>>(),
            [("good", &json!(12))]
        );
        let fault = row.fault.clone().unwrap();
        assert_eq!(fault.fields, ["list", "promised", "secret"].map(FieldName::from));
        assert!(
            fault.message.contains("secret, list: came with") && !fault.message.contains("many"),
            "{}",
            fault.message
        );
        assert!(row.is_unknown("promised") && !row.is_unknown("good") && !row.is_unknown("empty"));
    }

    #[test]
    fn an_identifier_is_replaced_by_its_name_or_becomes_unknown() {
        let mut draft = Draft::new("1".into());
        for name in ["team", "office"] {
            draft.take(&name.into(), &field(false), Place::Value(&json!(5)), Form::Identifier);
        }
        draft.rename(&"team".into(), |id| Ok(format!("Team {id}")));
        draft.rename(&"office".into(), |_| Err("has no name".into()));
        draft.rename(&"unset".into(), |_| Err("has no name".into()));
        let row = draft.finish();
        assert_eq!((row.values().get("team"), row.values().len()), (Some(&json!("Team 5")), 1));
        assert_eq!(row.fault.unwrap().fields, ["office"].map(FieldName::from));
    }

    #[test]
    fn a_name_stands_for_everything_below_it_and_an_unknown_one_is_refused() {
        let names = ["a", "a.b", "ab"].map(FieldName::from);
        let schema = StreamSchema {
            fields: names.iter().map(|name| (name.clone(), field(false))).collect(),
            ..StreamSchema::default()
        };
        let values = names.iter().map(|name| (name.clone(), ())).collect();
        let chosen = wanted(&schema, &values, &["a".into()]).unwrap();
        assert_eq!(chosen.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["a", "a.b"]);
        let error = wanted(&schema, &values, &["b".into()]).err().unwrap();
        assert_eq!((error.kind, error.message.contains("field b")), (ErrorKind::Configuration, true));
    }
}
