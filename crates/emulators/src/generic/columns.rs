//! The columns of each stream.

use super::Stream;

/// What values a column takes, besides null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A number.
    Number,
    /// `YYYY-MM-DD`.
    Date,
    /// true or false, and never null.
    Boolean,
    /// The id of a row of another stream, as a text.
    Reference(Stream),
}

/// A column, which every row of its stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// Whether a row must have a value.
    pub required: bool,
}

const fn needed(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: true }
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: false }
}

const PEOPLE: [Column; 13] = [
    needed("name", Kind::Text),
    column("email", Kind::Text),
    column("number", Kind::Text),
    column("login", Kind::Text),
    column("phone", Kind::Text),
    column("department", Kind::Text),
    column("birthDate", Kind::Date),
    column("startDate", Kind::Date),
    column("lastDay", Kind::Date),
    column("nationalNumber", Kind::Text),
    column("salary", Kind::Number),
    column("officerId", Kind::Reference(Stream::Officers)),
    column("active", Kind::Boolean),
];

const PLACEMENTS: [Column; 4] = [
    needed("personId", Kind::Reference(Stream::People)),
    needed("type", Kind::Text),
    column("startDate", Kind::Date),
    column("endDate", Kind::Date),
];

const OFFICERS: [Column; 2] = [needed("name", Kind::Text), column("email", Kind::Text)];

/// The columns of a stream, but for `id`.
pub fn columns(stream: Stream) -> &'static [Column] {
    match stream {
        Stream::People => &PEOPLE,
        Stream::Placements => &PLACEMENTS,
        Stream::Officers => &OFFICERS,
    }
}
