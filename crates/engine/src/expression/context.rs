//! The variable of an expression: a row as CEL sees it.

use std::collections::BTreeMap;

use super::value::{Object, Text, Value};
use crate::definitions::schema::{FieldType, StreamSchema};
use crate::model::Fields;

/// The fields that the expressions of a stream use, as a tree. Only these are looked up for each row.
#[derive(Clone, Debug, Default)]
pub(crate) struct View(BTreeMap<String, Node>);

#[derive(Clone, Debug)]
enum Node {
    /// A field of the row, by its whole name.
    Field(String, FieldType),
    Object(View),
}

impl View {
    /// A view of these fields (dotted names) of a schema.
    pub(crate) fn new<'a, S: AsRef<str> + 'a>(schema: &StreamSchema, names: impl IntoIterator<Item = &'a S>) -> Self {
        let mut view = Self::default();
        for name in names {
            if let Some(field) = schema.fields.get(name.as_ref()) {
                view.insert(name.as_ref(), Node::Field(name.as_ref().to_owned(), field.type_));
            }
        }
        view
    }

    fn insert(&mut self, name: &str, field: Node) {
        match name.split_once('.') {
            None => {
                self.0.insert(name.to_owned(), field);
            }
            Some((first, rest)) => {
                let node = self.0.entry(first.to_owned()).or_insert_with(|| Node::Object(Self::default()));
                if let Node::Object(inner) = node {
                    inner.insert(rest, field);
                }
            }
        }
    }

    /// A row as expressions see it: an object with every field of the view, null where the row has no value. Nothing of
    /// the row is copied.
    pub(crate) fn context<'v>(&'v self, fields: &'v Fields) -> Context<'v> {
        Context(self.object(fields))
    }

    fn object<'v>(&'v self, fields: &'v Fields) -> Value<'v> {
        let entries = self.0.iter().map(|(name, node)| {
            let value = match node {
                Node::Field(path, type_) => fields.get(path).map_or(Value::Null, |value| Value::of_row(value, *type_)),
                Node::Object(inner) => inner.object(fields),
            };
            (Value::Text(Text::Borrowed(name)), value)
        });
        Value::Object(Object::Made(entries.collect()))
    }
}

/// A row that expressions are evaluated for.
pub(crate) struct Context<'v>(Value<'v>);

impl<'v> Context<'v> {
    pub(super) const fn row(&self) -> &Value<'v> {
        &self.0
    }
}
