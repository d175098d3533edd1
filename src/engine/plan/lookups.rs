//! What a record can be looked up by in the target: for runs that do not read the whole target.

use super::mapping::{self, Mapped};
use crate::engine::compile::CompiledSetting;
use crate::engine::model::{Fields, SourceRecord};
use crate::engine::value::as_text;

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

/// The same for a record that is about to be created with these values.
pub fn match_values_of(setting: &CompiledSetting, stream: &str, fields: &Fields) -> Vec<(String, String)> {
    let on = setting.stream(stream).map(|stream| stream.match_on.as_slice()).unwrap_or_default();
    on.iter()
        .filter_map(|field| Some((field.clone(), as_text(fields.0.get(field)?)?)))
        .filter(|(_, value)| !value.trim().is_empty())
        .collect()
}
