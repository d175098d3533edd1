//! What a record can be looked up by in the target: for runs that do not read the whole target.

use super::mapping::{self, Mapped};
use crate::compile::CompiledSetting;
use crate::model::{Fields, SourceRecord};
use crate::value::as_text;

/// The values of a record's match rules, in order: (field of the target, value). A rule without a value is left out,
/// and so is one whose value is wrong; planning the record says so.
pub fn match_values(setting: &CompiledSetting, stream: &str, record: &SourceRecord) -> Vec<(String, String)> {
    let Some(stream) = setting.stream(stream) else { return Vec::new() };
    let body = record.body.expose();
    let context = stream.view.context(body);
    stream
        .matched_fields()
        .filter_map(|field| match mapping::map(field, body, &context, &setting.formats) {
            Ok(Mapped::Value { value, .. }) => as_text(&value).map(|text| (field.to.clone(), text)),
            _ => None,
        })
        .collect()
}

/// All values that a record is mapped to, whether or not the target has them already: what jobs of type Show show. A
/// reference is the source key of the record it points at. Fields whose value is wrong are left out; planning says so.
pub fn projection(setting: &CompiledSetting, stream: &str, record: &SourceRecord) -> Fields {
    let Some(stream) = setting.stream(stream) else { return Fields::default() };
    let body = record.body.expose();
    let context = stream.view.context(body);
    let values = stream.fields.iter().filter_map(|field| match mapping::map(field, body, &context, &setting.formats) {
        Ok(Mapped::Value { value, .. }) => Some((field.to.clone(), value)),
        _ => None,
    });
    Fields(values.collect())
}

/// What a record that is about to be created with these values can be looked up by.
pub fn match_values_of(setting: &CompiledSetting, stream: &str, fields: &Fields) -> Vec<(String, String)> {
    let on = setting.stream(stream).map(|stream| stream.match_on.as_slice()).unwrap_or_default();
    on.iter()
        .filter_map(|field| Some((field.clone(), as_text(fields.0.get(field)?)?)))
        .filter(|(_, value)| !value.trim().is_empty())
        .collect()
}
