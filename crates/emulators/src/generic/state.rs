//! The rows of the invented system, and what can happen to them behind its API.

use super::columns::{Kind, columns};
use super::{Dependents, GenericOptions};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// A kind of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// People.
    People,
    /// What people do here, several per person.
    Placements,
    /// Those who look after people.
    Officers,
}

impl Stream {
    /// All streams.
    pub const ALL: [Self; 3] = [Self::People, Self::Placements, Self::Officers];

    /// Name in paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Placements => "placements",
            Self::Officers => "officers",
        }
    }

    /// The stream of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.name() == name)
    }
}

#[derive(Debug, Default)]
struct Table {
    rows: BTreeMap<u64, Value>,
    last_id: Option<u64>,
}

/// A change that waits for a page to be served.
struct Disturbance {
    stream: Stream,
    pages_left: u64,
    change: Box<dyn FnOnce(&mut GenericState) + Send>,
}

impl fmt::Debug for Disturbance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a change after {} pages of {}", self.pages_left, self.stream.name())
    }
}

/// Rows and settings. What is done here is done by hand, past the checks of the API.
#[derive(Debug)]
pub struct GenericState {
    /// The settings; a change takes effect at the next request.
    pub options: GenericOptions,
    tables: [Table; 3],
    disturbances: Vec<Disturbance>,
}

impl GenericState {
    pub(super) fn new(options: GenericOptions) -> Self {
        Self { options, tables: Default::default(), disturbances: Vec::new() }
    }

    fn table(&self, stream: Stream) -> &Table {
        &self.tables[stream as usize]
    }

    fn table_mut(&mut self, stream: Stream) -> &mut Table {
        &mut self.tables[stream as usize]
    }

    /// All rows of a stream by ascending id.
    pub fn rows(&self, stream: Stream) -> impl DoubleEndedIterator<Item = (u64, &Value)> {
        self.table(stream).rows.iter().map(|(id, row)| (*id, row))
    }

    /// The row with this id.
    pub fn row(&self, stream: Stream, id: u64) -> Option<&Value> {
        self.table(stream).rows.get(&id)
    }

    /// Rows with this e-mail address, whatever its case.
    pub fn by_email(&self, stream: Stream, email: &str) -> Vec<(u64, &Value)> {
        let email = email.to_lowercase();
        let own = |row: &Value| row["email"].as_str().map(str::to_lowercase);
        self.rows(stream).filter(|(_, row)| own(row).is_some_and(|own| own == email)).collect()
    }

    /// Adds a row under the next id, which is given back. An object gets its id and, with null,
    /// the columns that it lacks; `active` becomes true. Anything else is kept as it is.
    pub fn insert(&mut self, stream: Stream, row: Value) -> u64 {
        let first = self.options.first_id;
        let id = self.table(stream).last_id.map_or(first, |last| last + 1);
        self.insert_as(stream, id, row);
        id
    }

    /// The same under an id of the caller's choice, in place of the row that has it.
    pub fn insert_as(&mut self, stream: Stream, id: u64, row: Value) {
        let table = self.table_mut(stream);
        table.last_id = table.last_id.max(Some(id));
        table.rows.insert(id, completed(stream, id, row));
    }

    /// Changes a row as it is kept and delivered: any JSON may be put into its place or into its
    /// fields, and fields may be taken out.
    pub fn edit(&mut self, stream: Stream, id: u64, change: impl FnOnce(&mut Value)) -> bool {
        self.table_mut(stream).rows.get_mut(&id).map(change).is_some()
    }

    /// Sets one field of a row to whatever JSON; false when there is no such row or it is no object.
    pub fn set(&mut self, stream: Stream, id: u64, field: &str, value: Value) -> bool {
        let row = self.table_mut(stream).rows.get_mut(&id).and_then(Value::as_object_mut);
        row.map(|row| row.insert(field.to_owned(), value)).is_some()
    }

    /// Exchanges the values of a field between two rows.
    pub fn swap(&mut self, stream: Stream, field: &str, one: u64, other: u64) -> bool {
        let value = |id| self.row(stream, id).map(|row| row[field].clone());
        let (Some(first), Some(second)) = (value(one), value(other)) else {
            return false;
        };
        self.set(stream, one, field, second) && self.set(stream, other, field, first)
    }

    /// Removes a row and what depends on it, whatever the settings say.
    pub fn remove(&mut self, stream: Stream, id: u64) -> bool {
        for (other, column, row) in self.referring(stream, id) {
            if other == Stream::Placements {
                self.table_mut(other).rows.remove(&row);
            } else {
                self.set(other, row, column, Value::Null);
            }
        }
        self.table_mut(stream).rows.remove(&id).is_some()
    }

    /// Gives a row another id, which nobody may have yet; references to it follow.
    pub fn change_id(&mut self, stream: Stream, from: u64, to: u64) -> bool {
        if self.row(stream, to).is_some() || self.row(stream, from).is_none() {
            return false;
        }
        for (other, column, row) in self.referring(stream, from) {
            self.set(other, row, column, json!(to.to_string()));
        }
        let Some(row) = self.table_mut(stream).rows.remove(&from) else {
            return false;
        };
        self.insert_as(stream, to, row);
        self.set(stream, to, "id", json!(to.to_string()));
        true
    }

    /// Whether a row may be deleted as the settings are.
    pub(super) fn may_delete(&self, stream: Stream, id: u64) -> bool {
        self.options.dependents == Dependents::FollowAlong || self.referring(stream, id).is_empty()
    }

    /// Rows that refer to a row: stream, column, id.
    fn referring(&self, stream: Stream, id: u64) -> Vec<(Stream, &'static str, u64)> {
        let id = json!(id.to_string());
        let mut found = Vec::new();
        for other in Stream::ALL {
            let references = columns(other).iter().filter(|column| column.kind == Kind::Reference(stream));
            for column in references {
                let rows = self.rows(other).filter(|(_, row)| row[column.name] == id);
                found.extend(rows.map(|(row, _)| (other, column.name, row)));
            }
        }
        found
    }

    /// Makes a change right after so many more pages of a list have been served, counted from 1:
    /// for rows that come and go while a list is read.
    pub fn after_pages(&mut self, stream: Stream, pages: u64, change: impl FnOnce(&mut Self) + Send + 'static) {
        self.disturbances.push(Disturbance { stream, pages_left: pages, change: Box::new(change) });
    }

    /// Inserts a row and deletes another after so many more pages, which leaves every total intact.
    pub fn exchange_after_pages(&mut self, stream: Stream, pages: u64, insert: Value, delete: u64) {
        self.after_pages(stream, pages, move |state| {
            state.insert(stream, insert);
            state.remove(stream, delete);
        });
    }

    /// Counts a page of a list and makes the changes that waited for it.
    pub(super) fn page_served(&mut self, stream: Stream) {
        let mut due = Vec::new();
        for mut waiting in std::mem::take(&mut self.disturbances) {
            if waiting.stream == stream {
                waiting.pages_left = waiting.pages_left.saturating_sub(1);
            }
            if waiting.pages_left == 0 { due.push(waiting) } else { self.disturbances.push(waiting) }
        }
        for waiting in due {
            (waiting.change)(self);
        }
    }

    /// A row as it is delivered.
    pub(super) fn delivered(&self, row: &Value) -> Value {
        let mut row = row.clone();
        if let Some(fields) = row.as_object_mut() {
            fields.retain(|name, _| !self.options.omit_fields.contains(name));
        }
        row
    }

    /// Everything that is kept, by stream and id, with the fields of each row by name: equal states
    /// give equal texts.
    pub fn snapshot(&self) -> Value {
        let streams = Stream::ALL.into_iter().map(|stream| {
            let rows = self.rows(stream).map(|(_, row)| ordered(row)).collect();
            (stream.name().to_owned(), Value::Array(rows))
        });
        let streams: BTreeMap<String, Value> = streams.collect();
        Value::Object(streams.into_iter().collect())
    }
}

fn completed(stream: Stream, id: u64, row: Value) -> Value {
    let Value::Object(given) = row else {
        return row;
    };
    let mut fields = Map::new();
    fields.insert("id".to_owned(), json!(id.to_string()));
    for column in columns(stream) {
        let value = if column.kind == Kind::Boolean { json!(true) } else { Value::Null };
        fields.insert(column.name.to_owned(), value);
    }
    fields.extend(given);
    Value::Object(fields)
}

/// The same value with the names of every object in order.
fn ordered(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> = fields.iter().map(|(name, value)| (name, ordered(value))).collect();
            Value::Object(fields.into_iter().map(|(name, value)| (name.clone(), value)).collect())
        }
        Value::Array(items) => items.iter().map(ordered).collect(),
        other => other.clone(),
    }
}
