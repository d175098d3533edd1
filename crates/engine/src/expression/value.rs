//! Values while an expression is evaluated. Texts and lists of the row are borrowed; what is made is shared, so that a
//! value can be used twice without a copy.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::Offset};
use serde_json::{Number, Value as Json};

use super::budget::{Budget, amount};
use super::failure::Failure;
use crate::definitions::schema::FieldType;
use crate::expression::kinds::Kind;

/// A value of an expression.
#[derive(Clone)]
pub(super) enum Value<'v> {
    Null,
    Bool(bool),
    Whole(i64),
    Decimal(f64),
    Text(Text<'v>),
    List(List<'v>),
    Object(Object<'v>),
    /// An instant, and the offset that it was written with: its year, day and hour are those of the text.
    Time(Timestamp, Offset),
    Duration(SignedDuration),
    Kind(Kind),
}

/// A text of the row or of the expression, or one that was made.
#[derive(Clone)]
pub(super) enum Text<'v> {
    Borrowed(&'v str),
    Made(Arc<str>),
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

/// A list of the row, whose elements are read when they are asked for, or one that was made.
#[derive(Clone)]
pub(super) enum List<'v> {
    Row(&'v [Json], FieldType),
    Made(Arc<[Value<'v>]>),
}

impl<'v> List<'v> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Row(items, _) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<Value<'v>> {
        match self {
            Self::Row(items, type_) => items.get(index).map(|item| Value::of_row(item, *type_)),
            Self::Made(items) => items.get(index).cloned(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Value<'v>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// An object of the row, or one that was made: keys with their values, in order.
#[derive(Clone)]
pub(super) enum Object<'v> {
    Row(&'v serde_json::Map<String, Json>, FieldType),
    Made(Arc<[(Value<'v>, Value<'v>)]>),
}

impl<'v> Object<'v> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Row(entries, _) => entries.len(),
            Self::Made(entries) => entries.len(),
        }
    }

    pub(super) fn keys(&self) -> Box<dyn Iterator<Item = Value<'v>> + '_> {
        match self {
            Self::Row(entries, _) => Box::new(entries.keys().map(|key| Value::Text(Text::Borrowed(key)))),
            Self::Made(entries) => Box::new(entries.iter().map(|(key, _)| key.clone())),
        }
    }

    /// The value of a key; None when there is no such key.
    pub(super) fn get(&self, key: &Value<'v>, budget: &mut Budget) -> Result<Option<Value<'v>>, Failure> {
        match (self, key) {
            (Self::Row(entries, type_), Value::Text(name)) => {
                budget.read(name.as_str().len())?;
                Ok(entries.get(name.as_str()).map(|value| Value::of_row(value, *type_)))
            }
            (Self::Row(..), _) => Ok(None),
            (Self::Made(entries), key) => {
                for (known, value) in entries.iter() {
                    if known.equals(key, budget)? {
                        return Ok(Some(value.clone()));
                    }
                }
                Ok(None)
            }
        }
    }
}

impl<'v> Value<'v> {
    /// A value of a row. A field of type Number is a decimal, also when the source delivers a whole number.
    pub(super) fn of_row(value: &'v Json, type_: FieldType) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::String(text) => Self::Text(Text::Borrowed(text)),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) if type_ != FieldType::Number => Self::Whole(whole),
                (_, Some(number)) => Self::Decimal(number),
                (_, None) => Self::Null,
            },
            Json::Array(items) => Self::List(List::Row(items, type_)),
            Json::Object(entries) => Self::Object(Object::Row(entries, type_)),
        }
    }

    /// A text that was made; its bytes are taken from the budget by whoever makes it, beforehand.
    pub(super) fn made(text: impl Into<Arc<str>>) -> Self {
        Self::Text(Text::Made(text.into()))
    }

    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Whole(_) => Kind::Whole,
            Self::Decimal(_) => Kind::Decimal,
            Self::Text(_) => Kind::Text,
            Self::List(_) => Kind::List,
            Self::Object(_) => Kind::Map,
            Self::Time(..) => Kind::Time,
            Self::Duration(_) => Kind::Duration,
            Self::Kind(_) => Kind::Type,
        }
    }

    /// Whether two values are the same: values of different kinds are not, but for numbers.
    pub(super) fn equals(&self, other: &Self, budget: &mut Budget) -> Result<bool, Failure> {
        budget.step(1)?;
        Ok(match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Whole(_) | Self::Decimal(_), Self::Whole(_) | Self::Decimal(_)) => {
                self.number_order(other) == Some(Ordering::Equal)
            }
            (Self::Text(one), Self::Text(two)) => {
                let (one, two) = (one.as_str(), two.as_str());
                budget.read(one.len().min(two.len()))?;
                one == two
            }
            (Self::List(one), Self::List(two)) => {
                if one.len() != two.len() {
                    return Ok(false);
                }
                for (left, right) in one.iter().zip(two.iter()) {
                    if !left.equals(&right, budget)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Object(one), Self::Object(two)) => {
                if one.len() != two.len() {
                    return Ok(false);
                }
                for key in one.keys() {
                    let (left, right) = (one.get(&key, budget)?, two.get(&key, budget)?);
                    let (Some(left), Some(right)) = (left, right) else { return Ok(false) };
                    if !left.equals(&right, budget)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Time(one, _), Self::Time(two, _)) => one == two,
            (Self::Duration(one), Self::Duration(two)) => one == two,
            (Self::Kind(one), Self::Kind(two)) => one == two,
            _ => false,
        })
    }

    /// Which of two numbers is the greater; None when one is not a number.
    pub(super) fn number_order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(one), Self::Whole(two)) => Some(one.cmp(two)),
            (one, two) => one.as_decimal()?.partial_cmp(&two.as_decimal()?),
        }
    }

    /// A number as a decimal: beyond 2^53 the nearest one, as CEL has it.
    #[expect(clippy::cast_precision_loss, reason = "the nearest decimal is what is wanted")]
    pub(super) const fn as_decimal(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Decimal(number) => Some(*number),
            _ => None,
        }
    }

    /// The value as JSON, its texts taken from the budget.
    pub(super) fn to_json(&self, budget: &mut Budget) -> Result<Json, Failure> {
        budget.step(1)?;
        Ok(match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Whole(number) => Json::from(*number),
            Self::Decimal(number) => Number::from_f64(*number)
                .map(Json::Number)
                .ok_or_else(|| Failure::value("the result is not a finite number"))?,
            Self::Text(text) => {
                budget.text(amount(text.as_str().len()))?;
                Json::String(text.as_str().to_owned())
            }
            Self::List(list) => {
                budget.elements(amount(list.len()))?;
                Json::Array(list.iter().map(|item| item.to_json(budget)).collect::<Result<_, _>>()?)
            }
            Self::Object(object) => {
                budget.elements(amount(object.len()).saturating_mul(2))?;
                let mut entries = serde_json::Map::new();
                for key in object.keys() {
                    let name = key.as_text(budget)?;
                    let value = object.get(&key, budget)?.unwrap_or(Self::Null);
                    entries.insert(name.into_owned(), value.to_json(budget)?);
                }
                Json::Object(entries)
            }
            Self::Time(instant, offset) => Json::String(instant.display_with_offset(*offset).to_string()),
            Self::Duration(_) | Self::Kind(_) => {
                let rule = "the result is neither text, number, true or false, list nor null";
                return Err(Failure::value(rule));
            }
        })
    }

    /// A single value as text, as `string()` writes it.
    pub(super) fn as_text(&self, budget: &mut Budget) -> Result<Cow<'_, str>, Failure> {
        budget.text(match self {
            Self::Text(text) => amount(text.as_str().len()),
            _ => super::budget::SCALAR_TEXT,
        })?;
        Ok(match self {
            Self::Text(text) => Cow::Borrowed(text.as_str()),
            Self::Bool(value) => Cow::Owned(value.to_string()),
            Self::Whole(number) => Cow::Owned(number.to_string()),
            Self::Decimal(number) => Cow::Owned(number.to_string()),
            Self::Time(instant, _) => Cow::Owned(instant.to_string()),
            Self::Duration(duration) => Cow::Owned(super::time::duration_text(*duration)),
            Self::Null | Self::List(_) | Self::Object(_) | Self::Kind(_) => {
                return Err(Failure::value(format!("{} cannot be made a text", self.kind())));
            }
        })
    }
}
