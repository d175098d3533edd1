//! The admission table: objects that are wrong (and a few that are not), and who has to say so. One table for two tests:
//! against a real API server with an operator, and against the checks that local runs use.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

const FILES: [&str; 5] = [
    include_str!("providers.yaml"),
    include_str!("settings.yaml"),
    include_str!("mappings.yaml"),
    include_str!("jobs.yaml"),
    include_str!("approvals.yaml"),
];

/// Rows about one kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub kind: String,
    base: Value,
    pub rows: Vec<Row>,
}

/// One object, and what becomes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What is wrong with it.
    pub name: String,
    #[serde(flatten)]
    change: Change,
    /// A list that is too long to be written out.
    fill: Option<Fill>,
    /// What is changed once the object exists.
    pub then: Option<Change>,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Why the check of local runs cannot say it.
    pub local: Option<String>,
}

/// Fields that are set or removed, by JSON pointer; `-` at the end of one appends to a list.
#[derive(Debug, Default, Deserialize)]
pub struct Change {
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    unset: Vec<String>,
}

/// `count` items in the list `at`; `#` stands for the number of the item.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fill {
    at: String,
    count: usize,
    item: Value,
}

/// Who has to say what.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Nothing is wrong.
    Accepted(bool),
    /// The API server refuses it, with a message that contains this text.
    Refused(String),
    /// The operator finds that somebody has to correct the spec.
    Stalled(Finding),
    /// The same with reason MappingInvalid and a message that contains this text.
    Mapping(String),
    /// The operator waits for something that does not exist yet.
    Pending(Finding),
    /// The job ends at once.
    Ended(Finding),
}

/// What a condition has to say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    pub reason: String,
    pub message: String,
}

/// All rows.
pub fn tables() -> Vec<Table> {
    FILES.iter().map(|text| serde_yaml_ng::from_str(text).unwrap()).collect()
}

/// Objects that the rows refer to.
pub fn fixtures() -> Vec<Value> {
    serde_yaml_ng::from_str(include_str!("fixtures.yaml")).unwrap()
}

impl Table {
    /// The object of a row, before `then`.
    pub fn object(&self, row: &Row, name: &str) -> Value {
        let mut object =
            json!({ "apiVersion": "rollcall.dev/v1alpha1", "kind": self.kind, "metadata": { "name": name } });
        object["spec"] = self.base["spec"].clone();
        row.change.apply(&mut object);
        if let Some(fill) = &row.fill {
            let items: Vec<Value> = (0..fill.count).map(|index| numbered(&fill.item, index)).collect();
            set(&mut object, &fill.at, &items.into());
        }
        object
    }
}

impl Change {
    /// Makes the change.
    pub fn apply(&self, object: &mut Value) {
        for path in &self.unset {
            let (parent, last) = split(path);
            match object.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {path}")) {
                Value::Object(fields) => drop(fields.remove(last).unwrap_or_else(|| panic!("there is no {path}"))),
                Value::Array(items) => drop(items.remove(last.parse().unwrap())),
                other => panic!("{path} is in {other}"),
            }
        }
        for (path, value) in &self.set {
            set(object, path, value);
        }
    }

    /// The same as a JSON patch (RFC 6902).
    pub fn json_patch(&self) -> Value {
        let removed = self.unset.iter().map(|path| json!({ "op": "remove", "path": path }));
        let added = self.set.iter().map(|(path, value)| json!({ "op": "add", "path": path, "value": value }));
        removed.chain(added).collect()
    }
}

fn set(object: &mut Value, path: &str, value: &Value) {
    let (parent, last) = split(path);
    match object.pointer_mut(parent).unwrap_or_else(|| panic!("there is no {parent}")) {
        Value::Object(fields) => drop(fields.insert(last.to_owned(), value.clone())),
        Value::Array(items) if last == "-" => items.push(value.clone()),
        Value::Array(items) => items[last.parse::<usize>().unwrap()] = value.clone(),
        other => panic!("{path} is in {other}"),
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap()
}

fn numbered(item: &Value, index: usize) -> Value {
    serde_json::from_str(&item.to_string().replace('#', &index.to_string())).unwrap()
}
