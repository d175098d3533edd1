//! PATCH after RFC 7644 section 3.5.2, on the attributes of one user.
//!
//! Values go in as they are; [`super::normal::normalise`] checks the outcome as a whole, so
//! that a request takes effect entirely or not at all.

use super::filter::Filter;
use super::path::Target;
use super::schema::{self, Attribute};
use super::scim_error::ScimError;
use serde_json::{Map, Value, json};

/// Fields of a resource that say what it is; a value may carry them along.
const IGNORED: [&str; 3] = ["schemas", "id", "meta"];

type Fields = Map<String, Value>;

/// Kind of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Add,
    Replace,
    Remove,
}

/// Applies the operations of a request in turn.
pub fn apply(fields: &mut Fields, request: &Value) -> Result<(), ScimError> {
    let wrong = |detail: &str| ScimError::bad("invalidSyntax", detail);
    let mut request = request.as_object().cloned().ok_or_else(|| wrong("not an object"))?;
    let operations = schema::take(&mut request, "Operations");
    let Some(Value::Array(operations)) = operations else {
        return Err(wrong("Operations is missing"));
    };
    for operation in operations {
        let mut operation = operation.as_object().cloned().ok_or_else(|| wrong("an operation is no object"))?;
        let name = schema::take(&mut operation, "op");
        // Entra writes operations with a capital.
        let op = match name.as_ref().and_then(Value::as_str).map(str::to_lowercase).as_deref() {
            Some("add") => Op::Add,
            Some("replace") => Op::Replace,
            Some("remove") => Op::Remove,
            _ => return Err(wrong("op must be add, replace or remove")),
        };
        let value = schema::take(&mut operation, "value").unwrap_or(Value::Null);
        match schema::take(&mut operation, "path") {
            Some(Value::String(path)) => at_path(fields, op, &path, value)?,
            None | Some(Value::Null) => without_path(fields, op, value)?,
            Some(_) => return Err(wrong("path must be a text")),
        }
    }
    Ok(())
}

/// Without a path the value is an object whose keys are attributes (or, as some clients do it,
/// paths) and extensions.
fn without_path(fields: &mut Fields, op: Op, value: Value) -> Result<(), ScimError> {
    if op == Op::Remove {
        return Err(ScimError::bad("noTarget", "remove needs a path"));
    }
    let Value::Object(values) = value else {
        return Err(ScimError::bad("invalidValue", "without a path the value must be an object"));
    };
    for (name, value) in values {
        if !IGNORED.contains(&name.as_str()) {
            at_path(fields, op, &name, value)?;
        }
    }
    Ok(())
}

fn at_path(fields: &mut Fields, op: Op, path: &str, value: Value) -> Result<(), ScimError> {
    // An empty value takes a value away.
    let op = if value.is_null() { Op::Remove } else { op };
    match Target::parse(path)? {
        Target::ExternalId => set(fields, op, "externalId", value),
        Target::Extension(urn) => return extension(fields, op, urn, value),
        Target::Attribute { extension, attribute, filter, sub } => {
            if op == Op::Remove && sub.unwrap_or(attribute).required && filter.is_none() {
                return Err(ScimError::bad("mutability", format!("{path} is required")));
            }
            let fields = match extension {
                None => fields,
                Some(urn) => object(fields.entry(urn).or_insert_with(|| json!({})))?,
            };
            match (filter, sub) {
                (Some(filter), sub) => items(fields, op, attribute, &filter, sub, &value)?,
                (None, Some(sub)) => part(fields, op, attribute, sub, value)?,
                (None, None) => whole(fields, op, attribute, value)?,
            }
        }
    }
    Ok(())
}

fn object(value: &mut Value) -> Result<&mut Fields, ScimError> {
    value.as_object_mut().ok_or_else(|| ScimError::bad("invalidValue", "not an object"))
}

fn extension(fields: &mut Fields, op: Op, urn: &'static str, value: Value) -> Result<(), ScimError> {
    if op == Op::Remove {
        fields.remove(urn);
        return Ok(());
    }
    let Value::Object(values) = value else {
        return Err(ScimError::bad("invalidValue", format!("{urn} must be an object")));
    };
    for (name, value) in values {
        if !IGNORED.contains(&name.as_str()) {
            at_path(fields, op, &format!("{urn}:{name}"), value)?;
        }
    }
    Ok(())
}

fn set(fields: &mut Fields, op: Op, name: &str, value: Value) {
    if op == Op::Remove {
        fields.remove(name);
    } else {
        fields.insert(name.to_owned(), value);
    }
}

/// A value given for a list may be one item.
fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        item => vec![item],
    }
}

/// A whole attribute.
fn whole(fields: &mut Fields, op: Op, attribute: &Attribute, value: Value) -> Result<(), ScimError> {
    let name = attribute.name.as_str();
    if op == Op::Remove {
        fields.remove(name);
    } else if attribute.multi_valued {
        let mut items = list(value);
        if op == Op::Add {
            let mut all = fields.remove(name).map(list).unwrap_or_default();
            items.retain(|item| !all.contains(item));
            all.extend(items);
            items = all;
        }
        fields.insert(name.to_owned(), Value::Array(items));
    } else if attribute.kind == "complex" {
        // The parts that are given are set, the others stay.
        let Value::Object(values) = value else {
            return Err(ScimError::bad("invalidValue", format!("{name} must be an object")));
        };
        let target = object(fields.entry(name).or_insert_with(|| json!({})))?;
        for (given, value) in values {
            let known = schema::find(&attribute.sub_attributes, &given);
            target.insert(known.map_or(given, |sub| sub.name.clone()), value);
        }
    } else {
        fields.insert(name.to_owned(), value);
    }
    Ok(())
}

/// A part of a complex attribute; of a list, that part of all items.
fn part(fields: &mut Fields, op: Op, attribute: &Attribute, sub: &Attribute, value: Value) -> Result<(), ScimError> {
    if attribute.multi_valued {
        let items = fields.get_mut(&attribute.name).and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            set(object(item)?, op, &sub.name, value.clone());
        }
        return Ok(());
    }
    if op == Op::Remove {
        if let Some(target) = fields.get_mut(&attribute.name) {
            set(object(target)?, op, &sub.name, value);
        }
        return Ok(());
    }
    let target = fields.entry(attribute.name.as_str()).or_insert_with(|| json!({}));
    set(object(target)?, op, &sub.name, value);
    Ok(())
}

/// Items of a list that fit a filter, or a part of them.
fn items(
    fields: &mut Fields,
    op: Op,
    attribute: &Attribute,
    filter: &Filter,
    sub: Option<&Attribute>,
    value: &Value,
) -> Result<(), ScimError> {
    let entry = fields.entry(attribute.name.as_str()).or_insert_with(|| json!([]));
    let Value::Array(all) = entry else {
        return Err(ScimError::bad("invalidValue", "not a list"));
    };
    if op == Op::Remove && sub.is_none() {
        all.retain(|item| !filter.fits(item));
        return Ok(());
    }
    if !all.iter().any(|item| filter.fits(item)) {
        match op {
            Op::Remove => return Ok(()),
            Op::Replace => {
                return Err(ScimError::bad("noTarget", "no item fits the filter"));
            }
            // An item that fits is made, which is what clients expect of an add.
            Op::Add => all.push(json!({ filter.attribute.clone(): filter.value.clone() })),
        }
    }
    for item in all.iter_mut().filter(|item| filter.fits(item)) {
        if let Some(sub) = sub {
            set(object(item)?, op, &sub.name, value.clone());
        } else if let Value::Object(values) = value {
            object(item)?.extend(values.clone());
        } else {
            return Err(ScimError::bad("invalidValue", "an item must be an object"));
        }
    }
    Ok(())
}
