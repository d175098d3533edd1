//! The checks of a write, and what the system makes of the values.

use super::columns::{Column, Kind, columns};
use super::refusal::Refusal;
use super::{GenericState, Stream};
use jiff::civil::Date;
use serde_json::{Map, Value};

impl GenericState {
    /// Checks the fields that a request gives and brings them into the form in which they are kept.
    /// `own` is the row that is changed; None for a new one. Fields that the request does not give
    /// are not looked at, so that a malformed one does not get in the way of the others.
    pub(super) fn checked(
        &self,
        stream: Stream,
        mut given: Map<String, Value>,
        own: Option<u64>,
    ) -> Result<Map<String, Value>, Refusal> {
        if given.contains_key("id") {
            return Err(Refusal::invalid("id is given by the system and never changes"));
        }
        for column in columns(stream) {
            match given.get(column.name) {
                Some(value) => self.check(column, value)?,
                None if column.required && own.is_none() => {
                    return Err(Refusal::invalid(format!("{} is required", column.name)));
                }
                None => {}
            }
        }
        if self.options.normalises {
            normalise(&mut given);
        }
        if let Some(email) = given.get("email").and_then(Value::as_str) {
            self.check_unique(stream, email, own)?;
        }
        Ok(given)
    }

    fn check(&self, column: &Column, value: &Value) -> Result<(), Refusal> {
        let fits = match (column.kind, value) {
            (Kind::Boolean, value) => value.is_boolean(),
            (_, Value::Null) => !column.required,
            (Kind::Text, value) => value.is_string(),
            (Kind::Number, value) => value.is_number(),
            (Kind::Date, value) => value.as_str().is_some_and(|text| text.parse::<Date>().is_ok()),
            (Kind::Reference(stream), value) => {
                let id = value.as_str().and_then(|text| text.parse().ok());
                id.is_some_and(|id| self.row(stream, id).is_some())
            }
        };
        if fits {
            return Ok(());
        }
        let rule = match column.kind {
            Kind::Text => "a text".to_owned(),
            Kind::Number => "a number".to_owned(),
            Kind::Date => "a date like 2026-01-31".to_owned(),
            Kind::Boolean => "true or false".to_owned(),
            Kind::Reference(stream) => format!("the id of one of the {}", stream.name()),
        };
        Err(Refusal::invalid(format!("{} must be {rule}, not {value}", column.name)))
    }

    fn check_unique(&self, stream: Stream, email: &str, own: Option<u64>) -> Result<(), Refusal> {
        let taken = self.by_email(stream, email).into_iter().find(|(id, _)| Some(*id) != own);
        match taken.filter(|_| self.options.unique_email) {
            Some((id, _)) => Err(Refusal::conflict("duplicate", format!("{email} belongs to {id} already"))),
            None => Ok(()),
        }
    }
}

fn normalise(given: &mut Map<String, Value>) {
    for (name, value) in given.iter_mut() {
        if let Value::String(text) = value {
            let trimmed = text.trim();
            *text = if name == "name" { trimmed.to_uppercase() } else { trimmed.to_owned() };
        }
    }
}
