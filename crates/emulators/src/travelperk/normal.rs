//! Brings the attributes of a user into their stored form, or says what is wrong with them.

use super::schema::{self, Attribute};
use super::scim_error::ScimError;
use serde_json::{Map, Value, json};

type Fields = Map<String, Value>;

/// What the checks need to know about the tenant.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Names of the companies.
    pub companies: &'a [String],
    /// The company of everybody whose company is not known.
    pub default_company: &'a str,
}

/// Known attributes under their proper names; unknown and read-only ones are dropped, as is
/// everything empty.
pub fn normalise(mut input: Fields, rules: Rules<'_>) -> Result<Fields, ScimError> {
    let mut user = Fields::new();
    if let Some(Value::String(id)) = schema::take(&mut input, "externalId") {
        user.insert("externalId".to_owned(), Value::String(id));
    }
    for schema in schema::schemas() {
        if schema.id == schema::CORE {
            user.extend(known(&schema.attributes, &mut input)?);
        } else if let Some(Value::Object(mut given)) = schema::take(&mut input, &schema.id) {
            let extension = known(&schema.attributes, &mut given)?;
            if !extension.is_empty() {
                user.insert(schema.id.clone(), Value::Object(extension));
            }
        }
    }
    if let Some(traveller) = user.get_mut(schema::TRAVELPERK).and_then(Value::as_object_mut) {
        travel(traveller, rules)?;
    }
    Ok(user)
}

fn invalid(detail: impl Into<String>) -> ScimError {
    ScimError::bad("invalidValue", detail)
}

fn known(attributes: &[Attribute], input: &mut Fields) -> Result<Fields, ScimError> {
    let mut output = Fields::new();
    for attribute in attributes {
        let given = schema::take(input, &attribute.name).filter(|value| !value.is_null());
        let given = given.filter(|_| !attribute.read_only());
        let value = match given {
            None => None,
            Some(value) if attribute.multi_valued => many(attribute, value)?,
            Some(value) => Some(one(attribute, value)?),
        };
        let empty = value.as_ref().is_none_or(|value| value == "" || *value == json!({}));
        if attribute.required && empty {
            return Err(invalid(format!("{} is required", attribute.name)));
        }
        if let Some(value) = value.filter(|value| *value != json!({})) {
            output.insert(attribute.name.clone(), value);
        }
    }
    Ok(output)
}

fn many(attribute: &Attribute, value: Value) -> Result<Option<Value>, ScimError> {
    let Value::Array(items) = value else {
        return Err(invalid(format!("{} must be a list", attribute.name)));
    };
    let items: Result<Vec<_>, _> = items.into_iter().map(|item| one(attribute, item)).collect();
    Ok(Some(items?).filter(|items| !items.is_empty()).map(Value::Array))
}

fn one(attribute: &Attribute, value: Value) -> Result<Value, ScimError> {
    let name = &attribute.name;
    match (attribute.kind.as_str(), value) {
        ("complex", Value::Object(mut fields)) => known(&attribute.sub_attributes, &mut fields).map(Value::Object),
        ("boolean", Value::Bool(value)) => Ok(json!(value)),
        // Entra sends "False" unless a flag is set.
        ("boolean", Value::String(text)) => match text.to_lowercase().as_str() {
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            _ => Err(invalid(format!("{name} must be true or false"))),
        },
        ("string" | "reference", Value::String(text)) => {
            let allowed = &attribute.canonical_values;
            if allowed.is_empty() || allowed.contains(&text) {
                Ok(Value::String(text))
            } else {
                Err(invalid(format!("{name} must be one of {}", allowed.join(", "))))
            }
        }
        (kind, _) => Err(invalid(format!("{name} must be of type {kind}"))),
    }
}

fn travel(fields: &mut Fields, rules: Rules<'_>) -> Result<(), ScimError> {
    if let Some(Value::String(day)) = fields.get_mut("dateOfBirth") {
        // Clients send slashes as well; dashes come back.
        let dashed = day.replace('/', "-");
        let parsed: Result<jiff::civil::Date, _> = dashed.parse();
        if dashed.len() != 10 || parsed.is_err() {
            return Err(invalid("dateOfBirth must be YYYY-MM-DD"));
        }
        *day = dashed;
    }
    // A company matches only when its name is the same to the letter; everybody else lands in
    // the default company, without an error.
    let profiles = fields.get_mut("invoiceProfiles").and_then(Value::as_array_mut);
    for profile in profiles.into_iter().flatten() {
        let name = profile["value"].as_str().unwrap_or_default();
        if !rules.companies.iter().any(|company| company == name) {
            profile["value"] = json!(rules.default_company);
        }
    }
    Ok(())
}
