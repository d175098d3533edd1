//! Checks a manifest against the CRD's schema and rules the way the API server does, for runs without a cluster.
//! Unknown fields are errors here: a misspelt `onNul` must not silently mean the default.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use cel::{Context, Program, Value as CelValue};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::Value;

use rollcall_api::crds;

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// Where. Example: `spec.streams[0].fields[2].onNull`.
    pub path: String,
    /// What the rule is, and what to do.
    pub message: String,
}

impl fmt::Display for Invalid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.message)
    }
}

/// Fills a manifest's defaults in and checks it. Returns everything that is wrong; empty when the API server would
/// accept it. `kind` is one of ours; any other has nothing wrong.
pub fn admit(kind: &str, manifest: &mut Value) -> Vec<Invalid> {
    let Some(schema) = schema_of(kind) else { return Vec::new() };
    let mut invalid = Vec::new();
    let spec = schema.properties.iter().flatten().find(|(name, _)| *name == "spec").map(|(_, spec)| spec);
    match (spec, manifest.get_mut("spec")) {
        (Some(spec), Some(value)) => check(spec, value, "spec", &mut invalid),
        (_, None) => invalid.push(Invalid { path: "spec".into(), message: "is required".into() }),
        (None, Some(_)) => {}
    }
    if invalid.is_empty() {
        let mut subject =
            serde_json::json!({ "metadata": { "name": manifest["metadata"]["name"] }, "spec": manifest["spec"] });
        drop_nulls(&mut subject);
        rules(schema, &subject, "", &mut invalid);
    }
    invalid
}

/// In rules of the API server `has()` is false for a field that is null.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn schema_of(kind: &str) -> Option<&'static JSONSchemaProps> {
    static SCHEMAS: OnceLock<BTreeMap<String, JSONSchemaProps>> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(|| crds::all().into_iter().filter_map(kind_and_schema).collect());
    schemas.get(kind)
}

fn kind_and_schema(crd: CustomResourceDefinition) -> Option<(String, JSONSchemaProps)> {
    let version = crd.spec.versions.into_iter().next()?;
    Some((crd.spec.names.kind, version.schema?.open_api_v3_schema?))
}

fn check(schema: &JSONSchemaProps, value: &mut Value, path: &str, invalid: &mut Vec<Invalid>) {
    let mut wrong = |message: String| invalid.push(Invalid { path: path.to_owned(), message });
    if schema.x_kubernetes_int_or_string == Some(true) || schema.x_kubernetes_preserve_unknown_fields == Some(true) {
        return;
    }
    if value.is_null() {
        if schema.nullable != Some(true) {
            wrong("must not be null; leave the field out".into());
        }
        return;
    }
    let expected = schema.type_.as_deref().unwrap_or("object");
    if !has_type(value, expected) {
        wrong(format!("must be of type {expected}, is {}", type_name(value)));
        return;
    }
    if let Some(allowed) = &schema.enum_
        && !allowed.iter().any(|one| one.0 == *value)
    {
        let names: Vec<String> = allowed.iter().map(|one| one.0.to_string().replace('"', "")).collect();
        wrong(format!("must be one of {}", names.join(", ")));
    }
    match value {
        Value::String(text) => check_text(schema, text, &mut wrong),
        Value::Number(number) => check_number(schema, number.as_f64().unwrap_or(f64::NAN), &mut wrong),
        Value::Array(items) => check_items(schema, items, path, invalid),
        Value::Object(_) => check_object(schema, value, path, invalid),
        Value::Bool(_) | Value::Null => {}
    }
}

fn has_type(value: &Value, expected: &str) -> bool {
    match expected {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        _ => value.is_object(),
    }
}

const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn check_text(schema: &JSONSchemaProps, text: &str, wrong: &mut impl FnMut(String)) {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if let Some(least) = schema.min_length.filter(|least| length < *least) {
        wrong(format!("must have at least {least} characters"));
    }
    if let Some(most) = schema.max_length.filter(|most| length > *most) {
        wrong(format!("must have at most {most} characters, has {length}"));
    }
    if let Some(pattern) = &schema.pattern
        && regex::Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text))
    {
        wrong(format!("must match the pattern {pattern}"));
    }
}

fn check_number(schema: &JSONSchemaProps, number: f64, wrong: &mut impl FnMut(String)) {
    if let Some(least) = schema.minimum.filter(|least| number < *least) {
        wrong(format!("must be at least {least}"));
    }
    if let Some(most) = schema.maximum.filter(|most| number > *most) {
        wrong(format!("must be at most {most}"));
    }
}

fn check_items(schema: &JSONSchemaProps, items: &mut [Value], path: &str, invalid: &mut Vec<Invalid>) {
    let mut wrong = |message: String| invalid.push(Invalid { path: path.to_owned(), message });
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if let Some(least) = schema.min_items.filter(|least| count < *least) {
        wrong(format!("must have at least {least} items"));
    }
    if let Some(most) = schema.max_items.filter(|most| count > *most) {
        wrong(format!("must have at most {most} items, has {count}"));
    }
    let keys = schema.x_kubernetes_list_map_keys.as_deref().unwrap_or_default();
    if !keys.is_empty() || schema.x_kubernetes_list_type.as_deref() == Some("set") {
        let identity = |item: &Value| match keys {
            [] => item.to_string(),
            keys => keys.iter().map(|key| item[key].to_string()).collect::<Vec<_>>().join("/"),
        };
        let mut seen = std::collections::BTreeSet::new();
        for item in items.iter() {
            if !seen.insert(identity(item)) {
                wrong(format!("names {} twice", identity(item).replace('"', "")));
            }
        }
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item_schema)) = &schema.items {
        for (index, item) in items.iter_mut().enumerate() {
            check(item_schema, item, &format!("{path}[{index}]"), invalid);
        }
    }
}

fn check_object(schema: &JSONSchemaProps, value: &mut Value, path: &str, invalid: &mut Vec<Invalid>) {
    let Value::Object(fields) = value else { return };
    let empty = BTreeMap::new();
    let properties = schema.properties.as_ref().unwrap_or(&empty);
    for (name, property) in properties {
        // The API server takes null for "not set" where there is a default and null itself is no value.
        let is_unset = fields.get(name).is_none_or(|value| value.is_null() && property.nullable != Some(true));
        if let (true, Some(default)) = (is_unset, &property.default) {
            fields.insert(name.clone(), default.0.clone());
        }
    }
    for name in schema.required.iter().flatten().filter(|name| !fields.contains_key(*name)) {
        invalid.push(Invalid { path: format!("{path}.{name}"), message: "is required".into() });
    }
    if let Some(most) = schema.max_properties.filter(|most| i64::try_from(fields.len()).unwrap_or(i64::MAX) > *most) {
        invalid.push(Invalid { path: path.to_owned(), message: format!("must have at most {most} entries") });
    }
    for (name, field) in fields.iter_mut() {
        let place = format!("{path}.{name}");
        match (properties.get(name), &schema.additional_properties) {
            (Some(property), _) => check(property, field, &place, invalid),
            (None, Some(JSONSchemaPropsOrBool::Schema(values))) => check(values, field, &place, invalid),
            (None, Some(JSONSchemaPropsOrBool::Bool(true))) => {}
            (None, _) => {
                let known: Vec<&str> = properties.keys().map(String::as_str).collect();
                let message = format!("is not a field here; known are: {}", known.join(", "));
                invalid.push(Invalid { path: place, message });
            }
        }
    }
}

/// Evaluates the CEL rules of a schema and of everything below it. Rules that compare with the stored object have
/// nothing to say about a new one.
fn rules(schema: &JSONSchemaProps, value: &Value, path: &str, invalid: &mut Vec<Invalid>) {
    for rule in schema.x_kubernetes_validations.iter().flatten().filter(|rule| !rule.rule.contains("oldSelf")) {
        if !holds(&rule.rule, value) {
            let place = if path.is_empty() { "metadata" } else { path };
            let message = rule.message.clone().unwrap_or_else(|| format!("must satisfy {}", rule.rule));
            invalid.push(Invalid { path: place.to_owned(), message });
        }
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if let Some(property) = schema.properties.as_ref().and_then(|properties| properties.get(name)) {
                    rules(property, field, &place, invalid);
                }
            }
        }
        Value::Array(items) => {
            if let Some(JSONSchemaPropsOrArray::Schema(item_schema)) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    rules(item_schema, item, &format!("{path}[{index}]"), invalid);
                }
            }
        }
        _ => {}
    }
}

fn holds(rule: &str, value: &Value) -> bool {
    let (Ok(program), Ok(subject)) = (Program::compile(rule), cel::to_value(value)) else { return false };
    let mut context = Context::default();
    context.add_variable_from_value("self", subject);
    matches!(program.execute(&context), Ok(CelValue::Bool(true)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(kind: &str, mut manifest: Value) -> Vec<String> {
        admit(kind, &mut manifest).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_provider_names_exactly_one_definition() {
        let both = json!({ "metadata": { "name": "p" }, "spec": { "vendor": "a", "definitionRef": { "name": "b" } } });

        assert_eq!(
            problems("IntegrationProvider", both),
            ["spec: exactly one of vendor and definitionRef must be set"]
        );
    }

    #[test]
    fn unknown_fields_and_wrong_values_are_named_with_their_place() {
        let setting = json!({ "metadata": { "name": "s" }, "spec": {
            "sourceRef": { "name": "a" }, "targetRef": { "name": "b" }, "publish": "Maybe", "schedule": "* * *",
            "streams": [{ "name": "people", "fields": [{ "to": "x", "value": "1", "onNul": "Keep" }] }] } });

        let found = problems("SyncSetting", setting).join("\n");

        assert!(found.contains("spec.publish: must be one of Manual, Automatic"), "{found}");
        assert!(found.contains("spec.streams[0].fields[0].onNul: is not a field here"), "{found}");
    }

    #[test]
    fn rules_below_lists_are_checked_and_defaults_filled_in() {
        let mut setting = json!({ "metadata": { "name": "s" }, "spec": {
            "sourceRef": { "name": "a" }, "targetRef": { "name": "a" }, "schedule": "61 * *",
            "streams": [{ "name": "people", "fields": [{ "to": "x", "value": "1", "from": "y" }] }] } });

        let found: Vec<String> = admit("SyncSetting", &mut setting).iter().map(|one| one.path.clone()).collect();

        assert_eq!(found, ["spec", "spec", "spec.streams[0].fields[0]"]);
        assert_eq!(setting["spec"]["timeZone"], "Etc/UTC");
    }
}
