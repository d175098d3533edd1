//! The attributes that the emulated server knows, read from `schemas.json`.

use super::TravelPerkOptions;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// URN of the core user schema.
pub const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// URN of the enterprise extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// URN of the vendor's extension.
pub const TRAVELPERK: &str = "urn:ietf:params:scim:schemas:extension:travelperk:2.0:User";

/// An attribute.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// Name.
    pub name: String,
    /// `string`, `boolean`, `reference` or `complex`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the value is a list.
    #[serde(default)]
    pub multi_valued: bool,
    /// Whether it must be there.
    #[serde(default)]
    pub required: bool,
    /// `readOnly`, or absent for `readWrite`.
    #[serde(default)]
    pub mutability: Option<String>,
    /// The only values that are accepted, if there are any.
    #[serde(default)]
    pub canonical_values: Vec<String>,
    /// Parts of a complex value.
    #[serde(default)]
    pub sub_attributes: Vec<Attribute>,
}

impl Attribute {
    /// Whether clients cannot set it.
    pub fn read_only(&self) -> bool {
        self.mutability.as_deref() == Some("readOnly")
    }
}

/// A schema.
#[derive(Clone, Debug, Deserialize)]
pub struct Schema {
    /// URN.
    pub id: String,
    /// Attributes.
    pub attributes: Vec<Attribute>,
}

const SOURCE: &str = include_str!("schemas.json");

static SCHEMAS: LazyLock<Vec<Schema>> = LazyLock::new(|| serde_json::from_str(SOURCE).unwrap_or_default());

/// The core schema and its extensions.
pub fn schemas() -> &'static [Schema] {
    &SCHEMAS
}

/// The attributes of a schema; none if the URN is not known.
pub fn attributes(urn: &str) -> &'static [Attribute] {
    let schema = SCHEMAS.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn));
    schema.map_or(&[], |schema| &schema.attributes)
}

/// Finds an attribute; names do not depend on case.
pub fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// The schemas as the discovery endpoint publishes them, with all defaults written out. The
/// names of the companies are published as the values that `invoiceProfiles` takes.
pub fn published(options: &TravelPerkOptions) -> Vec<Value> {
    let mut schemas: Vec<Value> = serde_json::from_str(SOURCE).unwrap_or_default();
    for schema in &mut schemas {
        let id = schema["id"].as_str().unwrap_or_default().to_owned();
        if let Some(list) = schema["attributes"].as_array_mut() {
            for attribute in list {
                complete(attribute, options);
            }
        }
        schema["schemas"] = json!(["urn:ietf:params:scim:schemas:core:2.0:Schema"]);
        let location = format!("{}/Schemas/{id}", options.location_base);
        schema["meta"] = json!({ "resourceType": "Schema", "location": location });
    }
    schemas
}

fn complete(attribute: &mut Value, options: &TravelPerkOptions) {
    let Some(fields) = attribute.as_object_mut() else {
        return;
    };
    let defaults = [
        ("multiValued", json!(false)),
        ("required", json!(false)),
        ("caseExact", json!(false)),
        ("mutability", json!("readWrite")),
        ("returned", json!("default")),
        ("uniqueness", json!("none")),
    ];
    for (name, value) in defaults {
        fields.entry(name).or_insert(value);
    }
    let name = fields.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if name == "displayName" && !options.manager_display_name {
        fields.insert("returned".to_owned(), json!("request"));
    }
    if let Some(subs) = fields.get_mut("subAttributes").and_then(Value::as_array_mut) {
        for sub in subs {
            complete(sub, options);
            if name == "invoiceProfiles" {
                sub["canonicalValues"] = json!(options.companies);
            }
        }
    }
}

/// Takes a field out of an object, whatever the case of its name.
pub fn take(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let key = object.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    object.remove(&key)
}
