//! The variable of an expression: a row as CEL sees it.

use std::collections::{BTreeMap, HashMap};

use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::Val;
use serde_json::Value;

use super::Variable;
use crate::definitions::schema::{FieldType, StreamSchema};
use crate::model::Fields;

/// The fields that the expressions of a stream use, as a tree. Only these are converted for each record.
#[derive(Clone, Debug, Default)]
pub(crate) struct View(BTreeMap<String, Node>);

#[derive(Clone, Debug)]
enum Node {
    Field(FieldType),
    Object(View),
}

impl View {
    /// A view of these fields (dotted names) of a schema.
    pub(crate) fn new<'a, S: AsRef<str> + 'a>(schema: &StreamSchema, names: impl IntoIterator<Item = &'a S>) -> Self {
        let mut view = Self::default();
        for name in names {
            if let Some(field) = schema.fields.get(name.as_ref()) {
                view.insert(name.as_ref(), field.type_);
            }
        }
        view
    }

    fn insert(&mut self, name: &str, type_: FieldType) {
        match name.split_once('.') {
            None => {
                self.0.insert(name.to_owned(), Node::Field(type_));
            }
            Some((first, rest)) => {
                let node = self.0.entry(first.to_owned()).or_insert_with(|| Node::Object(Self::default()));
                if let Node::Object(inner) = node {
                    inner.insert(rest, type_);
                }
            }
        }
    }

    /// A row as expressions see it: an object with every field of the view, null where the row has no value. Texts are
    /// borrowed, not copied.
    pub(crate) fn context<'v>(&self, fields: &'v Fields) -> Context<'v> {
        let mut context = cel::Context::with_env(super::environment());
        // An expression has one of the two variables; its check refuses the other.
        for variable in [Variable::Source, Variable::Target] {
            context.add_variable_as_val(variable.name(), self.object("", fields));
        }
        Context(context)
    }

    fn object<'v>(&self, prefix: &str, fields: &'v Fields) -> Box<dyn Val + 'v> {
        let mut map: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> = HashMap::with_capacity(self.0.len());
        for (name, node) in &self.0 {
            let path = format!("{prefix}{name}");
            let value = match node {
                Node::Field(type_) => fields.get(&path).map_or_else(null, |value| convert(value, *type_)),
                Node::Object(inner) => inner.object(&format!("{path}."), fields),
            };
            map.insert(CelMapKey::String(CelString::from(name.clone())), value);
        }
        Box::new(CelMap::from(map))
    }
}

/// A row that expressions are evaluated for.
pub(crate) struct Context<'v>(pub(super) cel::Context<'v, 'v>);

fn null<'v>() -> Box<dyn Val + 'v> {
    Box::new(CelNull)
}

fn convert(value: &Value, type_: FieldType) -> Box<dyn Val + '_> {
    match value {
        Value::Null => null(),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) if type_ != FieldType::Number => Box::new(CelInt::from(whole)),
            (_, Some(number)) => Box::new(CelDouble::from(number)),
            (_, None) => null(),
        },
        Value::Array(items) => {
            let items: Vec<Box<dyn Val + '_>> = items.iter().map(|item| convert(item, type_)).collect();
            Box::new(CelList::from(items))
        }
        Value::Object(entries) => {
            let map: HashMap<CelMapKey<'_>, Box<dyn Val + '_>> = entries
                .iter()
                .map(|(name, value)| (CelMapKey::String(CelString::from(name.as_str())), convert(value, type_)))
                .collect();
            Box::new(CelMap::from(map))
        }
    }
}
