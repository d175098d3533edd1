//! Between a definition's fields and SCIM resources: reading, writing whole resources, PATCH operations.

use serde_json::{Map, Value, json};

use crate::connectors::draft::{Draft, Field, Form, Place};
use crate::connectors::value::{boolean, identifier};
use rollcall_engine::definitions::{ScimPath, ScimShape, ScimStream, ScimValue};
use rollcall_engine::model::Row;
use rollcall_engine::names::RowId;

/// The wanted fields of a stream.
pub(super) type Wanted<'a> = [Field<'a, ScimValue>];

/// The row that a resource stands for.
pub(super) fn row(wanted: &Wanted<'_>, id: RowId, resource: &Value) -> Row {
    let mut draft = Draft::new(id);
    draft.take_active(match resource.get("active") {
        None | Some(Value::Null) => Some(true),
        Some(Value::Bool(active)) => Some(*active),
        Some(other) => other.as_str().and_then(boolean),
    });
    for field in wanted {
        draft.take(field.name, field.schema, place(field.rule, resource), Form::Typed);
    }
    draft.finish()
}

/// The identifier of a resource.
pub(super) fn id(resource: &Value) -> Option<RowId> {
    resource.get("id").and_then(identifier).map(RowId::from)
}

/// The value of a field in a resource.
fn read<'a>(rule: &ScimValue, resource: &'a Value) -> Option<&'a Value> {
    if let Place::Value(value) = place(rule, resource) { Some(value) } else { None }
}

/// What a resource has in the place of a field. An attribute that is null or an empty list has no value (RFC 7643
/// section 2.5).
fn place<'a>(rule: &ScimValue, resource: &'a Value) -> Place<'a> {
    let holder = match &rule.path.extension {
        Some(urn) => resource.get(urn),
        None => Some(resource),
    };
    let attribute = match holder {
        None => return Place::Missing,
        Some(Value::Null) => return Place::Empty,
        Some(Value::Object(attributes)) => attributes.get(&rule.path.attribute),
        Some(_) => return Place::Malformed,
    };
    let attribute = match attribute {
        None => return Place::Missing,
        Some(Value::Null) => return Place::Empty,
        Some(Value::Array(elements)) if elements.is_empty() => return Place::Empty,
        Some(attribute) => attribute,
    };
    match rule.shape {
        ScimShape::Plain => part(&rule.path, attribute),
        // Some servers write the bare identifier.
        ScimShape::Reference if !attribute.is_object() => Place::Value(attribute),
        ScimShape::Reference => member(attribute, "value"),
        ScimShape::SingleItemList => match attribute.get(0) {
            Some(first) => member(first, "value"),
            None => Place::Malformed,
        },
    }
}

fn part<'a>(path: &ScimPath, attribute: &'a Value) -> Place<'a> {
    let element = match (&path.selector, attribute) {
        (None, attribute) => attribute,
        (Some(selector), Value::Array(elements)) => {
            let is_it = |element: &&Value| {
                let found = element.get(&selector.attribute).and_then(Value::as_str);
                found.is_some_and(|value| value.eq_ignore_ascii_case(&selector.value))
            };
            match elements.iter().find(is_it) {
                Some(element) => element,
                None => return Place::Empty,
            }
        }
        (Some(_), _) => return Place::Malformed,
    };
    path.sub_attribute.as_ref().map_or(Place::Value(element), |name| member(element, name))
}

fn member<'a>(holder: &'a Value, name: &str) -> Place<'a> {
    match (holder, holder.get(name)) {
        (_, Some(Value::Null)) => Place::Empty,
        (_, Some(value)) => Place::Value(value),
        (Value::Object(_), None) => Place::Missing,
        (_, None) => Place::Malformed,
    }
}

/// Whether a change of the fields has to know what the resource is now.
pub(super) fn needs_current<'a>(rules: impl IntoIterator<Item = &'a ScimValue>) -> bool {
    rules.into_iter().any(|rule| rule.path.selector.is_some())
}

/// The operation that gives one field a value, or takes it away (RFC 7644 section 3.5.2). None: it has none already.
pub(super) fn operation(rule: &ScimValue, value: &Value, current: Option<&Value>) -> Option<Value> {
    let is_missing = rule.path.selector.is_some() && current.is_none_or(|current| read(rule, current).is_none());
    let path = match rule.shape {
        ScimShape::Plain => rule.path.text().to_owned(),
        ScimShape::Reference | ScimShape::SingleItemList => rule.path.attribute_path(),
    };
    if value.is_null() {
        return (!is_missing).then(|| json!({"op": "remove", "path": path}));
    }
    if is_missing {
        // Replacing an element that does not exist is an error (noTarget); adding it is not.
        return Some(json!({"op": "add", "path": rule.path.attribute_path(), "value": [element(&rule.path, value)]}));
    }
    Some(json!({"op": "replace", "path": path, "value": wrapped(rule.shape, value)}))
}

fn wrapped(shape: ScimShape, value: &Value) -> Value {
    match shape {
        ScimShape::Plain => value.clone(),
        ScimShape::Reference => json!({ "value": value }),
        ScimShape::SingleItemList => json!([{ "value": value }]),
    }
}

/// A new element of a multi-valued attribute.
fn element(path: &ScimPath, value: &Value) -> Value {
    let mut element = Map::new();
    if let Some(selector) = &path.selector {
        element.insert(selector.attribute.clone(), Value::String(selector.value.clone()));
    }
    element.insert(path.sub_attribute.clone().unwrap_or_else(|| "value".to_owned()), value.clone());
    Value::Object(element)
}

/// Writes a field into a whole resource; null takes it away.
pub(super) fn write(rule: &ScimValue, resource: &mut Map<String, Value>, value: &Value) {
    match &rule.path.extension {
        Some(urn) => within(resource, urn, |extension| write_attribute(rule, extension, value)),
        None => write_attribute(rule, resource, value),
    }
}

fn write_attribute(rule: &ScimValue, holder: &mut Map<String, Value>, value: &Value) {
    let name = &rule.path.attribute;
    if rule.path.selector.is_some() {
        write_element(&rule.path, holder, value);
    } else if let Some(sub) = &rule.path.sub_attribute {
        within(holder, name, |inner| set(inner, sub, value.clone()));
    } else if value.is_null() {
        holder.remove(name);
    } else {
        holder.insert(name.clone(), wrapped(rule.shape, value));
    }
}

fn write_element(path: &ScimPath, holder: &mut Map<String, Value>, value: &Value) {
    let Some(selector) = &path.selector else { return };
    let list = holder.entry(path.attribute.clone()).or_insert_with(|| Value::Array(Vec::new()));
    let Value::Array(elements) = list else { return };
    let is_it = |element: &Value| {
        let found = element.get(&selector.attribute).and_then(Value::as_str);
        found.is_some_and(|found| found.eq_ignore_ascii_case(&selector.value))
    };
    let sub = path.sub_attribute.as_deref().unwrap_or("value");
    match elements.iter_mut().find(|element| is_it(element)) {
        Some(Value::Object(found)) if !value.is_null() => set(found, sub, value.clone()),
        Some(_) => elements.retain(|element| !is_it(element)),
        None if value.is_null() => {}
        None => elements.push(element(path, value)),
    }
}

/// Acts on the object below a name, making it when it is not there.
fn within(holder: &mut Map<String, Value>, name: &str, act: impl FnOnce(&mut Map<String, Value>)) {
    let mut inner = match holder.remove(name) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    };
    act(&mut inner);
    holder.insert(name.to_owned(), Value::Object(inner));
}

fn set(holder: &mut Map<String, Value>, name: &str, value: Value) {
    if value.is_null() {
        holder.remove(name);
    } else {
        holder.insert(name.to_owned(), value);
    }
}

/// The schemas that a new resource has: those of the core, and the extensions that it uses.
pub(super) fn schemas(stream: &ScimStream, resource: &Map<String, Value>) -> Vec<Value> {
    let is_extension = |urn: &String| stream.values.values().any(|rule| rule.path.extension.as_ref() == Some(urn));
    stream
        .schemas
        .iter()
        .filter(|urn| resource.contains_key(*urn) || !is_extension(urn))
        .map(|urn| Value::String(urn.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn rule(path: &str, shape: ScimShape) -> ScimValue {
        ScimValue { path: path.into(), shape }
    }

    fn phone() -> ScimValue {
        rule("phoneNumbers[type eq \"work\"].value", ScimShape::Plain)
    }

    #[test]
    fn operations_name_the_path_and_wrap_the_value() {
        let given = rule("name.givenName", ScimShape::Plain);
        assert_eq!(
            operation(&given, &json!("Ada"), None),
            Some(json!({"op": "replace", "path": "name.givenName", "value": "Ada"}))
        );
        assert_eq!(operation(&given, &Value::Null, None), Some(json!({"op": "remove", "path": "name.givenName"})));
        let manager = rule(&format!("{ENTERPRISE}:manager"), ScimShape::Reference);
        assert_eq!(
            operation(&manager, &json!("12"), None),
            Some(json!({"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": {"value": "12"}}))
        );
        let company = rule("urn:x:User:invoiceProfiles", ScimShape::SingleItemList);
        assert_eq!(
            operation(&company, &json!("Example GmbH"), None),
            Some(json!({"op": "replace", "path": "urn:x:User:invoiceProfiles", "value": [{"value": "Example GmbH"}]}))
        );
    }

    #[test]
    fn an_element_that_is_missing_is_added_and_one_that_is_there_is_replaced() {
        let with = json!({"phoneNumbers": [{"type": "Work", "value": "1"}]});
        assert_eq!(
            operation(&phone(), &json!("2"), Some(&with)),
            Some(json!({"op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "2"}))
        );
        assert_eq!(
            operation(&phone(), &json!("2"), Some(&json!({}))),
            Some(json!({"op": "add", "path": "phoneNumbers", "value": [{"type": "work", "value": "2"}]}))
        );
        assert_eq!(operation(&phone(), &Value::Null, Some(&json!({}))), None);
    }

    #[test]
    fn whole_resources_are_written_and_read_alike() {
        let rules = [
            rule("userName", ScimShape::Plain),
            rule("name.givenName", ScimShape::Plain),
            rule(&format!("{ENTERPRISE}:manager"), ScimShape::Reference),
            rule("urn:x:User:invoiceProfiles", ScimShape::SingleItemList),
            phone(),
        ];
        let mut resource = Map::new();
        for rule in &rules {
            write(rule, &mut resource, &json!("x"));
        }
        let whole = Value::Object(resource.clone());
        assert!(rules.iter().all(|rule| read(rule, &whole) == Some(&json!("x"))));
        for rule in &rules {
            write(rule, &mut resource, &Value::Null);
        }
        let whole = Value::Object(resource);
        assert!(rules.iter().all(|rule| read(rule, &whole).is_none()));
    }
}
