//! What a record is mapped to: for jobs that show it, and for looking a record up before it is created.

use super::keys::{self, Key};
use super::mapping::Mapped;
use super::work::forward;
use crate::compile::CompiledSetting;
use crate::model::{Fields, Row};
use crate::names::FieldName;
use crate::value::as_text;
use rollcall_api::v1alpha1::Normalization;

/// All values that a record of the source is mapped to, whether or not the target has them already: what jobs of type
/// Show show. A reference is the source key of the record it points at. Fields whose value is wrong are left out;
/// planning says so.
pub fn projection(setting: &CompiledSetting, stream: &str, row: &Row) -> Fields {
    let Some(stream) = setting.stream(stream) else { return Fields::new() };
    let mapped = forward(stream, row, &setting.formats, None);
    let values = stream.fields.iter().zip(mapped).filter_map(|(field, mapped)| match mapped {
        Ok(Mapped::Value { value, .. }) => Some((field.to.clone(), value)),
        _ => None,
    });
    values.collect()
}

/// What a record with these values on the target is found by, in the form in which values are compared: one key for each
/// match rule that has a value, with the names of its fields.
pub fn match_keys_of(setting: &CompiledSetting, stream: &str, fields: &Fields) -> Vec<(String, String)> {
    let Some(stream) = setting.stream(stream) else { return Vec::new() };
    let row = Row { id: "".into(), parent: None, active: true, fields: fields.clone().into(), fault: None };
    let keys = stream.match_rules.iter().filter_map(|rule| match keys::of_target(rule, stream, &row) {
        Key::Value(value) => {
            let names = rule.fields.iter().filter_map(|index| stream.fields.get(*index));
            Some((names.map(|field| field.to.as_str()).collect::<Vec<_>>().join("+"), value))
        }
        Key::None | Key::Unknown | Key::Failed(_) => None,
    });
    keys.collect()
}

/// What a record that is about to be created on the target with these values can be looked up by, one for each match
/// rule that a server can be asked by. The flag tells whether every rule that has a value is among them.
pub fn match_values_of(setting: &CompiledSetting, stream: &str, fields: &Fields) -> (Vec<(FieldName, String)>, bool) {
    let Some(stream) = setting.stream(stream) else { return (Vec::new(), false) };
    let mut lookups = Vec::new();
    let mut is_complete = true;
    for rule in &stream.match_rules {
        let values: Option<Vec<(FieldName, String)>> = rule
            .fields
            .iter()
            .map(|index| {
                let field = stream.fields.get(*index)?;
                let text = as_text(fields.get(&field.to)?).filter(|text| !text.trim().is_empty())?;
                Some((field.to.clone(), text))
            })
            .collect();
        match values.as_deref() {
            Some([one]) if rule.normalize == Normalization::None => lookups.push(one.clone()),
            Some(_) => is_complete = false,
            None => {}
        }
    }
    (lookups, is_complete)
}
