//! The variable `source`: a record as CEL sees it.

use std::collections::{BTreeMap, HashMap};

use cel::Context;
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::Val;
use serde_json::Value;

use crate::definitions::schema::{FieldType, StreamSchema};

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
    pub(crate) fn new<'a>(schema: &StreamSchema, names: impl IntoIterator<Item = &'a String>) -> Self {
        let mut view = Self::default();
        for name in names {
            if let Some(field) = schema.fields.get(name.as_str()) {
                view.insert(name, field.type_);
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

    /// A context with the record `body` as `source`. Texts are borrowed, not copied.
    pub(crate) fn context<'p, 'v>(&self, body: &'v Value) -> Context<'p, 'v> {
        let mut context = Context::with_env(super::environment());
        context.add_variable_as_val("source", self.object(Some(body)));
        context
    }

    fn object<'v>(&self, body: Option<&'v Value>) -> Box<dyn Val + 'v> {
        let mut map: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> = HashMap::with_capacity(self.0.len());
        for (name, node) in &self.0 {
            let part = body.and_then(|body| body.get(name));
            let value = match node {
                Node::Field(type_) => part.map_or_else(null, |part| convert(part, *type_)),
                Node::Object(inner) => inner.object(part),
            };
            map.insert(CelMapKey::String(CelString::from(name.clone())), value);
        }
        Box::new(CelMap::from(map))
    }
}

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
