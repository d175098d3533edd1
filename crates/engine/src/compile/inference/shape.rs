//! What is known of a value before there is a record: its kinds and how large it can be.

use crate::definitions::schema::{FieldSchema, FieldType};
use crate::expression::budget::{Cost, SCALAR_TEXT};
use crate::expression::kinds::{Kind, Kinds};

/// Most characters of a text for which the definition gives no limit.
const DEFAULT_CHARACTERS: u64 = 256;
/// Most elements of a list; definitions give no limit.
const DEFAULT_ELEMENTS: u64 = 32;
/// Most characters of a day or an instant, in whatever format.
const TIME_CHARACTERS: u64 = 64;
/// Most bytes of one character in UTF-8.
const BYTES_PER_CHARACTER: u64 = 4;

/// What is known of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shape {
    pub(super) kinds: Kinds,
    /// Most bytes, if it is a text.
    pub(super) bytes: u64,
    /// Most elements, if it is a list or an object.
    pub(super) items: u64,
    /// Most bytes of all elements together, if these are texts.
    pub(super) total: u64,
    /// Its elements, or the values of an object.
    pub(super) element: Option<Box<Shape>>,
    /// The keys of an object.
    pub(super) key: Option<Box<Shape>>,
    /// Path of the object inside the row that it is; empty for the row itself.
    pub(super) part: Option<String>,
}

impl Shape {
    /// A value of one kind that has no size.
    pub(super) fn of(kind: Kind) -> Self {
        Self { kinds: Kinds::only(kind), ..Self::default() }
    }

    /// A value of which nothing is known, after a mistake.
    pub(super) fn unknown() -> Self {
        Self::of(Kind::Unknown)
    }

    /// A text of so many bytes at most.
    pub(super) fn text(bytes: u64) -> Self {
        Self { bytes, ..Self::of(Kind::Text) }
    }

    /// A list of so many elements of one shape at most.
    pub(super) fn list(element: Self, items: u64) -> Self {
        let total = element.bytes.saturating_mul(items);
        Self { items, total, element: Some(Box::new(element)), ..Self::of(Kind::List) }
    }

    /// A list whose elements are parts of one text.
    pub(super) fn parts(bytes: u64, items: u64) -> Self {
        Self { total: bytes, ..Self::list(Self::text(bytes), items) }
    }

    /// An object inside the row, or the row: so many fields or objects, with names of so many bytes.
    pub(super) fn part(path: String, items: u64, longest: u64) -> Self {
        let name = Self::text(longest);
        Self { part: Some(path), items, key: Some(Box::new(name)), ..Self::of(Kind::Map) }
    }

    /// A value of a field.
    pub(super) fn of_field(field: &FieldSchema) -> Self {
        let longest = field.one_of.iter().map(String::len).max().and_then(|length| u64::try_from(length).ok());
        let declared = field.max_length.and_then(|most| u64::try_from(most).ok());
        let characters = declared.unwrap_or(match field.type_ {
            FieldType::Date | FieldType::Timestamp => TIME_CHARACTERS,
            _ => DEFAULT_CHARACTERS,
        });
        let text = Self::text(longest.unwrap_or(characters.saturating_mul(BYTES_PER_CHARACTER)));
        match Kind::of_field(field.type_) {
            Kind::Text => text,
            Kind::List => Self::list(text, DEFAULT_ELEMENTS),
            kind => Self::of(kind),
        }
    }

    /// What is known of a value that has the one shape or the other.
    pub(super) fn or(self, other: Self) -> Self {
        let join = |one: Option<Box<Self>>, two: Option<Box<Self>>| match (one, two) {
            (Some(one), Some(two)) => Some(Box::new(one.or(*two))),
            (one, two) => one.or(two),
        };
        Self {
            kinds: self.kinds.or(other.kinds),
            bytes: self.bytes.max(other.bytes),
            items: self.items.max(other.items),
            total: self.total.max(other.total),
            element: join(self.element, other.element),
            key: join(self.key, other.key),
            part: self.part.filter(|part| other.part.as_ref() == Some(part)),
        }
    }

    /// Any one element, or any value of an object. Of an empty list nothing is known.
    pub(super) fn any_element(&self) -> Self {
        self.element.as_deref().cloned().unwrap_or_default()
    }

    /// An element as it is on average. What is done with each costs as much as doing it so many times with this one.
    pub(super) fn average_element(&self) -> Self {
        let mut element = self.any_element();
        if self.items > 0 {
            element.bytes = element.bytes.min(self.total.div_ceil(self.items));
        }
        element
    }

    /// Any key of an object.
    pub(super) fn any_key(&self) -> Self {
        self.key.as_deref().cloned().unwrap_or_default()
    }

    /// Adds what it costs to compare all of the value with another.
    pub(super) fn compare(&self, cost: &mut Cost) {
        cost.step(1);
        cost.read(self.bytes);
        let mut each = Cost::default();
        if let Some(element) = &self.element {
            element.compare(&mut each);
        }
        if let Some(key) = &self.key {
            let mut one = Cost::default();
            key.compare(&mut one);
            each.repeat(one, self.items.saturating_mul(2));
        }
        cost.repeat(each, self.items);
    }

    /// Adds what it costs to look a key up.
    pub(super) fn look_up(&self, key: &Self, cost: &mut Cost) {
        let mut one = Cost::default();
        key.compare(&mut one);
        cost.repeat(one, self.items.max(1));
    }

    /// Adds what it costs to give the value as a result.
    pub(super) fn give(&self, cost: &mut Cost) {
        cost.step(1);
        cost.text(self.bytes.max(SCALAR_TEXT));
        cost.elements(self.items.saturating_mul(2));
        let mut each = Cost::default();
        if self.element.is_some() {
            self.average_element().give(&mut each);
        }
        if let Some(key) = &self.key {
            cost.text(key.bytes.max(SCALAR_TEXT));
            self.look_up(key, &mut each);
        }
        cost.repeat(each, self.items);
    }
}
