//! Kinds of values in expressions, and which of them a field of a target can take.

use std::fmt;

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
    /// What `type()` gives.
    Type,
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

    /// Whether nothing is known about it that could be wrong.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Unknown | Self::Null)
    }

    /// Whether a value of this kind can become a value of a target's field. `translated`: through a value map.
    pub(crate) const fn fits(self, type_: FieldType, translated: bool) -> bool {
        let is_scalar = matches!(self, Self::Text | Self::Whole | Self::Decimal | Self::Bool);
        match self {
            Self::Unknown | Self::Null => true,
            Self::Map | Self::Duration | Self::Type => false,
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
            Self::Type => "a type",
            Self::Null => "null",
            Self::Unknown => "a value",
        })
    }
}

/// Kinds that a value may have. Any value may be null beside, but one that always is has the kind Null alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u16);

const ALL: [Kind; 11] = [
    Kind::Bool,
    Kind::Whole,
    Kind::Decimal,
    Kind::Text,
    Kind::List,
    Kind::Map,
    Kind::Time,
    Kind::Duration,
    Kind::Type,
    Kind::Null,
    Kind::Unknown,
];

impl Kinds {
    /// One kind.
    pub(crate) const fn only(kind: Kind) -> Self {
        Self(1 << kind as u16)
    }

    /// One of these kinds or one of those. Null is forgotten beside another kind.
    pub(crate) const fn or(self, other: Self) -> Self {
        let null = 1 << Kind::Null as u16;
        let both = self.0 | other.0;
        Self(if both == null { both } else { both & !null })
    }

    /// Whether it may be of a kind.
    pub(crate) const fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    /// Kinds that it may have.
    pub(crate) fn iter(self) -> impl Iterator<Item = Kind> {
        ALL.into_iter().filter(move |kind| self.contains(*kind))
    }

    /// Whether nothing is known about it that could be wrong.
    pub(crate) fn is_open(self) -> bool {
        self.iter().all(Kind::is_open)
    }

    /// Whether it always is null.
    pub(crate) fn is_null(self) -> bool {
        self == Self::only(Kind::Null)
    }

    /// Whether each kind that it may have is one of these.
    pub(crate) fn are_among(self, kinds: &[Kind]) -> bool {
        self.iter().all(|kind| kind.is_open() || kinds.contains(&kind))
    }

    /// Whether a value can become a value of a target's field, whichever kind it has.
    pub(crate) fn fit(self, type_: FieldType, translated: bool) -> bool {
        self.iter().all(|kind| kind.fits(type_, translated))
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds = self.iter();
        match kinds.next() {
            Some(first) => write!(formatter, "{first}")?,
            None => return Kind::Unknown.fmt(formatter),
        }
        kinds.try_for_each(|kind| write!(formatter, " or {kind}"))
    }
}
