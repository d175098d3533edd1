//! Kinds of values in expressions, and which of them a field of a target can take.

use std::fmt;

use serde_json::Value;

use crate::definitions::schema::FieldType;

/// Kind of an expression's value, as far as it can be told without a record. Any of them may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Whole,
    Decimal,
    Text,
    List,
    Map,
    Time,
    Duration,
    Null,
    /// Cannot be told.
    Unknown,
}

impl Kind {
    /// Kind that the values of a field have in expressions.
    pub(crate) const fn of_field(type_: FieldType) -> Self {
        match type_ {
            FieldType::Text | FieldType::Date | FieldType::Timestamp | FieldType::Reference => Self::Text,
            FieldType::Integer => Self::Whole,
            FieldType::Number => Self::Decimal,
            FieldType::Boolean => Self::Bool,
            FieldType::TextList => Self::List,
        }
    }

    /// Kind of a result.
    pub(crate) fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_f64() => Self::Decimal,
            Value::Number(_) => Self::Whole,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Map,
        }
    }

    /// Whether nothing is known about it that could be wrong.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Unknown | Self::Null)
    }

    /// What is known of a value that is one or the other.
    pub(crate) fn join(self, other: Self) -> Self {
        match (self, other) {
            (one, two) if one == two => one,
            (Self::Null, known) | (known, Self::Null) => known,
            _ => Self::Unknown,
        }
    }

    /// Whether a value of this kind can become a value of a target's field. `translated`: through a value map.
    pub(crate) const fn fits(self, type_: FieldType, translated: bool) -> bool {
        let is_scalar = matches!(self, Self::Text | Self::Whole | Self::Decimal | Self::Bool);
        match self {
            Self::Unknown | Self::Null => true,
            Self::Map | Self::Duration => false,
            _ if translated => is_scalar,
            _ => match type_ {
                FieldType::Text => matches!(self, Self::Text | Self::Whole | Self::Decimal | Self::Time),
                FieldType::Integer | FieldType::Number => matches!(self, Self::Text | Self::Whole | Self::Decimal),
                FieldType::Boolean => matches!(self, Self::Text | Self::Bool),
                FieldType::Date | FieldType::Timestamp => matches!(self, Self::Text | Self::Time),
                FieldType::Reference => matches!(self, Self::Text),
                FieldType::TextList => matches!(self, Self::List | Self::Text),
            },
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bool => "true or false",
            Self::Whole => "a whole number",
            Self::Decimal => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Map => "an object",
            Self::Time => "a timestamp",
            Self::Duration => "a duration",
            Self::Null => "null",
            Self::Unknown => "a value",
        })
    }
}
